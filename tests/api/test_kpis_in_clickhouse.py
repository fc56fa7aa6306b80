"""Key figures in ClickHouse: what the API's queries tell of the aggregates of ddl.sql.

The reference counts the same facts one by one. Facts come in any order, and more than once.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

import chdb.session
import httpx
import pytest

from jobs.contract import statements
from query_api.adapters.clickhouse import ClickHouse
from query_api.adapters.clickhouse_kpis import ClickHouseKpis
from query_api.adapters.memory_kpis import MemoryKpis
from query_api.kpis import DAY_MS, HOUR_MS, Capacity, CapacityFilter, SoldFilter
from query_api.ports import ToldFact
from schemas import generate
from udfs.spot_market import WINDOW_MS

T0 = 1_790_000_000_000 - 1_790_000_000_000 % DAY_MS
TABLES = {
    "order_matched": "orders_matched",
    "order_closed": "orders_cancelled",
    "node_changed": "inventory_events",
    "price_updated": "pricing_updates",
}
MADE = ("market_hours", "seller_days", "closing_hours", "capacity_hours")
AGGREGATES = ("touched_hours", "node_hours", "trader_days", *MADE)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    session = chdb.session.Session(str(tmp_path_factory.mktemp("kpis")))
    for statement in statements(generate.ddl_source()):
        # A test's facts may be of any time: nothing may end while it runs.
        session.query(statement.replace(" DAY", " YEAR") if "TTL" in statement else statement)
    for table in MADE:  # a test says when
        session.query(f"SYSTEM STOP VIEW {table}_refresh")
    yield session
    session.close()


@pytest.fixture
def kpis(session: Any) -> ClickHouseKpis:
    for table in (*TABLES.values(), *AGGREGATES):
        session.query(f"TRUNCATE TABLE {table}")

    def answer(request: httpx.Request) -> httpx.Response:
        sent = dict(request.url.params)
        values = {name[6:]: value for name, value in sent.items() if name.startswith("param_")}
        sql = request.content.decode().removesuffix(" FORMAT JSONEachRow")
        return httpx.Response(200, content=session.query(sql, "JSONEachRow", params=values).bytes())

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://c")
    return ClickHouseKpis(ClickHouse(http).rows)


def insert(session: Any, facts: list[ToldFact]) -> None:
    for kind, table in TABLES.items():
        lines = "\n".join(json.dumps(fact.record) for fact in facts if fact.kind == kind)
        if lines:
            session.query(f"INSERT INTO {table} FORMAT JSONEachRow\n{lines}")


def refresh(session: Any) -> None:
    for view in (f"{table}_refresh" for table in MADE):
        session.query(f"SYSTEM START VIEW {view}")
        session.query(f"SYSTEM REFRESH VIEW {view}")
        session.query(f"SYSTEM WAIT VIEW {view}")
        session.query(f"SYSTEM STOP VIEW {view}")


def facts(seed: int, count: int, hours: int) -> list[ToldFact]:
    """Of each kind some over some hours; in each log time and sequence rise."""
    chance = random.Random(seed)
    times_ms = sorted(T0 + chance.randrange(hours * HOUR_MS) for _ in range(count))
    make = [trade, closing, node_change, price]
    return [
        chance.choices(make, (6, 2, 2, 5))[0](chance, seq, at) for seq, at in enumerate(times_ms)
    ]


def trade(chance: random.Random, seq: int, at_ms: int) -> ToldFact:
    gpu_type, product = chance.choice(["H100", "L4"]), chance.choice(["spot", "ondemand"])
    fact = {
        "trade_id": f"t{seq}",
        "book_id": f"{gpu_type}.{product}",
        "book_seq": seq,
        "occurred_at_ms": at_ms,
        "gpu_type": gpu_type,
        "product": product,
        "region": chance.choice(["us-west-2", "eu-central-1"]),
        "buyer_id": f"buyer {chance.randrange(9)}",
        "seller_id": f"seller {chance.randrange(4)}",
        "quantity": chance.randint(1, 65_536),
        "price_micros": 50 * chance.randint(2, 20_000_000),
        "duration_seconds": chance.randint(1, 31_536_000),
        "bid_remaining": chance.randint(0, 1),
        "ask_remaining": chance.randint(0, 1),
    }
    return ToldFact("order_matched", fact)


def closing(chance: random.Random, seq: int, at_ms: int) -> ToldFact:
    fact = {
        "book_id": "H100.spot",
        "book_seq": seq,
        "occurred_at_ms": at_ms,
        "order_id": f"o{seq}",
        "reason": chance.choice(["user", "expired"]),
    }
    return ToldFact("order_closed", fact)


def node_change(chance: random.Random, seq: int, at_ms: int) -> ToldFact:
    node = chance.randrange(5)
    fact = {
        "node_id": f"n{node}",
        "account_id": "seller 1",
        "account_seq": seq,
        "occurred_at_ms": at_ms,
        "gpu_type": ["H100", "L4"][node % 2],
        "region": ["us-west-2", "eu-central-1"][node // 3],
        **{state: chance.randrange(9) for state in ("available", "held", "allocated")},
    }
    return ToldFact("node_changed", fact)


def price(chance: random.Random, seq: int, at_ms: int) -> ToldFact:
    start_ms = (at_ms - 1) // WINDOW_MS * WINDOW_MS
    fact = {
        "gpu_type": chance.choice(["H100", "L4"]),
        "region": chance.choice(["", "", "us-west-2"]),
        "product": chance.choice(["spot", "spot", "ondemand"]),
        "window_start_ms": start_ms,
        "occurred_at_ms": at_ms,
        "is_final": chance.random() < 0.1,
        "spot_price_micros": 50 * chance.choice([0, *range(2, 20_000_000, 1_000_003)]),
        **{state: chance.randrange(9) for state in ("available", "held", "allocated")},
    }
    return ToldFact("price_updated", fact)


def in_memory(told: list[ToldFact]) -> MemoryKpis:
    """The reference, on these facts."""
    prices = [fact.record for fact in told if fact.kind == "price_updated"]
    return MemoryKpis(told, prices, lambda: None)


async def every_figure(kpis: Any) -> dict[str, Any]:
    """What both must tell alike, of whole and part, of each grouping and each step."""
    end_ms = T0 + 3 * DAY_MS
    spans = [(T0, end_ms), (T0 + 5 * HOUR_MS, T0 + 29 * HOUR_MS), (end_ms, end_ms + DAY_MS)]
    some = [("", ""), ("H100", ""), ("", "us-west-2"), ("L4", "eu-central-1"), ("T4", "")]
    return {
        "standings": [
            await kpis.standings(T0 + hours * HOUR_MS + 123_456)
            for hours in (-1, 0, 1, 7, 24, 29, 47, 60, 84, 99, 999)
        ],
        "capacities": [
            await kpis.capacities(CapacityFilter(*span, step_ms, *which))
            for span in spans
            for step_ms in (HOUR_MS, DAY_MS)
            for which in some
        ],
        "sold": [
            await kpis.sold(SoldFilter(*span, by, seller))
            for span in [(T0, end_ms), (T0 + DAY_MS, T0 + 2 * DAY_MS), (end_ms, end_ms + DAY_MS)]
            for by in ("day", "provider", "gpu_type")
            for seller in ("", "seller 2", "nobody")
        ],
    }


@pytest.mark.parametrize("seed", range(2))
async def test_every_figure_is_the_count_of_facts_however_they_come(
    session: Any, kpis: ClickHouseKpis, seed: int
) -> None:
    told = facts(seed, 400, 60)
    expected = await every_figure(in_memory(told))
    chance = random.Random(seed)
    for part in range(4):
        some = told[part::4] + chance.sample(told[: 100 * (part + 1)], 60)
        insert(session, chance.sample(some, len(some)))
        refresh(session)
    insert(session, told)
    assert await every_figure(kpis) == expected
    refresh(session)
    assert await every_figure(kpis) == expected


async def test_a_repeat_changes_nothing_also_after_parts_are_merged(
    session: Any, kpis: ClickHouseKpis
) -> None:
    told = facts(7, 100, 30)
    insert(session, told)
    refresh(session)
    once = await every_figure(kpis)
    for table in (*TABLES.values(), *AGGREGATES):
        insert(session, told)
        session.query(f"OPTIMIZE TABLE {table} FINAL")
        refresh(session)
        assert await every_figure(kpis) == once


async def test_a_late_fact_of_an_old_hour_is_counted(session: Any, kpis: ClickHouseKpis) -> None:
    told = facts(8, 100, 30)
    insert(session, told[1:])
    refresh(session)
    insert(session, told[:1])
    refresh(session)
    assert await every_figure(kpis) == await every_figure(in_memory(told))


async def test_hours_that_nothing_touched_are_left_alone(
    session: Any, kpis: ClickHouseKpis
) -> None:
    insert(session, facts(9, 50, 30))
    refresh(session)
    # As if all was long ago: what was made then is newer than any insert.
    session.query("TRUNCATE TABLE touched_hours")
    session.query(
        "INSERT INTO touched_hours SELECT DISTINCT 'orders_matched', hour, "
        "version - INTERVAL 1 HOUR FROM market_hours"
    )
    before = session.query("SELECT max(version) FROM market_hours").bytes()
    refresh(session)
    assert session.query("SELECT max(version) FROM market_hours").bytes() == before


async def test_nothing_is_told_of_nothing(kpis: ClickHouseKpis) -> None:
    assert await every_figure(kpis) == await every_figure(in_memory([]))


async def test_facts_from_before_the_aggregates_are_taken_in(
    session: Any, kpis: ClickHouseKpis
) -> None:
    told = facts(10, 100, 30)
    insert(session, told)
    for table in AGGREGATES:
        session.query(f"TRUNCATE TABLE {table}")
    for statement in statements(generate.ddl_source()):
        session.query(statement)
    refresh(session)
    assert await every_figure(kpis) == await every_figure(in_memory(told))


async def test_gpus_of_no_node_are_none(kpis: ClickHouseKpis) -> None:
    now, before = await kpis.standings(T0)
    assert now == before
    assert now.capacity == Capacity(0, 0, 0)
    assert now.capacity.utilization is None
