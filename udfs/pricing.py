"""Prices and averages of prices, exact: integers of micro-USD, rounded once, half to even.

Every price told is a multiple of the tick size (market-rules.md U1). Only the standard deviation is
a floating point number, made of exact sums at the very end.

| what | how |
|---|---|
| utilisation | u = allocated / (allocated + held + available): GPUs of healthy nodes (K3) |
| base price | of nodes that let their price rise, each weighted by its GPUs |
| spot price | base x (1 + 2 u^2), at most so much away from the one before it |
| VWAP | of trades, each price weighted by its GPUs |
"""

from collections.abc import Sequence
from math import sqrt
from operator import add, mul, sub
from typing import Final, NamedTuple, Self

from udfs.money import (
    BASIS_POINTS,
    MAX_PRICE_MICROS,
    MIN_PRICE_MICROS,
    TICK_MICROS,
    divided_half_even,
)

SURGE: Final = 2
"""A market whose every GPU is allocated costs 1 + SURGE times its base price."""


class Supply(NamedTuple):
    """GPUs of healthy nodes by their state (K3), and what those ask whose price may rise."""

    allocated: int = 0
    held: int = 0
    available: int = 0
    surge_gpus: int = 0
    """GPUs of the nodes that have a base price and let it rise."""
    surge_value_micros: int = 0
    """Sum of base price x GPUs over these."""

    def plus(self, other: Self) -> Self:
        """Both together."""
        return type(self)(*map(add, self, other))

    def minus(self, other: Self) -> Self:
        """What is left without the other; of one that is no part of it some numbers below 0."""
        return type(self)(*map(sub, self, other))

    @property
    def gpus(self) -> int:
        """All of them."""
        return self.allocated + self.held + self.available


class Trades(NamedTuple):
    """Trades of one index, as the exact sums that every average of them is made of."""

    trade_count: int = 0
    gpus: int = 0
    value_micros: int = 0
    """Sum of price x GPUs: micro-USD per hour."""
    price_micros: int = 0
    """Sum of the prices."""
    squares: int = 0
    """Sum of the prices' squares."""
    min_micros: int = 0
    max_micros: int = 0
    """Both 0 while there is no trade."""

    def with_more(self, prices: Sequence[int], quantities: Sequence[int]) -> "Trades":
        """These and more, at least one: of each its price in micro-USD and its GPUs."""
        least = min(prices)
        return Trades(
            self.trade_count + len(prices),
            self.gpus + sum(quantities),
            self.value_micros + sum(map(mul, prices, quantities)),
            self.price_micros + sum(prices),
            self.squares + sum(map(mul, prices, prices)),
            min(self.min_micros or least, least),
            max(self.max_micros, *prices),
        )

    @property
    def vwap_micros(self) -> int:
        """The average price of a GPU, to the tick size; 0 while there is no trade."""
        return _to_tick(self.value_micros, self.gpus) if self.gpus else 0

    @property
    def stddev_micros(self) -> float:
        """How far the prices are apart: of the population, each trade counted once."""
        if not self.trade_count:
            return 0.0
        return sqrt(self.trade_count * self.squares - self.price_micros**2) / self.trade_count


def utilization(supply: Supply) -> float:
    """The part of the GPUs that is allocated, for people: prices are made of the integers."""
    return supply.allocated / supply.gpus if supply.gpus else 0.0


def base_price_micros(supply: Supply) -> int:
    """The average base price of a GPU, to the tick size; 0 if no node's price may rise."""
    return _to_tick(supply.surge_value_micros, supply.surge_gpus) if supply.surge_gpus else 0


def spot_price_micros(supply: Supply) -> int:
    """Tell base x (1 + 2 u^2) to the tick size, within the range of prices; 0 if there is no base.

    It is rounded once: the base that it is made of is the exact one.
    """
    if not supply.surge_gpus:
        return 0
    whole = supply.gpus**2
    risen = supply.surge_value_micros * (whole + SURGE * supply.allocated**2)
    return _within_range(_to_tick(risen, supply.surge_gpus * whole))


def limited_micros(wanted_micros: int, last_micros: int, limit_basis_points: int) -> int:
    """The price nearest to the wanted one that is at most so far away from the last one.

    One tick is always allowed, or a very low price could never move. There is no limit where there
    is no last price (0), and a market that wants none (0) keeps its last.

    Args:
        wanted_micros: the price without a limit, a multiple of the tick size.
        last_micros: the price of the step before.
        limit_basis_points: the most that a price may change in a step, in hundredths of a per cent
            of the last.
    """
    if not wanted_micros or not last_micros:
        return wanted_micros or last_micros
    most = last_micros * limit_basis_points // BASIS_POINTS
    step = max(most - most % TICK_MICROS, TICK_MICROS)
    return _within_range(min(max(wanted_micros, last_micros - step), last_micros + step))


def _to_tick(amount: int, divisor: int) -> int:
    """`amount / divisor` as the nearest multiple of the tick size, halves to the even one."""
    return TICK_MICROS * divided_half_even(amount, divisor * TICK_MICROS)


def _within_range(price_micros: int) -> int:
    return min(max(price_micros, MIN_PRICE_MICROS), MAX_PRICE_MICROS)
