"""What agents can do: each tool is an endpoint of the HTTP API under a name, and nothing more.

So an agent has the same keys, scopes, limits, rules and refusals as everybody else. Where a tool
asks for more than its endpoint does, it is that endpoint with another body and check.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from query_api import preview_tokens, times
from query_api.answers import Id, Preview, Time, ToldOrder
from query_api.bodies import Name, PlaceOrder
from query_api.commands import orders
from query_api.commands.orders import check_order
from query_api.endpoint import Answer, Call, Endpoint
from query_api.problems import FieldError
from query_api.queries import clusters, explain, market, nodes, pricing, telemetry
from query_api.queries import orders as order_queries

INSTRUCTIONS = """\
GPUBroker is a market where GPU time is traded. Prices are USD per GPU-hour as decimal strings, \
quantities whole GPUs, durations whole hours. A bid buys for its duration, an ask sells.
To rent: list_clusters or get_spot_price to see what there is, calculate_costs for what it would \
cost, preview_order with the order's terms, create_order with the same terms, the preview_token \
and a client_order_id of your own, then get_order until its status is filled. An order that does \
not trade at once rests: explain_order says why and what would fill it, cancel_order ends it.
A trade is at the midpoint of both limits, so a bid far above the asks pays far more than they \
want: bid no more than is needed. limit_cost of the preview is the most that a bid can cost. \
Repeat create_order only with the same client_order_id: it is then the same order.
A refusal is a problem with a code for programs, a detail, and each wrong field with its rule."""
WAIT_SECONDS = 5
"""How long create_order waits for the market's decision."""


class CreateOrder(PlaceOrder):
    """An order that was previewed."""

    client_order_id: Name = Field(
        description="your own key of this order, 1 to 128 characters: sent again with it, it is "
        "the same order and not a second one (O2)"
    )
    preview_token: str = Field(
        description="of preview_order for the same terms with this API key, at most "
        f"{preview_tokens.GOOD_FOR_MS // 1000} s old",
        max_length=64,
    )


class PreviewedOrder(Preview):
    """What an order would do now, and the token with which it can be placed."""

    preview_token: str
    preview_ends_at: Time


class CreatedOrder(TypedDict):
    """An order in the log; `order` tells it in full once the market has decided."""

    order_id: Id
    status: str
    decided: bool
    order: ToldOrder | None


class Cancelled(TypedDict):
    """Whether the order is closed; if not yet, the command is in the log and get_order tells."""

    done: bool
    detail: str | None


async def preview_order(call: Call) -> Answer:
    """Preview an order, and prove that it was."""
    told = (await market.preview_order(call)).body
    now_ms = call.ports.clock.now_ms()
    token = preview_tokens.make(call.principal.key_id, _terms(call.body), now_ms)
    ends_at = times.told(preview_tokens.ends_at_ms(token))
    return Answer(200, {**told, "preview_token": token, "preview_ends_at": ends_at})


async def create_order(call: Call) -> Answer:
    """Place an order that was previewed."""
    call.body = _order(call.body)
    answer = await orders.place_order(call)
    placed, is_decided = answer.body, answer.status == 200
    told: CreatedOrder = {
        "order_id": placed["id"] if is_decided else placed["order_id"],
        "status": placed["status"],
        "decided": is_decided,
        "order": placed if is_decided else None,
    }
    return Answer(200, told)


async def cancel_order(call: Call) -> Answer:
    """Close an open order."""
    answer = await orders.cancel_order(call)
    told: Cancelled = {"done": answer.status == 200, "detail": answer.body.get("detail")}
    return Answer(200, told)


async def check_previewed(call: Call, wrong: frozenset[str]) -> list[FieldError]:
    """The rules of an order, and that this very one was previewed."""
    errors = await check_order(call, wrong)
    body: CreateOrder | None = call.body
    if body is None:
        return errors
    now_ms, key_id = call.ports.clock.now_ms(), call.principal.key_id
    if not preview_tokens.is_good(body.preview_token, key_id, _terms(body), now_ms):
        rule = "the token of a preview_order with the same terms and key, not ended: preview again"
        errors.append(FieldError("/preview_token", body.preview_token, rule))
    return errors


def _terms(body: PlaceOrder) -> list[object]:
    """All terms of an order, whether sent or by default."""
    names = sorted(PlaceOrder.model_fields.keys() - {"client_order_id"})
    return [getattr(body, name) for name in names]


def _order(body: CreateOrder) -> PlaceOrder:
    """The order without what only agents send."""
    names = body.model_fields_set - {"preview_token"}
    return PlaceOrder.model_construct(
        _fields_set=set(names), **{name: getattr(body, name) for name in PlaceOrder.model_fields}
    )


