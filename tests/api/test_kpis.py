"""The market's key figures and what providers earn, over the API on a market in memory."""

import csv
import io
from typing import Any

import pytest

from query_api.kpis import DAY_MS, HOUR_MS, day_of, fees_micros
from tests.api.conftest import ASK, BID, Caller, World
from tests.api.test_pricing import update

EVERYWHERE = {"region": "", "allocated": 1, "held": 2, "available": 5}
CSV = {"Accept": "text/csv"}


async def trade(seller: Caller, buyer: Caller, **changes: Any) -> None:
    """Four GPUs for a day at 2.25, and an ask whose other half is cancelled."""
    ask = await seller("POST", "/orders", {**ASK, **changes})
    bid = await buyer("POST", "/orders", {**BID, **changes})
    assert (await buyer("GET", f"/orders/{bid.body['order_id']}")).body["status"] == "filled"
    await seller("DELETE", f"/orders/{ask.body['order_id']}")


def tell_price(world: World, price_micros: int, **changes: Any) -> None:
    """A type's spot price everywhere, as of now; it has eight GPUs."""
    fields = {**EVERYWHERE, "spot_price_micros": price_micros, **changes}
    world.market.prices.append(update(0, **fields, occurred_at_ms=world.clock.now_ms()))


async def values(admin: Caller) -> dict[str, tuple[Any, Any]]:
    reply = await admin("GET", "/kpi/dashboard")
    assert reply.status == 200, reply
    figures = reply.body["kpis"]
    return {name: (told["value"], told["value_24h_before"]) for name, told in figures.items()}


async def test_the_dashboard_tells_seven_figures_and_those_of_a_day_before(world, admin, buyer):
    seller = await world.seller()
    await trade(seller, buyer, product="spot")
    world.clock.advance(1)  # what happens at a moment is told from the next on
    tell_price(world, 2_700_000)
    world.ports.fee_basis_points = 250
    assert await values(admin) == {
        "trading_volume": ("9.000000", "0.000000"),
        "gpu_utilization": (0.5, None),
        "avg_spot_price": ("2.700000", None),
        "active_providers": (1, 0),
        "active_consumers": (1, 0),
        "order_fill_rate": (0.5, None),
        "platform_revenue": ("5.400000", "0.000000"),
    }
    world.clock.advance(DAY_MS)
    later = await values(admin)
    assert later["trading_volume"] == ("0.000000", "9.000000")
    assert later["gpu_utilization"] == (0.5, 0.5)
    assert later["avg_spot_price"] == (None, "2.700000")
    assert later["platform_revenue"] == ("0.000000", "5.400000")


async def test_a_trade_is_no_spot_price(world, admin, buyer):
    await trade(await world.seller(), buyer, product="spot")
    assert (await values(admin))["avg_spot_price"] == (None, None)


async def test_the_average_spot_price_weighs_each_types_newest_by_its_gpus(world, admin):
    tell_price(world, 9_000_000)
    world.clock.advance(10_000)
    tell_price(world, 3_000_000)
    tell_price(world, 600_000, gpu_type="T4", allocated=0, held=0, available=4)
    tell_price(world, 0, gpu_type="L4")  # has none
    tell_price(world, 5_000_000, region="us-west-2")
    tell_price(world, 5_000_000, product="ondemand")
    assert (await values(admin))["avg_spot_price"] == ("2.200000", None)
    world.clock.advance(HOUR_MS - 1)
    assert (await values(admin))["avg_spot_price"] == ("2.200000", None)
    world.clock.advance(1)
    assert (await values(admin))["avg_spot_price"] == (None, None)


async def test_utilization_is_told_by_hour_and_holds_until_it_changes(world, admin, buyer):
    seller = await world.seller()
    began_ms = world.clock.now_ms()
    world.clock.advance(HOUR_MS)
    await trade(seller, buyer)
    world.clock.advance(2 * HOUR_MS)
    told = await admin("GET", "/kpi/utilization", **{"from": str(began_ms - began_ms % HOUR_MS)})
    assert [item["utilization"] for item in told.body["items"]] == [0.0, 0.5, 0.5, 0.5]
    elsewhere = await admin("GET", "/kpi/utilization", region="eu-central-1")
    assert elsewhere.body == {"step": "hour", "items": []}
    by_day = await admin("GET", "/kpi/utilization", step="day", gpu_type="H100")
    assert by_day.body["items"][-1]["allocated"] == 4


async def test_revenue_by_day_provider_and_gpu_type(world, admin, buyer):
    seller, other = await world.seller(), await world.seller(gpu_type="L4")
    await trade(seller, buyer)
    world.clock.advance(DAY_MS)
    await trade(other, buyer, gpu_type="L4")
    world.ports.fee_basis_points = 1_000
    for by in ("day", "provider", "gpu_type"):
        told = (await admin("GET", "/kpi/revenue", by=by)).body
        assert (told["total_gross"], told["total_fee"]) == ("432.000000", "43.200000")
        assert told["total_revenue"] == "388.800000"
        assert [part["gross"] for part in told["breakdown"]] == ["216.000000"] * 2
        assert len({part[by] for part in told["breakdown"]}) == 2


