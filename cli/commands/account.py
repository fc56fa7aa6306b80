"""`gpubroker account …`: accounts of consumers and providers (admin)."""

from typing import Annotated, Literal

import typer

from cli import output
from cli.client import Json
from cli.inputs import price
from cli.options import As, AsJson, session

app = typer.Typer(no_args_is_help=True, help="Accounts of consumers and providers (admin).")

AccountId = Annotated[str, typer.Argument(help="The account's id.")]
MaxOpenOrders = Annotated[
    int | None, typer.Option("--max-open-orders", help="Limit of open orders.")
]
MaxNotional = Annotated[
    str | None, typer.Option("--max-notional", help="Limit of what its open bids may cost, USD.")
]
CARD: output.Columns = {
    "account": lambda account: account.get("id") or account.get("account_id"),
    "name": "name",
    "role": "role",
    "suspended": "suspended",
}


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name.")],
    kind: Annotated[
        Literal["consumer", "provider"], typer.Option("--role", help="What it may do.")
    ] = "consumer",
    max_open_orders: MaxOpenOrders = None,
    max_notional: MaxNotional = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Create an account; `gpubroker key create --account` makes its first key."""
    opened = session(ctx)
    body = {"name": name, "role": kind, **_limits(max_open_orders, max_notional)}
    with opened.client(role, "admin") as client:
        answer = client.post("/accounts", body)
    output.show(opened.settings, answer, as_json, lambda answer: output.card(answer, CARD))


@app.command()
def suspend(
    ctx: typer.Context, account_id: AccountId, role: As = None, as_json: AsJson = False
) -> None:
    """Let an account place and amend no more; its open orders stay."""
    _change(ctx, account_id, {"suspended": True}, role, as_json)


@app.command()
def resume(
    ctx: typer.Context, account_id: AccountId, role: As = None, as_json: AsJson = False
) -> None:
    """Let a suspended account trade again."""
    _change(ctx, account_id, {"suspended": False}, role, as_json)


@app.command()
def limit(
    ctx: typer.Context,
    account_id: AccountId,
    max_open_orders: MaxOpenOrders = None,
    max_notional: MaxNotional = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Set an account's limits."""
    _change(ctx, account_id, _limits(max_open_orders, max_notional), role, as_json)


def _limits(max_open_orders: int | None, max_notional: str | None) -> Json:
    limits: Json = {}
    if max_open_orders is not None:
        limits["max_open_orders"] = max_open_orders
    if max_notional is not None:
        limits["max_notional"] = price(max_notional)
    return {"limits": limits} if limits else {}


def _change(ctx: typer.Context, account_id: str, body: Json, role: As, as_json: bool) -> None:
    opened = session(ctx)
    with opened.client(role, "admin") as client:
        answer = client.call("PATCH", f"/accounts/{account_id}", body=body)
    output.show(opened.settings, answer, as_json, lambda _: f"done: {account_id}")
