"""What readings say of a node's health, as Flink SQL: text, and nothing else.

The statements read `readings` (`jobs.rollup_sql`) and run in the rollup job; what they append to
`nodes.commands` is numbered by the time of the reading that it stands for, so `udfs.node_health`
takes each once and in any order (market-rules.md B5).

- *A change* is a reading that says something else of its GPU than the newest before it, or that
  comes when the node may have been taken for silent since. Readings are compared as they come, not
  by windows: nothing waits for a watermark, and one that is older than its GPU's newest says
  nothing.
- *Silence* is the end of a session of the node, in telemetry's own time: it is told when the
  watermark passes it, so never while ingest stands still, and only of a node that reported.
- *A reading older than a silence says nothing of now*: a session would not take it either, and a
  node that it brought back could not be missed again.
"""

from collections.abc import Iterator
from typing import Any, Final

from jobs import rollup_sql
from schemas import contract
from udfs.node_health import HOT_CELSIUS, SILENCES, TOO_HOT_CELSIUS, UNKNOWN_SECONDS

SIGNALS: Final = "health_signals"
KEY: Final = "log_key"
_ALMOST_SILENT: Final = f"INTERVAL '{UNKNOWN_SECONDS - 1}' SECOND"
"""Whoever was told to be silent has been for longer than this; a change too many does no harm."""
_TYPES: Final = {
    "string": "STRING",
    "long": "BIGINT",
    "int": "INT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
}


def signals_columns() -> str:
    """The columns of `health_signals`: the log's key, then the fields of a NodeCommand."""
    return f"{KEY} STRING NOT NULL,\n            {_fields('NodeCommand')}"


def inserts(readings: str = rollup_sql.READINGS) -> Iterator[str]:
    """What goes into `health_signals`, from a table with the columns of `rollup_sql`."""
    yield _changes(readings)
    for seconds in SILENCES:
        yield _silences(readings, seconds)


def _changes(readings: str) -> str:
    """GPUs' readings that differ from the newest before them, or come after a pause.

    The greatest time so far and the reading before are asked of two windows, for Flink keeps one
    frame in each.
    """
    gpu = "PARTITION BY node_id, gpu_index ORDER BY arrival"
    body = _row("GpuStatus", gpu_index="gpu_index", status="status", temperature="temperature",
                measured_at_ms="measured_at")  # fmt: skip
    return f"""
        INSERT INTO {SIGNALS}
        SELECT {_signal("gpu_status", "'gpu:' || CAST(gpu_index AS STRING)", "measured_at", body)}
        FROM (
            SELECT
                *,
                LAG(severity) OVER ({gpu}) AS severity_before,
                LAG(measured_at) OVER ({gpu}) AS measured_before
            FROM (
                SELECT
                    *,
                    MAX(measured_at) OVER (
                        {gpu} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
                    ) AS newest_at
                FROM (
                    SELECT
                        node_id, gpu_index, status, temperature,
                        CAST(`timestamp` AS TIMESTAMP(3)) AS measured_at,
                        {_severity()} AS severity,
                        COALESCE(CURRENT_WATERMARK(`timestamp`), TIMESTAMP '1970-01-01 00:00:00')
                            AS watermark_then,
                        PROCTIME() AS arrival
                    FROM {readings}
                )
                WHERE measured_at > watermark_then - {_ALMOST_SILENT}
            )
            WHERE measured_at >= newest_at
        )
        WHERE severity_before IS NULL
            OR severity_before <> severity
            OR GREATEST(measured_at, watermark_then) >= measured_before + {_ALMOST_SILENT}"""


def _severity() -> str:
    """As `udfs.node_health.gpu_health` judges, so that what it would tell apart is a change."""
    return f"""CASE
                            WHEN status = 'offline' OR temperature >= {TOO_HOT_CELSIUS} THEN 2
                            WHEN status = 'degraded' OR temperature >= {HOT_CELSIUS} THEN 1
                            ELSE 0
                        END"""


def _silences(readings: str, seconds: int) -> str:
    """The ends of sessions with gaps of so long; the last reading was so long before."""
    body = _row("NodeSilence", silent_seconds=str(seconds), heard_at_ms="heard_at")
    return f"""
        INSERT INTO {SIGNALS}
        SELECT {_signal("node_silence", f"'silence:{seconds}'", "heard_at", body)}
        FROM (
            SELECT node_id, window_end - INTERVAL '{seconds}' SECOND(3) AS heard_at
            FROM TABLE(SESSION(
                TABLE {readings} PARTITION BY node_id,
                DESCRIPTOR(`timestamp`), INTERVAL '{seconds}' SECOND(3)
            ))
            GROUP BY node_id, window_start, window_end
        )"""


def _signal(kind: str, source: str, at: str, body: str) -> str:
    """The columns of a signal: the bodies of other kinds are null."""
    header = {
        "kind": f"'{kind}'",
        "command_id": "''",
        "account_id": "''",
        "source": source,
        "source_seq": f"EXTRACT(EPOCH FROM {at}) * 1000 + EXTRACT(MILLISECOND FROM {at})",
        kind: body,
    }
    fields = contract.records()["NodeCommand"]["fields"]
    columns = [header.get(each["name"]) or f"CAST(NULL AS {_type(each['type'])})"
               for each in fields]  # fmt: skip
    return ",\n            ".join(("node_id", *columns))


def _row(record: str, **values: str) -> str:
    """A body, from the expressions of its fields in their order."""
    return f"CAST(ROW({', '.join(values.values())}) AS {_type(f'gpubroker.{record}')})"


def _fields(record: str) -> str:
    fields = contract.records()[record]["fields"]
    return ", ".join(f"`{each['name']}` {_type(each['type'], required=True)}" for each in fields)


def _type(kind: Any, *, required: bool = False) -> str:
    """Flink's type of a field; a nullable one is a body, all times are timestamp-millis."""
    if isinstance(kind, list):
        return _type(kind[1])
    if isinstance(kind, str) and kind.startswith("gpubroker."):
        return f"ROW<{_fields(kind.removeprefix('gpubroker.'))}>"
    name = "TIMESTAMP(3)" if isinstance(kind, dict) else _TYPES[kind]
    return f"{name} NOT NULL" if required else name
