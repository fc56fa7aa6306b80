"""The book in process beside the order books of PyPI, on one stream of commands.

    python -m tests.bench --only books

Each book runs in a process of its own (`tests.bench.books`), ours in this environment, the others
in theirs (`requirements/peers.txt`, installed by `make bench` into `.venv/peers`). Rounds go
through all of them in turn; the clock runs only while a book takes commands that are ready made.
In each round the trades of each book are compared with those of the stream.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from stack.program import ROOT
from tests.bench.books import OURS, digests
from tests.bench.report import Goal, Section, in_turns
from tests.bench.stream import CANCELS, stream

PYTHON: Final = ROOT / ".venv" / "peers" / "bin" / "python"
PEERS: Final = {
    "litebook": "Rust; price-time",
    "orderly-chaos": "C++ by ctypes; price-time",
    "cython-orderbook": "Cython; price-time",
    "order-matching": "pure Python; price-time, expiry",
}
PURE: Final = "order-matching"
SLOW: Final = {PURE: 25}
"""Peers whose commands cost what rests, and by how much fewer commands they are measured with."""
ASK_PRICED: Final = frozenset({"litebook"})
"""Peers that tell the ask's price of every trade, whichever side rests: prices are not compared."""


Pair = tuple[str, int]
"""A book and a number of commands."""


class Process:
    """A book in its process, asked for a round at a time."""

    def __init__(self, name: str, commands: int, process: "subprocess.Popen[str]") -> None:
        self.pair = (name, commands)
        self.name, self.commands = self.pair
        self.unequal: set[str] = set()
        self._process = process
        self.version = self._told()["version"]
        self._expected = digests(stream(commands).trades)

    def micros(self) -> float:
        """Microseconds a command, of one round."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told = self._told()
        for part in self.compared:
            if told[part] != self._expected[part]:
                self.unequal.add(f"{part} of {self.name}")
        return float(told["seconds"]) * 1e6 / self.commands

    @property
    def compared(self) -> tuple[str, ...]:
        """What of its trades is seen to be the stream's."""
        return ("pairs",) if self.name in ASK_PRICED else ("pairs", "prices")

    def _told(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with {self._process.wait()}")
        return json.loads(line)


@contextmanager
def opened(name: str, commands: int) -> Iterator[Process]:
    """A process for a book, ended with the block."""
    python = sys.executable if name == OURS else str(PYTHON)
    command = [python, "-m", "tests.bench.books", name, str(commands)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Process(name, commands, process)
        finally:
            process.terminate()


def measure(quick: bool) -> Section:
    """Ours beside those that are installed."""
    commands, rounds = (1_000, 1) if quick else (100_000, 5)
    names = list(PEERS) if PYTHON.exists() else []
    pairs = [(name, commands // SLOW.get(name, 1)) for name in names]
    wanted = dict.fromkeys([(OURS, commands), *((OURS, few) for _, few in pairs), *pairs])
    with ExitStack() as stack:
        books = {pair: stack.enter_context(opened(*pair)) for pair in wanted}
        told = in_turns({pair: book.micros for pair, book in books.items()}, rounds)
    micros = {pair: median for pair, (median, _) in told.items()}
    return _section(list(books.values()), micros, rounds)


def _section(books: list[Process], micros: Mapping[Pair, float], rounds: int) -> Section:
    ratios = {pair: took / micros[OURS, pair[1]] for pair, took in micros.items()}
    others = {name: ratio for (name, _), ratio in ratios.items() if name != OURS}
    section = Section(
        title="Order book in process",
        text=(
            f"A stream of commands, {CANCELS:.0%} of them cancels, on which pro-rata and price-time"
            " priority make the same trades (`tests/bench/stream.py`). Ours shares pro-rata among"
            " the orders that are eligible by duration, region and availability, sees to"
            " self-trades, and tells all that happens as facts with its rows. The others match by"
            " price and time and tell trades; three of the four are compiled. In each round"
            f" all trades were compared with the stream's. Median of {rounds}, in turns."
        ),
        head=["book", "", "commands", "µs a command", "times ours", "compared"],
        rows=[_row(book, micros[book.pair], ratios[book.pair]) for book in books],
        goals=_goals(others),
        figures={
            f"{name}, {commands} commands, µs a command": took
            for (name, commands), took in micros.items()
        },
        unequal=sorted(set().union(*(book.unequal for book in books))),
    )
    if len(books) == 1:
        section.notes.append("The others are not installed (`make .venv/.peers`).")
    return section


def _goals(others: Mapping[str, float]) -> list[Goal]:
    """Of the one in pure Python, and of the fastest of all."""
    if not others:
        return []
    fastest = min(others, key=others.__getitem__)
    return [
        Goal(f"µs of {PURE}, the one in pure Python, to ours", 1, others[PURE]),
        Goal(f"µs of {fastest}, the fastest, to ours", 1, others[fastest]),
    ]


def _row(book: Process, micros: float, ratio: float) -> list[str]:
    name = f"{book.name} {book.version}" if book.version else "**ours**"
    does = PEERS.get(book.name, "pure Python; pro-rata, eligibility, facts")
    compared = ", ".join(book.compared)
    return [name, does, f"{book.commands:,}", f"{micros:.2f}", f"{ratio:.2f}", compared]
