"""The telemetry rollup job: statements over the log of readings, in the JVM alone. Wiring only.

`rollup_sql` makes the rollups, `health_signals` what the machines of nodes read. All readings come
through one source, so there is one watermark: the one by which a window drops a reading is the one
by which the reading is told to be late.
"""

import json
from collections.abc import Iterator

from jobs import health_signals, rollup_sql
from jobs.sql_job import SqlJob
from schemas import contract
from schemas.names import NODES_COMMANDS, TELEMETRY_GPU, TELEMETRY_LATE, TELEMETRY_ROLLUPS


def tables(kafka: str, registry: str, group: str) -> Iterator[str]:
    """The tables on their topics, then the views."""
    yield f"""
        CREATE TEMPORARY TABLE {rollup_sql.READINGS} (
            {rollup_sql.readings_columns(" METADATA FROM 'timestamp' VIRTUAL")}
        ) WITH (
            {_options(TELEMETRY_GPU, kafka, registry)},
            'properties.group.id' = '{group}',
            'properties.auto.offset.reset' = 'earliest',
            'scan.startup.mode' = 'earliest-offset',
            'scan.parallelism' = '1'
        )"""
    yield f"""
        CREATE TEMPORARY TABLE {rollup_sql.ROLLUPS} (
            {rollup_sql.rollups_columns()}
        ) WITH (
            {_options(TELEMETRY_ROLLUPS, kafka, registry)},
            {_sink(TELEMETRY_ROLLUPS, "scope_id")}
        )"""
    yield f"""
        CREATE TEMPORARY TABLE {rollup_sql.LATE} (
            {rollup_sql.late_columns()}
        ) WITH (
            {_options(TELEMETRY_LATE, kafka, registry)},
            {_sink(TELEMETRY_LATE, "node_id")}
        )"""
    yield f"""
        CREATE TEMPORARY TABLE {health_signals.SIGNALS} (
            {health_signals.signals_columns()}
        ) WITH (
            {_options(NODES_COMMANDS, kafka, registry)},
            'value.fields-include' = 'EXCEPT_KEY',
            {_sink(NODES_COMMANDS, health_signals.KEY)}
        )"""
    yield from rollup_sql.views()


def _options(topic: str, kafka: str, registry: str) -> str:
    return f"""'connector' = 'kafka',
            'topic' = '{topic}',
            'properties.bootstrap.servers' = '{kafka}',
            'value.format' = 'avro-confluent',
            'value.avro-confluent.url' = '{registry}'"""


def _sink(topic: str, key: str) -> str:
    """Without the schema Flink would register one of its own making."""
    schema = json.dumps(contract.expanded(contract.topics()[topic].record)).replace("'", "''")
    return f"""'value.avro-confluent.schema' = '{schema}',
            'value.avro-confluent.subject' = '{topic}-value',
            'key.format' = 'raw',
            'key.fields' = '{key}',
            'sink.delivery-guarantee' = 'at-least-once',
            'properties.acks' = 'all',
            'properties.linger.ms' = '20',
            'properties.enable.idempotence' = 'true'"""


JOB = SqlJob(
    name="telemetry_rollup",
    title="telemetry_rollup: telemetry.gpu → telemetry.rollups",
    log=TELEMETRY_GPU,
    tables=tables,
    inserts=(*rollup_sql.inserts(), *health_signals.inserts()),
    idle_seconds=rollup_sql.IDLE_SECONDS,
)
