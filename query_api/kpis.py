"""What the views tell of the market as a whole, and the figures that follow from it."""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, Protocol

from udfs import money

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Grouping = Literal["day", "provider", "gpu_type"]


class Activity(NamedTuple):
    """What was traded, and which orders ended, in some time."""

    cost_micros: int = 0
    """What the leases cost that were sold, over their whole duration."""
    filled: int = 0
    """Orders that were filled to the last GPU."""
    closed: int = 0
    """Orders that ended otherwise."""
    providers: int = 0
    consumers: int = 0

    @property
    def fill_rate(self) -> float | None:
        """Of the orders that ended, how many were filled."""
        return ratio(self.filled, self.filled + self.closed)


class Capacity(NamedTuple):
    """GPUs in the market by their state (market-rules.md K3); those away from it are in none."""

    available: int = 0
    held: int = 0
    allocated: int = 0

    @property
    def utilization(self) -> float | None:
        """Which part is leased."""
        return ratio(self.allocated, sum(self))


class SpotPrice(NamedTuple):
    """The spot prices of all GPU types that have one, each weighted by its type's GPUs."""

    gpus: int = 0
    value_micros: int = 0
    """Sum of GPUs × price."""


class Standing(NamedTuple):
    """How the market stood at a moment."""

    value_micros: int
    """Sum of quantity × price of the trades of the 60 minutes before it."""
    activity: Activity
    """Of 24 hours of the clock, the one that it is in included."""
    capacity: Capacity
    """At the end of the hour that it is in, or now."""
    spot: SpotPrice
    """As told last, at most an hour before."""


class CapacityAt(NamedTuple):
    """GPUs as they stood when the time that begins here ended."""

    at_ms: int
    capacity: Capacity


class CapacityFilter(NamedTuple):
    """Of when, in steps of how long, and of which GPUs ("" = all)."""

    from_ms: int
    to_ms: int
    """Not included."""
    step_ms: int
    gpu_type: str = ""
    region: str = ""


class Sold(NamedTuple):
    """Leases that were sold."""

    key: str
    """The day, account or GPU type that they are of."""
    trades: int
    gpus: int
    gpu_seconds: int
    cost_micros: int


class SoldFilter(NamedTuple):
    """Of which days, grouped by what, and of which seller ("" = all)."""

    from_ms: int
    to_ms: int
    """Not included."""
    by: Grouping
    seller_id: str = ""


class Kpis(Protocol):
    """The figures of the whole market."""

    async def standings(self, now_ms: int) -> tuple[Standing, Standing]:
        """How the market stands now, and stood 24 hours before."""
        ...

    async def capacities(self, wanted: CapacityFilter) -> list[CapacityAt]:
        """Oldest first, of whole hours; nothing for what is before the first node."""
        ...

    async def sold(self, wanted: SoldFilter) -> list[Sold]:
        """By key."""
        ...


def ratio(part: int, whole: int) -> float | None:
    """A part of a whole, 0 to 1; None of nothing."""
    return round(part / whole, 6) if whole else None


def hour_of(at_ms: int) -> int:
    """The beginning of the hour that a moment is in."""
    return at_ms - at_ms % HOUR_MS


def day_of(at_ms: int) -> int:
    """The beginning of the day, in UTC, that a moment is in."""
    return at_ms - at_ms % DAY_MS


def fees_micros(costs_micros: Iterable[int], basis_points: int) -> Iterator[int]:
    """The platform's fee on each of these, so that they sum to the fee on their sum."""
    cost = told = 0
    for each in costs_micros:
        cost += each
        fee = money.fee_micros(cost, basis_points)
        yield fee - told
        told = fee
