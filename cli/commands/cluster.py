"""`gpubroker cluster …`: where a provider's nodes stand."""

from typing import Annotated

import typer

from cli import output
from cli.client import MOST_LISTED
from cli.inputs import pairs
from cli.options import As, AsJson, session

app = typer.Typer(no_args_is_help=True, help="Where a provider's nodes stand.")

COLUMNS: output.Columns = {
    "cluster": lambda cluster: cluster.get("id") or cluster.get("cluster_id"),
    "name": "name",
    "region": "region",
    "GPUs": "total_gpus",
    "available": "available_gpus",
    "created": "created_at",
}


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Its name.")],
    region: Annotated[str, typer.Option("--region", "-r", help="A region of the catalogue.")],
    spec: Annotated[
        list[str] | None,
        typer.Option("--spec", help="What describes it, as name=value; repeatable."),
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Create a cluster of the provider."""
    opened = session(ctx)
    body = {"name": name, "region": region, "specs": pairs(spec or [])}
    with opened.client(role, "provider") as client:
        provider = client.get("/providers/me")
        answer = client.post(f"/providers/{provider['id']}/clusters", body)
    output.show(opened.settings, answer, as_json, lambda answer: output.card(answer, COLUMNS))


@app.command("list")
def list_clusters(ctx: typer.Context, role: As = None, as_json: AsJson = False) -> None:
    """List the provider's clusters with their GPUs."""
    opened = session(ctx)
    with opened.client(role, "provider") as client:
        page = client.get("/providers/me/clusters", {"limit": MOST_LISTED})
    output.show(opened.settings, page, as_json, lambda page: output.page(page, COLUMNS, "clusters"))
