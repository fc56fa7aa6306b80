"""Bytes that stop the rollup job, named by the doctor and taken out of the log.

It runs after the rebuild of the views, which refuses where a log has lost its beginning.
"""

import httpx
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from cli.__main__ import app
from cli.session import Session
from schemas.settings import Settings
from tests.e2e.test_doctor import DEADLINE_SECONDS, doctor
from tests.story import eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]


def test_bytes_that_stop_a_job_are_named_and_taken_away(market: Settings) -> None:
    producer = Producer({"bootstrap.servers": market.text("KAFKA_BOOTSTRAP")})
    sent: list[int] = []
    producer.produce(
        "telemetry.gpu", b"junk", partition=2, on_delivery=lambda _, m: sent.append(m.offset())
    )
    producer.flush(10)
    place = f"telemetry.gpu:2:{sent[0]}"

    def named() -> list[str]:
        return [each["do"] for each in doctor(market)["findings"] if place in each["do"]]

    def skipped() -> bool:
        ended = CliRunner().invoke(app, ["doctor", "--skip", place], obj=Session(market))
        return ended.exit_code == 0

    def runs() -> bool:
        url = f"{market.text('FLINK_URL')}/jobs/overview"
        jobs = [each for each in httpx.get(url).json()["jobs"] if "rollup" in each["name"]]
        tasks = jobs[0]["tasks"]
        return jobs[0]["state"] == "RUNNING" and tasks["running"] == tasks["total"]

    assert eventually(lambda: not runs(), "the job's failure", DEADLINE_SECONDS)
    assert eventually(named, "the doctor's finding", DEADLINE_SECONDS)
    assert eventually(skipped, "the skip", DEADLINE_SECONDS)
    assert eventually(runs, "the job", DEADLINE_SECONDS)
    assert not named()
    assert CliRunner().invoke(app, ["doctor", "--skip", place], obj=Session(market)).exit_code == 1
