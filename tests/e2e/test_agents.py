"""An agent on a market of real servers: the SDK's client over HTTP, from a cluster to a fill."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from cli.session import Session
from schemas.settings import Settings

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
DEADLINE_SECONDS = 20.0


@asynccontextmanager
async def agent(market: Settings, key: str) -> AsyncIterator[Client]:
    url = f"{market.text('API_URL')}/mcp"
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30.0) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


def key_of(market: Settings, role: str) -> str:
    credentials = json.loads((market.path("HOME") / "credentials.json").read_text())
    return str(credentials[role])


async def told(client: Client, name: str, **arguments: Any) -> Any:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result
    return result.structured_content


async def test_an_agent_finds_a_cluster_previews_places_and_follows_an_order_to_its_fill(
    market: Settings, listed_ask: dict[str, Any], region: str
) -> None:
    async with agent(market, key_of(market, "consumer")) as client:
        clusters = await told(client, "list_clusters", gpu_type="B200", region=region)
        listed = [gpus["listed"] for each in clusters["items"] for gpus in each["gpus"]]
        assert sum(listed) >= listed_ask["quantity"] == 4
        wanted = {"gpu_type": "B200", "quantity": 4, "duration_hours": 24, "region": region}
        costs = await told(client, "calculate_costs", **wanted)
        assert (costs["limit_price"], costs["filled"]) == ("2.4000", 4)
        terms = {**wanted, "type": "bid", "price": "2.3000"}
        preview = await told(client, "preview_order", **terms)
        assert (preview["filled"], preview["resting"]) == (0, 4)
        placed = await told(
            client, "create_order", **terms, client_order_id=f"agent {time.time_ns()}",
            preview_token=preview["preview_token"],
        )  # fmt: skip
        assert (placed["status"], placed["decided"]) == ("pending", True)
        order = placed["order_id"]
        change = await _nearest_price(client, order)
        assert change == {"terms": {"price": "2.4000"}, "by": "amend", "filled": 4}
        with Session(market).client("provider", "provider") as seller:
            seller.call("PATCH", f"/orders/{listed_ask['id']}", body={"price": "2.30"})
        assert await _followed(client, order) == ("filled", 4, "2.300000")
        trades = (await told(client, "list_order_trades", order_id=order))["trades"]
        assert sum(trade["quantity"] for trade in trades) == 4


async def test_an_agent_whose_key_may_not_place_is_told_which_scope_it_lacks(
    market: Settings,
) -> None:
    scopes = ["market:read", "orders:read"]
    with Session(market).client("consumer", "consumer") as owner:
        made = owner.post("/auth/api-keys", {"name": "looks only", "scopes": scopes})
    terms = {"type": "bid", "gpu_type": "L4", "quantity": 1, "price": "0.01", "duration_hours": 1}
    async with agent(market, made["key"]) as client:
        preview = await told(client, "preview_order", **terms)
        placing = {**terms, "client_order_id": "x", "preview_token": preview["preview_token"]}
        result = await client.call_tool("create_order", placing)
    assert result.is_error
    problem = result.structured_content
    assert (problem["status"], problem["code"]) == (403, "FORBIDDEN")
    assert "orders:write" in problem["detail"]


async def _nearest_price(client: Client, order_id: str) -> Any:
    """The price at which the book says that the order would fill, once it has it."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        why = await told(client, "explain_order", order_id=order_id)
        if why["rests"]:
            return why["nearest"]["price"]
        await asyncio.sleep(0.1)
    raise AssertionError(f"{order_id} did not come to its book in time")


async def _followed(client: Client, order_id: str) -> tuple[str, int, str]:
    """Status, fills and average price of the order once it is final, or at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        order = await told(client, "get_order", order_id=order_id)
        if order["status"] not in ("pending", "partial") or time.monotonic() > deadline:
            return order["status"], order["filled_quantity"], order["avg_price"]
        await asyncio.sleep(0.1)
