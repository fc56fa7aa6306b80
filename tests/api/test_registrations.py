"""Accounts, providers, clusters, nodes and API keys."""

import pytest

from tests.api.conftest import ASK, BID, Caller, add_cluster, add_node, node_body, registered

UNKNOWN = "00000000-0000-4000-8000-000000000000"
SOLD = {"base_price": "2.5", "surge_enabled": True, "relist": True}


async def test_an_administrator_opens_accounts(world, admin):
    body = {"name": "Ada", "role": "consumer", "limits": {"max_open_orders": 5}}
    made = await admin("POST", "/accounts", body)
    assert made.status == 201
    assert set(made.body) == {"account_id"}
    _, key, record = world.market.log[-1]
    assert key == record["account_id"] == made.body["account_id"]
    assert (record["source"], record["source_seq"]) == ("registry", 1)
    assert record["set_account"]["max_open_orders"] == 5
    changed = await admin("PATCH", f"/accounts/{key}", {"suspended": True})
    assert (changed.body["suspended"], changed.body["limits"]["max_open_orders"]) == (True, 5)
    assert world.market.log[-1][2]["source_seq"] == 2


async def test_accounts_are_for_administrators(admin, buyer, seller):
    for caller in (buyer, seller):
        assert (await caller("POST", "/accounts", {"name": "x", "role": "consumer"})).status == 403
        path = f"/accounts/{caller.account_id}"
        assert (await caller("PATCH", path, {"suspended": False})).status == 403
    for account_id in (UNKNOWN, "nonsense"):
        reply = await admin("PATCH", f"/accounts/{account_id}", {"suspended": True})
        assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")
    wrong = await admin("POST", "/accounts", {"name": "x", "role": "admin"})
    assert set(wrong.wrong) == {"/role"}


async def test_a_provider_is_registered_once_and_verified_by_an_administrator(world, admin):
    seller = await world.caller("provider")
    assert (await seller("GET", "/providers/me")).status == 404
    provider_id = await registered(seller)
    again = await seller("POST", "/providers", {"name": "a", "company": "b", "kyc_data": {}})
    assert (again.status, again.body["code"]) == (409, "PROVIDER_EXISTS")
    assert (await seller("GET", "/providers/me")).body["status"] == "pending_kyc"
    refused = await seller("POST", "/orders", ASK, headers={"Prefer": "wait=1"})
    assert refused.body["code"] == "PROVIDER_NOT_VERIFIED"
    path = f"/providers/{provider_id}"
    assert (await seller("PATCH", path, {"status": "verified"})).status == 403
    assert (await admin("PATCH", path, {"status": "verified"})).body["status"] == "verified"
    assert (await seller("GET", path)).body["status"] == "verified"
    suspended = await admin("PATCH", path, {"status": "suspended"})
    assert suspended.body["status"] == "suspended"
    assert not world.market.log[-1][2]["set_account"]["verified"]
    assert set((await admin("PATCH", path, {"status": "pending_kyc"})).wrong) == {"/status"}


async def test_an_administrator_lists_providers_by_status(world, admin, buyer):
    first, second = [await registered(await world.caller("provider")) for _ in range(2)]
    await admin("PATCH", f"/providers/{first}", {"status": "verified"})
    every = (await admin("GET", "/providers")).body
    assert ([each["id"] for each in every["items"]], every["total"]) == ([second, first], 2)
    waiting = (await admin("GET", "/providers", status="pending_kyc")).body
    assert ([each["id"] for each in waiting["items"]], waiting["total"]) == ([second], 1)
    page = (await admin("GET", "/providers", limit="1")).body
    rest = (await admin("GET", "/providers", limit="1", cursor=page["next_cursor"])).body
    assert [each["id"] for each in rest["items"]] == [first]
    assert "kyc_data" not in every["items"][0]
    wrong = await admin("GET", "/providers", status="new")
    assert wrong.wrong == {"/status": "pending_kyc, verified, suspended"}
    for caller in (buyer, await world.caller("provider")):
        assert (await caller("GET", "/providers")).status == 403


