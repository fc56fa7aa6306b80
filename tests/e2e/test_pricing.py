"""A trade and a node's price, from the command line to spot prices everywhere."""

from typing import Any

import pytest

from schemas.settings import Settings
from tests.story import Run, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
SECONDS = 60.0
"""Results come every 10 s; a job that was just submitted takes a while longer."""


def test_a_trade_moves_the_spot_price_that_everybody_is_told(run: Run, market: Settings) -> None:
    provider_id = run("provider", "show")["id"]
    run("provider", "verify", provider_id)
    cluster = run("cluster", "create", "pricing", "--region", "us-east-1")["cluster_id"]
    node = run(
        *("node", "register", cluster, "--hostname", "p", "--ip", "10.1.2.5"),
        *("--gpu", "MI300X", "--count", "8", "--vram", "192"),
    )
    run("node", "pricing", node["node_id"], "--price", "2.00", "--surge")

    def price_of(region: str) -> dict[str, Any]:
        found = run("market", "price", "MI300X", "--region", region)["items"]
        return found[0] if found else {}

    def priced_at(price: str) -> bool:
        return price_of("us-east-1").get("spot_price") == price

    assert eventually(lambda: priced_at("2.0000"), "the base price", SECONDS)
    order = ("MI300X", "--product", "spot", "-d", "24h", "-r", "us-east-1")
    run("order", "place", "ask", *order, "-n", "4", "-p", "1.90")
    bid = run("order", "place", "bid", *order, "-n", "2", "-p", "2.10")

    def is_filled() -> bool:
        return bool(run("order", "show", bid["id"])["avg_price"] == "2.000000")

    assert eventually(is_filled, "the trade", SECONDS)

    # 2 of 8 are allocated: 2 x (1 + 2/16)
    assert eventually(lambda: priced_at("2.2500"), "the risen price", SECONDS)
    price = price_of("us-east-1")
    assert (price["allocated"], price["held"], price["available"]) == (2, 2, 4)
    (spot,) = [each for each in price["products"] if each["product"] == "spot"]
    assert spot["avg_price"] == "2.000000"
    (everywhere,) = run("market", "price", "MI300X")["items"]
    assert (everywhere["region"], everywhere["spot_price"]) == (None, "2.2500")

    stored = (
        "SELECT max(spot_price_micros) AS price, max(trade_count) AS trades FROM pricing_updates "
        "WHERE gpu_type = 'MI300X' AND region = 'us-east-1' AND product = 'spot'"
    )

    def is_stored() -> bool:
        (row,) = run("sql", stored)["data"]
        return (int(row["price"]), int(row["trades"])) == (2_250_000, 1)

    assert eventually(is_stored, "rows", SECONDS)
