# ruff: noqa: N802
import hashlib
import random

import pytest

from tests.builders import (
    ALICE,
    BOB,
    BOOK,
    CAROL,
    DAVE,
    Market,
    amend,
    ask,
    bid,
    cancel,
    named,
    tick,
)
from udfs.book import Book, Level, Order, load
from udfs.machine import texts
from udfs.matching import MACHINE


def order(key: str, priority: int, **fields: object) -> Order:
    placed = Order.placed(ALICE, {**ask(ALICE, key, 8, 1_000)["place_order"], **fields})
    placed.priority = priority
    return placed


@pytest.fixture
def market() -> Market:
    """A book with fills, expiries, sources, two levels and an amended order."""
    market = Market(top=2, book_minimum=3).after(
        ask(ALICE, "a", 10, 1_000, source=ALICE, source_seq=7),
        ask(BOB, "b", 10, 1_000, min_fill=2, expires_at_ms=10**12),
        ask(CAROL, "c", 10, 1_000, post_only=True, self_trade="cancel_oldest"),
        bid(BOB, "d", 3, 900, region='say "here", ß', expires_at_ms=10**11),
        bid(DAVE, "e", 14, 1_000, source=DAVE, source_seq=9),
        amend(ALICE, "a", quantity=12),
        tick(source="timer", source_seq=55),
    )
    assert market.resting("ask") == [("b", 6), ("c", 6), ("a", 6)]
    return market


def test_B6_the_hash_is_of_the_sorted_rows(market: Market) -> None:
    rows = sorted(market.book.rows())
    text = "".join(f"{key} {value}\n" for key, value in rows)
    assert market.book.state_hash() == hashlib.sha256(text.encode()).hexdigest()


def test_B6_the_hash_of_a_known_book() -> None:
    book = Market().after(ask(ALICE, "a", 8, 1_000, source=ALICE, source_seq=3)).book
    text = (
        "book [1,1002,1,false,0,1]\n"
        f'o:{named(ALICE, "a")} [1,"{ALICE}","ask",8,1000,86400,"GTC",0,false,1,'
        '"cancel_newest","us-east-1",0,0,0,0,1]\n'
        f"s:{ALICE} [1,3]\n"
    )
    assert book.state_hash() == hashlib.sha256(text.encode()).hexdigest()


def test_B6_the_hash_changes_with_everything_that_a_book_knows(market: Market) -> None:
    seen = {market.book.state_hash()}
    changes = [
        ("now_ms", 10**9),
        ("seq", 99),
        ("halted", True),
        ("top", 4),
        ("book_minimum", 4),
        ("sources", {ALICE: 8}),
    ]
    for name, value in changes:
        setattr(market.book, name, value)
        seen.add(market.book.state_hash())
    for name in Order.__slots__[1:]:
        before = getattr(market.book.orders[named(ALICE, "a")], name)
        changed = before + "x" if isinstance(before, str) else before + 1
        setattr(market.book.orders[named(ALICE, "a")], name, changed)
        seen.add(market.book.state_hash())
    assert len(seen) == 1 + len(changes) + len(Order.__slots__) - 1


@pytest.mark.parametrize("seed", range(5))
def test_B6_a_book_loaded_from_its_rows_in_any_order_is_the_book(market: Market, seed: int) -> None:
    rows = list(market.book.rows())
    random.Random(seed).shuffle(rows)
    loaded = load(BOOK, rows)
    assert loaded.state_hash() == market.book.state_hash()
    assert loaded.next_to_expire().order_id == named(BOB, "d")  # type: ignore[union-attr]
    for entry in (bid(BOB, "f", 25, 1_000, self_trade="cancel_oldest"), cancel(CAROL, "c")):
        ours, theirs = (MACHINE.apply(book, entry, 5_000) for book in (market.book, loaded))
        assert ours == theirs
    assert loaded.state_hash() == market.book.state_hash()


def test_B6_the_rows_written_are_the_rows_of_the_book() -> None:
    market, written = Market(), {}
    entries = [ask(ALICE, "a", 9, 1_000), bid(BOB, "b", 4, 1_000), ask(CAROL, "c", 1, 1_000)]
    for entry in [*entries, amend(ALICE, "a", quantity=5), bid(BOB, "d", 9, 1_000)]:
        market(entry)
        written.update(texts(market.step.writes))
    kept = {key: text for key, text in written.items() if text is not None}
    assert kept == dict(market.book.rows())


def test_B6_a_command_writes_only_the_rows_that_it_touches(market: Market) -> None:
    market(ask(ALICE, "x", 1, 2_000, source=ALICE, source_seq=8))
    assert market.step.writes.keys() == {"book", f"s:{ALICE}", f"o:{named(ALICE, 'x')}"}
    market(bid(BOB, "y", 1, 3_000, time_in_force="IOC", self_trade="cancel_oldest"))
    ids = {named(CAROL, "c"), named(BOB, "b")}
    assert market.step.writes.keys() == {"book", *(f"o:{order_id}" for order_id in ids)}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("book", "[2,0,0,false,0,1]"), "row book must be an array of version 1"),
        (("o:x", "{}"), "row o:x must be an array of version 1"),
        (("o:x", "[]"), "row o:x must be an array of version 1"),
        (("z", "[1]"), "a book has no row z"),
    ],
)
def test_B6_rows_of_another_shape_are_refused(row: tuple[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load(BOOK, [row])


def test_O3_words_that_orders_share_are_kept_once(market: Market) -> None:
    rows = list(market.book.rows())
    for book in (market.book, load(BOOK, rows)):
        one, other = (book.orders[named(who, key)] for who, key in ((BOB, "b"), (CAROL, "c")))
        assert one.region is other.region
        assert one.side is other.side
        assert one.time_in_force is other.time_in_force
        assert one.price_micros is other.price_micros


def test_M3_a_level_keeps_time_priority_over_many_removals() -> None:
    level = Level(1_000)
    orders = [order(f"k{index}", index) for index in range(200)]
    for each in orders:
        level.append(each)
    gone = random.Random(1).sample(orders, 180)
    for each in gone:
        level.remove(each)
    assert list(level.orders.values()) == [each for each in orders if each not in gone]
    assert level.quantity == 20 * 8


def test_M3_a_book_without_orders_has_no_levels() -> None:
    book = Book(BOOK)
    first, second = order("a", 1), order("b", 2, price_micros=900, expires_at_ms=5)
    book.add(first)
    book.add(second)
    assert [level.price_micros for level in book.side("ask")] == [900, 1_000]
    book.remove(second)
    book.remove(first)
    assert list(book.side("ask")) == []
    assert book.next_to_expire() is None


def test_M1_the_next_to_expire_stays_right_over_many_removals() -> None:
    book, rng = Book(BOOK), random.Random(1)
    for priority in range(1, 500):
        book.add(order(f"k{priority}", priority, expires_at_ms=rng.randrange(1, 60)))
    while book.orders:
        expected = min(book.orders.values(), key=lambda o: (o.expires_at_ms, o.priority))
        assert book.next_to_expire() is expected
        book.remove(rng.choice(list(book.orders.values())))
    assert book.next_to_expire() is None