async def test_a_provider_reads_its_own_revenue_and_no_other(world, buyer):
    seller, other = await world.seller(), await world.seller()
    await trade(seller, buyer)
    told = (await seller("GET", "/providers/me/revenue", by="gpu_type")).body
    assert told["total_revenue"] == "216.000000"
    assert told["breakdown"] == [
        {
            "gpu_type": "H100",
            "trades": 1,
            "gpus": 4,
            "gpu_hours": "96.000000",
            "gross": "216.000000",
            "fee": "0.000000",
            "revenue": "216.000000",
        }
    ]
    assert (await other("GET", "/providers/me/revenue")).body["breakdown"] == []
    assert (await buyer("GET", "/providers/me/revenue")).status == 404


async def test_what_is_asked_for_ends_where_it_says(world, buyer):
    seller = await world.seller()
    await trade(seller, buyer)
    day_ms = day_of(world.clock.now_ms())
    spans = [(day_ms, day_ms + DAY_MS), (day_ms - DAY_MS, day_ms), (day_ms + DAY_MS,) * 2]
    found = [
        await seller("GET", "/providers/me/revenue", **{"from": str(begin), "to": str(end)})
        for begin, end in spans
    ]
    assert [len(each.body["breakdown"]) for each in found] == [1, 0, 0]


async def test_everybody_reads_the_markets_figures_but_not_what_the_platform_earns(
    admin, seller, buyer
):
    seven = (await admin("GET", "/kpi/dashboard")).body["kpis"]
    for caller in (seller, buyer):
        told = await caller("GET", "/kpi/dashboard")
        assert told.status == 200
        assert seven.keys() - told.body["kpis"].keys() == {"platform_revenue"}
        assert (
            "platform_revenue"
            not in (await caller("GET", "/kpi/dashboard", headers=CSV)).body.decode()
        )


@pytest.mark.parametrize("path", ["/kpi/utilization", "/kpi/revenue"])
async def test_only_an_administrator_reads_the_platforms_figures(world, seller, buyer, path):
    for caller in (seller, buyer):
        reply = await caller("GET", path)
        assert (reply.status, reply.body["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    "sent", ["2026-11-24T10:30:00Z", "2026-11-31", "24.11.2026", "-1", "1", "259200000000000"]
)
async def test_a_time_that_is_no_whole_hour_or_day_is_refused(admin, sent):
    reply = await admin("GET", "/kpi/utilization", **{"from": sent})
    assert reply.wrong["/from"].startswith("a whole hour: RFC 3339 with its offset, or ms since")
    reply = await admin("GET", "/kpi/revenue", to=sent)
    assert reply.wrong["/to"].startswith("a whole day: such as 2026-11-24")


async def test_an_end_before_the_beginning_and_too_many_steps_are_refused(admin):
    told = {"from": "2026-01-03", "to": "2026-01-02"}
    assert (await admin("GET", "/kpi/revenue", **told)).wrong == {
        "/from": "a time that is not after `to`"
    }
    long = {"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}
    assert (await admin("GET", "/kpi/utilization", **long)).wrong == {
        "/from": "at most 1000 steps before `to`"
    }
    assert (await admin("GET", "/kpi/utilization", step="day", **long)).status == 200


async def test_tables_come_as_csv_for_who_asks(world, admin, buyer):
    seller = await world.seller()
    await trade(seller, buyer)
    for path in ("/kpi/dashboard", "/kpi/utilization", "/kpi/revenue", "/providers/me/revenue"):
        caller = seller if path.startswith("/providers") else admin
        as_json = (await caller("GET", path)).body
        reply = await caller("GET", path, headers=CSV)
        assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
        told = as_json.get("items") or as_json.get("breakdown") or list(as_json["kpis"].values())
        assert len(rows) == len(told) > 0
        assert {str(value) for value in told[0].values() if value is not None} <= {
            *rows[0].values()
        }
    both = await admin("GET", "/kpi/revenue", headers={"Accept": "application/json, text/csv"})
    assert both.headers["Content-Type"] == "application/json"


async def test_without_clickhouse_it_is_a_503(world: World, admin: Caller):
    world.market.away.add("clickhouse")
    for path in ("/kpi/dashboard", "/kpi/utilization", "/kpi/revenue"):
        assert (await admin("GET", path)).status == 503


async def test_a_preview_shows_the_fee(world, seller, buyer):
    await seller("POST", "/orders", ASK)
    world.ports.fee_basis_points = 250
    told = (await buyer("POST", "/orders/preview", BID)).body
    assert (told["cost"], told["fee"], told["fee_basis_points"]) == ("216.000000", "5.400000", 250)


def test_fees_of_parts_sum_to_the_fee_of_the_whole():
    parts = [1, 1, 1, 1, 5, 10_000, 3]
    fees = list(fees_micros(parts, 5_000))
    assert sum(fees) == 5_006  # half of 10,012
    assert fees[:4] == [0, 1, 1, 0]  # of 1, 2, 3 and 4: 0 (half to even), 1, 2 (half to even), 2
    assert list(fees_micros(parts, 0)) == [0] * len(parts)
