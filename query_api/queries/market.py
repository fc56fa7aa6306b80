"""The market: what can be traded, books, depth, the tape, and what an order would do."""

from uuid import uuid4

from query_api import answers, cursors
from query_api.bodies import DepthQuery, Page, PlaceOrder
from query_api.commands.market import require_book
from query_api.commands.orders import check_order, require_affordable, require_seller, stamped
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.problems import FieldError, invalid
from udfs import money


async def show_catalogue(call: Call) -> Answer:
    """GPU types, products and regions."""
    known = await call.ports.catalogue.get()
    told: answers.ToldCatalogue = {
        "gpu_types": list(known.gpu_types),
        "products": list(known.products),
        "regions": list(known.regions),
    }
    return Answer(200, told)


async def list_books(call: Call) -> Answer:
    """The books that have had an order, by name."""
    query: Page = call.query
    after = cursors.read(query.cursor, str) or ""
    books = sorted(await call.ports.market_data.books(), key=lambda book: str(book["book_id"]))
    rest = [book for book in books if book["book_id"] > after]
    page = rest[: query.limit]
    told: answers.Books = {
        "items": [answers.told_book(book) for book in page],
        "total": len(books),
        "next_cursor": cursors.write(page[-1]["book_id"]) if len(rest) > len(page) else None,
    }
    return Answer(200, told)


async def show_depth(call: Call) -> Answer:
    """Price levels of a book, best first; of one duration and region if they are named."""
    query: DepthQuery = call.query
    book_id = await require_book(call)
    await require_region(call, query.region)
    seconds = query.duration_hours * 3600 if query.duration_hours else None
    depth = await call.ports.market_data.depth(book_id, query.levels, seconds, query.region)
    told: answers.Depth = {
        "book_id": book_id,
        "book_seq": depth["book_seq"],
        "bids": [answers.told_level(level) for level in depth["bids"]],
        "asks": [answers.told_level(level) for level in depth["asks"]],
    }
    return Answer(200, told)


async def list_tape(call: Call) -> Answer:
    """Trades of a book, newest first, without accounts."""
    query: Page = call.query
    book_id = await require_book(call)
    before = cursors.read(query.cursor, int)
    trades = await call.ports.history.trades_in(book_id, before, query.limit)
    more = len(trades) == query.limit
    told: answers.Tape = {
        "items": [answers.tape_trade(trade) for trade in trades],
        "total": await call.ports.history.trades_count(book_id),
        "next_cursor": cursors.write(trades[-1]["book_seq"]) if more else None,
    }
    return Answer(200, told)


async def preview_order(call: Call) -> Answer:
    """What this order would do now; the log is not touched."""
    body: PlaceOrder = call.body
    require_seller(call)
    order = stamped(body, str(uuid4()), call.ports.clock.now_ms())
    require_affordable(call.principal, order)
    plan = await call.ports.market_data.preview(order["book_id"], call.principal.account_id, order)
    value, filled = plan["value_micros"], plan["filled"]
    cost = money.cost_micros(value, 1, order["duration_seconds"])
    at_limit = (order["price_micros"], order["quantity"], order["duration_seconds"])
    told: answers.Preview = {
        "fills": [
            {"price": money.trade_usd(fill["price_micros"]), "quantity": fill["quantity"]}
            for fill in plan["fills"]
        ],
        "filled": filled,
        "resting": plan["resting"],
        "avg_price": money.average_usd(value, filled),
        "cost": money.trade_usd(cost),
        "fee": money.trade_usd(money.fee_micros(cost, call.ports.fee_basis_points)),
        "fee_basis_points": call.ports.fee_basis_points,
        "limit_cost": money.trade_usd(money.cost_micros(*at_limit)),
        "refused": plan["refused"],
        "book_seq": plan["book_seq"],
    }
    return Answer(200, told)


async def require_region(call: Call, region: str | None) -> None:
    """Refuse a region that the catalogue has not.

    Raises:
        Problem: 422.
    """
    known = (await call.ports.catalogue.get()).regions
    if region is not None and region not in known:
        rule = f"one of the catalogue: {', '.join(known)}"
        raise invalid([FieldError("/region", region, rule)])


async def require_gpu_types(call: Call, gpu_type: str | None) -> list[str]:
    """The one that is wanted, or all of the catalogue.

    Raises:
        Problem: 422, the catalogue has it not.
    """
    known = (await call.ports.catalogue.get()).gpu_types
    if gpu_type is not None and gpu_type not in known:
        rule = f"one of the catalogue: {', '.join(known)}"
        raise invalid([FieldError("/gpu_type", gpu_type, rule)])
    return [gpu_type] if gpu_type else list(known)


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{PREFIX}/orders/preview",
        preview_order,
        "Show what an order would do",
        "orders:read",
        {200: answers.Preview},
        body=PlaceOrder,
        check=check_order,
        only_asks=True,
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/market/catalogue",
        show_catalogue,
        "Show what can be traded",
        "market:read",
        {200: answers.ToldCatalogue},
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/market/books",
        list_books,
        "List the books",
        "market:read",
        {200: answers.Books},
        query=Page,
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/market/books/{{book_id}}/depth",
        show_depth,
        "Show a book's price levels",
        "market:read",
        {200: answers.Depth},
        query=DepthQuery,
        refusals=(404,),
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/market/books/{{book_id}}/trades",
        list_tape,
        "List a book's trades, newest first",
        "market:read",
        {200: answers.Tape},
        query=Page,
        refusals=(404,),
    ),
)
