"""What a seed decides before a run: which features are on, how the world is shaped, every move.

Each move carries entropy of its own, so a schedule from which moves were dropped plays the others
with the same luck: that is what makes shrinking work.
"""

import random
from dataclasses import dataclass
from typing import Final, NamedTuple

WORKLOAD: Final = (
    "amend",
    "at_once",
    "available_until",
    "bad_reuse",
    "cancel",
    "cancel_oldest",
    "durations",
    "expiry",
    "halt",
    "health",
    "limits",
    "long_time",
    "maintenance",
    "min_fill",
    "parameters",
    "post_only",
    "regions",
    "relist",
    "remove",
    "reuse",
    "suspend",
    "wait",
)
"""Features of what clients and owners do."""
FAULTS: Final = (
    "api_crash",
    "clickhouse_crash",
    "eviction",
    "failed_checkpoint",
    "job_crash",
    "lost_ack",
    "node_repeat",
    "redis_crash",
    "relay_crash",
    "sink_repeat",
    "skew",
    "timeout",
    "zombie",
)
"""Features of what breaks."""
SWITCHES: Final = (*WORKLOAD, *FAULTS)
MOVES: Final = 500
"""Moves of a schedule; about half of them are of clients and machines that decide."""


class Move(NamedTuple):
    """One step of the world: who moves, and its luck."""

    name: str
    entropy: int


class Shape(NamedTuple):
    """How large the world is."""

    partitions: int
    lanes: int
    cached_rows: int
    books: int
    consumers: int
    providers: int
    most: int
    """Records that a machine or a store takes of a partition at once."""
    price_levels: int
    quantities: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that a run depends on."""

    seed: int
    on: frozenset[str]
    shape: Shape
    moves: tuple[Move, ...]


def schedule(seed: int) -> Schedule:
    """The schedule of a seed."""
    rng = random.Random(seed)
    share = rng.choice((0.25, 0.5, 0.75))
    on = frozenset(name for name in SWITCHES if rng.random() < share)
    shape = Shape(
        partitions=rng.randint(1, 4),
        lanes=rng.randint(1, 3),
        cached_rows=rng.choice((0, 12, 1_000_000)),
        books=rng.randint(1, 3),
        consumers=rng.randint(1, 3),
        providers=rng.randint(1, 2),
        most=rng.choice((1, 3, 12)),
        price_levels=rng.choice((1, 2, 4)),
        quantities=rng.choice(((1, 2, 3), (1, 4, 5, 9), (2, 8), (1, 3, 8, 20))),
    )
    weights = _weights(on, rng)
    names = rng.choices(list(weights), list(weights.values()), k=MOVES)
    return Schedule(seed, on, shape, tuple(Move(name, rng.getrandbits(32)) for name in names))


def _weights(on: frozenset[str], rng: random.Random) -> dict[str, float]:
    """How often each kind of move comes; drawn anew for each seed, so that parts fall behind."""
    usual = {
        "client": 34,
        "owner": 7,
        "api": 14,
        "admission": 16,
        "matching": 16,
        "node_health": 3,
        "relay": 3,
        "redis": 6,
        "clickhouse": 3,
        "late_arrivals": 2,
        "time": 5,
        "checkpoint": 5,
    }
    weights = {name: usual[name] * rng.choice((0.5, 1.0, 1.0, 1.5)) for name in usual}
    crashes = [name for name in FAULTS if name.endswith(("_crash", "eviction")) and name in on]
    return {**weights, **{name: rng.choice((0.5, 1.0, 3.0)) for name in crashes}}
