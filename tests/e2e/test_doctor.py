"""`gpubroker doctor` on a running market: well, then with a dead letter."""

import json
from typing import Any

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from cli.__main__ import app
from cli.session import Session
from schemas.settings import Settings
from tests.story import eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
DEADLINE_SECONDS = 60.0


def doctor(market: Settings) -> dict[str, Any]:
    ended = CliRunner().invoke(app, ["doctor", "--json"], obj=Session(market))
    found: dict[str, Any] = json.loads(ended.output)
    return found


def test_a_running_market_is_looked_at_whole(market: Settings) -> None:
    told = doctor(market)
    assert told["market"] == "running"
    assert not [each for each in told["findings"] if each["severity"] == "error"]
    assert not [each for each in told["findings"] if "could not be looked at" in each["what"]]


def test_a_dead_letter_is_told_with_reason_and_place(market: Settings) -> None:
    producer = Producer({"bootstrap.servers": market.text("KAFKA_BOOTSTRAP")})
    producer.produce("orders.created", key=b"x", value=b"poison", partition=2)
    producer.flush(10)

    def told() -> list[str]:
        letters = [each for each in doctor(market)["findings"] if each["about"] == "dead letters"]
        lines = [line for each in letters for line in each["details"]]
        return [line for line in lines if "orders.created partition 2" in line]

    assert eventually(told, "the dead letter", DEADLINE_SECONDS)
