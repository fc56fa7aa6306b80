"""A client of the feeds without sockets: it speaks ASGI, and reads the frames that were written."""

import asyncio
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from query_api.feeds.service import FeedService
from query_api.feeds.socket import EXTENSION

SECONDS = 5.0


@dataclass
class MemoryOutlet:
    """A transport whose client reads at once, or not at all."""

    reads: bool = True
    written: bytearray = field(default_factory=bytearray)
    unread: int = 0
    closed: tuple[int, str] | None = None
    on_close: Any = None

    def write(self, data: bytes) -> None:
        assert self.closed is None, "written after the end"
        self.written += data
        if not self.reads:
            self.unread += len(data)

    def waiting(self) -> int:
        return self.unread

    def close(self, code: int, reason: str) -> None:
        assert len(reason.encode()) <= 123, "more than a close frame holds"
        if self.closed is None:
            self.closed = (int(code), reason)
            self.on_close()


class FeedClient:
    """A connection to the feeds."""

    every: ClassVar[list["FeedClient"]] = []
    """All that were made."""

    def __init__(self, service: FeedService, path: str, **headers: str) -> None:
        self.every.append(self)
        self.asked: dict[Any, str] = {}
        """Methods by the ids of their requests."""
        self.outlet = MemoryOutlet()
        self.accepted: Any = None
        self.refusal: tuple[int, Any] | None = None
        self._from_client: asyncio.Queue[Any] = asyncio.Queue()
        self._handled = 0
        self._next_id = 0
        self.outlet.on_close = lambda: self._from_client.put_nowait(
            {"type": "websocket.disconnect"}
        )
        address, _, query = path.partition("?")
        offered = headers.pop("subprotocols", "")
        scope = {
            "type": "websocket",
            "path": address,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "subprotocols": [each.strip() for each in offered.split(",") if each],
            "extensions": {EXTENSION: self.outlet},
        }
        self._from_client.put_nowait({"type": "websocket.connect"})
        self._serving = asyncio.create_task(service(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        self._handled += 1
        return await self._from_client.get()

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self.accepted = message
        elif kind == "websocket.http.response.start":
            self.refusal = (message["status"], None)
        elif kind == "websocket.http.response.body":
            assert self.refusal is not None
            self.refusal = (self.refusal[0], json.loads(message["body"]))

    @property
    def messages(self) -> list[Any]:
        """Every message that was written so far."""
        return list(read_frames(bytes(self.outlet.written)))

    @property
    def told(self) -> list[Any]:
        """Every notification so far."""
        return [each for each in self.messages if "method" in each]

    def of(self, method: str) -> list[Any]:
        """The params of every notification of a method."""
        return [each["params"] for each in self.told if each["method"] == method]

    @property
    def cursor(self) -> str:
        """The newest cursor."""
        cursors = [each["params"]["cursor"] for each in self.told if "cursor" in each["params"]]
        return str(cursors[-1])

    @property
    def closed(self) -> int | None:
        return self.outlet.closed and self.outlet.closed[0]

    def send(self, text: str | bytes) -> None:
        name = "text" if isinstance(text, str) else "bytes"
        self._from_client.put_nowait({"type": "websocket.receive", name: text})

    async def settle(self) -> None:
        """Return once everything that was sent is handled."""
        async with asyncio.timeout(SECONDS):
            while not self._serving.done() and not (
                self._from_client.empty() and self._is_waiting()
            ):
                await asyncio.sleep(0)

    def _is_waiting(self) -> bool:
        return bool(self._from_client._getters)  # type: ignore[attr-defined]

    async def ask(self, method: str, **params: Any) -> Any:
        """The answer to a request, whole."""
        self._next_id += 1
        self.asked[self._next_id] = method
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method}
        self.send(json.dumps(request | ({"params": params} if params else {})))
        async with asyncio.timeout(SECONDS):
            while not (
                found := [each for each in self.messages if each.get("id") == self._next_id]
            ):
                assert not self._serving.done() or self.outlet.closed, "no answer"
                await asyncio.sleep(0)
        await self.settle()
        return found[0]

    async def enter(self, key: str, **more: Any) -> Any:
        """Authenticate."""
        return await self.ask("authenticate", key=key, **more)

    async def leave(self) -> None:
        """Go away."""
        self._from_client.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self._serving, SECONDS)


def read_frames(data: bytes) -> Iterator[Any]:
    """The JSON of every text frame."""
    at = 0
    while at < len(data):
        assert data[at] == 0x81, "a whole text message"
        size, at = data[at + 1], at + 2
        if size == 126:
            (size,), at = struct.unpack_from("!H", data, at), at + 2
        elif size == 127:
            (size,), at = struct.unpack_from("!Q", data, at), at + 8
        yield json.loads(data[at : at + size])
        at += size
