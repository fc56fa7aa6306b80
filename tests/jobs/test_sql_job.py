"""A job of SQL: what it reads and writes, and from which states it may go on."""

from dataclasses import replace

import pytest

from jobs import telemetry_rollup
from jobs.saved_state import ACCEPTABLE
from jobs.sql_job import SqlJob
from schemas import names

JOB = telemetry_rollup.JOB
WRITTEN = {names.NODES_COMMANDS, names.TELEMETRY_LATE, names.TELEMETRY_ROLLUPS}


def test_its_statements_name_the_topics_that_the_contract_gives_it() -> None:
    text = "\n".join(JOB.tables("kafka:1", "http://registry", "group"))
    assert set(JOB.outputs) == WRITTEN
    assert all(f"'topic' = '{topic}'" in text for topic in (JOB.log, *WRITTEN))
    assert text.count("'properties.bootstrap.servers' = 'kafka:1'") == 4
    assert text.count("'value.avro-confluent.url' = 'http://registry'") == 4
    assert text.count("'properties.group.id' = 'group'") == 1


def test_only_the_same_statements_go_on_from_its_state() -> None:
    other = replace(JOB, inserts=(*JOB.inserts[:-1], JOB.inserts[-1] + " AND FALSE"))
    names_of_states = {JOB.state_name, other.state_name}
    assert len(names_of_states) == 2
    assert all(each.startswith("telemetry_rollup-") for each in names_of_states)
    assert replace(JOB, title="another").state_name == JOB.state_name


def test_neither_other_python_nor_a_log_cut_off_keeps_it_from_starting() -> None:
    assert set(JOB.accepts) == set(ACCEPTABLE)


def test_it_waits_five_seconds_for_a_silent_partition() -> None:
    assert JOB.flink_settings["table.exec.source.idle-timeout"] == "5 s"


def test_only_the_same_settings_go_on_from_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    before = JOB.state_name
    monkeypatch.setattr(
        SqlJob, "flink_settings", {**JOB.flink_settings, "state.backend.type": "rocksdb"}
    )
    assert JOB.state_name != before
