"""A stream of commands on which pro-rata and price-time priority agree, with the trades it makes.

Every order that rests is of one unit, and no order wants more than the other side has within its
limit, so none rests in part. Among equal orders of one unit each pro-rata share is below one, and
the whole quantity is handed out by time priority (docs/market-rules.md A3, A4): the same trades as
by price-time priority, one after the other. Only the standard library, so that any peer's
interpreter can read it.
"""

import random
from collections import deque
from dataclasses import dataclass, field

CANCELS, TAKERS = 0.30, 0.12
"""Shares of the commands; what is left places orders that rest."""
MOST_TAKEN = 4
MIDDLE_TICKS = 10_000
NEAR_TICKS = 12
"""How far from the touch orders rest on average."""
CROSSED_TICKS = 40
"""How deep into the other side a taker's limit reaches."""

Command = tuple[str, int, str, int, int]
"""Kind (place or cancel), number of the order, side, units, price in ticks."""
Trade = tuple[int, int, int, int]
"""Number of the aggressor, of the resting order, units, the resting order's price in ticks."""


@dataclass
class Stream:
    """Commands, and the trades that a book by price-time priority makes of them."""

    commands: list[Command] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)


class _Side:
    """What rests on one side: queues by price, best first by `sign`."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.levels: dict[int, deque[int]] = {}

    def within(self, limit_ticks: int) -> list[int]:
        """The prices that an order with this limit crosses, best first."""
        return sorted(
            (price for price in self.levels if self.sign * (limit_ticks - price) >= 0),
            key=lambda price: self.sign * price,
        )

    def add(self, number: int, price: int) -> None:
        self.levels.setdefault(price, deque()).append(number)

    def remove(self, number: int, price: int) -> None:
        level = self.levels[price]
        level.remove(number)
        if not level:
            del self.levels[price]


class _Maker:
    """Draws commands and keeps the book that they make."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.stream = Stream()
        self.sides = {"bid": _Side(-1), "ask": _Side(1)}
        self.resting: dict[int, tuple[str, int]] = {}
        self.order: list[int] = []
        """Numbers of all that ever rested; those gone are dropped when they are drawn."""

    def step(self) -> None:
        chance = self.random.random()
        if chance < CANCELS and self.resting:
            self._cancel()
        elif chance > 1 - TAKERS:
            self._take()
        else:
            self._rest()

    def _cancel(self) -> None:
        number = self._any_resting()
        side, price = self.resting.pop(number)
        self.sides[side].remove(number, price)
        self.stream.commands.append(("cancel", number, side, 0, price))

    def _any_resting(self) -> int:
        while True:
            index = self.random.randrange(len(self.order))
            self.order[index], self.order[-1] = self.order[-1], self.order[index]
            number = self.order.pop()
            if number in self.resting:
                return number

    def _rest(self) -> None:
        side = self.random.choice(("bid", "ask"))
        distance = 1 + int(self.random.expovariate(1 / NEAR_TICKS))
        price = MIDDLE_TICKS + (distance if side == "ask" else -distance)
        number = len(self.stream.commands)
        self.sides[side].add(number, price)
        self.resting[number] = (side, price)
        self.order.append(number)
        self.stream.commands.append(("place", number, side, 1, price))

    def _take(self) -> None:
        side = self.random.choice(("bid", "ask"))
        limit = MIDDLE_TICKS + (CROSSED_TICKS if side == "bid" else -CROSSED_TICKS)
        other = self.sides["ask" if side == "bid" else "bid"]
        prices = other.within(limit)
        there = sum(len(other.levels[price]) for price in prices)
        if not there:
            self._rest()
            return
        number, left = len(self.stream.commands), min(there, self.random.randint(1, MOST_TAKEN))
        self.stream.commands.append(("place", number, side, left, limit))
        for price in prices:
            while left and price in other.levels:
                resting = other.levels[price][0]
                other.remove(resting, price)
                del self.resting[resting]
                self.stream.trades.append((number, resting, 1, price))
                left -= 1


def stream(commands: int, seed: int = 1) -> Stream:
    """So many commands, the same ones every time."""
    maker = _Maker(seed)
    while len(maker.stream.commands) < commands:
        maker.step()
    return maker.stream
