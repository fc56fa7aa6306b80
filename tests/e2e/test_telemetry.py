"""A node from its registration to its readings everywhere, with the command line."""

from pathlib import Path
from typing import Any

import pytest

from schemas.settings import Settings
from tests.story import Run, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
DATA = Path(__file__).resolve().parents[2] / "data" / "gpu_duty_cycle.csv.gz"


def test_a_node_enrols_and_replays_a_day_that_is_seen_everywhere(
    run: Run, market: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = run("cluster", "create", "telemetry", "--region", "us-east-1")["cluster_id"]
    node = run(
        *("node", "register", cluster, "--hostname", "t", "--ip", "10.1.2.4"),
        *("--gpu", "A10", "--count", "2", "--vram", "24"),
    )
    node_id = node["node_id"]
    key = run("agent", "enrol", node_id, node["onboarding_token"])
    assert key["prefix"] in {
        each["prefix"] for each in run("key", "list", "--as", "provider")["items"]
    }

    sent = run("agent", "telemetry", node_id, "--replay", str(DATA), "--past")
    assert set(sent) == {"accepted"}
    assert sent["accepted"] > 2_500
    again = run("agent", "telemetry", node_id, "--replay", str(DATA), "--speed", "12",
                "--seconds", "6")  # fmt: skip
    assert again["accepted"] >= 2

    count = f"SELECT count() AS n FROM providers_telemetry FINAL WHERE node_id = '{node_id}'"
    wanted = sum(each.get("accepted", 0) for each in (sent, again))

    def stored() -> bool:
        return int(run("sql", count)["data"][0]["n"]) == wanted

    assert eventually(stored)

    def newest() -> list[Any]:
        gpus = run("node", "telemetry", node_id)["gpus"]
        return [each["gpu_index"] for each in gpus if each["age_seconds"] < 120]

    assert eventually(newest) == [0, 1]
