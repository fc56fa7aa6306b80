"""The views beside an auditor: silent where they agree, and the first that does not is named."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from cli.audit import agreement
from cli.audit.agreement import Agreement
from cli.audit.views import Views
from cli.log import Entry
from schemas.names import ORDERS_MATCHED
from tests.sim.audited import audited
from tests.sim.test_audited import SEED, played
from udfs.audit.agreement import TRADE, TRADES_IN_A_BUCKET, Orders, Sum, bucket_of, order_text
from udfs.audit.agreement import Trades as TradeSums
from udfs.audit.auditor import Auditor, Finding
from udfs.money import trade_usd

Fact = dict[str, Any]


class Memory(Views):
    """Views that tell what is in memory: at first what the logs come to."""

    def __init__(self, auditor: Auditor, log: Iterable[Entry]) -> None:
        self.trades = {
            entry.record["trade_id"]: dict(entry.record)
            for entry in log
            if entry.topic == ORDERS_MATCHED
        }
        self.orders = {name: told(name, life) for name, life in auditor.lives.of.items()}
        self.redis = {name: dict(order) for name, order in self.orders.items()}
        self.api = {name: dict(order) for name, order in self.orders.items()}
        self.nodes = {name: dict(fact) for name, fact in auditor.capacity.newest.items()}

    def trade_sums(self, last: Mapping[str, int], since_ms: int) -> dict[tuple[str, int], Sum]:
        sums = TradeSums()
        for trade in self.trades.values():
            sums.add(trade)
        return sums.sums

    def trades_in(self, book_id: str, bucket: int, last: int) -> dict[str, Fact]:
        return {
            name: {field: str(trade[field]) for field in TRADE}
            for name, trade in self.trades.items()
            if (trade["book_id"], trade["book_seq"] // TRADES_IN_A_BUCKET) == (book_id, bucket)
        }

    def order_sums(self, since_ms: int) -> dict[str, Sum]:
        sums = Orders()
        for name, order in self.orders.items():
            sums.change(name, None, order_text(order))
        return sums.sums

    def orders_in(self, bucket: str, since_ms: int) -> dict[str, Fact]:
        return {name: each for name, each in self.orders.items() if bucket_of(name) == bucket}

    def redis_orders(self, order_ids: Iterable[str]) -> Iterator[tuple[str, Any]]:
        return ((name, self.redis.get(name)) for name in order_ids)

    def redis_nodes(self, node_ids: Iterable[str]) -> Iterator[tuple[str, Fact | None]]:
        return ((name, self.nodes.get(name)) for name in node_ids)

    def tape(self, book_id: str, most: int) -> list[Fact]:
        return [
            {
                "id": trade["trade_id"],
                "book_seq": trade["book_seq"],
                "quantity": trade["quantity"],
                "price": trade_usd(trade["price_micros"]),
            }
            for trade in self.trades.values()
            if trade["book_id"] == book_id
        ]

    def orders_of(self, key: str, most: int) -> list[Fact]:
        return [{"id": name, **order} for name, order in self.api.items()]


class Topics:
    """The log, for what is read once more."""

    def __init__(self, log: Iterable[Entry]) -> None:
        self._log = list(log)

    def read(self, topics: Iterable[str], *, key: str | None = None) -> Iterator[Entry]:
        wanted = set(topics)
        for each in self._log:
            if each.topic in wanted and key in (None, each.key):
                yield each


def told(order_id: str, life: Fact) -> Fact:
    """An order as a view tells it."""
    return {
        "order_id": order_id,
        "status": life["status"],
        "quantity": life.get("quantity", 0),
        "price_micros": life.get("price_micros", 0),
        "filled_quantity": life["filled"],
        "filled_value_micros": life["value"],
        "reason": life.get("reason", ""),
    }


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "VIEWS_SECONDS", 0.0)
    monkeypatch.setattr(agreement, "LOOK_SECONDS", 0.0)


@pytest.fixture
def auditor() -> Auditor:
    return audited(list(played(SEED)))


@pytest.fixture
def views(auditor: Auditor) -> Memory:
    return Memory(auditor, played(SEED))


def compared(auditor: Auditor, views: Memory, *, times: int = 1) -> Finding:
    topics: Any = Topics(played(SEED))
    looks = Agreement(topics, views, auditor, 0, lambda: None, {"account": "key"})
    for _ in range(times):
        looks.compare(at_rest=True)
    return auditor.findings["INV4"]


def test_it_is_silent_where_all_agree(auditor: Auditor, views: Memory) -> None:
    assert compared(auditor, views, times=2).first is None
    assert auditor.findings["INV4"].counted.startswith(f"ClickHouse {len(views.trades):,} trades")
    assert auditor.findings["INV9"].first is None


def test_a_trade_that_clickhouse_does_not_have_is_named(auditor: Auditor, views: Memory) -> None:
    gone = next(iter(views.trades))
    del views.trades[gone]
    assert gone in str(compared(auditor, views).first)


def test_a_trade_that_clickhouse_tells_otherwise_is_named(auditor: Auditor, views: Memory) -> None:
    name, trade = next(iter(views.trades.items()))
    trade["quantity"] += 1
    assert name in str(compared(auditor, views).first)


@pytest.mark.parametrize("view", ["orders", "redis", "api"])
def test_an_order_that_a_view_tells_otherwise_is_named(
    auditor: Auditor, views: Memory, view: str
) -> None:
    name, order = next((name, o) for name, o in views.orders.items() if o["status"] == "filled")
    getattr(views, view)[name] = {**order, "status": "partial", "filled_quantity": 0}
    assert name in str(compared(auditor, views).first)


def test_an_order_that_clickhouse_does_not_know_is_named(auditor: Auditor, views: Memory) -> None:
    name = next(iter(views.orders))
    del views.orders[name]
    assert name in str(compared(auditor, views).first)


def test_a_node_that_redis_tells_otherwise_is_named(auditor: Auditor, views: Memory) -> None:
    name, fact = next(iter(views.nodes.items()))
    fact["available"] += 1
    assert f"node {name} in Redis" in str(compared(auditor, views).first)


def test_what_redis_evicted_is_counted(auditor: Auditor, views: Memory) -> None:
    views.redis.clear()
    finding = compared(auditor, views)
    assert finding.first is None
    assert "not there" in finding.counted


def test_a_status_that_goes_back_from_look_to_look_is_named(
    auditor: Auditor, views: Memory
) -> None:
    topics: Any = Topics(played(SEED))
    looks = Agreement(topics, views, auditor, 0, lambda: None)
    looks.compare(at_rest=True)
    name = next(name for name, order in views.redis.items() if order["status"] == "cancelled")
    views.redis[name] = {**views.redis[name], "status": "pending"}
    looks.compare(at_rest=True)
    assert name in str(auditor.findings["INV9"].first)
