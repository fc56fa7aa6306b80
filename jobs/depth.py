"""What changes in the depth of every book, told to `book.depth`: at most ten times a second each.

A record has the levels that changed, as they are, and the sequences between which they did. Who has
the book as of a sequence in between, or at the beginning, has it as of the end after applying them.
One without levels, whose `prev_seq` is ahead, says that there is no such beginning: the service has
just started, or has loaded the book anew. Then it must be looked at as a whole.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from confluent_kafka import KafkaException, Producer

from jobs.follower import Follower
from jobs.worker import Worker
from schemas.codec import Codec
from schemas.names import BOOK_DEPTH, Side
from schemas.records import BookDepth
from udfs import matching
from udfs.book import Book
from udfs.matching import DepthLevel

EVERY_SECONDS: Final = 0.1
_LOG = logging.getLogger(__name__)

Changes = list[tuple[Side, DepthLevel]]


class Conflated:
    """What was told of each book, and what is to be told next."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[Book, int]] = {}
        """The book and the sequence that it was told of last."""
        self._has_begun = False

    def changes(self, books: Iterable[Book]) -> list[BookDepth]:
        """What changed in these books, which are all there are, since this was called last."""
        found = [record for book in list(books) if (record := self._of(book))]
        self._has_begun = True
        return found

    def forget(self, book_id: str) -> None:
        """What was told last of this book did not arrive."""
        if book_id in self._told:
            self._told[book_id] = Book(book_id), 0

    def _of(self, book: Book) -> BookDepth | None:
        known, told_seq = self._told.get(book.book_id, (None, 0))
        changed = matching.depth_changes(book)
        if known is None and self._has_begun:  # its first command has just come
            changed = _whole(book)
        elif known is not book:
            self._told[book.book_id] = book, book.seq
            return _record(book, book.seq, [])
        if not changed:
            return None
        self._told[book.book_id] = book, book.seq
        return _record(book, told_seq, changed)


class Publisher(Worker):
    """Tells the changes of a follower's books."""

    def __init__(
        self,
        follower: Follower,
        is_caught_up: Callable[[], bool],
        producer: Producer,
        codec: Codec,
        ended: Callable[[], None],
    ) -> None:
        """Make the thread; it calls `ended` when it ends, whatever the reason."""
        super().__init__("depth", ended)
        self._follower = follower
        self._is_caught_up = is_caught_up
        self._producer = producer
        self._encode = codec.encoder(BOOK_DEPTH)
        self._conflated = Conflated()
        self._lost: list[str] = []

    def work(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            if self._is_caught_up():
                self._publish()
            self._producer.poll(0)

    def _publish(self) -> None:
        lost, self._lost = self._lost, []
        for book_id in lost:
            self._conflated.forget(book_id)
        with self._follower.lock:
            changes = self._conflated.changes(self._follower.books())
        for record in changes:
            self._send(record)

    def _send(self, record: BookDepth) -> None:
        book_id = record["book_id"]

        def told(error: object, _: object) -> None:
            if error is not None:
                _LOG.warning("%s of %s was not taken: %s", BOOK_DEPTH, book_id, error)
                self._lost.append(book_id)

        try:
            self._producer.produce(BOOK_DEPTH, self._encode(record), book_id, on_delivery=told)
        except (BufferError, KafkaException) as error:
            told(error, None)


def _record(book: Book, prev_seq: int, changed: Changes) -> BookDepth:
    return {
        "book_id": book.book_id,
        "occurred_at_ms": book.now_ms,
        "prev_seq": prev_seq,
        "last_seq": book.seq,
        "levels": [{"side": side, **level._asdict()} for side, level in changed],  # type: ignore[typeddict-item]
    }


def _whole(book: Book) -> Changes:
    sides: tuple[Side, Side] = ("bid", "ask")
    return [
        (side, level) for side in sides for level in matching.depth(book, side, len(book.orders))
    ]
