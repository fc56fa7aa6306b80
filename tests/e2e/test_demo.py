"""The demo and the warm-up on a market of real servers: what they check must hold there too."""

import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.session import Session
from schemas.settings import Settings

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_a_short_demo_ends_with_all_checks_equal(market: Settings) -> None:
    arguments = ["demo", "--no-up", "--nodes", "200", "--orders", "300", "--speed", "1000000"]
    result = CliRunner().invoke(app, arguments, obj=Session(market))
    assert result.exit_code == 0, result.output
    assert "10 of 10 checks equal" in result.output
    assert "NOT equal" not in result.output


def test_a_warm_up_leaves_no_order_behind(market: Settings) -> None:
    session = Session(market)
    kept = market.path("HOME") / "warm-up.json"
    of_the_start = kept.read_text()
    result = CliRunner().invoke(app, ["warm-up"], obj=session)
    assert result.exit_code == 0, result.output
    assert "warm after" in result.output
    assert kept.read_text() == of_the_start, "an account of earlier warm-ups serves again"
    assert kept.stat().st_mode & 0o777 == 0o600
    key = json.loads(of_the_start)["key"]
    answer: Any = httpx.get(
        f"{session.url()}/api/v2/orders",
        params={"status": "active"},
        headers={"Authorization": f"Bearer {key}"},
    ).json()
    assert answer["items"] == []
