"""Prices now and before, what renting would cost, and each refusal, on a market in memory."""

import pytest

from tests.api.conftest import ASK, BID
from udfs.spot_market import WINDOW_MS

WANTED = {"gpu_type": "H100", "quantity": 4, "duration_hours": 24}
HERE = {"gpu_type": "H100", "region": "us-west-2"}


def update(number, *, is_final=False, **fields):
    """A PriceUpdate of the window with this number."""
    start_ms = 1_767_500_100_000 + number * WINDOW_MS
    return {
        "gpu_type": "H100",
        "region": "us-west-2",
        "product": "spot",
        "window_start_ms": start_ms,
        "window_seconds": 300,
        "occurred_at_ms": start_ms + (WINDOW_MS if is_final else 10_000),
        "is_final": is_final,
        "spot_price_micros": 2_700_000 + number,
        "base_price_micros": 2_400_000,
        "vwap_micros": 2_500_000,
        "min_micros": 2_400_000,
        "max_micros": 2_600_050,
        "stddev_micros": 50_000.0,
        "volume_gpus": 20,
        "volume_micros": 50_000_000,
        "trade_count": 2,
        "allocated": 2,
        "held": 2,
        "available": 4,
        "utilization": 0.25,
        "telemetry_utilization": 0.5,
        "unchanged_since_ms": start_ms,
        "last_trade_at_ms": start_ms + 5,
        **fields,
    }


QUIET = {
    "product": "ondemand",
    "vwap_micros": 0,
    "min_micros": 0,
    "max_micros": 0,
    "stddev_micros": 0.0,
    "volume_gpus": 0,
    "volume_micros": 0,
    "trade_count": 0,
    "last_trade_at_ms": 0,
}


async def test_the_price_of_a_type_in_a_region(world, buyer):
    world.market.prices += [update(0), update(1, spot_price_micros=2_700_000), update(1, **QUIET)]
    (price,) = (await buyer("GET", "/pricing/spot", **HERE)).body["items"]
    products = price.pop("products")
    assert price == {
        "gpu_type": "H100",
        "region": "us-west-2",
        "spot_price": "2.7000",
        "base_price": "2.4000",
        "unchanged_since": "2026-01-04T04:20:00.000Z",
        "allocated": 2,
        "held": 2,
        "available": 4,
        "utilization": 0.25,
        "telemetry_utilization": 0.5,
        "as_of": "2026-01-04T04:20:10.000Z",
        "window_start": "2026-01-04T04:20:00.000Z",
    }
    quiet, traded = products
    assert traded == {
        "product": "spot",
        "avg_price": "2.500000",
        "min_price": "2.400000",
        "max_price": "2.600050",
        "stddev": 0.05,
        "quantity": 20,
        "value_per_hour": "50.000000",
        "trades": 2,
        "last_trade_at": "2026-01-04T04:20:00.005Z",
    }
    assert (quiet["product"], quiet["avg_price"], quiet["last_trade_at"]) == (
        "ondemand",
        None,
        None,
    )


async def test_prices_of_every_type_and_of_all_regions_together(world, buyer):
    everywhere = {"region": "", "telemetry_utilization": -1.0, "spot_price_micros": 0}
    world.market.prices += [update(0), update(0, gpu_type="T4", **everywhere)]
    (price,) = (await buyer("GET", "/pricing/spot")).body["items"]
    assert (price["gpu_type"], price["region"], price["spot_price"]) == ("T4", None, None)
    assert price["telemetry_utilization"] is None
    assert (await buyer("GET", "/pricing/spot", gpu_type="L4")).body == {"items": []}


async def test_prices_come_from_clickhouse_when_redis_is_away(world, buyer):
    world.market.prices.append(update(0))
    world.market.away.add("redis")
    assert len((await buyer("GET", "/pricing/spot", **HERE)).body["items"]) == 1
    world.market.away.add("clickhouse")
    reply = await buyer("GET", "/pricing/spot", **HERE)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert "clickhouse" in reply.body["detail"]


