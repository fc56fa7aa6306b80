"""One behaviour, whatever is behind the ports: the same tests in memory and on the real servers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from redis.exceptions import ConnectionError as RedisDisconnected
from redis.exceptions import ResponseError

from query_api import auth
from query_api.adapters import clickhouse, kafka, postgres, redis, redis_pipe
from query_api.app import create_app
from query_api.bootstrap import open_ports
from query_api.commands.accounts import new_account
from query_api.commands.keys import ROLES_OF, new_key, scopes_for
from query_api.ports import AlreadyExists, OrderFilter, OutcomeUnknown, Ports, Slice, Unavailable
from query_api.registered import is_in_log
from schemas import views
from schemas.codec import offline
from schemas.names import ACCOUNTS_COMMANDS
from tests.api.conftest import ASK, BID, Caller, World, add_node, registered

DEADLINE_SECONDS = 20.0
WAIT = {"Prefer": "wait=5"}
WHERE = ["memory", pytest.param("servers", marks=[pytest.mark.stack, pytest.mark.timeout(600)])]


@pytest.fixture(params=WHERE)
async def ports(request: pytest.FixtureRequest) -> AsyncIterator[Ports]:
    """The ports, in memory or on the running market's servers."""
    if request.param == "memory":
        world: World = request.getfixturevalue("world")
        yield world.ports
    else:
        async with open_ports(request.getfixturevalue("market")) as opened:
            yield opened


class Somewhere:
    """Callers with accounts of their own, on whatever the ports are."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.app = create_app(ports)

    async def caller(self, role: str) -> Caller:
        now_ms = self.ports.clock.now_ms()
        account = new_account(f"{role} of a test", role, now_ms)
        added = await self.ports.registrations.add_account(account)
        assert await is_in_log(self.ports, added, 10.0)
        roles = ROLES_OF[role]
        key, row = new_key(account["id"], "test", roles, scopes_for(roles), now_ms)
        await self.ports.keys.add_key(row)
        return Caller(self.app, account["id"], key.text)

    async def seller(self, gpus: int, gpu_type: str) -> Caller:
        seller, admin = await self.caller("provider"), await self.caller("admin")
        provider_id = await registered(seller)
        assert (
            await admin("PATCH", f"/providers/{provider_id}", {"status": "verified"})
        ).status == 200
        await add_node(seller, provider_id, gpus, gpu_type)
        return seller


@pytest.fixture
def somewhere(ports: Ports) -> Somewhere:
    return Somewhere(ports)


async def eventually(look: Callable[[], Awaitable[Any]], wanted: Any) -> None:
    """Views follow the log: what they tell must become this, soon."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while (told := await look()) != wanted and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert told == wanted


async def test_from_an_ask_to_a_trade_to_a_cancel(somewhere):
    seller, buyer = await somewhere.seller(8, "P100"), await somewhere.caller("consumer")
    ask = await seller("POST", "/orders", {**ASK, "gpu_type": "P100"}, headers=WAIT)
    assert (ask.status, ask.body["status"]) == (200, "pending")
    assert ask.body["book_seq"] > 0
    bid = await buyer("POST", "/orders", {**BID, "gpu_type": "P100"}, headers=WAIT)
    assert bid.status == 200

    async def filled():
        shown = (await buyer("GET", f"/orders/{bid.body['id']}")).body
        return shown["status"], shown["avg_price"], shown["remaining"]

    await eventually(filled, ("filled", "2.250000", 0))

    async def traded():
        told = (await buyer("GET", f"/orders/{bid.body['id']}/trades")).body["trades"]
        return [(trade["price"], trade["quantity"]) for trade in told]

    await eventually(traded, [("2.250000", 4)])
    path = f"/orders/{ask.body['id']}"
    amended = await seller("PATCH", path, {"quantity": 6})
    assert (amended.status, amended.body) == (200, {"success": True})
    unchanged = await seller("PATCH", path, {"quantity": 6})
    assert (unchanged.status, unchanged.body["code"]) == (409, "AMEND_NO_CHANGE")
    assert (await buyer("DELETE", path)).status == 404
    cancelled = await seller("DELETE", path)
    assert (cancelled.status, cancelled.body) == (200, {"success": True})
    again = await seller("DELETE", path)
    assert (again.status, again.body["code"]) == (409, "ORDER_NOT_OPEN")

    async def closed():
        shown = (await seller("GET", path)).body
        return shown["status"], shown["reason"], shown["quantity"], shown["filled_quantity"]

    await eventually(closed, ("cancelled", "user", 6, 4))

    async def listed():
        reply = await seller("GET", "/orders", status="cancelled")
        return reply.body["total"], [item["id"] for item in reply.body["items"]]

    await eventually(listed, (1, [ask.body["id"]]))

    async def allocated():
        (node,) = (await seller("GET", "/nodes")).body["items"]
        return sorted(gpu["status"] for gpu in node["gpus"])

    await eventually(allocated, ["allocated"] * 4 + ["available"] * 4)


