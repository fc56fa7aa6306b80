"""The views tell the same of an order, in ClickHouse and in Redis, whatever order facts come in.

Facts are made by the book's own machine. Redis is played by a dict and the rule of `views.FOLD`;
`test_folds.py` runs the script itself.
"""

import itertools
import json
import random
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import chdb.session
import pytest

from jobs import rows
from jobs.contract import statements
from schemas import generate, names, views
from tests.builders import ALICE, BOB, BOOK, amend, ask, bid, cancel, named, tick, withdraw
from udfs.machine import Fact
from udfs.matching import MACHINE
from udfs.money import average_usd

DAY_MS = 24 * 3600 * 1000
T0 = 1_800_000_000_000
FACT = dict[str, Any]


class Market:
    """A book and the facts that it told, with the time of the next command."""

    def __init__(self) -> None:
        self.book = MACHINE.empty(BOOK)
        self.at_ms = T0
        self.facts: list[Fact] = []

    def does(self, *commands: Any, later_ms: int = 1) -> "Market":
        for each in commands:
            self.at_ms += later_ms
            self.facts += MACHINE.apply(self.book, each, self.at_ms).facts
        return self

    def refused_by_account(
        self, account_id: str, key: str, code: str = "LIMIT_NOTIONAL"
    ) -> "Market":
        self.at_ms += 1
        fact = {
            "event_id": f"{account_id}:{self.at_ms}",
            "book_id": None,
            "book_seq": None,
            "account_seq": self.at_ms,
            "occurred_at_ms": self.at_ms,
            "command": "place_order",
            "command_id": "",
            "order_id": named(account_id, key),
            "account_id": account_id,
            "code": code,
            "detail": f"told at {self.at_ms}",
        }
        self.facts.append(Fact("order_rejected", fact))
        return self


class ClickHouse:
    """The engine with the tables and views of ddl.sql."""

    def __init__(self, folder: Path) -> None:
        self.session = chdb.session.Session(str(folder))
        for statement in statements(generate.ddl_source()):
            self.session.query(statement)

    def ask(self, sql: str) -> list[dict[str, Any]]:
        text = self.session.query(sql, "JSONEachRow").bytes().decode()
        return [json.loads(line) for line in text.splitlines()]

    def clear(self) -> None:
        for table in rows.tables().values():
            self.session.query(f"TRUNCATE TABLE {table}")

    def insert(self, facts: Iterable[Fact]) -> None:
        by_kind = itertools.groupby(sorted(facts, key=lambda fact: fact.kind), lambda f: f.kind)
        for kind, group in by_kind:
            table = rows.tables()[names.FACT_TOPICS[kind]]
            lines = "\n".join(json.dumps(fact.record) for fact in group)
            self.session.query(f"INSERT INTO {table} FORMAT JSONEachRow\n{lines}")

    def orders(self, where: str = "1") -> dict[str, dict[str, Any]]:
        found = self.ask(
            "SELECT * REPLACE (toString(avg_price) AS avg_price, toString(price) AS price) "
            f"FROM orders WHERE {where} SETTINGS output_format_json_quote_64bit_integers = 0"
        )
        return {row["order_id"]: row for row in found}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    engine = ClickHouse(tmp_path_factory.mktemp("chdb"))
    yield engine
    engine.session.close()


@pytest.fixture
def clickhouse(engine: ClickHouse) -> ClickHouse:
    engine.clear()
    return engine


def redis_rows(facts: Iterable[Fact]) -> dict[str, dict[str, str]]:
    """What Redis holds after these facts, by the rule of `views.FOLD`."""
    held: dict[str, dict[str, str]] = {}
    for kind, record in facts:
        for fold in rows.folds(names.FACT_TOPICS[kind], record):
            row = held.setdefault(fold.key, {})
            if fold.stamp > row.get(fold.group, ""):
                if fold.group == "creation" and row.get("creation"):
                    row.pop("digest", None)
                    row.pop("created_at_ms", None)
                row.update({fold.group: fold.stamp, **fold.fields})
    return held


def redis_orders(facts: Iterable[Fact]) -> dict[str, views.Order]:
    found = [views.read_order(row) for key, row in redis_rows(facts).items() if "order:" in key]
    return {order["order_id"]: order for order in found if order}


