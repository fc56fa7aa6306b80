"""Snapshots of books in Kafka: loaded at the start, written daily and on demand."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Message, Producer

from jobs import kafka
from jobs.follower import Follower, Partition
from jobs.refused import Refused
from jobs.saved_state import code_version
from jobs.worker import Worker
from schemas import names
from schemas.codec import Codec, UnreadableRecord
from schemas.dead_letters import letter_about
from schemas.names import BOOKS_COMMANDS, BOOKS_SNAPSHOTS
from schemas.settings import Settings
from udfs import snapshot
from udfs.book import Book
from udfs.snapshot import Copy, Head, Snapshot

READER: Final = "market_data"
RECENT_MS: Final = 2 * snapshot.DAY_MS
"""A daily snapshot is no older; what is older is read only if these are not enough."""
ROWS_AT_ONCE: Final = 500
"""Copied under the lock in one go: a millisecond or two."""
BREATH_SECONDS: Final = 0.001
"""Between two such goes: a lock that is taken again at once is never seen free by who waits."""
PARTS_AT_ONCE: Final = 8
"""Handed to Kafka before they are waited for, so that few are in memory twice."""
DELIVERY_SECONDS: Final = 10.0
"""How long Kafka may take for them."""
MOST_REPLAYED: Final = 100_000
"""Records of the log after a snapshot until the next is due: what a restart applies in seconds. A
larger book waits for as many records as it has orders, so copying costs at most a row a record."""
LOOK_SECONDS: Final = 10.0
"""How often it is looked whether a book is due."""
_LOG = logging.getLogger(__name__)


class LogTrimmed(Refused):
    """The log of the books does not begin where their snapshots, or nothing, leave them."""


# Loading -------------------------------------------------------------------------------------


class Shelf:
    """Reads the newest snapshots that fit the log."""

    def __init__(self, settings: Settings, codec: Codec, producer: Producer) -> None:
        """Read with this codec; what cannot be read becomes a dead letter."""
        self._settings = settings
        self._decode = codec.decoder(BOOKS_SNAPSHOTS)
        self._letter = codec.encoder(names.DEAD_LETTERS)
        self._producer = producer

    def restore(self, numbers: list[int]) -> dict[int, Partition]:
        """These partitions as their newest usable snapshots leave them.

        Raises:
            LogTrimmed: a log begins later than the books are known to, and why they are not.
        """
        with closing(kafka.consumer(self._settings, "market-data-snapshots")) as consumer:
            ends = kafka.watermarks(consumer, BOOKS_COMMANDS)
            ranges = {number: ends[number] for number in numbers}
            found = self._found(consumer, ranges, _now_ms() - RECENT_MS)
            if not all(_is_enough(_of(found, number), *ranges[number]) for number in numbers):
                found = self._found(consumer, ranges, 0)
        self._producer.flush(DELIVERY_SECONDS)
        for reason in found.refused:
            _LOG.warning("%s: %s; it is not used", BOOKS_SNAPSHOTS, reason)
        return {
            number: _partition(number, _of(found, number), *ranges[number], found.refused)
            for number in numbers
        }

    def _found(
        self, consumer: Consumer, ranges: Mapping[int, tuple[int, int]], since_ms: int
    ) -> snapshot.Found:
        def unfit(head: Head) -> str | None:
            begin, end = ranges[head.partition]
            later = kafka.first_after(consumer, BOOKS_COMMANDS, head.partition, head.at_ms)
            return snapshot.unfit(head, begin, end, end if later is None else later)

        parts = self._parts(consumer, since_ms)
        return snapshot.newest((each for each in parts if each["partition"] in ranges), unfit)

    def _parts(self, consumer: Consumer, since_ms: int) -> Iterator[dict[str, Any]]:
        for message in kafka.read_since(consumer, BOOKS_SNAPSHOTS, since_ms):
            try:
                yield self._decode(message.value())
            except UnreadableRecord as error:
                self._set_aside(message, str(error))

    def _set_aside(self, message: Message, reason: str) -> None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        _LOG.warning("%s set aside %s %s@%s: %s", READER, topic, partition, offset, reason)
        letter = letter_about(message, READER, reason)
        self._producer.produce(names.DEAD_LETTERS, value=self._letter(letter))


def _of(found: snapshot.Found, number: int) -> dict[str, Snapshot]:
    return {
        book_id: each for book_id, each in found.newest.items() if each.head.partition == number
    }


def _is_enough(snapshots: Mapping[str, Snapshot], begin: int, end: int) -> bool:
    """Whether older snapshots cannot help."""
    first, without = snapshot.beginning(snapshots)
    return end == 0 or (bool(snapshots) and not without and first >= begin)


def _partition(
    number: int, snapshots: Mapping[str, Snapshot], begin: int, end: int, refused: list[str]
) -> Partition:
    books = {book_id: book for book_id, each in snapshots.items() if (book := _loaded(each))}
    used = {book_id: snapshots[book_id] for book_id in books}
    first, without = snapshot.beginning(used)
    if first < begin:
        missing = f"of {', '.join(without)}" if without else "of any book"
        raise LogTrimmed(
            f"{BOOKS_COMMANDS} partition {number} must begin at offset {first}, begins at {begin}:"
            f" the books cannot be rebuilt from it, for no snapshot {missing} can be used"
            + "".join(f"; {reason}" for reason in refused)
        )
    _LOG.info("partition %d: %d books from snapshots, the rest from %d", number, len(books), first)
    heads = {book_id: each.head for book_id, each in used.items()}
    at_ms = max((head.at_ms for head in heads.values() if head.offset == first), default=0)
    return Partition(number, first, at_ms, end, books, heads)


def _loaded(found: Snapshot) -> Book | None:
    try:
        return found.book()
    except ValueError as error:
        _LOG.warning("snapshot %s cannot be loaded: %s", found.head.snapshot_id, error)
        return None


# Writing -------------------------------------------------------------------------------------


class NotWritten(Exception):
    """Kafka did not take a part in time; what it took stays torn."""


class Writer(Worker):
    """Writes a snapshot of each book once a day, and of any book when asked; one at a time.

    A book that is new gets one at once, so that no partition holds a book without.
    """

    def __init__(
        self,
        follower: Follower,
        is_ready: Callable[[], bool],
        producer: Producer,
        codec: Codec,
        ended: Callable[[], None],
    ) -> None:
        """Make the thread; it begins once `is_ready`, and calls `ended` when it ends.

        Args:
            follower: whose books.
            is_ready: whether the follower knows its books.
            producer: where to.
            codec: how.
            ended: called whatever the reason.
        """
        super().__init__("snapshots", ended)
        self._follower = follower
        self._is_ready = is_ready
        self._producer = producer
        self._encode = codec.encoder(BOOKS_SNAPSHOTS)
        self._code = code_version()
        self._wanted: dict[str, str] = {}
        """Snapshot ids by book, in the order in which they were asked for."""
        self._asking = threading.Lock()
        self._awake = threading.Event()

    def ask(self, book_ids: Iterable[str]) -> dict[str, str]:
        """Have these books written soon; the ids of their next snapshots."""
        with self._asking:
            ids = {each: self._wanted.setdefault(each, str(uuid.uuid4())) for each in book_ids}
        self._awake.set()
        return ids

    def work(self) -> None:
        while not self._stopping.is_set():
            if self._is_ready():
                self.ask(self._due())
                self._awake.clear()
                self._write_wanted()
            self._awake.wait(LOOK_SECONDS)

    def stop(self) -> None:
        """End; a snapshot that is being written stays torn."""
        self._stopping.set()
        self._awake.set()
        super().stop()

    def _due(self) -> list[str]:
        """Books without a snapshot, or whose newest is of before their time of day or far back."""
        now_ms = _now_ms()
        with self._follower.lock:
            return [
                book_id
                for partition in self._follower.partitions.values()
                for book_id in partition.books
                if (head := partition.snapshots.get(book_id)) is None
                or head.written_at_ms < snapshot.due_ms(book_id, now_ms)
                or partition.position - head.offset > max(MOST_REPLAYED, head.resting)
            ]

    def _write_wanted(self) -> None:
        for book_id in list(self._wanted):
            # Taken out first: who asks while it is written asks for the next one.
            with self._asking:
                snapshot_id = self._wanted.pop(book_id)
            if not self._is_written(book_id, snapshot_id):
                with self._asking:
                    self._wanted.setdefault(book_id, snapshot_id)

    def _is_written(self, book_id: str, snapshot_id: str) -> bool:
        try:
            return self._write(book_id, snapshot_id)
        except NotWritten as error:
            _LOG.error("snapshot %s of %s: %s; again soon", snapshot_id, book_id, error)
            return False

    def _write(self, book_id: str, snapshot_id: str) -> bool:
        """False if the book cannot be copied now: it is being loaded, or we are to stop."""
        began = time.monotonic()
        with self._follower.lock:
            home = self._follower.home(book_id)
            if home is None or home.position < home.goal:
                return False
            copy = self._follower.copy = Copy(home.books[book_id])
        head = self._copied(copy, home, snapshot_id)
        if head is None:
            return False
        texts, digest = snapshot.cut(copy.rows)
        head = replace(head, parts=len(texts), hash=digest)
        self._send(head, texts)
        with self._follower.lock:
            home.snapshots[book_id] = head
        _LOG.info(
            "snapshot of %s at %d: %d orders in %d parts, %.1f s",
            *(book_id, head.offset, head.resting, head.parts, time.monotonic() - began),
        )
        return True

    def _copied(self, copy: Copy, home: Partition, snapshot_id: str) -> Head | None:
        """Copy to the end, and say what for; None if the book is loaded again meanwhile."""
        book = copy.book
        while not self._stopping.wait(BREATH_SECONDS):
            with self._follower.lock:
                is_there = home.books.get(book.book_id) is book
                if is_there and copy.advance(ROWS_AT_ONCE):
                    continue
                self._follower.copy = None
                return self._head(book, home, snapshot_id) if is_there else None
        return None

    def _head(self, book: Book, home: Partition, snapshot_id: str) -> Head:
        """What the snapshot says, but for what is known only when it is cut."""
        return Head(
            snapshot_id=snapshot_id,
            book_id=book.book_id,
            parts=0,
            partition=home.number,
            offset=home.position,
            at_ms=home.at_ms,
            written_at_ms=_now_ms(),
            book_seq=book.seq,
            resting=len(book.orders),
            hash="",
            code=self._code,
            books=tuple(sorted(home.books)),
        )

    def _send(self, head: Head, texts: list[str]) -> None:
        """Write the parts and wait until Kafka has them all.

        Raises:
            NotWritten: it did not take one.
        """
        refused: list[str] = []

        def note(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                refused.append(error.str())

        for number, text in enumerate(texts, 1):
            data = self._encode(head.part(number, text))
            self._producer.produce(BOOKS_SNAPSHOTS, data, head.book_id, on_delivery=note)
            if number % PARTS_AT_ONCE == 0 or number == len(texts):
                left = self._producer.flush(DELIVERY_SECONDS)
                if left or refused:
                    self._producer.purge()
                    raise NotWritten(refused[0] if refused else "Kafka does not answer")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