async def test_only_keys_of_providers_register_providers(buyer):
    body = {"name": "a", "company": "b", "kyc_data": {}}
    assert (await buyer("POST", "/providers", body)).status == 403


async def test_identity_data_is_not_told_back(world, admin):
    seller = await world.caller("provider")
    provider_id = await registered(seller)
    assert "kyc_data" not in (await admin("GET", f"/providers/{provider_id}")).body


async def test_clusters_count_gpus_from_the_live_view(world, buyer, seller):
    provider_id = (await seller("GET", "/providers/me")).body["id"]
    (cluster,) = (await seller("GET", "/providers/me/clusters")).body["items"]
    assert (cluster["total_gpus"], cluster["available_gpus"]) == (8, 8)
    assert (cluster["region"], cluster["specs"]) == ("us-west-2", {"fabric": "ib"})
    await seller("POST", "/orders", {**ASK, "quantity": 3})
    (cluster,) = (await seller("GET", "/providers/me/clusters")).body["items"]
    assert (cluster["total_gpus"], cluster["available_gpus"]) == (8, 5)
    await add_cluster(seller, provider_id)
    page = await seller("GET", "/providers/me/clusters", limit=1)
    assert (page.body["total"], page.body["items"][0]["total_gpus"]) == (2, 0)
    rest = await seller("GET", "/providers/me/clusters", cursor=page.body["next_cursor"])
    assert [item["id"] for item in rest.body["items"]] == [cluster["id"]]
    wrong = await seller(
        "POST", f"/providers/{provider_id}/clusters", {"name": "x", "region": "mars"}
    )
    assert set(wrong.wrong) == {"/region"}


async def test_nodes_tell_what_their_gpus_do(world, buyer, seller):
    provider_id = (await seller("GET", "/providers/me")).body["id"]
    node_id = await add_node(seller, provider_id, 4, "L4")
    ask = {**ASK, "gpu_type": "L4", "quantity": 3}
    await seller("POST", "/orders", ask)
    await buyer("POST", "/orders", {**BID, "gpu_type": "L4", "quantity": 1})
    node = (await seller("GET", f"/nodes/{node_id}")).body
    states = [gpu["status"] for gpu in node["gpus"]]
    assert sorted(states) == ["allocated", "allocated", "allocated", "available"]
    assert node["gpus"][1]["pcie_slot"] == "slot 1"
    assert (node["status"], node["base_price"]) == ("healthy", None)
    world.market.away.add("redis")
    assert (await seller("GET", f"/nodes/{node_id}")).body["gpus"] == node["gpus"]
    world.market.away.add("clickhouse")
    as_registered = (await seller("GET", f"/nodes/{node_id}")).body
    assert {gpu["status"] for gpu in as_registered["gpus"]} == {"available"}


async def test_a_node_is_renamed_priced_kept_and_removed(world, seller):
    provider_id = (await seller("GET", "/providers/me")).body["id"]
    node_id = await add_node(seller, provider_id, 2)
    path = f"/nodes/{node_id}"
    renamed = await seller("PATCH", path, {"hostname": "n2", "ip_address": "2001:DB8::1"})
    assert (renamed.body["hostname"], renamed.body["ip_address"]) == ("n2", "2001:db8::1")
    kept = await seller("PATCH", path, {"status": "maintenance"})
    assert kept.body["status"] == "maintenance"
    shown = (await seller("GET", path)).body
    assert (shown["status"], {gpu["status"] for gpu in shown["gpus"]}) == (
        "maintenance", {"maintenance"},
    )  # fmt: skip
    back = await seller("PATCH", path, {"status": "available"})
    assert back.body["status"] == "healthy"
    priced = await seller("PUT", f"{path}/pricing", SOLD)
    assert (priced.status, priced.body) == (200, {"success": True})
    shown = (await seller("GET", path)).body
    assert (shown["base_price"], shown["surge_enabled"], shown["relist"]) == ("2.5000", True, True)
    removed = await seller("DELETE", path)
    assert (removed.status, removed.body) == (200, {"success": True})
    assert (await seller("GET", path)).status == 404
    assert (await seller("DELETE", path)).status == 404
    kinds = [record["kind"] for _, _, record in world.market.log[-5:]]
    assert kinds == [
        "register_node", "set_node_maintenance", "set_node_maintenance", "set_node_pricing",
        "remove_node",
    ]  # fmt: skip


