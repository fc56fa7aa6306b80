"""The MCP server with the SDK's own client, in process, on a market in memory.

`python -m tests.api.test_mcp` writes the golden list of tools anew.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from query_api.app import ENDPOINTS
from query_api.commands.keys import scopes_for
from query_api.mcp import AgentsRoute, tool_list
from query_api.preview_tokens import GOOD_FOR_MS
from query_api.tools import TOOLS
from tests.api.conftest import ASK, BID, Caller

GOLDEN = Path(__file__).with_name("mcp_tools.json")
ERAS = ["legacy", "auto"]
"""How a client begins: with the handshake of older versions of MCP, or without."""
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def golden() -> str:
    tools = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tool_list()]
    return json.dumps(tools, indent=1) + "\n"


def web(caller: Caller, **headers: str) -> httpx2.AsyncClient:
    """HTTP to the application of this caller, with its key."""
    key = {"Authorization": f"Bearer {caller.key}"} if caller.key else {}
    transport = httpx2.ASGITransport(app=caller.app)
    return httpx2.AsyncClient(transport=transport, headers={**key, **headers})


@asynccontextmanager
async def agent(caller: Caller, mode: str = "auto") -> AsyncIterator[Client]:
    async with web(caller) as http:
        transport = streamable_http_client("http://market.test/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


class Agent:
    """Calls each tool over a connection of its own: the server remembers nothing between them."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        async with agent(self._caller) as client:
            return await client.call_tool(name, arguments)


async def told(client: Client | Agent, name: str, **arguments: Any) -> Any:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


async def refused(client: Client | Agent, name: str, **arguments: Any) -> Any:
    result = await client.call_tool(name, arguments)
    assert result.is_error, result
    problem = result.structured_content
    assert problem.keys() == {"type", "title", "status", "code", "detail", "errors"}
    return problem


@pytest.fixture
def client(buyer: Caller) -> Agent:
    return Agent(buyer)


# What there is -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ERAS)
async def test_the_list_of_tools_is_as_agreed(buyer, mode):
    async with agent(buyer, mode) as client:
        listed = (await client.list_tools()).tools
        assert client.instructions is not None
        assert "preview_token" in client.instructions
    wanted = json.loads(GOLDEN.read_text())
    assert [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed] == (
        wanted
    ), "see the head of this file"


def test_every_tool_is_an_endpoint_of_the_api_with_its_rights():
    by_place = {(each.method, each.path): each for each in ENDPOINTS}
    for tool in TOOLS:
        own = tool.endpoint
        of_api = by_place[own.method, own.path]
        assert (own.scope, own.role, own.kind) == (of_api.scope, of_api.role, of_api.kind)
        assert own.urgency == of_api.urgency


def test_only_what_reads_is_told_to_be_harmless():
    hints = {tool.name: tool.annotations for tool in tool_list()}
    harmful = {name for name, hint in hints.items() if not hint.read_only_hint}
    assert harmful == {"create_order", "cancel_order"}
    assert all(hints[name].destructive_hint and hints[name].idempotent_hint for name in harmful)


# From a cluster to a fill --------------------------------------------------------------------


