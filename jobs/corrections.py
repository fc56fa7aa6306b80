"""Windows that late readings touched, computed anew from the raw readings in ClickHouse.

Texts and sets, no client in reach: `projection.LateReadings` runs what is written here. What comes
of it is a TelemetryRollup whose version is the number of its samples, so of two results of a window
the one that knows more has the higher version, in whichever order they come.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from jobs.rollup_sql import MINUTE_SECONDS, NODE_SECONDS
from schemas import contract
from schemas.bounds import ROLLED_UP
from schemas.names import RollupScope

WINDOWS_A_QUERY: Final = 2_000


class Rollup(NamedTuple):
    """One kind of window: whose, and how long."""

    scope: RollupScope
    seconds: int
    key: tuple[str, ...]
    """The fields of a reading that say whose window it is in."""


ROLLUPS: Final = (
    Rollup("node", NODE_SECONDS, ("node_id",)),
    Rollup("node", MINUTE_SECONDS, ("node_id",)),
    Rollup("cluster", MINUTE_SECONDS, ("cluster_id",)),
    Rollup("market", MINUTE_SECONDS, ("gpu_type", "region")),
)
_LABELS: Final = {
    "node": {"gpu_type", "region", "cluster_id", "provider_id", "node_id"},
    "cluster": {"region", "cluster_id", "provider_id"},
    "market": {"gpu_type", "region"},
}
"""What all readings of a window have in common, by its scope."""

Window = tuple[str | int, ...]
"""The key's values, then the start in milliseconds."""


def queries(readings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Queries for all windows that these readings are in; the columns are `fields`."""
    readings = list(readings)
    for rollup in ROLLUPS:
        touched = iter(sorted({_window(rollup, reading) for reading in readings}))
        while some := list(islice(touched, WINDOWS_A_QUERY)):
            yield _query(rollup, some)


def _window(rollup: Rollup, reading: Mapping[str, Any]) -> Window:
    length_ms = rollup.seconds * 1000
    start_ms = reading["timestamp"] // length_ms * length_ms
    return (*(reading[name] for name in rollup.key), start_ms)


def _query(rollup: Rollup, windows: list[Window]) -> str:
    """One pass over the time of these windows; the key alone first, where it leads the order."""
    starts = [int(window[-1]) for window in windows]
    first_ms, after_ms = min(starts), max(starts) + rollup.seconds * 1000
    start = f"intDiv(toUnixTimestamp64Milli(timestamp), {rollup.seconds}000) * {rollup.seconds}000"
    key = ", ".join(rollup.key)
    values = ", ".join(sorted({_tuple(window[:-1]) for window in windows}))
    columns = ",\n    ".join(_column(rollup, name) for name in fields())
    return f"""
SELECT
    {columns}
FROM (
    SELECT *, {start} AS start_ms
    FROM providers_telemetry
    WHERE ({key}) IN ({values})
        AND timestamp >= fromUnixTimestamp64Milli({first_ms}, 'UTC')
        AND timestamp < fromUnixTimestamp64Milli({after_ms}, 'UTC')
        AND ({key}, start_ms) IN ({", ".join(map(_tuple, windows))})
    LIMIT 1 BY node_id, gpu_index, timestamp
)
GROUP BY start_ms, {key}"""


def fields() -> list[str]:
    """The fields of a TelemetryRollup, in the order of the queries' columns."""
    return [field["name"] for field in contract.records()["TelemetryRollup"]["fields"]]


def _column(rollup: Rollup, name: str) -> str:
    """What a field of the record is, in the words of ClickHouse."""
    of_window = {
        "scope": f"'{rollup.scope}'",
        "scope_id": " || '/' || ".join(rollup.key),
        "window_start_ms": "start_ms",
        "window_seconds": str(rollup.seconds),
        "version": "toInt32(count())",
        "samples": "count()",
    }
    if name in of_window:
        return f"{of_window[name]}"
    field, _, statistic = name.rpartition("_")
    if field in ROLLED_UP:
        function = {"mean": "avg", "p95": "quantileExactInclusive(0.95)", "max": "max"}[statistic]
        return f"{function}({field})"
    return f"{f'max({name})' if name in _LABELS[rollup.scope] else repr('')}"


def _tuple(values: Iterable[str | int]) -> str:
    """A tuple of ids and numbers as a literal."""
    return f"({', '.join(map(_literal, values))})"


def _literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
