"""A file of measured duty cycles as readings of a node's GPUs.

The file tells how busy GPUs of containers were, about once a minute. A GPU of the node plays a
container. What the file does not tell follows from how busy it is, by rules of thumb for a large
GPU: a tenth of the memory and up to 0.6 more, 35 to 80 degrees, 70 to 400 watts.
"""

import csv
import gzip
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from cli.client import Json
from cli.errors import BadUsage
from udfs.telemetry import SLOT_MS, STALE_MS

COLUMNS: Final = ("offset_s", "node", "gpu_duty_cycle_pct")


class Row(NamedTuple):
    """How busy a container's GPU was at a moment of the file."""

    offset_seconds: int
    container: str
    busy: float
    """0 to 1."""


class Due(NamedTuple):
    """Readings that belong to one moment."""

    at_ms: int
    metrics: list[Json]


def read_rows(path: Path) -> list[Row]:
    """The rows of a file, in the order of time.

    Raises:
        BadUsage: it is not there, or not such a file.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", newline="") as file:
            rows = csv.DictReader(file)
            found = [_row(row) for row in rows]
    except (OSError, KeyError, TypeError, ValueError) as error:
        rule = f"a CSV file with the columns {', '.join(COLUMNS)}"
        raise BadUsage(f"{path} must be {rule} ({error})") from None
    return sorted(found, key=lambda row: row.offset_seconds)


def readings(
    rows: Sequence[Row], gpus: int, first: int, start_ms: int, speed: float
) -> Iterator[Due]:
    """What the node's GPUs measure, moment by moment, from `start_ms` on.

    Args:
        rows: the file.
        gpus: how many GPUs the node has.
        first: which container, by its place, GPU 0 plays.
        start_ms: when the file begins.
        speed: how many seconds of the file a second is. No more than one reading in five seconds
            is told of a GPU, however fast that is.

    Raises:
        BadUsage: the file has not so many containers.
    """
    index = _indexes(rows, gpus, first)
    told_slot = -1
    own = (row for row in rows if row.container in index)
    for offset, moment in groupby(own, lambda row: row.offset_seconds):
        at_ms = start_ms + round(offset * 1000 / speed)
        if at_ms // SLOT_MS != told_slot:
            told_slot = at_ms // SLOT_MS
            yield Due(at_ms, [metric(index[row.container], at_ms, row.busy) for row in moment])


def metric(gpu_index: int, at_ms: int, busy: float) -> Json:
    """The reading of a GPU that is so busy."""
    return {
        "gpu_index": gpu_index,
        "timestamp": at_ms,
        "gpu_utilization": busy,
        "memory_utilization": round(0.1 + 0.6 * busy, 4),
        "temperature": round(35 + 45 * busy, 1),
        "power_draw": round(70 + 330 * busy, 1),
        "status": "healthy",
    }


def start_of_past(rows: Sequence[Row], now_ms: int) -> int:
    """When the file began if it ends now.

    Raises:
        BadUsage: that is longer ago than readings may be.
    """
    last_ms = rows[-1].offset_seconds * 1000 if rows else 0
    if last_ms >= STALE_MS:
        raise BadUsage(
            f"readings may be 24 h old, and the file is {last_ms / 3_600_000:.1f} h long"
        )
    return now_ms - last_ms


def _row(row: dict[str, str]) -> Row:
    offset, container, percent = (row[name] for name in COLUMNS)
    return Row(int(offset), container, round(float(percent) / 100, 4))


def _indexes(rows: Iterable[Row], gpus: int, first: int) -> dict[str, int]:
    """Which GPU plays which container."""
    names = sorted({row.container for row in rows})
    played = names[first : first + gpus]
    if len(played) < gpus:
        raise BadUsage(f"the file has {len(names)} containers, too few for {gpus} from {first} on")
    return {name: index for index, name in enumerate(played)}