@pytest.mark.parametrize("mode", ERAS)
async def test_an_agent_finds_previews_places_and_follows_an_order(buyer, seller, mode):
    await seller("POST", "/orders", {**ASK, "quantity": 2})
    async with agent(buyer, mode) as client:
        (cluster,) = (await told(client, "list_clusters", gpu_type="H100"))["items"]
        assert cluster["gpus"] == [
            {"gpu_type": "H100", "total": 8, "listed": 2, "available": 6, "allocated": 0}
        ]
        costs = await told(
            client, "calculate_costs", gpu_type="H100", quantity=3, duration_hours=24,
            region=cluster["region"],
        )  # fmt: skip
        assert (costs["limit_price"], costs["filled"], costs["unfilled"]) == ("2.0000", 2, 1)
        terms = {
            "type": "bid", "gpu_type": "H100", "quantity": 3, "price": costs["limit_price"],
            "duration_hours": 24, "region": cluster["region"],
        }  # fmt: skip
        preview = await told(client, "preview_order", **terms)
        assert (preview["filled"], preview["limit_cost"]) == (2, "144.000000")
        placing = {**terms, "client_order_id": "o1", "preview_token": preview["preview_token"]}
        placed = await told(client, "create_order", **placing)
        assert (placed["status"], placed["decided"]) == ("partial", True)
        order_id = placed["order_id"]
        assert placed["order"]["filled_quantity"] == 2
        why = await told(client, "explain_order", order_id=order_id)
        assert (why["rests"], why["remaining"], why["opposite"]["orders"]) == (True, 1, 0)
        depth = await told(client, "get_depth", book_id="H100.ondemand", levels=1)
        assert depth["bids"] == [{"price": "2.0000", "quantity": 1, "orders": 1}]
        await seller("POST", "/orders", {**ASK, "quantity": 1})
        assert (await told(client, "get_order", order_id=order_id))["status"] == "filled"
        trades = (await told(client, "list_order_trades", order_id=order_id))["trades"]
        assert [trade["quantity"] for trade in trades] == [2, 1]


async def test_the_same_client_order_id_is_the_same_order(world, client):
    token = (await told(client, "preview_order", **BID))["preview_token"]
    placing = {**BID, "client_order_id": "once", "preview_token": token}
    first = await told(client, "create_order", **placing)
    again = await told(client, "create_order", **placing)
    assert first["order_id"] == again["order_id"]
    world.clock.advance(GOOD_FOR_MS)
    token = (await told(client, "preview_order", **BID))["preview_token"]
    later = await told(client, "create_order", **{**placing, "preview_token": token})
    assert later["order_id"] == first["order_id"]
    assert (await told(client, "list_orders"))["total"] == 1
    assert (await told(client, "list_orders", status="active", limit=1))["total"] == 1


async def test_an_order_that_is_not_decided_in_time_is_told_as_that(world, client):
    token = (await told(client, "preview_order", **BID))["preview_token"]
    world.market.held_back = True
    placed = await told(client, "create_order", **BID, client_order_id="x", preview_token=token)
    assert (placed["status"], placed["decided"], placed["order"]) == ("pending", False, None)
    late = await told(client, "cancel_order", order_id=placed["order_id"])
    assert (late["done"], "in the log" in late["detail"]) == (False, True)


async def test_an_order_is_cancelled(client):
    token = (await told(client, "preview_order", **BID))["preview_token"]
    placed = await told(client, "create_order", **BID, client_order_id="x", preview_token=token)
    done = await told(client, "cancel_order", order_id=placed["order_id"])
    assert done == {"done": True, "detail": None}
    problem = await refused(client, "cancel_order", order_id=placed["order_id"])
    assert (problem["status"], problem["code"]) == (409, "ORDER_NOT_OPEN")


async def test_a_provider_asks_for_its_nodes_and_their_health(seller):
    async with agent(seller) as client:
        (node,) = (await told(client, "list_nodes"))["items"]
        health = await told(client, "get_node_health", node_id=node["id"])
        assert (health["status"], len(health["gpus"])) == (node["status"], 8)
        readings = await told(client, "get_node_readings", node_id=node["id"])
        assert readings == {"node_id": node["id"], "gpus": [], "node": None}
        assert (await told(client, "get_spot_price"))["items"] == []
        token = (await told(client, "preview_order", **ASK))["preview_token"]
        placed = await told(client, "create_order", **ASK, client_order_id="a", preview_token=token)
        assert placed["status"] == "pending"


# What protects an agent from itself ----------------------------------------------------------


