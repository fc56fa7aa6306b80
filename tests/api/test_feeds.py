"""The feeds on a market in memory: who may listen, what is told, and that nothing is missing."""

import asyncio
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from query_api.adapters.memory_feeds import MemoryFeedLog, MemoryJobs, MemoryTopics
from query_api.commands.keys import new_key
from query_api.feeds import asyncapi, switchboard
from query_api.feeds.connection import FeedLimits
from query_api.feeds.feed import Keep
from query_api.feeds.service import FeedService
from tests.api.conftest import ASK, BID, Caller, World
from tests.api.feeds_client import FeedClient
from tests.builders import spot_price

ORIGIN = "http://127.0.0.1:10355"
BOOK = "H100.ondemand"


@dataclass
class Feeds:
    """The feeds of a market, and the topics that they follow."""

    world: World
    topics: MemoryTopics
    log: MemoryFeedLog
    service: FeedService
    jobs: MemoryJobs

    def connect(self, path: str, **headers: str) -> FeedClient:
        return FeedClient(self.service, path, **headers)

    async def enter(self, path: str, caller: Caller, **more: Any) -> FeedClient:
        client = self.connect(path)
        answer = await client.enter(caller.key, **more)
        assert "result" in answer, answer
        return client

    async def settle(self) -> None:
        await self.topics.settle()

    async def restarted(self, begins_at: int = 0, **keep: float) -> "Feeds":
        """The feeds after a restart; records before the so manieth are not followed again."""
        await self.log.stop()
        return await started(self.world, self.topics, begins_at)


async def started(world: World, topics: MemoryTopics, begins_at: int = 0) -> Feeds:
    log, jobs = MemoryFeedLog(topics, begins_at), MemoryJobs()
    service = FeedService(
        world.ports,
        log,
        jobs,
        topics.decoders(),
        limits=FeedLimits(queue_bytes=20_000, authentication_seconds=0.2, connections=50),
        keep=Keep(),
        origins=frozenset({ORIGIN}),
    )
    await service.switchboard.start()
    return Feeds(world, topics, log, service, jobs)


DOCUMENT = asyncapi.document()


@functools.cache
def described(message: str) -> Draft202012Validator:
    """What the document says of a message."""
    reference = {"$ref": f"#/components/messages/{message}/payload"}
    return Draft202012Validator({**DOCUMENT, **reference}, format_checker=FormatChecker())


def name_of(client: FeedClient, message: Any) -> str:
    """The message's name in the document."""
    if "method" in message:
        return str(message["method"])
    if "error" in message:
        return "error"
    return f"{client.asked.get(message['id'], 'ping')}.result"


@pytest.fixture(autouse=True)
def _everything_told_is_as_documented() -> Iterator[None]:
    FeedClient.every.clear()
    yield
    for client in FeedClient.every:
        for message in client.messages:
            described(name_of(client, message)).validate(message)


@pytest.fixture
async def feeds(world: World) -> Feeds:
    return await started(world, MemoryTopics(world.market))


# Who may listen


async def test_a_key_in_the_first_message_subscribes(feeds: Feeds, buyer: Caller) -> None:
    client = feeds.connect("/ws/orders/me")
    answer = await client.enter(buyer.key)
    assert answer["result"] == {
        "account_id": buyer.account_id,
        "channel": f"/ws/orders/{buyer.account_id}",
        "resumed": False,
        "heartbeat_seconds": 10.0,
    }
    assert [each.get("method") for each in client.messages] == [None, "orders.snapshot"]


async def test_a_key_as_subprotocol_subscribes_without_a_message(
    feeds: Feeds, buyer: Caller
) -> None:
    offered = f"gpubroker.v1, bearer.{buyer.key}"
    client = feeds.connect("/ws/pricing", subprotocols=offered)
    await client.settle()
    assert client.accepted["subprotocol"] == "gpubroker.v1"
    assert [each["method"] for each in client.messages] == ["pricing.snapshot"]


