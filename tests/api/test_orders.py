"""Placing, showing, listing, amending and cancelling orders (api-contract.md, market-rules.md)."""

import asyncio

import pytest

from query_api import auth
from tests.api.conftest import ASK, BID, add_node

WAIT = {"Prefer": "wait=2"}
KEY = {"Idempotency-Key": "k1"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


async def test_a_bid_is_there_as_pending_right_after_the_202(buyer):
    reply = await buyer("POST", "/orders", BID)
    assert reply.status == 202
    assert set(reply.body) == {"order_id", "status", "created_at"}
    assert reply.body["status"] == "pending"
    assert reply.headers["Location"] == f"/api/v2/orders/{reply.body['order_id']}"
    shown = await buyer("GET", f"/orders/{reply.body['order_id']}")
    assert shown.body["price"] == "2.5000"


async def test_before_the_book_has_told_of_an_order_it_has_no_sequence(world, buyer):
    world.market.held_back = True
    placed = await buyer("POST", "/orders", BID)
    shown = await buyer("GET", f"/orders/{placed.body['order_id']}")
    assert (shown.body["status"], shown.body["book_seq"]) == ("pending", None)
    world.market.held_back = False
    world.market.run()
    shown = await buyer("GET", f"/orders/{placed.body['order_id']}")
    assert (shown.body["status"], shown.body["book_seq"]) == ("pending", 1)


async def test_a_trade_is_at_the_midpoint_and_told_to_both(buyer, seller):
    ask = await seller("POST", "/orders", ASK, headers=WAIT)
    bid = await buyer("POST", "/orders", BID, headers=WAIT)
    assert (ask.status, ask.body["status"], ask.body["book_seq"]) == (200, "pending", 1)
    assert bid.body["status"] == "filled"
    assert bid.body["filled_quantity"] == 4
    assert bid.body["avg_price"] == "2.250000"
    assert bid.body["remaining"] == 0
    for caller, order in ((buyer, bid), (seller, ask)):
        trades = await caller("GET", f"/orders/{order.body['id']}/trades")
        (trade,) = trades.body["trades"]
        assert (trade["price"], trade["quantity"], trade["cost"]) == ("2.250000", 4, "216.000000")
        assert (trade["buyer_id"], trade["seller_id"]) == (buyer.account_id, seller.account_id)
    rest = await seller("GET", f"/orders/{ask.body['id']}")
    assert (rest.body["status"], rest.body["remaining"]) == ("partial", 4)


async def test_trades_are_told_oldest_first_by_pages(buyer, seller):
    await seller("POST", "/orders", {**ASK, "quantity": 1})
    await seller("POST", "/orders", {**ASK, "quantity": 2, "price": "2.1"})
    bid = await buyer("POST", "/orders", BID, headers=WAIT)
    path = f"/orders/{bid.body['id']}/trades"
    first = await buyer("GET", path, limit=1)
    second = await buyer("GET", path, limit=1, cursor=first.body["next_cursor"])
    assert [each.body["trades"][0]["quantity"] for each in (first, second)] == [1, 2]
    third = await buyer("GET", path, limit=1, cursor=second.body["next_cursor"])
    assert third.body == {"trades": [], "next_cursor": None}


@pytest.mark.parametrize("time_in_force", ["GTC", "IOC"])
async def test_an_answer_that_was_waited_for_tells_what_was_traded_on_arrival(
    world, buyer, seller, monkeypatch, time_in_force
):
    """Though the view learns of the order before it learns of its trade and its closing."""
    late, project, sleep = [], world.market._project, world.clock.sleep

    def project_late(kind, fact):
        if kind in ("order_matched", "order_closed"):
            late.append((kind, fact))
        else:
            project(kind, fact)

    async def sleep_and_catch_up(seconds):
        if late:
            project(*late.pop(0))
        await sleep(seconds)

    await seller("POST", "/orders", {**ASK, "quantity": 1})
    await seller("POST", "/orders", {**ASK, "quantity": 2})
    monkeypatch.setattr(world.market, "_project", project_late)
    monkeypatch.setattr(world.clock, "sleep", sleep_and_catch_up)
    bid = await buyer(
        "POST", "/orders", {**BID, "quantity": 5, "time_in_force": time_in_force}, headers=WAIT
    )
    assert (bid.status, bid.body["filled_quantity"]) == (200, 3)
    assert (bid.body["status"], bid.body["remaining"]) == (
        ("partial", 2) if time_in_force == "GTC" else ("cancelled", 0)
    )


async def test_a_new_order_never_costs_a_look_into_the_history(world, buyer, seller, monkeypatch):
    """Though the view has its trade before it has its beginning, and the market is late."""
    project = world.market._project

    def project_trades_only(kind, fact):
        if kind == "order_matched":
            project(kind, fact)
        world.clock.advance(1_500)

    asked = []
    monkeypatch.setattr(world.ports.history, "order", asked.append)
    await seller("POST", "/orders", ASK)
    monkeypatch.setattr(world.market, "_project", project_trades_only)
    bid = await buyer("POST", "/orders", BID)
    assert (bid.status, asked) == (202, [])


async def test_who_waits_has_the_history_asked_now_and_then(world, buyer, monkeypatch):
    asked = []

    async def order(order_id):
        asked.append(order_id)

    world.market.held_back = True
    world.market.away.add("redis")
    monkeypatch.setattr(world.ports.history, "order", order)
    bid = await buyer("POST", "/orders", BID, headers=WAIT)
    assert (bid.status, bid.body["status"]) == (202, "pending")
    assert 4 <= len(asked) <= 9, "about every quarter of a second, of two"


async def test_what_was_waited_for_is_told_as_the_views_have_it_where_market_data_is_away(
    world, buyer
):
    world.market.away.add("market_data")
    bid = await buyer("POST", "/orders", BID, headers=WAIT)
    assert (bid.status, bid.body["status"], bid.body["remaining"]) == (200, "pending", 4)


async def test_o3_defaults_are_stamped(world, buyer, seller):
    bid = await buyer("POST", "/orders", BID, headers=WAIT)
    ask = await seller("POST", "/orders", {**ASK, "price": 3}, headers=WAIT)
    assert (bid.body["time_in_force"], ask.body["time_in_force"]) == ("GTD", "GTC")
    now_ms = world.clock.now_ms()
    orders = [
        record["place_order"]
        for _, _, record in world.market.log
        if record["kind"] == "place_order"
    ]
    hours = [round((order["expires_at_ms"] - now_ms) / 3_600_000) for order in orders]
    assert hours == [24, 30 * 24]


@pytest.mark.parametrize("time_in_force", ["IOC", "FOK"])
async def test_o3_what_trades_at_once_never_expires(world, buyer, time_in_force):
    reply = await buyer("POST", "/orders", {**BID, "time_in_force": time_in_force}, headers=WAIT)
    assert (reply.body["status"], reply.body["reason"]) == ("cancelled", time_in_force.lower())
    assert reply.body["expires_at"] is None


async def test_o2_the_same_key_and_body_is_the_same_order(buyer):
    first = await buyer("POST", "/orders", BID, headers=KEY)
    again = await buyer("POST", "/orders", {**BID, "price": 2.50}, headers=KEY)
    as_field = await buyer("POST", "/orders", {**BID, "client_order_id": "k1"})
    assert again.body == first.body
    assert as_field.body == first.body
    listed = await buyer("GET", "/orders")
    assert listed.body["total"] == 1


async def test_o2_a_repeat_tells_the_status_of_now(buyer):
    placed = await buyer("POST", "/orders", BID, headers=KEY)
    await buyer("DELETE", f"/orders/{placed.body['order_id']}")
    again = await buyer("POST", "/orders", BID, headers=KEY)
    assert (again.status, again.body["status"]) == (202, "cancelled")
    waited = await buyer("POST", "/orders", BID, headers=KEY | WAIT)
    assert (waited.status, waited.body["status"]) == (200, "cancelled")


async def test_o4_who_got_no_answer_and_tries_again_is_told_the_status_of_now(world, buyer):
    """The first request died behind the log, so no row with a digest was written: facts made it."""
    placed = await buyer("POST", "/orders", BID, headers=KEY)
    await buyer("DELETE", f"/orders/{placed.body['order_id']}")
    row = world.market.rows[placed.body["order_id"]]
    for name in ("digest", "created_at_ms"):
        del row[name]
    again = await buyer("POST", "/orders", BID, headers=KEY)
    assert (again.status, again.body["status"]) == (202, "cancelled")
    assert again.body["order_id"] == placed.body["order_id"]


async def test_o2_the_same_key_with_another_body_is_refused_at_once(buyer):
    placed = await buyer("POST", "/orders", BID, headers=KEY)
    reply = await buyer("POST", "/orders", {**BID, "quantity": 5}, headers=KEY)
    assert (reply.status, reply.body["code"]) == (409, "ORDER_KEY_REUSED")
    shown = await buyer("GET", f"/orders/{placed.body['order_id']}")
    assert (shown.body["quantity"], shown.body["status"]) == (4, "pending")


async def test_o2_without_redis_the_account_refuses_a_reused_key(world, buyer):
    placed = await buyer("POST", "/orders", BID, headers=KEY)
    world.market.away.add("redis")
    body = {**BID, "quantity": 5}
    assert (await buyer("POST", "/orders", body, headers=KEY)).status == 202
    waited = await buyer("POST", "/orders", body, headers=KEY | WAIT)
    assert (waited.status, waited.body["code"]) == (409, "ORDER_KEY_REUSED")
    shown = await buyer("GET", f"/orders/{placed.body['order_id']}")
    assert shown.body["quantity"] == 4


async def test_o2_a_key_is_forgotten_a_day_after_its_order_closed(world, buyer):
    placed = await buyer("POST", "/orders", BID, headers=KEY)
    await buyer("DELETE", f"/orders/{placed.body['order_id']}")
    world.clock.advance(24 * 3_600_000 + 1_000)
    anew = await buyer("POST", "/orders", {**BID, "quantity": 5}, headers=KEY | WAIT)
    assert (anew.status, anew.body["status"], anew.body["quantity"]) == (200, "pending", 5)


async def test_o2_a_repeat_is_told_again_though_its_expiry_has_passed(world, buyer):
    body = {**BID, "time_in_force": "GTD", "expires_at": "2026-01-05T08:10:00Z"}
    first = await buyer("POST", "/orders", body, headers=KEY)
    world.clock.advance(3_600_000)
    again = await buyer("POST", "/orders", body, headers=KEY)
    assert (again.status, again.body["order_id"]) == (202, first.body["order_id"])
    other = await buyer("POST", "/orders", body, headers={"Idempotency-Key": "k2"})
    assert other.wrong == {"/expires_at": "in the future (O3)"}


async def test_prefer_wait_tells_a_rejection_as_200(buyer, seller):
    reply = await seller("POST", "/orders", {**ASK, "quantity": 9}, headers=WAIT)
    assert (reply.status, reply.body["status"]) == (200, "rejected")
    assert reply.body["code"] == "CAPACITY_INSUFFICIENT"
    assert reply.headers["Preference-Applied"] == "wait=2"
    shown = await seller("GET", f"/orders/{reply.body['id']}")
    assert shown.body == reply.body


async def test_prefer_wait_ends_with_a_202(world, buyer):
    world.market.held_back = True
    before = world.clock.now_ms()
    reply = await buyer("POST", "/orders", BID, headers={"Prefer": "respond-async, wait=1"})
    assert (reply.status, reply.body["status"]) == (202, "pending")
    assert 900 <= world.clock.now_ms() - before <= 1_100


@pytest.mark.parametrize("words", ["wait=99", "Wait=5", f"wait={10**400}"])
async def test_prefer_waits_five_seconds_at_most(world, buyer, words):
    world.market.held_back = True
    before = world.clock.now_ms()
    await buyer("POST", "/orders", BID, headers={"Prefer": words})
    assert 4_900 <= world.clock.now_ms() - before <= 5_100


@pytest.mark.parametrize("words", ["wait=soon", "wait=-1", "wait=1.5", "wait", ""])
async def test_an_unreadable_preference_is_as_none(world, buyer, words):
    world.market.held_back = True
    before = world.clock.now_ms()
    assert (await buyer("POST", "/orders", BID, headers={"Prefer": words})).status == 202
    assert world.clock.now_ms() == before


async def test_an_ask_needs_the_role_provider(buyer):
    for path in ("/orders", "/orders/preview"):
        reply = await buyer("POST", path, ASK)
        assert (reply.status, reply.body["code"]) == (403, "FORBIDDEN")


async def test_a_provider_may_bid(seller):
    assert (await seller("POST", "/orders", BID, headers=WAIT)).body["status"] == "pending"


async def test_orders_are_listed_newest_first_by_pages(world, buyer):
    ids = []
    for _ in range(5):
        ids.append((await buyer("POST", "/orders", BID)).body["order_id"])
        world.clock.advance(10)
    first = await buyer("GET", "/orders", limit=2)
    second = await buyer("GET", "/orders", limit=2, cursor=first.body["next_cursor"])
    third = await buyer("GET", "/orders", limit=2, cursor=second.body["next_cursor"])
    told = [item["id"] for page in (first, second, third) for item in page.body["items"]]
    assert told == ids[::-1]
    assert first.body["total"] == 5
    assert third.body["next_cursor"] is None


async def test_active_orders_are_pending_or_partial(buyer, seller):
    await seller("POST", "/orders", {**ASK, "quantity": 1})
    partial = await buyer("POST", "/orders", BID)
    pending = await buyer("POST", "/orders", BID)
    gone = await buyer("POST", "/orders", BID)
    await buyer("DELETE", f"/orders/{gone.body['order_id']}")
    active = await buyer("GET", "/orders", status="active")
    assert {item["id"] for item in active.body["items"]} == {
        partial.body["order_id"],
        pending.body["order_id"],
    }
    cancelled = await buyer("GET", "/orders", status="cancelled")
    assert [item["reason"] for item in cancelled.body["items"]] == ["user"]
    assert (await buyer("GET", "/orders")).body["total"] == 3


async def test_orders_of_others_are_not_found(world, buyer, seller):
    own = (await buyer("POST", "/orders", BID)).body["order_id"]
    for order_id in (own, UNKNOWN, "nonsense", "%2e%2e", "1" * 300):
        for method, path, body in (
            ("GET", f"/orders/{order_id}", None),
            ("GET", f"/orders/{order_id}/trades", None),
            ("DELETE", f"/orders/{order_id}", None),
            ("PATCH", f"/orders/{order_id}", {"quantity": 2}),
        ):
            reply = await seller(method, path, body)
            assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND"), (method, path)
    assert (await buyer("GET", f"/orders/{own}")).body["status"] == "pending"
    assert (await seller("GET", "/orders")).body["items"] == []


async def test_c1_a_cancelled_order_cannot_be_cancelled_again(buyer):
    placed = await buyer("POST", "/orders", BID)
    path = f"/orders/{placed.body['order_id']}"
    done = await buyer("DELETE", path)
    assert (done.status, done.body) == (200, {"success": True})
    shown = await buyer("GET", path)
    assert (shown.body["status"], shown.body["reason"], shown.body["remaining"]) == (
        "cancelled",
        "user",
        0,
    )
    again = await buyer("DELETE", path)
    assert (again.status, again.body["code"]) == (409, "ORDER_NOT_OPEN")


async def test_m1_an_order_that_expired_is_not_cancelled(world, buyer):
    placed = await buyer("POST", "/orders", BID)
    world.clock.advance(25 * 3_600_000)
    reply = await buyer("DELETE", f"/orders/{placed.body['order_id']}")
    assert (reply.status, reply.body["code"]) == (409, "ORDER_NOT_OPEN")
    shown = await buyer("GET", f"/orders/{placed.body['order_id']}")
    assert shown.body["reason"] == "expired"


async def test_a_cancel_frees_what_the_order_held(seller):
    first = await seller("POST", "/orders", ASK, headers=WAIT)
    assert (await seller("POST", "/orders", ASK, headers=WAIT)).body["status"] == "rejected"
    await seller("DELETE", f"/orders/{first.body['id']}")
    assert (await seller("POST", "/orders", ASK, headers=WAIT)).body["status"] == "pending"


async def test_a_cancel_that_is_not_answered_is_a_202(world, buyer):
    placed = await buyer("POST", "/orders", BID)
    world.market.held_back = True
    reply = await buyer("DELETE", f"/orders/{placed.body['order_id']}")
    assert (reply.status, reply.body["status"]) == (202, "pending")


async def test_c2_amends(buyer):
    placed = await buyer("POST", "/orders", BID)
    path = f"/orders/{placed.body['order_id']}"
    done = await buyer("PATCH", path, {"quantity": 6, "price": "2.6"})
    assert (done.status, done.body) == (200, {"success": True})
    shown = await buyer("GET", path)
    assert (shown.body["quantity"], shown.body["price"]) == (6, "2.6000")
    for body in ({}, {"quantity": 6}):
        same = await buyer("PATCH", path, body)
        assert (same.status, same.body["code"]) == (409, "AMEND_NO_CHANGE")


async def test_c2_an_amend_down_to_what_is_filled_closes(buyer, seller):
    await seller("POST", "/orders", {**ASK, "quantity": 1})
    placed = await buyer("POST", "/orders", BID)
    path = f"/orders/{placed.body['order_id']}"
    assert (await buyer("PATCH", path, {"quantity": 1})).status == 200
    shown = await buyer("GET", path)
    assert (shown.body["status"], shown.body["remaining"]) == ("cancelled", 0)


async def test_m2_an_amend_that_would_trade_is_refused(buyer, seller):
    await seller("POST", "/orders", ASK)
    placed = await buyer("POST", "/orders", {**BID, "price": 1, "post_only": True})
    reply = await buyer("PATCH", f"/orders/{placed.body['order_id']}", {"price": 2})
    assert (reply.status, reply.body["code"]) == (409, "POST_ONLY_WOULD_TRADE")


async def test_k2_an_amend_beyond_the_capacity_is_refused(seller):
    placed = await seller("POST", "/orders", ASK)
    reply = await seller("PATCH", f"/orders/{placed.body['order_id']}", {"quantity": 9})
    assert (reply.status, reply.body["code"]) == (409, "CAPACITY_INSUFFICIENT")


async def test_without_kafka_the_outcome_is_unknown(world, buyer):
    placed = await buyer("POST", "/orders", BID)
    world.market.away.add("kafka")
    for method, path, body in (
        ("POST", "/orders", BID),
        ("DELETE", f"/orders/{placed.body['order_id']}", None),
    ):
        reply = await buyer(method, path, body)
        assert (reply.status, reply.body["code"]) == (503, "OUTCOME_UNKNOWN")
        assert int(reply.headers["Retry-After"]) >= 1
        assert "same key is safe" in reply.body["detail"]


async def test_without_redis_orders_are_taken_and_told_from_the_history(world, buyer):
    world.market.away.add("redis")
    placed = await buyer("POST", "/orders", BID, headers=KEY)
    assert placed.status == 202
    shown = await buyer("GET", f"/orders/{placed.body['order_id']}")
    assert (shown.status, shown.body["status"]) == (200, "pending")
    assert (await buyer("GET", "/orders")).body["total"] == 1
    waited = await buyer("POST", "/orders", BID, headers=WAIT)
    assert (waited.status, waited.body["status"]) == (200, "pending")


async def test_without_redis_and_clickhouse_nothing_is_made_up(world, buyer):
    placed = await buyer("POST", "/orders", BID)
    world.market.away |= {"redis", "clickhouse"}
    for path in (f"/orders/{placed.body['order_id']}", "/orders"):
        reply = await buyer("GET", path)
        assert (reply.status, reply.body["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
        assert "clickhouse" in reply.body["detail"]
        assert reply.headers["Retry-After"] == "1"


async def test_an_evicted_row_is_found_in_the_history(world, buyer):
    placed = await buyer("POST", "/orders", BID, headers=KEY)
    path = f"/orders/{placed.body['order_id']}"
    await buyer("DELETE", path)
    row = world.market.rows[placed.body["order_id"]]
    only_api = {name: row[name] for name in ("order_id", "account_id", "side", "created_at_ms")}
    world.clock.advance(5_000)

    class Evicted(type(world.live)):  # type: ignore[misc]
        async def order_row(self, order_id):
            return only_api

    world.live.__class__ = Evicted
    assert (await buyer("GET", path)).body["status"] == "cancelled"


async def test_too_many_commands_on_their_way(world, buyer, monkeypatch):
    monkeypatch.setattr("query_api.commands.orders.MAX_IN_FLIGHT", 1)
    waiting = asyncio.Event()
    append = world.market.append

    async def slow(*record):
        await waiting.wait()
        await append(*record)

    monkeypatch.setattr(world.market, "append", slow)
    first = asyncio.create_task(buyer("POST", "/orders", BID))
    while not world.ports.in_flight[buyer.account_id]:
        await asyncio.sleep(0)
    second = await buyer("POST", "/orders", BID)
    assert (second.status, second.headers["Retry-After"]) == (429, "1")
    waiting.set()
    assert (await first).status == 202


async def test_a_suspended_account_is_told_so_and_may_cancel(buyer, admin):
    placed = await buyer("POST", "/orders", BID)
    await admin("PATCH", f"/accounts/{buyer.account_id}", {"suspended": True})
    refused = await buyer("POST", "/orders", BID, headers=WAIT)
    assert refused.body["code"] == "ACCOUNT_SUSPENDED"
    assert (await buyer("DELETE", f"/orders/{placed.body['order_id']}")).status == 200


async def test_k1_limits_of_an_account_are_enforced(buyer, admin):
    limits = {"max_open_orders": 1, "max_notional": "1000"}
    changed = await admin("PATCH", f"/accounts/{buyer.account_id}", {"limits": limits})
    assert changed.body["limits"] == {"max_open_orders": 1, "max_notional": "1000.0000"}
    await buyer("POST", "/orders", BID)
    second = await buyer("POST", "/orders", BID, headers=WAIT)
    assert second.body["code"] == "LIMIT_OPEN_ORDERS"


async def test_preview_tells_what_would_trade_and_touches_no_log(world, buyer, seller):
    await seller("POST", "/orders", {**ASK, "quantity": 3})
    before = len(world.market.log)
    reply = await buyer("POST", "/orders/preview", BID)
    assert reply.status == 200
    assert reply.body == {
        "fills": [{"price": "2.250000", "quantity": 3}],
        "filled": 3,
        "resting": 1,
        "avg_price": "2.250000",
        "cost": "162.000000",
        "fee": "0.000000",
        "fee_basis_points": 0,
        "limit_cost": "240.000000",
        "refused": None,
        "book_seq": 1,
    }
    refused = await buyer("POST", "/orders/preview", {**BID, "post_only": True})
    assert refused.body["refused"] == "POST_ONLY_WOULD_TRADE"
    assert refused.body["avg_price"] is None
    assert len(world.market.log) == before


async def test_match_tells_what_the_tick_closed(world, buyer, admin):
    first = (await buyer("POST", "/orders", BID)).body["order_id"]
    second = (await buyer("POST", "/orders", BID)).body["order_id"]
    world.clock.advance(25 * 3_600_000)
    reply = await admin("POST", "/orders/match", {"book_id": "H100.ondemand"})
    assert reply.status == 200
    assert reply.body == {"book_id": "H100.ondemand", "book_seq": 5, "closed": [first, second]}
    again = await admin("POST", "/orders/match", {"book_id": "H100.ondemand"})
    assert again.body == {"book_id": "H100.ondemand", "book_seq": 6, "closed": []}


async def test_match_is_for_administrators_and_known_books(world, buyer, admin):
    assert (await buyer("POST", "/orders/match", {"book_id": "H100.ondemand"})).status == 403
    for book_id in ("H100", "Z80.ondemand", "H100.maybe"):
        assert "/book_id" in (await admin("POST", "/orders/match", {"book_id": book_id})).wrong
    world.market.held_back = True
    late = await admin("POST", "/orders/match", {"book_id": "H100.ondemand"})
    assert late.status == 202


async def test_h1_a_halted_book_takes_no_orders_until_it_is_resumed(buyer, admin):
    book = "/market/books/H100.ondemand"
    placed = (await buyer("POST", "/orders", BID, headers=WAIT)).body["id"]
    halted = await admin("POST", f"{book}/halt")
    assert halted.status == 200
    assert halted.body == {"book_id": "H100.ondemand", "book_seq": 2, "status": "halted"}
    again = await admin("POST", f"{book}/halt")
    assert (again.body["status"], again.body["book_seq"]) == ("halted", 3)
    refused = await buyer("POST", "/orders", BID, headers=WAIT)
    assert (refused.body["status"], refused.body["code"]) == ("rejected", "BOOK_HALTED")
    amended = await buyer("PATCH", f"/orders/{placed}", {"quantity": 5})
    assert (amended.status, amended.body["code"]) == (409, "BOOK_HALTED")
    (shown,) = (await buyer("GET", "/market/books")).body["items"]
    assert shown["status"] == "halted"
    assert (await buyer("DELETE", f"/orders/{placed}")).status == 200
    resumed = await admin("POST", f"{book}/resume")
    assert (resumed.status, resumed.body["status"]) == (200, "open")
    assert (await buyer("POST", "/orders", BID, headers=WAIT)).body["status"] == "pending"


@pytest.mark.parametrize("word", ["halt", "resume"])
async def test_halts_are_for_administrators_and_known_books(world, buyer, admin, word):
    path = f"/market/books/H100.ondemand/{word}"
    assert (await buyer("POST", path)).status == 403
    for book_id in ("H100", "Z80.ondemand", "H100.maybe"):
        reply = await admin("POST", f"/market/books/{book_id}/{word}")
        assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")
    world.market.held_back = True
    late = await admin("POST", path)
    assert (late.status, late.body["status"]) == (202, "pending")
    world.market.held_back = False
    world.market.away.add("kafka")
    unknown = await admin("POST", path)
    assert (unknown.status, unknown.body["code"]) == (503, "OUTCOME_UNKNOWN")


async def test_an_amend_that_trades_is_done_though_its_trade_is_told_first(
    world, buyer, seller, monkeypatch
):
    await seller("POST", "/orders", ASK)
    placed = (await buyer("POST", "/orders", {**BID, "price": 1}, headers=WAIT)).body["id"]
    tell, amended = world.market.watches.tell, []

    def trades_first(kind, record):
        if kind == "order_amended":
            amended.append(record)
            return
        tell(kind, record)
        if kind == "order_matched":
            tell("order_amended", amended[0])

    monkeypatch.setattr(world.market.watches, "tell", trades_first)
    reply = await buyer("PATCH", f"/orders/{placed}", {"price": 2})
    assert (reply.status, reply.body) == (200, {"success": True})
    assert amended


async def test_a_revoked_key_stops_within_a_second(world, buyer):
    other = await world.caller("consumer", account_id=buyer.account_id)
    assert (await other("GET", "/auth/me")).status == 200
    principal = await world.registry.principal(auth.hash_of(other.key))
    await world.registry.revoke_key(principal.key_id, None)
    world.clock.advance(1_000)
    assert (await other("GET", "/auth/me")).status == 401


async def test_k4_an_ask_loses_the_gpus_of_a_removed_node(world, seller):
    provider = (await seller("GET", "/providers/me")).body
    node_id = await add_node(seller, provider["id"], 8)
    ask = await seller("POST", "/orders", {**ASK, "quantity": 16}, headers=WAIT)
    assert ask.body["status"] == "pending"
    assert (await seller("DELETE", f"/nodes/{node_id}")).status == 200
    shown = await seller("GET", f"/orders/{ask.body['id']}")
    assert (shown.body["quantity"], shown.body["remaining"]) == (8, 8)
