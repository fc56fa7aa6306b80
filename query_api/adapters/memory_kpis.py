"""The figures of the whole market, counted from the facts of the market in memory."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, takewhile
from math import inf
from typing import Any

from query_api import times
from query_api.kpis import (
    Activity,
    Capacity,
    CapacityAt,
    CapacityFilter,
    Sold,
    SoldFilter,
)
from query_api.ports import ToldFact
from udfs import money


class MemoryKpis:
    """The port `Kpis`."""

    def __init__(self, facts: Sequence[ToldFact], ask: Callable[[], None]) -> None:
        """Count these, if the views can be asked."""
        self._told = facts
        self._ask = ask

    async def value_micros(self, from_ms: int, to_ms: int) -> int:
        return _value(self._facts("order_matched", from_ms, to_ms))

    async def activity(self, from_ms: int, to_ms: int) -> Activity:
        trades = list(self._facts("order_matched", from_ms, to_ms))
        spot = [trade for trade in trades if trade["product"] == "spot"]
        return Activity(
            spot_gpus=sum(trade["quantity"] for trade in spot),
            spot_value_micros=_value(spot),
            cost_micros=sum(map(_cost, trades)),
            providers=len({trade["seller_id"] for trade in trades}),
            consumers=len({trade["buyer_id"] for trade in trades}),
            filled=sum((t["bid_remaining"] == 0) + (t["ask_remaining"] == 0) for t in trades),
            closed=len(list(self._facts("order_closed", from_ms, to_ms))),
        )

    async def capacity(self, before_ms: int) -> Capacity:
        return self._capacity(before_ms, CapacityFilter(0, before_ms, 1))

    async def capacities(self, wanted: CapacityFilter) -> list[CapacityAt]:
        begin_ms = wanted.from_ms - wanted.from_ms % wanted.step_ms
        steps = takewhile(lambda at_ms: at_ms < wanted.to_ms, count(begin_ms, wanted.step_ms))
        first_ms = min((f["occurred_at_ms"] for f in self._nodes(wanted)), default=inf)
        return [
            CapacityAt(at_ms, self._capacity(at_ms + wanted.step_ms, wanted))
            for at_ms in steps
            if first_ms < at_ms + wanted.step_ms
        ]

    async def sold(self, wanted: SoldFilter) -> list[Sold]:
        found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for trade in self._facts("order_matched", wanted.from_ms, wanted.to_ms):
            if wanted.seller_id in ("", trade["seller_id"]):
                found[_key(trade, wanted)].append(trade)
        return [
            Sold(
                key,
                len(trades),
                sum(trade["quantity"] for trade in trades),
                sum(trade["quantity"] * trade["duration_seconds"] for trade in trades),
                sum(map(_cost, trades)),
            )
            for key, trades in sorted(found.items())
        ]

    def _facts(self, kind: str, from_ms: int, to_ms: int) -> Iterator[Mapping[str, Any]]:
        self._ask()
        return (
            fact
            for told, fact in self._told
            if told == kind and from_ms <= fact["occurred_at_ms"] < to_ms
        )

    def _nodes(self, wanted: CapacityFilter) -> Iterator[Mapping[str, Any]]:
        return (
            fact
            for fact in self._facts("node_changed", 0, wanted.to_ms)
            if wanted.gpu_type in ("", fact["gpu_type"]) and wanted.region in ("", fact["region"])
        )

    def _capacity(self, before_ms: int, wanted: CapacityFilter) -> Capacity:
        newest = {
            fact["node_id"]: fact
            for fact in self._nodes(wanted)
            if fact["occurred_at_ms"] < before_ms
        }
        states = ("available", "held", "allocated")
        return Capacity(*(sum(fact[state] for fact in newest.values()) for state in states))


def _value(trades: Iterable[Mapping[str, Any]]) -> int:
    return sum(int(trade["quantity"] * trade["price_micros"]) for trade in trades)


def _cost(trade: Mapping[str, Any]) -> int:
    return money.cost_micros(trade["price_micros"], trade["quantity"], trade["duration_seconds"])


def _key(trade: Mapping[str, Any], wanted: SoldFilter) -> str:
    keys = {
        "day": times.told(trade["occurred_at_ms"])[:10],
        "provider": trade["seller_id"],
        "gpu_type": trade["gpu_type"],
    }
    return str(keys[wanted.by])
