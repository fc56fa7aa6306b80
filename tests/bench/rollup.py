"""How many readings a second the rollup job takes: `python -m tests.bench.rollup [--readings N]`.

The job's own statements, in Flink in this process with one slot, from an Avro file of readings to
nowhere; beside it what ClickHouse's engine takes on one thread to read the same file and compute
the same windows, every reading once.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chdb
import fastavro

from jobs import corrections, rollup_sql
from schemas import contract, settings
from schemas.bounds import ROLLED_UP
from stack import artifacts, java
from stack.program import installed

NODES = 1_000
GPUS = 8
SLOT_MS = 5_000
T0 = 1_790_000_000_000
REPEATED = 0.1
FLINK = {
    "parallelism.default": "1",
    "table.local-time-zone": "UTC",
    "pipeline.object-reuse": "true",
    "state.backend.type": "rocksdb",
    "taskmanager.memory.managed.size": "256m",
}


def readings(count: int) -> Iterator[dict[str, Any]]:
    """So many readings in the order of time, as a log of 1,000 nodes has them; a tenth repeated."""
    chance = random.Random(5)
    for number in range(count):
        slot, gpu = divmod(number, NODES * GPUS)
        node, index = divmod(gpu, GPUS)
        at_ms = T0 + slot * SLOT_MS + gpu * SLOT_MS // (NODES * GPUS)
        told = {
            "node_id": f"6b1f3c52-8f0e-4c57-9a3e-{node:012d}",
            "cluster_id": f"6b1f3c52-8f0e-4c57-9a3f-{node // 50:012d}",
            "provider_id": f"6b1f3c52-8f0e-4c57-9a40-{node // 200:012d}",
            "region": ("us-west-2", "us-east-1")[node % 2],
            "gpu_type": ("H100", "A10", "A100")[node % 3],
            "gpu_index": index,
            "timestamp": at_ms,
            "gpu_utilization": round(chance.random(), 2),
            "memory_utilization": round(chance.random(), 2),
            "temperature": float(chance.randrange(30, 90)),
            "power_draw": float(chance.randrange(60, 700)),
            "status": "healthy",
            "append_time": at_ms + 100,
        }
        yield told
        if chance.random() < REPEATED:
            yield told


def write(file: Path, count: int) -> int:
    """Write an Avro file of readings; return how many records are in it."""
    schema = contract.expanded("GpuReading")
    time_type = {"type": "long", "logicalType": "timestamp-millis"}
    fields = [*schema["fields"], {"name": "append_time", "type": time_type}]
    written = 0

    def counted() -> Iterator[dict[str, Any]]:
        nonlocal written
        for reading in readings(count):
            written += 1
            yield reading

    with file.open("wb") as out:
        fastavro.writer(out, {**schema, "fields": fields}, counted())
    return written


def flink_seconds(file: Path) -> float:
    """The job's run time on the file."""
    from pyflink.common import Configuration
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.table import StreamTableEnvironment

    configuration = Configuration()
    for key, value in FLINK.items():
        configuration.set_string(key, value)
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    tables = StreamTableEnvironment.create(environment)
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE {rollup_sql.READINGS} ({rollup_sql.readings_columns("")})
        WITH ('connector' = 'filesystem', 'format' = 'avro', 'path' = '{file}')""")
    for name, columns in (
        (rollup_sql.ROLLUPS, rollup_sql.rollups_columns()),
        (rollup_sql.LATE, rollup_sql.late_columns()),
    ):
        tables.execute_sql(
            f"CREATE TEMPORARY TABLE {name} ({columns}) WITH ('connector' = 'blackhole')"
        )
    for view in rollup_sql.views():
        tables.execute_sql(view)
    statements = tables.create_statement_set()
    for insert in rollup_sql.inserts():
        statements.add_insert_sql(insert)
    began = time.monotonic()
    statements.execute().wait()
    return time.monotonic() - began


def engine_seconds(file: Path) -> float:
    """The same windows by ClickHouse's engine, from the file, on one thread."""
    statistics = ", ".join(
        f"avg({name}), quantileExactInclusive(0.95)({name}), max({name})" for name in ROLLED_UP
    )
    began = time.monotonic()
    for rollup in corrections.ROLLUPS:
        chdb.query(
            f"SELECT {', '.join(rollup.key)}, intDiv(timestamp, {rollup.seconds}000) AS start, "
            f"count(), {statistics} FROM (SELECT DISTINCT * REPLACE "
            f"(toUnixTimestamp64Milli(timestamp) AS timestamp) FROM file('{file}', 'Avro')) "
            f"GROUP BY ALL FORMAT Null SETTINGS max_threads = 1"
        )
    return time.monotonic() - began


def prepare(folder: Path) -> None:
    """A class path with Flink's Avro, before the JVM starts."""
    distribution = installed("pyflink")
    lib = folder / "lib"
    lib.mkdir()
    jars = [
        *distribution.glob("lib/*.jar"),
        *distribution.glob("opt/flink-python-*.jar"),
        *artifacts.paths(settings.from_environment(), "flink"),
    ]
    for jar in jars:
        (lib / jar.name).symlink_to(jar)
    os.environ |= {
        "JAVA_HOME": str(java.HOME),
        "FLINK_HOME": str(distribution),
        "FLINK_LIB_DIR": str(lib),
        "JVM_ARGS": "-Xmx1g -XX:ActiveProcessorCount=1",
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rollup", description=__doc__)
    parser.add_argument("--readings", type=int, default=1_000_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "readings.avro"
        records = write(file, parser.parse_args().readings)
        prepare(folder)
        flink_seconds(file)  # what a JVM has not compiled yet is no ceiling
        taken = {"the rollup job": flink_seconds(file), "ClickHouse's engine": engine_seconds(file)}
    print("| reader | seconds | readings/s | to the engine |")
    print("|---|---:|---:|---:|")
    for reader, seconds in taken.items():
        ratio = taken["ClickHouse's engine"] / seconds
        print(f"| {reader} | {seconds:.1f} | {records / seconds:,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
