"""Signals of health: what the SQL makes of a log is the reference's, and what the machine reads."""

import csv
import gc
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs import health_signals, rollup_sql
from jobs.telemetry_rollup import JOB
from schemas import codec, contract, names
from tests.jobs import flink_here
from tests.jobs.health_reference import Found, Signal, changes, signals, silences, troubled_nodes
from tests.jobs.test_rollups import FIELDS, flink_on_files, written
from udfs.node_health import MACHINE, SILENCES

on_flink = flink_here.MARKS


def signalled(folder: Path, log: list[Found]) -> list[Found]:
    """What the statements append, as they would be read: NodeCommands with their key."""
    with (folder / rollup_sql.READINGS).open("w", newline="") as file:
        writer = csv.writer(file)
        for reading in log:
            times = {name: written(reading[name]) for name in ("timestamp", "append_time")}
            writer.writerow(({**reading, **times})[name] for name in (*FIELDS, "append_time"))
    tables = flink_on_files(folder)
    sink = folder / health_signals.SIGNALS
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE {health_signals.SIGNALS} ({health_signals.signals_columns()})
        WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = '{sink}')""")
    statements = tables.create_statement_set()
    for insert in health_signals.inserts():
        statements.add_insert_sql(insert)
    statements.execute().wait()
    return [read(line) for file in sink.iterdir() for line in file.read_text().splitlines()]


def read(line: str) -> Found:
    """A row with its times as milliseconds again."""
    row: Found = json.loads(line)
    body = row[row["kind"]]
    for name in body.keys() & {"measured_at_ms", "heard_at_ms"}:
        at = datetime.fromisoformat(body[name]).replace(tzinfo=UTC)
        body[name] = round(at.timestamp() * 1000)
    return row


@pytest.fixture(scope="module")
def log() -> list[Found]:
    return troubled_nodes(5)


@pytest.fixture(scope="module")
def made(log: list[Found], tmp_path_factory: Any) -> list[Found]:
    rows = signalled(tmp_path_factory.mktemp("signals"), log)
    gc.collect()  # what PyFlink left open is complained about now, where that is ignored
    return rows


class TestOnFlink:
    pytestmark = on_flink

    def test_the_signals_are_the_references(self, log: list[Found], made: list[Found]) -> None:
        told = {Signal(row["log_key"], row["source"], row["source_seq"]) for row in made}
        assert told == signals(log)

    def test_each_signal_says_what_its_reading_said(
        self, log: list[Found], made: list[Found]
    ) -> None:
        said = {(each["node_id"], each["gpu_index"], each["timestamp"]): each for each in log}
        for row in made:
            if row["kind"] == "gpu_status":
                body = row["gpu_status"]
                reading = said[row["log_key"], body["gpu_index"], body["measured_at_ms"]]
                assert body["status"] == reading["status"]
                assert body["temperature"] == reading["temperature"]
                assert row["source_seq"] == body["measured_at_ms"]
            else:
                assert row["source_seq"] == row["node_silence"]["heard_at_ms"]

    def test_the_machine_takes_each(self, made: list[Found]) -> None:
        wire = codec.offline()
        encode, decode = wire.encoder(names.NODES_COMMANDS), wire.decoder(names.NODES_COMMANDS)
        nodes = {row["log_key"]: MACHINE.empty(row["log_key"]) for row in made}
        for row in made:
            fields = {name: row[name] for name in row if name != health_signals.KEY}
            MACHINE.apply(nodes[row["log_key"]], decode(encode(fields)), 1)
        assert {node.health() for node in nodes.values()} == {"offline"}, "all fell silent"


def test_the_readings_of_the_reference_have_every_trouble() -> None:
    """A log without late, repeated or silent nodes would prove little."""
    log = troubled_nodes(5)
    assert len(changes(log)) < len(log) / 2
    assert all(len(silences(log, seconds)) > 10 for seconds in SILENCES)
    late = [each for each in log if each["append_time"] > each["timestamp"] + 5_000]
    assert len(late) > len(log) / 5


def test_the_job_appends_signals_in_the_form_of_the_log() -> None:
    assert names.NODES_COMMANDS in JOB.outputs
    fields = [field["name"] for field in contract.records()["NodeCommand"]["fields"]]
    assert [name for name in fields if f"`{name}`" in health_signals.signals_columns()] == fields