async def test_providers_are_listed_newest_first(somewhere):
    admin = await somewhere.caller("admin")
    ids = [await registered(await somewhere.caller("provider")) for _ in range(2)]
    await admin("PATCH", f"/providers/{ids[0]}", {"status": "verified"})
    page = (await admin("GET", "/providers", status="pending_kyc", limit="1")).body
    assert [each["id"] for each in page["items"]] == ids[1:]
    verified = (await admin("GET", "/providers", status="verified", limit="1")).body
    assert [each["id"] for each in verified["items"]] == ids[:1]
    every = (await admin("GET", "/providers", limit="1")).body
    rest = (await admin("GET", "/providers", limit="1", cursor=every["next_cursor"])).body
    assert [each["items"][0]["id"] for each in (every, rest)] == ids[::-1]
    assert every["total"] == rest["total"] >= 2


async def test_details_of_a_cluster_are_told_back_as_they_were_sent(somewhere):
    seller = await somewhere.seller(1, "G3")
    provider_id = (await seller("GET", "/providers/me")).body["id"]
    specs = b'{"tb": 1.5, "gbit": 4e2, "n": [-1, 9007199254740993], "\\\\u0000": "\xc3\xa9"}'
    body = b'{"name": "a", "region": "us-west-2", "specs": %s}' % specs
    assert (await seller("POST", f"/providers/{provider_id}/clusters", body)).status == 201
    newest = (await seller("GET", "/providers/me/clusters")).body["items"][0]
    assert newest["specs"] == json.loads(specs)
    assert isinstance(newest["specs"]["tb"], float)


async def test_an_account_refuses_what_it_does_not_have(somewhere):
    seller = await somewhere.seller(2, "G3")
    ask = {**ASK, "gpu_type": "G3", "quantity": 3}
    refused = await seller("POST", "/orders", ask, headers=WAIT)
    assert (refused.status, refused.body["code"]) == (200, "CAPACITY_INSUFFICIENT")


async def test_a_reused_key_is_refused_by_redis_and_by_the_account(somewhere):
    buyer = await somewhere.caller("consumer")
    key = {"Idempotency-Key": "same"}
    bid = {**BID, "gpu_type": "G2", "price": 1}
    placed = await buyer("POST", "/orders", bid, headers=key | WAIT)
    at_once = await buyer("POST", "/orders", {**bid, "quantity": 5}, headers=key)
    assert (at_once.status, at_once.body["code"]) == (409, "ORDER_KEY_REUSED")
    place = somewhere.ports.live.place

    async def forgotten(*_):
        return None

    somewhere.ports.live.place = forgotten
    by_account = await buyer("POST", "/orders", {**bid, "quantity": 5}, headers=key | WAIT)
    assert (by_account.status, by_account.body["code"]) == (409, "ORDER_KEY_REUSED")
    somewhere.ports.live.place = place
    again = await buyer("POST", "/orders", bid, headers=key | WAIT)
    assert (again.status, again.body["id"]) == (200, placed.body["id"])
    assert again.body["quantity"] == 4
    await buyer("DELETE", f"/orders/{placed.body['id']}")


async def test_a_tick_tells_what_it_closed(somewhere):
    admin = await somewhere.caller("admin")
    reply = await admin("POST", "/orders/match", {"book_id": "G2.reserved"})
    assert (reply.status, reply.body["closed"]) == (200, [])
    again = await admin("POST", "/orders/match", {"book_id": "G2.reserved"})
    assert again.body["book_seq"] == reply.body["book_seq"] + 1


