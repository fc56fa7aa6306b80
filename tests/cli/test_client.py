"""Calls that the market refuses because there is too much at once are made again."""

import httpx
import pytest

from cli import client
from cli.client import ATTEMPTS, AsyncClient, Client
from cli.errors import Refused, Unreachable

TOO_MUCH = {"status": 429, "code": "OVERLOADED", "detail": "send it again"}


class Busy:
    """A market that is busy so many times, and remembers how long clients waited."""

    def __init__(self, times: int, headers: dict[str, str]) -> None:
        self.left = times
        self.headers = headers
        self.waited: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.left == 0:
            return httpx.Response(202, json={"order_id": "x"})
        self.left -= 1
        return httpx.Response(429, json=TOO_MUCH, headers=self.headers)

    async def wait(self, seconds: float) -> None:
        self.waited.append(seconds)


def test_it_waits_as_long_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Busy(2, {"Retry-After": "3"})
    monkeypatch.setattr(client.time, "sleep", busy.waited.append)
    with Client("http://m", "k", httpx.MockTransport(busy)) as api:
        assert api.post("/orders", {}) == {"order_id": "x"}
    assert busy.waited == [3.0, 3.0]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, 1.0), ({"Retry-After": "x"}, 1.0), ({"Retry-After": "999"}, client.MOST_SECONDS)],
)
def test_it_gives_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], seconds: float
) -> None:
    busy = Busy(99, headers)
    monkeypatch.setattr(client.time, "sleep", busy.waited.append)
    with (
        Client("http://m", "k", httpx.MockTransport(busy)) as api,
        pytest.raises(Refused, match="OVERLOADED"),
    ):
        api.get("/orders")
    assert busy.waited == [seconds] * (ATTEMPTS - 1)


async def test_many_at_once_wait_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Busy(2, {"Retry-After": "2"})
    monkeypatch.setattr(client.asyncio, "sleep", busy.wait)
    async with AsyncClient("http://m", 2) as api:
        api._http = httpx.AsyncClient(base_url="http://m", transport=httpx.MockTransport(busy))
        assert await api.call("k", "POST", "/orders", body={}) == {"order_id": "x"}
        await api._http.aclose()
    assert busy.waited == [2.0, 2.0]


@pytest.mark.parametrize("url", ["http://a:b:c", "localhost:10355", "", "ftp://m.test", "http://"])
def test_where_no_market_can_be_is_named(url: str) -> None:
    with pytest.raises(Unreachable, match="GPUBROKER_API_URL must be like http://"):
        Client(url, "k")


def test_a_key_that_is_none_and_an_answer_that_is_none_are_named() -> None:
    with pytest.raises(Unreachable, match="is no key"):
        Client("http://m.test", "gpb_\u2026")
    page = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    with pytest.raises(Unreachable, match=r"at http://m\.test/api/v2/x is no market"):
        Client("http://m.test", "k", page).get("/x")


def test_pages_are_read_to_their_end() -> None:
    told = {"": {"trades": [1, 2], "next_cursor": "c"}, "c": {"trades": [3], "next_cursor": None}}
    there = httpx.MockTransport(
        lambda asked: httpx.Response(200, json=told[asked.url.params.get("cursor", "")])
    )
    assert Client("http://m.test", "k", there).pages("/x", name="trades") == [1, 2, 3]