# The tools -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tool:
    """An endpoint under the name that agents call it by."""

    name: str
    title: str
    endpoint: Endpoint
    description: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Request headers that the call has beside its key."""

    @property
    def is_read_only(self) -> bool:
        """Whether it changes nothing."""
        return self.endpoint.kind == "reads"

    @property
    def path_names(self) -> tuple[str, ...]:
        """The arguments that stand in the endpoint's path."""
        parts = self.endpoint.path.split("/")
        return tuple(part[1:-1] for part in parts if part.startswith("{"))

    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of its arguments: of the path, the query and the body."""
        model = self.endpoint.body or self.endpoint.query
        schema = model.model_json_schema(by_alias=True)
        ids = {name: _id_schema(name) for name in self.path_names}
        return {
            "type": "object",
            "properties": {**ids, **schema.get("properties", {})},
            "required": [*ids, *schema.get("required", ())],
            "additionalProperties": False,
        }

    def output_schema(self) -> dict[str, Any]:
        """The JSON Schema of what it answers."""
        return TypeAdapter(self.endpoint.answers[200]).json_schema(mode="serialization")


def _id_schema(name: str) -> dict[str, Any]:
    if name == "book_id":  # B1: its GPU type and product
        return {"type": "string", "description": "id of the book, such as H100.ondemand"}
    return {"type": "string", "format": "uuid", "description": f"id of the {_what(name)}"}


def _what(name: str) -> str:
    return name.removesuffix("_id").replace("_", " ")


def _endpoint(among: tuple[Endpoint, ...], handle: Any) -> Endpoint:
    return next(each for each in among if each.handle is handle)


_PLACE = _endpoint(orders.ENDPOINTS, orders.place_order)
_CANCEL = _endpoint(orders.ENDPOINTS, orders.cancel_order)
_PREVIEW = _endpoint(market.ENDPOINTS, market.preview_order)

TOOLS = (
    Tool(
        "list_clusters",
        "List clusters",
        _endpoint(clusters.ENDPOINTS, clusters.list_market_clusters),
        "Clusters of verified providers with their GPUs by type, newest first: where GPUs are, how "
        "many are listed for sale, could be listed, or are leased. Needs the scope market:read.",
    ),
    Tool(
        "get_spot_price",
        "Get spot prices",
        _endpoint(pricing.ENDPOINTS, pricing.show_spot_prices),
        "What a GPU type costs now, in USD per GPU-hour, in one region or in all together, with "
        "its utilisation and the last trades; every type without gpu_type. Needs market:read.",
    ),
    Tool(
        "calculate_costs",
        "Calculate costs",
        _endpoint(pricing.ENDPOINTS, pricing.calculate_price),
        "What renting GPUs for some hours would cost now: the lowest limit that reaches so many of "
        "those for sale, and what a bid with it would fill and pay. Nothing is placed. Needs "
        "market:read.",
    ),
    Tool(
        "get_depth",
        "Get the order book",
        _endpoint(market.ENDPOINTS, market.show_depth),
        "Price levels of a book, best first; a book is gpu_type.product, such as H100.ondemand. "
        "With duration_hours and region only what such an order could meet. Needs market:read.",
    ),
    Tool(
        "preview_order",
        "Preview an order",
        replace(
            _PREVIEW, handle=preview_order, answers={200: PreviewedOrder}
        ),
        "What an order would do now: fills, cost, what would rest, whether the book would refuse "
        "it, the most that it can cost (limit_cost), and the preview_token that create_order "
        "needs. Nothing is placed. Needs orders:read.",
    ),
    Tool(
        "create_order",
        "Place an order",
        replace(
            _PLACE, handle=create_order, body=CreateOrder, check=check_previewed,
            answers={200: CreatedOrder},
        ),
        "Place a bid or an ask that was previewed with the same terms. This commits money or GPUs. "
        "The same client_order_id is the same order, so repeating it is safe. Waits up to "
        f"{WAIT_SECONDS} s for the market's decision; an order may also be rejected, with a code. "
        "Needs orders:write, an ask also the role provider.",
        headers={"prefer": f"wait={WAIT_SECONDS}"},
    ),
    Tool(
        "get_order",
        "Get an order",
        _endpoint(order_queries.ENDPOINTS, order_queries.show_order),
        "An order of this account: status (pending, partial, filled, cancelled, rejected), what it "
        "filled and at which average price. Needs orders:read.",
    ),
    Tool(
        "list_orders",
        "List orders",
        _endpoint(order_queries.ENDPOINTS, order_queries.list_orders),
        "Orders of this account, newest first, of one status if it is given. Needs orders:read.",
    ),
    Tool(
        "list_order_trades",
        "List an order's trades",
        _endpoint(order_queries.ENDPOINTS, order_queries.list_trades),
        "The trades of an order, oldest first, with price and cost of each. Needs orders:read.",
    ),
    Tool(
        "explain_order",
        "Explain why an order rests",
        _endpoint(explain.ENDPOINTS, explain.explain_order),
        "Why an order of this account rests: which rule keeps how many opposite orders apart, the "
        "nearest price, quantity, duration, minimum fill or region that would fill it, and its "
        "place in the level. Needs orders:read.",
    ),
    Tool(
        "cancel_order",
        "Cancel an order",
        replace(_CANCEL, handle=cancel_order, answers={200: Cancelled}),
        "Close an open order of this account; what it traded stays traded. Needs orders:write.",
    ),
    Tool(
        "list_nodes",
        "List own nodes",
        _endpoint(nodes.ENDPOINTS, nodes.list_nodes),
        "The nodes of this account, newest first, of one cluster if it is given: for providers. "
        "Needs providers:read.",
    ),
    Tool(
        "get_node_health",
        "Get a node's health",
        _endpoint(nodes.ENDPOINTS, nodes.show_node),
        "An own node: its status (healthy, degraded, offline, unknown, maintenance) and the state "
        "of each GPU. Needs providers:read.",
    ),
    Tool(
        "get_node_readings",
        "Get a node's readings",
        _endpoint(telemetry.ENDPOINTS, telemetry.show_telemetry),
        "The newest readings of an own node and each of its GPUs: utilisation, temperature, power, "
        "and how old they are. Needs telemetry:read.",
    ),
)  # fmt: skip
