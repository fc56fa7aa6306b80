"""The rollups on the running market: from the log to the table, corrections included."""

import time
from contextlib import closing
from typing import Any

import pytest

from jobs import kafka
from jobs.contract import clickhouse
from schemas import registry
from schemas.names import TELEMETRY_GPU
from schemas.settings import Settings
from tests.jobs import rollup_reference as reference
from tests.jobs.rollup_reference import Found, Key

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
PATIENCE_SECONDS = 120.0


def recent(log: list[Found]) -> list[Found]:
    """The same log of nodes that no other test has, later than what any other test measured.

    Half an hour ahead: Kafka takes no record that is more than an hour ahead of it.
    """
    begin_ms = (int(time.time()) // 60 + 30) * 60_000
    moved = begin_ms - reference.T0 // 60_000 * 60_000
    labels = ("node_id", "cluster_id", "gpu_type")
    return [
        {
            **each,
            **{name: f"rollup-{each[name]}" for name in labels},
            **{name: each[name] + moved for name in ("timestamp", "append_time")},
        }
        for each in log
    ]


def append(settings: Settings, log: list[Found]) -> None:
    """Append readings, each at the time that it says."""
    with closing(registry.connect(settings)) as schemas:
        encode = schemas.codec().encoder(TELEMETRY_GPU)
    producer = kafka.producer(settings)
    for reading in log:
        value = {name: reading[name] for name in reading if name != "append_time"}
        producer.produce(
            TELEMETRY_GPU,
            key=reading["node_id"].encode(),
            value=encode(value),
            timestamp=reading["append_time"],
        )
        producer.poll(0)
    assert producer.flush(30) == 0


def table(client: Any) -> dict[Key, Found]:
    """What the table has of this test's windows: of each the row that counts."""
    found = client.query(
        "SELECT * FROM telemetry_rollups FINAL WHERE scope_id LIKE 'rollup-%'"
    ).named_results()
    return {reference.key_of(row): row for row in found}


def wrong(told: dict[Key, Found], wanted: dict[Key, Found]) -> list[Key]:
    return [key for key, rollup in wanted.items() if not _is_equal(told.get(key, {}), rollup)]


def _is_equal(told: Found, wanted: Found) -> bool:
    return all(
        told.get(name) == (value if isinstance(value, str) else pytest.approx(value, rel=1e-9))
        for name, value in wanted.items()
    )


def is_late(reading: Found) -> bool:
    return bool(reading["append_time"] > reading["timestamp"] + 5_000)


def test_every_window_comes_out_right_in_the_end(market: Settings) -> None:
    log = recent(reference.random_readings(11))
    wanted = reference.windows(log)
    later_ms = max(each["append_time"] for each in log) + 180_000
    append(market, [each for each in log if not is_late(each)])
    append(market, [{**log[0], "timestamp": later_ms, "append_time": later_ms}])
    with closing(clickhouse(market)) as client:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not table(client):
            assert time.monotonic() < deadline, "no window ends"
            time.sleep(1)
        append(market, [each for each in log if is_late(each)])
        while left := wrong(table(client), wanted):
            assert time.monotonic() < deadline, (len(left), len(wanted), left[:3])
            time.sleep(1)
        told = table(client)
    corrected = [row for row in told.values() if row["version"]]
    assert corrected
    assert all(row["version"] == row["samples"] for row in corrected)
    assert len(corrected) < len(told)
