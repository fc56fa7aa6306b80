"""WebSockets as uvicorn serves them, with a way to write frames that are encoded already.

ASGI's `send` encodes a message anew for each connection, and waits while its client does not read.
Feeds write the same frame to thousands of connections and wait for none, so they are handed the
transport, in the scope's extensions.
"""

import socket
from asyncio import BaseTransport
from collections.abc import Callable

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

EXTENSION = "gpubroker.outlet"
SEND_BUFFER = 64 * 1024
"""What the kernel keeps for a client that does not read, about twice; by itself it would go up to
some megabytes, of which nobody is told."""
LINGER_SECONDS = 10.0
"""How long a connection that is closed may take to read what waits for it."""


class SocketOutlet:
    """The port `Outlet` on a connection."""

    __slots__ = ("_socket", "waiting", "write")

    def __init__(self, socket: "FeedSocket") -> None:
        self._socket = socket
        self.write: Callable[[bytes], object] = socket.transport.write
        self.waiting: Callable[[], int] = socket.transport.get_write_buffer_size

    def close(self, code: int, reason: str) -> None:
        """Close, once what waits is read, or after `LINGER_SECONDS`."""
        self._socket.part(code, reason)


class FeedSocket(WebSocketsSansIOProtocol):
    """A connection whose application may write to its transport."""

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        own: socket.socket = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            self.scope["extensions"][EXTENSION] = SocketOutlet(self)  # type: ignore[assignment]

    def part(self, code: int, reason: str) -> None:
        """Send a close frame after what was written, and end; also if nobody reads it."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
