"""A follower of the log: it sleeps while nobody watches, and misses nothing that is watched."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from confluent_kafka import KafkaException, TopicPartition

from query_api.adapters import kafka
from query_api.adapters.clock import SystemClock
from query_api.adapters.kafka import PLACEMENTS, Follower
from query_api.adapters.watches import Watches
from query_api.ports import Unavailable
from schemas.codec import offline
from schemas.records import DEFAULTS

CODEC = offline()
TOPIC = "orders.rejected"


class Message:
    def __init__(self, value: bytes) -> None:
        self._value = value

    def value(self) -> bytes:
        return self._value

    def topic(self) -> str:
        return TOPIC


class Log:
    """One partition, and a consumer of it that reads from where it was assigned."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.is_away = False
        self.assigned: list[int] = []
        self.place: int | None = None
        self.is_closed = False
        self._lock = threading.Lock()

    def ends(self):
        if self.is_away:
            raise KafkaException("away")
        return [TopicPartition(TOPIC, 0, len(self.values))]

    def assign(self, places):
        self.place = places[0].offset
        self.assigned.append(self.place)

    def unassign(self):
        self.place = None

    def consume(self, count, seconds):
        time.sleep(0.001)
        if self.place is None:
            return []
        found = self.values[self.place : self.place + count]
        self.place += len(found)
        return [Message(value) for value in found]

    def close(self):
        self.is_closed = True

    def append(self, command_id: str) -> None:
        record = {**_REJECTED, "command_id": command_id, "detail": f"of {command_id}"}
        self.values.append(CODEC.encoder(TOPIC)(record))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def watches(log: Log, monkeypatch) -> AsyncIterator[Watches]:
    """The watches of a running follower that falls asleep soon."""
    monkeypatch.setattr(kafka, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(kafka, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(kafka, "WAKE_SECONDS", 0.2)
    watches = Watches(SystemClock())
    follower = Follower(log, log.ends, CODEC, watches, PLACEMENTS)
    follower.start()
    thread = threading.Thread(target=follower.run)
    thread.start()
    yield watches
    follower.close()
    await asyncio.to_thread(thread.join)
    assert log.is_closed


async def asleep(log: Log) -> None:
    deadline = time.monotonic() + 5
    while log.place is not None and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert log.place is None


async def test_it_falls_asleep_while_nobody_watches_and_not_before(log, watches):
    async with watches.watch("someone"):
        await asyncio.sleep(0.2)
        assert log.place is not None
    await asleep(log)


async def test_what_is_sent_after_a_watch_was_entered_is_told(log, watches):
    for number in range(20):
        if number % 5 == 0:
            await asleep(log)
        command_id = str(uuid4())
        async with watches.watch(command_id) as watch:
            log.append(command_id)
            fact = await watch.next(5.0)
            assert fact is not None
            assert fact.record["detail"] == f"of {command_id}"


async def test_it_wakes_at_the_end_and_reads_nothing_old(log, watches):
    await asleep(log)
    for _ in range(100):
        log.append("old")
    async with watches.watch("new"):
        assert log.assigned == [0, 100]


async def test_many_wake_it_once(log, watches):
    await asleep(log)

    async def watch(command_id: str) -> None:
        async with watches.watch(command_id) as watch:
            log.append(command_id)
            assert await watch.next(5.0)

    await asyncio.gather(*(watch(str(uuid4())) for _ in range(50)))
    assert len(log.assigned) == 2


async def test_a_watch_is_refused_while_the_broker_does_not_answer(log, watches):
    await asleep(log)
    log.is_away = True
    with pytest.raises(Unavailable, match="kafka"):
        async with watches.watch("x"):
            pass
    assert watches.wanted() == []
    log.is_away = False
    async with watches.watch("x") as watch:
        log.append("x")
        assert await watch.next(5.0)


async def test_who_only_listens_does_not_wait_for_it_to_wake(log, watches):
    await asleep(log)
    told: list[str] = []
    assert not watches.listen("a", lambda: told.append("a"))
    deadline = time.monotonic() + 5
    while not watches.listen("b", lambda: told.append("b")) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    log.append("a")
    log.append("b")
    log.append("b")
    while not told and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert told == ["b"]
    assert watches.wanted() == []


_REJECTED = {
    **DEFAULTS["OrderRejected"],
    "event_id": "e",
    "occurred_at_ms": 1,
    "command": "place_order",
    "order_id": "o",
    "account_id": "a",
    "code": "LIMIT_OPEN_ORDERS",
}
