"""`gpubroker sql`: questions to the market's history."""

import json
from typing import Annotated

import typer
from rich.table import Table

from cli import chart, output
from cli.clickhouse import ask
from cli.errors import BadUsage
from cli.options import AsJson, session


def sql(
    ctx: typer.Context,
    query: Annotated[str, typer.Argument(help='Such as "select * from trades limit 10".')],
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a heading.")] = False,
    as_chart: Annotated[
        bool,
        typer.Option("--chart", help="Draw bars: the last column's, named by those before it."),
    ] = False,
) -> None:
    """Ask ClickHouse, read only: views trades, orders, nodes, and a table per kind of fact."""
    opened = session(ctx)
    if as_json + as_csv + as_chart > 1:
        raise BadUsage("--json, --csv and --chart exclude each other")
    if as_json or as_csv:
        typer.echo(ask(opened, query, "JSON" if as_json else "CSVWithNames").rstrip("\n"))
        return
    text = ask(opened, query, "JSONCompactStrings")
    table = _table(text, as_chart)
    if table is None:
        typer.echo(text.rstrip("\n"))
    else:
        output.console(opened.settings).print(table)


def _table(text: str, as_chart: bool) -> Table | None:
    """The answer as a table, or a chart; None where the query asked for a format of its own."""
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    if not isinstance(answer, dict) or "meta" not in answer:
        return None
    names = [column["name"] for column in answer["meta"]]
    if as_chart:
        return chart.bars(names, answer["data"])
    rows = [dict(zip(names, row, strict=True)) for row in answer["data"]]
    return output.table(rows, {name: name for name in names})
