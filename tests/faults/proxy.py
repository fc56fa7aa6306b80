"""TCP links that can be made slow, or reset, while they are in use."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK_BYTES = 65_536


@dataclass(slots=True)
class Link:
    """A port that leads to another one."""

    port: int
    target: int
    delay_seconds: float = 0.0
    """How late each chunk is, in each direction."""
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None
    _server: asyncio.Server | None = None

    def reset(self) -> None:
        """Reset every connection, as a router does that forgot them."""
        assert self._loop
        self._loop.call_soon_threadsafe(self._abort)

    async def serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        if self._server:
            self._server.close()
        self._abort()

    def _abort(self) -> None:
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            if sock is not None:
                linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, far_writer))
                group.create_task(self._copy(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                writer.write(chunk)
                await writer.drain()
        with suppress(OSError):
            writer.close()


@contextmanager
def served(links: list[Link]) -> Iterator[None]:
    """The links work while the block runs, in a thread of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="links", daemon=True)
    thread.start()
    try:
        for link in links:
            asyncio.run_coroutine_threadsafe(link.serve(), loop).result(10)
        yield
    finally:
        asyncio.run_coroutine_threadsafe(_close(links), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _close(links: list[Link]) -> None:
    """End every connection, and wait for whoever copies."""
    for link in links:
        link.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(others, timeout=5) if others else None
