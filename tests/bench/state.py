"""What machines' states cost in process: memory, load, and an ask of an account with many nodes.

    python -m tests.bench.state [--orders 50000] [--nodes 100000]

A load is what the first command of a book or an account waits for after a restore, without what
Flink needs to hand out the rows.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any
from uuid import UUID

import psutil

from tests.builders import ALICE, BOOK, Command, ask, command
from udfs import admission, matching
from udfs.machine import Machine, texts

ASKS = 1_000
LEVEL_ORDERS = 20


class State:
    """A machine's state and its rows as Flink would hold them."""

    def __init__(self, machine: Machine[Any], machine_id: str) -> None:
        self.machine = machine
        self.machine_id = machine_id
        self.state = machine.empty(machine_id)
        self.rows: dict[str, str] = {}
        self.at_ms = 1_000

    def apply(self, sent: Command) -> float:
        """Seconds of one command, its rows not counted."""
        self.at_ms += 1
        began = time.perf_counter()
        step = self.machine.apply(self.state, sent, self.at_ms)
        took = time.perf_counter() - began
        for key, text in texts(step.writes).items():
            if text is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = text
        return took

    def fill(self, commands: Iterable[Command]) -> None:
        for sent in commands:
            self.apply(sent)

    def loaded(self) -> tuple[float, float]:
        """Seconds of a load from the rows, and the bytes that the loaded state takes."""
        rows = list(self.rows.items())
        self.state = None
        gc.collect()
        before = psutil.Process().memory_info().rss
        began = time.perf_counter()
        self.state = self.machine.load(self.machine_id, rows)
        took = time.perf_counter() - began
        gc.collect()
        return took, psutil.Process().memory_info().rss - before


def book_commands(count: int) -> Iterable[Command]:
    """Asks of many accounts that rest, twenty to a level, each with an expiry."""
    draw = Random(1)
    accounts = [str(UUID(int=draw.getrandbits(128), version=4)) for _ in range(2_000)]
    for number in range(count):
        yield ask(
            draw.choice(accounts),
            f"o{number}",
            8,
            1_000_000 + 100 * (number // LEVEL_ORDERS),
            expires_at_ms=10**13 + number,
        )


def account_commands(nodes: int) -> Iterable[Command]:
    """A verified provider with nodes of eight GPUs."""
    draw = Random(2)
    rights = {"provider": True, "verified": True, "suspended": False}
    yield command("set_account", rights | {"max_open_orders": 10**6, "max_notional_micros": 0})
    for _ in range(nodes):
        node_id = str(UUID(int=draw.getrandbits(128), version=4))
        body = {"node_id": node_id, "gpu_type": "H100", "region": "us-east-1", "gpu_count": 8}
        yield command("register_node", body)


def ask_micros(account: State, quantity: int) -> float:
    """Median microseconds of an ask that the account admits, which holds its GPUs."""
    keys = (f"{quantity}-{number}" for number in range(ASKS))
    taken = [account.apply(ask(ALICE, key, quantity, 1_000_000)) for key in keys]
    return statistics.median(taken) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.state", description=__doc__)
    parser.add_argument("--orders", type=int, default=50_000, help="of one book")
    parser.add_argument("--nodes", type=int, default=100_000, help="of one account")
    options = parser.parse_args()
    book = State(matching.MACHINE, BOOK)
    book.fill(book_commands(options.orders))
    seconds, held = book.loaded()
    _tell(f"load a book of {options.orders:,}, s", seconds, lambda value: f"{value:.2f}")
    _tell("a resting order, bytes", held / options.orders, lambda value: f"{value:.0f}")
    for nodes in (ASKS, options.nodes):
        account = State(admission.MACHINE, ALICE)
        account.fill(account_commands(nodes))
        took = ask_micros(account, 1)
        _tell(f"an ask of an account of {nodes:,} nodes, µs", took, lambda value: f"{value:.0f}")
    seconds, held = account.loaded()
    _tell(f"load an account of {options.nodes:,} nodes, s", seconds, lambda v: f"{v:.2f}")
    _tell("a node, bytes", held / options.nodes, lambda value: f"{value:.0f}")


def _tell(what: str, value: float, told: Callable[[float], str]) -> None:
    print(f"{what:48}{told(value):>10}", flush=True)


if __name__ == "__main__":
    main()
