"""Books: depth as a snapshot and changes, trades, and whether a book is halted.

The market data service tells changes of depth to the log. What a book is as a whole it is asked
when somebody begins to listen, and again when a change does not follow the one before.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

from query_api import answers
from query_api.answers import Level
from query_api.feeds import rpc, told
from query_api.feeds.archive import Entry, Mark, Raw
from query_api.feeds.feed import Feed, Keep
from query_api.feeds.log import Record
from query_api.ports import Clock, MarketData, Row, Unavailable
from schemas.codec import Decoder
from schemas.names import BOOK_DEPTH, ORDERS_MATCHED, Side

MOST_LEVELS = 10_000
"""Of a side, in a snapshot."""
RETRY_SECONDS = 1.0
CHANGING = ("halt_book", "resume_book")
"""Commands after which a status is news; it is told on request, too."""


class View:
    """A book's depth, as far as changes are applied."""

    def __init__(self, depth: Row) -> None:
        self.last_seq: int = depth["book_seq"]
        self.status: Literal["open", "halted"] = "halted" if depth["halted"] else "open"
        self.status_seq = self.last_seq
        self._levels: dict[Side, dict[int, Level]] = {
            "bid": {level["price_micros"]: answers.told_level(level) for level in depth["bids"]},
            "ask": {level["price_micros"]: answers.told_level(level) for level in depth["asks"]},
        }

    def apply(self, delta: Row) -> bool:
        """Apply a change, unless it is old; False if something is missing before it."""
        if delta["prev_seq"] > self.last_seq:
            return False
        if delta["levels"] and delta["last_seq"] > self.last_seq:
            self.last_seq = delta["last_seq"]
            for level in delta["levels"]:
                self._set(level)
        return True

    def note_status(self, fact: Row) -> None:
        """Take a status, unless it is old."""
        if fact["book_seq"] > self.status_seq:
            self.status, self.status_seq = fact["status"], fact["book_seq"]

    def told(self, book_id: str) -> told.DepthSnapshot:
        """The book as a whole."""
        return {
            "book_id": book_id,
            "status": self.status,
            "last_seq": self.last_seq,
            "bids": self._side("bid"),
            "asks": self._side("ask"),
        }

    def _set(self, level: Row) -> None:
        side = self._levels[level["side"]]
        if level["quantity"]:
            side[level["price_micros"]] = answers.told_level(level)
        else:
            side.pop(level["price_micros"], None)

    def _side(self, side: Side) -> list[Level]:
        levels = self._levels[side]
        return [levels[price] for price in sorted(levels, reverse=side == "bid")][:MOST_LEVELS]


class MarketFeed(Feed[bytes | Raw]):
    """The feed `/ws/market/{book_id}`; its channels are books.

    Trades are many, and most books have nobody who listens: they are kept as they are until
    somebody does.
    """

    kind = "market"

    def __init__(
        self,
        clock: Clock,
        keep: Keep,
        market_data: MarketData,
        decoders: Mapping[str, Decoder],
    ) -> None:
        super().__init__(clock, keep)
        self._market_data = market_data
        self._decoders = decoders
        self._views: dict[str, View] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._pending: dict[str, list[Record]] = {}
        """What came of a book while it was asked for."""

    async def open(self, name: str) -> None:
        if name in self._views:
            return
        if name not in self._loading:
            self._load(name)
        await asyncio.shield(self._loading[name])

    def close(self, name: str) -> None:
        self._views.pop(name, None)

    def take(self, record: Record, mark: Mark) -> None:
        fact = record.fact
        name = fact["book_id"]
        if record.topic == ORDERS_MATCHED:
            self._take_trade(record, mark)
            return
        if name in self._pending:
            self._pending[name].append(record)
        if record.topic == BOOK_DEPTH:
            if fact["levels"]:
                self._tell(name, mark, rpc.opened("depth.update", told.told_depth_update(fact)))
        elif fact["command"] in CHANGING:
            self._tell(name, mark, rpc.opened("market.status", told.told_market_status(fact)))
        if name in self._views and not self._apply(self._views[name], record):
            self._begin_anew(name)

    async def bodies(self, name: str, entries: Sequence[Entry[bytes | Raw]]) -> list[bytes]:
        return [
            self._trade(self._decoders[entry.body.topic](entry.body.value))
            if isinstance(entry.body, Raw)
            else entry.body
            for entry in entries
        ]

    def _tell(self, name: str, mark: Mark, body: bytes) -> None:
        self.archive.add(name, Entry((mark,), body), len(body))
        self.publish(name, body)

    def _take_trade(self, record: Record, mark: Mark) -> None:
        name = record.fact["book_id"]
        raw = Raw(record.topic, record.value)
        self.archive.add(name, Entry((mark,), raw), len(record.value))
        if name in self.channels:
            self.publish(name, self._trade(record.fact))

    def _trade(self, fact: Row) -> bytes:
        return rpc.opened("market.trade", answers.tape_trade(fact))

    async def snapshot(self, name: str) -> bytes:
        view = self._views.get(name)
        if view is None:  # it was lost while somebody came
            raise Unavailable("market_data")
        return rpc.opened("depth.snapshot", view.told(name))

    def _apply(self, view: View, record: Record) -> bool:
        if record.topic == BOOK_DEPTH:
            return view.apply(record.fact)
        view.note_status(record.fact)
        return True

    def _load(self, name: str) -> "asyncio.Task[None]":
        self._pending[name] = []
        task = self._loading[name] = asyncio.create_task(self._ask(name))
        return task

    async def _ask(self, name: str) -> None:
        """Ask for the book, and apply what came meanwhile."""
        try:
            depth = await self._market_data.depth(name, MOST_LEVELS, None, None)
            view = View(depth)
            if not all(self._apply(view, record) for record in self._pending[name]):
                raise Unavailable("market_data")  # it is itself behind what it told
            if name in self.comers:
                self._views[name] = view
        finally:
            del self._loading[name], self._pending[name]

    def _begin_anew(self, name: str) -> None:
        """A change does not follow: ask for the whole, and tell it to who listens."""
        del self._views[name]
        if name not in self._loading:
            self._load(name).add_done_callback(lambda task: self._tell_anew(name, task))

    def _tell_anew(self, name: str, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return
        if task.exception() is not None:
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._retry, name)
            return
        channel = self.channels.get(name)
        if channel is not None and name in self._views:
            detail = "changes are missing; the whole book follows"
            channel.publish(rpc.notification("resync", {"reason": "gap", "detail": detail}))
            self.publish(name, rpc.opened("depth.snapshot", self._views[name].told(name)))

    def _retry(self, name: str) -> None:
        if name in self.comers and name not in self._loading and name not in self._views:
            self._load(name).add_done_callback(lambda task: self._tell_anew(name, task))
