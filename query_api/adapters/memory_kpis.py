"""The figures of the whole market, counted from the facts of the market in memory."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, takewhile
from math import inf
from operator import mul
from typing import Any

from query_api import times
from query_api.kpis import (
    DAY_MS,
    HOUR_MS,
    Activity,
    Capacity,
    CapacityAt,
    CapacityFilter,
    Sold,
    SoldFilter,
    SpotPrice,
    Standing,
    hour_of,
)
from query_api.ports import Row, ToldFact
from udfs import money
from udfs.spot_market import EVERYWHERE, SPOT

STATES = ("available", "held", "allocated")


class MemoryKpis:
    """The port `Kpis`."""

    def __init__(
        self, facts: Sequence[ToldFact], prices: Sequence[Row], ask: Callable[[], None]
    ) -> None:
        """Count these facts and price updates, if the views can be asked."""
        self._told = facts
        self._prices = prices
        self._ask = ask

    async def standings(self, now_ms: int) -> tuple[Standing, Standing]:
        return self._standing(now_ms), self._standing(now_ms - DAY_MS)

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

    def _standing(self, at_ms: int) -> Standing:
        end_ms = hour_of(at_ms) + HOUR_MS
        return Standing(
            _value(self._facts("order_matched", at_ms - HOUR_MS, at_ms)),
            self._activity(end_ms - DAY_MS, end_ms),
            self._capacity(end_ms, CapacityFilter(0, end_ms, 1)),
            self._spot_price(at_ms),
        )

    def _activity(self, from_ms: int, to_ms: int) -> Activity:
        trades = list(self._facts("order_matched", from_ms, to_ms))
        return Activity(
            cost_micros=sum(map(_cost, trades)),
            providers=len({trade["seller_id"] for trade in trades}),
            consumers=len({trade["buyer_id"] for trade in trades}),
            filled=sum((t["bid_remaining"] == 0) + (t["ask_remaining"] == 0) for t in trades),
            closed=len(list(self._facts("order_closed", from_ms, to_ms))),
        )

    def _spot_price(self, at_ms: int) -> SpotPrice:
        newest = {
            update["gpu_type"]: update
            for update in sorted(self._prices, key=lambda each: int(each["occurred_at_ms"]))
            if at_ms - HOUR_MS < update["occurred_at_ms"] <= at_ms and _is_spot_price(update)
        }
        gpus = [sum(each[state] for state in STATES) for each in newest.values()]
        prices = [each["spot_price_micros"] for each in newest.values()]
        return SpotPrice(sum(gpus), sum(map(mul, gpus, prices)))

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
        return Capacity(*(sum(fact[state] for fact in newest.values()) for state in STATES))


def _is_spot_price(update: Row) -> bool:
    """Whether it tells what spot GPUs of its type cost everywhere."""
    index = (update["product"], update["region"])
    return index == (SPOT, EVERYWHERE) and int(update["spot_price_micros"]) > 0


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
