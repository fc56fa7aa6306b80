"""The one path that carries the load, served without the framework's request objects.

Quart takes more than half of the time of placing an order (docs/performance.md); everything that
makes an answer is the same, only routing and the request's wrapping are left out.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from query_api import problems
from query_api.endpoint import Endpoint
from query_api.serving import Reply, Server

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class DirectRequest:
    """A request as ASGI hands it over."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive

    @cached_property
    def headers(self) -> Mapping[str, str]:
        pairs = self._scope["headers"]
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}

    @property
    def query(self) -> Mapping[str, str]:
        text = self._scope["query_string"]
        return dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True)) if text else {}

    async def body(self) -> bytes:
        if int(self.headers.get("content-length", "0")) > problems.MAX_BYTES:
            raise problems.too_large()
        parts, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise problems.invalid_json("the client left before the body's end")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > problems.MAX_BYTES:
                raise problems.too_large()
            more = message.get("more_body", False)
        return b"".join(parts)


class DirectRoute:
    """An ASGI application that serves one endpoint itself and leaves the rest to another."""

    def __init__(self, others: Application, endpoint: Endpoint, server: Server) -> None:
        self._others = others
        self._endpoint = endpoint
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["path"] != self._endpoint.path
            or scope["method"] != self._endpoint.method
        ):
            await self._others(scope, receive, send)
            return
        reply = await self._server.serve(self._endpoint, {}, DirectRequest(scope, receive))
        await _send(send, reply)


async def _send(send: Send, reply: Reply) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in reply.headers.items()
    ]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
