"""Requests straight to an ASGI application: whatever bytes a test likes, no client in between."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from quart import Quart

from query_api.endpoint import Endpoint
from query_api.problems import CONTENT_TYPE


class Answered(NamedTuple):
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    read: int
    """Bytes of the request's body that the application took."""

    @property
    def told(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        return next((text for key, text in self.headers if key.lower() == name.lower()), "")


async def ask(
    app: Quart,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes | Iterable[bytes] = b"",
) -> Answered:
    """Send a request, its target as it is on the wire, its body in one piece or many."""
    path, _, query = target.partition("?")
    parts = iter([body] if isinstance(body, bytes) else body)
    answered, is_over = asyncio.Event(), False
    read, sent = 0, list[Any]()

    async def receive() -> dict[str, Any]:
        nonlocal is_over, read
        if is_over:
            await answered.wait()
            return {"type": "http.disconnect"}
        await asyncio.sleep(0)
        part = next(parts, None)
        is_over = part is None
        read += len(part or b"")
        return {"type": "http.request", "body": part or b"", "more_body": not is_over}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    await app(
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote_to_bytes(path).decode("utf-8", "replace"),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": [
                (name.lower().encode("latin-1"), text.encode("latin-1", "replace"))
                for name, text in {"Host": "market", **headers}.items()
            ],
            "client": ("127.0.0.1", 1),
            "server": ("market", 80),
        },
        receive,
        send,
    )
    start, *rest = sent
    told = [(name.decode("latin-1"), text.decode("latin-1")) for name, text in start["headers"]]
    return Answered(start["status"], told, b"".join(each.get("body", b"") for each in rest), read)


def flaw(endpoint: Endpoint, answered: Answered) -> str:
    """What is wrong with an answer whatever was asked; empty if nothing is."""
    status = answered.status
    if status >= 500:
        return f"{status}"
    if any("\r" in text or "\n" in text for header in answered.headers for text in header):
        return "a header has two lines"
    if answered.header("X-Injected"):
        return "a header came from the request"
    if status < 400:
        return "" if status in endpoint.answers else f"{status} is not documented"
    if answered.header("Content-Type") != CONTENT_TYPE:
        return f"{status} as {answered.header('Content-Type')}"
    told = answered.told
    names = {"type", "title", "status", "code", "detail", "errors"}
    if set(told) != names or told["status"] != status or not told["code"]:
        return f"{status} is no problem: {told}"
    return ""