async def test_k4_a_node_that_fails_is_shown_so_and_listed_anew_when_it_recovers(world, seller):
    node_id = (await seller("GET", "/nodes")).body["items"][0]["id"]
    await seller("PUT", f"/nodes/{node_id}/pricing", SOLD)
    placed = await seller("POST", "/orders", ASK)
    assert placed.status in (200, 202)
    world.clock.advance(1000)
    at_ms = world.clock.now_ms()
    for later, status in enumerate(("offline", "healthy")):
        body = {"gpu_index": 0, "status": status, "temperature": 50.0, "measured_at_ms": at_ms}
        told = {"kind": "gpu_status", "source": "gpu:0", "source_seq": at_ms + later}
        await world.market.append("nodes.commands", node_id, {**told, "gpu_status": body})
        assert (await seller("GET", f"/nodes/{node_id}")).body["status"] == status
    orders = (await seller("GET", "/orders")).body["items"]
    assert [order["status"] for order in orders] == ["pending", "cancelled"]


async def test_nodes_are_listed_by_cluster(world, seller):
    provider_id = (await seller("GET", "/providers/me")).body["id"]
    first = (await seller("GET", "/providers/me/clusters")).body["items"][0]["id"]
    node_id = await add_node(seller, provider_id, 1)
    every = await seller("GET", "/nodes")
    assert (every.body["total"], every.body["items"][0]["id"]) == (2, node_id)
    of_first = await seller("GET", "/nodes", cluster_id=first)
    assert [item["cluster_id"] for item in of_first.body["items"]] == [first]
    other_words = await seller("GET", "/nodes", cluster_id=f"urn:uuid:{first}")
    assert other_words.body == of_first.body


async def test_an_onboarding_token_never_looks_like_an_option(seller, monkeypatch):
    """It is an argument of `gpubroker agent enrol`."""
    monkeypatch.setattr("secrets.token_urlsafe", lambda size: "-f" + "x" * 41)
    cluster_id = (await seller("GET", "/providers/me/clusters")).body["items"][0]["id"]
    node = await seller("POST", f"/clusters/{cluster_id}/nodes", node_body())
    assert node.body["onboarding_token"] == "gpo_-f" + "x" * 41


async def test_a_registration_that_is_not_relayed_yet_is_a_202(world, admin, seller):
    world.registry.relay_is_away = True
    before = world.clock.now_ms()
    made = await admin("POST", "/accounts", {"name": "Ada", "role": "consumer"})
    assert made.status == 202
    assert 1_900 <= world.clock.now_ms() - before <= 2_100
    assert set(made.body) == {"account_id"}
    cluster_id = (await seller("GET", "/providers/me/clusters")).body["items"][0]["id"]
    node = await seller("POST", f"/clusters/{cluster_id}/nodes", node_body())
    assert (node.status, set(node.body)) == (202, {"node_id", "onboarding_token"})


async def test_things_of_others_are_not_found(world, seller):
    other = await world.seller()
    provider_id = (await other("GET", "/providers/me")).body["id"]
    cluster_id = (await other("GET", "/providers/me/clusters")).body["items"][0]["id"]
    node_id = (await other("GET", "/nodes")).body["items"][0]["id"]
    pricing = {"base_price": 1}
    for of, method, path, body in (
        (provider_id, "GET", "/providers/{}", None),
        (provider_id, "POST", "/providers/{}/clusters", {"name": "x", "region": "us-west-2"}),
        (cluster_id, "POST", "/clusters/{}/nodes", node_body()),
        (cluster_id, "GET", "/nodes?cluster_id={}", None),
        (node_id, "GET", "/nodes/{}", None),
        (node_id, "PATCH", "/nodes/{}", {"hostname": "mine"}),
        (node_id, "PUT", "/nodes/{}/pricing", pricing),
        (node_id, "DELETE", "/nodes/{}", None),
    ):
        for thing in (of, UNKNOWN, "nonsense"):
            reply = await seller(method, path.format(thing), body)
            assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND"), (method, path)
    assert (await other("GET", f"/nodes/{node_id}")).body["hostname"] == "n1"