async def test_windows_that_are_over_newest_first_by_the_page(world, buyer):
    world.market.prices += [update(number, is_final=True) for number in range(5)]
    world.market.prices += [update(2, is_final=True, trade_count=9), update(5)]
    path = "/pricing/history"
    page = (await buyer("GET", path, **HERE, limit=3, **{"from": 0})).body
    assert page["total"] == 5
    assert [each["spot_price"] for each in page["items"]] == ["2.7000"] * 3
    assert [each["trades"] for each in page["items"]] == [2, 2, 9]
    assert page["items"][0]["window_start"] == "2026-01-04T04:35:00.000Z"
    more = (await buyer("GET", path, **HERE, cursor=page["next_cursor"], **{"from": 0})).body
    assert [each["window_start"][11:16] for each in more["items"]] == ["04:20", "04:15"]
    assert more["next_cursor"] is None
    between = {"from": "2026-01-04T04:20:00Z", "to": "2026-01-04T04:30:00Z"}
    assert (await buyer("GET", path, **HERE, **between)).body["total"] == 2
    assert (await buyer("GET", path, **HERE)).body["total"] == 0, "more than a day ago"
    assert (await buyer("GET", path, **HERE, product="ondemand")).body["items"] == []


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"gpu_type": "H99"}, "/gpu_type"),
        ({"region": "mars"}, "/region"),
        ({"product": "future"}, "/product"),
        ({"limit": 0}, "/limit"),
        ({"limit": 1_001}, "/limit"),
        ({"cursor": "x"}, "/cursor"),
        ({"from": "yesterday"}, "/from"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "/from"),
        ({"to": "-1"}, "/to"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_history_that_cannot_be_told_names_the_field(buyer, wrong, pointer):
    assert set((await buyer("GET", "/pricing/history", **{**HERE, **wrong})).wrong) == {pointer}


async def test_a_history_is_of_a_type_and_needs_clickhouse(world, buyer):
    assert set((await buyer("GET", "/pricing/history")).wrong) == {"/gpu_type"}
    world.market.away.add("clickhouse")
    assert (await buyer("GET", "/pricing/history", **HERE)).status == 503


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [({"gpu_type": "H99"}, "/gpu_type"), ({"region": "mars"}, "/region"), ({"a": 1}, "/a")],
)
async def test_a_price_that_cannot_be_told_names_the_field(buyer, wrong, pointer):
    assert set((await buyer("GET", "/pricing/spot", **wrong)).wrong) == {pointer}


async def test_a_calculation_fills_from_the_book_at_the_lowest_limit_that_reaches(
    world, buyer, seller
):
    await seller("POST", "/orders", {**ASK, "quantity": 3, "price": 2})
    await seller("POST", "/orders", {**ASK, "quantity": 3, "price": "2.2"})
    await seller("POST", "/orders", {**ASK, "quantity": 2, "price": 9})
    world.ports.fee_basis_points = 250
    reply = await buyer("POST", "/pricing/calculate", WANTED)
    assert reply.status == 200
    # 3 at the midpoint of 2.2 and 2, 1 at 2.2: 8.5 an hour
    assert reply.body == {
        **WANTED,
        "product": "ondemand",
        "region": None,
        "limit_price": "2.2000",
        "price_range": {"low": "2.100000", "high": "2.200000"},
        "avg_price": "2.125000",
        "filled": 4,
        "unfilled": 0,
        "total": "204.000000",
        "fee": "5.100000",
        "fee_basis_points": 250,
        "book_seq": 3,
    }
    placed = await buyer("POST", "/orders", {**BID, "price": reply.body["limit_price"]})
    order = (await buyer("GET", f"/orders/{placed.body['order_id']}")).body
    assert (order["status"], order["avg_price"]) == ("filled", "2.125000")


async def test_a_calculation_says_how_much_the_book_lacks(buyer, seller):
    await seller("POST", "/orders", {**ASK, "quantity": 3, "price": 2})
    more = (await buyer("POST", "/pricing/calculate", {**WANTED, "quantity": 10})).body
    assert (more["filled"], more["unfilled"], more["total"]) == (3, 7, "144.000000")
    for other in ({"region": "us-east-1"}, {"product": "spot"}, {"duration_hours": 101}):
        none = (await buyer("POST", "/pricing/calculate", {**WANTED, **other})).body
        assert (none["filled"], none["unfilled"], none["total"]) == (0, 4, "0.000000")
        assert (none["limit_price"], none["price_range"], none["avg_price"]) == (None,) * 3


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"gpu_type": "H99"}, "/gpu_type"),
        ({"gpu_type": 7}, "/gpu_type"),
        ({"quantity": 0}, "/quantity"),
        ({"quantity": 65_537}, "/quantity"),
        ({"quantity": 1.5}, "/quantity"),
        ({"duration_hours": 0}, "/duration_hours"),
        ({"duration_hours": 8_761}, "/duration_hours"),
        ({"product": "future"}, "/product"),
        ({"region": "mars"}, "/region"),
        ({"price": 2}, "/price"),
    ],
)
async def test_a_calculation_that_cannot_be_made_names_the_field(buyer, wrong, pointer):
    reply = await buyer("POST", "/pricing/calculate", {**WANTED, **wrong})
    assert set(reply.wrong) == {pointer}


async def test_a_calculation_needs_its_fields_and_the_market_data_service(world, buyer):
    missing = (await buyer("POST", "/pricing/calculate", {})).wrong
    assert set(missing) == {"/gpu_type", "/quantity", "/duration_hours"}
    world.market.away.add("market_data")
    reply = await buyer("POST", "/pricing/calculate", WANTED)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
