"""Who waits for the session that reads: no more than a bound, and nobody longer than they may."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from stack.clickhouse_engine import Answer, Engine
from stack.clickhouse_service import READS_WAITING, Account, Service


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("service"))
    yield engine
    engine.close()


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    service = Service(engine, (Account("writer", "", True),))
    app = Starlette(routes=[Route("/", service.root, methods=["POST"])])
    transport = httpx.ASGITransport(app)
    headers = {"X-ClickHouse-User": "writer"}
    async with httpx.AsyncClient(transport=transport, base_url="http://c", headers=headers) as told:
        yield told


@pytest.fixture
async def release(engine: Engine) -> AsyncIterator[Callable[[], None]]:
    """The session that reads is at work until this is called."""
    released = threading.Event()

    def work(_: object) -> Answer:
        released.wait(30)
        return Answer(b"")

    running = asyncio.create_task(engine.read.do(work))
    await asyncio.sleep(0)
    yield released.set
    released.set()
    await running


async def test_more_than_may_wait_are_refused_at_once(
    engine: Engine, client: httpx.AsyncClient, release: Callable[[], None]
) -> None:
    waiting = [
        asyncio.create_task(client.post("/", content=f"SELECT {n}"))
        for n in range(1, READS_WAITING)
    ]
    async with asyncio.timeout(10):
        while engine.read.waiting < READS_WAITING:
            await asyncio.sleep(0.001)
        refused = await client.post("/", content="SELECT 0")
    assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (429, "202")
    assert (await client.post("/", content="CREATE TEMPORARY TABLE t (n Int8)")).is_success
    release()
    answers = await asyncio.gather(*waiting)
    assert [answer.text for answer in answers] == [f"{n}\n" for n in range(1, READS_WAITING)]
    assert (await client.post("/", content="SELECT 0")).text == "0\n"


async def test_what_waited_longer_than_it_may_take_is_not_begun(
    engine: Engine, client: httpx.AsyncClient, release: Callable[[], None]
) -> None:
    late, patient, odd = (
        asyncio.create_task(client.post("/", params=settings, content="SELECT 1"))
        for settings in (
            {"max_execution_time": "0.05"},
            {"max_execution_time": "0"},
            {"max_execution_time": "x"},
        )
    )
    async with asyncio.timeout(10):
        while engine.read.waiting < 4:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
    release()
    assert (await late).headers["X-ClickHouse-Exception-Code"] == "159"
    assert "Waited too long" in (await late).text
    assert (await patient).text == "1\n"
    assert not (await odd).is_success
