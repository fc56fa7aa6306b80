"""Many small commands to Redis on one connection, sent as they come and answered in order.

Placing an order asks Redis once or twice. An event loop with much to do comes back to a connection
only every so often, so what counts is how often an answer has to wait for that: here a command is
written in the turn in which it is asked, whatever is unanswered, and all answers that have come are
settled in the turn in which they are read. The client library waits for its answer before it sends
the next command, and takes half a dozen turns for both (decision 0045).
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import SSLConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, ResponseError

MAX_WAITING = 10_000
"""Commands that may wait for those before them; a Redis that is that slow counts as away."""


class Pipe:
    """One connection to the Redis of a client, shared by everybody who asks."""

    def __init__(self, client: Redis, timeout_seconds: float) -> None:
        """Connect when first asked, and again after the connection is lost.

        Args:
            client: whose address and credentials to use.
            timeout_seconds: how long Redis may answer nothing.
        """
        self._pool = client.connection_pool
        self._timeout_seconds = timeout_seconds
        self._link: _Link | None = None
        self._connecting: asyncio.Task[_Link] | None = None

    def __len__(self) -> int:
        """Commands that are not answered yet."""
        return len(self._link.unanswered) if self._link else 0

    async def ask(self, command: bytes) -> Any:
        """The answer to a packed command.

        Raises:
            RedisError, OSError, TimeoutError: it cannot be had.
        """
        link = self._link
        if link is None or link.is_lost:
            if self._connecting is None or self._connecting.done():
                self._connecting = asyncio.create_task(self._connect())
            link = await asyncio.shield(self._connecting)
        return await link.ask(command)

    async def aclose(self) -> None:
        """Let the connection go; what is unanswered fails."""
        if self._link:
            await self._link.aclose()

    async def _connect(self) -> "_Link":
        wanted, link = self._pool.connection_kwargs, _Link(self._timeout_seconds)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._open(wanted, link)
                if password := wanted.get("password"):
                    await link.ask(pack("AUTH", wanted.get("username") or "default", password))
                if database := wanted.get("db"):
                    await link.ask(pack("SELECT", str(database)))
        except BaseException:
            await link.aclose()
            raise
        # Set in here: a caller who comes before those who wait are told must not connect again.
        self._link = link
        return link

    async def _open(self, wanted: Mapping[str, Any], link: "_Link") -> None:
        loop = asyncio.get_running_loop()
        if path := wanted.get("path"):
            await loop.create_unix_connection(lambda: link, path)
            return
        is_secure = issubclass(self._pool.connection_class, SSLConnection)
        context = ssl.create_default_context() if is_secure else None
        host, port = wanted.get("host", "localhost"), wanted.get("port", 6379)
        await loop.create_connection(lambda: link, host, port, ssl=context)


class _Link(asyncio.Protocol):
    """A connection, and who waits for its answers."""

    def __init__(self, timeout_seconds: float) -> None:
        self.unanswered: deque[asyncio.Future[Any]] = deque()
        self.is_lost = False
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._reader = hiredis.Reader(
            encoding="utf-8", replyError=_refusal, notEnoughData=_NOT_ENOUGH
        )
        self._heard_at = 0.0
        """When the last answer came, or the first question that waits for one was asked."""
        self._is_watched = False

    def ask(self, command: bytes) -> "asyncio.Future[Any]":
        """Send a command at the end of this turn of the event loop."""
        if self.is_lost or len(self.unanswered) >= MAX_WAITING:
            raise Disconnected("the connection is lost" if self.is_lost else _TOO_MANY)
        answer: asyncio.Future[Any] = self._loop.create_future()
        if not self.unanswered:
            self._heard_at = self._loop.time()
        self.unanswered.append(answer)
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(command)
        if not self._is_watched:
            self._watch(self._timeout_seconds)
        return answer

    def close(self) -> None:
        """End the connection at once."""
        if self._transport:
            self._transport.abort()
        self.connection_lost(None)

    async def aclose(self) -> None:
        """End it and wait until the socket is closed."""
        self.close()
        await asyncio.sleep(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its type

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        self._reader.feed(data)
        while (told := self._reader.gets()) is not _NOT_ENOUGH:
            answer = self.unanswered.popleft()
            if answer.done():
                continue
            if isinstance(told, ResponseError):
                answer.set_exception(told)
            else:
                answer.set_result(told)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        while self.unanswered:
            if not (answer := self.unanswered.popleft()).done():
                answer.set_exception(Disconnected(str(exc or "the connection was closed")))

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport and not self.is_lost:
            self._transport.write(b"".join(unsent))

    def _watch(self, seconds: float) -> None:
        self._is_watched = True
        self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """End a connection on which nothing is answered in time."""
        self._is_watched = False
        if self.is_lost or not self.unanswered:
            return
        left_seconds = self._heard_at + self._timeout_seconds - self._loop.time()
        if left_seconds > 0:
            self._watch(left_seconds)
        else:
            self.close()


def pack(*words: str) -> bytes:
    """A command as Redis reads it."""
    parts = [f"*{len(words)}"]
    for word in words:
        parts += (f"${len(word) if word.isascii() else len(word.encode())}", word)
    parts.append("")
    return "\r\n".join(parts).encode()


def _refusal(told: str) -> ResponseError:
    """What Redis refuses, as the client library names it."""
    return NoScriptError(told) if told.startswith("NOSCRIPT") else ResponseError(told)


_NOT_ENOUGH = object()
_TOO_MANY = f"{MAX_WAITING} commands wait for their answers"
