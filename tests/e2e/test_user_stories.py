"""What users do first, with the command line, on a market of real servers.

The fixture `market` is the settings of a running market: its state folder and addresses.
"""

from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.session import Session
from schemas.settings import Settings
from tests.story import Run, eventually

pytestmark = pytest.mark.stack

HOURLY_VOLUME = (
    "SELECT toStartOfHour(timestamp) as hour, sum(quantity * price) as volume_usd FROM trades"
    " WHERE timestamp >= now() - INTERVAL 24 HOUR GROUP BY hour ORDER BY hour"
)
"""As the specification has it, to the letter."""


def test_a_bid_against_a_listed_ask_is_a_trade_everywhere(
    run: Run, listed_ask: dict[str, Any], region: str
) -> None:
    bid = run(
        *("order", "place", "bid", "B200", "--quantity", "3", "--price", "2.60"),
        *("--duration", "24h", "--region", region),
    )
    assert (bid["status"], bid["filled_quantity"], bid["avg_price"]) == ("filled", 3, "2.500000")

    trades = run("order", "show", bid["id"])["trades"]
    assert [(trade["quantity"], trade["price"]) for trade in trades] == [(3, "2.500000")]

    query = f"select * from trades where trade_id = '{trades[0]['id']}'"
    (row,) = eventually(lambda: run("sql", query)["data"])
    assert row["ask_order_id"] == listed_ask["id"]
    assert (int(row["quantity"]), Decimal(str(row["price"]))) == (3, Decimal("2.5"))

    tape = run("market", "trades", "B200.ondemand")["items"]
    assert trades[0]["id"] in [trade["id"] for trade in tape]

    volumes = run("sql", HOURLY_VOLUME)["data"]
    assert sum(Decimal(str(hour["volume_usd"])) for hour in volumes) >= Decimal("7.5")

    run("order", "cancel", listed_ask["id"], "--as", "provider")
    ask = run("order", "show", listed_ask["id"], "--as", "provider")
    assert (ask["status"], ask["filled_quantity"], ask["reason"]) == ("cancelled", 3, "user")


def test_an_order_rests_is_amended_seen_in_the_depth_and_cancelled(
    run: Run, market: Settings
) -> None:
    bid = run("order", "place", "bid", "L40S", "-n", "2", "-p", "0.0100", "-d", "1h")
    assert (bid["status"], bid["remaining"]) == ("pending", 2)
    run("order", "amend", bid["id"], "-p", "0.0200")

    def levels() -> list[dict[str, Any]]:
        bids = run("market", "depth", "L40S.ondemand")["bids"]
        return [level for level in bids if level["price"] == "0.0200"]

    assert eventually(levels)[0]["quantity"] == 2

    def listed() -> bool:
        return bid["id"] in [each["id"] for each in run("order", "list", "-s", "active")["items"]]

    assert eventually(listed)
    why = eventually(lambda: _resting(run("order", "explain", bid["id"])))
    assert why["position"]["quantity"] == 2
    assert why["explanation"][0] == "The bid rests in L40S.ondemand with 2 GPUs open."
    run("order", "cancel", bid["id"])
    assert run("order", "show", bid["id"])["status"] == "cancelled"
    again = CliRunner().invoke(app, ["order", "cancel", bid["id"]], obj=Session(market))
    assert again.exit_code == 1
    assert "ORDER_NOT_OPEN" in again.stderr


def test_a_halted_book_refuses_an_order_until_it_is_resumed(run: Run, market: Settings) -> None:
    bid = [
        "order",
        "place",
        "bid",
        "A10",
        "--product",
        "reserved",
        "-n",
        "1",
        "-p",
        "1",
        "-d",
        "1h",
    ]
    assert run("market", "halt", "A10.reserved")["status"] == "halted"
    refused = CliRunner().invoke(app, bid, obj=Session(market))
    assert refused.exit_code == 1
    assert "BOOK_HALTED" in refused.stderr
    assert run("market", "resume", "A10.reserved")["status"] == "open"
    placed = run(*bid)
    assert placed["status"] == "pending"
    run("order", "cancel", placed["id"])


def test_a_book_recomputed_from_its_log_is_the_running_book(run: Run) -> None:
    for price in ("0.0300", "0.0400"):
        run("order", "place", "bid", "L4", "-n", "1", "-p", price, "-d", "1h")
    verdict = run("replay", "--book", "L4.ondemand")
    assert verdict["equal"]
    assert verdict["compared"] == verdict["facts"] >= 3
    assert verdict["running_hash"] == verdict["replayed_hash"] is not None


def test_a_preview_leaves_the_book_as_it_is(run: Run, listed_ask: dict[str, Any]) -> None:
    order = ("bid", "B200", "-n", "1", "-p", "2.60", "-d", "1h")
    before = run("market", "depth", "B200.ondemand")
    plan = eventually(lambda: _filling(run("order", "preview", *order)))
    assert plan["fills"][0]["quantity"] == 1
    assert run("market", "depth", "B200.ondemand")["book_seq"] >= before["book_seq"]
    assert run("order", "show", listed_ask["id"], "--as", "provider")["filled_quantity"] == 0
    run("order", "cancel", listed_ask["id"], "--as", "provider")


def _filling(plan: dict[str, Any]) -> dict[str, Any] | None:
    return plan if plan["filled"] else None


def _resting(told: dict[str, Any]) -> dict[str, Any] | None:
    return told if told["rests"] else None
