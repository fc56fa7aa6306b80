"""Bars on a terminal are as long as their numbers say."""

import io

import pytest
from rich.console import Console

from cli.chart import bars
from cli.errors import BadUsage


def drawn(rows: list[list[str | None]], names: tuple[str, ...] = ("region", "gpus")) -> list[str]:
    console = Console(file=io.StringIO(), width=60, color_system=None)
    console.print(bars(names, rows))
    return [line for line in console.file.getvalue().splitlines() if "█" in line]  # type: ignore[attr-defined]


def test_bars_are_in_proportion() -> None:
    half, whole = drawn([["us-east-1", "20"], ["us-west-2", "40"]])
    assert half.split()[:2] == ["us-east-1", "20"]
    assert abs(2 * half.count("█") - whole.count("█")) <= 1
    assert whole.count("█") > 20


def test_names_are_all_columns_but_the_last() -> None:
    (line,) = drawn([["H100", "spot", "1.500000"]], ("gpu_type", "product", "price"))
    assert line.split()[:3] == ["H100", "spot", "1.500000"]


def test_bars_below_zero_go_the_other_way() -> None:
    loss, gain = drawn([["a", "-5"], ["b", "5"]])
    assert loss.rindex("█") < gain.index("█")


def test_nothing_and_nan_have_no_bar() -> None:
    assert drawn([["a", None], ["b", "nan"], ["c", "0"]]) == []


@pytest.mark.parametrize(
    ("names", "rows", "told"),
    [
        (("n",), [["1"]], "two columns or more"),
        (("a", "n"), [], "two columns or more"),
        (("a", "n"), [["x", "y"]], "n has 'y'"),
        (("a", "n"), [["x", "1"]] * 201, "at most 200 bars, was 201: add LIMIT"),
    ],
)
def test_what_cannot_be_drawn_is_refused(names, rows, told) -> None:
    with pytest.raises(BadUsage, match=told):
        bars(names, rows)
