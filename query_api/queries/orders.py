"""Orders and their trades, as the views tell them: Redis for now, ClickHouse for what was."""

from uuid import UUID

from query_api import answers, cursors, problems
from query_api.answers import told_order, told_trade
from query_api.bodies import OrderPage, Page
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import OrderFilter, Ports, Unavailable
from schemas.views import Order, is_provisional, read_order

FRESH_MS = 1_000
"""How long an order of which only the API has told is not looked for in ClickHouse."""
TRADES_SECONDS = 2.0
"""How long trades may be behind an order's fills before they are told as they are."""
ACTIVE = ("pending", "partial")


async def show_order(call: Call) -> Answer:
    """One order of the caller's account."""
    return Answer(200, told_order(await own_order(call)))


async def list_orders(call: Call) -> Answer:
    """Orders of the caller's account, newest first."""
    query: OrderPage = call.query
    statuses = ACTIVE if query.status == "active" else (query.status,) if query.status else ()
    before = cursors.read(query.cursor, int, str)
    wanted = OrderFilter(call.principal.account_id, statuses, query.limit, before)
    found, total = await call.ports.history.orders(wanted)
    current = [order for order in await _overlaid(call.ports, found) if _fits(order, statuses)]
    told: answers.Orders = {
        "items": [told_order(order) for order in current],
        "total": total,
        "next_cursor": _cursor_after(found, query.limit),
    }
    return Answer(200, told)


async def list_trades(call: Call) -> Answer:
    """Trades of one order, oldest first, and none less than the order is told to have."""
    query: Page = call.query
    order = await own_order(call)
    await _await_trades(call.ports, order)
    after = cursors.read(query.cursor, int) or 0
    trades = await call.ports.history.trades_of(order, after, query.limit)
    more = len(trades) == query.limit
    told: answers.Trades = {
        "trades": [told_trade(trade, order["order_id"]) for trade in trades],
        "next_cursor": cursors.write(trades[-1]["book_seq"]) if more else None,
    }
    return Answer(200, told)


async def own_order(call: Call) -> Order:
    """The order in the path, if it is of the caller's account.

    Raises:
        Problem: 404.
    """
    order_id = wanted_order_id(call)
    order = await find_own_order(call, order_id)
    if order is None:
        raise problems.not_found("order", order_id)
    return order


async def find_own_order(call: Call, order_id: str, *, asks_history: bool = True) -> Order | None:
    """The order, if a view knows it as the caller's."""
    order = await find_order(call.ports, order_id, asks_history=asks_history)
    own = order is not None and order["account_id"] == call.principal.account_id
    return order if own else None


async def find_order(ports: Ports, order_id: str, *, asks_history: bool = True) -> Order | None:
    """The order as Redis tells it, or else ClickHouse.

    Args:
        ports: where to look.
        order_id: which order.
        asks_history: whether to ask ClickHouse if Redis does not know enough; it costs a hundred
            times as much.

    Raises:
        Unavailable: neither can be asked.
    """
    row = await _row(ports, order_id)
    order = read_order(row)
    if not asks_history or (order is not None and _is_enough(ports, order, row)):
        return order
    try:
        return await ports.history.order(order_id) or order
    except Unavailable:
        if order is None:
            raise
        return order


def wanted_order_id(call: Call) -> str:
    """The order that the path names; what is no UUID names none."""
    return wanted_id(call, "order")


def wanted_id(call: Call, what: str) -> str:
    """The id in the path, as we write ids.

    Raises:
        Problem: 404, it is no UUID, so nothing can be called that.
    """
    return read_id(call.path[f"{what}_id"], what)


def read_id(name: str, what: str) -> str:
    """An id as we write ids.

    Raises:
        Problem: 404, it is no UUID, so nothing can be called that.
    """
    try:
        return str(UUID(name))
    except ValueError:
        raise problems.not_found(what, name) from None


async def _row(ports: Ports, order_id: str) -> dict[str, str]:
    try:
        return await ports.live.order_row(order_id)
    except Unavailable:
        return {}


def _is_enough(ports: Ports, order: Order, row: dict[str, str]) -> bool:
    return not is_provisional(row) or ports.clock.now_ms() - order["created_at_ms"] < FRESH_MS


async def _overlaid(ports: Ports, orders: list[Order]) -> list[Order]:
    """The orders as Redis has them now, where it has them."""
    try:
        rows = await ports.live.order_rows([order["order_id"] for order in orders])
    except Unavailable:
        return orders
    return [_newer(order, row) for order, row in zip(orders, rows, strict=True)]


def _newer(order: Order, row: dict[str, str]) -> Order:
    now = None if is_provisional(row) else read_order(row)
    return now if now and now["updated_at_ms"] >= order["updated_at_ms"] else order


def _fits(order: Order, statuses: tuple[str, ...]) -> bool:
    return not statuses or order["status"] in statuses


def _cursor_after(found: list[Order], limit: int) -> str | None:
    if len(found) < limit:
        return None
    return cursors.write(found[-1]["created_at_ms"], found[-1]["order_id"])


async def _await_trades(ports: Ports, order: Order) -> None:
    """Wait until the history has the trades that the order's fills come from."""
    deadline = ports.clock.now_seconds() + TRADES_SECONDS
    delay = 0.02
    while await _is_behind(ports, order) and ports.clock.now_seconds() < deadline:
        await ports.clock.sleep(delay)
        delay = min(delay * 1.5, 0.2)


async def _is_behind(ports: Ports, order: Order) -> bool:
    filled: int = order["filled_quantity"]
    return filled > 0 and await ports.history.traded_quantity(order) < filled


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/orders",
        list_orders,
        "List the account's orders, newest first",
        "orders:read",
        {200: answers.Orders},
        query=OrderPage,
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/orders/{{order_id}}",
        show_order,
        "Show an order",
        "orders:read",
        {200: answers.ToldOrder},
        refusals=(404,),
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/orders/{{order_id}}/trades",
        list_trades,
        "List an order's trades, oldest first",
        "orders:read",
        {200: answers.Trades},
        query=Page,
        refusals=(404,),
    ),
)
