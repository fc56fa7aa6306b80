"""The market data service: follows the books off the hot path and answers questions about them.

It runs the same machine over the same log as the matching job, so it knows the same books, and
tells what changes in their depth to `book.depth`. Loopback HTTP, integers in micro-USD; the API
gives them their public shape.
"""

import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from jobs import codecs, garbage, kafka
from jobs.depth import Publisher
from jobs.follower import PATIENCE_MS, Follower, Tail
from jobs.snapshots import Shelf, Writer
from schemas.names import BOOK_DEPTH, BOOKS_COMMANDS, BOOKS_SNAPSHOTS, Side
from schemas.settings import Settings
from udfs import matching
from udfs.book import Book
from udfs.explain import explain

Handler = Callable[[Request], Awaitable[Response]]
MAX_LEVELS: Final = 10_000
DEFAULT_LEVELS: Final = 20


def run(settings: Settings) -> None:
    """Follow, serve and write snapshots until SIGTERM or SIGINT.

    Raises:
        KafkaUnreachable: no broker answers.
        WrongTopics: the log is not there, or has other partitions than topics.toml says.
        LogTrimmed: the log begins later than the books' snapshots leave them.
        RegistryRefused: the schema registry does not answer or does not know our schemas.
    """
    garbage.search_rarely()
    topics = [BOOKS_COMMANDS, BOOKS_SNAPSHOTS, BOOK_DEPTH]
    kafka.check_partition_counts(kafka.admin(settings), settings, topics)
    codec = codecs.codec(settings)
    producer = kafka.producer(settings, compression="zstd")
    follower = Follower(codec.decoder(BOOKS_COMMANDS))
    consumer = kafka.consumer(settings, "market-data", PATIENCE_MS)

    def leave() -> None:
        server.should_exit = True

    tail = Tail(follower, consumer, Shelf(settings, codec, producer).restore, leave)
    writer = Writer(follower, lambda: tail.is_caught_up, producer, codec, leave)
    publisher = Publisher(follower, lambda: tail.is_caught_up, producer, codec, leave)
    config = uvicorn.Config(
        application(follower, tail, writer),
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
    writer.start()
    publisher.start()
    try:
        server.run()
    finally:
        publisher.stop()
        writer.stop()
        tail.stop()
    if failure := tail.failure or writer.failure or publisher.failure:
        raise failure


def application(follower: Follower, tail: Tail, writer: Writer) -> Starlette:
    """The HTTP service over a follower; `tail` tells how far it is, `writer` takes snapshots."""
    handlers = Handlers(follower, tail, writer)

    def known(handler: Handler) -> Handler:
        """503 while the books are loaded: what is known of one so far is no answer."""

        async def answer(request: Request) -> Response:
            return await (handler if tail.is_caught_up else handlers.health)(request)

        return answer

    return Starlette(
        routes=[
            Route("/health", handlers.health),
            Route("/books", known(handlers.books)),
            Route("/books/{book_id}/depth", known(handlers.depth)),
            Route("/books/{book_id}/preview", known(handlers.preview), methods=["POST"]),
            Route("/books/{book_id}/orders/{order_id}", known(handlers.resting)),
            Route("/books/{book_id}/orders/{order_id}/explanation", known(handlers.explanation)),
            Route("/books/{book_id}/hash", known(handlers.hash)),
            Route("/snapshots", handlers.snapshots),
            Route("/snapshots", handlers.ask_for_snapshots, methods=["POST"]),
        ]
    )


class Handlers:
    """What each address answers; one consistent look at a book each."""

    def __init__(self, follower: Follower, tail: Tail, writer: Writer) -> None:
        """Answer from this follower."""
        self._follower = follower
        self._tail = tail
        self._writer = writer

    async def health(self, request: Request) -> JSONResponse:
        """200 once all is applied that the log held as its books were loaded, 503 before."""
        ready = self._tail.is_caught_up and self._tail.failure is None
        body = {
            "status": "healthy" if ready else "catching up",
            "lag_records": self._tail.lag_records,
            "books": sum(len(each.books) for each in self._follower.partitions.copy().values()),
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
                    "halted": book.halted,
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

    async def resting(self, request: Request) -> JSONResponse:
        """How much of an order rests; `remaining` is null if it does not rest in this book."""
        with self._follower.lock:
            book = self._follower.book(request.path_params["book_id"])
            remaining = matching.resting(book, request.path_params["order_id"])
            return JSONResponse({"book_seq": book.seq, "remaining": remaining})

    async def explanation(self, request: Request) -> JSONResponse:
        """Why an order rests; `order` is null if it does not rest in this book."""
        now_ms = time.time_ns() // 1_000_000
        with self._follower.lock:
            book = self._follower.book(request.path_params["book_id"])
            found = explain(book, request.path_params["order_id"], now_ms)
            told = {"book_seq": book.seq, "halted": book.halted, "at_ms": max(book.now_ms, now_ms)}
        return JSONResponse({**told, "order": asdict(found) if found else None})

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

    async def snapshots(self, request: Request) -> JSONResponse:
        """The newest snapshot of each book that has one."""
        with self._follower.lock:
            heads = [
                asdict(head)
                for partition in self._follower.partitions.values()
                for head in partition.snapshots.values()
            ]
        return JSONResponse({"snapshots": sorted(heads, key=lambda head: str(head["book_id"]))})

    async def ask_for_snapshots(self, request: Request) -> JSONResponse:
        """202 with the id of the snapshot that a book, or without `book_id` each, will have.

        A book without a record has none. It is written, or a later one is, once the book's newest
        is of the time of asking or later.
        """
        asked, now_ms = (await request.json()).get("book_id"), time.time_ns() // 1_000_000
        with self._follower.lock:
            known = sorted(book.book_id for book in self._follower.books())
        ids = self._writer.ask(known if asked is None else {asked} & set(known))
        told = [{"book_id": book_id, "snapshot_id": ids[book_id]} for book_id in ids]
        return JSONResponse({"asked_at_ms": now_ms, "snapshots": told}, 202)


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
