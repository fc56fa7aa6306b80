"""Random streams of commands through the matching machine and the referee, compared fact by fact.

    python -m tests.differential --commands 2000000 --stream 1000 --seed 1

Prices, sizes, accounts and times are few, so that rules collide often. A stream that shows a
difference is cut to its first bad command and thinned out as far as it still shows one.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator

from tests import builders
from tests.builders import ALICE, BOB, BOOK, CAROL, DAVE, HOUR_S, Command
from tests.oracle_book import O1_DEFAULTS, Referee
from udfs.book import Book, Order
from udfs.machine import Step, texts
from udfs.matching import MACHINE, depth

ACCOUNTS = [ALICE, BOB, CAROL, DAVE]
STATE_EVERY = 20
"""Rows, levels and hash are compared every so many commands, facts after each."""
Entry = tuple[int, Command]


class Difference(Exception):
    """Machine and referee disagree; the message says where."""


def stream(rng: random.Random, length: int) -> list[Entry]:
    """A random log of one book."""
    generator = _Generator(rng)
    return [generator.entry() for _ in range(length)]


class _Generator:
    """Draws commands; knows the keys that it used, so that most commands meet an order."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.at_ms = 1_000
        self.orders: list[tuple[str, str]] = []  # account and key of what was placed
        self.sequences = dict.fromkeys(ACCOUNTS, 0)
        self.halted = False
        self.prices = range(1_000, 1_000 + 100 * rng.choice([1, 2, 4, 8]), 100)
        self.spread = rng.choice([0, 0, 100, 300])  # how far asks stand above bids
        self.quantities = rng.choice([[1, 2, 3], [1, 4, 5, 9, 28, 57], [8, 10, 20, 50], [1, 64]])
        self.accounts = ACCOUNTS[: rng.choice([2, 3, 4, 4])]
        self.plain = rng.random() < 0.2  # books where minimum fills do not keep orders apart

    def entry(self) -> Entry:
        rng = self.rng
        self.at_ms += rng.choice([0, 0, 1, 1, 2, 7, 40, -5])
        weights = [40, 10, 20, 10, 20] if self.halted else [66, 6, 17, 6, 5]
        commands = [self.place, self.cancel, self.amend, self.withdraw, self.other]
        return self.at_ms, self.send(rng.choices(commands, weights)[0]())

    def send(self, command: Command) -> Command:
        """As the account's machine hands it on, at times once more (B5), at times not numbered."""
        account_id = command["account_id"]
        command = {**command, "command_id": f"c{self.rng.randrange(1_000_000)}"}
        if account_id and self.rng.random() < 0.8:
            again = self.rng.random() < 0.04
            self.sequences[account_id] += 0 if again else self.rng.choice([1, 1, 1, 3])
            seq = self.sequences[account_id] - (self.rng.choice([0, 1]) if again else 0)
            command.update(source=account_id, source_seq=max(1, seq))
        return command

    def place(self) -> Command:
        rng = self.rng
        account_id = rng.choice(self.accounts)
        key = str(rng.randrange(40) if rng.random() < 0.1 else len(self.orders) + 1000)
        self.orders.append((account_id, key))
        side = rng.choice(["bid", "ask"])
        quantity, price_micros = rng.choice(self.quantities), self.price(side)
        fields = {**self.terms(side), **({} if self.plain else self.minimum(quantity))}
        command = builders.place(account_id, key, side, quantity, price_micros, **fields)
        if rng.random() < 0.3:  # absent in the log: its default holds (O3)
            del command["place_order"][rng.choice(sorted(O1_DEFAULTS))]
        return command

    def price(self, side: str) -> int:
        return self.rng.choice(self.prices) + (self.spread if side == "ask" else 0)

    def terms(self, side: str) -> dict[str, object]:
        rng = self.rng
        fields: dict[str, object] = {
            "time_in_force": rng.choice([*["GTC", "GTD"] * 4, "", "IOC", "FOK"]),
            "expires_at_ms": self.at_ms + rng.choice([-1, 0, 1, 9, 60, 400, 400])
            if rng.random() < 0.25
            else 0,
            "post_only": rng.random() < 0.1,
            "self_trade": rng.choice(["cancel_newest", "cancel_oldest", "cancel_oldest"]),
        }
        if side == "bid":
            fields["duration_seconds"] = rng.choice([1, 1, 2, HOUR_S])
            fields["region"] = rng.choice(["", "", "", "us-east-1", "us-west-2"])
        else:
            fields["duration_seconds"] = rng.choice([1, 2, HOUR_S, HOUR_S])
            fields["region"] = rng.choice(["us-east-1", "us-east-1", "us-west-2"])
            fields["min_duration_seconds"] = rng.choice([0, 0, 0, 1, 2])
            if rng.random() < 0.2:
                fields["available_until_ms"] = self.at_ms + rng.choice([999, 1_000, 1_050, 2_100])
        return fields

    def minimum(self, quantity: int) -> dict[str, object]:
        return {"min_fill": self.rng.choice([1, 1, 1, 2, 3, quantity // 2 + 1, quantity + 1])}

    def target(self) -> tuple[str, str]:
        """One of the last orders, now and then as another account or under an unknown key."""
        rng = self.rng
        if not self.orders or rng.random() < 0.03:
            return rng.choice(self.accounts), "unknown"
        account_id, key = rng.choice(self.orders[-rng.choice([2, 8, 30]) :])
        return (rng.choice(self.accounts) if rng.random() < 0.05 else account_id), key

    def cancel(self) -> Command:
        return builders.cancel(*self.target())

    def amend(self) -> Command:
        rng = self.rng
        quantity = rng.choice([0, 0, 0, 1, rng.choice(self.quantities), rng.randrange(1, 70)])
        extremes = [self.prices[0], self.prices[-1] + self.spread]
        price_micros = rng.choice([0, 0, 0, self.price("bid"), self.price("ask"), *extremes])
        return builders.amend(*self.target(), quantity=quantity, price_micros=price_micros)

    def withdraw(self) -> Command:
        return builders.withdraw(*self.target(), self.rng.choice([0, 1, 1, 2, 3, 100]))

    def other(self) -> Command:
        rng = self.rng
        if self.halted:
            self.halted = False
            return builders.resume()
        kind = rng.choice(["tick", "tick", "timer", "set_book", "set_book", "halt", "resume"])
        if kind == "tick":
            return builders.tick(want_hash=rng.random() < 0.5)
        if kind == "timer":
            return builders.tick(source="timer", source_seq=self.at_ms)
        if kind == "set_book":
            return builders.set_book(rng.choice([0, 0, 1, 3, 10]), rng.choice([1, 1, 2, 4]))
        self.halted = kind == "halt"
        return builders.halt() if self.halted else builders.resume()


class Comparison:
    """One stream through both, the machine being reloaded from its rows now and then."""

    def __init__(self, seed: int, state_every: int = STATE_EVERY) -> None:
        self.rng = random.Random(seed)
        self.state_every = state_every
        self.book = MACHINE.empty(BOOK)
        self.rows: dict[str, str] = {}
        self.referee = Referee(BOOK)

    def run(self, entries: list[Entry]) -> None:
        """Raise `Difference` at the first command that the two tell differently."""
        for number, (at_ms, command) in enumerate(entries, 1):
            step = MACHINE.apply(self.book, command, at_ms)
            expected = self.referee.apply(command, at_ms)
            self._compare_facts(number, command, step, expected)
            self._write(step)
            if number % self.state_every == 0 or number == len(entries):
                self._compare_state(number)
            if self.rng.random() < 0.02:
                self.book = MACHINE.load(BOOK, _shuffled(self.rng, self.rows))

    def _compare_facts(
        self, number: int, command: Command, step: Step, expected: list[tuple[str, dict]]
    ) -> None:
        told = [json.dumps(fact) for fact in step.facts]
        wanted = [json.dumps(fact) for fact in expected]
        if told != wanted:
            raise Difference(
                f"command {number}: {json.dumps(command)}\n"
                + "\n".join(["machine:", *told, "referee:", *wanted])
            )

    def _write(self, step: Step) -> None:
        for key, text in texts(step.writes).items():
            if text is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = text

    def _compare_state(self, number: int) -> None:
        wanted = self.referee.rows()
        for name, rows in (("stored", self.rows), ("held", dict(self.book.rows()))):
            if rows != wanted:
                different = dict(set(rows.items()) ^ set(wanted.items()))
                raise Difference(f"after command {number}: {name} rows differ at {different}")
        if self.book.state_hash() != self.referee.state_hash():
            raise Difference(f"after command {number}: hashes differ")
        check_structure(self.book)


def check_structure(book: Book) -> None:
    """What the book's indexes say must be what its orders say."""
    for side, sign in (("bid", -1), ("ask", 1)):
        orders = [order for order in book.orders.values() if order.side == side]
        levels: dict[int, list[Order]] = {}
        for order in sorted(orders, key=lambda order: (sign * order.price_micros, order.priority)):
            levels.setdefault(order.price_micros, []).append(order)
        wanted = [(p, sum(o.remaining for o in of), len(of)) for p, of in levels.items()]
        if depth(book, side, len(wanted) + 1) != wanted:
            raise Difference(f"depth of {side}s is not that of its orders")
        standing = [list(level.orders.values()) for level in book.side(side)]
        if standing != list(levels.values()):
            raise Difference(f"{side}s do not stand by price and priority")
    expiring = [order for order in book.orders.values() if order.expires_at_ms]
    first = min(expiring, key=lambda order: (order.expires_at_ms, order.priority), default=None)
    if book.next_to_expire() is not first:
        raise Difference("the next to expire is not the first of the orders")


def difference(entries: list[Entry], seed: int) -> str | None:
    """What a stream shows, comparing everything after every command; None if nothing."""
    try:
        Comparison(seed, state_every=1).run(entries)
    except Difference as shown:
        return str(shown)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def shrunk(entries: list[Entry], seed: int) -> list[Entry]:
    """The stream to its first bad command, without what it does not need."""
    size = len(entries)
    while size > 0:
        start = len(entries)
        while start > 0:
            start -= size
            without = entries[: max(start, 0)] + entries[max(start, 0) + size :]
            if without and difference(without, seed):
                entries = without
        size //= 2
    return entries


def _shuffled(rng: random.Random, rows: dict[str, str]) -> Iterator[tuple[str, str]]:
    pairs = list(rows.items())
    rng.shuffle(pairs)
    return iter(pairs)


def main() -> int:
    arguments = _parser().parse_args()
    streams = -(-arguments.commands // arguments.stream)
    started = time.monotonic()
    for index in range(streams):
        seed = arguments.seed + index
        entries = stream(random.Random(seed), arguments.stream)
        try:
            Comparison(seed).run(entries)
        except Exception as error:
            _report(seed, entries, error)
            return 1
        if (index + 1) % 20 == 0 or index + 1 == streams:
            done = (index + 1) * arguments.stream
            rate = done / (time.monotonic() - started)
            print(f"{done:,} commands equal, {rate:,.0f} a second", file=sys.stderr, flush=True)
    print(f"{streams * arguments.stream:,} commands in {streams:,} streams: no difference")
    return 0


def _report(seed: int, entries: list[Entry], error: Exception) -> None:
    print(f"seed {seed} (again: --seed {seed} --commands {len(entries)} --stream {len(entries)})")
    print(f"{type(error).__name__}: {error}\nshrinking…", flush=True)
    short = shrunk(entries, seed)
    for at_ms, command in short:
        print(json.dumps({"at_ms": at_ms, **command}))
    print(difference(short, seed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--commands", type=int, default=2_000_000, help="commands in all")
    parser.add_argument("--stream", type=int, default=1_000, help="commands of one stream")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first stream")
    return parser


if __name__ == "__main__":
    sys.exit(main())
