"""Snapshots of books for tests."""

from typing import Any

from tests.builders import ALICE, BOOK, bid
from udfs.book import Book
from udfs.matching import MACHINE
from udfs.snapshot import Cut, Head, cut


def head(
    book: Book, taken: Cut, *, snapshot_id: str = "s1", offset: int = 7, **values: Any
) -> Head:
    return Head.of(
        {
            "snapshot_id": snapshot_id,
            "book_id": book.book_id,
            "parts": len(taken.texts),
            "partition": 3,
            "offset": offset,
            "at_ms": 1_000 + offset,
            "written_at_ms": 9,
            "book_seq": book.seq,
            "resting": len(book.orders),
            "hash": taken.hash,
            "code": "c",
            "books": [book.book_id],
            **values,
        }
    )


def parts(book: Book, part_bytes: int = 200, **values: Any) -> list[Any]:
    """The parts of a snapshot of a book, which are many as they are small."""
    taken = cut(dict(book.rows()), part_bytes)
    said = head(book, taken, **values)
    return [said.part(number, text) for number, text in enumerate(taken.texts, 1)]


def a_book(orders: int = 5) -> Book:
    book = MACHINE.empty(BOOK)
    for index in range(orders):
        MACHINE.apply(book, bid(ALICE, f"o{index}", 1 + index, 1_000), 1_000 + index)
    return book
