"""Telemetry over HTTP: node keys, batches, and what is told of them."""

import gzip
import json
from typing import Any

import pytest

from query_api.commands.telemetry import MAX_BYTES
from query_api.overload import LargeBodies
from query_api.problems import Problem
from query_api.times import told
from schemas.bounds import ROLLED_UP, STATISTICS
from tests.api.conftest import Caller, World, add_node

UNKNOWN = "00000000-0000-4000-8000-000000000000"
DAY_MS = 24 * 3600 * 1000


@pytest.fixture
async def node_id(seller) -> str:
    return str((await seller("GET", "/nodes")).body["items"][0]["id"])


def gpu(timestamp: Any, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "gpu_index": index,
        "timestamp": timestamp,
        "gpu_utilization": 0.5,
        "memory_utilization": 0.25,
        "temperature": 65,
        "power_draw": 350.5,
        "status": "healthy",
        **fields,
    }


def itself(timestamp: int) -> dict[str, Any]:
    return {
        "timestamp": timestamp,
        "cpu_utilization": 0.1,
        "memory_utilization": 0.2,
        "disk_utilization": 0.3,
        "network_receive_rate": 4.5,
        "network_send_rate": 6,
    }


async def send(caller: Caller, node_id: str, *metrics: Any) -> Any:
    body = {"node_id": node_id, "metrics": list(metrics)}
    return await caller("POST", "/telemetry/batch", body)


async def enrolled(world: World, seller: Caller) -> tuple[str, Caller, Caller]:
    """A new node, who has its onboarding token, and who has its key."""
    cluster_id = (await seller("GET", "/providers/me/clusters")).body["items"][0]["id"]
    body = {
        "hostname": "n2",
        "ip_address": "10.0.0.2",
        "gpu_specs": [{"model": "H100", "vram_gb": 80, "cuda_version": "12", "pcie_slot": "0"}],
    }
    made = (await seller("POST", f"/clusters/{cluster_id}/nodes", body)).body
    token = Caller(world.app, seller.account_id, made["onboarding_token"])
    reply = await token("POST", f"/nodes/{made['node_id']}/key")
    assert (reply.status, set(reply.body)) == (201, {"key_id", "key", "prefix"})
    return made["node_id"], token, Caller(world.app, seller.account_id, reply.body["key"])


# The node's key


async def test_a_token_is_exchanged_once(world, seller):
    node_id, token, node = await enrolled(world, seller)
    again = await token("POST", f"/nodes/{node_id}/key")
    assert (again.status, again.body["code"]) == (409, "NODE_ENROLLED")
    assert (await send(node, node_id, gpu(world.clock.now_ms()))).body["accepted"] == 1


async def test_a_token_is_of_its_node_and_for_this_alone(world, seller, node_id):
    own, token, _ = await enrolled(world, seller)
    for other in (node_id, UNKNOWN):
        assert (await token("POST", f"/nodes/{other}/key")).status == 404
    assert (await send(token, own, gpu(world.clock.now_ms()))).status == 403
    for path in (f"/nodes/{own}/telemetry", f"/nodes/{own}", "/orders"):
        assert (await token("GET", path)).status == 403
    stranger = Caller(world.app, "", "no-token-of-ours")
    assert (await stranger("POST", f"/nodes/{own}/key")).status == 401


async def test_other_keys_enrol_no_node(world, seller, admin, node_id):
    _, _, node = await enrolled(world, seller)
    for caller in (seller, admin, node):
        refused = await caller("POST", f"/nodes/{node_id}/key")
        assert (refused.status, "nodes:enrol" in refused.body["detail"]) == (403, True)
    asked = {"name": "x", "scopes": ["nodes:enrol"]}
    assert (await admin("POST", "/auth/api-keys", asked)).status == 403


async def test_a_node_key_reports_and_reads_of_its_node_alone(world, seller, node_id):
    own, _, node = await enrolled(world, seller)
    me = (await node("GET", "/auth/me")).body
    assert (me["node_id"], me["roles"]) == (own, [])
    assert me["scopes"] == ["telemetry:read", "telemetry:write"]
    assert (await send(node, node_id, gpu(world.clock.now_ms()))).status == 404
    for path in (f"/nodes/{node_id}/telemetry", f"/telemetry/{node_id}"):
        assert (await node("GET", path)).status == 404
    assert (await node("GET", f"/nodes/{own}/telemetry")).status == 200
    for method, path in (("GET", f"/nodes/{own}"), ("DELETE", f"/nodes/{own}"),
                         ("GET", "/orders"), ("GET", "/auth/api-keys")):  # fmt: skip
        assert (await node(method, path)).status == 403