async def test_a_halted_book_refuses_until_it_is_resumed(somewhere):
    admin, buyer = await somewhere.caller("admin"), await somewhere.caller("consumer")
    book = "/market/books/V100-32GB.reserved"
    bid = {**BID, "gpu_type": "V100-32GB", "product": "reserved", "price": 1}
    halted = await admin("POST", f"{book}/halt")
    assert (halted.status, halted.body["status"]) == (200, "halted")
    refused = await buyer("POST", "/orders", bid, headers=WAIT)
    assert (refused.body["status"], refused.body["code"]) == ("rejected", "BOOK_HALTED")
    resumed = await admin("POST", f"{book}/resume")
    assert (resumed.status, resumed.body["status"]) == (200, "open")
    placed = await buyer("POST", "/orders", bid, headers=WAIT)
    assert placed.body["status"] == "pending"
    await buyer("DELETE", f"/orders/{placed.body['id']}")


async def test_books_tell_their_depth_and_what_an_order_would_do(somewhere):
    buyer = await somewhere.caller("consumer")
    bid = {**BID, "gpu_type": "V100-16GB", "price": "0.5", "quantity": 2}
    placed = await buyer("POST", "/orders", bid, headers=WAIT)
    assert placed.status == 200

    async def best():
        depth = (await buyer("GET", "/market/books/V100-16GB.ondemand/depth", levels=1)).body
        return [level["price"] for level in depth["bids"]]

    await eventually(best, ["0.5000"])
    preview = await buyer("POST", "/orders/preview", bid)
    assert (preview.status, preview.body["filled"], preview.body["resting"]) == (200, 0, 2)
    books = (await buyer("GET", "/market/books", limit=1000)).body["items"]
    assert "V100-16GB.ondemand" in [book["id"] for book in books]
    await buyer("DELETE", f"/orders/{placed.body['id']}")


async def test_a_resting_order_is_explained_by_its_book(somewhere):
    seller, buyer = await somewhere.seller(2, "A100-40GB"), await somewhere.caller("consumer")
    ask = {**ASK, "gpu_type": "A100-40GB", "quantity": 2, "price": "1.5"}
    assert (await seller("POST", "/orders", ask, headers=WAIT)).body["status"] == "pending"
    bid = {**BID, "gpu_type": "A100-40GB", "price": "1.4"}
    placed = await buyer("POST", "/orders", bid, headers=WAIT)
    path = f"/orders/{placed.body['id']}"

    async def nearest():
        told = (await buyer("GET", f"{path}/explain")).body
        return told["rests"], told["nearest"] and told["nearest"]["price"]

    change = {"terms": {"price": "1.5000"}, "by": "amend", "filled": 2}
    await eventually(nearest, (True, change))
    assert (await buyer("PATCH", path, change["terms"])).status == 200

    async def rest():
        told = (await buyer("GET", f"{path}/explain")).body
        return told["status"], told["rests"], told["remaining"]

    await eventually(rest, ("partial", True, 2))
    assert (await buyer("DELETE", path)).status == 200
    await eventually(rest, ("cancelled", False, 0))


async def test_a_cluster_on_the_market_tells_its_gpus(somewhere):
    seller = await somewhere.seller(3, "A100-80GB-PCIE")
    ask = {**ASK, "gpu_type": "A100-80GB-PCIE", "quantity": 2}
    placed = await seller("POST", "/orders", ask, headers=WAIT)
    (own,) = (await seller("GET", "/providers/me/clusters")).body["items"]
    counts = {"total": 3, "listed": 2, "available": 1, "allocated": 0}

    async def told():
        page = await seller("GET", "/market/clusters", gpu_type="A100-80GB-PCIE", limit=1)
        return page.body["items"]

    gpus = [{"gpu_type": "A100-80GB-PCIE", **counts}]
    cluster = {"id": own["id"], "name": own["name"], "region": own["region"], "gpus": gpus}
    await eventually(told, [cluster])
    elsewhere = await seller("GET", "/market/clusters", region="eu-central-1", gpu_type="G3")
    assert own["id"] not in [each["id"] for each in elsewhere.body["items"]]
    assert (await seller("DELETE", f"/orders/{placed.body['id']}")).status == 200


async def test_maintenance_takes_gpus_out_and_back(somewhere):
    seller = await somewhere.seller(2, "T4")
    (node,) = (await seller("GET", "/nodes")).body["items"]

    async def states():
        shown = (await seller("GET", f"/nodes/{node['id']}")).body
        return shown["status"], {gpu["status"] for gpu in shown["gpus"]}

    await seller("PATCH", f"/nodes/{node['id']}", {"status": "maintenance"})
    await eventually(states, ("maintenance", {"maintenance"}))
    await seller("PATCH", f"/nodes/{node['id']}", {"status": "available"})
    await eventually(states, ("healthy", {"available"}))


