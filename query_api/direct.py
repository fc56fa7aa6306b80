"""The paths that carry the load, served without the framework's request objects.

Quart takes more than half of the time of placing an order (docs/performance.md); everything that
makes an answer is the same, only routing and the request's wrapping are left out. A body is read
only when it is asked for, so a large one costs nothing before its key was looked at.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
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
        if int(self.headers.get("content-length", "0")) > self._max_bytes:
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
        if endpoint is None or scope["method"] != endpoint.method:
            await self._others(scope, receive, send)
            return
        request = DirectRequest(scope, receive, endpoint.max_bytes)
        await _send(send, await self._server.serve(endpoint, {}, request))


async def _send(send: Send, reply: Reply) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in reply.headers.items()
    ]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
