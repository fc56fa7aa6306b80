"""One connection: who it is, what it asks for, and what is written to it.

Everything is written straight to the transport, whose buffer is the connection's queue: nothing is
copied, and nobody waits for who does not read. When more is in it than may be, the connection is
told so and closed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from query_api import auth, problems, times
from query_api.commands import control
from query_api.feeds import rpc
from query_api.feeds.access import RIGHTS, channel_of, channel_path
from query_api.feeds.channel import Subscription
from query_api.feeds.positions import Kind
from query_api.feeds.rpc import Request, RpcError
from query_api.feeds.switchboard import HEARTBEAT_SECONDS, Switchboard
from query_api.ports import Ports, Principal
from query_api.problems import FieldError, Problem
from query_api.serving import problem_of

MAX_MESSAGE = 16 * 1024
"""Bytes of what a client sends."""
MAX_REASON = 123
"""Bytes of a close's reason: its frame has 125 (RFC 6455, 5.5), two of them the code."""


class Close(IntEnum):
    """Why a connection is closed; the numbers are in docs/feeds.md."""

    UNAVAILABLE = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    NOT_FOUND = 4404
    SILENT = 4408
    TOO_SLOW = 4420


CLOSES = {
    "UNAUTHORIZED": Close.UNAUTHORIZED,
    "FORBIDDEN": Close.FORBIDDEN,
    "NOT_FOUND": Close.NOT_FOUND,
    "DEPENDENCY_UNAVAILABLE": Close.UNAVAILABLE,
    "OVERLOADED": Close.UNAVAILABLE,
    "INTERNAL_ERROR": Close.UNAVAILABLE,
}
"""What closes a connection that is not authenticated yet; anything else is a bad message."""


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """How much a connection may cost."""

    queue_bytes: int = 256 * 1024
    """What may wait for a client to read it."""
    authentication_seconds: float = 5.0
    requests_per_second: float = 20.0
    requests_at_once: float = 100.0
    connections: int = 12_000


class Outlet(Protocol):
    """Where a connection writes to."""

    def write(self, data: bytes, /) -> object:
        """Send whole frames, at once or as soon as the client reads."""
        ...

    def waiting(self) -> int:
        """How many bytes wait for the client to read."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close, once what waits is read or has waited for long; `MAX_REASON` bytes at most."""
        ...


