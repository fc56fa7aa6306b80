"""Windows that late readings touched, computed anew from the raw readings in ClickHouse.

Texts and sets, no client in reach: `projection.LateReadings` runs what is written here. What comes
of it is a TelemetryRollup whose version is the number of its samples, so of two results of a window
the one that knows more has the higher version, in whichever order they come.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from jobs.rollups import ROLLUPS, Rollup
from schemas import contract
from schemas.bounds import ROLLED_UP

WINDOWS_A_QUERY: Final = 2_000


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
    return f"{f'max({name})' if name in rollup.labels else repr('')}"


def _tuple(values: Iterable[str | int]) -> str:
    """A tuple of ids and numbers as a literal."""
    return f"({', '.join(map(_literal, values))})"


def _literal(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
