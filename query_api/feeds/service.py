"""The feeds as an ASGI application: handshakes, and beside them health, metrics and the document.

WebSockets are served without the framework's request objects: what it keeps for each would be most
of what a connection costs (docs/decisions/0033-feeds.md).
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from prometheus_client import CONTENT_TYPE_LATEST
from quart import Quart, Response

from query_api import json_body, problems, times
from query_api.auth import Authenticator
from query_api.feeds import asyncapi
from query_api.feeds.connection import Close, Connection, FeedLimits, Outlet, Receive, Tally, Text
from query_api.feeds.feed import Keep
from query_api.feeds.log import FeedLog
from query_api.feeds.metrics import FeedMetrics
from query_api.feeds.positions import Kind
from query_api.feeds.socket import EXTENSION
from query_api.feeds.switchboard import Switchboard, every
from query_api.health import FRESH_SECONDS, probed, status_of
from query_api.ports import Cached, Jobs, Ports, Unavailable
from query_api.problems import Problem
from query_api.serving import refused
from query_api.version import VERSION
from schemas.codec import Decoder

SUBPROTOCOL = "gpubroker.v1"
BEARER = "bearer."
REVOKED_EVERY_SECONDS = 0.5
REVOKED_OVERLAP_SECONDS = 10.0
"""Keys revoked so long before the last look are told again: clocks and transactions differ."""
PATHS: Mapping[Kind, "re.Pattern[str]"] = {
    "orders": re.compile(r"/ws/orders/([^/]+)"),
    "telemetry": re.compile(r"/ws/telemetry/([^/]+)"),
    "pricing": re.compile(r"/ws/pricing()"),
    "market": re.compile(r"/ws/market/([^/]+)"),
    "admin": re.compile(r"/ws/admin/control()"),
}
AsgiReceive = Callable[[], Any]
AsgiSend = Callable[[Any], Any]


class Handshake(NamedTuple):
    """What a client wants when it connects."""

    kind: Kind
    argument: str
    key: str | None
    cursor: str | None
    subprotocol: str | None


class FeedService:
    """The application on these ports and logs."""

    def __init__(
        self,
        ports: Ports,
        log: FeedLog,
        jobs: Jobs,
        decoders: Mapping[str, Decoder],
        *,
        limits: FeedLimits,
        keep: Keep,
        origins: frozenset[str],
    ) -> None:
        self.switchboard = Switchboard(ports, log, jobs, decoders, keep)
        authenticator = Authenticator(ports.keys, ports.clock)
        self.tally = Tally(ports, self.switchboard, authenticator, limits, {})
        self._ports = ports
        self._origins = origins
        self._open = 0
        self._revoked_at_seconds = time.monotonic()
        metrics = FeedMetrics(self.tally, self.switchboard, log)
        self._http = _http(ports, metrics)
        self._chores: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Be ready to serve.

        Raises:
            Unavailable: the log cannot be reached.
        """
        await self.switchboard.start()
        parts = every(REVOKED_EVERY_SECONDS, self.part_from_revoked)
        chores = (*self.switchboard.chores(), parts)
        self._chores = [asyncio.create_task(chore) for chore in chores]

    async def stop(self) -> None:
        """End what is done for ever."""
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)

    async def __call__(self, scope: Any, receive: AsgiReceive, send: AsgiSend) -> None:
        if scope["type"] != "websocket":
            await self._http(scope, receive, send)
            return
        await receive()
        try:
            wanted = self._handshake(scope)
        except Problem as problem:
            await _refuse(send, problem)
            return
        await send({"type": "websocket.accept", "subprotocol": wanted.subprotocol, "headers": []})
        self._open += 1
        try:
            await self._serve(scope["extensions"][EXTENSION], wanted, receive)
        finally:
            self._open -= 1

    async def _serve(self, outlet: Outlet, wanted: Handshake, receive: AsgiReceive) -> None:
        connection = Connection(self.tally, outlet, wanted.kind, wanted.argument)
        await connection.serve(_texts(receive), wanted.key, wanted.cursor)

    def _handshake(self, scope: Any) -> Handshake:
        """What the client wants.

        Raises:
            Problem: it is refused before it is a WebSocket.
        """
        origin = next((text for name, text in scope["headers"] if name == b"origin"), None)
        if origin is not None and origin.decode("latin-1") not in self._origins:
            raise problems.forbidden(
                "pages of this origin may not listen (GPUBROKER_FEEDS_ORIGINS)"
            )
        if self._open >= self.tally.limits.connections:
            raise Problem(503, "OVERLOADED", "there are as many connections as this process takes")
        kind, argument = _endpoint(scope["path"])
        offered: list[str] = scope["subprotocols"]
        key = next((each for each in offered if each.startswith(BEARER)), None)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        return Handshake(
            kind,
            argument,
            key.removeprefix(BEARER) if key is not None else None,
            query.get("cursor", [None])[0],
            SUBPROTOCOL if SUBPROTOCOL in offered else None,
        )

    async def part_from_revoked(self) -> None:
        """Close the connections of keys that were revoked, or have expired."""
        now = time.monotonic()
        seconds = now - self._revoked_at_seconds + REVOKED_OVERLAP_SECONDS
        try:
            revoked = set(await self._ports.keys.revoked(seconds))
            self._revoked_at_seconds = now
        except Unavailable:  # nobody can revoke one now
            revoked = set()
        ended = [
            key_id
            for key_id, connections in self.tally.connections.items()
            if key_id in revoked or _has_expired(connections, self._ports.clock.now_ms())
        ]
        for key_id in ended:
            for connection in list(self.tally.connections[key_id]):
                connection.close(Close.UNAUTHORIZED, "the key is revoked or expired")


