"""An answer as bars, for a terminal."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from rich import box
from rich.bar import Bar
from rich.table import Table

from cli.errors import BadUsage

MOST_BARS: Final = 200


def bars(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> Table:
    """A bar for each row: its last column, named by the others; bars of negative numbers go left.

    Raises:
        BadUsage: there is nothing to draw, or too much, or the last column is no number.
    """
    if len(names) < 2 or not rows:
        raise BadUsage("a chart needs rows of a name and a number: two columns or more")
    if len(rows) > MOST_BARS:
        raise BadUsage(f"a chart has at most {MOST_BARS} bars, was {len(rows)}: add LIMIT")
    values = [_number(names[-1], row[-1]) for row in rows]
    low, high = float(min(*values, Decimal(0))), float(max(*values, Decimal(0)))
    table = Table(box=box.SIMPLE)
    table.add_column(" ".join(names[:-1]), overflow="fold")
    table.add_column(names[-1], justify="right", no_wrap=True)
    table.add_column("", ratio=1, min_width=10)
    for row, value in zip(rows, values, strict=True):
        label = " ".join(str(each) for each in row[:-1])
        table.add_row(label, row[-1] or "", _bar(float(value), low, high))
    table.expand = True
    return table


def _bar(value: float, low: float, high: float) -> Bar:
    return Bar(size=(high - low) or 1, begin=min(value, 0) - low, end=max(value, 0) - low)


def _number(name: str, text: str | None) -> Decimal:
    """A number as ClickHouse wrote it; nothing is none of it."""
    try:
        number = Decimal(text or 0)
    except InvalidOperation:
        raise BadUsage(f"a chart's last column must hold numbers, {name} has {text!r}") from None
    return number if number.is_finite() else Decimal(0)
