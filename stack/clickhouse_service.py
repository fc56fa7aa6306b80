"""ClickHouse's HTTP interface over the engine in this process.

As much of the interface as clients use: queries in the URL or the body, parameters, inserts in any
input format, compression both ways, `X-ClickHouse-*` headers, and errors as ClickHouse tells them.
There are two users: a writer, who may do everything, and an analyst, who may read.
"""

import asyncio
import base64
import binascii
import gzip
import hmac
import json
import math
import os
import re
import time
import uuid
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import lz4.frame  # type: ignore[import-untyped]
import uvicorn
import zstandard
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from schemas.settings import Settings, from_environment
from stack.analyst_gate import ACCESS_DENIED, Gate, denied
from stack.analyst_rules import Refused
from stack.clickhouse_engine import Answer, Engine, EngineError, Lane, Query
from stack.clickhouse_text import (
    is_read,
    is_single,
    output_format,
    split_insert,
    tokens,
)

DEFAULT_FORMAT = "TabSeparated"
# Query parameters of the interface itself; every other one is a setting of the statement.
TRANSPORT = frozenset(
    {
        "add_http_cors_header",
        "buffer_size",
        "client_protocol_version",
        "close_session",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_zlib_compression_level",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    }
)
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
COMPRESS_FROM_BYTES = 1024

ANALYSTS_WAITING = 8
"""Statements of analysts that may wait for one session, the running one included."""
READS_WAITING = 32
"""Statements of the writer that may wait for the session that reads, the running one included."""
STATEMENT_BYTES = 1 << 20

SYNTAX_ERROR, UNKNOWN_SETTING, TOO_MANY_QUERIES, AUTHENTICATION_FAILED = 62, 115, 202, 516
TIMEOUT_EXCEEDED, CANNOT_DECOMPRESS = 159, 271
# ClickHouse's HTTP status by error code; every other error is a 500.
STATUSES = {
    **dict.fromkeys((192, 193, ACCESS_DENIED, AUTHENTICATION_FAILED), 403),
    194: 401,
    # What cannot be parsed.
    **dict.fromkeys((6, 25, 26, 27, 38, 41, 53, 62, 72, 117, 130, 168, 457), 400),
    # What is not known: table, function, identifier, type, storage, database, setting, format.
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115), 404),
    48: 501,
    TIMEOUT_EXCEEDED: 408,
    TOO_MANY_QUERIES: 429,
    209: 503,
    CANNOT_DECOMPRESS: 400,
}


@dataclass(frozen=True, slots=True)
class Account:
    """One of the two users."""

    name: str
    password: str
    may_write: bool


class Service:
    """The requests of the interface, against one engine."""

    def __init__(self, engine: Engine, accounts: tuple[Account, ...]) -> None:
        self._engine = engine
        self._accounts = {account.name: account for account in accounts}
        self._gate = Gate()

    async def ping(self, request: Request) -> Response:
        """`GET /ping`."""
        return PlainTextResponse("Ok.\n")

    async def root(self, request: Request) -> Response:
        """A statement, in `query`, in the body, or begun in one and continued in the other."""
        try:
            return await self._answer(request)
        except EngineError as error:
            return _problem(error)

    async def _answer(self, request: Request) -> Response:
        account = self._account(request)
        body = await (_body(request) if account.may_write else _short_body(request))
        statement = _statement(request, body)
        if not statement.strip():
            return PlainTextResponse("Ok.\n")
        query = _query(request, statement)
        answer = await self._run(account, statement, query)
        return _response(request, query, answer)

    async def _run(self, account: Account, statement: bytes, query: Query) -> Answer:
        insert = split_insert(statement)
        if not insert and not is_single(statement):
            raise EngineError(SYNTAX_ERROR, _text(SYNTAX_ERROR, "Multi-statements are not allowed"))
        if not account.may_write:
            if insert:
                raise denied(Refused("INSERT", "statements"))
            return await self._read_for_analyst(query)
        if insert:
            return await self._engine.write.do(lambda lane: lane.insert(insert, query))
        if _is_of_session(statement):
            return Answer(b"")
        if is_read(statement):
            return await self._read(query)
        try:
            return await self._engine.write.do(lambda lane: lane.query(query))
        finally:
            self._gate.forget()

    async def _read(self, query: Query) -> Answer:
        """A statement of the writer that reads, unless its wait alone took longer than it may."""
        last_at = time.monotonic() + _most_seconds(query)

        def work(lane: Lane) -> Answer:
            if time.monotonic() > last_at:
                raise EngineError(TIMEOUT_EXCEEDED, _text(TIMEOUT_EXCEEDED, "Waited too long"))
            return lane.query(query)

        return await _with_room(self._engine.read, READS_WAITING).do(work)

    async def _read_for_analyst(self, query: Query) -> Answer:
        """An analyst's statement, as the gate lets it pass."""
        lane = _with_room(self._engine.analyst, ANALYSTS_WAITING)
        return await lane.do(lambda lane: lane.query(self._gate.passed(lane, query)))

    def _account(self, request: Request) -> Account:
        name, password = _credentials(request)
        account = self._accounts.get(name)
        # Compared even for an unknown user, so that time does not tell who exists.
        expected = account.password if account else ""
        same = hmac.compare_digest(password.encode(), expected.encode())
        if account is None or not same:
            raise EngineError(
                AUTHENTICATION_FAILED,
                _text(
                    AUTHENTICATION_FAILED,
                    f"{name}: Authentication failed: password is incorrect, or there is no user"
                    " with such name.",
                ),
            )
        return account