async def test_nothing_is_placed_that_was_not_previewed(world, buyer, client):
    before = len(world.market.log)
    token = (await told(client, "preview_order", **BID))["preview_token"]
    wrong = [
        {"quantity": 400}, {"price": "25"}, {"preview_token": "made up"}, {"preview_token": "€"},
        {"preview_token": token[:-1] + "x"}, {"type": "ask", "region": "us-west-2"},
    ]  # fmt: skip
    for change in wrong:
        placing = {**BID, "client_order_id": "x", "preview_token": token, **change}
        problem = await refused(client, "create_order", **placing)
        codes = {error["pointer"] for error in problem["errors"]}
        assert (problem["status"], codes) == (422, {"/preview_token"})
    for missing in ("client_order_id", "preview_token"):
        placing = {**BID, "client_order_id": "x", "preview_token": token}
        del placing[missing]
        problem = await refused(client, "create_order", **placing)
        (error,) = problem["errors"]
        assert error["pointer"] == f"/{missing}"
        assert error["rule"].startswith("required:")
    other = await world.caller("consumer", account_id=buyer.account_id)
    async with agent(other) as another:
        problem = await refused(
            another, "create_order", **BID, client_order_id="x", preview_token=token
        )
        assert problem["errors"][0]["pointer"] == "/preview_token"
    world.clock.advance(GOOD_FOR_MS)
    problem = await refused(client, "create_order", **BID, client_order_id="x", preview_token=token)
    assert "preview again" in problem["errors"][0]["rule"]
    assert len(world.market.log) == before


async def test_a_keys_amount_binds_its_agent(world, buyer):
    wanted = {"name": "agent", "max_order_cost": 100}
    made = (await buyer("POST", "/auth/api-keys", wanted)).body
    client = Agent(Caller(world.app, buyer.account_id, made["key"]))
    problem = await refused(client, "preview_order", **BID)
    assert (problem["status"], problem["code"]) == (403, "LIMIT_KEY")


async def test_terms_by_default_are_the_same_terms(client):
    token = (await told(client, "preview_order", **BID))["preview_token"]
    spelt = {**BID, "price": 2.5, "product": "ondemand", "post_only": False}
    placed = await told(client, "create_order", **spelt, client_order_id="x", preview_token=token)
    assert placed["order"]["price"] == "2.5000"


# Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "scope", "arguments"),
    [
        ("create_order", "orders:write", {**BID, "client_order_id": "x", "preview_token": "x"}),
        ("cancel_order", "orders:write", {"order_id": UNKNOWN}),
        ("preview_order", "orders:read", BID),
        ("get_spot_price", "market:read", {}),
        ("get_node_health", "providers:read", {"node_id": UNKNOWN}),
    ],
)
async def test_a_missing_scope_is_a_clear_refusal(world, name, scope, arguments):
    scopes = [each for each in scopes_for(["consumer"]) if each != scope]
    async with agent(await world.caller("consumer", scopes=scopes)) as client:
        problem = await refused(client, name, **arguments)
    assert (problem["status"], problem["code"]) == (403, "FORBIDDEN")
    assert problem["detail"] == f"this needs the scope {scope}, which this key has not"


async def test_refusals_are_those_of_the_api(buyer, client):
    for name, path, arguments in (
        ("preview_order", "/orders/preview", {**BID, "quantity": 0, "price": "x", "color": 1}),
        ("preview_order", "/orders/preview", {**BID, "gpu_type": "H99"}),
        ("calculate_costs", "/pricing/calculate", {"gpu_type": "H100", "quantity": 1.0}),
    ):
        of_api = await buyer("POST", path, arguments)
        assert of_api.status == 422
        assert await refused(client, name, **arguments) == of_api.body
    for name, path, arguments in (
        ("get_order", f"/orders/{UNKNOWN}", {"order_id": UNKNOWN}),
        ("explain_order", f"/orders/{UNKNOWN}/explain", {"order_id": UNKNOWN}),
    ):
        of_api = await buyer("GET", path)
        assert of_api.status == 404
        assert await refused(client, name, **arguments) == of_api.body
    of_api = await buyer("GET", "/orders", limit=0, status="open", more=1)
    assert await refused(client, "list_orders", limit=0, status="open", more=1) == of_api.body


