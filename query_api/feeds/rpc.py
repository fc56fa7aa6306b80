"""JSON-RPC 2.0: requests of clients read strictly, answers and notifications written.

https://www.jsonrpc.org/specification; what we leave out (batches, requests without an id) and our
own codes are in docs/feeds.md.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from query_api import json_body
from query_api.feeds import frames
from query_api.problems import FieldError, Problem

VERSION: Final = "2.0"
MAX_ID: Final = 128
"""Characters of a request's id, or digits."""
CODES: Final = {
    "INVALID_JSON": -32700,
    "INVALID_REQUEST": -32600,
    "METHOD_NOT_FOUND": -32601,
    "INVALID_PARAMS": -32602,
    "UNKNOWN_FIELD": -32602,
    "INTERNAL_ERROR": -32603,
    "UNAUTHORIZED": -32001,
    "FORBIDDEN": -32003,
    "NOT_FOUND": -32004,
    "RATE_LIMITED": -32029,
    "OVERLOADED": -32029,
    "DEPENDENCY_UNAVAILABLE": -32050,
    "OUTCOME_UNKNOWN": -32051,
}
"""The codes of errors by the stable codes of problems."""
Id = str | int | None


class Request(NamedTuple):
    """What a client asks for."""

    id: Id
    method: str
    params: Mapping[str, Any]


class RpcError(Exception):
    """A refusal, with the id of the request as far as it can be read."""

    def __init__(self, problem: Problem, request_id: Id = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.request_id = request_id


def read(message: bytes) -> Request:
    """The request in a message.

    Raises:
        RpcError: it is none.
    """
    try:
        sent = json_body.read_object(message)
    except Problem as problem:
        is_batch = message.lstrip()[:1] == b"["
        raise RpcError(
            _invalid_request("a batch; send one by one") if is_batch else problem
        ) from None
    request_id = sent.get("id")
    if not _is_id(request_id):
        rule = f"an id, a string or whole number of at most {MAX_ID} characters"
        raise RpcError(_invalid_request("/id", request_id, rule))
    return Request(request_id, *_called(sent, request_id))


def answer(request_id: Id, result: Any) -> bytes:
    """The frame that answers a request."""
    body = {"jsonrpc": VERSION, "id": request_id, "result": result}
    return frames.text(json_body.write(body))


def error(request_id: Id, problem: Problem) -> bytes:
    """The frame that refuses a request."""
    code = CODES.get(problem.code, CODES["INTERNAL_ERROR"])
    data = {"code": problem.code, "errors": [each.told() for each in problem.errors]}
    body = {"code": code, "message": problem.detail, "data": data}
    return frames.text(json_body.write({"jsonrpc": VERSION, "id": request_id, "error": body}))


def notification(method: str, params: Mapping[str, Any]) -> bytes:
    """The frame of a notification that has no cursor."""
    body = {"jsonrpc": VERSION, "method": method, "params": params}
    return frames.text(json_body.write(body))


def opened(method: str, params: Mapping[str, Any]) -> bytes:
    """A notification up to its cursor, which is the last of its params; `closed` completes it."""
    told = json_body.write(params)
    comma = b"," if params else b""
    return b'{"jsonrpc":"2.0","method":"%b","params":%b%b"cursor":"' % (
        *(method.encode(), told[:-1], comma),
    )


def closed(body: bytes, cursor: bytes) -> bytes:
    """The frame of a notification with its cursor."""
    return frames.text(body + cursor + b'"}}')


def invalid_params(pointer: str, value: Any, rule: str) -> Problem:
    """A param that cannot be taken."""
    return of_params([FieldError(f"/params/{pointer}", value, rule)])


def of_params(errors: list[FieldError]) -> Problem:
    """Params that cannot be taken, each named."""
    only_unknown = all(each.rule.startswith("UNKNOWN_FIELD") for each in errors)
    names = ", ".join(each.pointer for each in errors)[:500]
    code = "UNKNOWN_FIELD" if only_unknown else "INVALID_PARAMS"
    return Problem(422, code, f"params cannot be taken: {names}", errors)


def method_not_found(method: str, known: list[str]) -> Problem:
    """A method that this endpoint has not."""
    rule = f"one of {', '.join(known)}"
    error = FieldError("/method", method, rule)
    return Problem(404, "METHOD_NOT_FOUND", f"method must be {rule}, was {method[:64]!r}", [error])


def _called(sent: Mapping[str, Any], request_id: Id) -> tuple[str, Mapping[str, Any]]:
    method, params = sent.get("method"), sent.get("params", {})
    if sent.get("jsonrpc") != VERSION:
        raise RpcError(_invalid_request("/jsonrpc", sent.get("jsonrpc"), '"2.0"'), request_id)
    if not isinstance(method, str):
        raise RpcError(_invalid_request("/method", method, "the name of a method"), request_id)
    if unknown := sorted(sent.keys() - {"jsonrpc", "id", "method", "params"}):
        rule = "UNKNOWN_FIELD: a request has jsonrpc, id, method, params"
        value = sent[unknown[0]]
        raise RpcError(_invalid_request(f"/{unknown[0][:64]}", value, rule), request_id)
    if not isinstance(params, dict):
        problem = of_params([FieldError("/params", params, "an object of params by name")])
        raise RpcError(problem, request_id)
    return method, params


def _is_id(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    return len(value) <= MAX_ID if isinstance(value, str) else abs(value) < 2**63


def _invalid_request(pointer: str, value: Any = None, rule: str = "") -> Problem:
    if not rule:
        return Problem(400, "INVALID_REQUEST", f"not a request: {pointer}")
    error = FieldError(pointer, value, rule)
    return Problem(400, "INVALID_REQUEST", f"not a request: {pointer} must be {rule}", [error])
