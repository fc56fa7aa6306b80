"""Order books under one stream of commands, each in a process of its own interpreter.

    python -m tests.bench.books NAME COMMANDS

For each line on the standard input a round: the stream's commands are made into what the book
takes, the clock runs while it takes them, and a line of JSON tells the seconds and the trades that
came of it. Only standard library and the book itself are imported, so a peer needs no more.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from hashlib import sha256
from importlib.metadata import version
from io import StringIO
from typing import Any

from tests.bench.stream import Command, Trade, stream

Run = Callable[[], None]
"""Takes all commands."""
Trades = Callable[[], list[Trade]]
"""Says what came of them, after the clock."""
Book = Callable[[list[Command]], tuple[Run, Trades]]
"""Makes a book and its commands ready."""
THRESHOLDS = (50_000, 50, 1_000)
"""Of Python's search for cycles: what the jobs run with (jobs/garbage.py), for every book."""


def ours(commands: list[Command]) -> tuple[Run, Trades]:
    """The matching machine as the job runs it: decoded commands in, facts and rows out."""
    from tests.builders import ALICE, BOB, BOOK, cancel, named, place
    from udfs.matching import MACHINE

    accounts = {"bid": ALICE, "ask": BOB}
    numbers = {named(accounts[side], str(n)): n for kind, n, side, *_ in commands if kind[0] == "p"}
    sent = [
        place(accounts[side], str(number), side, units, ticks * 100, region="us-east-1")
        if kind == "place"
        else cancel(accounts[side], str(number))
        for kind, number, side, units, ticks in commands
    ]
    book, apply = MACHINE.empty(BOOK), MACHINE.apply
    facts: list[Any] = []

    def run() -> None:
        for at_ms, command in enumerate(sent, 1):
            facts.append(apply(book, command, at_ms).facts)

    def trades() -> list[Trade]:
        return [
            _trade(
                numbers[fact["bid_order_id"]],
                numbers[fact["ask_order_id"]],
                fact["aggressor"],
                fact["quantity"],
                fact["ask_price_micros" if fact["aggressor"] == "bid" else "bid_price_micros"]
                // 100,
            )
            for told in facts
            for kind, fact in told
            if kind == "order_matched"
        ]

    return run, trades


def litebook(commands: list[Command]) -> tuple[Run, Trades]:
    """Price-time; Rust behind Python objects, prices and quantities are floats.

    Version 0.0.1 tells the ask's price of every trade, whichever side rests, so prices differ.
    """
    from litebook import Order, OrderBook, OrderType

    types = {"bid": OrderType.Buy, "ask": OrderType.Sell}
    orders = {
        number: Order(types[side], ticks, float(units))
        for kind, number, side, units, ticks in commands
        if kind == "place"
    }
    numbers = {order.id: number for number, order in orders.items()}
    book = OrderBook(tick_size=1.0)
    sent = [
        (book.add, orders[number]) if kind == "place" else (book.cancel, orders[number].id)
        for kind, number, *_ in commands
    ]
    told: list[Any] = []

    def run() -> None:
        for do, what in sent:
            told.append(do(what))

    def trades() -> list[Trade]:
        return [
            _trade(
                bid := numbers[fill.buy_id],
                ask := numbers[fill.sell_id],
                "bid" if bid > ask else "ask",
                int(fill.quantity),
                int(fill.price),
            )
            for (do, _), fills in zip(sent, told, strict=True)
            if do == book.add
            for fill in fills
        ]

    return run, trades


def orderly_chaos(commands: list[Command]) -> tuple[Run, Trades]:
    """Price-time; C++ by ctypes, whole numbers, a call back for each trade."""
    from orderly_chaos import LimitOrderBook, Side

    told: list[Any] = []
    book = LimitOrderBook(on_trade=told.append)
    sides = {"bid": Side.BUY, "ask": Side.SELL}
    sent = [
        (book.limit, (sides[side], number, units, ticks))
        if kind == "place"
        else (book.cancel, (number,))
        for kind, number, side, units, ticks in commands
    ]

    def run() -> None:
        for do, what in sent:
            do(*what)

    def trades() -> list[Trade]:
        return [(each.taker_id, each.maker_id, each.quantity, each.price) for each in told]

    return run, trades