# The ports by themselves ---------------------------------------------------------------------


async def test_registrations_are_numbered_without_gaps_under_contention(ports):
    store = ports.registrations
    account = new_account("busy", "consumer", ports.clock.now_ms())
    first = await store.add_account(account)
    changes = [store.change_account(account["id"], {"max_open_orders": n}) for n in range(20)]
    changed = await asyncio.gather(*changes)
    assert sorted(each.seq for each in (first, *changed)) == list(range(1, 22))
    assert all([await is_in_log(ports, each, 10.0) for each in changed])


async def test_accounts_keys_and_providers_are_kept(ports):
    store, now_ms = ports.registrations, ports.clock.now_ms()
    account = new_account(f"kept {uuid4()}", "provider", now_ms)
    await store.add_account(account)
    kept = await store.account_named(account["name"], "provider")
    assert kept is not None
    assert {name: kept[name] for name in account} == account
    provider = {
        "id": str(uuid4()), "account_id": account["id"], "name": "a", "company": "b",
        "kyc_data": {"ä": [1]}, "status": "pending_kyc", "created_at_ms": now_ms,
    }  # fmt: skip
    await store.add_provider(provider)
    with pytest.raises(AlreadyExists):
        await store.add_provider({**provider, "id": str(uuid4())})
    assert (await store.provider_of(account["id"]))["id"] == provider["id"]
    assert await store.set_provider_status(str(uuid4()), "verified") is None
    assert await store.change_account(str(uuid4()), {"suspended": True}) is None
    made, row = new_key(account["id"], "k", ["provider"], ["admin"], now_ms, now_ms + 60_000)
    await ports.keys.add_key(row)
    principal = await ports.keys.principal(made.key_hash)
    assert (principal.key_id, principal.expires_at_ms) == (row["id"], now_ms + 60_000)
    assert await ports.keys.principal(auth.hash_of("another")) is None
    assert principal.max_order_cost_micros is None
    bound, bound_row = new_key(account["id"], "k", [], [], now_ms, max_order_cost_micros=10**15)
    await ports.keys.add_key(bound_row)
    assert (await ports.keys.principal(bound.key_hash)).max_order_cost_micros == 10**15
    assert await ports.keys.revoke_key(bound_row["id"], account["id"])
    _, expired = new_key(account["id"], "k", [], [], now_ms, now_ms - 1)
    await ports.keys.add_key(expired)
    assert await ports.keys.principal(expired["key_hash"]) is None
    listed, total = await ports.keys.keys_of(account["id"], Slice(None, 1))
    assert (total, listed[0]["id"]) == (2, expired["id"])
    older, _ = await ports.keys.keys_of(account["id"], Slice(listed[0]["position"], 9))
    assert [key["id"] for key in older] == [row["id"]]
    assert not await ports.keys.revoke_key(row["id"], str(uuid4()))
    assert await ports.keys.revoke_key(row["id"], account["id"])
    assert not await ports.keys.revoke_key(row["id"], None)
    revoked = await ports.keys.revoked(60.0)
    assert row["id"] in revoked
    assert expired["id"] not in revoked
    assert await ports.keys.principal(made.key_hash) is None


async def test_a_pending_row_is_written_once_and_forgotten_after_a_day(ports):
    order_id, now_ms = str(uuid4()), ports.clock.now_ms()
    order = {
        "order_id": order_id, "side": "bid", "book_id": "H100.spot", "quantity": 4,
        "price_micros": 100, "duration_seconds": 3600, "time_in_force": "GTD", "expires_at_ms": 5,
        "post_only": True, "min_fill": 1, "self_trade": "cancel_newest", "region": "",
        "min_duration_seconds": 0, "available_until_ms": 0, "digest": "d1",
    }  # fmt: skip
    before = views.forgotten_before(now_ms)
    assert await ports.live.order_row(order_id) == {}
    assert await ports.live.digest(order_id, before) is None
    assert await ports.live.place(order_id, before, views.pending_row("a", order, now_ms)) is None
    again = {**order, "quantity": 9, "digest": "d2"}
    held = await ports.live.place(order_id, before, views.pending_row("a", again, now_ms + 5))
    assert held == "d1"
    told = views.read_order(await ports.live.order_row(order_id))
    assert (told["quantity"], told["created_at_ms"], told["post_only"]) == (4, now_ms, True)
    assert await ports.live.digest(order_id, before) == "d1"
    facts_made = {"order_id": str(uuid4())}
    assert await ports.live.place(facts_made["order_id"], before, facts_made) is None
    assert await ports.live.place(facts_made["order_id"], before, facts_made) == ""
    assert await ports.live.order_rows([str(uuid4()), order_id]) == [
        {}, await ports.live.order_row(order_id),
    ]  # fmt: skip
    assert await ports.live.nodes([str(uuid4())]) == [None]