@pytest.mark.parametrize(
    ("name", "arguments", "pointer"),
    [
        ("get_order", {}, "/order_id"),
        ("get_order", {"order_id": 5}, "/order_id"),
        ("list_orders", {"limit": "x"}, "/limit"),
        ("list_orders", {"limit": [1]}, "/limit"),
        ("list_orders", {"limit": True}, "/limit"),
        ("preview_order", {**BID, "region": "\ud800"}, None),
        ("preview_order", {**BID, "price": float("nan")}, None),
    ],
)
async def test_bad_arguments_are_named_and_never_a_fault(buyer, name, arguments, pointer):
    body = {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    }  # fmt: skip
    async with web(
        buyer, Accept="application/json", **{"Content-Type": "application/json"}
    ) as http:
        reply = await http.post("http://market.test/mcp", content=json.dumps(body))
    assert reply.status_code in (200, 400), reply.text
    if reply.status_code == 200:
        result = reply.json()["result"]
        assert result["isError"]
        problem = result["structuredContent"]
        assert problem["status"] in (400, 422)
        if pointer:
            assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_an_unknown_tool_is_named(buyer):
    async with agent(buyer) as client:
        with pytest.raises(MCPError, match="no tool 'buy_all', only list_clusters"):
            await client.call_tool("buy_all", {})


async def test_a_server_that_is_away_is_named(world, client):
    world.market.away.add("market_data")
    problem = await refused(client, "preview_order", **BID)
    assert (problem["status"], problem["code"]) == (503, "DEPENDENCY_UNAVAILABLE")


# The door ------------------------------------------------------------------------------------


async def knock(caller: Caller, method: str = "POST", **headers: str) -> httpx2.Response:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    async with web(caller, Accept="application/json, text/event-stream", **headers) as http:
        return await http.request(method, "http://market.test/mcp", json=ping)


async def test_orders_do_not_pass_through_it(buyer, monkeypatch):
    async def passed(*_: Any) -> None:
        raise AssertionError("an order came this way")

    monkeypatch.setattr(AgentsRoute, "__call__", passed)
    assert (await buyer("POST", "/orders", BID)).status == 202


async def test_nobody_comes_in_without_a_key(buyer):
    assert (await knock(buyer)).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
    for key in ("", "gpb_wrong"):
        reply = await knock(Caller(buyer.app, buyer.account_id, key))
        assert (reply.status_code, reply.json()["code"]) == (401, "UNAUTHORIZED")
        assert reply.headers["www-authenticate"].startswith("Bearer")


async def test_pages_of_other_origins_are_refused(buyer):
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        reply = await knock(buyer, Origin=origin)
        assert (reply.status_code, reply.json()["code"]) == (403, "FORBIDDEN")
    assert (await knock(buyer, Origin="http://page.test")).status_code == 200


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS"])
async def test_there_are_no_sessions_and_no_streams(buyer, method):
    reply = await knock(buyer, method)
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


async def test_a_body_that_is_too_large_is_refused(buyer):
    async with web(
        buyer, Accept="application/json", **{"Content-Type": "application/json"}
    ) as http:
        reply = await http.post("http://market.test/mcp", content=b" " * (256 * 1024 + 1))
    assert reply.status_code == 413


async def test_each_request_spends_of_the_keys_rate(world, buyer):
    quota = world.ports.limits.policies["reads"].key.quota
    statuses = [(await knock(buyer)).status_code for _ in range(quota + 1)]
    assert statuses[0] == 200
    last = await knock(buyer)
    assert (last.status_code, last.json()["code"]) == (429, "RATE_LIMITED")
    assert int(last.headers["retry-after"]) >= 1


if __name__ == "__main__":
    GOLDEN.write_text(golden())
