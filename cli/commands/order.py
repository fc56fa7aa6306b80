"""`gpubroker order …`: place, follow and change orders."""

import uuid
from typing import Annotated, Any

import typer

from cli import output
from cli.client import Json
from cli.errors import OutcomeUnknown, Refused
from cli.inputs import hours, moment, price
from cli.options import As, AsJson, Limit, session
from cli.session import Role
from schemas.names import Product, SelfTrade, Side, TimeInForce

app = typer.Typer(no_args_is_help=True, help="Place, follow and change orders.")

OrderId = Annotated[str, typer.Argument(help="The order's id.")]
Type = Annotated[Side, typer.Argument(help="bid to buy GPU time, ask to sell it")]
GpuType = Annotated[str, typer.Argument(help="A type of the catalogue, such as H100.")]
Quantity = Annotated[int, typer.Option("--quantity", "-n", help="Whole GPUs.")]
Price = Annotated[str, typer.Option("--price", "-p", help="Limit, USD per GPU-hour.")]
Duration = Annotated[
    str,
    typer.Option("--duration", "-d", help="24h, 7d, 2w: what a bid wants, the most an ask offers."),
]
ProductOption = Annotated[Product, typer.Option("--product", help="Which book of the type.")]
Region = Annotated[
    str | None, typer.Option("--region", "-r", help="Wanted by a bid, needed for an ask.")
]
Tif = Annotated[
    TimeInForce | None, typer.Option("--tif", help="How long it rests; else GTD for a bid, GTC.")
]
ExpiresAt = Annotated[
    str | None, typer.Option("--expires-at", help="With GTD: RFC 3339, or from now such as 6h.")
]
PostOnly = Annotated[bool, typer.Option("--post-only", help="Refuse rather than trade at once.")]
MinFill = Annotated[int | None, typer.Option("--min-fill", help="Smallest fill to accept.")]
SelfTradeOption = Annotated[
    SelfTrade | None, typer.Option("--self-trade", help="What an own order opposite does.")
]
AvailableUntil = Annotated[
    str | None, typer.Option("--available-until", help="Ask: when its GPUs must be back.")
]
MinDuration = Annotated[
    str | None, typer.Option("--min-duration", help="Ask: the shortest duration that it sells.")
]
Wait = Annotated[
    int, typer.Option("--wait", "-w", min=0, max=5, help="Seconds to wait for the market's answer.")
]

COLUMNS: output.Columns = {
    "id": "id",
    "type": "type",
    "book": "book_id",
    "quantity": "quantity",
    "price": "price",
    "hours": "duration_hours",
    "status": "status",
    "filled": "filled_quantity",
    "average": "avg_price",
    "created": "created_at",
}
CARD: output.Columns = {
    "order": lambda order: order.get("id") or order.get("order_id"),
    "type": "type",
    "book": "book_id",
    "region": "region",
    "quantity": "quantity",
    "price": "price",
    "hours": "duration_hours",
    "time in force": "time_in_force",
    "expires": "expires_at",
    "status": "status",
    "filled": "filled_quantity",
    "average price": "avg_price",
    "remaining": "remaining",
    "reason": "reason",
    "code": "code",
    "detail": "detail",
    "created": "created_at",
}
TRADES: output.Columns = {
    "trade": "id",
    "quantity": "quantity",
    "price": "price",
    "executed": "executed_at",
}


@app.command()
def place(
    ctx: typer.Context,
    order_type: Type,
    gpu_type: GpuType,
    quantity: Quantity,
    limit_price: Price,
    duration: Duration,
    product: ProductOption = "ondemand",
    region: Region = None,
    time_in_force: Tif = None,
    expires_at: ExpiresAt = None,
    post_only: PostOnly = False,
    min_fill: MinFill = None,
    self_trade: SelfTradeOption = None,
    available_until: AvailableUntil = None,
    min_duration: MinDuration = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Your own key: the same key is the same order.")
    ] = None,
    wait: Wait = 5,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Place a bid or an ask and tell what became of it."""
    client_key = key or str(uuid.uuid4())
    opened = session(ctx)
    with opened.client(role, usual_role(order_type)) as client:
        try:
            order = client.post(
                "/orders",
                order_body(ctx.params),
                {"Idempotency-Key": client_key, **({"Prefer": f"wait={wait}"} if wait else {})},
            )
        except OutcomeUnknown as error:
            raise OutcomeUnknown(f"{error}\nthis order's key: --key {client_key}") from error
    output.show(opened.settings, order, as_json, placed)
    judge(order, waited=wait > 0)


@app.command("list")
def list_orders(
    ctx: typer.Context,
    status: Annotated[
        str | None,
        typer.Option("--status", "-s", help="active, or pending, partial, filled, cancelled, …"),
    ] = None,
    limit: Limit = 50,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """List the account's orders, newest first."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        page = client.get("/orders", {"limit": limit, **({"status": status} if status else {})})
    output.show(
        opened.settings,
        page,
        as_json,
        lambda page: output.page(page, COLUMNS, "orders"),
    )


