"""Catalogue, books, depth and tape; health, metrics, and what HTTP itself asks for."""

import pytest

from query_api.app import ENDPOINTS
from tests.api.conftest import ASK, BID, add_cluster, add_node, registered

NOWHERE = "00000000-0000-4000-8000-000000000000"


async def test_the_catalogue(buyer):
    reply = await buyer("GET", "/market/catalogue")
    assert set(reply.body) == {"gpu_types", "products", "regions"}
    assert "H100-PCIE" in reply.body["gpu_types"]
    assert reply.body["products"] == ["ondemand", "spot", "reserved"]


async def test_depth_by_duration_and_region(buyer, seller):
    await seller("POST", "/orders", {**ASK, "quantity": 2})
    await seller("POST", "/orders", {**ASK, "quantity": 3, "price": "2.1", "duration_hours": 10})
    await buyer("POST", "/orders", {**BID, "price": 1})
    path = "/market/books/H100.ondemand/depth"
    depth = (await buyer("GET", path)).body
    assert depth == {
        "book_id": "H100.ondemand",
        "book_seq": 3,
        "bids": [{"price": "1.0000", "quantity": 4, "orders": 1}],
        "asks": [
            {"price": "2.0000", "quantity": 2, "orders": 1},
            {"price": "2.1000", "quantity": 3, "orders": 1},
        ],
    }
    assert len((await buyer("GET", path, levels=1)).body["asks"]) == 1
    long = await buyer("GET", path, duration_hours=50)
    assert [level["price"] for level in long.body["asks"]] == ["2.0000"]
    elsewhere = await buyer("GET", path, region="us-east-1")
    assert elsewhere.body["asks"] == []
    for name, value in (("levels", 1_001), ("duration_hours", 0), ("region", "mars")):
        assert set((await buyer("GET", path, **{name: value})).wrong) == {f"/{name}"}


async def test_a_book_of_the_catalogue_without_orders_is_empty(buyer):
    empty = await buyer("GET", "/market/books/H200.spot/depth")
    assert empty.body == {"book_id": "H200.spot", "book_seq": 0, "bids": [], "asks": []}
    tape = await buyer("GET", "/market/books/H200.spot/trades")
    assert tape.body == {"items": [], "total": 0, "next_cursor": None}
    for book_id in ("H99.spot", "H200", "H200.other", ".spot"):
        for what in ("depth", "trades"):
            reply = await buyer("GET", f"/market/books/{book_id}/{what}")
            assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")


async def test_clusters_on_the_market(world, buyer, seller):
    await world.caller("provider")
    unverified = await world.caller("provider")
    await add_node(unverified, await registered(unverified), 8, "H100")
    a10s = await world.seller(4, "A10")
    provider_id = (await a10s("GET", "/providers/me")).body["id"]
    await add_node(a10s, provider_id, 2, "H100")
    await add_cluster(a10s, provider_id)
    await seller("POST", "/orders", {**ASK, "quantity": 5})
    await buyer("POST", "/orders", {**BID, "quantity": 1})
    listed = (await buyer("GET", "/market/clusters")).body
    types = [[gpus["gpu_type"] for gpus in each["gpus"]] for each in listed["items"]]
    assert (types, listed["total"]) == ([["H100"], ["A10"], ["H100"]], 3)
    first = listed["items"][2]
    assert first.keys() == {"id", "name", "region", "gpus"}
    counts = {"total": 8, "listed": 4, "available": 3, "allocated": 1}
    assert first["gpus"] == [{"gpu_type": "H100", **counts}]
    page = (await buyer("GET", "/market/clusters", gpu_type="H100", limit=1)).body
    rest = await buyer("GET", "/market/clusters", gpu_type="H100", cursor=page["next_cursor"])
    assert [each["id"] for each in rest.body["items"]] == [first["id"]]
    elsewhere = await buyer("GET", "/market/clusters", region="us-east-1")
    assert elsewhere.body["items"] == []
    for name in ("gpu_type", "region"):
        assert set((await buyer("GET", "/market/clusters", **{name: "x"})).wrong) == {f"/{name}"}


async def test_a_book_tells_the_quantity_at_its_best_prices(buyer, seller):
    for price, quantity in (("3.0000", 1), ("2.0000", 4)):
        await seller("POST", "/orders", {**ASK, "price": price, "quantity": quantity})
    for price, quantity in (("1.0000", 2), ("0.5000", 1)):
        await buyer("POST", "/orders", {**BID, "price": price, "quantity": quantity})
    (book,) = (await buyer("GET", "/market/books")).body["items"]
    assert (book["best_ask"], book["ask_quantity"]) == ("2.0000", 4)
    assert (book["best_bid"], book["bid_quantity"], book["resting"]) == ("1.0000", 2, 4)


async def test_books_and_the_public_tape(buyer, seller):
    await seller("POST", "/orders", ASK)
    for quantity in (1, 2):
        await buyer("POST", "/orders", {**BID, "quantity": quantity})
    await buyer("POST", "/orders", {**BID, "gpu_type": "A10"})
    books = (await buyer("GET", "/market/books")).body
    assert [book["id"] for book in books["items"]] == ["A10.ondemand", "H100.ondemand"]
    assert books["items"][1]["best_ask"] == "2.0000"
    assert books["items"][1]["best_bid"] is None
    page = await buyer("GET", "/market/books", limit=1)
    rest = await buyer("GET", "/market/books", cursor=page.body["next_cursor"])
    assert [book["id"] for book in rest.body["items"]] == ["H100.ondemand"]
    tape = (await buyer("GET", "/market/books/H100.ondemand/trades", limit=1)).body
    assert (tape["total"], tape["items"][0]["quantity"]) == (2, 2)
    told = str(tape)
    assert buyer.account_id not in told
    assert seller.account_id not in told
    older = await buyer("GET", "/market/books/H100.ondemand/trades", cursor=tape["next_cursor"])
    assert [trade["quantity"] for trade in older.body["items"]] == [1]


