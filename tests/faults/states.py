"""What the log says became of each order, and whether API and ClickHouse say the same."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from cli.demo.checks import Check

Record = Mapping[str, Any]


class State(NamedTuple):
    """An order as one party tells it."""

    status: str
    filled: int
    remaining: int
    """Whole GPUs that are open; 0 of a final order."""


@dataclass(slots=True)
class Told:
    """What the facts of one order add up to, each fact counted once."""

    creations: int = 0
    rejections: int = 0
    closings: int = 0
    quantity: int = 0
    filled: int = 0

    @property
    def ends(self) -> int:
        """How often it ended: 0 while it rests, once at most."""
        is_filled = bool(self.creations) and self.filled == self.quantity
        return self.rejections + self.closings + is_filled

    def state(self) -> State:
        """The order's state."""
        if self.rejections:
            return State("rejected", 0, 0)
        if self.filled == self.quantity:
            return State("filled", self.filled, 0)
        if self.closings:
            return State("cancelled", self.filled, 0)
        return State(
            "partial" if self.filled else "pending", self.filled, self.quantity - self.filled
        )


def from_facts(facts: Iterable[tuple[str, Record]], wanted: Collection[str]) -> dict[str, Told]:
    """The orders that are wanted, from kind and record of each fact; repeats are one."""
    told: dict[str, Told] = {}
    seen: set[str] = set()
    for kind, record in facts:
        if record["event_id"] not in seen:
            seen.add(record["event_id"])
            for order_id in _concerned(kind, record):
                if order_id in wanted:
                    _note(told.setdefault(order_id, Told()), kind, record)
    return told


def _concerned(kind: str, record: Record) -> tuple[str, ...]:
    if kind == "order_matched":
        return record["bid_order_id"], record["ask_order_id"]
    return (record["order_id"],) if "order_id" in record else ()


def _note(order: Told, kind: str, record: Record) -> None:
    if kind == "order_created":
        order.creations += 1
        order.quantity = record["quantity"]
    elif kind == "order_matched":
        order.filled += record["quantity"]
    elif kind == "order_closed":
        order.closings += 1
    elif kind == "order_rejected" and record["command"] == "place_order":
        order.rejections += record["code"] != "ORDER_KEY_REUSED"


def one_state(
    accepted: Collection[str], log: Mapping[str, Told], views: Mapping[str, Mapping[str, State]]
) -> Check:
    """Every accepted order was taken in or refused once and ended once at most, and all agree.

    Args:
        accepted: orders that got a 2xx.
        log: what their facts add up to.
        views: each view's word on orders, by the view's name.
    """
    wrong = Counter(
        problem
        for order_id in accepted
        for problem in _problems(order_id, log.get(order_id), views)
    )
    states = Counter(log[order_id].state().status for order_id in accepted if order_id in log)
    numbers = ", ".join(f"{count:,} {status}" for status, count in sorted(states.items()))
    numbers += f" = {sum(states.values()):,}, accepted {len(accepted):,}"
    numbers += "".join(f"; {count:,} {problem}" for problem, count in wrong.most_common())
    return Check("each accepted order in one state, by log, API and ClickHouse", not wrong, numbers)


def _problems(
    order_id: str, told: Told | None, views: Mapping[str, Mapping[str, State]]
) -> Iterable[str]:
    if told is None:
        yield "lost in the log"
        return
    if told.creations + told.rejections != 1:
        yield "begun more or less than once"
    if told.ends > 1:
        yield "ended more than once"
    for name, states in views.items():
        if order_id not in states:
            yield f"unknown to {name}"
        elif states[order_id] != told.state():
            yield f"differ in {name}"


def once_each(rows: int, trades: int, quantity: int, log_quantity: int) -> Check:
    """ClickHouse shows as many rows as there are trades, and the GPUs that the log sold."""
    equal = rows == trades and quantity == log_quantity
    numbers = f"{rows:,} rows, {trades:,} trades; {quantity:,} GPUs, in the log {log_quantity:,}"
    return Check("each trade once in ClickHouse", equal, numbers)
