"""Options that many commands share."""

from typing import Annotated

import typer

from cli.session import Role, Session

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
As = Annotated[
    Role | None,
    typer.Option("--as", help="Whose key to send; else GPUBROKER_API_KEY or the usual role's key."),
]
Limit = Annotated[int, typer.Option("--limit", "-l", help="How many to show, newest first.")]


def session(ctx: typer.Context) -> Session:
    """The session that the root command opened."""
    found = ctx.obj
    assert isinstance(found, Session)
    return found
