"""Why an order rests, as its owner is told it; the rules are tested with `udfs.explain`."""

import asyncio

from tests.api.conftest import ASK, BID

WAIT = {"Prefer": "wait=2"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"
NONE = {"orders": 0, "quantity": 0}


async def explained(caller, order_id):
    reply = await caller("GET", f"/orders/{order_id}/explain")
    assert reply.status == 200, reply
    return reply.body


async def placed(caller, body):
    reply = await caller("POST", "/orders", body, headers=WAIT)
    assert reply.status == 200, reply
    return reply.body["id"]


async def test_a_resting_bid_is_explained_with_figures_and_words(buyer, seller):
    await placed(seller, {**ASK, "quantity": 2, "price": "2.6"})
    await placed(seller, {**ASK, "quantity": 3, "min_duration_hours": 48})
    await placed(buyer, {**BID, "quantity": 12})
    told = await explained(buyer, await placed(buyer, BID))
    assert (told["status"], told["rests"], told["remaining"]) == ("pending", True, 4)
    assert (told["book_id"], told["book_status"]) == ("H100.ondemand", "open")
    opposite, excluded = told["opposite"], told["opposite"]["excluded"]
    assert (opposite["quantity"], opposite["at_least"], opposite["eligible"]) == (5, False, NONE)
    alone = {"orders": 1, "quantity": 2}
    assert excluded["price"] == {**alone, "alone": alone}
    assert excluded["duration"]["alone"] == {"orders": 1, "quantity": 3}
    assert excluded["region"] == {**NONE, "alone": NONE}
    nearest = told["nearest"]
    assert nearest["price"] == {"terms": {"price": "2.6000"}, "by": "amend", "filled": 2}
    duration = {"terms": {"duration_hours": 48}, "by": "new_order", "filled": 3}
    assert nearest["duration"] == duration
    assert {nearest[name] for name in ("as_it_is", "quantity", "min_fill", "region")} == {None}
    assert told["position"] == {
        "orders": 2, "quantity": 16, "orders_ahead": 1, "quantity_ahead": 12, "share": 0.25,
        "smallest_incoming": 4, "better": {"levels": 0, **NONE}, "at_least": False,
    }  # fmt: skip
    assert told["explanation"] == [
        "The bid rests in H100.ondemand with 4 GPUs open.",
        "Opposite are 2 asks with 5 GPUs.",
        "Of them is 1 with 2 GPUs above its limit of 2.5000 USD, 1 for no other reason.",
        "Of them is 1 with 3 GPUs not sold for 24 h (E1), 1 for no other reason.",
        "With price 2.6000 it would fill 2 GPUs at once: amend it.",
        "With duration_hours 48 it would fill 3 GPUs at once: cancel it and place it anew.",
        "At its price are 2 with 16 GPUs, 1 of them before it. What comes is shared in proportion: "
        "its 4 are 25.0% of the level, so it has a share, rounded down, of orders that bring "
        "4 GPUs or more; what is left over goes to those before others (A).",
    ]


async def test_what_it_says_fills_when_it_is_done(buyer, seller):
    await placed(seller, {**ASK, "quantity": 2, "price": "2.6"})
    order_id = await placed(buyer, BID)
    change = (await explained(buyer, order_id))["nearest"]["price"]
    assert (await buyer("PATCH", f"/orders/{order_id}", change["terms"])).status == 200
    shown = (await buyer("GET", f"/orders/{order_id}")).body
    assert (shown["status"], shown["filled_quantity"]) == ("partial", change["filled"])
    told = await explained(buyer, order_id)
    assert (told["rests"], told["remaining"], told["opposite"]["orders"]) == (True, 2, 0)
    assert "There is no ask in the book." in told["explanation"]


async def test_an_ask_is_explained_to_its_seller(buyer, seller):
    ask = {**ASK, "quantity": 2, "min_duration_hours": 48}
    order_id = await placed(seller, {**ask, "price": 3})
    await placed(buyer, {**BID, "price": "3.5"})
    await placed(buyer, {**BID, "price": "2.9", "duration_hours": 72, "region": "us-east-1"})
    told = await explained(seller, order_id)
    assert told["nearest"]["duration"]["terms"] == {"min_duration_hours": 24}
    words = " ".join(told["explanation"])
    assert "Of them is 1 with 4 GPUs below its limit of 3.0000 USD." in words
    assert "for another region than us-west-2 (E2)." in words
    assert "for a duration that it does not sell (E1), 1 for no other reason." in words


async def test_a_halted_book_is_told(buyer, admin):
    order_id = await placed(buyer, BID)
    await admin("POST", "/market/books/H100.ondemand/halt")
    told = await explained(buyer, order_id)
    assert (told["rests"], told["book_status"]) == (True, "halted")
    assert any("halted" in sentence for sentence in told["explanation"])


async def test_what_rests_no_more_is_told_in_the_same_shape(buyer, seller):
    resting = await explained(buyer, await placed(buyer, {**BID, "price": "1.0"}))
    await placed(seller, ASK)
    filled = await explained(buyer, await placed(buyer, BID))
    assert (filled["status"], filled["rests"], filled["remaining"]) == ("filled", False, 0)
    closed = await explained(buyer, await placed(buyer, {**BID, "time_in_force": "IOC",
                                                         "price": "1.0"}))  # fmt: skip
    assert (closed["status"], closed["reason"]) == ("cancelled", "ioc")
    refused = await explained(seller, await placed(seller, {**ASK, "quantity": 99}))
    assert (refused["status"], refused["code"]) == ("rejected", "CAPACITY_INSUFFICIENT")
    assert "CAPACITY_INSUFFICIENT" in refused["explanation"][0]
    for told in (filled, closed, refused):
        assert told.keys() == resting.keys()
        assert [told[name] for name in ("opposite", "nearest", "position")] == [None] * 3
        assert len(told["explanation"]) == 1


async def test_an_order_on_its_way_is_told_as_that(world, buyer):
    world.market.held_back = True
    order_id = (await buyer("POST", "/orders", BID)).body["order_id"]
    told = await explained(buyer, order_id)
    assert (told["status"], told["rests"], told["opposite"]) == ("pending", False, None)
    assert "on its way" in told["explanation"][0]
    asking = asyncio.create_task(explained(buyer, order_id))
    await asyncio.sleep(0)
    world.market.held_back = False
    world.market.run()
    assert (await asking)["rests"]


async def test_foreign_and_unknown_orders_are_not_there(world, buyer):
    other = await world.caller("consumer")
    order_id = await placed(other, BID)
    for name in (order_id, UNKNOWN):
        reply = await buyer("GET", f"/orders/{name}/explain")
        assert (reply.status, reply.body["code"]) == (404, "NOT_FOUND")
    powerless = await world.caller("consumer", scopes=["orders:write"])
    assert (await powerless("GET", f"/orders/{order_id}/explain")).status == 403


async def test_unknown_parameters_are_named(buyer):
    order_id = await placed(buyer, BID)
    assert set((await buyer("GET", f"/orders/{order_id}/explain", limit=3)).wrong) == {"/limit"}


async def test_without_market_data_a_closed_order_is_explained_all_the_same(world, buyer):
    resting = await placed(buyer, BID)
    closed = await placed(buyer, BID)
    await buyer("DELETE", f"/orders/{closed}")
    world.market.away.add("market_data")
    reply = await buyer("GET", f"/orders/{resting}/explain")
    assert (reply.status, reply.body["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
    assert (await explained(buyer, closed))["reason"] == "user"
