"""The books as their log leaves them, off the hot path: the same machine over the same log."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import Consumer, Message, TopicPartition

from jobs import kafka
from jobs.worker import Worker
from schemas.codec import Decoder, SchemaUnavailable, UnreadableRecord
from schemas.names import BOOKS_COMMANDS
from udfs.book import Book
from udfs.matching import MACHINE
from udfs.snapshot import Copy, Head

PATIENCE_MS: Final = 100
"""How long the broker gathers records for the follower, which is off the hot path."""
IDLE_SECONDS: Final = 0.5
RECORDS_AT_ONCE: Final = 100
"""Applied under the lock in one go: who looks waits some milliseconds at most."""
_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Partition:
    """A part of the log, as far as it is applied."""

    number: int
    position: int = 0
    """Offset of its next record."""
    at_ms: int = 0
    """Greatest append time so far."""
    goal: int = 0
    """Where it ended when its books were loaded; before that, some may not be known yet."""
    books: dict[str, Book] = field(default_factory=dict)
    snapshots: dict[str, Head] = field(default_factory=dict)
    """The newest of each book. The records before its offset are in the book already."""


Restore = Callable[[list[int]], dict[int, Partition]]
"""Loads the books of these partitions from their snapshots."""


@dataclass(slots=True)
class Follower:
    """All books as their log left them; whoever looks holds the lock."""

    decode: Decoder
    lock: threading.Lock = field(default_factory=threading.Lock)
    partitions: dict[int, Partition] = field(default_factory=dict)
    void: set[tuple[int, int]] = field(default_factory=set)
    """Partition and offset of records that the machine refuses; the job has set them aside."""
    copy: Copy | None = None
    """The copy that is being made of a book; it is told what the book's steps write."""

    def books(self) -> Iterator[Book]:
        """Every book that has a record."""
        for partition in self.partitions.values():
            yield from partition.books.values()

    def book(self, book_id: str) -> Book:
        """The book of this id; an empty one where nothing is known of it."""
        home = self.home(book_id)
        return home.books[book_id] if home else MACHINE.empty(book_id)

    def home(self, book_id: str) -> Partition | None:
        """The partition that a book is in, None if it has no record."""
        return next((each for each in self.partitions.values() if book_id in each.books), None)

    def apply(self, message: Message) -> bool:
        """Apply a record as the matching job does; False if its partition must be loaded again.

        A record on which the machine raises has no effect, but leaves its book's state void. The
        job loads it from its rows. There are none here, so the partition is loaded again and then
        read without that record.

        Raises:
            SchemaUnavailable: whether the machine refuses it cannot be said now; the job waits too.
        """
        number, offset = message.partition() or 0, message.offset() or 0
        partition = self.partitions.setdefault(number, Partition(number))
        if (number, offset) not in self.void:
            try:
                self._apply(partition, message, offset)
            except UnreadableRecord:
                pass  # the job has set it aside
            except SchemaUnavailable:
                raise
            except Exception as error:  # as in the job: whatever it is, the record is set aside
                _LOG.warning("%s %s@%s set aside: %s", BOOKS_COMMANDS, number, offset, error)
                self.void.add((number, offset))
                partition.books.clear()
                return False
        partition.position = offset + 1
        partition.at_ms = max(partition.at_ms, message.timestamp()[1])
        return True

    def _apply(self, partition: Partition, message: Message, offset: int) -> None:
        key = (message.key() or b"").decode(errors="replace")
        snapshot = partition.snapshots.get(key)
        if not key or (snapshot and offset < snapshot.offset):
            return
        command = self.decode(message.value())
        book = partition.books.get(key) or _new_book(key)
        step = MACHINE.apply(book, command, message.timestamp()[1])
        partition.books[key] = book
        if self.copy and self.copy.book is book:
            self.copy.note(step.writes)


def _new_book(key: str) -> Book:
    try:
        MACHINE.check_id(key)
    except ValueError as error:
        raise UnreadableRecord(str(error)) from error
    return MACHINE.empty(key)


class Tail(Worker):
    """Feeds the follower from where its snapshots stand on, and then with what comes."""

    def __init__(
        self, follower: Follower, consumer: Consumer, restore: Restore, ended: Callable[[], None]
    ) -> None:
        """Make the thread; it calls `ended` when it ends, whatever the reason.

        What `restore` raises ends it too, and is its `failure`.
        """
        super().__init__("market-data", ended)
        self._follower = follower
        self._consumer = consumer
        self._restore = restore
        self.is_caught_up = False
        """Whether all has been applied that the log held as the books were loaded last."""
        self.lag_records = 0
        """How many records are not applied, as far as the consumer has heard; told by this thread,
        for a consumer lets no other thread in while it polls."""

    def run(self) -> None:
        super().run()
        self._consumer.close()

    def work(self) -> None:
        self._begin(kafka.partitions(self._consumer, BOOKS_COMMANDS))
        while not self._stopping.is_set():
            self.is_caught_up = self._has_reached_goal()
            self._follow()
            self.lag_records = self._lag_records()

    def _begin(self, numbers: list[int]) -> None:
        """Load these partitions and read on behind their snapshots.

        By a new assignment, for librdkafka's seek can wait for ever.
        """
        self.is_caught_up = False
        restored = self._restore(numbers)
        with self._follower.lock:
            self._follower.partitions.update(restored)
        self._consumer.incremental_assign(
            [
                TopicPartition(BOOKS_COMMANDS, number, partition.position)
                for number, partition in restored.items()
            ]
        )

    def _has_reached_goal(self) -> bool:
        partitions = self._follower.partitions.values()
        return all(each.position >= each.goal for each in partitions)

    def _lag_records(self) -> int:
        return sum(
            max(self._heard_end(number) - partition.position, 0)
            for number, partition in self._follower.partitions.items()
        )

    def _heard_end(self, number: int) -> int:
        asked = TopicPartition(BOOKS_COMMANDS, number)
        return max(self._consumer.get_watermark_offsets(asked, cached=True)[1], 0)

    def _follow(self) -> None:
        first = self._consumer.poll(IDLE_SECONDS)
        if first is None:
            return
        messages = [first, *self._consumer.consume(RECORDS_AT_ONCE - 1, 0)]
        void: set[int] = set()
        with self._follower.lock:
            for message in messages:
                number = message.partition() or 0
                if message.error() is not None or number in void:
                    continue
                if not self._follower.apply(message):
                    void.add(number)
        if void:
            self._consumer.incremental_unassign(
                [TopicPartition(BOOKS_COMMANDS, number) for number in void]
            )
            self._begin(sorted(void))
