"""The kinds of windows of telemetry, for Flink's statements and ClickHouse's corrections."""

from typing import Final, NamedTuple

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
