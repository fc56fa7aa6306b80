"""What uvicorn reads of a connection before the application sees a request."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from query_api.http_protocol import MAX_HEAD_BYTES, BoundedProtocol


async def app(scope, receive, send) -> None:
    """Answers how long the body was."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message["body"])
        more = message["more_body"]
    body = str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def where(tmp_path: Path) -> AsyncIterator[str]:
    """The Unix socket of a running server."""
    path = str(tmp_path / "http")
    config = uvicorn.Config(
        app, uds=path, http=BoundedProtocol, lifespan="off", log_level="error", ws="none"
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield path
    server.should_exit = True
    await running


async def answers(where: str, *parts: bytes) -> bytes:
    """All that comes back for what is sent in parts, until the server ends the connection."""
    reader, writer = await asyncio.open_unix_connection(where)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.02)
    told = await reader.read()
    writer.close()
    return told


@pytest.mark.parametrize(
    "parts",
    [
        [b"GET /" + b"x" * MAX_HEAD_BYTES],
        [b"GET / HTTP/1.1\r\n", *[b"a: " + b"x" * 8_000 + b"\r\n"] * 9],
        [b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", b"GET / HTTP/1.1\r\na: " + b"x" * MAX_HEAD_BYTES],
    ],
)
async def test_a_head_without_end_ends_the_connection(where, parts):
    told = await asyncio.wait_for(answers(where, *parts), 5)
    assert b"HTTP/1.1 431 Request Header Fields Too Large" in told


async def test_a_long_body_is_no_head(where):
    sizes = (MAX_HEAD_BYTES * 3, 5)
    parts = [
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n%s\r\n"
        % (size, b"connection: close\r\n" if size == 5 else b"")
        + b"x" * size
        for size in sizes
    ]
    told = await asyncio.wait_for(answers(where, *parts), 5)
    assert told.count(b"HTTP/1.1 200") == 2
    assert told.endswith(b"\r\n\r\n5")
