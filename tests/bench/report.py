"""What benches tell: tables, goals and the machine, as Markdown in a page or as JSON."""

import platform
import statistics
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import psutil

Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that is wanted, and what it was."""

    what: str
    wanted: float
    got: float
    is_bound: bool = False
    """Whether it is wanted at most, not at least."""

    @property
    def is_reached(self) -> bool:
        return self.got <= self.wanted if self.is_bound else self.got >= self.wanted

    def __str__(self) -> str:
        bound = "at most" if self.is_bound else "at least"
        reached = "reached" if self.is_reached else "**not reached**"
        wanted, got = told(self.wanted), told(self.got)
        return f"{self.what}: {bound} {wanted} is wanted, it is {got}: {reached}."


def filled(text: str) -> str:
    """A paragraph in lines as the documents have them."""
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def told(figure: float) -> str:
    """A figure with as many digits as it needs."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


@dataclass(slots=True)
class Section:
    """What one bench found."""

    title: str
    text: str
    """What was measured, beside what, and how the work was seen to be the same."""
    head: list[str]
    """Titles of the columns; the first column is text, the others are figures."""
    rows: list[list[str]]
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What stands under the table: why a figure is as it is, what is missing."""
    figures: dict[str, Any] = field(default_factory=dict)
    """The same, not rounded."""
    packages: tuple[str, ...] = ()
    """Whose versions belong to the figures."""
    unequal: list[str] = field(default_factory=list)
    """Work that was to be the same and was not: the bench has failed."""

    def table(self) -> str:
        """The table as Markdown."""
        rule = "|---|" + "---:|" * (len(self.head) - 1)
        lines = [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join([f"| {' | '.join(self.head)} |", rule, *lines])

    def versions(self) -> list[str]:
        """Of Python's packages that were measured."""
        return [f"{each} {version(each)}" for each in self.packages]

    def markdown(self) -> str:
        """All but the title."""
        where = "; ".join([machine(), *self.versions()])
        parts = [*(filled(each) for each in (f"{where}.", self.text)), self.table()]
        under = [f"- {each}" for each in (*map(str, self.goals), *self.notes)]
        under += [f"- **Not equal:** {each}" for each in self.unequal]
        return "\n\n".join([*parts, "\n".join(under)] if under else parts)


def in_turns(
    variants: Mapping[Name, Callable[[], float]], rounds: int
) -> dict[Name, tuple[float, float]]:
    """The median and the lowest figure of each variant; the rounds go through all of them.

    So a machine whose speed changes from minute to minute changes it for all alike.
    """
    taken: dict[Name, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, measure in variants.items():
            taken[name].append(measure())
    return {name: (statistics.median(each), min(each)) for name, each in taken.items()}


def say(text: str) -> None:
    """Tell how far it is, beside what is printed."""
    print(text, file=sys.stderr, flush=True)


def write(path: Path, text: str, markers: tuple[str, str], title: str) -> None:
    """Put the figures between the markers of a page, or at its end under a title."""
    start, end = markers
    page = path.read_text() if path.exists() else "# Performance\n"
    if start not in page:
        page += f"\n## {title}\n\n{start}\n{end}\n"
    head, _, rest = page.partition(start)
    _, _, tail = rest.partition(end)
    path.write_text(f"{head}{start}\n{text}\n{end}{tail}")


def machine() -> str:
    """What it was measured on."""
    memory_gib = psutil.virtual_memory().total / 2**30
    return (
        f"{psutil.cpu_count()} cores ({_cpu_model()}), {memory_gib:.0f} GiB,"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()};"
        " all servers and the load generator on it"
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
