"""What uvicorn reads of a connection before the application sees a request."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from query_api.http_protocol import MAX_HEAD_BYTES, BoundedProtocol

REFUSED = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 2\r\n\r\nno"


class App:
    """Answers how long the body was; refuses what is sent to /full."""

    async def __call__(self, scope, receive, send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message["body"])
            more = message["more_body"]
        body = str(size).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def refusal(self, method: bytes, target: bytes) -> bytes | None:
        return REFUSED if (method, target) == (b"POST", b"/full") else None


def post(path: bytes, body: bytes, *headers: bytes) -> bytes:
    head = [b"POST %s HTTP/1.1" % path, b"host: a", b"content-length: %d" % len(body), *headers]
    return b"\r\n".join([*head, b"", body])


@pytest.fixture
async def where(tmp_path: Path) -> AsyncIterator[str]:
    """The Unix socket of a running server."""
    path = str(tmp_path / "http")
    config = uvicorn.Config(
        App(),
        uds=path,
        http=BoundedProtocol,
        lifespan="off",
        log_level="error",
        ws="none",
        proxy_headers=False,
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


@pytest.mark.parametrize("split_at", [5, 60, 70, None])
async def test_what_is_refused_unread_leaves_the_connection_to_the_next(where, split_at):
    sent = post(b"/full", b"x" * 30) + post(b"/", b"12345", b"connection: close")
    parts = [sent] if split_at is None else [sent[:split_at], sent[split_at:]]
    told = await asyncio.wait_for(answers(where, *parts), 5)
    assert told.startswith(REFUSED + b"HTTP/1.1 200")
    assert told.endswith(b"\r\n\r\n5")


async def test_a_refusal_waits_for_the_answers_before_it(where):
    sent = post(b"/", b"123") + post(b"/full", b"1234", b"connection: close")
    told = await asyncio.wait_for(answers(where, sent), 5)
    assert told.count(b"HTTP/1.1 200") == 2, "behind a request at work it is served like any other"


async def test_a_refused_client_that_wants_no_more_is_let_go(where):
    told = await asyncio.wait_for(answers(where, post(b"/full", b"", b"connection: close")), 5)
    assert told == REFUSED


async def test_who_asks_before_sending_a_body_is_answered_by_the_application(where):
    sent = post(b"/full", b"1234", b"expect: 100-continue", b"connection: close")
    told = await asyncio.wait_for(answers(where, sent), 5)
    assert told.startswith(b"HTTP/1.1 100")
    assert told.endswith(b"\r\n\r\n4")
