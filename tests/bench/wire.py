"""A load generator's HTTP: prebuilt requests over keep-alive connections, and nothing more.

It shares the machine with what it measures, so it does without a client library: a request is
bytes made beforehand, of an answer it keeps status, body and the moment it was complete.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

DRAIN_SECONDS = 180.0
"""How long answers may take that were still on their way when the last order was due."""
RECONNECT_SECONDS = 0.2


def nothing() -> None:
    """What follows an answer that nobody waits for."""


@dataclass(slots=True)
class Outcome:
    """What became of one request, times in seconds of the monotonic clock."""

    due: float
    sent: float = 0.0
    done: float = 0.0
    status: int = 0
    """0 when no answer came."""
    body: bytes = b""
    on_done: Callable[[], None] = nothing
    """Called when the answer is there, or none will come."""


class Connection(asyncio.Protocol):
    """One keep-alive connection, with at most one request on its way."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._outcome: Outcome | None = None
        self._body: list[bytes] = []

    def send(self, request: bytes, outcome: Outcome) -> None:
        assert self._transport is not None
        self._outcome = outcome
        outcome.sent = time.monotonic()
        self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        outcome, self._outcome = self._outcome, None
        assert outcome is not None
        outcome.done = time.monotonic()
        outcome.status = self._parser.get_status_code()
        outcome.body = b"".join(self._body)
        self._body.clear()
        self._parser = httptools.HttpResponseParser(self)
        self._pool.finished(self)
        outcome.on_done()

    def connection_lost(self, error: Exception | None) -> None:
        outcome, self._outcome = self._outcome, None
        self._pool.lost(self)
        if outcome is not None:
            outcome.done = time.monotonic()
            outcome.on_done()


@dataclass
class Pool:
    """Connections to one server; what finds none free waits for one, and its clock runs."""

    host: str
    port: int
    free: deque[Connection] = field(default_factory=deque)
    every: set[Connection] = field(default_factory=set)
    waiting: deque[tuple[bytes, Outcome]] = field(default_factory=deque)
    open_count: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(self, count: int) -> None:
        for _ in range(count):
            await self._connect()

    def submit(self, request: bytes, outcome: Outcome) -> None:
        """Send it now if a connection is free, else as soon as one is."""
        self.open_count += 1
        self.idle.clear()
        if self.free:
            self.free.pop().send(request, outcome)
        else:
            self.waiting.append((request, outcome))

    def finished(self, connection: Connection) -> None:
        self._settle()
        if self.waiting:
            connection.send(*self.waiting.popleft())
        else:
            self.free.append(connection)

    def lost(self, connection: Connection) -> None:
        """A connection ended: what was on it has no answer; another takes its place."""
        if connection not in self.every:
            return
        self.every.discard(connection)
        if connection in self.free:
            self.free.remove(connection)
        else:
            self._settle()
        asyncio.get_running_loop().create_task(self._replace())

    def forget(self, outcome: Outcome) -> None:
        """Send it no more, if it still waits for a connection."""
        for waiting in self.waiting:
            if waiting[1] is outcome:
                self.waiting.remove(waiting)
                self._settle()
                return

    def close(self) -> None:
        every, self.every = self.every, set()
        for connection in every:
            connection.close()

    async def drained(self, seconds: float) -> None:
        """Until every answer is there, or the time is over."""
        if self.open_count:
            await asyncio.wait_for(self.idle.wait(), seconds)

    def _settle(self) -> None:
        self.open_count -= 1
        if not self.open_count:
            self.idle.set()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self), self.host, self.port)
        self.every.add(connection)
        self.free.append(connection)
        return connection

    async def _replace(self) -> None:
        """Connect anew, again and again while the server is away."""
        connection = None
        while connection is None:
            with suppress(OSError):
                connection = await self._connect()
            if connection is None:
                await asyncio.sleep(RECONNECT_SECONDS)
        if self.waiting:
            self.free.remove(connection)
            connection.send(*self.waiting.popleft())


def request(
    url: str, key: str, method: str, path: str, body: object = None, headers: str = ""
) -> bytes:
    """One request as bytes."""
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"{method} /api/v2{path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n{headers}"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def open_pool(url: str, connections: int) -> Pool:
    """Connections to the server at this URL."""
    where = urlsplit(url)
    assert where.hostname is not None
    pool = Pool(where.hostname, where.port or 80)
    await pool.connect(connections)
    return pool


async def send_all(pool: Pool, requests: Sequence[bytes], seconds: float = 300.0) -> list[Outcome]:
    """As fast as the connections and the market allow (closed loop), for preparations."""
    outcomes = [Outcome(time.monotonic()) for _ in requests]
    left = list(range(len(requests)))
    while left:
        for index in left:
            pool.submit(requests[index], outcomes[index])
        await pool.drained(seconds)
        left = [index for index in left if outcomes[index].status in (429, 503)]
        await asyncio.sleep(0.2 if left else 0)
    return outcomes


async def send_on_schedule(pool: Pool, requests: Sequence[bytes], rate: float) -> list[Outcome]:
    """Each when it is due, whatever became of those before (open loop).

    An outcome's `due` is the scheduled time, so a stall counts for all that it delayed.
    """
    began = time.monotonic() + 0.2
    outcomes = [Outcome(began + index / rate) for index in range(len(requests))]
    for each, outcome in zip(requests, outcomes, strict=True):
        wait = outcome.due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        pool.submit(each, outcome)
    await pool.drained(DRAIN_SECONDS)
    return outcomes