class Closed:
    """The outlet of a connection that is closed."""

    def write(self, data: bytes, /) -> None:
        """Nobody reads it."""

    def waiting(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        """It is closed."""


CLOSED = Closed()


@dataclass(slots=True)
class Tally:
    """What the connections of this process have in common."""

    ports: Ports
    switchboard: Switchboard
    authenticator: auth.Authenticator
    limits: FeedLimits
    connections: dict[str, set["Connection"]]
    """Those that are authenticated, by their key."""
    sent: int = 0
    """Writes of what was told on channels."""
    too_slow: int = 0
    """Connections that were closed for not reading."""


class Text(NamedTuple):
    """What a client sent: None if it was binary, or it has left."""

    text: str | None
    has_left: bool = False


Receive = Callable[[], Awaitable[Text]]


class Refused(Exception):
    """The connection has to end."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Connection:
    """A client on one channel."""

    __slots__ = (
        "_argument",
        "_may_ask",
        "_most",
        "_name",
        "_outlet",
        "_subscription",
        "_tally",
        "_until_seconds",
        "kind",
        "principal",
    )

    def __init__(self, tally: Tally, outlet: Outlet, kind: Kind, argument: str) -> None:
        """A connection to an endpoint, with what its path names (a book, `me`, …)."""
        self._tally = tally
        self._outlet = outlet
        self._argument = argument
        self._name = ""
        self._subscription: Subscription | None = None
        self._most = tally.limits.queue_bytes
        self._may_ask = tally.limits.requests_at_once
        self._until_seconds = 0.0
        self.kind: Kind = kind
        self.principal: Principal | None = None

    # What is written to it

    def deliver(self, data: bytes) -> None:
        """Write what is told on the channel, or part from who does not read."""
        if self._outlet.waiting() > self._most:
            self._part()
        else:
            self._tally.sent += 1
            self._outlet.write(data)

    def close(self, code: Close, reason: str) -> None:
        """Tell nothing more, and close."""
        self._unsubscribe()
        outlet, self._outlet = self._outlet, CLOSED
        outlet.close(code, reason.encode()[:MAX_REASON].decode(errors="ignore"))

    def _part(self) -> None:
        self._tally.too_slow += 1
        bound = self._tally.limits.queue_bytes
        detail = f"more than {bound} bytes wait for you to read them; connect again"
        resync = rpc.notification("resync", {"reason": "too_slow", "detail": detail})
        self._outlet.write(resync)
        self.close(Close.TOO_SLOW, "too slow")

    # What it sends

    async def serve(self, receive: Receive, key: str | None, cursor: str | None) -> None:
        """Serve the connection until it ends.

        Args:
            receive: brings what the client sends.
            key: the key that it came with, if any.
            cursor: from where on it wants to be told, if it said so.
        """
        try:
            await self._welcome(receive, key, cursor)
            while not (sent := await receive()).has_left:
                await self._answer(sent)
        except Refused as refusal:
            self.close(refusal.code, str(refusal))
        finally:
            self._forget()

    async def _welcome(self, receive: Receive, key: str | None, cursor: str | None) -> None:
        """Let it authenticate, and subscribe it.

        Raises:
            Refused: it is not to be served.
        """
        request_id: rpc.Id = None
        try:
            if key is None:
                request_id, key, told_cursor = await self._introduction(receive)
                cursor = told_cursor or cursor
            await self._enter(key, cursor, request_id)
        except RpcError as error:
            self._refuse(error.problem, error.request_id)
        except Refused:
            raise
        except Exception as error:
            self._refuse(problem_of(error), request_id)

    async def _introduction(self, receive: Receive) -> tuple[rpc.Id, str, str | None]:
        try:
            async with asyncio.timeout(self._tally.limits.authentication_seconds):
                sent = await receive()
        except TimeoutError:
            raise Refused(Close.SILENT, "nobody authenticated in time") from None
        request = _read(sent)
        if request.method != "authenticate":
            raise RpcError(problems.unauthorized("authenticate first"), request.id)
        given = _params(request, "key", "cursor?")
        return request.id, given["key"], given.get("cursor")

    async def _enter(self, key: str, cursor: str | None, request_id: rpc.Id) -> None:
        principal = await self._tally.authenticator.principal(f"Bearer {key}")
        rights = RIGHTS[self.kind]
        auth.require(principal, rights.scope, rights.role)
        self._name = await channel_of(self._tally.ports, principal, self.kind, self._argument)
        self.principal = principal
        self._tally.connections.setdefault(principal.key_id, set()).add(self)
        answer = {
            "account_id": principal.account_id,
            "channel": channel_path(self.kind, self._name),
            "resumed": False,
            "heartbeat_seconds": HEARTBEAT_SECONDS,
        }
        await self._subscribe(request_id, cursor, answer)

    def _refuse(self, problem: Problem, request_id: rpc.Id) -> None:
        self._outlet.write(rpc.error(request_id, problem))
        raise Refused(CLOSES.get(problem.code, Close.BAD_MESSAGE), problem.detail)

    async def _answer(self, sent: Text) -> None:
        request_id: rpc.Id = None
        try:
            request = _read(sent)
            request_id = request.id
            if not self._has_credit():
                raise _rate_limited(self._tally.limits)
            await self._do(request)
        except RpcError as error:
            if not self._has_credit():
                raise Refused(Close.BAD_MESSAGE, "too many messages that are no requests") from None
            self.deliver(rpc.error(error.request_id, error.problem))
        except Refused:
            raise
        except Exception as error:
            self.deliver(rpc.error(request_id, problem_of(error)))

    async def _do(self, request: Request) -> None:
        methods = {**METHODS, **(CONTROLS if self.kind == "admin" else {})}
        do = methods.get(request.method)
        if do is None:
            raise rpc.method_not_found(request.method, sorted(methods))
        await do(self, request)

    async def ping(self, request: Request) -> None:
        """Answer with the time."""
        _params(request)
        now_ms = self._tally.ports.clock.now_ms()
        self.deliver(rpc.answer(request.id, {"at": times.told(now_ms)}))

    async def subscribe(self, request: Request) -> None:
        """Begin anew, with a snapshot."""
        _params(request)
        await self._subscribe(request.id, None, {"subscribed": True, "resumed": False})

    async def resume(self, request: Request) -> None:
        """Begin from a cursor on."""
        cursor = _params(request, "cursor")["cursor"]
        await self._subscribe(request.id, cursor, {"subscribed": True, "resumed": False})

    async def unsubscribe(self, request: Request) -> None:
        """Tell nothing more."""
        _params(request)
        self._unsubscribe()
        self.deliver(rpc.answer(request.id, {"subscribed": False}))

    async def control_book(self, request: Request) -> None:
        """Halt or resume a book."""
        book_id = _params(request, "book_id")["book_id"]
        action: Any = request.method
        done = await control.control_book(self._tally.ports, self._known(), action, book_id)
        self.deliver(rpc.answer(request.id, done))

    async def control_account(self, request: Request) -> None:
        """Suspend or resume an account."""
        account_id = _params(request, "account_id")["account_id"]
        action: Any = request.method
        done = await control.control_account(self._tally.ports, self._known(), action, account_id)
        self.deliver(rpc.answer(request.id, done))

    async def authenticate(self, request: Request) -> None:
        """Refuse: it is authenticated."""
        rule = "sent once, as the first message"
        raise rpc.of_params([FieldError("/method", request.method, rule)])

    async def _subscribe(
        self, request_id: rpc.Id, cursor: str | None, answer: dict[str, Any]
    ) -> None:
        """Subscribe and tell what comes first; without an id there is no answer."""
        switchboard = self._tally.switchboard
        joined = await switchboard.join(self, self.kind, self._name, cursor)
        self._unsubscribe()
        self._subscription = joined.subscription
        first = b"".join(joined.frames)
        if request_id is not None:
            answer["resumed"] = joined.is_resumed
            first = rpc.answer(request_id, answer) + first
        self.deliver(first)
        self._most = self._tally.limits.queue_bytes + len(first)

    def _unsubscribe(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            self._tally.switchboard.leave(self.kind, self._name, subscription)

    def _forget(self) -> None:
        self._unsubscribe()
        if self.principal is not None:
            of_key = self._tally.connections.get(self.principal.key_id, set())
            of_key.discard(self)
            if not of_key:
                self._tally.connections.pop(self.principal.key_id, None)

    def _known(self) -> Principal:
        assert self.principal is not None
        return self.principal

    def _has_credit(self) -> bool:
        """Count a message; False if there are too many."""
        limits, now = self._tally.limits, self._tally.ports.clock.now_seconds()
        earned = (now - self._until_seconds) * limits.requests_per_second
        self._may_ask = min(limits.requests_at_once, self._may_ask + earned)
        self._until_seconds = now
        if self._may_ask < 1:
            return False
        self._may_ask -= 1
        return True


Method = Callable[[Connection, Request], Awaitable[None]]
METHODS: Mapping[str, Method] = {
    "authenticate": Connection.authenticate,
    "ping": Connection.ping,
    "resume": Connection.resume,
    "subscribe": Connection.subscribe,
    "unsubscribe": Connection.unsubscribe,
}
CONTROLS: Mapping[str, Method] = {
    "halt_book": Connection.control_book,
    "resume_book": Connection.control_book,
    "suspend_account": Connection.control_account,
    "resume_account": Connection.control_account,
}


def _rate_limited(limits: FeedLimits) -> Problem:
    rate = limits.requests_per_second
    detail = f"at most {rate:g} requests a second are taken on a connection"
    return Problem(429, "RATE_LIMITED", detail)


def _read(sent: Text) -> Request:
    """The request that was sent.

    Raises:
        Refused: the message is binary, or the client has left.
        RpcError: it is no request.
    """
    if sent.text is None:
        raise Refused(Close.BAD_MESSAGE, "messages are text")
    return rpc.read(sent.text.encode())


def _params(request: Request, *names: str) -> dict[str, str]:
    """The request's params, all of them text; a name with a question mark may be missing.

    Raises:
        RpcError: one is missing, or is not known, or is no text.
    """
    known = {name.removesuffix("?"): name.endswith("?") for name in names}
    errors = [
        FieldError(f"/params/{name}", None, "there; it is needed")
        for name, is_optional in known.items()
        if not is_optional and name not in request.params
    ]
    for name, value in request.params.items():
        if name not in known:
            rule = f"UNKNOWN_FIELD: known are {', '.join(known) or 'none'}"
            errors.append(FieldError(f"/params/{name[:64]}", value, rule))
        elif not isinstance(value, str):
            errors.append(FieldError(f"/params/{name}", value, "text"))
    if errors:
        raise RpcError(rpc.of_params(errors), request.id)
    return dict(request.params)
