"""What an endpoint is: data for router, authorisation and openapi.json, and one function."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from query_api.bodies import NoQuery
from query_api.ports import Ports, Principal, Row
from query_api.problems import MAX_BYTES, FieldError
from query_api.quotas import Kind

PREFIX = "/api/v2"


class Answer(NamedTuple):
    """What a call is answered with."""

    status: int
    body: Any
    headers: Mapping[str, str] = {}


@dataclass(slots=True)
class Call:
    """One request, read and authorised."""

    ports: Ports
    principal: Principal
    path: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    query: Any = None
    body: Any = None
    sent: Mapping[str, Any] = field(default_factory=dict)
    """The body as it came, for rules over several fields."""


Urgency = Literal["later", "usual", "now"]
Handler = Callable[[Call], Awaitable[Answer]]
Table = Callable[[Any], list[Row]]
Check = Callable[[Call, frozenset[str]], Awaitable[list[FieldError]]]
"""Rules over several fields or against the catalogue, given the fields that are wrong already."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path."""

    method: str
    path: str
    handle: Handler
    summary: str
    scope: str
    answers: Mapping[int, Any]
    """Types of the answers by status."""
    body: type[BaseModel] | None = None
    query: type[BaseModel] = NoQuery
    check: Check | None = None
    role: str = ""
    """The role that it needs, beside the scope."""
    refusals: tuple[int, ...] = ()
    """Statuses of problems beside those that every endpoint has."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Request headers that it reads, with what they mean."""
    only_asks: bool = False
    """Whether it changes nothing although it is not a GET."""
    max_bytes: int = MAX_BYTES
    """The largest body that it reads; a larger one than usual is for direct routes."""
    is_measured: bool = False
    """Whether numbers of its body are measurements: floats, where others are decimals."""
    table: Table | None = None
    """The rows of an answer, for who wants them as CSV."""
    urgency: Urgency = "usual"
    """When it is shed: what adds an order first, what takes risk away last."""

    @property
    def kind(self) -> Kind:
        """Which quota it spends."""
        return "reads" if self.only_asks or self.method == "GET" else "commands"
