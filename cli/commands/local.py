"""`gpubroker up | down | status | logs`: the market's servers on this machine."""

import dataclasses
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

import stack
from cli import output
from cli.options import AsJson, session
from cli.session import Session


class Acceptable(StrEnum):
    """What of a saved state that does not fit may be accepted."""

    CODE = "code"
    LOG = "log"


COLUMNS: output.Columns = {
    "server": "name",
    "state": "state",
    "port": "port",
    "process": "pid",
    "memory": lambda row: megabytes(row["memory_bytes"]) if row["memory_bytes"] else "",
    "restarts": lambda row: row["restarts"] or "",
    "up": lambda row: uptime(row["uptime_seconds"]),
    "note": "message",
}
FIRST_ORDER = "gpubroker order place bid H100 --quantity 1 --price 2.50 --duration 24h"


def up(
    ctx: typer.Context,
    accept: Annotated[
        list[Acceptable] | None,
        typer.Option(
            "--accept",
            help="Start although saved state does not fit: `code`, it was written by other code; "
            "`log`, the log lacks records that follow it. Repeatable; holds until `down`.",
        ),
    ] = None,
) -> None:
    """Start the market on this machine, or say that it runs."""
    opened = session(ctx)
    console = output.console(opened.settings)
    addressed = stack.up(opened.settings, progress=console.print, accept=accept or ())
    print_links(console, Session(addressed))
    console.print(f"\nplace the first order:\n  {FIRST_ORDER}")


def down(ctx: typer.Context) -> None:
    """Stop the market; its state stays."""
    opened = session(ctx)
    stack.down(opened.settings, progress=output.console(opened.settings).print)


def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show each server's state, port, memory and uptime."""
    opened = session(ctx)
    rows = [dataclasses.asdict(row) for row in stack.status(opened.settings)]
    memory_bytes = sum(row["memory_bytes"] for row in rows)
    if as_json:
        output.print_json(
            {"items": rows, "memory_bytes": memory_bytes, "message": stack.trouble(opened.settings)}
        )
        return
    console = output.console(opened.settings)
    if not rows:
        console.print("no market was started here; start one with `gpubroker up`")
        return
    console.print(output.table(rows, COLUMNS))
    console.print(f"memory in all: {megabytes(memory_bytes)}")
    if trouble := stack.trouble(opened.settings):
        console.print(Text(trouble, style="red"))


def logs(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A server's name, as status shows it.")],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show new lines as they come.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many of the last lines.")] = 100,
) -> None:
    """Show a server's log."""
    for line in stack.logs(session(ctx).settings, name, follow=follow, lines=lines):
        typer.echo(line)


def print_links(console: Console, opened: Session) -> None:
    """Where the running market is."""
    links = {
        "web page": f"{opened.settings.text('API_URL')}/",
        "API": opened.settings.text("API_URL"),
        "API documentation": f"{opened.settings.text('API_URL')}/docs",
        "feeds": opened.settings.text("FEEDS_URL"),
        "Flink": opened.settings.text("FLINK_URL"),
        "ClickHouse": opened.settings.text("CLICKHOUSE_URL"),
        "keys": str(opened.settings.path("HOME") / "credentials.json"),
    }
    console.print(output.card(links, {name: name for name in links}))


def megabytes(amount_bytes: int) -> str:
    """Memory in MB, for people."""
    return f"{amount_bytes / 1e6:,.0f} MB"


def uptime(seconds: float) -> str:
    """A time span in its two greatest units, for people."""
    whole = int(seconds)
    if not whole:
        return ""
    for unit_seconds, unit, rest_seconds, rest in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit_seconds:
            return f"{whole // unit_seconds} {unit} {whole % unit_seconds // rest_seconds} {rest}"
    return f"{whole} s"
