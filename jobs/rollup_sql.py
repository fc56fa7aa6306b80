"""The telemetry rollups as Flink SQL: text, and nothing else.

`readings` is a table of the fields of a GpuReading with the append time of each, so the same
statements run over the log and, in tests, over a file.

- *Time* is the readings' own. It is taken as no later than the append time: a node whose clock is
  ahead, or a forged time, makes nobody else's readings late.
- *A reading is counted once*: its identity is node, GPU and timestamp, and short windows by that
  identity come before all others, so that copies are one row there. The longer windows are made of
  these rows. So there is something to do all the time, and little left when a window ends.
- *A reading is late* if it was appended more than five seconds after it was measured, or if the
  watermark has passed it. The first holds of all that a window may have dropped, also right after a
  restart, when windows remember a watermark that the source does not. The second holds besides
  where a partition was idle. Some late readings still found their window open, which does no harm.
"""

from collections.abc import Iterator
from typing import Final

from jobs import rollups
from jobs.rollups import Dialect, Rollup
from schemas import contract
from schemas.bounds import ROLLED_UP
from schemas.readings import LABELS

OUT_OF_ORDER_SECONDS: Final = 5
ONCE_SECONDS: Final = 1
"""The windows of which all others are made; what they last is a divisor of what those do."""
IDLE_SECONDS: Final = 5
"""A partition without readings for so long holds nobody's time back."""

READINGS: Final = "readings"
ONCE: Final = "readings_once"
ROLLUPS: Final = "rollups"
LATE: Final = "late_readings"

FLINK: Final = Dialect(
    start="window_start",
    version="0",
    samples="COUNT(*)",
    statistics={"mean": "AVG({})", "p95": "PERCENTILE({}, 0.95)", "max": "MAX({})"},
    label="{}",
)
_LABELS: Final = tuple(sorted(LABELS))
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
    """Every reading once, with a time for longer windows."""
    labels = ", ".join(_LABELS)
    measured = ", ".join(f"MAX({name}) AS {name}" for name in ROLLED_UP)
    yield f"""
        CREATE TEMPORARY VIEW {ONCE} AS
        SELECT window_time AS row_time, {labels}, {measured}
        FROM TABLE(
            TUMBLE(TABLE {READINGS}, DESCRIPTOR(`timestamp`), INTERVAL '{ONCE_SECONDS}' SECOND)
        )
        GROUP BY
            window_start, window_end, window_time, {labels}, gpu_index, `timestamp`"""


def inserts() -> Iterator[str]:
    """What goes into `rollups` and `late_readings`."""
    for rollup in rollups.ROLLUPS:
        yield _rollup(rollup)
    yield f"""
        INSERT INTO {LATE}
        SELECT {_names("GpuReading")}
        FROM {READINGS}
        WHERE append_time > `timestamp` + INTERVAL '{OUT_OF_ORDER_SECONDS}' SECOND
            OR `timestamp` <= CURRENT_WATERMARK(`timestamp`)"""


def _rollup(rollup: Rollup) -> str:
    """Windows of one kind."""
    columns = ",\n            ".join(rollups.columns(rollup, FLINK))
    return f"""
        INSERT INTO {ROLLUPS}
        SELECT
            {columns}
        FROM TABLE(
            TUMBLE(TABLE {ONCE}, DESCRIPTOR(row_time), INTERVAL '{rollup.seconds}' SECOND)
        )
        GROUP BY window_start, window_end, {", ".join(rollup.labels)}"""


def _columns(record: str) -> str:
    fields = contract.records()[record]["fields"]
    return ",\n            ".join(f"`{each['name']}` {_type(each['type'])}" for each in fields)


def _type(kind: str | dict[str, str]) -> str:
    """Flink's type of a field; all times are of the logical type timestamp-millis."""
    return f"{'TIMESTAMP(3)' if isinstance(kind, dict) else _TYPES[kind]} NOT NULL"


def _names(record: str) -> str:
    return ", ".join(f"`{field['name']}`" for field in contract.records()[record]["fields"])