async def test_the_history_of_nothing_is_empty(ports):
    history = ports.history
    nobody = str(uuid4())
    assert await history.order(nobody) is None
    wanted = OrderFilter(nobody, ("pending", "partial"), 10, (ports.clock.now_ms(), "z"))
    assert await history.orders(wanted) == ([], 0)
    assert await history.trades_in("MI300X.reserved", 5, 10) == []
    assert await history.trades_count("MI300X.reserved") == 0
    assert await history.nodes([nobody]) == [None]


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_servers_that_are_away_are_told_by_name(market, unused_tcp_port):
    nowhere = f"127.0.0.1:{unused_tcp_port}"
    settings = market.with_values(
        REDIS_URL=f"redis://{nowhere}/0",
        CLICKHOUSE_URL=f"http://{nowhere}",
        MARKET_DATA_URL=f"http://{nowhere}",
        POSTGRES_DSN=f"postgresql://nobody@{nowhere}/none",
    )
    async with open_ports(settings) as ports:
        for server, ask in (
            ("redis", ports.live.order_row("x")),
            ("clickhouse", ports.history.order("x")),
            ("market_data", ports.market_data.books()),
            ("postgres", ports.registrations.account(str(uuid4()))),
        ):
            with pytest.raises(Unavailable, match=server):
                await ask
        health = await Caller(create_app(ports), "", "")("GET", "/health")
        assert health.body["status"] == "degraded"
        away = {name for name, state in health.body["dependencies"].items() if state != "connected"}
        assert away == {"redis", "clickhouse", "market_data", "postgres"}


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_a_query_that_takes_too_long_is_told_as_unavailable(market, monkeypatch):
    monkeypatch.setitem(clickhouse._SETTINGS, "max_execution_time", "1")
    monkeypatch.setattr(postgres, "QUERY_SECONDS", 0.2)
    async with open_ports(market) as ports:
        started = time.monotonic()
        with pytest.raises(Unavailable, match="clickhouse"):
            await ports.history.rows("SELECT sum(number) AS n FROM numbers(1000000000000)", {})
        with pytest.raises(Unavailable, match="postgres"):
            await ports.keys._row("SELECT pg_sleep(30)")
        assert time.monotonic() - started < 5
        assert await ports.history.trades_count("MI300X.reserved") == 0
        assert await ports.keys._row("SELECT 1 AS one") == {"one": 1}


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_orders_and_outcomes_are_heard_by_followers_that_slept(market, monkeypatch):
    monkeypatch.setattr(kafka, "QUIET_SECONDS", 0.5)
    async with open_ports(market) as ports:
        buyer = await Somewhere(ports).caller("consumer")
        bid = {**BID, "gpu_type": "G2", "price": 1}
        for _ in range(5):
            await asyncio.sleep(1.0)
            assert not ports.facts.source._is_awake
            placed = await buyer("POST", "/orders", bid)
            assert placed.status == 202
            path = f"/orders/{placed.body['order_id']}"
            assert (await buyer("DELETE", path)).status == 200
        told: list[str] = []
        while not ports.samples.listen("x", lambda: told.append("x")):
            await asyncio.sleep(0.01)
        ports.samples.ignore("x")
        ports.backlog._until_sample = 0
        placed = await buyer("POST", "/orders", bid)
        assert len(ports.backlog._listening) == 1

        async def waiting():
            return len(ports.backlog._listening), bool(ports.backlog._heard)

        await eventually(waiting, (0, True))
        await buyer("DELETE", f"/orders/{placed.body['order_id']}")


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_without_a_broker_the_outcome_is_unknown_within_two_seconds(market, unused_tcp_port):
    settings = market.with_values(KAFKA_BOOTSTRAP=f"127.0.0.1:{unused_tcp_port}")
    more = {"message.timeout.ms": 2_500}
    async with kafka.open_log(settings, offline(), **more) as log:
        started = time.monotonic()
        cancel = {
            "kind": "cancel_order", "command_id": "", "account_id": "a", "source": "",
            "source_seq": 0, "cancel_order": {"order_id": "x"},
        }  # fmt: skip
        with pytest.raises(OutcomeUnknown):
            await log.append(ACCOUNTS_COMMANDS, "a", cancel)
        assert time.monotonic() - started < 2.0


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_lags_are_told_by_group_topic_and_partition(market):
    async with open_ports(market) as ports:
        lags = await ports.lags()
        assert {lag.topic for lag in lags} >= {"orders.created", "orders.matched"}
        text = (await Caller(create_app(ports), "", "")("GET", "/metrics")).body.decode()
        assert 'gpubroker_kafka_lag{group="' in text


