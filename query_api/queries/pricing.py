"""Prices: now, from Redis; before, from ClickHouse; and what renting would cost, from the book."""

from itertools import groupby
from uuid import uuid4

from query_api import answers, cursors, problems
from query_api.bodies import CalculatePrice, PlaceOrder, PricePage, PriceQuery
from query_api.commands.orders import stamped
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import Ports, PriceFilter, Row, Unavailable
from query_api.problems import FieldError
from query_api.queries.market import require_gpu_types, require_region
from udfs import money

DAY_MS = 24 * 3600 * 1000
"""How far back windows are told if nobody says from when."""
MOST_LEVELS = 1_000
"""Price levels of a book that a fill is looked for in."""


async def show_spot_prices(call: Call) -> Answer:
    """The newest prices of a GPU type, or of each that has one."""
    query: PriceQuery = call.query
    gpu_types = await require_gpu_types(call, query.gpu_type)
    await require_region(call, query.region)
    found = await _newest(call.ports, gpu_types, query.region or "")
    found.sort(key=lambda update: (update["gpu_type"], update["product"]))
    by_type = groupby(found, key=lambda update: update["gpu_type"])
    told: answers.SpotPrices = {
        "items": [answers.told_spot_price(list(updates)) for _, updates in by_type]
    }
    return Answer(200, told)


async def list_windows(call: Call) -> Answer:
    """Windows of an index that are over, newest first."""
    query: PricePage = call.query
    await require_gpu_types(call, query.gpu_type)
    await require_region(call, query.region)
    to_ms = call.ports.clock.now_ms() + 1 if query.to is None else query.to
    from_ms = max(to_ms - DAY_MS, 0) if query.from_ is None else query.from_
    if from_ms > to_ms:
        raise problems.invalid([FieldError("/from", from_ms, "a time that is not after `to`")])
    before_ms = cursors.read(query.cursor, int)
    found, total = await call.ports.history.prices(
        PriceFilter(
            query.gpu_type,
            query.region or "",
            query.product,
            from_ms,
            to_ms,
            query.limit,
            before_ms,
        )
    )
    more = len(found) == query.limit
    told: answers.PriceHistory = {
        "items": [answers.told_price_window(update) for update in found],
        "total": total,
        "next_cursor": cursors.write(found[-1]["window_start_ms"]) if more else None,
    }
    return Answer(200, told)


async def calculate_price(call: Call) -> Answer:
    """What a bid would fill and cost now if its limit were high enough; nothing is placed."""
    body: CalculatePrice = call.body
    limit_micros = await _limit_micros(call)
    plan = await _plan(call, limit_micros) if limit_micros else _NOTHING
    prices = [fill["price_micros"] for fill in plan["fills"]]
    filled, value = plan["filled"], plan["value_micros"]
    total = money.cost_micros(value, 1, body.duration_hours * money.SECONDS_PER_HOUR)
    fee_basis_points = call.ports.fee_basis_points
    told: answers.CalculatedPrice = {
        "gpu_type": body.gpu_type,
        "product": body.product,
        "region": body.region,
        "quantity": body.quantity,
        "duration_hours": body.duration_hours,
        "limit_price": answers.limit_usd(limit_micros),
        "price_range": {
            "low": money.trade_usd(min(prices)),
            "high": money.trade_usd(max(prices)),
        }
        if prices
        else None,
        "avg_price": money.average_usd(value, filled),
        "filled": filled,
        "unfilled": body.quantity - filled,
        "total": money.trade_usd(total),
        "fee": money.trade_usd(money.fee_micros(total, fee_basis_points)),
        "fee_basis_points": fee_basis_points,
        "book_seq": plan["book_seq"],
    }
    return Answer(200, told)


async def check_calculation(call: Call, wrong: frozenset[str]) -> list[FieldError]:
    """GPU type and region are of the catalogue."""
    known = await call.ports.catalogue.get()
    return [
        FieldError(f"/{name}", call.sent[name], f"one of the catalogue: {', '.join(allowed)}")
        for name, allowed in (("gpu_type", known.gpu_types), ("region", known.regions))
        if name not in wrong and call.sent.get(name) is not None and call.sent[name] not in allowed
    ]


_NOTHING: Row = {"fills": [], "filled": 0, "value_micros": 0, "book_seq": 0}


async def _limit_micros(call: Call) -> int | None:
    """The lowest limit that reaches as many GPUs as are wanted, or all that are for sale.

    A trade's price is the midpoint of both limits (M4), so a higher limit would cost more.
    """
    body: CalculatePrice = call.body
    seconds = body.duration_hours * money.SECONDS_PER_HOUR
    depth = await call.ports.market_data.depth(_book_id(body), MOST_LEVELS, seconds, body.region)
    reached, limit_micros = 0, None
    for level in depth["asks"]:
        if reached >= body.quantity:
            break
        reached += level["quantity"]
        limit_micros = level["price_micros"]
    return limit_micros


async def _plan(call: Call, limit_micros: int) -> Row:
    """What a bid with this limit would do."""
    body: CalculatePrice = call.body
    bid = PlaceOrder.model_construct(
        type="bid",
        gpu_type=body.gpu_type,
        quantity=body.quantity,
        price=limit_micros,
        duration_hours=body.duration_hours,
        product=body.product,
        region=body.region,
        time_in_force="IOC",
    )
    order = stamped(bid, str(uuid4()), call.ports.clock.now_ms())
    account_id = call.principal.account_id
    return await call.ports.market_data.preview(_book_id(body), account_id, order)


def _book_id(body: CalculatePrice) -> str:
    return f"{body.gpu_type}.{body.product}"


async def _newest(ports: Ports, gpu_types: list[str], region: str) -> list[Row]:
    """As Redis tells it, or ClickHouse if that is away."""
    try:
        return await ports.live.prices(gpu_types, region)
    except Unavailable:
        return await ports.history.newest_prices(gpu_types, region)


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/pricing/spot",
        show_spot_prices,
        "Show what GPU types cost now",
        "market:read",
        {200: answers.SpotPrices},
        query=PriceQuery,
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/pricing/history",
        list_windows,
        "List what a GPU type cost, newest first",
        "market:read",
        {200: answers.PriceHistory},
        query=PricePage,
    ),
    Endpoint(
        "POST",
        f"{PREFIX}/pricing/calculate",
        calculate_price,
        "Calculate what renting GPUs would cost now",
        "market:read",
        {200: answers.CalculatedPrice},
        body=CalculatePrice,
        check=check_calculation,
        only_asks=True,
    ),
)
