"""The logs that feeds follow, in memory: what the market in memory tells, as topics hold it."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any
from zlib import crc32

from query_api.adapters.memory import MemoryMarket
from query_api.feeds.log import Batch, Place, Record, Take, decoders
from query_api.feeds.positions import partitions
from query_api.ports import Row, Unavailable
from schemas import codec, contract
from schemas.codec import Decoder
from schemas.names import (
    AUDIT_LOG,
    BOOK_DEPTH,
    BOOKS_COMMANDS,
    FACT_TOPICS,
    PRICING_UPDATES,
    TELEMETRY_GPU,
    TELEMETRY_NODE,
)
from udfs import matching
from udfs.book import Book

READINGS = (TELEMETRY_GPU, TELEMETRY_NODE)
KEYS = {
    "orders.rejected": "account_id",
    "inventory.events": "account_id",
    "telemetry.gpu": "node_id",
    "telemetry.node": "node_id",
    "pricing.updates": "gpu_type",
    "audit.log": "actor",
}
"""The field that is a record's key, where it is not the book."""


class MemoryTopics:
    """Every topic that feeds follow, and whoever follows them."""

    def __init__(self, market: MemoryMarket) -> None:
        """Hold what this market tells from now on."""
        self._codec = codec.offline()
        topics = {*FACT_TOPICS.values(), *READINGS, PRICING_UPDATES, BOOK_DEPTH, AUDIT_LOG}
        self._encoders = {topic: self._codec.encoder(topic) for topic in topics}
        self._told_seqs: dict[str, int] = {}
        self.records: list[Record] = []
        self.ends: dict[Place, int] = defaultdict(int)
        self.followers: list[MemoryFeedLog] = []
        self.is_depth_held = False
        """Whether changes of depth wait for `tell_depth`."""
        self._books: dict[str, Book] = {}
        market.on_fact = lambda kind, fact: self.append(FACT_TOPICS[kind], fact)
        market.on_step = self._note_step
        market.on_reading = self.append
        market.on_audit = lambda entry: self.append(AUDIT_LOG, dict(entry))

    def decoders(self) -> Mapping[str, Decoder]:
        """How to read each topic."""
        return decoders(self._codec, self._encoders)

    def append(self, topic: str, fact: Row) -> None:
        """Append a record, and bring it to who follows."""
        key = fact.get(KEYS.get(topic, "book_id")) or fact.get("book_id") or ""
        partition = crc32(key.encode()) % contract.topics()[topic].partitions
        offset = self.ends[topic, partition]
        self.ends[topic, partition] = offset + 1
        record = Record(topic, partition, offset, self._encoders[topic](fact), fact)
        self.records.append(record)
        for follower in self.followers:
            follower.bring(record)

    def tell_depth(self) -> None:
        """Tell what changed in the depth of books, as the market data service does."""
        for book in self._books.values():
            self._tell_depth(book)
        self._books.clear()

    async def settle(self) -> None:
        """Return once everything is brought."""
        for follower in self.followers:
            await follower.settle()

    def _note_step(self, topic: str, state: Any) -> None:
        if topic == BOOKS_COMMANDS:
            self._books[state.book_id] = state
            if not self.is_depth_held:
                self.tell_depth()

    def _tell_depth(self, book: Book) -> None:
        prev_seq = self._told_seqs.get(book.book_id, 0)
        changes = matching.depth_changes(book)
        if book.book_id not in self._told_seqs:
            changes = [
                (side, level)
                for side in ("bid", "ask")
                for level in matching.depth(book, side, len(book.orders))
            ]
        if changes:
            self._told_seqs[book.book_id] = book.seq
            levels = [{"side": side, **level._asdict()} for side, level in changes]
            delta = {
                "book_id": book.book_id,
                "occurred_at_ms": book.now_ms,
                "prev_seq": prev_seq,
                "last_seq": book.seq,
                "levels": levels,
            }
            self.append(BOOK_DEPTH, delta)


class MemoryFeedLog:
    """The port `FeedLog`, for one service."""

    def __init__(self, topics: MemoryTopics, begins_at: int = 0) -> None:
        """Follow from the so manieth record on: those before are too old."""
        self._topics = topics
        self._begins_at = begins_at
        self._records: asyncio.Queue[Record | Batch] = asyncio.Queue()
        self._nodes: frozenset[str] = frozenset()
        self.is_resting = False
        self._bringing: asyncio.Task[None] | None = None
        self.is_away = False

    async def follow(self, take: Take) -> None:
        if self.is_away:
            raise Unavailable("kafka")
        told = [each for each in self._topics.records if each.topic not in READINGS]
        old, kept = told[: self._begins_at], told[self._begins_at :]
        begins = dict.fromkeys(partitions(self._facts()), 0)
        begins |= {(each.topic, each.partition): each.offset + 1 for each in old}
        await take(Batch(kept, {}, begins))
        self._topics.followers.append(self)
        self._bringing = asyncio.create_task(self._bring_all(take))

    def rest(self) -> None:
        self.is_resting = True

    async def wake(self) -> None:
        if self.is_away:
            raise Unavailable("kafka")
        if self.is_resting:
            self.is_resting = False
            begins = {place: self._topics.ends[place] for place in partitions(self._facts())}
            self._records.put_nowait(Batch([], {}, begins))
            await self.settle()

    def follow_readings(self, node_ids: Collection[str]) -> None:
        if node_ids and not self._nodes:
            begins = {place: self._topics.ends[place] for place in partitions(READINGS)}
            self._records.put_nowait(Batch([], {}, begins))
        self._nodes = frozenset(node_ids)

    def behind_ms(self) -> int | None:
        return None if self.is_away else 0

    def bring(self, record: Record) -> None:
        """Bring a record, unless nobody wants it."""
        is_reading = record.topic in READINGS
        if record.fact["node_id"] in self._nodes if is_reading else not self.is_resting:
            self._records.put_nowait(record)

    async def settle(self) -> None:
        """Return once everything is brought."""
        await self._records.join()

    async def stop(self) -> None:
        """Bring nothing more."""
        self._topics.followers.remove(self)
        assert self._bringing is not None
        self._bringing.cancel()
        await asyncio.gather(self._bringing, return_exceptions=True)

    def _facts(self) -> list[str]:
        return [topic for topic in self._topics.decoders() if topic not in READINGS]

    async def _bring_all(self, take: Take) -> None:
        while True:
            record = await self._records.get()
            await take(record if isinstance(record, Batch) else Batch([record], {}))
            self._records.task_done()


class MemoryJobs:
    """The port `Jobs`: jobs that always run."""

    def __init__(self) -> None:
        self.is_away = False

    async def ping(self) -> None:
        if self.is_away:
            raise Unavailable("flink")

    async def states(self) -> list[Row]:
        await self.ping()
        return [
            {"name": name, "state": "RUNNING", "started_at_ms": 1_767_600_000_000}
            for name in ("admission", "matching")
        ]
