"""A link passes what goes through it, late if it is told to be late, and can be reset."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from stack import ports
from tests.faults.proxy import Link, served

pytestmark = pytest.mark.stack


@asynccontextmanager
async def echo() -> AsyncIterator[Link]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(100):
                writer.write(chunk)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    link = Link(ports.free("127.0.0.1", 1)[0], server.sockets[0].getsockname()[1])
    with served([link]):
        yield link
    server.close()
    await asyncio.sleep(0.1)  # its connections end


async def test_a_link_passes_on_and_can_be_slow() -> None:
    async with echo() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        link.delay_seconds = 0.2
        began = time.monotonic()
        writer.write(b"pong")
        assert await reader.readexactly(4) == b"pong"
        assert time.monotonic() - began >= 0.4, "late in both directions"
        writer.close()


async def test_a_reset_ends_every_connection_and_new_ones_work() -> None:
    async with echo() as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"ping")
        await reader.readexactly(4)
        link.reset()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"pong")
        assert await reader.readexactly(4) == b"pong"
        writer.close()
