"""How many readings a second the rollup job takes: `python -m tests.bench.rollup [--readings N]`.

The job's own statements, in Flink in this process with one slot, from an Avro file of readings to
nowhere; beside it what ClickHouse's engine takes on one thread to read the same file and compute
the same windows, every reading once. CPU time, which a busy machine does not stretch as it does the
clock, of the readings that a larger file has more than a smaller one: starting is not counted.
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
import psutil

from jobs import rollup_sql, rollups, telemetry_rollup
from schemas import contract, settings
from schemas.bounds import ROLLED_UP
from stack import artifacts, java
from stack.program import installed
from tests.bench.fleet import Fleet

FLEET = Fleet(nodes=12_500)
"""20,000 readings a second."""
T0 = 1_790_000_000_000
REPEATED = 0.1
FLINK = {
    "parallelism.default": "1",
    "table.local-time-zone": "UTC",
    "pipeline.object-reuse": "true",
    "taskmanager.memory.managed.size": "64m",
    **{
        key: value
        for key, value in telemetry_rollup.JOB.flink_settings.items()
        if key.startswith(("table.", "state."))
    },
}


def readings(count: int) -> Iterator[dict[str, Any]]:
    """So many readings with the times of their append; besides, a tenth of them again."""
    chance = random.Random(5)
    for told in FLEET.readings(T0, count):
        told |= {"append_time": told["timestamp"] + 100}
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
    """CPU time of Flink's JVM for the job on the file."""
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
    began = _jvm_seconds()
    statements.execute().wait()
    return _jvm_seconds() - began


def _jvm_seconds() -> float:
    """CPU time of all children of this process, of which one is Flink's JVM."""
    times = [each.cpu_times() for each in psutil.Process().children(recursive=True)]
    return sum(each.user + each.system for each in times)


def engine_seconds(file: Path) -> float:
    """The same windows by ClickHouse's engine, from the file, on one thread."""
    statistics = ", ".join(
        f"avg({name}), quantileExactInclusive(0.95)({name}), max({name})" for name in ROLLED_UP
    )
    began = time.process_time()
    for rollup in rollups.ROLLUPS:
        chdb.query(
            f"SELECT {', '.join(rollup.key)}, intDiv(timestamp, {rollup.seconds}000) AS start, "
            f"count(), {statistics} FROM (SELECT DISTINCT * REPLACE "
            f"(toUnixTimestamp64Milli(timestamp) AS timestamp) FROM file('{file}', 'Avro')) "
            f"GROUP BY ALL FORMAT Null SETTINGS max_threads = 1"
        )
    return time.process_time() - began


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
        "JVM_ARGS": "-Xmx1500m -XX:ActiveProcessorCount=1 -XX:+UseParallelGC",
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rollup", description=__doc__)
    parser.add_argument("--readings", type=int, default=1_000_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = folder / "small.avro", folder / "large.avro"
        count = parser.parse_args().readings
        records = -write(small, count // 4) + write(large, count)
        prepare(folder)
        flink_seconds(small)  # what a JVM has not compiled yet is no ceiling
        readers = {"the rollup job": flink_seconds, "ClickHouse's engine": engine_seconds}
        taken = {name: read(large) - read(small) for name, read in readers.items()}
    print("| reader | µs a reading | readings/s of a core | to the engine |")
    print("|---|---:|---:|---:|")
    for reader, seconds in taken.items():
        ratio = taken["ClickHouse's engine"] / seconds
        cost = 1e6 * seconds / records
        print(f"| {reader} | {cost:.1f} | {records / seconds:,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