async def test_a_node_key_is_listed_and_revoked_like_others(world, seller):
    own, _, node = await enrolled(world, seller)
    keys = (await seller("GET", "/auth/api-keys")).body["items"]
    assert {key["node_id"] for key in keys} == {own, None}
    (key_id,) = (key["id"] for key in keys if key["node_id"] == own)
    assert (await seller("DELETE", f"/auth/api-keys/{key_id}")).status == 200
    assert (await send(node, own, gpu(world.clock.now_ms()))).status == 401


async def test_the_key_and_token_of_a_removed_node_work_no_more(world, seller):
    own, token, node = await enrolled(world, seller)
    assert (await send(node, own, gpu(world.clock.now_ms()))).status == 202
    assert (await seller("DELETE", f"/nodes/{own}")).status == 200
    world.clock.advance(6_000)
    for caller in (node, token):
        assert (await send(caller, own, gpu(world.clock.now_ms()))).status == 401
    assert (await send(seller, own, gpu(world.clock.now_ms()))).status == 404


# Batches


async def test_readings_are_accepted_and_refused_one_by_one(world, seller, node_id):
    now_ms = world.clock.now_ms()
    slot_ms = now_ms - now_ms % 5_000
    reply = await send(
        seller,
        node_id,
        gpu(slot_ms),
        gpu(slot_ms + 1),
        gpu(slot_ms, 8),
        gpu(slot_ms, 1, temperature=151),
        gpu(now_ms - DAY_MS - 1, 2),
        gpu(now_ms + 5_001, 3),
        {"gpu_index": 4},
        "reading",
        itself(now_ms),
        gpu(told(slot_ms), 5),
    )
    assert reply.status == 202
    assert reply.body["accepted"] == 3
    assert [(each["index"], each["code"]) for each in reply.body["rejected"]] == [
        (1, "TOO_FREQUENT"), (2, "UNKNOWN_GPU"), (3, "OUT_OF_RANGE"), (4, "STALE"), (5, "FUTURE"),
        (6, "MALFORMED"), (7, "MALFORMED"),
    ]  # fmt: skip
    assert reply.body["rejected"][2]["detail"] == "temperature must be -50 to 150, was 151"
    assert [topic for topic, _ in world.ports.telemetry.log] == [
        "telemetry.gpu", "telemetry.node", "telemetry.gpu",
    ]  # fmt: skip
    first = world.ports.telemetry.log[0][1]
    cluster = (await seller("GET", "/providers/me/clusters")).body["items"][0]
    provider = (await seller("GET", "/providers/me")).body
    assert first == {
        **gpu(slot_ms),
        "node_id": node_id,
        "cluster_id": cluster["id"],
        "provider_id": provider["id"],
        "region": "us-west-2",
        "gpu_type": "H100",
    }


async def test_what_became_of_readings_is_counted(world, seller, node_id):
    now_ms = world.clock.now_ms()
    await send(seller, node_id, gpu(now_ms), gpu(now_ms, 9), gpu(now_ms, 1))
    text = (await seller("GET", "/metrics")).body.decode()
    assert 'gpubroker_telemetry_readings_total{result="accepted"} 2.0' in text
    assert 'gpubroker_telemetry_readings_total{result="UNKNOWN_GPU"} 1.0' in text


async def test_a_batch_again_is_accepted_again(world, seller, node_id):
    now_ms = world.clock.now_ms()
    for _ in range(2):
        assert (await send(seller, node_id, gpu(now_ms), gpu(now_ms, 1))).body["accepted"] == 2
    shown = await seller("GET", f"/telemetry/{node_id}")
    assert len(shown.body["metrics"]) == 2
    slot_ms = now_ms - now_ms % 5_000
    other = slot_ms if now_ms > slot_ms else slot_ms + 1
    refused = (await send(seller, node_id, gpu(other))).body["rejected"]
    assert [each["code"] for each in refused] == ["TOO_FREQUENT"]