def as_order(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the view `orders` with the names of `views.Order`."""
    same = {name: row[name] for name in views.Order.__annotations__ if name in row}
    return {**same, "side": row["type"]}


def scenario() -> Market:
    """Orders that meet everything that can become of one; ids are named after it."""
    market = Market().does(
        bid(ALICE, "pending", 8, 1_000_000),
        ask(BOB, "filled in parts", 10, 2_000_000),
        bid(ALICE, "filled", 4, 2_000_100),
        ask(BOB, "cancelled", 5, 9_000_000),
        bid(ALICE, "takes some", 2, 9_000_000, self_trade="cancel_oldest"),
        cancel(BOB, "cancelled"),
        bid(ALICE, "expired", 3, 1_000_000, expires_at_ms=T0 + 1000),
        bid(ALICE, "ioc", 3, 1_000_000, time_in_force="IOC"),
        bid(ALICE, "fok", 300, 3_000_000, time_in_force="FOK"),
        bid(ALICE, "post only", 1, 9_000_000, post_only=True),
        ask(BOB, "lost", 4, 8_000_000),
        withdraw(BOB, "lost", 1),
        withdraw(BOB, "lost", 9),
        bid(ALICE, "amended", 4, 900_000),
        amend(ALICE, "amended", quantity=9),
        amend(ALICE, "amended", price_micros=800_000),
        amend(ALICE, "amended"),
        cancel(ALICE, "nothing"),
        bid(ALICE, "pending", 1, 700_000),
    )
    market.refused_by_account(ALICE, "refused")
    market.refused_by_account(ALICE, "pending", "ORDER_KEY_REUSED")
    market.refused_by_account(ALICE, "tried twice").does(bid(ALICE, "tried twice", 2, 600_000))
    market.does(bid(ALICE, "again", 6, 2_500_000), tick(), cancel(ALICE, "again"))
    market.does(bid(ALICE, "again", 3, 500_000), later_ms=25 * DAY_MS // 24)
    market.does(bid(BOB, "refused later", 3, 500_000), cancel(BOB, "refused later"))
    market.at_ms += 2 * DAY_MS
    return market.refused_by_account(BOB, "refused later").does(tick())


EXPECTED = {
    "pending": ("pending", 0, 8, ""),
    "filled in parts": ("filled", 10, 0, ""),
    "filled": ("filled", 4, 0, ""),
    "cancelled": ("cancelled", 0, 0, "user"),
    "takes some": ("filled", 2, 0, ""),
    "expired": ("cancelled", 0, 0, "expired"),
    "ioc": ("cancelled", 0, 0, "ioc"),
    "fok": ("cancelled", 0, 0, "fok"),
    "post only": ("rejected", 0, 0, ""),
    "lost": ("cancelled", 0, 0, "capacity_lost"),
    "amended": ("pending", 0, 9, ""),
    "refused": ("rejected", 0, 0, ""),
    "tried twice": ("pending", 0, 2, ""),
    "again": ("pending", 0, 3, ""),
    "refused later": ("rejected", 0, 0, ""),
}
PLACED_BY_BOB = {"filled in parts", "cancelled", "lost", "refused later"}


def test_each_order_is_told_as_the_rules_say(clickhouse: ClickHouse) -> None:
    facts = scenario().facts
    clickhouse.insert(facts)
    told, now = clickhouse.orders(), redis_orders(facts)
    for key, expected in EXPECTED.items():
        order_id = named(BOB if key in PLACED_BY_BOB else ALICE, key)
        for order in (told[order_id], now[order_id]):
            seen = (order["status"], order["filled_quantity"], order["remaining"], order["reason"])
            assert seen == expected, key
    assert len(told) == len(now) == len(EXPECTED)


def test_o2_an_order_whose_key_was_used_again_is_told_anew(clickhouse: ClickHouse) -> None:
    facts = scenario().facts
    clickhouse.insert(facts)
    for order in (
        clickhouse.orders()[named(ALICE, "again")],
        redis_orders(facts)[named(ALICE, "again")],
    ):
        assert (order["quantity"], order["price_micros"], order["filled_value_micros"]) == (
            3,
            500_000,
            0,
        )
    for order in (clickhouse.orders(), redis_orders(facts)):
        refused = order[named(BOB, "refused later")]
        assert (refused["code"], refused["quantity"], refused["book_id"]) == (
            "LIMIT_NOTIONAL",
            0,
            "",
        )


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_facts_with_repeats_tells_the_same(clickhouse: ClickHouse, seed: int) -> None:
    facts = scenario().facts
    expected = redis_orders(facts)
    chance = random.Random(seed)
    mixed = chance.sample(facts, len(facts)) + chance.sample(facts, len(facts) // 2)
    assert redis_orders(mixed) == expected
    for start in range(0, len(mixed), 7):
        clickhouse.insert(mixed[start : start + 7])
    assert {key: as_order(row) for key, row in clickhouse.orders().items()} == expected


@pytest.mark.parametrize("seed", range(3))
def test_random_streams_are_told_alike_with_any_part_of_their_facts(
    clickhouse: ClickHouse, seed: int
) -> None:
    chance = random.Random(seed)
    facts = random_market(chance).facts
    some = chance.sample(facts, len(facts) * 2 // 3)
    clickhouse.insert(some)
    told = {key: as_order(row) for key, row in clickhouse.orders().items()}
    assert told == redis_orders(some)
    assert len({order["status"] for order in told.values()}) == 5


def random_market(chance: random.Random) -> Market:
    """Few keys, so that they are used again and again."""
    market = Market()
    for _ in range(400):
        account, key = chance.choice((ALICE, BOB)), f"k{chance.randrange(25)}"
        quantity, price = chance.randint(1, 9), 100 * chance.randint(1, 30)
        maker = ask if account == BOB else bid
        choice = chance.random()
        if choice < 0.05:
            market.refused_by_account(account, key)
        elif choice < 0.7:
            flags = {"post_only": chance.random() < 0.1}
            market.does(
                maker(account, key, quantity, price, **flags), later_ms=chance.randint(0, 2)
            )
        elif choice < 0.85:
            market.does(amend(account, key, quantity=quantity, price_micros=price))
        else:
            market.does(cancel(account, key))
    return market


def test_averages_are_rounded_half_to_even(clickhouse: ClickHouse) -> None:
    market = Market()
    for number, odd in enumerate((2_000_100, 2_000_300, 2_000_500)):
        market.does(
            ask(BOB, f"three {number}", 3, 2_000_000),
            ask(BOB, f"one {number}", 1, odd),
            bid(ALICE, f"bid {number}", 4, 2_000_600),
        )
    clickhouse.insert(market.facts)
    for row in clickhouse.orders().values():
        average = average_usd(row["filled_value_micros"], row["filled_quantity"])
        assert average is not None
        assert Decimal(row["avg_price"]) == Decimal(average)


def test_the_view_has_the_columns_that_the_api_reads(clickhouse: ClickHouse) -> None:
    clickhouse.insert(scenario().facts)
    row = clickhouse.orders()[named(ALICE, "amended")]
    assert (row["gpu_type"], row["product"], row["price"]) == ("H100", "ondemand", "0.8")
    assert row["avg_price"] is None
    wanted = {"type", "gpu_type", "product", "price", "avg_price", "created_at"}
    assert set(row) == wanted | (views.Order.__annotations__.keys() - {"side"})


@pytest.mark.parametrize("column", ["order_id", "account_id"])
def test_a_filter_reaches_the_indexes_of_every_table(clickhouse: ClickHouse, column: str) -> None:
    clickhouse.insert(scenario().facts)
    plan = clickhouse.session.query(
        f"EXPLAIN indexes = 1 SELECT * FROM orders WHERE {column} = 'x'", "TabSeparatedRaw"
    )
    text = plan.bytes().decode()
    indexes = [line.split("Name: ")[1] for line in text.splitlines() if "Name: " in line]
    sides = {"order_id": ["bid_order_id", "ask_order_id"], "account_id": ["buyer_id", "seller_id"]}
    expected = [column] * 4 + sides[column]
    assert sorted(indexes) == sorted(f"{name}_index" for name in expected)


def test_nodes_tells_the_newest_of_each(clickhouse: ClickHouse) -> None:
    fact = {
        **dict.fromkeys(rows.column_names("inventory.events"), 0),
        "event_id": "",
        "command": "",
        "command_id": "",
        "account_id": ALICE,
        "node_id": "n1",
        "gpu_type": "H100",
        "region": "us-east-1",
        "health": "healthy",
        "slots": ["available"],
        "maintenance": False,
        "removed": False,
        "surge_enabled": False,
    }
    facts = [
        Fact("node_changed", {**fact, "account_seq": seq, "available": seq, "occurred_at_ms": T0})
        for seq in (3, 12, 12, 7)
    ]
    clickhouse.insert([*facts, Fact("node_changed", {**fact, "node_id": "n2"})])
    (row,) = clickhouse.ask("SELECT * FROM nodes WHERE node_id = 'n1'")
    assert (row["account_seq"], row["available"], row["slots"]) == (12, 12, ["available"])
    (held,) = (row for key, row in redis_rows(facts).items() if key == "node:n1")
    assert views.read_node(held)["available"] == 12


def test_trades_are_told_once_each(clickhouse: ClickHouse) -> None:
    facts = scenario().facts
    clickhouse.insert(facts)
    clickhouse.insert(facts)
    trades = [fact for fact in facts if fact.kind == "order_matched"]
    assert clickhouse.ask("SELECT count() AS n, sum(quantity * price) AS usd FROM trades") == [
        {
            "n": len(trades),
            "usd": sum(t.record["quantity"] * t.record["price_micros"] for t in trades) / 1e6,
        }
    ]


# Rows as the API begins them ------------------------------------------------------------------

PLACED = bid(ALICE, "pending", 8, 1_000_000, digest="d1")["place_order"]


def test_what_the_api_writes_is_pending_and_provisional() -> None:
    row = views.pending_row(ALICE, PLACED, T0)
    order = views.read_order(row)
    assert order is not None
    assert (order["status"], order["remaining"], order["book_seq"]) == ("pending", 8, None)
    assert (order["created_at_ms"], order["post_only"]) == (T0, False)
    assert views.is_provisional(row)


def test_the_books_facts_complete_what_the_api_wrote() -> None:
    row = views.pending_row(ALICE, PLACED, T0 - 9)
    (told,) = redis_rows(Market().does(bid(ALICE, "pending", 8, 1_000_000)).facts).values()
    order = views.read_order({**row, **told})
    assert order is not None
    assert (order["book_seq"], order["created_at_ms"], order["updated_at_ms"]) == (
        1,
        T0 - 9,
        T0 + 1,
    )
    assert not views.is_provisional({**row, **told})


def test_facts_whose_beginning_was_evicted_are_no_order() -> None:
    market = Market().does(ask(BOB, "a", 4, 1_000), bid(ALICE, "b", 4, 1_000))
    matched = [fact for fact in market.facts if fact.kind == "order_matched"]
    assert redis_rows(matched)
    assert redis_orders(matched) == {}


def test_a_row_begun_anew_after_its_eviction_stays_provisional_whatever_comes() -> None:
    """Its fills of before are not in it, so that only ClickHouse knows how much was filled."""
    market = Market().does(bid(ALICE, "b", 8, 1_000), ask(BOB, "a", 4, 1_000), cancel(ALICE, "b"))
    (closed,) = redis_rows(fact for fact in market.facts if fact.kind == "order_closed").values()
    row = {**views.pending_row(ALICE, PLACED, T0), **closed}
    order = views.read_order(row)
    assert order is not None
    assert (order["status"], order["filled_quantity"]) == ("cancelled", 0)
    assert views.is_provisional(row)


def test_o4_a_fill_before_its_amend_never_shows_the_order_filled() -> None:
    market = Market().does(
        bid(ALICE, "b", 5, 1_000), amend(ALICE, "b", quantity=9), ask(BOB, "a", 5, 1_000)
    )
    late = [fact for fact in market.facts if fact.kind != "order_amended"]
    order = redis_orders(late)[named(ALICE, "b")]
    assert (order["status"], order["quantity"], order["remaining"]) == ("partial", 9, 4)
