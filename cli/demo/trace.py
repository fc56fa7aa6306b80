"""The trace as orders: which node is whose, what it asks, and what each task bids.

Everything is a function of the data files and the seed. The rules:

- A type's reference price is the lowest at which any seller of the rate card rents it. The two
  undisclosed types of the trace have none: G2 counts as the median of the disclosed references,
  G3, whose nodes are all of 8 GPUs, as the highest.
- A node belongs to one of the providers and stands in one of the regions, both drawn; it asks the
  reference plus its provider's margin (0 to 15 %) plus its own (0 to 10 %), on the tick. One in ten
  is offered as spot capacity, the others on demand.
- A task bids for as many whole GPUs as it asked for, a share of one counting as one; for one of the
  models that it accepts, drawn by how many GPUs there are of each; for its lifetime, rounded up to
  hours and at most a year. Its limit is the reference less 10 % to plus 40 %, drawn, on the tick.
  One in four wants a region. Best-effort tasks take what is there at once (IOC), one in four of
  them from the spot books; the others wait.
- Tasks arrive as in the trace, sped up; a gap of more than 0.2 s of play is cut to that.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import median_low
from typing import Final, NamedTuple

from udfs.money import MICROS, TICK_MICROS

FOLDER: Final = Path(__file__).resolve().parents[2] / "data"
NODES: Final = FOLDER / "openb_nodes.csv"
TASKS: Final = FOLDER / "openb_tasks.csv"
RATES: Final = FOLDER / "rate_card_2026-10-01.csv"

TYPES: Final = {"V100M16": "V100-16GB", "V100M32": "V100-32GB"}
"""Models of the trace that the catalogue names differently."""
RATED: Final = {
    "A10 24GB": "A10",
    "P100 16GB": "P100",
    "T4 16GB": "T4",
    "V100 16GB": "V100-16GB",
    "V100 32GB": "V100-32GB",
}
"""Rows of the rate card that name a type of the trace."""
VRAM_GB: Final = {
    "A10": 24,
    "G2": 32,
    "G3": 80,
    "P100": 16,
    "T4": 16,
    "V100-16GB": 16,
    "V100-32GB": 32,
}
"""Memory of a GPU; of the undisclosed two, assumed."""
MAX_HOURS: Final = 8760
MAX_GAP_SECONDS: Final = 0.2


class TraceNode(NamedTuple):
    """A row of openb_nodes.csv, its model named as in the catalogue."""

    name: str
    gpu_type: str
    gpu_count: int


class Task(NamedTuple):
    """A row of openb_tasks.csv; no accepted types means any."""

    name: str
    arrival_seconds: int
    gpu_count: int
    gpu_types: tuple[str, ...]
    best_effort: bool
    lifetime_seconds: int


@dataclass(frozen=True, slots=True)
class Supply:
    """A node with its owner, its place and its price."""

    node: TraceNode
    provider: int
    region: str
    price_micros: int
    product: str = "ondemand"


@dataclass(frozen=True, slots=True)
class Bid:
    """A task as a bid, and when to send it, in seconds from the start of the play."""

    at_seconds: float
    task: str
    consumer: int
    gpu_type: str
    quantity: int
    price_micros: int
    duration_hours: int
    region: str | None
    time_in_force: str
    product: str


def read_nodes(path: Path = NODES) -> list[TraceNode]:
    """The nodes of the trace."""
    return [
        TraceNode(row["node"], catalogue_type(row["gpu_model"]), int(row["gpu_count"]))
        for row in _rows(path)
    ]


def read_tasks(path: Path = TASKS) -> list[Task]:
    """The tasks of the trace, in the order of their arrival."""
    tasks = [
        Task(
            name=row["task"],
            arrival_seconds=int(row["arrival_s"]),
            gpu_count=int(row["gpu_count"]),
            gpu_types=tuple(
                dict.fromkeys(
                    catalogue_type(model) for model in row["gpu_spec"].split("|") if model
                )
            ),
            best_effort=row["qos"] == "BE",
            lifetime_seconds=int(row["lifetime_s"]),
        )
        for row in _rows(path)
    ]
    return sorted(tasks, key=lambda task: task.arrival_seconds)


def read_references(path: Path = RATES) -> dict[str, int]:
    """The reference price of each type of the trace, micro-USD per GPU-hour."""
    offers: dict[str, list[int]] = {}
    for row in _rows(path):
        if row["gpu"] in RATED:
            price_micros = int(Decimal(row["usd_per_gpu_hour"]) * MICROS)
            offers.setdefault(RATED[row["gpu"]], []).append(price_micros)
    return with_undisclosed({gpu_type: min(prices) for gpu_type, prices in offers.items()})


def with_undisclosed(references: Mapping[str, int]) -> dict[str, int]:
    """References with those of G2 and G3 by the rule above."""
    known = references.values()
    return {**references, "G2": median_low(known), "G3": max(known)}


def catalogue_type(model: str) -> str:
    """A model of the trace as the catalogue names it."""
    return TYPES.get(model, model)


def offer(
    nodes: Iterable[TraceNode],
    references: Mapping[str, int],
    providers: int,
    regions: Sequence[str],
    seed: int,
) -> list[Supply]:
    """The nodes with owners, places and prices."""
    margins = [Random(f"{seed}:provider:{number}").randint(0, 150) for number in range(providers)]
    return [_offer(node, references, margins, regions, seed) for node in nodes]


def demand(
    tasks: Sequence[Task],
    references: Mapping[str, int],
    gpus: Mapping[str, int],
    consumers: int,
    regions: Sequence[str],
    speed: float,
    seed: int,
) -> list[Bid]:
    """The tasks as bids; `gpus` says how many GPUs there are of each type."""
    moments = schedule([task.arrival_seconds for task in tasks], speed)
    return [
        _bid(task, at, references, gpus, consumers, regions, Random(f"{seed}:{task.name}"))
        for task, at in zip(tasks, moments, strict=True)
    ]


def schedule(arrivals_seconds: Sequence[int], speed: float) -> list[float]:
    """When to send what arrived at these times: `speed` times as fast, long gaps cut."""
    moments: list[float] = []
    now = 0.0
    for index, arrival in enumerate(arrivals_seconds):
        if index:
            now += min((arrival - arrivals_seconds[index - 1]) / speed, MAX_GAP_SECONDS)
        moments.append(now)
    return moments


def gpus_by_type(nodes: Iterable[TraceNode]) -> dict[str, int]:
    """How many GPUs there are of each type."""
    counts: Counter[str] = Counter()
    for node in nodes:
        counts[node.gpu_type] += node.gpu_count
    return dict(counts)


def on_tick(price_micros: int) -> int:
    """The nearest acceptable price, halves up."""
    ticks = (price_micros + TICK_MICROS // 2) // TICK_MICROS
    return max(ticks, 1) * TICK_MICROS


def _offer(
    node: TraceNode,
    references: Mapping[str, int],
    margins_permille: Sequence[int],
    regions: Sequence[str],
    seed: int,
) -> Supply:
    draw = Random(f"{seed}:{node.name}")
    provider = draw.randrange(len(margins_permille))
    permille = 1000 + margins_permille[provider] + draw.randint(0, 100)
    price_micros = on_tick(references[node.gpu_type] * permille // 1000)
    region = draw.choice(regions)
    return Supply(node, provider, region, price_micros, _product(draw.randrange(10) == 0))


def _bid(
    task: Task,
    at_seconds: float,
    references: Mapping[str, int],
    gpus: Mapping[str, int],
    consumers: int,
    regions: Sequence[str],
    draw: Random,
) -> Bid:
    accepted = [gpu_type for gpu_type in task.gpu_types if gpu_type in gpus] or sorted(gpus)
    gpu_type = draw.choices(accepted, [gpus[each] for each in accepted])[0]
    permille = draw.randint(900, 1400)
    return Bid(
        at_seconds=at_seconds,
        task=task.name,
        consumer=draw.randrange(consumers),
        gpu_type=gpu_type,
        quantity=task.gpu_count,
        price_micros=on_tick(references[gpu_type] * permille // 1000),
        duration_hours=duration_hours(task.lifetime_seconds),
        region=draw.choice(regions) if draw.randrange(4) == 0 else None,
        time_in_force="IOC" if task.best_effort else "GTD",
        product=_product(task.best_effort and draw.randrange(4) == 0),
    )


def _product(is_spot: bool) -> str:
    return "spot" if is_spot else "ondemand"


def duration_hours(lifetime_seconds: int) -> int:
    """A lifetime as an order's duration: whole hours, at least one, at most a year."""
    return min(max(-(-lifetime_seconds // 3600), 1), MAX_HOURS)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as file:
        yield from csv.DictReader(file)