async def test_without_the_log_the_outcome_is_unknown_and_may_be_tried_again(
    world, seller, node_id
):
    now_ms = world.clock.now_ms()
    world.market.away.add("kafka")
    reply = await send(seller, node_id, gpu(now_ms))
    assert (reply.status, reply.body["code"]) == (503, "OUTCOME_UNKNOWN")
    assert reply.headers["Retry-After"]
    world.market.away.clear()
    assert (await send(seller, node_id, gpu(now_ms))).body == {"accepted": 1, "rejected": []}


async def test_without_postgres_a_known_node_reports_on(world, seller, node_id):
    assert (await send(seller, node_id, gpu(world.clock.now_ms()))).status == 202
    world.market.away.add("postgres")
    world.clock.advance(10_000)
    assert (await send(seller, node_id, gpu(world.clock.now_ms()))).status == 202
    refused = await send(seller, UNKNOWN, gpu(world.clock.now_ms()))
    assert (refused.status, refused.body["code"]) == (503, "DEPENDENCY_UNAVAILABLE")


async def test_who_may_report(world, seller, buyer, admin, node_id):
    other = await world.seller()
    metric = gpu(world.clock.now_ms())
    for caller in (buyer, other):
        refused = await send(caller, node_id, metric)
        assert (refused.status, refused.body["code"]) == (404, "NOT_FOUND")
    for named in (UNKNOWN, "nonsense"):
        assert (await send(seller, named, metric)).status == 404
    assert (await send(admin, node_id, metric)).status == 403
    reader = await world.caller("provider", account_id=seller.account_id, scopes=["telemetry:read"])
    assert (await send(reader, node_id, metric)).status == 403
    developer = await world.caller("provider", account_id=seller.account_id, roles=["developer"])
    refused = await send(developer, node_id, metric)
    assert (refused.status, "provider" in refused.body["detail"]) == (403, True)
    assert (await send(Caller(world.app, "", ""), node_id, metric)).status == 401


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/node_id", "/metrics"}),
        ({"node_id": "n", "metrics": []}, {"/metrics"}),
        ({"node_id": "n", "metrics": {}}, {"/metrics"}),
        ({"node_id": 7, "metrics": [1]}, {"/node_id"}),
        ({"node_id": "n", "metrics": [1] * 20_001}, {"/metrics"}),
        ({"node_id": "n", "metrics": [1], "step": 1}, {"/step"}),
    ],
)
async def test_batches_that_are_none(seller, body, pointers):
    assert set((await seller("POST", "/telemetry/batch", body)).wrong) == pointers


@pytest.mark.parametrize("text", ["[1]", "{", '{"node_id": "n", "metrics": [NaN]}', "\xff"])
async def test_bodies_that_are_no_json(seller, text):
    reply = await seller("POST", "/telemetry/batch", text.encode("latin-1"))
    assert (reply.status, reply.body["code"]) == (400, "INVALID_JSON")


