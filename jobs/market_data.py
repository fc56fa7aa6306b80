"""The market data service: follows the books off the hot path and answers questions about them.

It runs the same machine over the same log as the matching job, so it knows the same books. Loopback
HTTP, integers in micro-USD; the API gives them their public shape.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn
from confluent_kafka import Consumer, Message, TopicPartition
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from jobs import contract as servers
from jobs import kafka
from jobs.refused import Refused
from schemas.codec import Decoder, UnreadableRecord
from schemas.names import BOOKS_COMMANDS, Side
from schemas.settings import Settings
from udfs import matching
from udfs.book import Book
from udfs.matching import MACHINE

PATIENCE_MS: Final = 100
"""How long the broker gathers records for the follower, which is off the hot path."""
IDLE_SECONDS: Final = 0.5
RECORDS_AT_ONCE: Final = 100
"""Applied under the lock in one go: who looks waits some milliseconds at most."""
MAX_LEVELS: Final = 1_000
DEFAULT_LEVELS: Final = 20
_LOG = logging.getLogger(__name__)


class LogTrimmed(Refused):
    """The log of the books does not begin at its first record."""


@dataclass(slots=True)
class Follower:
    """All books as their log left them; whoever looks holds the lock."""

    decode: Decoder
    lock: threading.Lock = field(default_factory=threading.Lock)
    partitions: dict[int, dict[str, Book]] = field(default_factory=dict)
    void: set[tuple[int, int]] = field(default_factory=set)
    """Partition and offset of records that the machine refuses; the job has set them aside."""

    def books(self) -> Iterator[Book]:
        """Every book that has a record."""
        for books in self.partitions.values():
            yield from books.values()

    def book(self, book_id: str) -> Book:
        """The book of this id; an empty one where nothing is known of it."""
        held = (books[book_id] for books in self.partitions.values() if book_id in books)
        return next(held, None) or MACHINE.empty(book_id)

    def apply(self, message: Message) -> bool:
        """Apply a record as the matching job does; False if its partition must be read again.

        A record on which the machine raises has no effect, but leaves its book's state void. The
        job loads it from its rows. There are none here, so the partition is read again without it.
        """
        partition, offset = message.partition() or 0, message.offset() or 0
        key = (message.key() or b"").decode(errors="replace")
        try:
            command = self.decode(message.value())
        except UnreadableRecord:
            return True
        if not key or (partition, offset) in self.void:
            return True
        books = self.partitions.setdefault(partition, {})
        try:
            if key not in books:
                MACHINE.check_id(key)
        except ValueError:
            return True
        book = books.get(key) or MACHINE.empty(key)
        try:
            MACHINE.apply(book, command, message.timestamp()[1])
        except Exception as error:  # as in the job: whatever it is, the record is set aside
            _LOG.warning("%s %s@%s set aside: %s", BOOKS_COMMANDS, partition, offset, error)
            self.void.add((partition, offset))
            books.clear()
            return False
        books[key] = book
        return True


class Tail(threading.Thread):
    """Feeds the follower from the log's first record on, and then with what comes."""

    def __init__(self, follower: Follower, consumer: Consumer, ended: Callable[[], None]) -> None:
        """Make the thread; it calls `ended` when it ends, whatever the reason.

        Raises:
            LogTrimmed: the log does not begin at offset 0.
        """
        super().__init__(name="market-data")
        self._follower = follower
        self._consumer = consumer
        self._ended = ended
        self._stopping = threading.Event()
        self._goal = _ends(consumer)
        self._positions = dict.fromkeys(self._goal, 0)
        self.failure: BaseException | None = None
        self.is_caught_up = False
        """Whether all has been applied that the log held at the start."""
        self.lag_records = 0
        """How many records are not applied, as far as the consumer has heard; told by this thread,
        for a consumer lets no other thread in while it polls."""

    def run(self) -> None:
        try:
            self._consumer.assign(kafka.from_the_start(BOOKS_COMMANDS))
            while not self._stopping.is_set():
                self.is_caught_up = self.is_caught_up or self._has_reached_goal()
                self._follow()
                self.lag_records = self._lag_records()
        except BaseException as error:
            self.failure = error
        finally:
            self._consumer.close()
            self._ended()

    def stop(self) -> None:
        """End after the records at hand."""
        self._stopping.set()
        self.join()

    def _has_reached_goal(self) -> bool:
        return all(self._positions[partition] >= end for partition, end in self._goal.items())

    def _lag_records(self) -> int:
        return sum(
            max(self._heard_end(partition) - position, 0)
            for partition, position in self._positions.items()
        )

    def _heard_end(self, partition: int) -> int:
        asked = TopicPartition(BOOKS_COMMANDS, partition)
        return max(self._consumer.get_watermark_offsets(asked, cached=True)[1], 0)

    def _follow(self) -> None:
        first = self._consumer.poll(IDLE_SECONDS)
        if first is None:
            return
        messages = [first, *self._consumer.consume(RECORDS_AT_ONCE - 1, 0)]
        void: set[int] = set()
        with self._follower.lock:
            for message in messages:
                partition = message.partition() or 0
                if message.error() is not None or partition in void:
                    continue
                if self._follower.apply(message):
                    self._positions[partition] = (message.offset() or 0) + 1
                else:
                    void.add(partition)
        if void:
            self._read_again(void)

    def _read_again(self, partitions: set[int]) -> None:
        """From their first record; a new assignment, for librdkafka's seek can wait for ever."""
        begin = [
            part for part in kafka.from_the_start(BOOKS_COMMANDS) if part.partition in partitions
        ]
        self._consumer.incremental_unassign(begin)
        self._consumer.incremental_assign(begin)
        self._positions.update(dict.fromkeys(partitions, 0))


