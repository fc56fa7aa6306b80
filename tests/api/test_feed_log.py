"""The logs of the feeds on Kafka, without a broker: what is brought, and what is passed over."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka import KafkaException, TopicPartition

from query_api.adapters import feed_log
from query_api.adapters.feed_log import FactReader, KafkaFeedLog, ReadingReader, Span
from query_api.feeds.log import Batch, decoders
from query_api.ports import Unavailable
from schemas import codec
from tests.api.test_feeds import reading
from tests.builders import spot_price

CODEC = codec.offline()
READ = decoders(CODEC, (*feed_log.FACTS, *feed_log.READINGS))
PLACE = ("pricing.updates", 0)


@dataclass
class Message:
    """A record as confluent_kafka hands it out."""

    topic_name: str
    log_offset: int
    record: bytes | None
    record_key: bytes = b""

    def topic(self) -> str:
        return self.topic_name

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.log_offset

    def value(self) -> bytes | None:
        return self.record

    def key(self) -> bytes:
        return self.record_key

    def error(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000


class Consumer:
    """Hands out what it is given."""

    def __init__(self, *messages: Message) -> None:
        self.waiting = deque(messages)
        self.assigned: list[TopicPartition] = []
        self.end = len(messages)
        self.is_closed = False
        self.is_away = False

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = places

    def unassign(self) -> None:
        self.assigned = []

    def poll(self, seconds: float) -> Message | None:
        if self.assigned and self.waiting:
            return self.waiting.popleft()
        threading.Event().wait(min(seconds, 0.01))
        return None

    def consume(self, count: int, _: float) -> list[Message]:
        return [self.waiting.popleft() for _ in range(min(count, len(self.waiting)))]

    def get_watermark_offsets(self, _: TopicPartition, cached: bool) -> tuple[int, int]:
        return 0, self.end

    def list_topics(self, *_: Any, **__: Any) -> None:
        if self.is_away:
            raise KafkaException

    def close(self) -> None:
        self.is_closed = True


class Taken:
    """Who takes batches, and may fail to."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.fails = False

    async def __call__(self, batch: Batch) -> None:
        if self.fails:
            raise RuntimeError("broken")
        self.batches.append(batch)

    @property
    def offsets(self) -> list[int]:
        return [record.offset for batch in self.batches for record in batch.records]