def _with_room(lane: Lane, most: int) -> Lane:
    """The lane, if fewer statements than that wait for it."""
    if lane.waiting >= most:
        raise EngineError(TOO_MANY_QUERIES, _text(TOO_MANY_QUERIES, "Too many queries wait"))
    return lane


def _most_seconds(query: Query) -> float:
    """How long a statement may take as it says itself, where 0 is any time."""
    try:
        return float(query.settings.get("max_execution_time", 0)) or math.inf
    except ValueError:  # the engine will say so
        return math.inf


def _credentials(request: Request) -> tuple[str, str]:
    """User and password, from the headers of ClickHouse, Basic authorisation or the URL."""
    headers, url = request.headers, request.query_params
    if "x-clickhouse-user" in headers:
        return headers["x-clickhouse-user"], headers.get("x-clickhouse-key", "")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return name, password
    return url.get("user", "default"), url.get("password", "")


async def _body(request: Request) -> bytes:
    body = await request.body()
    encoding = request.headers.get("content-encoding", "").lower()
    if not encoding or not body:
        return body
    try:
        return await asyncio.to_thread(_decompress, encoding, body)
    except (OSError, EOFError, ValueError, zlib.error, RuntimeError, zstandard.ZstdError) as error:
        raise EngineError(
            CANNOT_DECOMPRESS, _text(CANNOT_DECOMPRESS, f"cannot decompress {encoding}: {error}")
        ) from None


async def _short_body(request: Request) -> bytes:
    """An analyst's statement: never unpacked, and read no further than it may be long."""
    if encoding := request.headers.get("content-encoding"):
        raise denied(Refused(f"content-encoding {encoding}", "size"))
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > STATEMENT_BYTES:
            raise denied(Refused("a statement this long", "size"))
    return body


def _decompress(encoding: str, body: bytes) -> bytes:
    match encoding:
        case "gzip":
            return gzip.decompress(body)
        case "deflate":
            return zlib.decompress(body)
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(body)
        case "lz4":
            return bytes(lz4.frame.decompress(body))
    raise ValueError("known encodings are gzip, deflate, zstd and lz4")


def _statement(request: Request, body: bytes) -> bytes:
    """The whole statement; a body continues what the URL began, on a new line."""
    begun = request.query_params.get("query", "").encode()
    return b"\n".join(part for part in (begun, body) if part)


def _query(request: Request, statement: bytes) -> Query:
    url, headers = request.query_params, request.headers
    wanted = url.get("default_format") or headers.get("x-clickhouse-format") or DEFAULT_FORMAT
    text = "" if split_insert(statement) else _decoded(statement)
    return Query(
        text=text.strip().removesuffix(";"),
        format=(None if not text else output_format(statement)) or wanted,
        parameters={k[6:]: v for k, v in url.items() if k.startswith("param_")},
        settings=_settings(url),
        database=url.get("database") or headers.get("x-clickhouse-database") or "default",
    )


def _decoded(statement: bytes) -> str:
    try:
        return statement.decode()
    except UnicodeDecodeError as error:
        raise EngineError(SYNTAX_ERROR, _text(SYNTAX_ERROR, f"not UTF-8: {error}")) from None