def run(settings: Settings) -> None:
    """Follow and serve until SIGTERM or SIGINT.

    Raises:
        KafkaUnreachable: no broker answers.
        WrongTopics: the log is not there, or has other partitions than topics.toml says.
        LogTrimmed: the log does not begin at its first record.
        RegistryRefused: the schema registry does not answer or does not know our schemas.
    """
    kafka.check_partition_counts(kafka.partition_counts(kafka.admin(settings)), [BOOKS_COMMANDS])
    follower = Follower(servers.codec(settings).decoder(BOOKS_COMMANDS))
    consumer = kafka.consumer(settings, "market-data", PATIENCE_MS)
    tail = Tail(follower, consumer, lambda: setattr(server, "should_exit", True))
    config = uvicorn.Config(
        application(follower, tail),
        host=settings.text("HOST"),
        port=settings.port("MARKET_DATA_PORT"),
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    # uvicorn shuts down on a signal and then raises it again, for whoever listened before it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    tail.start()
    try:
        server.run()
    finally:
        tail.stop()
    if tail.failure:
        raise tail.failure


def application(follower: Follower, tail: Tail) -> Starlette:
    """The HTTP service over a follower; `tail` tells how far it is."""
    handlers = Handlers(follower, tail)
    return Starlette(
        routes=[
            Route("/health", handlers.health),
            Route("/books", handlers.books),
            Route("/books/{book_id}/depth", handlers.depth),
            Route("/books/{book_id}/preview", handlers.preview, methods=["POST"]),
            Route("/books/{book_id}/hash", handlers.hash),
        ]
    )


class Handlers:
    """What each address answers; one consistent look at a book each."""

    def __init__(self, follower: Follower, tail: Tail) -> None:
        """Answer from this follower."""
        self._follower = follower
        self._tail = tail

    async def health(self, request: Request) -> JSONResponse:
        """200 once all is applied that the log held at the start, 503 before."""
        ready = self._tail.is_caught_up and self._tail.failure is None
        body = {
            "status": "healthy" if ready else "catching up",
            "lag_records": self._tail.lag_records,
            "books": sum(len(books) for books in self._follower.partitions.copy().values()),
        }
        return JSONResponse(body, 200 if ready else 503)

    async def books(self, request: Request) -> JSONResponse:
        """Every book with its best prices."""
        with self._follower.lock:
            return JSONResponse({"books": [_summary(book) for book in self._follower.books()]})

    async def depth(self, request: Request) -> JSONResponse:
        """The price levels of a book, best first, per duration and region when asked."""
        levels = min(_number(request, "levels") or DEFAULT_LEVELS, MAX_LEVELS)
        duration_seconds = _number(request, "duration_seconds")
        region = request.query_params.get("region") or None

        def side(book: Book, name: Side) -> list[dict[str, int]]:
            found = matching.depth(book, name, levels, duration_seconds, region)
            return [level._asdict() for level in found]

        with self._follower.lock:
            book = self._follower.book(request.path_params["book_id"])
            return JSONResponse(
                {
                    "book_id": book.book_id,
                    "book_seq": book.seq,
                    "bids": side(book, "bid"),
                    "asks": side(book, "ask"),
                }
            )

    async def preview(self, request: Request) -> JSONResponse:
        """What an order would do now; nothing is changed."""
        asked = await request.json()
        now_ms = time.time_ns() // 1_000_000
        with self._follower.lock:
            book = self._follower.book(request.path_params["book_id"])
            would = matching.preview(book, asked["account_id"], asked["order"], now_ms)
            fills = [
                {"price_micros": price_micros, "quantity": quantity}
                for price_micros, quantity in would.fills
            ]
            return JSONResponse({**would._asdict(), "fills": fills, "book_seq": book.seq})

    async def hash(self, request: Request) -> JSONResponse:
        """The hash of a book's state (market-rules.md B6)."""
        with self._follower.lock:
            book = self._follower.book(request.path_params["book_id"])
            return JSONResponse(
                {
                    "book_id": book.book_id,
                    "book_seq": book.seq,
                    "hash": book.state_hash(),
                    "resting": len(book.orders),
                }
            )


def _summary(book: Book) -> dict[str, Any]:
    bid = next(iter(matching.depth(book, "bid", 1)), None)
    ask = next(iter(matching.depth(book, "ask", 1)), None)
    return {
        "book_id": book.book_id,
        "book_seq": book.seq,
        "halted": book.halted,
        "resting": len(book.orders),
        "best_bid_micros": bid.price_micros if bid else None,
        "best_ask_micros": ask.price_micros if ask else None,
        "bid_quantity": bid.quantity if bid else 0,
        "ask_quantity": ask.quantity if ask else 0,
        "at_ms": book.now_ms,
    }


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise HTTPException(422, f"{name} must be a whole number that is not negative, was {text}")
    return int(text)


def _ends(consumer: Consumer) -> dict[int, int]:
    marks = kafka.watermarks(consumer, BOOKS_COMMANDS)
    for partition, (first, _) in marks.items():
        if first > 0:
            raise LogTrimmed(
                f"{BOOKS_COMMANDS} partition {partition} must begin at offset 0, begins at {first}:"
                " the books cannot be rebuilt from it"
            )
    return {partition: end for partition, (_, end) in marks.items()}
