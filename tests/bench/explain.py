"""What explaining an order costs in a book of a million resting orders, in process.

    python -m tests.bench.explain [--resting 1000000] [--orders 200]

The follower does it while it holds its lock, so the greatest counts as much as the median. Orders
are put where they rest, for in some of these books each new one would meet all that it crosses.
"""

import argparse
import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator

from tests.builders import BOOK, Command, place
from udfs.book import Book, Order
from udfs.explain import explain
from udfs.matching import MACHINE

MIDDLE_MICROS = 500_000_000
PER_LEVEL = 10
MAKER, OTHER = (f"00000000-0000-4000-9000-00000000000{n}" for n in range(2))


def apart(count: int) -> Iterator[Command]:
    """Bids below and asks above the middle, ten to a level."""
    for index in range(count):
        side = "bid" if index % 2 else "ask"
        distance = 100 * (1 + index // 2 // PER_LEVEL)
        price_micros = MIDDLE_MICROS + (distance if side == "ask" else -distance)
        yield place(MAKER if index % 4 < 2 else OTHER, f"o{index}", side, 8, price_micros)


def elsewhere(count: int) -> Iterator[Command]:
    """All cross, and none is eligible: bids want another region than the asks are in."""
    for index in range(count):
        is_bid = bool(index % 2)
        distance = 100 * (1 + index // 2 // PER_LEVEL)
        price_micros = MIDDLE_MICROS + (distance if is_bid else -distance)
        region = "us-west-2" if is_bid else "us-east-1"
        side = "bid" if is_bid else "ask"
        yield place(MAKER if index % 4 < 2 else OTHER, f"o{index}", side, 8, price_micros,
                    region=region)  # fmt: skip


def crowded(count: int) -> Iterator[Command]:
    """Every bid at one price, every ask at the next."""
    for index in range(count):
        side = "bid" if index % 2 else "ask"
        price_micros = MIDDLE_MICROS + (100 if side == "ask" else 0)
        yield place(MAKER if index % 4 < 2 else OTHER, f"o{index}", side, 8, price_micros)


def stuck(count: int) -> Iterator[Command]:
    """All cross, and the asks' minimum fills keep them apart: each change of terms is tried."""
    for index in range(count):
        side = "ask" if index < count // 2 else "bid"
        price_micros = MIDDLE_MICROS + (100 if side == "bid" else -100) * (1 + index // 20)
        quantity, min_fill = (2, 1) if side == "bid" else (9, 3 + index % 6)
        yield place(MAKER if side == "bid" else OTHER, f"o{index}", side, quantity, price_micros,
                    min_fill=min_fill)  # fmt: skip


BOOKS: dict[str, Callable[[int], Iterator[Command]]] = {
    "apart by price, 10 to a level": apart,
    "all cross, another region": elsewhere,
    "one level a side": crowded,
    "all cross, minimum fills": stuck,
}


def filled(commands: Iterator[Command]) -> Book:
    """A book where these orders rest, out of garbage collection as a long-lived process has it."""
    book = MACHINE.empty(BOOK)
    for priority, command in enumerate(commands, 1):
        order = Order.placed(command["account_id"], command["place_order"])
        order.priority = priority
        book.add(order)
    gc.collect()
    gc.freeze()
    return book


def measure(book: Book, orders: int, seed: int) -> list[float]:
    """Milliseconds of explaining each of some orders, from anywhere in the book."""
    chosen = random.Random(seed).sample(sorted(book.orders), min(orders, len(book.orders)))
    times = []
    for order_id in chosen:
        started = time.perf_counter()
        explain(book, order_id, book.now_ms)
        times.append((time.perf_counter() - started) * 1000)
    return sorted(times)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.explain")
    parser.add_argument("--resting", type=int, default=1_000_000)
    parser.add_argument("--orders", type=int, default=200, help="explained in each book")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{'ms to explain an order':34}{'resting':>12}{'median':>8}{'p95':>8}{'greatest':>9}")
    for name, commands in BOOKS.items():
        book = filled(commands(options.resting))
        times = measure(book, options.orders, options.seed)
        p95 = times[int(0.95 * (len(times) - 1))]
        print(
            f"{name:34}{len(book.orders):12,}{statistics.median(times):8.1f}{p95:8.1f}"
            f"{times[-1]:9.1f}",
            flush=True,
        )
        gc.unfreeze()
        del book
        gc.collect()


if __name__ == "__main__":
    main()
