"""From a request to an answer or a problem, whatever brought the request."""

import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from random import choice
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from pydantic import ValidationError

from query_api import csv_body, json_body, problems
from query_api.auth import Authenticator, authorize
from query_api.bodies import errors_of
from query_api.endpoint import Answer, Call, Endpoint
from query_api.metrics import Metrics
from query_api.overload import Gate, LargeBodies
from query_api.ports import OutcomeUnknown, Ports, Unavailable
from query_api.problems import FieldError, Problem
from query_api.rate_limits import RateLimiter

LOG = logging.getLogger(__name__)
JSON = "application/json"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Sent(Protocol):
    """A request as it came."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""
        ...

    @property
    def query(self) -> Mapping[str, str]: ...

    async def body(self) -> bytes:
        """The whole body.

        Raises:
            Problem: 413, it is too large.
        """
        ...


class Reply(NamedTuple):
    """What goes back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Server:
    """Serves endpoints: who calls, may they, what do they send, and what is answered."""

    def __init__(self, ports: Ports, metrics: Metrics) -> None:
        self._ports = ports
        self._metrics = metrics
        self._authenticator = Authenticator(ports.keys, ports.clock)
        self._rates = RateLimiter(ports.quotas, ports.limits.policies, ports.clock)
        self._gate = Gate(ports.room, ports.limits.most_in_flight)
        self._large_bodies = LargeBodies()
        self._shed = [refused(problems.overloaded(each)) for each in problems.OVERLOADED_SECONDS]
        """Written beforehand: refusing must be cheap when there is too much to do."""
        metrics.queues = {
            "requests": lambda: self._gate.in_flight,
            "appends": lambda: ports.backlog.sending,
            "orders": lambda: ports.backlog.waiting,
            "waiting_room": lambda: len(ports.room),
            "window": lambda: int(ports.backlog.window),
            **ports.queues,
        }
        ports.on_order = metrics.count_order
        ports.on_readings = metrics.count_readings
        ports.on_revocation = self._authenticator.forget

    def refusal(self, endpoint: Endpoint) -> Reply | None:
        """The reply to a request that need not be read, as there is no place for it now."""
        if self._gate.has_place(endpoint.urgency):
            return None
        self._metrics.count_refusal("OVERLOADED")
        return choice(self._shed)

    async def serve(self, endpoint: Endpoint, path: Mapping[str, str], sent: Sent) -> Reply:
        """The reply to a request; nothing is raised."""
        if (shed := self.refusal(endpoint)) is not None:
            return shed
        self._gate.enter()
        started = time.perf_counter()
        standing: dict[str, str] = {}
        try:
            answer = await self._answer(endpoint, path, sent, standing)
            reply = told(_as_wanted(answer, endpoint, sent.headers), standing)
        except Exception as error:
            reply = self._refused(problem_of(error), standing)
        finally:
            self._gate.leave()
        seconds = time.perf_counter() - started
        self._metrics.observe(endpoint.method, endpoint.path, reply.status, seconds)
        return reply

    async def admit(self, authorization: str | None) -> Reply | None:
        """The refusal of a request that brings calls in another form; None if it may come in.

        It spends a read of its key; each call that it brings is served, and spends, by itself.
        """
        if not self._gate.has_place("usual"):
            self._metrics.count_refusal("OVERLOADED")
            return choice(self._shed)
        try:
            principal = await self._authenticator.principal(authorization)
            await self._rates.spend(principal, "reads")
        except Exception as error:
            return self._refused(problem_of(error), NO_HEADERS)
        return None

    def _refused(self, problem: Problem, standing: Mapping[str, str]) -> Reply:
        if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
            self._metrics.count_refusal(problem.code)
        return refused(problem, standing)

    async def _answer(
        self, endpoint: Endpoint, path: Mapping[str, str], sent: Sent, standing: dict[str, str]
    ) -> Answer:
        """The answer; the standing is filled with what the key may still ask."""
        headers = sent.headers
        principal = await self._authenticator.principal(headers.get("authorization"))
        standing |= await self._rates.spend(principal, endpoint.kind)
        authorize(endpoint, principal)
        call = Call(self._ports, principal, path, headers)
        with self._large_bodies.held(_large_bytes(endpoint, headers)):
            await _read(call, endpoint, sent)
            return await endpoint.handle(call)


def told(answer: Answer, standing: Mapping[str, str]) -> Reply:
    """An answer as it goes back."""
    headers = {"Content-Type": JSON, **standing, **answer.headers}
    is_written = isinstance(answer.body, bytes)
    return Reply(
        answer.status, headers, answer.body if is_written else json_body.write(answer.body)
    )


def refused(problem: Problem, standing: Mapping[str, str] = NO_HEADERS) -> Reply:
    """A refusal as it goes back."""
    headers = {"Content-Type": problems.CONTENT_TYPE, **standing, **(problem.headers or {})}
    return Reply(problem.status, headers, json_body.write(problem.body()))


def problem_of(error: Exception) -> Problem:
    """What a client is told of an exception; never where it happened."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, OutcomeUnknown):
        return problems.outcome_unknown()
    if isinstance(error, Unavailable):
        return problems.unavailable(error.dependency)
    LOG.error("a request failed", exc_info=error)
    return Problem(500, "INTERNAL_ERROR", "this is a fault of the server; it was written down")


def _as_wanted(answer: Answer, endpoint: Endpoint, headers: Mapping[str, str]) -> Answer:
    """The answer, as CSV if it is a table and the request would rather have that."""
    if endpoint.table is None or not csv_body.is_wanted(headers.get("accept", "")):
        return answer
    kinds = {"Content-Type": csv_body.CONTENT_TYPE, "Vary": "Accept"}
    return Answer(
        answer.status, csv_body.write(endpoint.table(answer.body)), {**answer.headers, **kinds}
    )


async def _read(call: Call, endpoint: Endpoint, sent: Sent) -> None:
    """Read query and body into the call.

    Raises:
        Problem: 400, 413, 415, or 422 with every offending field.
    """
    errors: list[FieldError] = []
    if endpoint.body is not None:
        _require_json(sent.headers.get("content-type", ""))
        call.sent = json_body.read_object(await sent.body(), is_measured=endpoint.is_measured)
        call.body = _validated(endpoint.body, call.sent, errors)
    call.query = _validated(endpoint.query, sent.query, errors)
    if endpoint.check is not None:
        wrong = frozenset(error.pointer.split("/")[1] for error in errors)
        errors += await endpoint.check(call, wrong)
    if errors:
        raise problems.invalid(errors)


def _large_bytes(endpoint: Endpoint, headers: Mapping[str, str]) -> int:
    """Bytes that an endpoint with larger bodies than usual may need for this one."""
    if endpoint.max_bytes == problems.MAX_BYTES:
        return 0
    told = told_bytes(headers)
    return endpoint.max_bytes if told is None else min(told, endpoint.max_bytes)


def told_bytes(headers: Mapping[str, str]) -> int | None:
    """The length that a request says its body has; None if it says none, or no sensible one."""
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _validated(model: Any, values: Mapping[str, Any], errors: list[FieldError]) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors += errors_of(error, model)
        return None


def _require_json(content_type: str) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    if kind != JSON:
        detail = f"Content-Type must be {JSON}, was {kind[:64]!r}"
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", detail)