@contextmanager
def running(*readers: Any) -> Iterator[None]:
    threads = [threading.Thread(target=reader.run, daemon=True) for reader in readers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for reader in readers:
            reader.close()
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()


def updates(*offsets: int) -> list[Message]:
    encode = CODEC.encoder(PLACE[0])
    return [Message(PLACE[0], offset, encode(spot_price())) for offset in offsets]


def aside(message: Any, reason: str) -> None:
    """Where nobody expects any."""
    raise AssertionError(f"{message.topic()} was set aside: {reason}")


def readings_of(consumer: Consumer, ends: Any) -> ReadingReader:
    """What follows the readings that this consumer hands out."""
    loop = asyncio.get_running_loop()
    return ReadingReader(consumer, READ, loop, aside, ends)  # type: ignore[arg-type]


@contextmanager
def log_of(
    consumer: Consumer, spans: Any, recent: Any = dict, set_aside: Any = aside
) -> Iterator[KafkaFeedLog]:
    """The log whose facts this consumer hands out, its threads running."""
    loop = asyncio.get_running_loop()
    facts = FactReader(consumer, READ, loop, set_aside, spans, recent)  # type: ignore[arg-type]
    readings = readings_of(Consumer(), list)
    with running(facts, readings):
        yield KafkaFeedLog(facts, readings)


async def eventually(look: Any) -> None:
    async with asyncio.timeout(5):
        while not look():
            await asyncio.sleep(0.01)


async def test_facts_are_brought_from_where_they_begin_and_it_is_told_when_all_are() -> None:
    taken = Taken()
    consumer = Consumer(*updates(5, 6))
    with log_of(consumer, {PLACE: Span(5, 7)}) as log:
        await log.follow(taken)
        assert taken.batches[0].begins == {PLACE: 5}
        assert taken.offsets == [5, 6]
        assert log.behind_ms() == 0
        consumer.waiting.extend(updates(7))
        await eventually(lambda: taken.offsets == [5, 6, 7])
    assert consumer.is_closed


async def test_what_cannot_be_read_is_passed_over() -> None:
    taken = Taken()
    broken = [Message(PLACE[0], 0, b"nonsense"), Message(PLACE[0], 1, None)]
    with log_of(Consumer(*broken, *updates(2)), {PLACE: Span(0, 3)}) as log:
        await log.follow(taken)
    assert taken.offsets == [2]
    assert taken.batches[-1].ends == {PLACE: 3}


async def test_what_nobody_else_sets_aside_becomes_a_dead_letter() -> None:
    assert set(feed_log.FEEDS_ALONE) == {"book.depth", "audit.log"}
    taken = Taken()
    letters: list[tuple[str, int, str]] = []

    def keep(message: Any, reason: str) -> None:
        letters.append((message.topic(), message.offset(), reason))

    place = ("audit.log", 0)
    broken = [Message("audit.log", 0, b"nonsense"), Message("audit.log", 1, None)]
    with log_of(Consumer(*broken), {place: Span(0, 2)}, set_aside=keep) as log:
        await log.follow(taken)
    assert [letter[:2] for letter in letters] == [("audit.log", 0), ("audit.log", 1)]
    assert [letter[2] for letter in letters] == ["first byte must be 0, was 110", "no value"]
    assert taken.batches[-1].ends == {place: 2}


async def test_a_log_that_does_not_come_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_log, "START_SECONDS", 0.05)
    with log_of(Consumer(), {PLACE: Span(0, 3)}) as log, pytest.raises(Unavailable):
        await log.follow(Taken())


async def test_what_ends_the_following_is_told() -> None:
    taken = Taken()
    consumer = Consumer(*updates(0))
    with log_of(consumer, {PLACE: Span(0, 1)}) as log:
        await log.follow(taken)
        taken.fails = True
        consumer.waiting.extend(updates(1))
        with pytest.raises(RuntimeError, match="broken"):
            await asyncio.wait_for(log.fail(), 5)


class JustDone:
    """What comes of a batch that is taken as the wait for it ends."""

    def __init__(self, told: Any) -> None:
        self._told = told
        self.done = told.done

    def result(self, seconds: float | None = None) -> Any:
        found = self._told.result(5)
        if seconds is not None:
            raise TimeoutError
        return found


async def test_a_batch_that_is_taken_as_the_wait_for_it_ends_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = asyncio.run_coroutine_threadsafe
    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", lambda *told: JustDone(run(*told)))
    taken = Taken()
    consumer = Consumer(*updates(0))
    with log_of(consumer, {PLACE: Span(0, 1)}) as log:
        await log.follow(taken)
        assert taken.offsets == [0]
        taken.fails = True
        consumer.waiting.extend(updates(1))
        with pytest.raises(RuntimeError, match="broken"):
            await asyncio.wait_for(log.fail(), 5)


async def test_facts_rest_and_go_on_from_what_is_recent_then() -> None:
    taken = Taken()
    consumer = Consumer(*updates(0))
    recent = {PLACE: Span(7, 8)}
    with log_of(consumer, {PLACE: Span(0, 1)}, lambda: recent) as log:
        await log.follow(taken)
        log.rest()
        await eventually(lambda: consumer.assigned == [])
        assert log.behind_ms() == 0
        consumer.waiting.extend(updates(7))
        await asyncio.wait_for(log.wake(), 5)
        assert consumer.assigned == [TopicPartition(*PLACE, 7)]
        assert [batch.begins for batch in taken.batches if batch.begins] == [{PLACE: 0}, {PLACE: 7}]
        assert taken.offsets == [0, 7]
        consumer.waiting.extend(updates(8))
        await eventually(lambda: taken.offsets == [0, 7, 8])


