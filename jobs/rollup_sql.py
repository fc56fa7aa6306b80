"""The telemetry rollups as Flink SQL: text, and nothing else.

`readings` is a table of the fields of a GpuReading with the append time of each, so the same
statements run over the log and, in tests, over a file.

- *Time* is the readings' own. It is taken as no later than the append time: a node whose clock is
  ahead, or a forged time, makes nobody else's readings late.
- *A reading is counted once*: identity is node, GPU and timestamp, so copies share their window.
- *A reading is late* if it was appended more than five seconds after it was measured, or if the
  watermark has passed it. The first holds of all that a window may have dropped, also right after a
  restart, when windows remember a watermark that the source does not. The second holds besides
  where a partition was idle. Some late readings still found their window open, which does no harm.
- *The windows of a minute are not made of those of ten seconds*, so that a reading which is late
  for ten seconds still counts in its minute.
"""

from collections.abc import Iterator
from typing import Final

from schemas import contract
from schemas.bounds import ROLLED_UP, STATISTICS
from schemas.readings import LABELS

OUT_OF_ORDER_SECONDS: Final = 5
IDLE_SECONDS: Final = 5
"""A partition without readings for so long holds nobody's time back."""
NODE_SECONDS: Final = 10
MINUTE_SECONDS: Final = 60
ROLLUP_SECONDS: Final = (NODE_SECONDS, MINUTE_SECONDS)

READINGS: Final = "readings"
ROLLUPS: Final = "rollups"
LATE: Final = "late_readings"

_TYPES: Final = {"string": "STRING", "long": "BIGINT", "int": "INT", "double": "DOUBLE"}


def readings_columns(append_time: str) -> str:
    """The columns of `readings`; the append time is of this kind of column."""
    return f"""{_columns("GpuReading")},
            append_time TIMESTAMP(3) NOT NULL{append_time},
            WATERMARK FOR `timestamp`
                AS LEAST(`timestamp`, append_time) - INTERVAL '{OUT_OF_ORDER_SECONDS}' SECOND"""


def rollups_columns() -> str:
    """The columns of `rollups`."""
    return _columns("TelemetryRollup")


def late_columns() -> str:
    """The columns of `late_readings`."""
    return _columns("GpuReading")


def views() -> Iterator[str]:
    """The readings of each window, every reading once."""
    for seconds in ROLLUP_SECONDS:
        yield f"""
        CREATE TEMPORARY VIEW readings_of_{seconds} AS
        SELECT * FROM (
            SELECT
                *,
                ROW_NUMBER() OVER (
                    PARTITION BY window_start, window_end, node_id, gpu_index, `timestamp`
                    ORDER BY `timestamp`
                ) AS copy_number
            FROM TABLE(
                TUMBLE(TABLE {READINGS}, DESCRIPTOR(`timestamp`), INTERVAL '{seconds}' SECOND)
            )
        )
        WHERE copy_number = 1"""


def inserts() -> Iterator[str]:
    """What goes into `rollups` and `late_readings`."""
    yield _rollup(NODE_SECONDS, "(node_id)", "'node'")
    which = """CASE
                    WHEN GROUPING(node_id) = 0 THEN 'node'
                    WHEN GROUPING(cluster_id) = 0 THEN 'cluster'
                    ELSE 'market'
                END"""
    yield _rollup(MINUTE_SECONDS, "(node_id), (cluster_id), (gpu_type, region)", which)
    yield f"""
        INSERT INTO {LATE}
        SELECT {_names("GpuReading")}
        FROM {READINGS}
        WHERE append_time > `timestamp` + INTERVAL '{OUT_OF_ORDER_SECONDS}' SECOND
            OR `timestamp` <= CURRENT_WATERMARK(`timestamp`)"""


def _rollup(seconds: int, scopes: str, which: str) -> str:
    """Windows of so long by each of these keys; what all readings of one say is its greatest."""
    labels = ", ".join(f"MAX({name}) AS {name}" for name in sorted(LABELS))
    statistics = ",\n                ".join(
        f"AVG({name}) AS {name}_mean, PERCENTILE({name}, 0.95) AS {name}_p95, "
        f"MAX({name}) AS {name}_max"
        for name in ROLLED_UP
    )
    told = "".join(f",\n            {name}_{each}" for name in ROLLED_UP for each in STATISTICS)
    return f"""
        INSERT INTO {ROLLUPS}
        SELECT
            `scope`,
            CASE `scope` WHEN 'node' THEN node_id WHEN 'cluster' THEN cluster_id
                ELSE gpu_type || '/' || region END,
            window_start, {seconds}, 0, samples,
            IF(`scope` = 'cluster', '', gpu_type), region,
            IF(`scope` = 'market', '', cluster_id), IF(`scope` = 'market', '', provider_id),
            IF(`scope` = 'node', node_id, ''){told}
        FROM (
            SELECT
                {which} AS `scope`,
                window_start, COUNT(*) AS samples, {labels},
                {statistics}
            FROM readings_of_{seconds}
            GROUP BY window_start, window_end, GROUPING SETS ({scopes})
        )"""


def _columns(record: str) -> str:
    fields = contract.records()[record]["fields"]
    return ",\n            ".join(f"`{each['name']}` {_type(each['type'])}" for each in fields)


def _type(kind: str | dict[str, str]) -> str:
    """Flink's type of a field; all times are of the logical type timestamp-millis."""
    return f"{'TIMESTAMP(3)' if isinstance(kind, dict) else _TYPES[kind]} NOT NULL"


def _names(record: str) -> str:
    return ", ".join(f"`{field['name']}`" for field in contract.records()[record]["fields"])
