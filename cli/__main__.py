"""The `gpubroker` command."""

import json
from typing import Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from cli import errors, output
from cli.commands import (
    account,
    agent,
    audit,
    cluster,
    demo,
    doctor,
    key,
    local,
    market,
    node,
    order,
    provider,
    replay,
    snapshot,
    sql,
    views,
    warm_up,
)
from cli.session import Session
from schemas import settings
from schemas.settings import SettingError
from stack import StackError

EXIT_CODES = """
Exit codes: 0 done · 1 refused by the market · 2 the command line cannot be read ·
3 no market reachable, or it cannot be started · 4 sent, outcome unknown · 5 a check failed ·
6 a check could not be made.
"""


WANTS_JSON = "gpubroker.json"


class Group(TyperGroup):
    """The root command: turns our errors into messages and exit codes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note whether programs are listening before the arguments are taken apart."""
        ctx.meta[WANTS_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except errors.CommandError as error:
            _explain(ctx, str(error), error.as_json())
            raise typer.Exit(error.exit_code) from error
        except (StackError, SettingError) as error:
            _explain(ctx, str(error), {"detail": str(error)})
            raise typer.Exit(errors.UNREACHABLE) from error


app = typer.Typer(
    name="gpubroker",
    cls=Group,
    no_args_is_help=True,
    help="An open marketplace where GPU time is traded like a commodity.",
    epilog=EXIT_CODES,
    pretty_exceptions_enable=False,
)


@app.callback()
def root(ctx: typer.Context) -> None:
    """Open a session from the environment, unless a test brought its own."""
    if ctx.obj is None:
        ctx.obj = Session(settings.from_environment())


for group in (order, market, provider, cluster, node, agent, account, key, views):
    app.add_typer(group.app, name=group.__name__.rpartition(".")[2])
for command in (
    *(local.up, local.down, local.status, local.logs, doctor.doctor),
    *(sql.sql, snapshot.snapshot, replay.replay, audit.audit, demo.demo),
):
    app.command()(command)
app.command("warm-up", hidden=True)(warm_up.warm_up)


def main() -> None:
    """Run the command that `sys.argv` names."""
    app()


def _explain(ctx: Any, message: str, problem: dict[str, Any]) -> None:
    """The error on standard error, as text or as JSON."""
    if ctx.meta[WANTS_JSON]:
        typer.echo(json.dumps(problem), err=True)
        return
    found = ctx.obj.settings if isinstance(ctx.obj, Session) else settings.Settings({})
    output.console(found, errors=True).print(Text(message, style="red"))


if __name__ == "__main__":
    main()