@pytest.fixture
async def piped(market):
    """A client of the market's Redis, and a pipe to it."""
    async with redis.connect(market.text("REDIS_URL")) as client:
        pipe = redis_pipe.Pipe(client, 0.5)
        yield client, pipe
        await pipe.aclose()


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_commands_to_redis_go_together_and_are_answered_each(piped):
    client, pipe = piped
    key = f"test:{uuid4()}"
    asked = [pipe.ask(redis_pipe.pack("RPUSH", key, f"é{n}")) for n in range(50)]
    refused = pipe.ask(redis_pipe.pack("HGET", key, "x"))
    *told, wrong = await asyncio.gather(*asked, refused, return_exceptions=True)
    assert told == list(range(1, 51))
    assert isinstance(wrong, ResponseError)
    assert await client.lrange(key, 0, 1) == ["é0", "é1"]
    assert await pipe.ask(redis_pipe.pack("LRANGE", key, "0", "1")) == ["é0", "é1"]
    await client.delete(key)
    assert len(pipe) == 0


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_a_script_that_redis_has_forgotten_is_sent_again(piped):
    client, _ = piped
    live = redis.RedisViews(client)
    key = f"test:{uuid4()}"
    await client.script_flush()
    row = {"order_id": key, "side": "bid", "digest": "d"}
    await asyncio.gather(*(live.place(f"{key}-{n}", "0", row) for n in range(20)))
    assert await live.digest(f"{key}-19", "0") == "d"
    await live.pipe.aclose()


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_a_command_does_not_wait_for_the_answer_to_another(piped):
    """A list that is popped from before it is pushed to, on one connection each."""
    client, pipe = piped
    key = f"test:{uuid4()}"
    popped = asyncio.create_task(pipe.ask(redis_pipe.pack("BLPOP", key, "0.2")))
    await asyncio.sleep(0.05)
    pinged = asyncio.create_task(pipe.ask(redis_pipe.pack("PING")))
    await asyncio.sleep(0.05)
    assert len(pipe) == 2, "both are on their way"
    await client.rpush(key, "x")
    assert await asyncio.gather(popped, pinged) == [[key, "x"], "PONG"]


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_a_connection_to_redis_that_is_lost_is_made_anew(piped):
    client, pipe = piped
    own = await pipe.ask(redis_pipe.pack("CLIENT", "ID"))
    blocked = [
        asyncio.create_task(pipe.ask(command))
        for command in (redis_pipe.pack("BLPOP", f"test:{uuid4()}", "0"), redis_pipe.pack("PING"))
    ]
    await asyncio.sleep(0.05)
    await client.client_kill_filter(_id=own)
    told = await asyncio.gather(*blocked, return_exceptions=True)
    assert [type(each) for each in told] == [RedisDisconnected] * 2
    assert await pipe.ask(redis_pipe.pack("PING")) == "PONG"


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_a_redis_that_does_not_answer_in_time_is_not_waited_for(piped):
    _, pipe = piped
    with pytest.raises(RedisDisconnected):
        await pipe.ask(redis_pipe.pack("BLPOP", f"test:{uuid4()}", "0"))
    assert await pipe.ask(redis_pipe.pack("PING")) == "PONG"


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_a_pipe_uses_the_clients_database_and_credentials(piped, market):
    url = market.text("REDIS_URL").removesuffix("/0")
    key = f"test:{uuid4()}"
    async with redis.connect(f"{url}/3") as other:
        elsewhere = redis_pipe.Pipe(other, 0.5)
        await elsewhere.ask(redis_pipe.pack("SET", key, "1", "PX", "1000"))
        await elsewhere.aclose()
        assert (await piped[0].exists(key), await other.exists(key)) == (0, 1)
    async with redis.connect(url.replace("redis://", "redis://nobody:wrong@")) as other:
        with pytest.raises(ResponseError):
            await redis_pipe.Pipe(other, 0.5).ask(redis_pipe.pack("PING"))
