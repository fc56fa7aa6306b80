"""What must be true after a run, told by several parties that must agree.

`judge` and `judge_signals` are pure: they compare what `cli.demo.evidence` gathered.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cli.demo.telemetry import Outage
from udfs.money import trade_usd

Row = Mapping[str, Any]


class Deal(NamedTuple):
    """A trade as far as its tellers are compared."""

    trade_id: str
    quantity: int
    price_micros: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the parties tell of one run."""

    accepted: Collection[str]
    """Ids of orders that the API took."""
    orders: Mapping[str, Row]
    """The same by the API, by id: type, quantity, status, filled_quantity, remaining."""
    history: Mapping[str, int]
    """Orders by status, as ClickHouse counts them."""
    log_trades: Mapping[str, Row]
    """Trades of the run's accounts in Kafka, by id."""
    history_trades: frozenset[Deal]
    """The same in ClickHouse."""
    tape: frozenset[Deal]
    """Every trade since the run began that the API's tape tells of the books concerned."""
    log_tape: frozenset[Deal]
    """The same in Kafka."""
    sampled: Mapping[str, frozenset[Deal]]
    """Trades of some orders, as the API tells them to their owners."""
    slots: Mapping[str, tuple[str, ...]]
    """State of each GPU, by node."""
    gpus: int
    """GPUs that were registered."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What came of the telemetry of a run."""

    accepted: int
    """Readings that the API took."""
    stored: int
    """The same nodes' readings in ClickHouse, by identity."""
    rolled_up: int
    """Samples in the nodes' windows of 10 s that are over."""
    in_windows: int
    """Readings in ClickHouse in the same windows."""
    outage: Outage | None
    prices: Mapping[str, tuple[int, ...]]
    """The spot prices that each GPU type had since the run began, micro-USD, in order."""
    kpis: Mapping[str, Any]
    """The dashboard's figures by name."""


OUT_SECONDS: Final = 10.0
"""Within which a node that says it is offline has left the book."""


class Check(NamedTuple):
    """One comparison."""

    name: str
    equal: bool
    numbers: str

    def __str__(self) -> str:
        return f"{self.name}: {'equal' if self.equal else 'NOT equal'} ({self.numbers})"


def judge(evidence: Evidence) -> list[Check]:
    """All comparisons of a run."""
    return [
        accounted(evidence),
        same_history(evidence),
        one_place(evidence),
        same_trades(evidence),
        same_tape(evidence),
    ]


def judge_signals(signals: Signals) -> list[Check]:
    """All that telemetry must have brought."""
    return [
        measured(signals),
        failed_over(signals.outage),
        prices_moved(signals.prices),
        figures_told(signals.kpis),
    ]


def measured(signals: Signals) -> Check:
    """Every reading taken is in ClickHouse, and counts once in its window of 10 s."""
    equal = 0 < signals.accepted == signals.stored and signals.rolled_up == signals.in_windows
    numbers = (
        f"API {signals.accepted:,}, ClickHouse {signals.stored:,}; in windows that are over"
        f" {signals.in_windows:,}, in their rollups {signals.rolled_up:,}"
    )
    return Check("readings taken = stored = rolled up", equal, numbers)


def failed_over(outage: Outage | None) -> Check:
    """A node that says it is offline leaves the book, and comes back when it is well (K4)."""
    name = "a failing node out of the book and back"
    if outage is None:
        return Check(name, False, "no reporting node had an open ask of its own")
    gone, back = outage.gone_seconds, outage.back_seconds
    told = [f"{each:.1f} s" if each is not None else "never" for each in (gone, back)]
    numbers = (
        f"{outage.node}, {outage.gpus} GPUs: gone after {told[0]}, listed anew after {told[1]}"
    )
    return Check(name, gone is not None and gone < OUT_SECONDS and back is not None, numbers)


def prices_moved(prices: Mapping[str, tuple[int, ...]]) -> Check:
    """Spot prices followed how much was leased."""
    moved = {name: found for name, found in prices.items() if len(set(found)) > 1}
    shown = (
        f"{name} {trade_usd(found[0])} → {trade_usd(found[-1])}"
        for name, found in sorted(moved.items())
    )
    numbers = f"{len(moved)} of {len(prices)} types; {', '.join(shown)}"
    return Check("spot prices moved", bool(moved), numbers)


def figures_told(kpis: Mapping[str, Any]) -> Check:
    """Every key figure has a value."""
    missing = sorted(name for name, figure in kpis.items() if figure["value"] is None)
    shown = ", ".join(f"{name} {figure['value']}" for name, figure in sorted(kpis.items()))
    return Check("key figures are all told", bool(kpis) and not missing, shown)


