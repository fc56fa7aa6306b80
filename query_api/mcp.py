"""The MCP server at `/mcp`: the tools over streamable HTTP, each request by itself.

The protocol is the SDK's. A call of a tool is served as a request to its endpoint is, by the same
`Server`, without a way round over HTTP; a refusal is its problem, as the result of a failed tool.
There are no sessions, so any process of the API serves any request.
"""

import json
from collections.abc import Collection, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import mcp_types as types
from mcp.server import Server as McpServer
from mcp.server.context import ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError

from query_api import problems
from query_api.direct import Application, DirectRequest, Receive, Scope, Send, send_reply
from query_api.problems import FieldError, Problem
from query_api.serving import JSON, Reply, Server, refused
from query_api.tools import INSTRUCTIONS, TOOLS, Tool
from query_api.version import VERSION

PATH = "/mcp"
_BY_NAME = {tool.name: tool for tool in TOOLS}


class AgentsRoute:
    """An ASGI application that serves `/mcp` and leaves the rest to another."""

    def __init__(self, others: Application, server: Server, origins: Collection[str]) -> None:
        """Serve it to programs, and to pages of these web origins."""
        self._others = others
        self._server = server
        self._origins = frozenset(origins)
        self._protocol = protocol(server)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._others(scope, receive, send)
            return
        headers = DirectRequest(scope, receive, problems.MAX_BYTES).headers
        refusal = self._misplaced(scope["method"], headers) or await self._server.admit(
            headers.get("authorization")
        )
        if refusal is not None:
            await send_reply(send, refusal)
            return
        # One manager a request: it holds nothing between requests, so nothing outlives one.
        manager = StreamableHTTPSessionManager(
            self._protocol,
            json_response=True,
            stateless=True,
            max_request_body_size=problems.MAX_BYTES,
        )
        async with manager.run():
            await manager.handle_request(scope, receive, send)

    def _misplaced(self, method: str, headers: Mapping[str, str]) -> Reply | None:
        """The refusal of a page of another origin, or of what only sessions have."""
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            return refused(problems.forbidden(f"pages of the origin {origin[:128]!r} may not call"))
        if method == "POST":
            return None
        detail = f"{PATH} has only POST: there are no sessions and no streams"
        allow = {"Allow": "POST"}
        return refused(Problem(405, "METHOD_NOT_ALLOWED", detail, headers=allow))


def protocol(server: Server) -> McpServer[Any]:
    """The tools as the SDK's server, their calls served by this one."""

    async def list_tools(
        _: ServerRequestContext[Any], __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=list(tool_list()))

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = _BY_NAME.get(params.name)
        if tool is None:
            known = ", ".join(_BY_NAME)
            raise MCPError(types.INVALID_PARAMS, f"no tool {params.name[:64]!r}, only {known}")
        authorization = context.request.headers.get("authorization") if context.request else None
        return _result(await called(server, tool, params.arguments or {}, authorization))

    return McpServer(
        "gpubroker",
        version=VERSION,
        title="GPUBroker",
        description="An open marketplace where GPU time is traded like a commodity.",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


@cache
def tool_list() -> tuple[types.Tool, ...]:
    """The tools as clients are told them."""
    return tuple(
        types.Tool(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            input_schema=tool.input_schema(),
            output_schema=tool.output_schema(),
            annotations=types.ToolAnnotations(
                title=tool.title,
                read_only_hint=tool.is_read_only,
                destructive_hint=not tool.is_read_only,
                idempotent_hint=True,
                open_world_hint=False,
            ),
        )
        for tool in TOOLS
    )


async def called(
    server: Server, tool: Tool, arguments: Mapping[str, Any], authorization: str | None
) -> Reply:
    """The reply of a tool's endpoint to these arguments, with the key of the request."""
    path = {name: arguments[name] for name in tool.path_names if name in arguments}
    wrong = [
        FieldError(f"/{name}", path.get(name), f"required: {name}, a string")
        for name in tool.path_names
        if not isinstance(path.get(name), str)
    ]
    if wrong:
        return refused(problems.invalid(wrong))
    others = {name: value for name, value in arguments.items() if name not in path}
    return await server.serve(tool.endpoint, path, ToolRequest(tool, others, authorization))


class ToolRequest:
    """A tool's arguments as a request to its endpoint."""

    def __init__(self, tool: Tool, arguments: Mapping[str, Any], authorization: str | None) -> None:
        self._has_body = tool.endpoint.body is not None
        self._arguments = arguments
        key = {"authorization": authorization} if authorization else {}
        self.headers: Mapping[str, str] = {"content-type": JSON, **tool.headers, **key}

    @property
    def query(self) -> Mapping[str, str]:
        """The arguments as a query string has them; null is as good as absent."""
        if self._has_body:
            return {}
        given = {name: value for name, value in self._arguments.items() if value is not None}
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in given.items()
        }

    async def body(self) -> bytes:
        return json.dumps(self._arguments).encode()


def _result(reply: Reply) -> types.CallToolResult:
    """A reply as the result of a tool: structured, and the same as text."""
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=reply.body.decode())],
        structured_content=json.loads(reply.body),
        is_error=reply.status >= HTTPStatus.BAD_REQUEST,
    )
