"""The web application: routes from endpoints, and every refusal as a problem."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import ValidationError
from quart import Quart, Request, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from query_api import documentation, health, json_body, problems
from query_api.auth import Authenticator, authorize
from query_api.bodies import errors_of
from query_api.commands import accounts, keys, market, nodes, orders, providers
from query_api.endpoint import Answer, Call, Endpoint
from query_api.metrics import Metrics
from query_api.ports import OutcomeUnknown, Ports, Unavailable
from query_api.problems import FieldError, Problem
from query_api.queries import auth as auth_queries
from query_api.queries import market as market_queries
from query_api.queries import nodes as node_queries
from query_api.queries import orders as order_queries
from query_api.queries import providers as provider_queries

LOG = logging.getLogger(__name__)
ENDPOINTS: tuple[Endpoint, ...] = (
    *orders.ENDPOINTS,
    *order_queries.ENDPOINTS,
    *market.ENDPOINTS,
    *market_queries.ENDPOINTS,
    *accounts.ENDPOINTS,
    *providers.ENDPOINTS,
    *provider_queries.ENDPOINTS,
    *nodes.ENDPOINTS,
    *node_queries.ENDPOINTS,
    *keys.ENDPOINTS,
    *auth_queries.ENDPOINTS,
)
View = Callable[..., Awaitable[Response]]


def create_app(ports: Ports) -> Quart:
    """The application on these ports."""
    app = Quart("query_api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = json_body.MAX_BYTES
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.strict_slashes = False
    metrics = Metrics()
    authenticator = Authenticator(ports.keys, ports.clock)
    ports.on_order = metrics.count_order
    ports.on_revocation = authenticator.forget
    for endpoint in ENDPOINTS:
        _route(app, endpoint, _view(endpoint, ports, authenticator, metrics))
    documentation.add_to(app, ENDPOINTS)
    health.add_to(app, ports, metrics)
    app.register_error_handler(Exception, _failed)
    return app


def _route(app: Quart, endpoint: Endpoint, view: View) -> None:
    rule = endpoint.path.replace("{", "<").replace("}", ">")
    name = f"{endpoint.method} {endpoint.path}".replace(".", "_")
    app.add_url_rule(rule, name, view, methods=[endpoint.method], provide_automatic_options=False)


def _view(endpoint: Endpoint, ports: Ports, authenticator: Authenticator, metrics: Metrics) -> View:
    async def view(**path: str) -> Response:
        started = time.perf_counter()
        try:
            answer = await _answer(endpoint, ports, authenticator, path, request)
            response = respond(answer)
        except Exception as error:
            response = await _failed(error)
        seconds = time.perf_counter() - started
        metrics.observe(endpoint.method, endpoint.path, response.status_code, seconds)
        return response

    return view


async def _answer(
    endpoint: Endpoint,
    ports: Ports,
    authenticator: Authenticator,
    path: Mapping[str, str],
    sent: Request,
) -> Answer:
    principal = await authenticator.principal(sent.headers.get("Authorization"))
    authorize(endpoint, principal)
    call = Call(ports, principal, path, sent.headers)
    await _read(call, endpoint, sent)
    return await endpoint.handle(call)


async def _read(call: Call, endpoint: Endpoint, sent: Request) -> None:
    """Read query and body into the call.

    Raises:
        Problem: 400, 413, 415, or 422 with every offending field.
    """
    errors: list[FieldError] = []
    if endpoint.body is not None:
        call.sent = json_body.read_object(await _json_bytes(sent))
        call.body = _validated(endpoint.body, call.sent, errors)
    call.query = _validated(endpoint.query, sent.args.to_dict(), errors)
    if endpoint.check is not None:
        wrong = frozenset(error.pointer.split("/")[1] for error in errors)
        errors += await endpoint.check(call, wrong)
    if errors:
        raise problems.invalid(errors)


def _validated(model: Any, values: Mapping[str, Any], errors: list[FieldError]) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors += errors_of(error, model)
        return None


async def _json_bytes(sent: Request) -> bytes:
    if sent.mimetype != "application/json":
        detail = f"Content-Type must be application/json, was {sent.mimetype[:64]!r}"
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", detail)
    body = await sent.get_data(cache=False)
    assert isinstance(body, bytes)
    return body


def respond(answer: Answer) -> Response:
    """The answer as HTTP."""
    return Response(
        json_body.write(answer.body),
        answer.status,
        {"Content-Type": "application/json", **answer.headers},
    )


async def _failed(error: Exception) -> Response:
    problem = problem_of(error)
    headers = {"Content-Type": problems.CONTENT_TYPE, **(problem.headers or {})}
    return Response(json_body.write(problem.body()), problem.status, headers)


def problem_of(error: Exception) -> Problem:
    """What a client is told of an exception; never where it happened."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, OutcomeUnknown):
        return problems.outcome_unknown()
    if isinstance(error, Unavailable):
        return problems.unavailable(error.dependency)
    if isinstance(error, HTTPException):
        return _of_http(error)
    LOG.error("a request failed", exc_info=error)
    return Problem(500, "INTERNAL_ERROR", "this is a fault of the server; it was written down")


def _of_http(error: HTTPException) -> Problem:
    """Refusals of the framework: unknown paths and methods, bodies that are too large."""
    status = error.code or 500
    if isinstance(error, RequestEntityTooLarge):
        return Problem(413, "TOO_LARGE", f"a body must be at most {json_body.MAX_BYTES} bytes")
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 408: "TIMEOUT"}
    details = {404: "there is no such path", 405: "this path has not this method"}
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    detail = details.get(status, error.description or "the request cannot be read")
    return Problem(status, codes.get(status, "BAD_REQUEST"), detail, headers=allow)
