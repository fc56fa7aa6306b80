"""The paths that carry the load, served without the framework's request objects.

Quart takes more than half of the time of placing an order (docs/performance.md); everything that
makes an answer is the same, only routing and the request's wrapping are left out. A body is read
only when it is asked for, so a large one costs nothing before its key was looked at.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from query_api import problems
from query_api.endpoint import Endpoint
from query_api.serving import Reply, Server, told_bytes

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class DirectRequest:
    """A request as ASGI hands it over."""

    def __init__(self, scope: Scope, receive: Receive, max_bytes: int) -> None:
        self._scope = scope
        self._receive = receive
        self._max_bytes = max_bytes

    @cached_property
    def headers(self) -> Mapping[str, str]:
        pairs = self._scope["headers"]
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}

    @property
    def query(self) -> Mapping[str, str]:
        text = self._scope["query_string"]
        return dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True)) if text else {}

    async def body(self) -> bytes:
        if (told_bytes(self.headers) or 0) > self._max_bytes:
            raise problems.too_large(self._max_bytes)
        parts, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise problems.invalid_json("the client left before the body's end")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_bytes:
                raise problems.too_large(self._max_bytes)
            more = message.get("more_body", False)
        return b"".join(parts)


class DirectRoute:
    """An ASGI application that serves some endpoints itself and leaves the rest to another."""

    def __init__(self, others: Application, endpoints: Iterable[Endpoint], server: Server) -> None:
        self._others = others
        self._endpoints = {each.path: each for each in endpoints}
        self._server = server

    def refusal(self, method: bytes, target: bytes) -> bytes | None:
        """The whole HTTP/1.1 response to a request that is refused unread (RFC 9112), or None."""
        endpoint = self._endpoints.get(target.decode("latin-1"))
        if endpoint is None or method.decode("latin-1") != endpoint.method:
            return None
        reply = self._server.refusal(endpoint)
        return None if reply is None else response(reply)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
        if endpoint is None or scope["method"] != endpoint.method:
            await self._others(scope, receive, send)
            return
        request = DirectRequest(scope, receive, endpoint.max_bytes)
        await send_reply(send, await self._server.serve(endpoint, {}, request))


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    told = {**reply.headers, "content-length": str(len(reply.body))}
    return [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in told.items()]


def response(reply: Reply) -> bytes:
    """The reply as a whole HTTP/1.1 response (RFC 9112)."""
    status = HTTPStatus(reply.status)
    head = b"".join(b"%b: %b\r\n" % header for header in _headers(reply))
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (*(status, status.phrase.encode(), head, reply.body),)


async def send_reply(send: Send, reply: Reply) -> None:
    """Answer a request with this."""
    headers = _headers(reply)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