@pytest.mark.parametrize(
    ("message", "code", "name", "closed"),
    [
        ("{", -32700, "INVALID_JSON", 4400),
        ("[]", -32600, "INVALID_REQUEST", 4400),
        ('{"jsonrpc":"2.0","method":"ping"}', -32600, "INVALID_REQUEST", 4400),
        ('{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600, "INVALID_REQUEST", 4400),
        ('{"jsonrpc":"2.0","id":1,"method":"ping"}', -32001, "UNAUTHORIZED", 4401),
        ('{"jsonrpc":"2.0","id":1,"method":"authenticate"}', -32602, "INVALID_PARAMS", 4400),
        (
            '{"jsonrpc":"2.0","id":1,"method":"authenticate","params":{"key":"gpb_no"}}',
            -32001,
            "UNAUTHORIZED",
            4401,
        ),
        (
            '{"jsonrpc":"2.0","id":1,"method":"authenticate","params":{"key":"x","y":1}}',
            -32602,
            "UNKNOWN_FIELD",
            4400,
        ),
        (
            '{"jsonrpc":"2.0","id":1,"method":"authenticate","%s":1}' % ("😀" * 64),
            -32600,
            "INVALID_REQUEST",
            4400,
        ),
    ],
)
async def test_what_is_no_authentication_is_refused_and_closed(
    feeds: Feeds, message: str, code: int, name: str, closed: int
) -> None:
    client = feeds.connect("/ws/pricing")
    client.send(message)
    await client.settle()
    (refusal,) = client.messages
    assert (refusal["error"]["code"], refusal["error"]["data"]["code"]) == (code, name)
    assert client.closed == closed


async def test_binary_messages_are_refused(feeds: Feeds) -> None:
    client = feeds.connect("/ws/pricing")
    client.send(b"{}")
    await client.settle()
    assert client.closed == 4400


async def test_who_says_nothing_is_closed(feeds: Feeds) -> None:
    client = feeds.connect("/ws/pricing")
    async with asyncio.timeout(2):
        while client.closed is None:
            await asyncio.sleep(0.01)
    assert client.closed == 4408
    assert client.messages == []


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/ws/orders/me", "orders:read"),
        ("/ws/pricing", "market:read"),
        (f"/ws/market/{BOOK}", "market:read"),
        ("/ws/telemetry/0b7e1d3a-2c4f-4f6e-9f0a-5d1c2b3a4e61", "telemetry:read"),
        ("/ws/admin/control", "admin"),
    ],
)
async def test_each_channel_needs_its_scope(
    feeds: Feeds, world: World, path: str, scope: str
) -> None:
    scopes = {"orders:read", "market:read", "telemetry:read", "admin"} - {scope}
    caller = await world.caller("admin", scopes=sorted(scopes))
    client = feeds.connect(path)
    answer = await client.enter(caller.key)
    assert answer["error"]["code"] == -32003
    assert scope in answer["error"]["message"]
    assert client.closed == 4403


async def test_control_needs_the_role(feeds: Feeds, world: World) -> None:
    caller = await world.caller("consumer", scopes=["admin"])
    client = feeds.connect("/ws/admin/control")
    assert "platform_admin" in (await client.enter(caller.key))["error"]["message"]
    assert client.closed == 4403


async def test_foreign_and_unknown_channels_are_alike(
    feeds: Feeds, world: World, buyer: Caller
) -> None:
    other = await world.caller("consumer")
    details = set()
    for name in (other.account_id, "0b7e1d3a-2c4f-4f6e-9f0a-5d1c2b3a4e61", "nobody"):
        client = feeds.connect(f"/ws/orders/{name}")
        error = (await client.enter(buyer.key))["error"]
        details.add(error["message"].replace(name, "X"))
        assert (error["code"], client.closed) == (-32004, 4404)
    assert len(details) == 1


async def test_foreign_and_unknown_clusters_are_alike(
    feeds: Feeds, world: World, seller: Caller
) -> None:
    cluster_id = next(iter(world.registry._clusters))
    other = await world.caller("provider")
    for name, caller in ((cluster_id, other), ("0b7e1d3a-2c4f-4f6e-9f0a-5d1c2b3a4e61", seller)):
        client = feeds.connect(f"/ws/telemetry/{name}")
        assert (await client.enter(caller.key))["error"]["code"] == -32004
        assert client.closed == 4404


async def test_a_nodes_key_is_for_its_node_alone(
    feeds: Feeds, world: World, seller: Caller
) -> None:
    cluster_id, node = next(iter(world.registry._clusters)), next(iter(world.registry._nodes))
    key, row = new_key(seller.account_id, "n", [], ["telemetry:read"], 0, None, node)
    await world.registry.add_key(row)
    client = feeds.connect(f"/ws/telemetry/{cluster_id}")
    assert (await client.enter(key.text))["error"]["code"] == -32004


async def test_a_book_that_is_not_in_the_catalogue_has_no_channel(
    feeds: Feeds, buyer: Caller
) -> None:
    client = feeds.connect("/ws/market/H100.futures")
    assert (await client.enter(buyer.key))["error"]["code"] == -32004
    assert client.closed == 4404


async def test_pages_of_other_origins_are_refused(feeds: Feeds, buyer: Caller) -> None:
    client = feeds.connect("/ws/pricing", origin="http://elsewhere")
    await client.settle()
    assert client.refusal is not None
    assert (client.refusal[0], client.refusal[1]["code"]) == (403, "FORBIDDEN")
    allowed = feeds.connect("/ws/pricing", origin=ORIGIN)
    assert "result" in await allowed.enter(buyer.key)


async def test_an_unknown_path_is_refused(feeds: Feeds) -> None:
    client = feeds.connect("/ws/nothing")
    await client.settle()
    assert client.refusal is not None
    assert client.refusal[0] == 404


async def test_there_is_a_bound_on_connections(feeds: Feeds) -> None:
    every = [feeds.connect("/ws/pricing") for _ in range(51)]
    for client in every:
        await client.settle()
    assert [client.refusal and client.refusal[0] for client in every] == [None] * 50 + [503]
    for client in every[:50]:
        await client.leave()


async def test_a_revoked_keys_connections_are_closed(feeds: Feeds, world: World) -> None:
    caller = await world.caller("consumer")
    kept = await feeds.enter("/ws/pricing", await world.caller("consumer"))
    client = await feeds.enter("/ws/pricing", caller)
    me = (await caller("GET", "/auth/me")).body
    await caller("DELETE", f"/auth/api-keys/{me['key_id']}")
    await feeds.service.part_from_revoked()
    assert (client.closed, kept.closed) == (4401, None)


