# ruff: noqa: N802
"""What holds after every command, whatever the commands are."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import BOOK, Command
from tests.differential import stream
from udfs.book import Book, Order
from udfs.machine import Step, texts
from udfs.matching import MACHINE

LENGTH = 80
seeds = st.integers(0, 2**32)


def steps(seed: int, *, minimums: bool = True) -> Iterator[tuple[Book, Command, Step]]:
    book = MACHINE.empty(BOOK)
    for at_ms, command in stream(random.Random(seed), LENGTH):
        if not minimums and command["kind"] == "place_order":
            command["place_order"]["min_fill"] = 1
        yield book, command, MACHINE.apply(book, command, at_ms)


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_B4_sequences_have_no_gaps(seed: int) -> None:
    numbers = [fact.record["book_seq"] for _, _, step in steps(seed) for fact in step.facts]
    assert numbers == list(range(1, len(numbers) + 1))


class Ledger:
    """What facts say of each order: its total, and what it filled."""

    def __init__(self) -> None:
        self.total: dict[str, int] = {}
        self.filled: Counter[str] = Counter()
        self.value: Counter[str] = Counter()

    def enter(self, kind: str, record: Mapping[str, Any]) -> None:
        if kind == "order_created":
            self.filled[record["order_id"]] = self.value[record["order_id"]] = 0
        if kind in ("order_created", "order_amended"):
            self.total[record["order_id"]] = record["quantity"]
        if kind == "order_closed":
            assert record["remaining"] == self.open(record["order_id"]) > 0
        if kind == "order_matched":
            self.trade("bid", record)
            self.trade("ask", record)

    def trade(self, side: str, record: Mapping[str, Any]) -> None:
        order_id, quantity = record[f"{side}_order_id"], record["quantity"]
        self.filled[order_id] += quantity
        self.value[order_id] += quantity * record["price_micros"]
        assert quantity > 0
        assert record[f"{side}_filled"] == self.filled[order_id]
        assert record[f"{side}_filled_value_micros"] == self.value[order_id]
        assert record[f"{side}_remaining"] == self.open(order_id) >= 0

    def open(self, order_id: str) -> int:
        return self.total[order_id] - self.filled[order_id]


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_F_quantity_is_conserved(seed: int) -> None:
    """An order's total is what it filled and what is left of it, fact by fact."""
    ledger = Ledger()
    for book, _, step in steps(seed):
        for fact in step.facts:
            ledger.enter(*fact)
        for order in book.orders.values():
            assert order.remaining == ledger.open(order.order_id) > 0


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_M4_M8_trades_are_between_the_limits_of_two_accounts(seed: int) -> None:
    for _, _, step in steps(seed):
        for kind, record in step.facts:
            if kind == "order_matched":
                bid, ask = record["bid_price_micros"], record["ask_price_micros"]
                assert ask <= record["price_micros"] <= bid
                assert 2 * record["price_micros"] == bid + ask
                assert record["buyer_id"] != record["seller_id"]


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_M5_no_crossing_eligible_pair_rests_where_no_minimum_fill_keeps_it_apart(
    seed: int,
) -> None:
    for book, _, _ in steps(seed, minimums=False):
        orders = list(book.orders.values())
        bids = [order for order in orders if order.side == "bid"]
        asks = [order for order in orders if order.side == "ask"]
        assert not [(b, a) for b in bids for a in asks if _could_trade(b, a, book.now_ms)]


def _could_trade(bid: Order, ask: Order, now_ms: int) -> bool:
    until_ms = now_ms + bid.duration_seconds * 1000
    return (
        bid.price_micros >= ask.price_micros
        and ask.min_duration_seconds <= bid.duration_seconds <= ask.duration_seconds
        and bid.region in ("", ask.region)
        and (ask.available_until_ms == 0 or until_ms <= ask.available_until_ms)
    )


@settings(deadline=None, max_examples=50)
@given(seeds)
def test_M1_nothing_expired_rests_after_an_applied_command(seed: int) -> None:
    for book, _, _ in steps(seed):
        assert all(
            not order.expires_at_ms or order.expires_at_ms > book.now_ms
            for order in book.orders.values()
        )


@settings(deadline=None, max_examples=50)
@given(seeds, st.integers(0, LENGTH))
def test_B6_a_book_reloaded_anywhere_goes_on_the_same(seed: int, cut: int) -> None:
    log = stream(random.Random(seed), LENGTH)
    book, rows = MACHINE.empty(BOOK), {}
    for number, (at_ms, command) in enumerate(log):
        if number == cut:
            shuffled = [(key, text) for key, text in rows.items() if text is not None]
            random.Random(seed).shuffle(shuffled)
            twin = MACHINE.load(BOOK, shuffled)
        step = MACHINE.apply(book, command, at_ms)
        rows.update(texts(step.writes))
        if number >= cut:
            assert MACHINE.apply(twin, command, at_ms) == step
            assert twin.state_hash() == book.state_hash()
