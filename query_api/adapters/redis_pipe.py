"""Many small commands to Redis at once: whatever is asked while an answer is awaited goes together.

Placing an order asks Redis once or twice, and the client library's work for each command is most of
what that costs (docs/performance.md). Here commands are packed once, sent by the batch over one of
the library's connections, and answered in order.
"""

import asyncio
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError, ResponseError

MAX_WAITING = 10_000
"""Commands that may wait for those before them; a Redis that is that slow counts as away."""


class Pipe:
    """One connection of a client, shared by everybody who asks."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._waiting: list[tuple[bytes, asyncio.Future[Any]]] = []
        self._sender: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """Commands that are not sent yet."""
        return len(self._waiting)

    async def ask(self, command: bytes) -> Any:
        """The answer to a packed command.

        Raises:
            RedisError, OSError, TimeoutError: it cannot be had.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise Disconnected(f"{MAX_WAITING} commands are waiting to be sent")
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((command, answer))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())
        return await answer

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await self._send_batch(batch)
            except (RedisError, OSError, TimeoutError) as error:
                _fail(batch, error)

    async def _send_batch(self, batch: list[tuple[bytes, asyncio.Future[Any]]]) -> None:
        connection = cast(Connection, await self._client.connection_pool.get_connection())
        try:
            packed = b"".join(command for command, _ in batch)
            await connection.send_packed_command([packed])
            for _, answer in batch:
                _settle(answer, await _read(connection))
        except BaseException:
            await connection.disconnect(nowait=True)  # answers may still be on their way
            raise
        finally:
            await self._client.connection_pool.release(connection)


def pack(*words: str) -> bytes:
    """A command as Redis reads it."""
    parts = [f"*{len(words)}"]
    for word in words:
        parts += (f"${len(word) if word.isascii() else len(word.encode())}", word)
    parts.append("")
    return "\r\n".join(parts).encode()


async def _read(connection: Connection) -> Any:
    """The next answer; what Redis refuses is an answer too."""
    try:
        return await connection.read_response()
    except ResponseError as refusal:
        return refusal


def _settle(answer: "asyncio.Future[Any]", told: Any) -> None:
    if answer.done():
        return
    if isinstance(told, ResponseError):
        answer.set_exception(told)
    else:
        answer.set_result(told)


def _fail(batch: list[tuple[bytes, "asyncio.Future[Any]"]], error: Exception) -> None:
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(Disconnected(str(error)))