async def test_an_expired_keys_connections_are_closed(feeds: Feeds, world: World) -> None:
    caller = await world.caller("consumer", expires_at_ms=world.clock.now_ms() + 1_000)
    client = await feeds.enter("/ws/pricing", caller)
    await feeds.service.part_from_revoked()
    assert client.closed is None
    world.clock.advance(2_000)
    await feeds.service.part_from_revoked()
    assert client.closed == 4401


async def test_revoked_keys_are_looked_for_again_whatever_fails(
    feeds: Feeds, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await world.caller("consumer")
    client = await feeds.enter("/ws/pricing", caller)
    me = (await caller("GET", "/auth/me")).body
    await caller("DELETE", f"/auth/api-keys/{me['key_id']}")
    failures, revoked = [RuntimeError("broken")], world.ports.keys.revoked

    async def broken_once(seconds: float) -> Any:
        if failures:
            raise failures.pop()
        return await revoked(seconds)

    async def is_started() -> None:
        """It follows already."""

    monkeypatch.setattr(world.ports.keys, "revoked", broken_once)
    monkeypatch.setattr("query_api.feeds.service.REVOKED_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(feeds.service.switchboard, "start", is_started)
    await feeds.service.start()
    async with asyncio.timeout(2):
        while client.closed is None:
            await asyncio.sleep(0.01)
    await feeds.service.stop()
    assert (failures, client.closed) == ([], 4401)


# Requests


async def test_requests_are_answered_with_their_id(feeds: Feeds, buyer: Caller) -> None:
    client = await feeds.enter("/ws/pricing", buyer)
    assert (await client.ask("ping"))["result"]["at"].endswith("Z")
    client.send('{"jsonrpc":"2.0","id":"seven","method":"ping"}')
    await client.settle()
    assert client.messages[-1]["id"] == "seven"


@pytest.mark.parametrize("method", ["authenticate", "subscribe", "resume"])
async def test_an_empty_id_is_an_id(feeds: Feeds, buyer: Caller, method: str) -> None:
    client = feeds.connect("/ws/pricing")
    params = {"key": buyer.key}
    if method != "authenticate":
        await client.enter(buyer.key)
        params = {"cursor": client.cursor} if method == "resume" else {}
    client.asked[""] = method
    client.send(json.dumps({"jsonrpc": "2.0", "id": "", "method": method, "params": params}))
    await client.settle()
    (answer,) = [each for each in client.messages if each.get("id") == ""]
    assert answer["result"]["resumed"] is (method == "resume")


async def test_a_wrong_request_is_refused_and_the_connection_goes_on(
    feeds: Feeds, buyer: Caller
) -> None:
    client = await feeds.enter("/ws/pricing", buyer)
    client.send("nonsense")
    await client.settle()
    assert client.messages[-1]["error"]["code"] == -32700
    assert (await client.ask("dance"))["error"]["code"] == -32601
    assert (await client.ask("halt_book", book_id=BOOK))["error"]["code"] == -32601
    wrong = (await client.ask("resume", cursor=7))["error"]
    assert (wrong["code"], wrong["data"]["errors"][0]["pointer"]) == (-32602, "/params/cursor")
    assert (await client.ask("authenticate", key="again"))["error"]["code"] == -32602
    assert (await client.ask("ping"))["result"]


@pytest.mark.parametrize("cursor", ["", "x", "AQE", "é", "A" * 2_000, "AQIA" * 3])
async def test_what_is_no_cursor_is_refused(feeds: Feeds, buyer: Caller, cursor: str) -> None:
    client = await feeds.enter("/ws/pricing", buyer)
    error = (await client.ask("resume", cursor=cursor))["error"]
    assert (error["code"], error["data"]["errors"][0]["pointer"]) == (-32602, "/params/cursor")
    assert client.closed is None


async def test_too_many_requests_are_refused(feeds: Feeds, buyer: Caller) -> None:
    client = await feeds.enter("/ws/pricing", buyer)
    for number in range(110):
        client.send(json.dumps({"jsonrpc": "2.0", "id": 100 + number, "method": "ping"}))
    await client.settle()
    answers = [each for each in client.messages if each.get("id", 0) >= 100]
    assert [("result" in each) for each in answers] == [True] * 100 + [False] * 10
    assert answers[-1]["error"]["code"] == -32029


async def test_a_flood_of_nonsense_is_closed(feeds: Feeds, buyer: Caller) -> None:
    client = await feeds.enter("/ws/pricing", buyer)
    for _ in range(101):
        client.send("nonsense")
    await client.settle()
    assert client.closed == 4400


# Orders


async def test_the_life_of_an_order(
    feeds: Feeds, world: World, buyer: Caller, seller: Caller
) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    placed = await buyer("POST", "/orders", BID)
    await seller("POST", "/orders", {**ASK, "quantity": 2})
    await seller("POST", "/orders", {**ASK, "quantity": 2, "price": "2.1"})
    await feeds.settle()
    updates = client.of("order.update")
    assert [each["cause"] for each in updates] == ["created", "matched", "matched"]
    assert [each["status"] for each in updates] == ["pending", "partial", "filled"]
    assert [each["filled_quantity"] for each in updates] == [0, 2, 4]
    assert [each["remaining"] for each in updates] == [4, 2, 0]
    assert updates[-1]["avg_price"] == "2.275000"
    assert updates[-1]["trade"]["quantity"] == 2
    now = (await buyer("GET", f"/orders/{placed.body['order_id']}")).body
    last = {**updates[-1], "id": updates[-1]["order_id"]}
    assert {name: last[name] for name in now} == now


async def test_amended_cancelled_and_refused(feeds: Feeds, buyer: Caller) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    order_id = (await buyer("POST", "/orders", BID)).body["order_id"]
    assert (await buyer("PATCH", f"/orders/{order_id}", {"price": "2.4"})).status < 300
    assert (await buyer("PATCH", f"/orders/{order_id}", {"price": "2.4"})).status == 409
    assert (await buyer("DELETE", f"/orders/{order_id}")).status == 200
    await feeds.settle()
    amended, closed = client.of("order.update")[1:]
    assert (amended["cause"], amended["price"]) == ("amended", "2.4000")
    assert (closed["status"], closed["reason"], closed["remaining"]) == ("cancelled", "user", 0)
    (refused,) = client.of("order.refused")
    assert (refused["order_id"], refused["code"]) == (order_id, "AMEND_NO_CHANGE")


async def test_a_rejected_placement(feeds: Feeds, world: World, buyer: Caller) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    await world.registry.change_account(buyer.account_id, {"suspended": True})
    await buyer("POST", "/orders", BID)
    await feeds.settle()
    (update,) = client.of("order.update")
    assert (update["cause"], update["status"]) == ("rejected", "rejected")
    assert update["code"] == "ACCOUNT_SUSPENDED"


async def test_both_sides_of_a_trade_are_told_their_own_order_and_nobody_elses(
    feeds: Feeds, world: World, buyer: Caller, seller: Caller
) -> None:
    stranger = await feeds.enter("/ws/orders/me", await world.caller("consumer"))
    of_buyer = await feeds.enter("/ws/orders/me", buyer)
    of_seller = await feeds.enter(f"/ws/orders/{seller.account_id}", seller)
    ask_id = (await seller("POST", "/orders", ASK)).body["order_id"]
    bid_id = (await buyer("POST", "/orders", BID)).body["order_id"]
    await feeds.settle()
    assert {each["order_id"] for each in of_seller.of("order.update")} == {ask_id}
    assert {each["order_id"] for each in of_buyer.of("order.update")} == {bid_id}
    assert stranger.of("order.update") == []


async def test_the_snapshot_has_the_open_orders(feeds: Feeds, buyer: Caller) -> None:
    first = (await buyer("POST", "/orders", BID)).body["order_id"]
    second = (await buyer("POST", "/orders", {**BID, "price": "1.5"})).body["order_id"]
    await buyer("DELETE", f"/orders/{first}")
    await feeds.settle()
    (snapshot,) = (await feeds.enter("/ws/orders/me", buyer)).of("orders.snapshot")
    assert [each["order_id"] for each in snapshot["orders"]] == [second]
    assert snapshot["truncated"] is False


async def test_the_snapshot_knows_what_no_view_knows_yet(
    feeds: Feeds, world: World, buyer: Caller
) -> None:
    order_id = (await buyer("POST", "/orders", BID)).body["order_id"]
    await feeds.settle()
    world.market.rows.clear()  # the projection is behind
    (snapshot,) = (await feeds.enter("/ws/orders/me", buyer)).of("orders.snapshot")
    assert [each["order_id"] for each in snapshot["orders"]] == [order_id]


async def test_without_a_snapshot_there_is_no_subscription(
    feeds: Feeds, world: World, buyer: Caller
) -> None:
    await buyer("POST", "/orders", BID)
    world.market.away.add("clickhouse")
    client = feeds.connect("/ws/orders/me")
    error = (await client.enter(buyer.key))["error"]
    assert (error["code"], error["data"]["code"]) == (-32050, "DEPENDENCY_UNAVAILABLE")
    assert client.closed == 1013
    assert feeds.service.switchboard.counts().total() == 0


async def test_orders_are_told_while_redis_is_away(
    feeds: Feeds, world: World, buyer: Caller, seller: Caller
) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    await buyer("POST", "/orders", BID)
    await feeds.settle()
    world.market.away.add("redis")
    await seller("POST", "/orders", ASK)
    await feeds.settle()
    assert client.of("order.update")[-1]["status"] == "filled"


# Resuming


def facts(client: FeedClient) -> list[tuple[str, str, Any]]:
    return [
        (each["order_id"], each["cause"], each["trade"] and each["trade"]["id"])
        for each in client.of("order.update")
    ]


async def test_resuming_tells_what_was_missed_and_each_once(
    feeds: Feeds, buyer: Caller, seller: Caller
) -> None:
    witness = await feeds.enter("/ws/orders/me", buyer)
    client = await feeds.enter("/ws/orders/me", buyer)
    await buyer("POST", "/orders", BID)
    await feeds.settle()
    cursor = client.cursor
    await client.leave()
    await seller("POST", "/orders", {**ASK, "quantity": 1})
    await buyer("POST", "/orders", {**BID, "price": "1.0"})
    await feeds.settle()
    back = feeds.connect("/ws/orders/me")
    answer = await back.enter(buyer.key, cursor=cursor)
    assert answer["result"]["resumed"] is True
    assert back.of("orders.snapshot") == []
    await seller("POST", "/orders", {**ASK, "quantity": 1})
    await feeds.settle()
    assert facts(client) + facts(back) == facts(witness)


async def test_every_cursor_resumes_to_the_same_end_across_a_restart(
    feeds: Feeds, buyer: Caller, seller: Caller
) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    await buyer("POST", "/orders", BID)
    for price in ("2.0", "2.1", "2.2"):
        await seller("POST", "/orders", {**ASK, "quantity": 1, "price": price})
    await buyer("POST", "/orders", {**BID, "gpu_type": "A100-80GB"})
    await feeds.settle()
    told = facts(client)
    assert len(told) == 5
    cursors = [each["params"]["cursor"] for each in client.told]
    again = await feeds.restarted()
    for place, cursor in enumerate(cursors):
        back = again.connect(f"/ws/orders/me?cursor={cursor}")
        assert (await back.enter(buyer.key))["result"]["resumed"] is True
        assert facts(back) == told[place:]
        await back.leave()


async def test_cursors_of_resumed_updates_resume_too(
    feeds: Feeds, buyer: Caller, seller: Caller
) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    start = client.cursor
    await buyer("POST", "/orders", BID)
    for price in ("2.0", "2.1"):
        await seller("POST", "/orders", {**ASK, "quantity": 1, "price": price})
    await feeds.settle()
    told = facts(client)
    back = await feeds.enter("/ws/orders/me", buyer, cursor=start)
    for place, each in enumerate(back.of("order.update"), 1):
        later = await feeds.enter("/ws/orders/me", buyer, cursor=each["cursor"])
        assert facts(later) == told[place:]
        await later.leave()


async def test_resume_as_a_request(feeds: Feeds, buyer: Caller) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    cursor = client.cursor
    assert (await client.ask("unsubscribe"))["result"] == {"subscribed": False}
    await buyer("POST", "/orders", BID)
    await feeds.settle()
    assert client.of("order.update") == []
    answer = await client.ask("resume", cursor=cursor)
    assert answer["result"] == {"subscribed": True, "resumed": True}
    assert len(client.of("order.update")) == 1
    assert (await client.ask("subscribe"))["result"] == {"subscribed": True, "resumed": False}
    assert len(client.of("orders.snapshot")) == 2


async def test_a_cursor_that_is_too_old_means_resync_and_a_snapshot(
    feeds: Feeds, buyer: Caller
) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    cursor = client.cursor
    await buyer("POST", "/orders", BID)
    await feeds.settle()
    again = await feeds.restarted(begins_at=len(feeds.topics.records))
    back = again.connect("/ws/orders/me")
    assert (await back.enter(buyer.key, cursor=cursor))["result"]["resumed"] is False
    assert [each["method"] for each in back.told] == ["resync", "orders.snapshot"]
    assert back.of("resync")[0]["reason"] == "too_old"
    assert len(back.of("orders.snapshot")[0]["orders"]) == 1


async def test_facts_rest_while_nobody_could_go_on_and_who_comes_is_told_a_snapshot(
    feeds: Feeds, world: World, buyer: Caller
) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    cursor = client.cursor
    board = feeds.service.switchboard
    world.market.clock.advance(301_000)
    await board.rest_if_unwanted()
    assert not feeds.log.is_resting  # somebody listens
    await client.leave()
    world.market.clock.advance(299_000)
    await board.rest_if_unwanted()
    assert not feeds.log.is_resting  # the client could come back and go on
    world.market.clock.advance(2_000)
    await board.rest_if_unwanted()
    assert feeds.log.is_resting
    await buyer("POST", "/orders", BID)
    world.market.prices.append(spot_price())
    back = await feeds.enter("/ws/orders/me", buyer, cursor=cursor)
    assert [each["method"] for each in back.told] == ["resync", "orders.snapshot"]
    assert back.of("resync")[0]["reason"] == "too_old"
    assert len(back.of("orders.snapshot")[0]["orders"]) == 1
    await buyer("POST", "/orders", BID)
    await feeds.settle()
    assert len(back.of("order.update")) == 1
    prices = await feeds.enter("/ws/pricing", buyer)
    assert len(prices.of("pricing.snapshot")[0]["prices"]) == 1


async def test_after_a_start_facts_rest_soon_when_nobody_comes_back(
    feeds: Feeds, world: World, buyer: Caller
) -> None:
    board = feeds.service.switchboard
    world.market.clock.advance(59_000)
    await board.rest_if_unwanted()
    assert not feeds.log.is_resting
    world.market.clock.advance(2_000)
    await board.rest_if_unwanted()
    assert feeds.log.is_resting
    await feeds.enter("/ws/orders/me", buyer)
    assert not feeds.log.is_resting


async def test_feeds_that_cannot_be_woken_say_what_is_away(
    feeds: Feeds, world: World, buyer: Caller
) -> None:
    world.market.clock.advance(301_000)
    await feeds.service.switchboard.rest_if_unwanted()
    feeds.log.is_away = True
    client = feeds.connect("/ws/orders/me")
    answer = await client.enter(buyer.key)
    assert answer["error"]["data"]["code"] == "DEPENDENCY_UNAVAILABLE"
    assert "kafka" in str(answer["error"])
    feeds.log.is_away = False
    await feeds.enter("/ws/orders/me", buyer)


async def test_who_missed_too_much_gets_a_snapshot(
    feeds: Feeds, buyer: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switchboard, "MOST_RESUMED", 1)
    client = await feeds.enter("/ws/pricing", buyer)
    cursor = client.cursor
    feeds.topics.append("pricing.updates", spot_price())
    await feeds.settle()
    one = await feeds.enter("/ws/pricing", buyer, cursor=cursor)
    assert [each["method"] for each in one.told] == ["price.update"]
    feeds.topics.append("pricing.updates", spot_price(1_767_600_020_000))
    await feeds.settle()
    two = await feeds.enter("/ws/pricing", buyer, cursor=cursor)
    assert [each["method"] for each in two.told] == ["resync", "pricing.snapshot"]


async def test_a_cursor_of_other_logs_means_resync(feeds: Feeds, buyer: Caller) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    await buyer("POST", "/orders", BID)
    await feeds.settle()
    cursor = client.cursor
    empty = await started(feeds.world, MemoryTopics(feeds.world.market))
    back = empty.connect("/ws/orders/me")
    assert (await back.enter(buyer.key, cursor=cursor))["result"]["resumed"] is False
    assert back.of("resync")[0]["reason"] == "log_changed"


async def test_what_is_delivered_again_is_told_once(feeds: Feeds, buyer: Caller) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    await buyer("POST", "/orders", BID)
    created = next(each for each in feeds.topics.records if each.topic == "orders.created")
    feeds.topics.append("orders.created", created.fact)
    await feeds.settle()
    assert len(client.of("order.update")) == 1


# Pricing


async def test_prices_begin_with_the_newest_of_each(feeds: Feeds, buyer: Caller) -> None:
    for update in (spot_price(), spot_price(1_767_600_020_000, spot_price_micros=2_500_000)):
        feeds.topics.append("pricing.updates", update)
    feeds.topics.append("pricing.updates", spot_price(is_final=True, product="ondemand"))
    await feeds.settle()
    client = await feeds.enter("/ws/pricing", buyer)
    (snapshot,) = client.of("pricing.snapshot")
    assert [each["spot_price"] for each in snapshot["prices"]] == ["2.5000"]
    feeds.topics.append("pricing.updates", spot_price(1_767_600_030_000, region=""))
    await feeds.settle()
    (update,) = client.of("price.update")
    assert (update["region"], update["avg_price"], update["telemetry_utilization"]) == (
        None,
        "2.405000",
        None,
    )


async def test_prices_begin_with_the_views_after_a_restart(
    feeds: Feeds, world: World, buyer: Caller
) -> None:
    world.market.prices.append(spot_price())
    again = await feeds.restarted()
    client = await again.enter("/ws/pricing", buyer)
    assert len(client.of("pricing.snapshot")[0]["prices"]) == 1


# Telemetry


async def cluster_of(world: World) -> str:
    return next(iter(world.registry._clusters))


def reading(node_id: str, gpu_index: int, at_ms: int, **more: Any) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "cluster_id": "c",
        "provider_id": "p",
        "region": "us-west-2",
        "gpu_type": "H100",
        "gpu_index": gpu_index,
        "timestamp": at_ms,
        "gpu_utilization": 0.5,
        "memory_utilization": 0.5,
        "temperature": 60.0,
        "power_draw": 500.0,
        "status": "healthy",
        **more,
    }


async def test_readings_are_conflated_to_the_newest_of_each_gpu(
    feeds: Feeds, world: World, seller: Caller
) -> None:
    client = await feeds.enter(f"/ws/telemetry/{await cluster_of(world)}", seller)
    (snapshot,) = client.of("telemetry.snapshot")
    (node,) = snapshot["nodes"]
    assert (node["status"], node["available"], node["gpus"], node["node"]) == (
        "healthy",
        8,
        [],
        None,
    )
    await feeds.settle()
    now_ms = world.clock.now_ms()
    for index, at_ms in ((0, now_ms), (0, now_ms + 5_000), (1, now_ms), (0, now_ms + 1)):
        feeds.topics.append("telemetry.gpu", reading(node["node_id"], index, at_ms))
    feeds.topics.append("telemetry.gpu", reading("another", 0, now_ms))
    await feeds.settle()
    assert client.of("telemetry.reading") == []
    feeds.service.switchboard.telemetry.tick()
    (told,) = client.of("telemetry.reading")
    assert [each["gpu_index"] for each in told["gpus"]] == [0, 1]
    assert told["gpus"][0]["timestamp"] == "2026-01-05T08:00:05.000Z"
    feeds.service.switchboard.telemetry.tick()
    assert len(client.of("telemetry.reading")) == 1


async def test_the_snapshot_has_the_newest_readings(
    feeds: Feeds, world: World, seller: Caller
) -> None:
    node_id = next(iter(world.registry._nodes))
    path = f"/ws/telemetry/{await cluster_of(world)}"
    client = await feeds.enter(path, seller)
    await feeds.settle()
    feeds.topics.append("telemetry.gpu", reading(node_id, 3, world.clock.now_ms()))
    await feeds.settle()
    feeds.service.switchboard.telemetry.tick()
    other = await feeds.enter(path, seller)
    (snapshot,) = other.of("telemetry.snapshot")
    assert [each["gpu_index"] for each in snapshot["nodes"][0]["gpus"]] == [3]
    await client.leave()
    back = await feeds.enter(path, seller, cursor=client.told[0]["params"]["cursor"])
    assert [each["method"] for each in back.told] in (
        ["resync", "telemetry.snapshot"],
        ["telemetry.reading"],
    )


async def set_health(world: World, seller: Caller, health: str, seq: int = 1) -> str:
    """Let the node be of this health; its id."""
    node_id = next(iter(world.registry._nodes))
    command = {
        "kind": "set_node_health",
        "account_id": seller.account_id,
        "command_id": "",
        "source": node_id,
        "source_seq": seq,
        "set_node_health": {"node_id": node_id, "health": health},
    }
    await world.market.append("accounts.commands", seller.account_id, command)
    return node_id


async def test_a_node_that_goes_offline_is_told(feeds: Feeds, world: World, seller: Caller) -> None:
    client = await feeds.enter(f"/ws/telemetry/{await cluster_of(world)}", seller)
    node_id = await set_health(world, seller, "offline")
    await feeds.settle()
    update = client.of("node.update")[-1]
    assert (update["node_id"], update["status"], update["offline"]) == (node_id, "offline", 8)


async def test_what_a_node_told_while_others_listened_is_told_to_who_comes_back(
    feeds: Feeds, world: World, seller: Caller
) -> None:
    path = f"/ws/telemetry/{await cluster_of(world)}"
    await feeds.enter(path, seller)
    client = await feeds.enter(path, seller)
    await set_health(world, seller, "degraded")
    await feeds.settle()
    await client.leave()
    await set_health(world, seller, "offline", 2)
    await feeds.settle()
    back = await feeds.enter(path, seller, cursor=client.cursor)
    assert [(each["method"], each["params"]["status"]) for each in back.told] == [
        ("node.update", "offline")
    ]


@pytest.mark.parametrize("is_read", [True, False])
async def test_what_a_node_told_while_nobody_listened_means_resync(
    feeds: Feeds, world: World, seller: Caller, is_read: bool
) -> None:
    path = f"/ws/telemetry/{await cluster_of(world)}"
    client = await feeds.enter(path, seller)
    await set_health(world, seller, "degraded")
    await feeds.settle()
    await client.leave()
    await set_health(world, seller, "offline", 2)
    if is_read:  # else the views have it before the feeds
        await feeds.settle()
    back = feeds.connect(path)
    answer = await back.enter(seller.key, cursor=client.cursor)
    assert answer["result"]["resumed"] is False
    assert [each["method"] for each in back.told[:2]] == ["resync", "telemetry.snapshot"]
    assert back.of("resync")[0]["reason"] == "too_old"
    assert back.of("telemetry.snapshot")[0]["nodes"][0]["status"] == "offline"


async def add_node(seller: Caller, cluster_id: str) -> str:
    """Let the cluster have another node; its id."""
    spec = {"model": "H100", "vram_gb": 80, "cuda_version": "12.4", "pcie_slot": "0"}
    body = {"hostname": "n2", "ip_address": "10.0.0.2", "gpu_specs": [spec]}
    added = await seller("POST", f"/clusters/{cluster_id}/nodes", body)
    return str(added.body["node_id"])


async def test_a_new_node_of_the_cluster_is_told(
    feeds: Feeds, world: World, seller: Caller
) -> None:
    cluster_id = await cluster_of(world)
    client = await feeds.enter(f"/ws/telemetry/{cluster_id}", seller)
    node_id = await add_node(seller, cluster_id)
    await feeds.settle()
    assert client.of("node.update") == []
    await feeds.service.switchboard.telemetry.refresh()
    assert [each["node_id"] for each in client.of("node.update")] == [node_id]


async def test_who_missed_that_a_node_is_new_is_told_a_snapshot(
    feeds: Feeds, world: World, seller: Caller
) -> None:
    cluster_id = await cluster_of(world)
    path = f"/ws/telemetry/{cluster_id}"
    await feeds.enter(path, seller)
    client = await feeds.enter(path, seller)
    await set_health(world, seller, "degraded")
    node_id = await add_node(seller, cluster_id)
    await feeds.settle()
    await feeds.service.switchboard.beat()
    await client.leave()
    await feeds.service.switchboard.telemetry.refresh()
    back = await feeds.enter(path, seller, cursor=client.cursor)
    assert [each["method"] for each in back.told] == ["resync", "telemetry.snapshot"]
    nodes = back.of("telemetry.snapshot")[0]["nodes"]
    assert node_id in {each["node_id"] for each in nodes}


# Control


async def test_control_tells_the_state_of_the_system(
    feeds: Feeds, world: World, admin: Caller, buyer: Caller
) -> None:
    await buyer("POST", "/orders", BID)
    client = await feeds.enter("/ws/admin/control", admin)
    (state,) = client.of("control.state")
    assert state["status"] == "healthy"
    assert state["dependencies"]["flink"] == "connected"
    assert [each["name"] for each in state["jobs"]] == ["admission", "matching"]
    assert state["books"] == [{"book_id": BOOK, "status": "open", "resting": 1, "book_seq": 1}]
    await feeds.service.switchboard.control.look()
    before = len(client.of("control.state"))
    feeds.jobs.is_away = True
    world.market.away.add("market_data")
    await feeds.service.switchboard.control.look()
    state = client.of("control.state")[before]
    assert (state["status"], state["jobs"], state["books"]) == ("degraded", None, None)


async def test_who_comes_between_two_looks_takes_no_change_from_the_others(
    feeds: Feeds, admin: Caller
) -> None:
    control = feeds.service.switchboard.control
    first = await feeds.enter("/ws/admin/control", admin)
    feeds.jobs.is_away = True
    second = await feeds.enter("/ws/admin/control", admin)
    await control.look()
    assert [each["jobs"] for each in second.of("control.state")] == [None]
    assert first.of("control.state")[-1]["jobs"] is None
    before = len(first.of("control.state"))
    feeds.jobs.is_away = False
    await feeds.enter("/ws/admin/control", admin)
    feeds.jobs.is_away = True
    await control.look()
    for client in (first, second):
        assert [bool(each["jobs"]) for each in client.of("control.state")[-2:]] == [True, False]
    assert len(first.of("control.state")) == before + 2


async def test_h1_a_book_is_halted_and_resumed(feeds: Feeds, admin: Caller, buyer: Caller) -> None:
    client = await feeds.enter("/ws/admin/control", admin)
    book = await feeds.enter(f"/ws/market/{BOOK}", buyer)
    answer = await client.ask("halt_book", book_id=BOOK)
    assert (answer["result"]["status"], answer["result"]["book_seq"]) == ("halted", 1)
    placed = await buyer("POST", "/orders", BID, headers={"Prefer": "wait=1"})
    assert (placed.body["status"], placed.body["code"]) == ("rejected", "BOOK_HALTED")
    assert (await client.ask("resume_book", book_id=BOOK))["result"]["status"] == "open"
    await feeds.settle()
    assert [each["status"] for each in book.of("market.status")] == ["halted", "open"]
    audits = client.of("control.audit")
    assert [(each["action"], each["subject"], each["outcome"]) for each in audits] == [
        ("halt_book", BOOK, "appended"),
        ("resume_book", BOOK, "appended"),
    ]
    assert {each["actor"] for each in audits} == {admin.account_id}


async def test_an_account_is_suspended_and_resumed(
    feeds: Feeds, admin: Caller, buyer: Caller
) -> None:
    client = await feeds.enter("/ws/admin/control", admin)
    done = await client.ask("suspend_account", account_id=buyer.account_id)
    assert done["result"] == {
        "account_id": buyer.account_id,
        "suspended": True,
        "status": "done",
    }
    placed = await buyer("POST", "/orders", BID, headers={"Prefer": "wait=1"})
    assert placed.body["code"] == "ACCOUNT_SUSPENDED"
    await client.ask("resume_account", account_id=buyer.account_id)
    placed = await buyer("POST", "/orders", {**BID, "price": "1"}, headers={"Prefer": "wait=1"})
    assert placed.body["status"] == "pending"


async def test_a_control_that_is_refused_is_audited(feeds: Feeds, admin: Caller) -> None:
    client = await feeds.enter("/ws/admin/control", admin)
    assert (await client.ask("halt_book", book_id="X.y"))["error"]["code"] == -32004
    unknown = "0b7e1d3a-2c4f-4f6e-9f0a-5d1c2b3a4e61"
    assert (await client.ask("suspend_account", account_id=unknown))["error"]["code"] == -32004
    await feeds.settle()
    assert [(each["outcome"], each["code"]) for each in client.of("control.audit")] == [
        ("refused", "NOT_FOUND"),
        ("refused", "NOT_FOUND"),
    ]
    assert client.closed is None


async def test_a_control_without_its_log_is_told_as_unknown(
    feeds: Feeds, world: World, admin: Caller
) -> None:
    client = await feeds.enter("/ws/admin/control", admin)
    world.market.away.add("kafka")
    error = (await client.ask("halt_book", book_id=BOOK))["error"]
    assert (error["code"], error["data"]["code"]) == (-32051, "OUTCOME_UNKNOWN")


# Slow readers, heartbeats


async def test_who_does_not_read_is_told_and_closed_and_nobody_else_feels_it(
    feeds: Feeds, world: World, buyer: Caller
) -> None:
    slow = await feeds.enter("/ws/pricing", buyer)
    quick = await feeds.enter("/ws/pricing", await world.caller("consumer"))
    slow.outlet.reads = False
    for number in range(60):
        feeds.topics.append("pricing.updates", spot_price(1_767_600_010_000 + number))
    await feeds.settle()
    await slow.settle()
    assert slow.closed == 4420
    assert slow.told[-1]["method"] == "resync"
    assert slow.told[-1]["params"]["reason"] == "too_slow"
    assert slow.outlet.unread < 20_000 + 2_000
    assert len(quick.of("price.update")) == 60
    assert feeds.service.tally.too_slow == 1
    assert feeds.service.switchboard.counts()["pricing"] == 1


async def test_heartbeats_have_a_cursor_to_resume_from(
    feeds: Feeds, buyer: Caller, seller: Caller
) -> None:
    client = await feeds.enter("/ws/orders/me", buyer)
    await seller("POST", "/orders", ASK)  # moves the logs on, and tells the buyer nothing
    await feeds.settle()
    await feeds.service.switchboard.beat()
    (beat,) = client.of("heartbeat")
    assert beat["behind_ms"] == 0
    again = await feeds.restarted(begins_at=len(feeds.topics.records))
    back = again.connect("/ws/orders/me")
    assert (await back.enter(buyer.key, cursor=beat["cursor"]))["result"]["resumed"] is True
