"""What a command costs in process, in a book of a thousand orders and in one of a million.

    python -m tests.bench.book

Behind the touch rest orders at ten to a level, half of them with an expiry; the measured commands
work at the touch and, for cancels and amends, anywhere. Each line is the median over commands.
"""

import argparse
import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator

from tests.builders import BOOK, Command, amend, cancel, named, place
from udfs.book import Book
from udfs.matching import MACHINE

MIDDLE_MICROS = 500_000_000
PER_LEVEL = 10
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
    "cancel": cancels,
    "amend, keeps its place": lowers,
    "amend, enters again": reprices,
}


def measure(bench: Bench, scenario: Scenario, commands: int) -> float:
    """The median time of the measured commands, microseconds."""
    times: list[int] = []
    for command, measured in scenario(bench):
        bench.at_ms += 1
        started = time.perf_counter_ns()
        MACHINE.apply(bench.book, command, bench.at_ms)
        if measured:
            times.append(time.perf_counter_ns() - started)
        elif len(times) >= commands:
            break
    return statistics.median(times) / 1000


def filled(resting: int, seed: int) -> Bench:
    """A bench, its book left out of garbage collection as a long-lived process has it."""
    started = time.monotonic()
    bench = Bench(resting, seed)
    gc.collect()
    gc.freeze()
    seconds = time.monotonic() - started
    print(f"a book of {resting:,} orders filled in {seconds:.1f} s", flush=True)
    return bench


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.book")
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--commands", type=int, default=5_000, help="measured per line")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    small, large = (filled(count, options.seed) for count in (options.small, options.large))
    print(f"{'median µs per command':34}{options.small:>12,}{options.large:>12,}{'ratio':>8}")
    for name, scenario in SCENARIOS.items():
        few, many = (measure(bench, scenario, options.commands) for bench in (small, large))
        print(f"{name:34}{few:12.1f}{many:12.1f}{many / few:8.2f}", flush=True)


if __name__ == "__main__":
    main()