async def test_a_key_tells_who_it_is(world, buyer, seller):
    me = (await buyer("GET", "/auth/me")).body
    assert (me["account_id"], me["role"], me["provider_id"]) == (buyer.account_id, "consumer", None)
    assert me["roles"] == ["consumer", "developer"]
    assert (await seller("GET", "/auth/me")).body["provider_id"] is not None


async def test_a_key_is_made_listed_and_revoked(world, buyer):
    made = await buyer("POST", "/auth/api-keys", {"name": "ci", "scopes": ["orders:read"]})
    assert (made.status, set(made.body)) == (201, {"key_id", "key", "prefix"})
    assert made.body["key"].startswith(made.body["prefix"] + "_")
    (newest, _) = (await buyer("GET", "/auth/api-keys")).body["items"]
    assert (newest["id"], newest["prefix"]) == (made.body["key_id"], made.body["prefix"])
    assert "key" not in newest
    assert made.body["key"] not in str(world.registry.__dict__)
    buyer.key, old = made.body["key"], buyer.key
    assert (await buyer("GET", "/orders")).status == 200
    refused = await buyer("POST", "/orders", BID)
    assert (refused.status, "orders:write" in refused.body["detail"]) == (403, True)
    buyer.key = old
    gone = await buyer("DELETE", f"/auth/api-keys/{made.body['key_id']}")
    assert (gone.status, gone.body) == (200, {"success": True})
    buyer.key = made.body["key"]
    assert (await buyer("GET", "/orders")).status == 401


async def test_a_key_can_be_bound_to_bids_up_to_an_amount(world, buyer):
    wanted = {"name": "agent", "max_order_cost": "240"}
    made = (await buyer("POST", "/auth/api-keys", wanted)).body
    (told, _) = (await buyer("GET", "/auth/api-keys")).body["items"]
    assert told["max_order_cost"] == "240.0000"
    assert (await buyer("GET", "/auth/me")).body["max_order_cost"] is None
    agent = Caller(world.app, buyer.account_id, made["key"])
    assert (await agent("GET", "/auth/me")).body["max_order_cost"] == "240.0000"
    placed = await agent("POST", "/orders", BID, headers={"Prefer": "wait=2"})
    assert placed.body["status"] == "pending"
    before = len(world.market.log)
    path = f"/orders/{placed.body['id']}"
    for method, where, body in (
        ("POST", "/orders", {**BID, "price": "2.5001"}),
        ("POST", "/orders/preview", {**BID, "quantity": 5}),
        ("PATCH", path, {"quantity": 5, "price": "2.5"}),
        ("PATCH", path, {"quantity": 4, "price": "2.6"}),
    ):
        refused = await agent(method, where, body)
        assert (refused.status, refused.body["code"]) == (403, "LIMIT_KEY"), body
        assert "costs at most 240.0000 USD" in refused.body["detail"]
    for body, missing in (({"quantity": 1}, "/price"), ({"price": "1"}, "/quantity")):
        refused = await agent("PATCH", path, body)  # what it does not say, a view may not know yet
        assert refused.wrong[missing].startswith("required of a key with max_order_cost")
    unknown = await agent("PATCH", f"/orders/{UNKNOWN}", {"quantity": 1, "price": "1"})
    assert unknown.status == 404
    assert len(world.market.log) == before
    assert (await agent("PATCH", path, {"quantity": 5, "price": "2.0"})).status == 200
    assert (await buyer("PATCH", path, {"price": "2.6"})).status == 200
    for body in ({"name": "x", "max_order_cost": "240.0001"}, {"name": "x", "max_order_cost": 250}):
        refused = await agent("POST", "/auth/api-keys", body)
        assert (refused.status, "at most" in refused.body["detail"]) == (403, True)
    again = (await agent("POST", "/auth/api-keys", {"name": "x"})).body
    heir = Caller(world.app, buyer.account_id, again["key"])
    assert (await heir("GET", "/auth/me")).body["max_order_cost"] == "240.0000"
    for amount in (0, "-1", "0.00001", 10**10, "x"):
        reply = await buyer("POST", "/auth/api-keys", {"name": "x", "max_order_cost": amount})
        assert set(reply.wrong) == {"/max_order_cost"}, amount