async def test_a_batch_may_have_two_mebibytes(world, seller, node_id):
    now_ms = world.clock.now_ms()
    metrics = [gpu(now_ms - 5_000 * (number // 8), number % 8) for number in range(10_000)]
    body = json.dumps({"node_id": node_id, "metrics": metrics}).encode()
    assert 2**20 < len(body) < MAX_BYTES
    reply = await seller("POST", "/telemetry/batch", body)
    assert (reply.status, reply.body) == (202, {"accepted": 10_000, "rejected": []})
    padded = await seller("POST", "/telemetry/batch", body.ljust(MAX_BYTES))
    assert padded.status == 202
    refused = await seller("POST", "/telemetry/batch", body.ljust(MAX_BYTES + 1))
    assert (refused.status, refused.body["code"]) == (413, "TOO_LARGE")
    assert str(MAX_BYTES) in refused.body["detail"]


async def test_a_packed_body_is_not_json(seller):
    headers = {"Content-Encoding": "gzip"}
    body = gzip.compress(b'{"node_id": "n", "metrics": [1]}')
    reply = await seller("POST", "/telemetry/batch", body, headers=headers)
    assert reply.status == 400


def test_large_bodies_have_a_bound_together():
    bodies = LargeBodies(100)
    with bodies.held(60), bodies.held(40):
        with pytest.raises(Problem) as refused, bodies.held(1):
            pass
        assert (refused.value.status, refused.value.code) == (429, "OVERLOADED")
        with bodies.held(0):
            pass
    with bodies.held(100):
        pass


# What is told


async def test_the_newest_readings_with_their_age(world, seller, node_id):
    now_ms = world.clock.now_ms()
    await send(
        seller, node_id, gpu(now_ms - 60_000, 1), gpu(now_ms - 10_000, 1, temperature=70),
        gpu(now_ms, 0), itself(now_ms - 20_000),
    )  # fmt: skip
    world.clock.advance(1_500)
    shown = await seller("GET", f"/nodes/{node_id}/telemetry")
    assert shown.status == 200
    assert shown.body["node_id"] == node_id
    assert [(each["gpu_index"], each["age_seconds"]) for each in shown.body["gpus"]] == [
        (0, 1.5), (1, 11.5),
    ]  # fmt: skip
    expected = gpu(told(now_ms - 10_000), 1, temperature=70)
    assert shown.body["gpus"][1] == {**expected, "age_seconds": 11.5}
    assert shown.body["node"]["age_seconds"] == 21.5
    assert shown.body["node"]["cpu_utilization"] == 0.1


async def test_a_node_that_never_reported_has_no_readings(seller, node_id):
    shown = await seller("GET", f"/nodes/{node_id}/telemetry")
    assert (shown.status, shown.body) == (200, {"node_id": node_id, "gpus": [], "node": None})


async def test_a_clock_that_is_ahead_makes_no_age_negative(world, seller, node_id):
    await send(seller, node_id, gpu(world.clock.now_ms() + 4_000))
    (reading,) = (await seller("GET", f"/nodes/{node_id}/telemetry")).body["gpus"]
    assert reading["age_seconds"] == 0


async def test_what_redis_has_not_clickhouse_tells(world, seller, node_id):
    await send(seller, node_id, gpu(world.clock.now_ms()))
    before = (await seller("GET", f"/nodes/{node_id}/telemetry")).body
    world.market.away.add("redis")
    assert (await seller("GET", f"/nodes/{node_id}/telemetry")).body == before
    world.market.away.clear()
    world.clock.advance(2 * 3_600_000)
    assert (await world.ports.live.readings(node_id)) == []
    (later,) = (await seller("GET", f"/nodes/{node_id}/telemetry")).body["gpus"]
    assert later["age_seconds"] == 7_200
    world.market.away.add("clickhouse")
    assert (await seller("GET", f"/nodes/{node_id}/telemetry")).status == 503


async def test_history_between_two_times_page_by_page(world, seller, node_id):
    now_ms = world.clock.now_ms()
    moments = [now_ms - 5_000 * back for back in range(6)]
    await send(seller, node_id, *(gpu(at, index) for at in moments for index in (1, 0)))
    path = f"/telemetry/{node_id}"
    every = (await seller("GET", path)).body
    order = [(told(at), index) for at in reversed(moments) for index in (0, 1)]
    assert [(each["timestamp"], each["gpu_index"]) for each in every["metrics"]] == order
    assert every["next_cursor"] is None
    between = {"from": str(moments[4]), "to": told(moments[1])}
    part = (await seller("GET", path, **between)).body["metrics"]
    assert part == every["metrics"][2:8]
    paged, cursor = [], {}
    for _ in range(4):
        page = (await seller("GET", path, limit=3, **cursor)).body
        paged += page["metrics"]
        cursor = {"cursor": page["next_cursor"]}
    assert paged == every["metrics"]


async def test_history_of_the_node_itself(world, seller, node_id):
    now_ms = world.clock.now_ms()
    await send(seller, node_id, gpu(now_ms), *(itself(now_ms - 5_000 * at) for at in range(3)))
    path = f"/telemetry/{node_id}"
    page = (await seller("GET", path, kind="node", limit=2)).body
    rest = (await seller("GET", path, kind="node", cursor=page["next_cursor"])).body
    times = [each["timestamp"] for each in page["metrics"] + rest["metrics"]]
    assert times == [told(now_ms - 5_000 * at) for at in (2, 1, 0)]


def window(node_id: str, start_ms: int, seconds: int, samples: int = 3, mean: float = 0.5) -> Any:
    words = {"scope": "node", "scope_id": node_id, "window_start_ms": start_ms}
    told = {f"{name}_{each}": mean for name in ROLLED_UP for each in STATISTICS}
    return {**words, "window_seconds": seconds, "samples": samples, **told}


async def test_windows_between_two_times_page_by_page(world, seller, node_id):
    now_ms = world.clock.now_ms() // 60_000 * 60_000
    starts = [now_ms - 10_000 * back for back in (3, 2, 1)]
    rows = [window(node_id, start_ms, 10) for start_ms in starts]
    rows += [window(node_id, starts[1], 10, 4, 0.25), window(node_id, now_ms - 60_000, 60, 9)]
    world.ports.history._telemetry.rollups = [*rows, window("other", starts[0], 10)]
    path = f"/telemetry/{node_id}"
    ten = (await seller("GET", path, step="10s")).body
    assert ten["step"] == "10s"
    assert [each["timestamp"] for each in ten["metrics"]] == [told(at) for at in starts]
    assert [each["samples"] for each in ten["metrics"]] == [3, 4, 3]
    assert ten["metrics"][1]["power_draw"] == {"mean": 0.25, "p95": 0.25, "max": 0.25}
    first = (await seller("GET", path, step="10s", limit=2)).body
    rest = (await seller("GET", path, step="10s", cursor=first["next_cursor"])).body
    assert first["metrics"] + rest["metrics"] == ten["metrics"]
    part = {"from": str(starts[1]), "to": str(starts[2])}
    assert (await seller("GET", path, step="10s", **part)).body["metrics"] == [ten["metrics"][1]]
    minute = (await seller("GET", path, step="1m")).body["metrics"]
    assert [each["samples"] for each in minute] == [9]
    world.market.away.add("clickhouse")
    assert (await seller("GET", path, step="1m")).status == 503


@pytest.mark.parametrize(("minutes", "step"), [(15, "raw"), (16, "10s"), (360, "10s"), (361, "1m")])
async def test_the_step_that_fits_the_time(world, seller, node_id, minutes, step):
    from_ms = world.clock.now_ms() - 3 * 24 * 3_600_000
    between = {"from": str(from_ms), "to": str(from_ms + minutes * 60_000)}
    path = f"/telemetry/{node_id}"
    assert (await seller("GET", path, step="auto", **between)).body["step"] == step
    assert (await seller("GET", path, step="auto", kind="node", **between)).body["step"] == "raw"


async def test_there_are_no_windows_of_the_node_itself(seller, node_id):
    reply = await seller("GET", f"/telemetry/{node_id}", kind="node", step="1m")
    assert reply.wrong == {"/step": "raw for kind node"}


async def test_without_times_the_last_hour_is_told(world, seller, node_id):
    now_ms = world.clock.now_ms()
    await send(seller, node_id, gpu(now_ms - 3_600_000), gpu(now_ms - 3_590_000), gpu(now_ms))
    found = (await seller("GET", f"/telemetry/{node_id}")).body["metrics"]
    assert [each["timestamp"] for each in found] == [told(now_ms - 3_590_000), told(now_ms)]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"from": "yesterday"}, "/from"),
        ({"to": "-1"}, "/to"),
        ({"to": "1" * 16}, "/to"),
        ({"kind": "cpu"}, "/kind"),
        ({"limit": "1001"}, "/limit"),
        ({"cursor": "x"}, "/cursor"),
        ({"step": "5m"}, "/step"),
        ({"from": "20", "to": "10"}, "/from"),
    ],
)
async def test_queries_that_are_none(seller, node_id, query, pointer):
    assert set((await seller("GET", f"/telemetry/{node_id}", **query)).wrong) == {pointer}


async def test_who_may_look(world, seller, buyer, admin, node_id):
    await send(seller, node_id, gpu(world.clock.now_ms()))
    other = await world.seller()
    writer = await world.caller(
        "provider", account_id=seller.account_id, scopes=["telemetry:write"]
    )
    for path in (f"/nodes/{node_id}/telemetry", f"/telemetry/{node_id}"):
        for caller in (seller, admin):
            assert (await caller("GET", path)).status == 200
        for caller in (buyer, other):
            assert (await caller("GET", path)).status == 404
        assert (await writer("GET", path)).status == 403
        assert (await seller("GET", path.replace(node_id, UNKNOWN))).status == 404


async def test_a_node_registered_after_somebody_asked_for_it_is_found(world, seller, node_id):
    provider_id = (await seller("GET", "/providers/me")).body["id"]
    assert (await send(seller, UNKNOWN, gpu(1))).status == 404
    new = await add_node(seller, provider_id, 1)
    assert (await send(seller, new, gpu(world.clock.now_ms()))).status == 202