def accounted(evidence: Evidence) -> Check:
    """Every accepted order is filled, open or closed, and adds up."""
    found = Counter(_fate(evidence.orders.get(order_id)) for order_id in evidence.accepted)
    wrong = sum(1 for order in evidence.orders.values() if not adds_up(order))
    parts = ("filled", "open", "closed", "rejected")
    numbers = " + ".join(f"{found[part]:,} {part}" for part in parts)
    numbers += f" = {sum(found[part] for part in parts):,}, accepted {len(evidence.accepted):,}"
    if found["undecided"] or found["lost"] or wrong:
        numbers += f"; {found['undecided']} undecided, {found['lost']} lost, {wrong} do not add up"
    equal = not (found["undecided"] or found["lost"] or wrong)
    return Check("every accepted order accounted for", equal, numbers)


def adds_up(order: Row) -> bool:
    """Filled and remaining make up an order that is open or filled."""
    filled, remaining = order["filled_quantity"], order["remaining"]
    if order["status"] in ("pending", "partial"):
        return bool(filled + remaining == order["quantity"])
    return bool(remaining == 0 and (order["status"] != "filled" or filled == order["quantity"]))


def same_history(evidence: Evidence) -> Check:
    """API and ClickHouse count the same orders of each status."""
    told = Counter(order["status"] for order in evidence.orders.values())
    numbers = ", ".join(
        f"{status} {told[status]:,} = {evidence.history.get(status, 0):,}"
        for status in sorted(told.keys() | evidence.history.keys())
    )
    return Check("orders in the API = in ClickHouse", dict(told) == dict(evidence.history), numbers)


def one_place(evidence: Evidence) -> Check:
    """Each GPU is in one state: held for an open ask or leased by a trade, exactly as many as sold.

    A GPU sold twice would be missing from one of its leases, and the counts would differ.
    """
    held: Counter[str] = Counter()
    leased: Counter[str] = Counter()
    for state in (state for slots in evidence.slots.values() for state in slots):
        kind, _, whose = state.partition(":")
        if kind == "held":
            held[whose] += 1
        elif kind == "allocated":
            leased[whose.partition(":")[0]] += 1
    asks = {
        order_id: order for order_id, order in evidence.orders.items() if order["type"] == "ask"
    }
    listed = {order_id: ask["remaining"] for order_id, ask in asks.items() if ask["remaining"]}
    sold = {
        trade_id: trade["quantity"]
        for trade_id, trade in evidence.log_trades.items()
        if trade["ask_order_id"] in asks
    }
    slots = sum(map(len, evidence.slots.values()))
    equal = held == listed and leased == sold and slots == evidence.gpus
    numbers = (
        f"{slots:,} GPUs of {evidence.gpus:,};"
        f" held {held.total():,}, listed {sum(listed.values()):,};"
        f" leased {leased.total():,}, sold {sum(sold.values()):,}"
    )
    return Check("no GPU in two places", equal, numbers)


def same_trades(evidence: Evidence) -> Check:
    """Kafka and ClickHouse hold the same trades of the run; the API tells them to their owners."""
    told = frozenset(deal(trade) for trade in evidence.log_trades.values())
    sampled_equal = all(
        deals == _deals_of(order_id, evidence.log_trades)
        for order_id, deals in evidence.sampled.items()
    )
    equal = told == evidence.history_trades and sampled_equal
    numbers = (
        f"Kafka {len(told):,}, ClickHouse {len(evidence.history_trades):,},"
        f" API as told to {len(evidence.sampled):,} orders"
        f" {'equal' if sampled_equal else 'NOT equal'}"
    )
    return Check("trades in Kafka = in ClickHouse = in the API", equal, numbers)


def same_tape(evidence: Evidence) -> Check:
    """The public tape holds every trade since the run began, anybody's, and no other."""
    numbers = f"Kafka {len(evidence.log_tape):,}, API {len(evidence.tape):,}"
    return Check("trades in Kafka = on the API's tape", evidence.log_tape == evidence.tape, numbers)


def deal(trade: Row) -> Deal:
    """A trade of the log, as far as it is compared."""
    return Deal(trade["trade_id"], trade["quantity"], trade["price_micros"])


def _deals_of(order_id: str, trades: Mapping[str, Row]) -> frozenset[Deal]:
    return frozenset(
        deal(trade)
        for trade in trades.values()
        if order_id in (trade["bid_order_id"], trade["ask_order_id"])
    )


def _fate(order: Row | None) -> str:
    if order is None:
        return "lost"
    if order["status"] == "pending" and order["book_seq"] is None:
        return "undecided"
    status: str = order["status"]
    return {"pending": "open", "partial": "open", "cancelled": "closed"}.get(status, status)
