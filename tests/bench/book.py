"""What a command costs in process, in a book of a thousand orders and in one of a million.

python -m tests.bench --only allocation
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

from tests.bench.report import Goal, Section, in_turns, say
from tests.builders import BOOK, Command, amend, cancel, named, place
from udfs.book import Book
from udfs.matching import MACHINE

MIDDLE_MICROS = 500_000_000
PER_LEVEL = 10
SIZES = (1_000, 100_000, 1_000_000)
BACKGROUND, MAKER, TAKER = (f"00000000-0000-4000-9000-00000000000{n}" for n in range(3))
Scenario = Callable[["Bench"], Iterator[tuple[Command, bool]]]


class Bench:
    """A filled book and the commands that are measured in it; a command's flag says whether."""

    def __init__(self, resting: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.resting = resting
        self.count = 0
        self.at_ms = 1
        self.book: Book = MACHINE.empty(BOOK)
        for index in range(resting):
            self.apply(self.background(index))

    def apply(self, command: Command) -> None:
        self.at_ms += 1
        MACHINE.apply(self.book, command, self.at_ms)

    def key(self) -> str:
        self.count += 1
        return f"k{self.count}"

    def background(self, index: int) -> Command:
        side = "bid" if index % 2 else "ask"
        distance = 100 * (10 + index // 2 // PER_LEVEL)
        price_micros = MIDDLE_MICROS + (distance if side == "ask" else -distance)
        expires_at_ms = 10**12 + self.rng.randrange(10**9) if index % 4 < 2 else 0
        key = f"b{index}"
        return place(
            BACKGROUND, key, side, 8, price_micros, expires_at_ms=expires_at_ms, region="us-east-1"
        )

    def any_background(self) -> int:
        return self.rng.randrange(self.resting)


def rests(bench: Bench) -> Iterator[tuple[Command, bool]]:
    """Place an order that rests somewhere on the bid side, an expiry on it."""
    while True:
        price_micros = MIDDLE_MICROS - 100 * (10 + bench.any_background() // 2 // PER_LEVEL)
        key = bench.key()
        yield place(MAKER, key, "bid", 8, price_micros, expires_at_ms=10**12 + bench.at_ms), True
        yield cancel(MAKER, key), False


def cancels(bench: Bench) -> Iterator[tuple[Command, bool]]:
    """Cancel an order anywhere."""
    while True:
        index = bench.any_background()
        yield cancel(BACKGROUND, f"b{index}"), True
        yield bench.background(index), False


def lowers(bench: Bench) -> Iterator[tuple[Command, bool]]:
    """Amend to a lower quantity: it keeps its place."""
    while True:
        index = bench.any_background()
        yield amend(BACKGROUND, f"b{index}", quantity=7), True
        yield amend(BACKGROUND, f"b{index}", quantity=8), False


def reprices(bench: Bench) -> Iterator[tuple[Command, bool]]:
    """Amend the price by a tick: it leaves and enters again."""
    while True:
        index = bench.any_background()
        price_micros = bench.book.orders[named(BACKGROUND, f"b{index}")].price_micros
        yield amend(BACKGROUND, f"b{index}", price_micros=price_micros - 100), index % 2 == 1
        yield amend(BACKGROUND, f"b{index}", price_micros=price_micros), False


def trades(participants: int) -> Scenario:
    """Place a bid of 4 GPUs against a level of so many asks, some or all of which trade."""

    def scenario(bench: Bench) -> Iterator[tuple[Command, bool]]:
        keys: list[str] = []
        while True:
            for _ in range(participants - len(keys)):
                keys.append(bench.key())
                yield place(MAKER, keys[-1], "ask", 1, MIDDLE_MICROS, region="us-east-1"), False
            yield place(TAKER, bench.key(), "bid", 4, MIDDLE_MICROS, time_in_force="IOC"), True
            keys = [key for key in keys if named(MAKER, key) in bench.book.orders]

    return scenario


SCENARIOS: dict[str, Scenario] = {
    "place, rests": rests,
    "place, trades, 1 at the level": trades(1),
    "place, trades, 10 at the level": trades(10),
    "place, trades, 100 at the level": trades(100),
    "place, trades, 1,000 at the level": trades(1_000),
    "cancel": cancels,
    "amend, keeps its place": lowers,
    "amend, enters again": reprices,
}


def median_micros(bench: Bench, commands: Iterator[tuple[Command, bool]], count: int) -> float:
    """The median time of the next measured commands."""
    times: list[int] = []
    for command, measured in commands:
        bench.at_ms += 1
        started = time.perf_counter_ns()
        MACHINE.apply(bench.book, command, bench.at_ms)
        if measured:
            times.append(time.perf_counter_ns() - started)
        elif len(times) >= count:
            break
    return statistics.median(times) / 1000


def filled(resting: int, seed: int) -> Bench:
    """A bench, its book left out of garbage collection as a long-lived process has it."""
    started = time.monotonic()
    bench = Bench(resting, seed)
    gc.collect()
    gc.freeze()
    seconds = time.monotonic() - started
    say(f"a book of {resting:,} orders filled in {seconds:.1f} s")
    return bench


def measure(quick: bool) -> Section:
    """All scenarios in books of several sizes, in turns."""
    sizes, commands, rounds = ((100, 1_000), 20, 1) if quick else (SIZES, 1_000, 5)
    benches = [filled(size, 1) for size in sizes]
    rows: list[list[str]] = []
    figures: dict[str, float] = {}
    for name, scenario in SCENARIOS.items():
        turns = {
            bench.resting: partial(median_micros, bench, scenario(bench), commands)
            for bench in benches
        }
        micros = {size: median for size, (median, _) in in_turns(turns, rounds).items()}
        ratio = micros[sizes[-1]] / micros[sizes[0]]
        rows.append([name, *(f"{each:.1f}" for each in micros.values()), f"{ratio:.2f}"])
        figures |= {f"{name}, {size} resting, µs": each for size, each in micros.items()}
        figures[f"{name}, ratio"] = ratio
    slowest = max(figures[f"{name}, ratio"] for name in SCENARIOS)
    return Section(
        title="A large book, a full level",
        text=(
            "What a command costs in process in books of so many resting orders, microseconds."
            f" Behind the touch rest {PER_LEVEL} orders to a level, half of them with an expiry;"
            " the commands work at the touch and, for cancels and amends, anywhere. A trade is a"
            " bid for 4 GPUs against a level of so many asks of 1, with its facts. Medians of"
            f" {rounds} rounds of {commands:,} commands, the books in turns."
        ),
        head=["command", *(f"{size:,}" for size in sizes), "ratio"],
        rows=rows,
        goals=[Goal("ratio, the worst line", 2, slowest, is_bound=True)],
        figures=figures,
    )
