"""The telemetry rollups: what the SQL makes of a log, with its corrections, is the reference's.

Flink runs in this process, on a file in place of the log; ClickHouse's engine does the corrections.
"""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import chdb.session
import pytest

from jobs import corrections, rollup_sql
from jobs.contract import statements
from jobs.rollups import fields
from schemas import contract, generate
from schemas.bounds import check
from tests.jobs import flink_here
from tests.jobs import rollup_reference as reference
from tests.jobs.rollup_reference import Found, Key

pytestmark = flink_here.MARKS
FIELDS = [field["name"] for field in contract.records()["GpuReading"]["fields"]]
LOGS = {
    "random": lambda: reference.random_readings(7),
    "duty cycle": lambda: reference.duty_cycle_readings(3, 8),
}


def flink_on_files(folder: Path) -> Any:
    """Flink in this process, with the job's tables on files."""
    settings = {
        "table.local-time-zone": "UTC",
        # The watermark goes with the readings, not with the clock: the same run every time.
        "pipeline.auto-watermark-interval": "0 ms",
    }
    tables = flink_here.tables(settings)
    for name, columns, kind in (
        (rollup_sql.READINGS, rollup_sql.readings_columns(""), "csv"),
        (rollup_sql.ROLLUPS, rollup_sql.rollups_columns(), "json"),
        (rollup_sql.LATE, rollup_sql.late_columns(), "json"),
    ):
        tables.execute_sql(f"""
            CREATE TEMPORARY TABLE {name} ({columns}) WITH (
                'connector' = 'filesystem', 'format' = '{kind}', 'path' = '{folder / name}'
            )""")
    for view in rollup_sql.views():
        tables.execute_sql(view)
    return tables


def rolled_up(folder: Path, log: list[Found]) -> tuple[list[Found], list[Found]]:
    """What the job makes of a log: rollups and late readings."""
    with (folder / rollup_sql.READINGS).open("w", newline="") as file:
        writer = csv.writer(file)
        for reading in log:
            times = {name: written(reading[name]) for name in ("timestamp", "append_time")}
            writer.writerow(({**reading, **times})[name] for name in (*FIELDS, "append_time"))
    statements = flink_on_files(folder).create_statement_set()
    for insert in rollup_sql.inserts():
        statements.add_insert_sql(insert)
    statements.execute().wait()
    return read(folder / rollup_sql.ROLLUPS), read(folder / rollup_sql.LATE)


def written(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def read(folder: Path) -> list[Found]:
    """The rows in a folder, with times as milliseconds again."""
    rows = [json.loads(line) for file in folder.iterdir() for line in file.read_text().splitlines()]
    for row in rows:
        for name in row.keys() & {"timestamp", "window_start_ms"}:
            at = datetime.fromisoformat(row[name]).replace(tzinfo=UTC)
            row[name] = round(at.timestamp() * 1000)
    return rows


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    session = chdb.session.Session(str(tmp_path / "clickhouse"))
    for statement in statements(generate.ddl_source()):
        if "telemetry" in statement:
            # A test's readings may be of any time: nothing may end while it runs.
            session.query(statement.replace("INTERVAL 90 DAY", "INTERVAL 90 YEAR"))
    yield session
    session.close()


def keep(session: Any, log: list[Found]) -> None:
    """Write the raw readings, as the projection does."""
    lines = "\n".join(
        json.dumps({name: each[name] for name in FIELDS} | {"timestamp": each["timestamp"] / 1000})
        for each in log
    )
    session.query(f"INSERT INTO providers_telemetry FORMAT JSONEachRow\n{lines}")


def corrected(session: Any, late: list[Found]) -> list[Found]:
    """The rollups that come of late readings."""
    rows = [
        dict(zip(fields(), json.loads(line), strict=True))
        for query in corrections.queries(late)
        for line in str(session.query(query, "JSONCompactEachRow")).splitlines()
    ]
    for row in rows:
        row |= {name: int(row[name]) for name in ("samples", "window_start_ms")}
    return rows


def best(rollups: list[Found]) -> dict[Key, Found]:
    """Of each window the result that counts, as the table has it: that with most samples."""
    kept: dict[Key, Found] = {}
    for rollup in rollups:
        key = reference.key_of(rollup)
        if key not in kept or rollup["samples"] >= kept[key]["samples"]:
            kept[key] = rollup
    return kept


def assert_equal(told: dict[Key, Found], wanted: dict[Key, Found]) -> None:
    assert told.keys() == wanted.keys()
    for key, rollup in wanted.items():
        words = {name for name, value in rollup.items() if isinstance(value, str)}
        numbers = rollup.keys() - words
        assert {name: told[key][name] for name in words} == {name: rollup[name] for name in words}
        assert [told[key][name] for name in numbers] == pytest.approx(
            [rollup[name] for name in numbers], rel=1e-9, abs=1e-9
        ), key


def moment(reading: Found) -> tuple[Any, ...]:
    return reading["node_id"], reading["gpu_index"], reading["timestamp"]


@pytest.mark.parametrize("name", LOGS)
def test_every_window_is_the_references(name: str, tmp_path: Path, session: Any) -> None:
    log = LOGS[name]()
    wanted = reference.windows(log)
    rollups, late = rolled_up(tmp_path, log)
    assert {rollup["version"] for rollup in rollups} == {0}
    assert len({reference.key_of(rollup) for rollup in rollups}) == len(rollups)

    assert {moment(each) for each in late} >= {
        moment(each) for each in log if each["append_time"] > each["timestamp"] + 5_000
    }
    touched = {key for reading in late for key in reference.windows_of(reading)}
    on_time = {key: value for key, value in wanted.items() if key not in touched}
    streamed = best(rollups)
    assert_equal({key: streamed[key] for key in on_time}, on_time)
    assert any(streamed.get(key, {}).get("samples") != wanted[key]["samples"] for key in touched)

    keep(session, log)
    amended = corrected(session, late)
    assert {reference.key_of(each) for each in amended} == touched
    assert all(each["version"] == each["samples"] for each in amended)
    assert_equal(best(rollups + amended), wanted)
    assert_equal(best(amended + rollups), wanted)
    judge = check("TelemetryRollup")
    for rollup in rollups + amended:
        judge(rollup)
