"""The kinds of windows of telemetry, for Flink's statements and ClickHouse's corrections."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from schemas import contract
from schemas.bounds import ROLLED_UP
from schemas.names import RollupScope

NODE_SECONDS: Final = 10
MINUTE_SECONDS: Final = 60


class Rollup(NamedTuple):
    """One kind of window: whose, and how long."""

    scope: RollupScope
    seconds: int
    key: tuple[str, ...]
    """The fields of a reading that say whose window it is in."""
    labels: tuple[str, ...]
    """What all readings of a window have in common, its key among them."""


_OF_NODE: Final = ("gpu_type", "region", "cluster_id", "provider_id", "node_id")
ROLLUPS: Final = (
    Rollup("node", NODE_SECONDS, ("node_id",), _OF_NODE),
    Rollup("node", MINUTE_SECONDS, ("node_id",), _OF_NODE),
    Rollup("cluster", MINUTE_SECONDS, ("cluster_id",), ("region", "cluster_id", "provider_id")),
    Rollup("market", MINUTE_SECONDS, ("gpu_type", "region"), ("gpu_type", "region")),
)


class Dialect(NamedTuple):
    """How a kind of SQL says what a window tells."""

    start: str
    version: str
    samples: str
    statistics: Mapping[str, str]
    """Of a measure, which stands in each as {}."""
    label: str
    """What all readings of a window say; the label stands in it as {}."""


def fields() -> list[str]:
    """The fields of a TelemetryRollup."""
    return [field["name"] for field in contract.records()["TelemetryRollup"]["fields"]]


def columns(rollup: Rollup, dialect: Dialect) -> Iterator[str]:
    """What each of the fields is, in their order."""
    return (_column(rollup, dialect, name) for name in fields())


def _column(rollup: Rollup, dialect: Dialect, name: str) -> str:
    of_window = {
        "scope": f"'{rollup.scope}'",
        "scope_id": " || '/' || ".join(rollup.key),
        "window_start_ms": dialect.start,
        "window_seconds": str(rollup.seconds),
        "version": dialect.version,
        "samples": dialect.samples,
    }
    if name in of_window:
        return of_window[name]
    measure, _, statistic = name.rpartition("_")
    if measure in ROLLED_UP:
        return dialect.statistics[statistic].format(measure)
    return dialect.label.format(name) if name in rollup.labels else "''"
