from tests.api.conftest import ASK, BID

WAIT = {"Prefer": "wait=2"}


async def test_a_bid_is_told_as_pending_with_its_place(buyer):
    reply = await buyer("POST", "/orders", BID)
    assert reply.status == 202
    assert set(reply.body) == {"order_id", "status", "created_at"}
    assert reply.body["status"] == "pending"
    assert reply.headers["Location"] == f"/api/v2/orders/{reply.body['order_id']}"
    shown = await buyer("GET", f"/orders/{reply.body['order_id']}")
    assert shown.status == 200
    assert shown.body["price"] == "2.5000"


async def test_a_trade(world, buyer, seller):
    ask = await seller("POST", "/orders", ASK, headers=WAIT)
    assert ask.status == 200, ask
    assert ask.body["status"] == "pending"
    assert ask.body["book_seq"] == 1
    bid = await buyer("POST", "/orders", BID, headers=WAIT)
    assert bid.body["status"] == "filled", bid
    print(bid)
    t = await buyer("GET", f"/orders/{bid.body['id']}/trades")
    print(t)
