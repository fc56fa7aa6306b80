"""The web page: the files that `make frontend` built, with what a browser may do with them.

Names of files in `assets/` hold a hash of their content, so they are kept for ever; everything else
is asked for anew. The page's policy lets it load from here alone, and speak to the feeds beside.
"""

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final

from quart import Quart, Request, Response, request
from werkzeug.exceptions import NotFound

BUILT: Final = Path(__file__).resolve().parents[1] / "frontend" / "dist"
"""Where the build is if no setting says otherwise."""
INDEX: Final = "index.html"
VIEWS: Final = ("/", "/login", "/tower", "/trade", "/admin")
"""Paths that the page itself understands."""
KEPT: Final = "public, max-age=31536000, immutable"
ASKED_ANEW: Final = "no-cache"
WORTH_PACKING: Final = ("text/", "image/svg+xml", "application/json", "application/manifest+json")
NOT_BUILT: Final = (
    "The web page is not built, everything else works: the API's documentation is at /docs.\n"
    "Build it with `make frontend`; it needs Node.js 20.19 or newer, or fetches it.\n"
)
_TYPES: Final = {".js": "text/javascript", ".webmanifest": "application/manifest+json"}


@dataclass(frozen=True)
class File:
    """A file of the build."""

    body: bytes
    kind: str
    cache: str

    @cached_property
    def tag(self) -> str:
        """Names its content."""
        return f'"{sha256(self.body).hexdigest()[:32]}"'

    @cached_property
    def packed(self) -> bytes | None:
        """The same as gzip; None if that gains nothing."""
        if not self.kind.startswith(WORTH_PACKING):
            return None
        packed = gzip.compress(self.body, 9, mtime=0)
        return packed if len(packed) < len(self.body) else None


class Page:
    """The newest build in a folder, read again when it was built anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built_ns = 0
        self._files: Mapping[str, File] = {}

    def file(self, name: str) -> File | None:
        """The file of this name, relative to the build's folder."""
        self._look()
        return self._files.get(name)

    def _look(self) -> None:
        try:
            built_ns = (self._folder / INDEX).stat().st_mtime_ns
        except FileNotFoundError:
            self._built_ns, self._files = 0, {}
            return
        if built_ns != self._built_ns:
            self._built_ns, self._files = built_ns, _read(self._folder)


def add_to(app: Quart, folder: Path, feeds_url: str) -> None:
    """Serve the page of this folder at /, with a policy that lets it reach the feeds."""
    page, headers = Page(folder), safety(feeds_url)

    async def show_view() -> Response:
        index = page.file(INDEX)
        return _missing(headers) if index is None else _served(index, request, headers)

    async def show_file(name: str) -> Response:
        found = page.file(name)
        if found is None:
            raise NotFound
        return _served(found, request, headers)

    async def show_asset(name: str) -> Response:
        return await show_file(f"assets/{name}")

    async def show_icon() -> Response:
        return await show_file("favicon.svg")

    for path in VIEWS:
        app.add_url_rule(path, f"view {path}", show_view, provide_automatic_options=False)
    app.add_url_rule("/assets/<name>", "asset", show_asset, provide_automatic_options=False)
    app.add_url_rule("/favicon.svg", "icon", show_icon, provide_automatic_options=False)


def safety(feeds_url: str) -> dict[str, str]:
    """What a browser must not let the page do: no foreign script, style, host, frame or guess."""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": f"'self' {feeds_url}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "lit-html",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


def _read(folder: Path) -> dict[str, File]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _file(path, folder) for path in paths}


def _file(path: Path, folder: Path) -> File:
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    kind = kind or "application/octet-stream"
    is_text = kind.startswith("text/")
    cache = KEPT if path.parent == folder / "assets" else ASKED_ANEW
    return File(path.read_bytes(), f"{kind}; charset=utf-8" if is_text else kind, cache)


def _served(file: File, sent: Request, safe: Mapping[str, str]) -> Response:
    headers = {**safe, "Cache-Control": file.cache, "ETag": file.tag, "Vary": "Accept-Encoding"}
    if file.tag in sent.headers.get("If-None-Match", ""):
        return Response(b"", 304, headers)
    headers["Content-Type"] = file.kind
    if file.packed is not None and "gzip" in sent.headers.get("Accept-Encoding", ""):
        return Response(file.packed, 200, {**headers, "Content-Encoding": "gzip"})
    return Response(file.body, 200, headers)


def _missing(safe: Mapping[str, str]) -> Response:
    headers = {**safe, "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    return Response(NOT_BUILT, 503, headers)