def _settings(url: Mapping[str, str]) -> dict[str, str]:
    names = [k for k in url if k not in TRANSPORT and not k.startswith("param_")]
    for name in names:
        if not _SETTING.match(name):
            raise EngineError(
                UNKNOWN_SETTING, _text(UNKNOWN_SETTING, f"Setting {name!r} is neither a builtin")
            )
    return {name: url[name] for name in names}


def _is_of_session(statement: bytes) -> bool:
    """Whether it only changes a session; each statement has its own, so nothing of it is left."""
    first = next(tokens(statement), None)
    return first is not None and first.is_word("SET", "USE")


def _response(request: Request, query: Query, answer: Answer) -> Response:
    body, encoding = _compressed(request, answer.body)
    summary = {
        "read_rows": answer.read_rows,
        "read_bytes": answer.read_bytes,
        "written_rows": answer.written_rows,
        "written_bytes": answer.written_bytes,
        "elapsed_ns": int(answer.elapsed_seconds * 1e9),
    }
    headers = {
        "X-ClickHouse-Summary": json.dumps({key: str(value) for key, value in summary.items()}),
        "X-ClickHouse-Query-Id": request.query_params.get("query_id") or str(uuid.uuid4()),
        "X-ClickHouse-Server-Display-Name": "gpubroker",
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Format": query.format,
        **({"Content-Encoding": encoding} if encoding else {}),
    }
    return Response(body, headers=headers, media_type=_media_type(query.format))


def _media_type(output: str) -> str:
    if output.startswith("JSON"):
        return "application/json; charset=UTF-8"
    if output in ("TabSeparated", "TSV"):
        return "text/tab-separated-values; charset=UTF-8"
    return "application/octet-stream"


def _compressed(request: Request, body: bytes) -> tuple[bytes, str]:
    """The body as the client wants it, when it asked as ClickHouse wants to be asked."""
    if (
        request.query_params.get("enable_http_compression") != "1"
        or len(body) < COMPRESS_FROM_BYTES
    ):
        return body, ""
    accepted = request.headers.get("accept-encoding", "")
    offered = [part.split(";")[0].strip().lower() for part in accepted.split(",")]
    if "lz4" in offered:
        return lz4.frame.compress(body), "lz4"
    if "zstd" in offered:
        return zstandard.ZstdCompressor(level=1).compress(body), "zstd"
    if "gzip" in offered:
        return gzip.compress(body, compresslevel=1), "gzip"
    return body, ""


def _problem(error: EngineError) -> Response:
    return PlainTextResponse(
        f"{error}\n",
        status_code=STATUSES.get(error.code, 500),
        headers={"X-ClickHouse-Exception-Code": str(error.code)},
    )


_NAMES = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    UNKNOWN_SETTING: "UNKNOWN_SETTING",
    TOO_MANY_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    TIMEOUT_EXCEEDED: "TIMEOUT_EXCEEDED",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
}


def _text(code: int, message: str) -> str:
    """An error of ours, worded as ClickHouse words its own."""
    return f"Code: {code}. DB::Exception: {message}. ({_NAMES[code]})"


def application(folder: Path, accounts: tuple[Account, ...]) -> Starlette:
    """The ASGI application over a data folder."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        folder.mkdir(parents=True, exist_ok=True)
        engine = Engine(folder)
        service = Service(engine, accounts)
        app.router.routes += [
            Route("/ping", service.ping, methods=["GET"]),
            Route("/replicas_status", service.ping, methods=["GET"]),
            Route("/", service.root, methods=["GET", "POST"]),
        ]
        yield
        await asyncio.to_thread(engine.close)

    return Starlette(lifespan=lifespan)


def accounts(settings: Settings) -> tuple[Account, ...]:
    """The writer and the analyst, as the settings name them."""
    writer = Account(settings.text("CLICKHOUSE_USER"), settings.text("CLICKHOUSE_PASSWORD"), True)
    analyst = Account(
        settings.text("CLICKHOUSE_ANALYST_USER"),
        settings.text("CLICKHOUSE_ANALYST_PASSWORD"),
        False,
    )
    return writer, analyst


def main() -> None:
    """Serves until it is told to stop.

    It works in an empty folder: to the engine a file of its working folder is a table.
    """
    settings = from_environment()
    folder = settings.path("HOME") / "clickhouse"
    empty = settings.path("HOME") / "clickhouse-empty"
    empty.mkdir(parents=True, exist_ok=True)
    os.chdir(empty)
    uvicorn.run(
        application(folder, accounts(settings)),
        host=settings.text("HOST"),
        port=settings.port("CLICKHOUSE_PORT"),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )


if __name__ == "__main__":
    main()
