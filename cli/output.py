"""How answers look: a table for people, JSON for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from schemas.settings import Settings

Row = Mapping[str, Any]
Cell = str | Callable[[Row], object]
Columns = Mapping[str, Cell]
"""Heading -> the field to show, or a function of the row."""

PIPE_WIDTH = 220
"""Columns of a table that goes into a pipe, where nothing says how wide it may be."""


def console(settings: Settings, *, errors: bool = False) -> Console:
    """Where to print: as wide as GPUBROKER_OUTPUT_WIDTH or the terminal, or wide in a pipe."""
    stream = sys.stderr if errors else sys.stdout
    width = settings.number("OUTPUT_WIDTH") or (None if stream.isatty() else PIPE_WIDTH)
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def print_json(answer: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


def table(rows: Iterable[Row], columns: Columns, title: str | None = None) -> Table:
    """Rows under headings; numbers are put flush right."""
    shown = [[_text(_value(row, cell)) for cell in columns.values()] for row in rows]
    grid = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for index, heading in enumerate(columns):
        numeric = bool(shown) and all(_is_number(row[index]) for row in shown)
        grid.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        grid.add_row(*map(Text, row))
    return grid


def page(answer: Row, columns: Columns, what: str) -> Table:
    """A page of a list, and how much of the list it is."""
    items = answer["items"]
    return table(items, columns, f"{len(items)} of {answer['total']} {what}")


def card(answer: Row, columns: Columns) -> Table:
    """One thing, a field a line; fields without a value are left out."""
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for heading, cell in columns.items():
        value = _value(answer, cell)
        if value not in (None, ""):
            grid.add_row(heading, Text(_text(value)))
    return grid


def show(
    settings: Settings, answer: Any, as_json: bool, render: Callable[[Any], RenderableType]
) -> None:
    """The answer, as JSON or as `render` makes it."""
    if as_json:
        print_json(answer)
    else:
        console(settings).print(render(answer))


def _value(row: Row, cell: Cell) -> object:
    return cell(row) if callable(cell) else row.get(cell)


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value)


def _is_number(text: str) -> bool:
    return text == "–" or text.replace(",", "").replace(".", "", 1).lstrip("-").isdigit()