async def test_facts_that_are_woken_before_they_rest_just_go_on() -> None:
    taken = Taken()
    consumer = Consumer(*updates(0))
    recent = {PLACE: Span(0, 1)}
    with log_of(consumer, {PLACE: Span(0, 1)}, lambda: recent) as log:
        await log.follow(taken)
        for offset in range(1, 200):
            log.rest()
            await asyncio.wait_for(log.wake(), 5)
            consumer.waiting.extend(updates(offset))
            await eventually(lambda: taken.offsets[-1:] == [offset])  # noqa: B023


async def test_a_log_that_does_not_come_back_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_log, "WAKE_SECONDS", 0.05)
    monkeypatch.setattr(feed_log, "RETRY_SECONDS", 0.01)
    taken = Taken()
    consumer = Consumer(*updates(0))
    away = [True]

    def recent() -> dict[tuple[str, int], Span]:
        if away:
            raise KafkaException
        return {PLACE: Span(0, 1)}

    with log_of(consumer, {PLACE: Span(0, 1)}, recent) as log:
        await log.follow(taken)
        log.rest()
        await eventually(lambda: consumer.assigned == [])
        with pytest.raises(Unavailable):
            await log.wake()
        away.clear()
        monkeypatch.setattr(feed_log, "WAKE_SECONDS", 5)
        await log.wake()
        assert consumer.assigned


async def test_a_broker_that_is_away_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_log, "LOOK_SECONDS", 0.02)
    consumer = Consumer(*updates(0))
    with log_of(consumer, {PLACE: Span(0, 1)}) as log:
        await log.follow(Taken())
        consumer.is_away = True
        await eventually(lambda: log.behind_ms() is None)
        consumer.is_away = False
        await eventually(lambda: log.behind_ms() == 0)


async def test_readings_are_followed_for_the_nodes_that_are_wanted_and_while_they_are() -> None:
    taken = Taken()
    encode = CODEC.encoder("telemetry.gpu")
    told = [
        Message("telemetry.gpu", offset, encode(reading(node, 0, 1)), node.encode())
        for offset, node in enumerate(("n1", "n2", "n1"), 10)
    ]
    consumer = Consumer(*told)
    ends = [TopicPartition("telemetry.gpu", 0, 10)]
    readings = readings_of(consumer, lambda: ends)
    with running(readings):
        readings.begin(taken)
        readings.want(["n1"])
        await eventually(lambda: taken.offsets == [10, 12])
        assert taken.batches[0].begins == {("telemetry.gpu", 0): 10}
        readings.want([])
        await eventually(lambda: consumer.assigned == [])
        readings.want(["n2"])
        await eventually(lambda: consumer.assigned == ends)


class WantedLate(threading.Event):
    """Somebody wants more just before this is cleared, once."""

    want: Any = None

    def clear(self) -> None:
        want, self.want = self.want, None
        if want is not None:
            want()
        super().clear()


async def test_readings_that_are_wanted_as_the_following_ends_are_followed() -> None:
    ends = [TopicPartition("telemetry.gpu", 0, 10)]
    consumer = Consumer()
    readings = readings_of(consumer, lambda: ends)
    readings._changed = changed = WantedLate()
    taken = Taken()
    with running(readings):
        readings.begin(taken)
        readings.want(["n1"])
        await eventually(lambda: consumer.assigned == ends)
        changed.want = lambda: readings.want(["n2"])
        readings.want([])
        await eventually(lambda: len(taken.batches) == 2 and consumer.assigned == ends)


async def test_readings_are_followed_once_the_broker_says_where_they_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_log, "RETRY_SECONDS", 0.01)
    ends = [TopicPartition("telemetry.gpu", 0, 10)]
    answers = deque([None, None, ends])

    def asked() -> list[TopicPartition]:
        answer = answers.popleft()
        if answer is None:
            raise KafkaException
        return answer

    consumer = Consumer()
    readings = readings_of(consumer, asked)
    with running(readings):
        readings.begin(Taken())
        readings.want(["n1"])
        await eventually(lambda: consumer.assigned == ends)