@app.command()
def show(ctx: typer.Context, order_id: OrderId, role: As = None, as_json: AsJson = False) -> None:
    """Show an order and its trades."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        order = client.get(f"/orders/{order_id}")
        trades = client.pages(f"/orders/{order_id}/trades", name="trades")
    if as_json:
        output.print_json({**order, "trades": trades})
        return
    console = output.console(opened.settings)
    console.print(output.card(order, CARD))
    if trades:
        console.print(output.table(trades, TRADES))


@app.command()
def explain(
    ctx: typer.Context, order_id: OrderId, role: As = None, as_json: AsJson = False
) -> None:
    """Tell why an order rests, and what would fill it."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        told = client.get(f"/orders/{order_id}/explain")
    output.show(opened.settings, told, as_json, lambda told: "\n".join(told["explanation"]))


@app.command()
def amend(
    ctx: typer.Context,
    order_id: OrderId,
    quantity: Annotated[
        int | None, typer.Option("--quantity", "-n", help="New total, fills included.")
    ] = None,
    limit_price: Annotated[
        str | None, typer.Option("--price", "-p", help="New limit, USD.")
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Change an open order's quantity or price."""
    body: Json = {} if quantity is None else {"quantity": quantity}
    if limit_price is not None:
        body["price"] = price(limit_price)
    change(ctx, "PATCH", order_id, body, role, as_json)


@app.command()
def cancel(ctx: typer.Context, order_id: OrderId, role: As = None, as_json: AsJson = False) -> None:
    """Close an open order."""
    change(ctx, "DELETE", order_id, None, role, as_json)


@app.command()
def preview(
    ctx: typer.Context,
    order_type: Type,
    gpu_type: GpuType,
    quantity: Quantity,
    limit_price: Price,
    duration: Duration,
    product: ProductOption = "ondemand",
    region: Region = None,
    time_in_force: Tif = None,
    expires_at: ExpiresAt = None,
    post_only: PostOnly = False,
    min_fill: MinFill = None,
    self_trade: SelfTradeOption = None,
    available_until: AvailableUntil = None,
    min_duration: MinDuration = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Tell what an order would do now, without placing it."""
    opened = session(ctx)
    with opened.client(role, usual_role(order_type)) as client:
        plan = client.post("/orders/preview", order_body(ctx.params))
    output.show(opened.settings, plan, as_json, planned)


def usual_role(side: Side) -> Role:
    """Who places orders of this side, when nothing else is said."""
    return "consumer" if side == "bid" else "provider"


def order_body(fields: Json) -> Json:
    """The API's body of an order: what was written, and nothing that was not."""
    body = {
        "type": fields["order_type"],
        "gpu_type": fields["gpu_type"],
        "quantity": fields["quantity"],
        "price": price(fields["limit_price"]),
        "duration_hours": hours(fields["duration"]),
        "product": fields["product"],
        "region": fields["region"],
        "time_in_force": fields["time_in_force"],
        "expires_at": fields["expires_at"] and moment(fields["expires_at"]),
        "post_only": fields["post_only"] or None,
        "min_fill": fields["min_fill"],
        "self_trade": fields["self_trade"],
        "available_until": fields["available_until"] and moment(fields["available_until"]),
        "min_duration_hours": fields["min_duration"] and hours(fields["min_duration"]),
    }
    return {name: value for name, value in body.items() if value is not None}


def judge(order: Json, *, waited: bool) -> None:
    """End the command as the order ended: quietly, refused, or not known yet."""
    if order["status"] == "rejected":
        raise Refused({"code": order.get("code"), "detail": order.get("detail"), **order})
    if waited and order["status"] == "pending" and order.get("book_seq") is None:
        order_id = order.get("id") or order.get("order_id")
        raise OutcomeUnknown(
            f"the market has not decided yet; look again with `gpubroker order show {order_id}`"
        )


def change(
    ctx: typer.Context, method: str, order_id: str, body: Json | None, role: As, as_json: bool
) -> None:
    """Cancel or amend: done, refused, or sent without an answer in time."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        done = client.call(method, f"/orders/{order_id}", body=body)
    if done.get("success"):
        output.show(opened.settings, done, as_json, lambda _: f"done: {order_id}")
        return
    if as_json:
        output.print_json(done)
    raise OutcomeUnknown(f"sent, but not decided yet; look with `gpubroker order show {order_id}`")


def placed(order: Json) -> Any:
    """An order that was just placed, as people see it."""
    return output.card(order, CARD)


def planned(plan: Json) -> Any:
    """A preview, as people see it."""
    summary: output.Columns = {
        "book": "book_id",
        "refused": "refused",
        "would fill": "filled",
        "at": lambda plan: [f"{fill['quantity']} × {fill['price']}" for fill in plan["fills"]],
        "average price": "avg_price",
        "cost": "cost",
        "would rest": "resting",
    }
    return output.card(plan, summary)