def cython_orderbook(commands: list[Command]) -> tuple[Run, Trades]:
    """Price-time; Python compiled by Cython, prices in decimal, a log of trades."""
    from decimal import Decimal

    from cython_orderbook.orderbook import Order, OrderBook, OrderSide

    sides = {"bid": OrderSide.BID, "ask": OrderSide.ASK}
    orders = {
        number: Order(sides[side], units, Decimal(ticks))
        for kind, number, side, units, ticks in commands
        if kind == "place"
    }
    numbers = {order.order_id: number for number, order in orders.items()}
    book = OrderBook()
    sent = [
        (book.add_limit_order, orders[number])
        if kind == "place"
        else (book.cancel_order, orders[number].order_id)
        for kind, number, *_ in commands
    ]

    def run() -> None:
        for do, what in sent:
            do(what)

    def trades() -> list[Trade]:
        printed = StringIO()
        with redirect_stdout(printed):
            book.print_trade_log()  # nothing else tells them
        return [
            (numbers[aggressor], numbers[resting], int(units), int(ticks))
            for aggressor, resting, units, ticks in _printed_trades(printed.getvalue())
        ]

    return run, trades


def order_matching(commands: list[Command]) -> tuple[Run, Trades]:
    """Price-time; pure Python, prices and quantities are floats."""
    from datetime import datetime, timedelta

    from loguru import logger
    from order_matching.enums import Side
    from order_matching.matching_engine import MatchingEngine
    from order_matching.order import LimitOrder
    from order_matching.orders import Orders

    logger.remove()  # it writes a line a command
    engine = MatchingEngine(seed=1)
    sides = {"bid": Side.BUY, "ask": Side.SELL}
    began = datetime(2026, 1, 1)
    told: list[Any] = []
    sent = [
        (
            kind,
            str(number),
            LimitOrder(
                side=sides[side],
                price=float(ticks),
                size=float(units),
                timestamp=began + timedelta(milliseconds=at_ms),
                order_id=str(number),
                trader_id=side,
            ),
        )
        for at_ms, (kind, number, side, units, ticks) in enumerate(commands)
    ]

    def run() -> None:
        for kind, name, order in sent:
            if kind == "cancel":
                engine.cancel_order(name)
            else:
                engine.place(Orders([order]))
                told.append(engine.match(order.timestamp))

    def trades() -> list[Trade]:
        return [
            (int(each.incoming_order_id), int(each.book_order_id), int(each.size), int(each.price))
            for matched in told
            for each in matched.trades
        ]

    return run, trades


def _trade(bid: int, ask: int, aggressor: str, units: int, ticks: int) -> Trade:
    return (bid, ask, units, ticks) if aggressor == "bid" else (ask, bid, units, ticks)


def _printed_trades(log: str) -> Iterator[tuple[str, str, str, str]]:
    """Aggressor, resting order, units and price of each line of cython-orderbook's log."""
    for line in log.splitlines():
        if " | aggressor_id: " in line:
            _, _, price, units, aggressor, resting = (
                each.rpartition(": ")[2] for each in line.split(" | ")
            )
            yield aggressor, resting, units, price


OURS = "ours"
BOOKS: dict[str, Book] = {
    OURS: ours,
    "litebook": litebook,
    "orderly-chaos": orderly_chaos,
    "cython-orderbook": cython_orderbook,
    "order-matching": order_matching,
}


def digests(trades: list[Trade]) -> dict[str, str]:
    """The same for the same trades in the same order: of who traded how much, and of the prices."""
    parts = {
        "pairs": [(aggressor, resting, units) for aggressor, resting, units, _ in trades],
        "prices": [ticks for *_, ticks in trades],
    }
    return {name: sha256(json.dumps(part).encode()).hexdigest() for name, part in parts.items()}


def took(book: Book, commands: list[Command]) -> tuple[float, list[Trade]]:
    """Seconds of one round, and its trades."""
    run, trades = book(commands)
    gc.collect()
    gc.freeze()
    began = time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    told = trades()
    gc.unfreeze()
    return seconds, told


def main(name: str, count: str) -> None:
    """A round for each line that comes in."""
    commands = stream(int(count)).commands
    gc.set_threshold(*THRESHOLDS)
    print(json.dumps({"version": None if name == OURS else version(name)}), flush=True)
    for _ in sys.stdin:
        seconds, trades = took(BOOKS[name], commands)
        print(json.dumps({"seconds": seconds, **digests(trades)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
