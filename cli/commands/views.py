"""`gpubroker views rebuild`: what ClickHouse or Redis lost, from the log."""

from typing import Annotated

import typer

import stack
from cli.errors import Refused
from cli.options import session

app = typer.Typer(help="The views that answers come from.", no_args_is_help=True)


@app.command()
def rebuild(
    ctx: typer.Context,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Go on although ClickHouse lost records that the log no longer holds."
        ),
    ] = False,
) -> None:
    """Fill ClickHouse and Redis anew from the log, while the market runs.

    What they still have stays. Topics of facts keep 7 days, telemetry 1: if a table is empty that
    had older records, it is said which, and nothing is done without --yes.
    """
    opened = session(ctx)
    arguments = ("rebuild", *(("--yes",) if yes else ()))
    if stack.run(opened.settings, "jobs", *arguments):
        detail = "the views were not rebuilt; the lines above say why"
        raise Refused({"code": "NOT_REBUILT", "detail": detail})
