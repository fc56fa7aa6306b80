"""Refusals as RFC 9457 problems, each with a stable type and code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from math import isfinite
from random import choice
from typing import Any, NamedTuple

from query_api.quotas import Policy

CONTENT_TYPE = "application/problem+json"
MAX_BYTES = 256 * 1024
"""The largest body that is read, where an endpoint says nothing else."""
LONGEST_VALUE = 200
"""Characters of an offending value that are told back."""
OVERLOADED_SECONDS = (1, 2, 3)
"""Clients of an overloaded market are told to wait one of these, not all the same."""


class FieldError(NamedTuple):
    """One offending field: where, what was sent, and the rule that it breaks."""

    pointer: str
    value: Any
    rule: str

    def told(self) -> dict[str, Any]:
        return {"pointer": self.pointer, "value": shortened(self.value), "rule": self.rule}


@dataclass(eq=False)
class Problem(Exception):
    """A refusal: what the client is told, instead of an answer."""

    status: int
    code: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] | None = None

    def body(self) -> dict[str, Any]:
        return {
            "type": f"urn:gpubroker:problem:{self.code.lower().replace('_', '-')}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "errors": [error.told() for error in self.errors],
        }


def not_found(what: str, name: str) -> Problem:
    """404: unknown and foreign alike."""
    return Problem(404, "NOT_FOUND", f"there is no {what} {name[:64]!r} of this account")


def forbidden(detail: str, code: str = "FORBIDDEN") -> Problem:
    """403: the key is known, and may not do this."""
    return Problem(403, code, detail)


def unauthorized(detail: str) -> Problem:
    """401: no key, or none that is known."""
    challenge = {"WWW-Authenticate": 'Bearer realm="gpubroker"'}
    return Problem(401, "UNAUTHORIZED", detail, headers=challenge)


def conflict(code: str, detail: str) -> Problem:
    """409, with the code of the book, the account or the registry."""
    return Problem(409, code, detail)


def invalid_json(detail: str) -> Problem:
    """400: the body is not JSON as we read it."""
    return Problem(400, "INVALID_JSON", detail)


def too_large(most: int = MAX_BYTES) -> Problem:
    """413: more than any body of this kind has."""
    return Problem(413, "TOO_LARGE", f"a body must be at most {most} bytes")


def invalid(errors: Sequence[FieldError]) -> Problem:
    """422, with every offending field."""
    only_unknown = all(error.rule.startswith("UNKNOWN_FIELD") for error in errors)
    names = ", ".join(error.pointer for error in errors)[:500]
    return Problem(
        422,
        "UNKNOWN_FIELD" if only_unknown else "INVALID_FIELD",
        f"{len(errors)} field{'s' if len(errors) > 1 else ''} cannot be taken: {names}",
        errors,
    )


def rate_limited(policy: Policy, seconds: int, headers: Mapping[str, str]) -> Problem:
    """429 of a key or account that asks more than its policy allows."""
    detail = (
        f"the policy {policy.name} allows {policy.quota} requests in {policy.window_seconds} s; "
        f"there is another in {seconds} s at most"
    )
    return Problem(429, "RATE_LIMITED", detail, headers={"Retry-After": str(seconds), **headers})


def overloaded(seconds: int | None = None) -> Problem:
    """429 of a market that has as much to do as it can in time; nothing was asked of the log."""
    seconds = seconds or choice(OVERLOADED_SECONDS)
    detail = (
        "the market is at its limit, so this was not taken and nothing was changed; "
        f"send it again in {seconds} s"
    )
    return Problem(429, "OVERLOADED", detail, headers={"Retry-After": str(seconds)})


def unavailable(dependency: str, detail: str = "") -> Problem:
    """503, naming the server that is missing."""
    words = detail or (
        f"{dependency} cannot be reached or does not answer in time; "
        "nothing was changed by this request"
    )
    return Problem(503, "DEPENDENCY_UNAVAILABLE", words, headers={"Retry-After": "1"})


def outcome_unknown() -> Problem:
    """503 of a command that may or may not be in the log."""
    detail = (
        "the log (kafka) did not confirm the command in time: its outcome is unknown; "
        "sending it again with the same key is safe"
    )
    return Problem(503, "OUTCOME_UNKNOWN", detail, headers={"Retry-After": "1"})


def shortened(value: Any) -> Any:
    """An offending value as it is told back: JSON, and not longer than `LONGEST_VALUE`."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Decimal) or (isinstance(value, float) and not isfinite(value)):
        return shortened(str(value))
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    words = value if isinstance(value, str) else _words(value)
    return words if len(words) <= LONGEST_VALUE else words[:LONGEST_VALUE] + "…"


def _words(value: Any) -> str:
    if isinstance(value, int):
        return f"an integer of {value.bit_length()} bits"
    return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
