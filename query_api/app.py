"""The web application: routes from endpoints, and every refusal as a problem."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path

from quart import Quart, Request, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from query_api import documentation, health, page, problems
from query_api.commands import (
    accounts,
    keys,
    market,
    nodes,
    orders,
    providers,
    snapshots,
    telemetry,
)
from query_api.direct import DirectRoute
from query_api.endpoint import Endpoint
from query_api.metrics import Metrics
from query_api.ports import Ports
from query_api.problems import Problem
from query_api.queries import auth as auth_queries
from query_api.queries import clusters as cluster_queries
from query_api.queries import explain as explain_queries
from query_api.queries import feeds as feed_queries
from query_api.queries import kpis as kpi_queries
from query_api.queries import market as market_queries
from query_api.queries import nodes as node_queries
from query_api.queries import orders as order_queries
from query_api.queries import pricing as pricing_queries
from query_api.queries import providers as provider_queries
from query_api.queries import snapshots as snapshot_queries
from query_api.queries import telemetry as telemetry_queries
from query_api.serving import Reply, Server, problem_of, refused

ENDPOINTS: tuple[Endpoint, ...] = (
    *orders.ENDPOINTS,
    *order_queries.ENDPOINTS,
    *explain_queries.ENDPOINTS,
    *market.ENDPOINTS,
    *market_queries.ENDPOINTS,
    *cluster_queries.ENDPOINTS,
    *pricing_queries.ENDPOINTS,
    *snapshots.ENDPOINTS,
    *snapshot_queries.ENDPOINTS,
    *accounts.ENDPOINTS,
    *providers.ENDPOINTS,
    *provider_queries.ENDPOINTS,
    *nodes.ENDPOINTS,
    *node_queries.ENDPOINTS,
    *telemetry.ENDPOINTS,
    *telemetry_queries.ENDPOINTS,
    *keys.ENDPOINTS,
    *auth_queries.ENDPOINTS,
    *kpi_queries.ENDPOINTS,
    *feed_queries.ENDPOINTS,
)
BUSIEST = (orders.place_order, telemetry.add_batch)
"""What is served without the framework; its paths have no parameters."""
View = Callable[..., Awaitable[Response]]


def create_app(
    ports: Ports,
    metrics: Metrics | None = None,
    origins: Collection[str] = (),
    page_folder: Path = page.BUILT,
) -> Quart:
    """The application on these ports.

    Args:
        ports: everything that it uses.
        metrics: what it counts in; its own if there are none.
        origins: web origins whose pages may speak MCP.
        page_folder: where the web page was built.
    """
    from query_api.mcp import AgentsRoute  # takes long: the package's other processes need it not

    app = Quart("query_api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = problems.MAX_BYTES
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    metrics = metrics or Metrics()
    server = Server(ports, metrics)
    for endpoint in ENDPOINTS:
        _route(app, endpoint, _view(endpoint, server))
    documentation.add_to(app, ENDPOINTS)
    health.add_to(app, ports, metrics)
    page.add_to(app, page_folder, ports.feeds_url)
    app.register_error_handler(Exception, _failed)
    busiest = [each for each in ENDPOINTS if each.handle in BUSIEST]
    others = AgentsRoute(app.asgi_app, server, origins)
    app.asgi_app = DirectRoute(others, busiest, server)  # type: ignore[assignment]
    return app


class FrameworkRequest:
    """A request that came through Quart."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @cached_property
    def headers(self) -> Mapping[str, str]:
        return {name.lower(): value for name, value in self._request.headers}

    @property
    def query(self) -> Mapping[str, str]:
        return self._request.args.to_dict()

    async def body(self) -> bytes:
        try:
            body = await self._request.get_data(cache=False)
        except RequestEntityTooLarge:
            raise problems.too_large() from None
        assert isinstance(body, bytes)
        return body


def _route(app: Quart, endpoint: Endpoint, view: View) -> None:
    rule = endpoint.path.replace("{book_id}", "<book_id>").replace("{", "<uuid:").replace("}", ">")
    name = f"{endpoint.method} {endpoint.path}".replace(".", "_")
    app.add_url_rule(rule, name, view, methods=[endpoint.method], provide_automatic_options=False)


def _view(endpoint: Endpoint, server: Server) -> View:
    async def view(**path: object) -> Response:
        names = {name: str(value) for name, value in path.items()}
        return _response(await server.serve(endpoint, names, FrameworkRequest(request)))

    return view


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers))


async def _failed(error: Exception) -> Response:
    known = _of_http(error) if isinstance(error, HTTPException) else problem_of(error)
    return _response(refused(known))


def _of_http(error: HTTPException) -> Problem:
    """Refusals of the framework: unknown paths and methods."""
    status = error.code or 500
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 408: "TIMEOUT"}
    details = {404: "there is no such path", 405: "this path has not this method"}
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    detail = details.get(status, error.description or "the request cannot be read")
    return Problem(status, codes.get(status, "BAD_REQUEST"), detail, headers=allow)
