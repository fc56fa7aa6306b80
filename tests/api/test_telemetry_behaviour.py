"""Telemetry, whatever is behind the ports: the same tests in memory and on the real servers."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from query_api import auth
from query_api.adapters import redis
from query_api.commands.keys import new_key
from query_api.commands.telemetry import NODE_SCOPES
from query_api.ports import AlreadyExists, OutcomeUnknown, Ports, ReadingFilter, Unavailable
from query_api.slots import SharedSlots
from query_api.times import told
from schemas import readings
from schemas.names import TELEMETRY_GPU, TELEMETRY_NODE
from schemas.settings import Settings
from tests.api.conftest import Caller
from tests.api.test_behaviour import Somewhere, eventually, ports, somewhere
from tests.api.test_telemetry import gpu, itself, send
from udfs.telemetry import NODE_ITSELF, PAGE_MS, SLOT_MS, Place

__all__ = ["ports", "somewhere"]
DAY_MS = 24 * 3600 * 1000


async def test_from_a_batch_to_what_is_told_now_and_later(somewhere: Somewhere) -> None:
    seller = await somewhere.seller(2, "H100")
    node_id = (await seller("GET", "/nodes")).body["items"][0]["id"]
    now_ms = somewhere.ports.clock.now_ms()
    sent = [gpu(now_ms - back, index) for index in (0, 1) for back in (20_000, 10_000)]
    reply = await send(seller, node_id, *sent, sent[0], itself(now_ms - 10_000), gpu(now_ms, 2))
    assert reply.status == 202
    assert reply.body["accepted"] == 6
    assert [each["code"] for each in reply.body["rejected"]] == ["UNKNOWN_GPU"]

    async def now() -> list[Any]:
        body = (await seller("GET", f"/nodes/{node_id}/telemetry")).body
        node = [body["node"]["timestamp"]] if body["node"] else []
        return [(each["gpu_index"], each["timestamp"]) for each in body["gpus"]] + node

    newest = told(now_ms - 10_000)
    await eventually(now, [(0, newest), (1, newest), newest])

    async def history(**query: Any) -> list[Any]:
        return list((await seller("GET", f"/telemetry/{node_id}", **query)).body["metrics"])

    told_back = [{**each, "timestamp": told(each["timestamp"])} for each in sent]
    await eventually(history, [told_back[0], told_back[2], told_back[1], told_back[3]])
    page = (await seller("GET", f"/telemetry/{node_id}", limit=3)).body
    rest = await history(cursor=page["next_cursor"])
    assert page["metrics"] + rest == await history()
    between = {"from": str(now_ms - 10_000), "to": str(now_ms)}
    assert await history(**between) == [told_back[1], told_back[3]]

    async def of_itself() -> list[Any]:
        return [each["cpu_utilization"] for each in await history(kind="node")]

    await eventually(of_itself, [0.1])
    found = await somewhere.ports.history.newest_readings(node_id)
    assert {(each.get("gpu_index"), each["timestamp"]) for each in found} == {
        (0, now_ms - 10_000), (1, now_ms - 10_000), (None, now_ms - 10_000),
    }  # fmt: skip


async def test_a_node_gets_its_key_once_and_loses_it_with_the_node(somewhere: Somewhere) -> None:
    seller = await somewhere.seller(1, "L4")
    cluster_id = (await seller("GET", "/providers/me/clusters")).body["items"][0]["id"]
    spec = {"model": "L4", "vram_gb": 24, "cuda_version": "12", "pcie_slot": "0"}
    node = {"hostname": "n", "ip_address": "10.0.0.3", "gpu_specs": [spec]}
    made = (await seller("POST", f"/clusters/{cluster_id}/nodes", node)).body
    node_id, path = made["node_id"], f"/nodes/{made['node_id']}/key"
    token = Caller(somewhere.app, "", made["onboarding_token"])
    replies = await asyncio.gather(*(token("POST", path) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [201, 409, 409, 409, 409]
    (key,) = (reply.body["key"] for reply in replies if reply.status == 201)
    node_caller = Caller(somewhere.app, "", key)
    metric = gpu(somewhere.ports.clock.now_ms())
    assert (await send(node_caller, node_id, metric)).body["accepted"] == 1
    principal = await somewhere.ports.keys.principal(auth.hash_of(key))
    assert principal is not None
    assert (principal.node_id, principal.roles) == (node_id, frozenset())
    assert (await seller("DELETE", f"/nodes/{node_id}")).status in (200, 202)
    for secret in (key, made["onboarding_token"]):
        assert await somewhere.ports.keys.principal(auth.hash_of(secret)) is None
    _, row = new_key(seller.account_id, "x", (), NODE_SCOPES, 1_000, node_id=node_id)
    with pytest.raises(AlreadyExists):
        await somewhere.ports.keys.enrol(row)


async def test_a_slot_is_claimed_once_and_by_its_own_reading_again(ports: Ports) -> None:
    node_id, page = str(uuid4()), ports.clock.now_ms() // PAGE_MS
    claim = ports.slots.claim
    first = [Place(0, page, 0, 1), Place(0, page, 719, SLOT_MS), Place(7, page, 0, 256)]
    assert list(await claim(node_id, first)) == []
    assert list(await claim(node_id, first)) == []
    others = [place._replace(mark=2) for place in first]
    assert sorted(await claim(node_id, others)) == [0, 1, 2]
    mixed = [others[0], Place(0, page, 1, 9), first[1], Place(0, page, 1, 8), others[2],
             Place(NODE_ITSELF, page, 0, 9), Place(0, page - 24, 0, 9)]  # fmt: skip
    assert sorted(await claim(node_id, mixed)) == [0, 3, 4]
    assert list(await claim(str(uuid4()), others)) == []


async def test_many_slots_at_once(ports: Ports) -> None:
    node_id, page = str(uuid4()), ports.clock.now_ms() // PAGE_MS
    places = [Place(gpu, page, slot, slot + 1) for slot in range(720) for gpu in range(8)]
    assert list(await ports.slots.claim(node_id, places)) == []
    late = [place._replace(mark=place.mark % SLOT_MS + 1) for place in reversed(places)]
    assert len(await ports.slots.claim(node_id, late)) == len(places)


async def test_of_two_who_claim_a_slot_at_once_one_gets_it(ports: Ports) -> None:
    node_id, page = str(uuid4()), ports.clock.now_ms() // PAGE_MS
    claims = [ports.slots.claim(node_id, [Place(0, page, 5, mark)]) for mark in range(1, 40)]
    taken = await asyncio.gather(*claims)
    assert sorted(map(len, taken)) == [0] + [1] * 38


async def test_the_history_of_a_node_that_never_reported_is_empty(ports: Ports) -> None:
    node_id = str(uuid4())
    assert await ports.live.readings(node_id) == []
    assert await ports.history.newest_readings(node_id) == []
    for topic in (TELEMETRY_GPU, TELEMETRY_NODE):
        wanted = ReadingFilter(node_id, topic, 0, 2**45, 10, (5, 3))
        assert await ports.history.readings(wanted) == []


async def test_while_redis_is_away_each_process_remembers_by_itself() -> None:
    class Away:
        async def claim(self, node_id: str, places: Any) -> Any:
            raise Unavailable("redis")

    slots = SharedSlots(Away())
    assert list(await slots.claim("n", [Place(0, 1, 2, 3)])) == []
    assert list(await slots.claim("n", [Place(0, 1, 2, 4)])) == [0]


# On the real servers alone ---------------------------------------------------------------------


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_the_newest_reading_stays_whatever_comes_late(market: Settings) -> None:
    key = readings.telemetry_key(str(uuid4()))
    async with redis.connect(market.text("REDIS_URL")) as client:
        script = client.register_script(readings.NEWEST)
        seconds, micros = await client.time()
        now_ms = seconds * 1000 + micros // 1000

        async def write(*values: tuple[int, int]) -> int:
            pairs: list[Any] = []
            for index, timestamp in values:
                reading = {"gpu_index": index, "timestamp": timestamp}
                pairs += [readings.field(reading), readings.text(reading)]
            return int(await script(keys=[key], args=[readings.LIVE_MS, *pairs]))

        assert await write((0, now_ms), (1, now_ms - readings.LIVE_MS - 1)) == 1
        assert await write((0, now_ms), (0, now_ms - 1)) == 0
        assert await write((0, now_ms + 1), (1, now_ms - 5)) == 2
        row = readings.read_row(await client.hgetall(key))
        assert sorted((each["gpu_index"], each["timestamp"]) for each in row) == [
            (0, now_ms + 1), (1, now_ms - 5),
        ]  # fmt: skip
        assert 0 < await client.pttl(key) <= readings.LIVE_MS


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_pages_of_slots_end_a_day_after_their_hour(market: Settings) -> None:
    async with redis.connect(market.text("REDIS_URL")) as client:
        live = redis.RedisViews(client)
        seconds, _ = await client.time()
        node_id, page = str(uuid4()), seconds * 1000 // PAGE_MS
        first = [Place(3, page, 719, 1), Place(3, page, 0, 300)]
        assert list(await live.claim(node_id, first)) == []
        others = [first[0], first[1]._replace(mark=301), Place(4, page, 0, 1)]
        assert list(await live.claim(node_id, others)) == [1]
        key = f"readings:{{{node_id}}}:3:{page}"
        assert await client.strlen(key) == 1_440
        assert DAY_MS < await client.pttl(key) <= DAY_MS + PAGE_MS
        await live.pipe.aclose()


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_without_a_broker_the_outcome_of_a_batch_is_unknown(
    market: Settings, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from query_api.adapters import telemetry_log
    from schemas.codec import offline

    monkeypatch.setattr(telemetry_log, "APPEND_SECONDS", 0.3)
    away = market.with_values(KAFKA_BOOTSTRAP=f"127.0.0.1:{unused_tcp_port}")
    async with telemetry_log.open_telemetry(away, offline()) as log:
        record = {**gpu(1), **dict.fromkeys(readings.LABELS, "x")}
        with pytest.raises(OutcomeUnknown):
            await log.append_all("n", [(TELEMETRY_GPU, record)])
        assert len(log) == 1
        await log.append_all("n", [])
