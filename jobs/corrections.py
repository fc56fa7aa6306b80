"""Windows that late readings touched, computed anew from the raw readings in ClickHouse.

Texts and sets, no client in reach: `projection.LateReadings` runs what is written here. What comes
of it is a TelemetryRollup whose version is the number of its samples, so of two results of a window
the one that knows more has the higher version, in whichever order they come.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from jobs.rollups import ROLLUPS, Dialect, Rollup, columns

WINDOWS_A_QUERY: Final = 2_000
CLICKHOUSE: Final = Dialect(
    start="start_ms",
    version="toInt32(count())",
    samples="count()",
    statistics={"mean": "avg({})", "p95": "quantileExactInclusive(0.95)({})", "max": "max({})"},
    label="max({})",
)
Window = tuple[str | int, ...]
"""The key's values, then the start in milliseconds."""


def queries(readings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Queries for all windows that these readings are in; the columns are `rollups.fields`."""
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
    told = ",\n    ".join(columns(rollup, CLICKHOUSE))
    return f"""
SELECT
    {told}
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


def _tuple(values: Iterable[str | int]) -> str:
    """A tuple of ids and numbers as a literal."""
    return f"({', '.join(map(_literal, values))})"


def _literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
