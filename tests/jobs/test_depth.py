"""What is told of the depth of books: with it, whoever keeps levels has the book's depth."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.depth import Conflated, Publisher
from jobs.follower import Follower
from schemas.names import BOOK_DEPTH, BOOKS_COMMANDS
from tests.builders import ALICE, BOB, BOOK, ask, bid, cancel
from tests.jobs.log_builders import CODEC, messages
from udfs import matching
from udfs.book import Book
from udfs.matching import MACHINE

Levels = dict[tuple[str, int], tuple[int, int]]


def book_of(*commands: Any) -> Book:
    book = MACHINE.empty(BOOK)
    for at_ms, command in enumerate(commands):
        MACHINE.apply(book, command, at_ms)
    return book


def levels_of(book: Book) -> Levels:
    sides: Any = ("bid", "ask")
    return {
        (side, level.price_micros): (level.quantity, level.orders)
        for side in sides
        for level in matching.depth(book, side, 1_000_000)
    }


def apply(levels: Levels, record: Any) -> None:
    for level in record["levels"]:
        place = (level["side"], level["price_micros"])
        levels[place] = (level["quantity"], level["orders"])
        if not level["quantity"]:
            del levels[place]


def test_a_new_book_is_told_as_a_whole_from_its_beginning() -> None:
    conflated = Conflated()
    assert conflated.changes([]) == []
    book = book_of(bid(ALICE, "b1", 5, 1_000_000), ask(BOB, "a1", 4, 2_000_000))
    (record,) = conflated.changes([book])
    assert (record["prev_seq"], record["last_seq"]) == (0, 2)
    levels: Levels = {}
    apply(levels, record)
    assert levels == levels_of(book)


def test_a_book_that_was_there_at_the_start_has_to_be_looked_at() -> None:
    book = book_of(bid(ALICE, "b1", 5, 1_000_000))
    (record,) = Conflated().changes([book])
    assert (record["prev_seq"], record["last_seq"], record["levels"]) == (1, 1, [])


def test_a_book_that_was_loaded_anew_has_to_be_looked_at() -> None:
    conflated = Conflated()
    conflated.changes([])
    conflated.changes([book_of(bid(ALICE, "b1", 5, 1_000_000))])
    loaded = book_of(bid(ALICE, "b1", 5, 1_000_000), bid(ALICE, "b2", 5, 1_000_000))
    (record,) = conflated.changes([loaded])
    assert (record["prev_seq"], record["last_seq"], record["levels"]) == (2, 2, [])


def test_nothing_is_told_of_what_changes_no_level() -> None:
    conflated = Conflated()
    conflated.changes([])
    book = book_of(bid(ALICE, "b1", 5, 1_000_000))
    conflated.changes([book])
    MACHINE.apply(book, cancel(ALICE, "unknown"), 10)
    assert conflated.changes([book]) == []
    MACHINE.apply(book, cancel(ALICE, "b1"), 11)
    (record,) = conflated.changes([book])
    assert (record["prev_seq"], record["last_seq"]) == (1, 3)
    assert record["levels"] == [
        {"side": "bid", "price_micros": 1_000_000, "quantity": 0, "orders": 0}
    ]


ORDERS = st.tuples(
    st.sampled_from(("bid", "ask", "cancel", "tell")),
    st.integers(1, 12),
    st.integers(1, 9),
    st.integers(1, 6),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ORDERS, max_size=60))
def test_levels_kept_from_changes_are_the_books(steps: list[tuple[str, int, int, int]]) -> None:
    conflated, book, levels, last_seq = Conflated(), MACHINE.empty(BOOK), dict[Any, Any](), 0
    conflated.changes([])
    for at_ms, (what, number, quantity, tick) in enumerate([*steps, ("tell", 1, 1, 1)]):
        if what == "tell":
            for record in conflated.changes([book] if book.seq else []):
                assert record["prev_seq"] == last_seq
                apply(levels, record)
                last_seq = record["last_seq"]
            assert levels == levels_of(book)
        elif what == "cancel":
            MACHINE.apply(book, cancel(ALICE, f"o{number}"), at_ms)
        else:
            place, account = (bid, ALICE) if what == "bid" else (ask, BOB)
            MACHINE.apply(book, place(account, f"o{number}", quantity, 100 * tick), at_ms)


class Producer:
    """Takes records, or loses them."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.loses = False

    def produce(self, topic: str, value: bytes, key: str, on_delivery: Any) -> None:
        assert (topic, key) == (BOOK_DEPTH, BOOK)
        if self.loses:
            on_delivery("lost", None)
        else:
            self.told.append(CODEC.decoder(BOOK_DEPTH)(value))

    def poll(self, _: float) -> None:
        """Nothing is left to be told of."""


def test_what_was_lost_has_to_be_looked_at() -> None:
    follower, producer = Follower(CODEC.decoder(BOOKS_COMMANDS)), Producer()
    ended: list[bool] = []
    publisher = Publisher(
        follower,
        lambda: True,
        producer,
        CODEC,
        lambda: ended.append(True),  # type: ignore[arg-type]
    )
    publisher._publish()
    commands = messages(bid(ALICE, "b1", 5, 1_000_000), bid(ALICE, "b2", 5, 1_000_000))
    producer.loses = True
    follower.apply(commands[0])
    publisher._publish()
    producer.loses = False
    follower.apply(commands[1])
    publisher._publish()
    (record,) = producer.told
    assert (record["prev_seq"], record["last_seq"], record["levels"]) == (2, 2, [])


def test_the_thread_ends_when_told_and_says_so() -> None:
    follower, producer = Follower(CODEC.decoder(BOOKS_COMMANDS)), Producer()
    ended: list[bool] = []
    publisher = Publisher(
        follower,
        lambda: True,
        producer,
        CODEC,
        lambda: ended.append(True),  # type: ignore[arg-type]
    )
    publisher.start()
    publisher.stop()
    assert (ended, publisher.failure) == ([True], None)
