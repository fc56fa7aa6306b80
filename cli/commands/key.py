"""`gpubroker key …`: API keys."""

from typing import Annotated

import typer

from cli import output
from cli.client import MOST_LISTED, Json
from cli.inputs import moment, price
from cli.options import As, AsJson, session

app = typer.Typer(no_args_is_help=True, help="API keys.")

COLUMNS: output.Columns = {
    "key": lambda key: key.get("id") or key.get("key_id"),
    "name": "name",
    "prefix": "prefix",
    "roles": "roles",
    "scopes": "scopes",
    "max order cost": "max_order_cost",
    "expires": "expires_at",
}
CARD: output.Columns = {**COLUMNS, "secret (shown this once)": lambda answer: answer.get("key")}
ME: output.Columns = {
    "account": "account_id",
    "key": "key_id",
    "name": "name",
    "roles": "roles",
    "scopes": "scopes",
    "max order cost": "max_order_cost",
}


@app.command()
def me(ctx: typer.Context, role: As = None, as_json: AsJson = False) -> None:
    """Show whose key is sent."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        answer = client.get("/auth/me")
    output.show(opened.settings, answer, as_json, lambda answer: output.card(answer, ME))


@app.command("list")
def list_keys(ctx: typer.Context, role: As = None, as_json: AsJson = False) -> None:
    """List the account's keys; their secrets are not kept."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        page = client.get("/auth/api-keys", {"limit": MOST_LISTED})
    output.show(opened.settings, page, as_json, lambda page: output.page(page, COLUMNS, "keys"))


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    roles: Annotated[
        list[str] | None, typer.Option("--role", help="A role of the key; repeatable.")
    ] = None,
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", help="A scope of the key; repeatable.")
    ] = None,
    expires_at: Annotated[
        str | None, typer.Option("--expires", help="RFC 3339, or from now such as 30d.")
    ] = None,
    account_id: Annotated[
        str | None, typer.Option("--account", help="Another account's key (admin).")
    ] = None,
    max_order_cost: Annotated[
        str | None,
        typer.Option("--max-order-cost", help="USD that a bid of it may cost at its limit."),
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Create a key and show its secret, this once."""
    opened = session(ctx)
    body: Json = {
        "name": name,
        "roles": roles or None,
        "scopes": scopes or None,
        "expires_at": expires_at and moment(expires_at),
        "account_id": account_id,
        "max_order_cost": max_order_cost and price(max_order_cost),
    }
    body = {field: value for field, value in body.items() if value is not None}
    with opened.client(role, "admin" if account_id else "consumer") as client:
        answer = client.post("/auth/api-keys", body)
    output.show(opened.settings, answer, as_json, lambda answer: output.card(answer, CARD))


@app.command()
def revoke(
    ctx: typer.Context,
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key; it stops working within a second."""
    opened = session(ctx)
    with opened.client(role, "consumer") as client:
        answer = client.call("DELETE", f"/auth/api-keys/{key_id}")
    output.show(opened.settings, answer, as_json, lambda _: f"revoked: {key_id}")
