"""`gpubroker provider …`: who sells GPU time."""

from typing import Annotated

import typer

from cli import output
from cli.inputs import pairs
from cli.options import As, AsJson, session

app = typer.Typer(no_args_is_help=True, help="Who sells GPU time.")

ProviderId = Annotated[str, typer.Argument(help="The provider's id.")]
CARD: output.Columns = {
    "provider": lambda provider: provider.get("id") or provider.get("provider_id"),
    "name": "name",
    "company": "company",
    "status": "status",
    "account": "account_id",
    "created": "created_at",
}


@app.command()
def register(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name on the market.")],
    company: Annotated[str, typer.Option("--company", help="The company behind it.")],
    kyc: Annotated[
        list[str] | None, typer.Option("--kyc", help="What verifies it, as name=value; repeatable.")
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Register the account as a provider; an admin verifies it."""
    opened = session(ctx)
    body = {"name": name, "company": company, "kyc_data": pairs(kyc or [])}
    with opened.client(role, "provider") as client:
        answer = client.post("/providers", body)
    output.show(opened.settings, answer, as_json, lambda answer: output.card(answer, CARD))


@app.command()
def show(
    ctx: typer.Context,
    provider_id: Annotated[str, typer.Argument(help="The provider's id, or me.")] = "me",
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Show a provider."""
    opened = session(ctx)
    with opened.client(role, "provider") as client:
        answer = client.get(f"/providers/{provider_id}")
    output.show(opened.settings, answer, as_json, lambda answer: output.card(answer, CARD))


@app.command()
def verify(
    ctx: typer.Context, provider_id: ProviderId, role: As = None, as_json: AsJson = False
) -> None:
    """Let a provider sell (admin)."""
    _set_status(ctx, provider_id, "verified", role, as_json)


@app.command()
def suspend(
    ctx: typer.Context, provider_id: ProviderId, role: As = None, as_json: AsJson = False
) -> None:
    """Let a provider sell no more (admin)."""
    _set_status(ctx, provider_id, "suspended", role, as_json)


def _set_status(ctx: typer.Context, provider_id: str, status: str, role: As, as_json: bool) -> None:
    opened = session(ctx)
    with opened.client(role, "admin") as client:
        answer = client.call("PATCH", f"/providers/{provider_id}", body={"status": status})
    output.show(opened.settings, answer, as_json, lambda _: f"{provider_id} is {status}")
