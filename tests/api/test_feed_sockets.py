"""The feeds on real sockets, with a market in memory: handshakes, frames, bounds and closes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from query_api.adapters.memory_feeds import MemoryTopics
from query_api.feeds.serving import feeds_server
from stack import ports
from tests.api.conftest import Caller, World
from tests.api.test_feeds import ORIGIN, Feeds, started
from tests.builders import spot_price

pytestmark = pytest.mark.stack


class Served(Feeds):
    """The feeds of a market, on a port."""

    server: uvicorn.Server
    url: str

    def open(self, path: str, key: str, **more: Any) -> connect:
        return connect(
            self.url + path,
            subprotocols=["gpubroker.v1", f"bearer.{key}"],  # type: ignore[list-item]
            **more,
        )


@pytest.fixture
async def served(world: World) -> AsyncIterator[Served]:
    made = await started(world, MemoryTopics(world.market))
    feeds = Served(made.world, made.topics, made.log, made.service, made.jobs)
    (port,) = ports.free("127.0.0.1", 1)
    feeds.url = f"ws://127.0.0.1:{port}"
    feeds.server = feeds_server(feeds.service, "127.0.0.1", port, "warning")
    serving = asyncio.create_task(feeds.server.serve())
    while not feeds.server.started:
        await asyncio.sleep(0.01)
    yield feeds
    feeds.server.should_exit = True
    await serving


async def told(client: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(client.recv(), 5))


async def closed(client: ClientConnection) -> tuple[int, list[Any]]:
    """The code of the close, and what was told before it."""
    before = []
    while True:
        try:
            before.append(await told(client))
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else 0, before


async def test_a_snapshot_and_a_change(served: Served, buyer: Caller) -> None:
    async with served.open("/ws/pricing", buyer.key) as client:
        assert client.subprotocol == "gpubroker.v1"
        assert (await told(client))["method"] == "pricing.snapshot"
        served.topics.append("pricing.updates", spot_price())
        assert (await told(client))["method"] == "price.update"


async def test_nothing_is_compressed(served: Served, buyer: Caller) -> None:
    async with served.open("/ws/pricing", buyer.key) as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers


@pytest.mark.parametrize(
    ("path", "origin", "status", "code"),
    [
        ("/ws/nothing", None, 404, "NOT_FOUND"),
        ("/ws/pricing", "http://elsewhere", 403, "FORBIDDEN"),
    ],
)
async def test_a_handshake_is_refused_with_a_problem(
    served: Served, buyer: Caller, path: str, origin: Any, status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with served.open(path, buyer.key, origin=origin):
            pass
    response = refused.value.response
    assert (response.status_code, json.loads(response.body)["code"]) == (status, code)


async def test_the_apis_own_pages_may_listen(served: Served, buyer: Caller) -> None:
    async with served.open("/ws/pricing", buyer.key, origin=ORIGIN) as client:
        assert (await told(client))["method"] == "pricing.snapshot"


async def test_a_message_that_is_too_long_is_closed(served: Served, buyer: Caller) -> None:
    async with served.open("/ws/pricing", buyer.key) as client:
        await client.send("x" * 20_000)
        assert (await closed(client))[0] == 1009


async def test_an_unknown_key_is_told_and_closed(served: Served) -> None:
    async with served.open("/ws/pricing", "gpb_nobody") as client:
        code, before = await closed(client)
    assert code == 4401
    assert before[0]["error"]["code"] == -32001


async def test_a_restart_is_told(served: Served, buyer: Caller) -> None:
    async with served.open("/ws/pricing", buyer.key) as client:
        await told(client)
        served.server.should_exit = True
        assert (await closed(client))[0] == 1012


async def test_who_does_not_read_is_told_to_resynchronise_and_closed(
    served: Served, world: World, buyer: Caller
) -> None:
    quick_caller = await world.caller("consumer")
    async with (
        served.open("/ws/pricing", buyer.key, max_queue=1) as slow,
        served.open("/ws/pricing", quick_caller.key, max_queue=None) as quick,
    ):
        count = 0
        while not served.service.tally.too_slow:
            assert count < 20_000
            for _ in range(200):
                served.topics.append("pricing.updates", spot_price(1_767_600_010_000 + count))
                count += 1
            await served.settle()
            await asyncio.sleep(0.01)
        code, before = await closed(slow)
        assert code == 4420
        assert before[-1]["params"]["reason"] == "too_slow"
        assert len(before) < count
        for _ in range(count + 1):
            await told(quick)
        assert served.service.switchboard.counts()["pricing"] == 1