async def test_an_ask_costs_nothing_so_a_keys_amount_does_not_bind_it(world, seller):
    wanted = {"name": "agent", "max_order_cost": 1}
    made = (await seller("POST", "/auth/api-keys", wanted)).body
    agent = Caller(world.app, seller.account_id, made["key"])
    placed = await agent("POST", "/orders", ASK, headers={"Prefer": "wait=2"})
    assert placed.body["status"] == "pending"
    path = f"/orders/{placed.body['id']}"
    assert (await agent("PATCH", path, {"price": "9"})).status == 200
    assert (await agent("PATCH", f"/orders/{UNKNOWN}", {"price": "9"})).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": ["keys:write", "orders:write"]},
        {"name": "x", "scopes": ["admin"]},
        {"name": "x", "roles": ["developer"]},
        {"name": "x", "expires_at": "2027-01-01T00:00:00Z"},
        {"name": "x", "account_id": UNKNOWN},
    ],
)
async def test_a_key_never_grants_more_than_its_maker_has(world, body):
    ends_at_ms = world.clock.now_ms() + 3_600_000
    maker = await world.caller(
        "consumer", roles=["consumer"], scopes=["keys:write"], expires_at_ms=ends_at_ms
    )
    refused = await maker("POST", "/auth/api-keys", body)
    assert (refused.status, refused.body["code"]) == (403, "FORBIDDEN")
    made = await maker("POST", "/auth/api-keys", {"name": "x"})
    key = next(key for key in world.registry._keys.values() if key["id"] == made.body["key_id"])
    assert (key["roles"], key["scopes"], key["expires_at_ms"]) == (
        ["consumer"], ["keys:write"], ends_at_ms,
    )  # fmt: skip


async def test_an_administrator_makes_keys_for_accounts_within_their_role(world, admin):
    provider_account = await world.account("provider")
    made = await admin("POST", "/auth/api-keys", {"name": "x", "account_id": provider_account})
    key = world.registry._keys[made.body["key_id"]]
    assert (key["account_id"], key["roles"]) == (
        provider_account, ["consumer", "developer", "provider"],
    )  # fmt: skip
    assert "admin" not in key["scopes"]
    consumer_account = await world.account("consumer")
    body = {"name": "x", "account_id": consumer_account, "roles": ["provider"]}
    assert set((await admin("POST", "/auth/api-keys", body)).wrong) == {"/roles"}
    unknown = await admin("POST", "/auth/api-keys", {"name": "x", "account_id": UNKNOWN})
    assert unknown.status == 404
    assert (await admin("DELETE", f"/auth/api-keys/{made.body['key_id']}")).status == 200


async def test_keys_of_others_are_not_found(world, buyer):
    other = await world.caller("consumer")
    me = (await other("GET", "/auth/me")).body
    for key_id in (me["key_id"], UNKNOWN, "nonsense"):
        assert (await buyer("DELETE", f"/auth/api-keys/{key_id}")).status == 404
    assert (await other("GET", "/auth/me")).status == 200


async def test_a_key_ends(world):
    caller = await world.caller("consumer", expires_at_ms=world.clock.now_ms() + 500)
    assert (await caller("GET", "/auth/me")).status == 200
    world.clock.advance(500)
    assert (await caller("GET", "/auth/me")).status == 401
    past = await (await world.caller("admin"))(
        "POST", "/auth/api-keys", {"name": "x", "expires_at": "2026-01-01T00:00:00Z"}
    )
    assert set(past.wrong) == {"/expires_at"}


async def test_without_postgres_known_keys_work_for_a_while(world, buyer):
    assert (await buyer("POST", "/orders", BID)).status == 202
    world.market.away.add("postgres")
    world.clock.advance(5_000)
    assert (await buyer("POST", "/orders", BID)).status == 202
    world.clock.advance(300_000)
    reply = await buyer("POST", "/orders", BID)
    assert (reply.status, "postgres" in reply.body["detail"]) == (503, True)