def _endpoint(path: str) -> tuple[Kind, str]:
    for kind, pattern in PATHS.items():
        if match := pattern.fullmatch(path):
            return kind, match.group(1)
    raise Problem(404, "NOT_FOUND", f"there is no such feed; there are {', '.join(asyncapi.PATHS)}")


def _texts(receive: AsgiReceive) -> Receive:
    async def receive_text() -> Text:
        message = await receive()
        if message["type"] == "websocket.receive":
            return Text(message.get("text"))
        return Text(None, has_left=True)

    return receive_text


def _has_expired(connections: Iterable[Connection], now_ms: int) -> bool:
    principal = next(iter(connections)).principal
    expires_at_ms = principal.expires_at_ms if principal else None
    return expires_at_ms is not None and expires_at_ms <= now_ms


async def _refuse(send: AsgiSend, problem: Problem) -> None:
    """Answer a handshake with a problem."""
    reply = refused(problem)
    headers = [(name.lower().encode(), text.encode()) for name, text in reply.headers.items()]
    start = {"type": "websocket.http.response.start", "status": reply.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": reply.body})


def _http(ports: Ports, metrics: FeedMetrics) -> Quart:
    """What is served besides: /health, /metrics, /asyncapi.json."""
    app = Quart("query_api.feeds", static_folder=None)
    started = time.monotonic()
    states = Cached(lambda: probed(ports.probes), FRESH_SECONDS, ports.clock)
    document = json_body.write(asyncapi.document())

    async def show_health() -> Response:
        dependencies = await states.get()
        status = status_of(dependencies)
        body = {
            "status": status,
            "timestamp": times.told(ports.clock.now_ms()),
            "uptime_seconds": int(time.monotonic() - started),
            "version": VERSION,
            "dependencies": dependencies,
        }
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return Response(json_body.write(body), 503 if status == "down" else 200, headers)

    async def show_metrics() -> Response:
        return Response(metrics.text(), 200, {"Content-Type": CONTENT_TYPE_LATEST})

    async def show_document() -> Response:
        return Response(document, 200, {"Content-Type": "application/json"})

    app.add_url_rule("/health", "health", show_health)
    app.add_url_rule("/metrics", "metrics", show_metrics)
    app.add_url_rule("/asyncapi.json", "asyncapi", show_document)
    return app
