"""INV4 on a running market: an auditor's orders and trades beside those of the views."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from cli.audit.views import Views, price_micros
from cli.errors import CommandError
from cli.log import Log
from schemas.names import FACT_TOPICS, ORDERS_MATCHED
from udfs.audit.agreement import (
    NEWEST_TRADES,
    TRADE,
    TRADES_IN_A_BUCKET,
    Statuses,
    bucket_of,
    compare_order,
    life_text,
    order_text,
)
from udfs.audit.auditor import Auditor
from udfs.audit.conservation import OPEN, Lives
from udfs.audit.facts import Fact, number_of, orders_of
from udfs.audit.offence import Offence, equal, offend
from udfs.audit.replays import KINDS

T = TypeVar("T")
VIEWS_SECONDS: Final = 45.0
"""Within which the views must have what is in the log."""
LOOK_SECONDS: Final = 1.0
MOST_OPEN: Final = 20_000
MOST_ENDED: Final = 5_000
"""Orders that are asked for one by one."""
NEWEST_ORDERS: Final = 200
"""Of each account, that the API is asked for."""
MOST_BUCKETS: Final = 3
"""How many buckets that differ are compared row by row."""


@dataclass(slots=True)
class Counted:
    """What was compared."""

    trades: int = 0
    orders: int = 0
    redis_rows: int = 0
    redis_missing: int = 0
    nodes: int = 0
    tape: int = 0
    api_orders: int = 0

    def __str__(self) -> str:
        missing = f" ({self.redis_missing:,} not there)" if self.redis_missing else ""
        return (
            f"ClickHouse {self.trades:,} trades, {self.orders:,} orders;"
            f" Redis {self.redis_rows:,} orders{missing}, {self.nodes:,} nodes;"
            f" API {self.tape:,} trades, {self.api_orders:,} orders"
        )


@dataclass(slots=True)
class Agreement:
    """The views beside an auditor; `catch_up` reads what the logs have got meanwhile."""

    log: Log
    views: Views
    auditor: Auditor
    since_ms: int
    catch_up: Callable[[], None]
    keys: dict[str, str] = field(default_factory=dict)
    """Keys of accounts whose orders the API may be asked for, by account."""
    counted: Counted = field(default_factory=Counted)
    statuses: Statuses = field(default_factory=Statuses)
    _deadline: float = 0.0
    """When the views must have what the auditor has read."""

    def compare(self, *, at_rest: bool) -> None:
        """Everything; what every order came to only of a market at rest."""
        self.counted = Counted()
        self._deadline = time.monotonic() + VIEWS_SECONDS
        self.auditor.findings["INV4"].unknown = None
        with self._judging():
            self._compare_trades()
        if at_rest:
            with self._judging():
                self._compare_all_orders()
        with self._judging():
            self._compare_some_orders()
        with self._judging():
            self._compare_nodes()
        for book_id in sorted(self.auditor.trades.newest):
            with self._judging():
                self._compare_tape(book_id)
        settled_ms = None if at_rest else _now_ms() - int(VIEWS_SECONDS * 1000)
        for key in self.keys.values():
            with self._judging():
                self._compare_api_orders(key, settled_ms)
        self.auditor.findings["INV4"].counted = str(self.counted)

    # Trades

    def _compare_trades(self) -> None:
        """By sums up to what the auditor has read; then the first bucket that stays different."""
        last, expected = dict(self.auditor.trades.last), dict(self.auditor.trades.sums)
        self.counted.trades = sum(each.rows for each in expected.values())

        def differing() -> list[tuple[str, int]]:
            found = self.views.trade_sums(last, self.since_ms)
            return [
                bucket
                for bucket in sorted(found.keys() | expected.keys())
                if found.get(bucket) != expected.get(bucket)
            ]

        for book_id, bucket in self._persisting(differing)[:MOST_BUCKETS]:
            logged = self._trades_in(book_id, bucket, last[book_id])
            stored = self.views.trades_in(book_id, bucket, last[book_id])
            for trade_id, (where, trade) in logged.items():
                equal(
                    "INV4", f"trade {trade_id} ({where}) in ClickHouse", stored.get(trade_id), trade
                )
            for trade_id in stored.keys() - logged.keys():
                offend("INV4", f"ClickHouse has {stored[trade_id]}, which is not in the log")

    def _trades_in(self, book_id: str, bucket: int, last: int) -> dict[str, tuple[str, Fact]]:
        """Where each trade of a bucket is, and what is compared of it."""
        found = {}
        for entry in self.log.read([ORDERS_MATCHED], key=book_id):
            trade = entry.record
            is_wanted = trade["occurred_at_ms"] >= self.since_ms and trade["book_seq"] <= last
            if is_wanted and trade["book_seq"] // TRADES_IN_A_BUCKET == bucket:
                compared = {name: str(trade[name]) for name in TRADE}
                found[trade["trade_id"]] = entry.where, compared
        return found

    def _compare_tape(self, book_id: str) -> None:
        """The newest trades, as the API tells them to everybody."""
        newest = {fact["book_seq"]: fact for fact in self.auditor.trades.newest[book_id]}
        expected = {seq: _on_tape(fact) for seq, fact in newest.items()}

        def told() -> dict[int, tuple[str, int, int]]:
            return {
                item["book_seq"]: (item["id"], item["quantity"], price_micros(item["price"]))
                for item in self.views.tape(book_id, NEWEST_TRADES)
                if item["book_seq"] <= max(newest)
            }

        def differing() -> list[int]:
            found = told()
            least = min(found, default=0)  # newer trades may have pushed the oldest out
            wanted = {seq: trade for seq, trade in expected.items() if seq >= least}
            both = found.keys() | wanted.keys()
            return sorted(seq for seq in both if found.get(seq) != wanted.get(seq))

        self.counted.tape += len(expected)
        for seq in self._persisting(differing)[:1]:
            found, was = told().get(seq), expected.get(seq)
            offend("INV4", f"trade {seq} of {book_id} by the API is {found}, in the log {was}")

    # Orders

    def _compare_all_orders(self) -> None:
        """By sums; then the first buckets that stay different, from the log anew."""
        expected = self.auditor.orders.sums
        self.counted.orders = sum(each.rows for each in expected.values())

        def differing() -> list[str]:
            found = self.views.order_sums(self.since_ms)
            return [
                bucket
                for bucket in sorted(found.keys() | expected.keys())
                if found.get(bucket) != expected.get(bucket)
            ]

        for bucket in self._persisting(differing)[:MOST_BUCKETS]:
            lives, found = self._lives_in(bucket), self.views.orders_in(bucket, self.since_ms)
            told = {order_id: order_text(order) for order_id, order in found.items()}
            logged = {order_id: life_text(order_id, life) for order_id, life in lives.items()}
            equal("INV4", "orders in ClickHouse, by id,", told, logged)

    def _lives_in(self, bucket: str) -> dict[str, Fact]:
        """What the orders of a bucket came to, from the log once more."""
        facts = {}
        for entry in self.log.read(FACT_TOPICS.values()):
            kind, fact = KINDS[entry.topic], entry.record
            if any(bucket_of(each) == bucket for each in orders_of(kind, fact)):
                facts[number_of(fact)] = kind, fact
        lives = _LivesOf(bucket)
        for number in sorted(facts, key=lambda each: (facts[each][1]["occurred_at_ms"], *each)):
            kind, fact = facts[number]
            if fact["occurred_at_ms"] >= self.since_ms:
                with suppress(Offence):
                    lives.apply(kind, fact)
        return lives.of

    def _compare_some_orders(self) -> None:
        """The open ones and those that ended last, in Redis, once they changed long enough ago."""
        names = self._asked_for()
        self.counted.redis_rows = len(names)
        self.statuses.keep(set(names))
        first = True
        while names:
            differing = []
            for order_id, told in self.views.redis_orders(names):
                life = self.auditor.lives.of.get(order_id)
                if told is None:
                    self.counted.redis_missing += first
                elif life is not None:
                    status, filled = told["status"], told["filled_quantity"]
                    with self._judging():
                        self.statuses.note("Redis", order_id, status, filled)
                    if _differs("Redis", order_id, told, life):
                        differing.append(order_id)
            names, first = differing, False
            if names and time.monotonic() > self._deadline:
                self._tell_first(names)
                return
            if names:
                time.sleep(LOOK_SECONDS)
                self.catch_up()

    def _tell_first(self, names: list[str]) -> None:
        """One that has not changed for so long that every view must know."""
        settled_ms = _now_ms() - int(VIEWS_SECONDS * 1000)
        for order_id, told in self.views.redis_orders(names):
            life = self.auditor.lives.of.get(order_id)
            if life is not None and told is not None and life["at_ms"] < settled_ms:
                compare_order("Redis", order_id, told, life)

    def _asked_for(self) -> list[str]:
        lives = self.auditor.lives
        open_now = [name for name, life in lives.of.items() if life["status"] in OPEN]
        return open_now[-MOST_OPEN:] + lives.newest_ended(MOST_ENDED)

    def _compare_api_orders(self, key: str, settled_ms: int | None) -> None:
        """The newest orders of an account, as the API lists them to it."""
        compared: set[str] = set()

        def differing() -> list[str]:
            found = []
            for order in self.views.orders_of(key, NEWEST_ORDERS):
                compared.add(order["id"])
                life = self.auditor.lives.of.get(order["id"])
                if life and (settled_ms is None or life["at_ms"] < settled_ms):
                    told = order["status"], order["filled_quantity"]
                    was = life["status"], life["filled"]
                    if told != was:
                        found.append(f"{order['id']} by the API is {told}, by its facts {was}")
            return found

        still = self._persisting(differing)
        self.counted.api_orders += len(compared)
        for text in still[:1]:
            offend("INV4", text)

    def _compare_nodes(self) -> None:
        """The newest fact of each node, in Redis."""
        newest = self.auditor.capacity.newest
        self.counted.nodes = len(newest)

        def differing() -> list[str]:
            told = dict(self.views.redis_nodes(newest))
            found = [name for name, fact in newest.items() if told[name] not in (None, fact)]
            if found:
                self.catch_up()
            return found

        for node_id in self._persisting(differing)[:1]:
            ((_, told),) = self.views.redis_nodes([node_id])
            equal("INV4", f"node {node_id} in Redis", told, newest[node_id])

    def _persisting(self, differing: Callable[[], list[T]]) -> list[T]:
        """What still differs when the views have had their time."""
        while (found := differing()) and time.monotonic() < self._deadline:
            time.sleep(LOOK_SECONDS)
        return found

    @contextmanager
    def _judging(self) -> Iterator[None]:
        try:
            yield
        except Offence as offence:
            self.auditor.note(offence)
        except CommandError as error:  # a view that cannot be asked tells nothing
            self.auditor.findings["INV4"].unknown = str(error)


class _LivesOf(Lives):
    """The lives of one bucket's orders; the other side of a trade may be in another."""

    def __init__(self, bucket: str) -> None:
        super().__init__()
        self._bucket = bucket

    def _fill(self, fact: Fact, side: str) -> None:
        if bucket_of(fact[f"{side}_order_id"]) == self._bucket:
            super()._fill(fact, side)


def _differs(view: str, order_id: str, told: Mapping[str, Any], life: Fact) -> bool:
    try:
        compare_order(view, order_id, told, life)
    except Offence:
        return True
    return False


def _on_tape(fact: Fact) -> tuple[str, int, int]:
    return fact["trade_id"], fact["quantity"], fact["price_micros"]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
