"""HTTP/1.1 as uvicorn reads it, with a bound on what comes before a body, and an early refusal.

A body's length is bounded where it is read. Request line and headers are collected by the parser,
however long they are, before anybody sees them.

An application may have a `refusal(method, path)`: the whole answer of a request that is refused
unread, or None. An overloaded server must say no faster than it is asked; a task and an ASGI cycle
for each refusal would take the time that accepted requests need.
"""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from query_api.direct import response
from query_api.problems import Problem
from query_api.serving import refused

MAX_HEAD_BYTES = 64 * 1024


def _last_word(status: int, code: str, detail: str) -> bytes:
    """A whole response after which the connection ends: what follows cannot be told apart."""
    return response(refused(Problem(status, code, detail, headers={"Connection": "close"})))


TOO_LARGE = _last_word(
    431, "HEADERS_TOO_LARGE", f"request line and headers must be at most {MAX_HEAD_BYTES} bytes"
)
UNREADABLE = _last_word(400, "BAD_REQUEST", "this is not HTTP/1.1 as RFC 9112 has it")


class BoundedProtocol(HttpToolsProtocol):
    """A connection that ends when a request's head has no end, or cannot be read."""

    _head_bytes = 0
    _is_in_head = True
    _refusal: bytes | None = None

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if (
            self._is_in_head
            and self._head_bytes > MAX_HEAD_BYTES
            and not self.transport.is_closing()
        ):
            self.transport.write(TOO_LARGE)
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self.transport.write(UNREADABLE)
        self.transport.close()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._refusal = self._refused()
        if self._refusal is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._refusal is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head, self._head_bytes = True, 0
        if self._refusal is None:
            super().on_message_complete()
        elif not self.transport.is_closing():
            self.transport.write(self._refusal)
            if not self.parser.should_keep_alive():
                self.transport.close()
            self.on_response_complete()

    def _refused(self) -> bytes | None:
        """The answer, if the application refuses this request unread.

        Answers keep the order of their requests, so nothing is refused past one that is at work;
        nor is a client that asks before it sends its body.
        """
        refusal = getattr(self.app, "refusal", None)
        at_work = self.cycle is not None and not self.cycle.response_complete
        if refusal is None or at_work or self.expect_100_continue or self.parser.should_upgrade():
            return None
        answer: bytes | None = refusal(self.parser.get_method(), self.url)
        return answer


PROTOCOL: Final[dict[str, Any]] = {
    "loop": "uvloop",
    "http": BoundedProtocol,
    "access_log": False,
    # Longer than clients keep idle connections: else one sends while we close, without answer.
    "timeout_keep_alive": 75,
    "server_header": False,
    "proxy_headers": False,
}
"""How uvicorn serves the API, whatever the application and its address."""
