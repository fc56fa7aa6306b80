"""Why an order rests: what its book says of it now, or how it ended."""

from query_api import answers, explanations
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import Ports, Row
from query_api.queries.orders import ACTIVE, find_own_order, own_order
from schemas.views import Order

BOOK_SECONDS = 1.0
"""How long an active order is looked for in its book: view and book follow the log apart."""


async def explain_order(call: Call) -> Answer:
    """Why an order of the caller's account rests, and what would fill it; nothing is changed.

    What an account would refuse (K1, K2) is not looked at.
    """
    order, told = await _found(call, await own_order(call))
    at_ms = told["at_ms"] if told else call.ports.clock.now_ms()
    answer = answers.told_explanation(order, told, at_ms)
    answer["explanation"] = explanations.sentences(answer, answers.told_order(order))
    return Answer(200, answer)


async def _found(call: Call, order: Order) -> tuple[Order, Row | None]:
    """The order as its view tells it, and what its book says; None for one that is closed.

    An active order that its book does not have is on its way there, or has just left it.
    """
    ports = call.ports
    deadline = ports.clock.now_seconds() + BOOK_SECONDS
    delay = 0.02
    told = await _of_book(ports, order)
    while told and told["order"] is None and ports.clock.now_seconds() < deadline:
        await ports.clock.sleep(delay)
        delay = min(delay * 1.5, 0.2)
        order = await find_own_order(call, order["order_id"]) or order
        told = await _of_book(ports, order)
    return order, told


async def _of_book(ports: Ports, order: Order) -> Row | None:
    if order["status"] not in ACTIVE:
        return None
    return await ports.market_data.explain(order["book_id"], order["order_id"])


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/orders/{{order_id}}/explain",
        explain_order,
        "Explain why an order rests",
        "orders:read",
        {200: answers.Explanation},
        refusals=(404,),
    ),
)
