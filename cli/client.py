"""The HTTP API as calls: JSON in, JSON out, and every other ending as a `CommandError`."""

import asyncio
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

from cli.errors import OutcomeUnknown, Refused, Unreachable

Json = dict[str, Any]
Params = Mapping[str, str | int]

PREFIX: Final = "/api/v2"
ATTEMPTS: Final = 4
"""How often a call is made while the market says that there is too much at once."""
MOST_SECONDS: Final = 5.0
"""How long is waited before a call is made again."""
TIMEOUT: Final = httpx.Timeout(15.0, connect=3.0)
MOST_LISTED: Final = 1000
"""Items of a page at most (api-contract.md)."""
START_ONE: Final = "start one with `gpubroker up`"


class Client:
    """One key's view of the market, for a command that asks one thing after another."""

    def __init__(self, url: str, key: str, transport: httpx.BaseTransport | None = None) -> None:
        """Talk to the API at `url` with this key; tests hand in a transport of their own."""
        self._http = httpx.Client(
            base_url=_base(url), headers=authorised(key), timeout=TIMEOUT, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str, params: Params | None = None) -> Any:
        return self.call("GET", path, params=params)

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Any:
        return self.call("POST", path, body=body, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer's JSON; an accepted answer that is still open counts as one.

        Raises:
            Refused: the market said no.
            Unreachable: nothing answers there.
            OutcomeUnknown: it was sent, and no decision came back.
        """
        for attempt in range(ATTEMPTS):
            try:
                response = self._http.request(
                    method, PREFIX + path, json=body, params=params, headers=headers
                )
            except httpx.HTTPError as error:
                raise failed(error, method, str(self._http.base_url)) from error
            seconds = seconds_to_wait(response, attempt)
            if not seconds:
                break
            time.sleep(seconds)
        return answer(response)

    def pages(self, path: str, params: Params | None = None, name: str = "items") -> list[Json]:
        """Every item of a list, page by page; `name` is what an answer calls them."""
        items: list[Json] = []
        page = self.get(path, {"limit": MOST_LISTED, **(params or {})})
        while True:
            items += page[name]
            if not page.get("next_cursor"):
                return items
            after = {"cursor": page["next_cursor"]}
            page = self.get(path, {"limit": MOST_LISTED, **(params or {}), **after})


class AsyncClient:
    """The same for many calls at once, each with the key of whoever makes it."""

    def __init__(self, url: str, connections: int) -> None:
        """Talk to the API at `url` over at most this many connections."""
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._http = httpx.AsyncClient(base_url=_base(url), timeout=TIMEOUT, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def call(
        self,
        key: str,
        method: str,
        path: str,
        *,
        body: object = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """As `Client.call`."""
        for attempt in range(ATTEMPTS):
            try:
                response = await self._http.request(
                    method,
                    PREFIX + path,
                    json=body,
                    params=params,
                    headers={**authorised(key), **(headers or {})},
                )
            except httpx.HTTPError as error:
                raise failed(error, method, str(self._http.base_url)) from error
            seconds = seconds_to_wait(response, attempt)
            if not seconds:
                break
            await asyncio.sleep(seconds)
        return answer(response)

    async def pages(self, key: str, path: str, params: Params | None = None) -> list[Json]:
        """Every item of a list, page by page."""
        items: list[Json] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.call(
                key, "GET", path, params={"limit": MOST_LISTED, **(params or {}), **cursor}
            )
            items += page["items"]
            if not page.get("next_cursor"):
                return items
            cursor = {"cursor": page["next_cursor"]}


def authorised(key: str) -> dict[str, str]:
    """The header that carries a key; none for none.

    Raises:
        Unreachable: it is no key.
    """
    if not key.isascii():
        raise Unreachable(f"{key[:8]!r}… is no key: keys are of ASCII, as `key create` tells them")
    return {"Authorization": f"Bearer {key}"} if key else {}


def seconds_to_wait(response: httpx.Response, attempt: int) -> float:
    """How long to wait before asking again; 0 if the answer is final.

    A 429 says that nothing was done, so asking again is safe whatever was asked.
    """
    if response.status_code != httpx.codes.TOO_MANY_REQUESTS or attempt + 1 == ATTEMPTS:
        return 0.0
    told = response.headers.get("Retry-After", "")
    return min(float(told), MOST_SECONDS) if told.isdecimal() else 1.0


def answer(response: httpx.Response) -> Any:
    """The JSON of an answer.

    Raises:
        Refused: it is a refusal (4xx).
        OutcomeUnknown: the server could not tell (5xx).
    """
    if response.is_success:
        return _told(response) if response.content else {}
    problem = _problem(response)
    if response.status_code >= 500:
        raise OutcomeUnknown(f"{Refused(problem)}\nthe same key is safe to try again")
    raise Refused(problem)


def _told(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise Unreachable(
            f"what answers at {response.url} is no market: it sends no JSON"
        ) from None


def _base(url: str) -> httpx.URL:
    """Where the API is.

    Raises:
        Unreachable: it can be nowhere.
    """
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        found = httpx.URL()
    if found.scheme not in ("http", "https") or not found.host:
        raise Unreachable(f"GPUBROKER_API_URL must be like http://127.0.0.1:10355, was {url!r}")
    return found


def failed(error: httpx.HTTPError, method: str, url: str) -> Unreachable | OutcomeUnknown:
    """What a call that got no answer means: never sent, or sent and not known."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return Unreachable(f"no market answers at {url}; {START_ONE}")
    return OutcomeUnknown(f"{method} got no answer from {url} ({type(error).__name__})")


def _problem(response: httpx.Response) -> Json:
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": response.reason_phrase, "detail": response.text[:200]}
    return {"status": response.status_code, **problem}