@pytest.mark.parametrize(
    ("server", "path"),
    [
        ("market_data", "/market/books"),
        ("market_data", "/market/books/H100.spot/depth"),
        ("clickhouse", "/market/books/H100.spot/trades"),
    ],
)
async def test_a_server_that_is_away_is_named(world, buyer, server, path):
    world.market.away.add(server)
    reply = await buyer("GET", path)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert server in reply.body["detail"]


async def test_health_names_what_is_away(world, buyer):
    healthy = await buyer("GET", "/health")
    assert set(healthy.body) == {
        "status", "timestamp", "uptime_seconds", "version", "dependencies",
    }  # fmt: skip
    assert (healthy.status, healthy.body["status"]) == (200, "healthy")
    assert set(healthy.body["dependencies"].values()) == {"connected"}
    world.market.away.add("clickhouse")
    world.clock.advance(1_000)
    degraded = await buyer("GET", "/health")
    assert (degraded.status, degraded.body["status"]) == (200, "degraded")
    assert degraded.body["dependencies"]["clickhouse"] == "unreachable"
    world.market.away.add("kafka")
    world.clock.advance(1_000)
    down = await buyer("GET", "/health")
    assert (down.status, down.body["status"]) == (503, "down")


async def test_metrics_count_orders_trades_and_latency(world, buyer, seller):
    await seller("POST", "/orders", ASK)
    await buyer("POST", "/orders", BID)
    text = (await buyer("GET", "/metrics")).body.decode()
    assert 'gpubroker_orders_total{type="bid"} 1.0' in text
    assert 'gpubroker_orders_total{type="ask"} 1.0' in text
    assert "gpubroker_trades_executed_total 1.0" in text
    assert "# TYPE gpubroker_kafka_lag gauge" in text
    count = 'gpubroker_api_latency_seconds_count{method="POST",path="/api/v2/orders",status="202"}'
    assert f"{count} 2.0" in text
    world.market.away.add("clickhouse")
    assert (await buyer("GET", "/metrics")).status == 200


async def test_metrics_tell_how_busy_clusters_are(world, buyer):
    world.market.cluster_utilization["c1"] = 0.25
    text = (await buyer("GET", "/metrics")).body.decode()
    assert 'gpubroker_gpu_utilization{cluster_id="c1"} 0.25' in text


async def test_unknown_paths_and_methods_are_problems(buyer):
    for path in ("/nothing", "/orders/a/b/c", "/market", "//orders"):
        reply = await buyer("GET", path)
        assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")
        assert reply.headers["Content-Type"] == "application/problem+json"
    reply = await buyer("PUT", "/orders")
    assert (reply.status, reply.body["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(reply.headers["Allow"].replace(" ", "").split(",")) == {"GET", "HEAD", "POST"}


async def test_every_endpoint_wants_a_key_and_its_rights(world, buyer):
    powerless = await world.caller("consumer", roles=["consumer"], scopes=[])
    for endpoint in ENDPOINTS:
        path = endpoint.path.removeprefix("/api/v2")
        for name in ("order_id", "account_id", "provider_id", "cluster_id", "node_id", "key_id"):
            path = path.replace(f"{{{name}}}", NOWHERE)
        path = path.replace("{book_id}", "H100.spot")
        key, buyer.key = buyer.key, ""
        assert (await buyer(endpoint.method, path)).status == 401, endpoint
        buyer.key = key
        expected = 403 if endpoint.scope else 200
        assert (await powerless(endpoint.method, path)).status == expected, endpoint
        if endpoint.role:
            assert (await buyer(endpoint.method, path)).status == 403, endpoint


async def test_a_fault_is_told_without_its_trace(world, buyer, monkeypatch, caplog):
    async def broken(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr(world.market, "append", broken)
    reply = await buyer("POST", "/orders", BID)
    assert (reply.status, reply.body["code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in str(reply.body)
    assert "secret" in caplog.text


async def test_the_page_of_documentation_needs_nobody_else(buyer):
    page = (await buyer("GET", "/docs")).body.decode()
    assert "openapi.json" in page
    assert "http://" not in page
    assert "https://" not in page


async def test_snapshots_are_asked_for_and_listed_by_an_administrator(admin, buyer):
    await buyer("POST", "/orders", BID)
    await buyer("POST", "/orders", {**BID, "gpu_type": "A10"})
    assert (await admin("GET", "/market/snapshots")).body["items"] == []
    one = await admin("POST", "/market/snapshots", {"book_id": "H100.ondemand"})
    assert one.status == 202
    assert [each["book_id"] for each in one.body["items"]] == ["H100.ondemand"]
    every = await admin("POST", "/market/snapshots", {})
    assert [each["book_id"] for each in every.body["items"]] == ["H100.ondemand", "A10.ondemand"]
    page = (await admin("GET", "/market/snapshots", limit=1)).body
    (first,) = page["items"]
    assert (page["total"], first["book_id"], first["resting"]) == (2, "A10.ondemand", 1)
    assert first["written_at"] >= every.body["asked_at"]
    rest = (await admin("GET", "/market/snapshots", cursor=page["next_cursor"])).body
    assert [each["book_id"] for each in rest["items"]] == ["H100.ondemand"]
    assert rest["next_cursor"] is None
    nothing = await admin("POST", "/market/snapshots", {"book_id": "L4.spot"})
    assert (nothing.status, nothing.body["items"]) == (202, [])
    for book_id in ("H99.spot", 7):
        reply = await admin("POST", "/market/snapshots", {"book_id": book_id})
        assert set(reply.wrong) == {"/book_id"}
