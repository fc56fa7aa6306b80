"""The logs that feeds follow, on Kafka: consumers without a group, each in a thread of its own.

Facts are followed from some minutes ago on, but while nobody has listened for long; readings only
while somebody wants some, from then on, and only those of the nodes that are wanted are even
decoded: the log has thousands a second.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from query_api.adapters import kafka
from query_api.feeds.log import Batch, Place, Record, Take, decoders
from query_api.feeds.positions import TOPICS
from query_api.ports import Unavailable
from schemas import contract
from schemas.codec import Codec, Decoder, SchemaUnavailable, UnreadableRecord
from schemas.dead_letters import letter_about
from schemas.names import DEAD_LETTERS, TELEMETRY_GPU, TELEMETRY_NODE
from schemas.settings import Settings

READER = "feeds"
READER_OF_TOPICS = "query_api"
READINGS = (TELEMETRY_GPU, TELEMETRY_NODE)
FACTS = tuple(
    topic
    for topic in dict.fromkeys(topic for topics in TOPICS.values() for topic in topics)
    if topic not in READINGS
)
FEEDS_ALONE = tuple(
    topic for topic in FACTS if contract.topics()[topic].readers == (READER_OF_TOPICS,)
)
"""What cannot be read of these, nobody else sets aside."""
IDLE_SECONDS = 0.2
RECORDS_AT_ONCE = 500
MOST_BEHIND = 5_000
"""Records of a partition that are read again at the most, however young they are."""
LOOK_SECONDS = 5.0
"""After so long without a record the broker is asked whether it is there."""
START_SECONDS = 60.0
WAKE_SECONDS = 5.0
WAKE_BACK_SECONDS = 10.0
"""How far back facts begin after a rest: views may be behind by less, and a snapshot is of both."""
RETRY_SECONDS = 0.5


SetAside = Callable[[Message, str], None]
"""What to do with a record that cannot be read, and why it cannot."""


class Span(NamedTuple):
    """What of a partition is to be read at first."""

    begin: int
    end: int


class _Reader:
    """Reads partitions in a thread, and hands batches to the event loop one by one."""

    def __init__(
        self,
        consumer: Consumer,
        read: Mapping[str, Decoder],
        loop: asyncio.AbstractEventLoop,
        set_aside: SetAside,
    ) -> None:
        self._consumer = consumer
        self._set_aside = set_aside
        self._decoders = read
        self._loop = loop
        self._is_open = True
        self._take: Take | None = None
        self.behind_ms: int | None = None
        self.failure: asyncio.Future[None] = loop.create_future()
        """Set when the thread ends other than it should."""
        self._heard_at_seconds = time.monotonic()

    def run(self) -> None:
        """Read until closed."""
        try:
            self._read()
        except BaseException as error:
            self._loop.call_soon_threadsafe(_fail, self.failure, error)
        finally:
            self._consumer.close()

    def close(self) -> None:
        """Let the thread end."""
        self._is_open = False

    def _read(self) -> None:
        raise NotImplementedError

    def _messages(self) -> list[Message]:
        first = self._consumer.poll(IDLE_SECONDS)
        if first is None:
            self._look()
            return []
        self._heard_at_seconds = time.monotonic()
        every = [first, *self._consumer.consume(RECORDS_AT_ONCE - 1, 0)]
        return [message for message in every if message.error() is None]

    def _look(self) -> None:
        """Nothing came: nothing is there, or nobody is."""
        now = time.monotonic()
        if now - self._heard_at_seconds < LOOK_SECONDS:
            return
        self._heard_at_seconds = now
        try:
            self._consumer.list_topics(FACTS[0], timeout=kafka.ADMIN_SECONDS)
            self.behind_ms = self.behind_ms or 0
        except KafkaException:
            self.behind_ms = None

    def _hand_over(self, batch: Batch) -> None:
        """Return once the event loop has taken the batch."""
        assert self._take is not None
        told = asyncio.run_coroutine_threadsafe(self._take(batch), self._loop)
        while self._is_open:
            try:
                told.result(IDLE_SECONDS)
                return
            except TimeoutError:
                if told.done():  # just now, or the exception is the batch's own
                    told.result()
                    return

    def _batch(self, messages: Sequence[Message], wanted: frozenset[bytes] | None) -> Batch:
        """What is to be told of these messages; all of them, or those with a wanted key."""
        records: list[Record] = []
        ends: dict[Place, int] = {}
        for message in messages:
            topic, partition = message.topic() or "", message.partition() or 0
            offset = message.offset() or 0
            ends[topic, partition] = offset + 1
            if wanted is not None and message.key() not in wanted:
                continue
            fact = self._decoded(topic, message)
            if fact is not None:
                records.append(Record(topic, partition, offset, message.value() or b"", fact))
        return Batch(records, ends)

    def _decoded(self, topic: str, message: Message) -> dict[str, Any] | None:
        """The record; None for what is none."""
        while self._is_open:
            try:
                return self._decoders[topic](message.value())
            except UnreadableRecord as error:
                if topic in FEEDS_ALONE:
                    self._set_aside(message, str(error))
                return None
            except SchemaUnavailable:
                time.sleep(RETRY_SECONDS)
        return None


class FactReader(_Reader):
    """Follows facts, from some minutes ago on; after a rest from what is recent then."""

    def __init__(
        self,
        consumer: Consumer,
        read: Mapping[str, Decoder],
        loop: asyncio.AbstractEventLoop,
        set_aside: SetAside,
        spans: Mapping[Place, Span],
        recent: Callable[[], Mapping[Place, Span]],
    ) -> None:
        super().__init__(consumer, read, loop, set_aside)
        self._spans: Mapping[Place, Span] | None = spans
        self._recent = recent
        self._positions: dict[Place, int] = {}
        self._is_wanted = threading.Event()
        self.caught_up: asyncio.Future[None] = loop.create_future()
        """Set once all is told that there was when the following began."""

    def begin(self, take: Take) -> None:
        """Bring what there is, and then what comes."""
        self._take = take
        self._is_wanted.set()

    def rest(self) -> None:
        """Bring nothing until woken."""
        self._is_wanted.clear()

    def wake(self) -> None:
        """Bring what is recent and what comes, if this rests."""
        if not self._is_wanted.is_set():
            self._is_wanted.set()  # before the future: the thread settles only what it sees after
            self.caught_up = self._loop.create_future()

    def _read(self) -> None:
        while self._is_open:
            if not self._is_wanted.wait(IDLE_SECONDS):
                continue
            try:
                spans = self._spans or self._untold()
            except KafkaException:
                time.sleep(RETRY_SECONDS)
                continue
            self._spans = None
            self._follow(spans)

    def _untold(self) -> dict[Place, Span]:
        """What is recent, but nothing again."""
        return {
            place: Span(max(span.begin, self._positions.get(place, 0)), span.end)
            for place, span in self._recent().items()
        }

    def _follow(self, spans: Mapping[Place, Span]) -> None:
        """Bring facts until there is to be a rest."""
        begins = {place: span.begin for place, span in spans.items()}
        self._hand_over(Batch([], {}, begins))
        self._positions = dict(begins)
        self._consumer.assign([TopicPartition(*place, begin) for place, begin in begins.items()])
        while self._is_open and self._is_wanted.is_set():
            if not self.caught_up.done() and all(
                self._positions[place] >= span.end for place, span in spans.items()
            ):
                self.behind_ms = 0
                self._loop.call_soon_threadsafe(_settle, self.caught_up)
            if messages := self._messages():
                batch = self._batch(messages, None)
                self._hand_over(batch)
                self._positions.update(batch.ends)
                self.behind_ms = self._behind_ms(messages[-1])
        self._consumer.unassign()

    def _behind_ms(self, last: Message) -> int:
        """How old the newest record is that was told, 0 if there is none after it."""
        left = sum(
            max(self._heard_end(place) - position, 0) for place, position in self._positions.items()
        )
        return max(time.time_ns() // 1_000_000 - last.timestamp()[1], 0) if left else 0

    def _heard_end(self, place: Place) -> int:
        return int(self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)[1])


class ReadingReader(_Reader):
    """Follows readings of the nodes that are wanted, while there are any."""

    def __init__(
        self,
        consumer: Consumer,
        read: Mapping[str, Decoder],
        loop: asyncio.AbstractEventLoop,
        set_aside: SetAside,
        ends: Callable[[], list[TopicPartition]],
    ) -> None:
        super().__init__(consumer, read, loop, set_aside)
        self._ends = ends
        self._wanted: frozenset[bytes] = frozenset()
        self._changed = threading.Event()

    def begin(self, take: Take) -> None:
        """Bring what is wanted from now on."""
        self._take = take

    def want(self, node_ids: Collection[str]) -> None:
        """Bring readings of these nodes."""
        self._wanted = frozenset(node_id.encode() for node_id in node_ids)
        self._changed.set()

    def _read(self) -> None:
        while self._is_open:
            self._changed.wait(IDLE_SECONDS)
            self._changed.clear()  # before the look: what is wanted after it is seen next time
            if self._wanted:
                self._follow()

    def _follow(self) -> None:
        """Bring readings until none are wanted."""
        try:
            ends = self._ends()
        except KafkaException:
            time.sleep(RETRY_SECONDS)
            return
        self._hand_over(Batch([], {}, {(each.topic, each.partition): each.offset for each in ends}))
        self._consumer.assign(ends)
        while self._is_open and self._wanted:
            if messages := self._messages():
                self._hand_over(self._batch(messages, self._wanted))
        self._consumer.unassign()


class KafkaFeedLog:
    """The port `FeedLog`."""

    def __init__(self, facts: FactReader, readings: ReadingReader) -> None:
        self._facts = facts
        self._readings = readings

    async def follow(self, take: Take) -> None:
        self._readings.begin(take)
        self._facts.begin(take)
        await self._catch_up(START_SECONDS)

    def rest(self) -> None:
        self._facts.rest()

    async def wake(self) -> None:
        self._facts.wake()
        if not self._facts.caught_up.done():
            await self._catch_up(WAKE_SECONDS)

    async def fail(self) -> None:
        """Raise what ended the following of a log, should anything do so."""
        failures = (self._facts.failure, self._readings.failure)
        done, _ = await asyncio.wait(failures, return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()

    def follow_readings(self, node_ids: Collection[str]) -> None:
        self._readings.want(node_ids)

    async def _catch_up(self, most_seconds: float) -> None:
        waited = (self._facts.caught_up, self._facts.failure)
        done, _ = await asyncio.wait(
            waited, timeout=most_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            raise Unavailable("kafka")
        done.pop().result()

    def behind_ms(self) -> int | None:
        return self._facts.behind_ms


@asynccontextmanager
async def open_feed_log(
    settings: Settings, admin: AdminClient, codec: Codec
) -> AsyncIterator[KafkaFeedLog]:
    """The logs from `FEEDS_KEEP_SECONDS` ago on.

    Raises:
        Unavailable: the broker does not say where they are.
    """
    spans = await _first_spans(admin, float(settings.positive("FEEDS_KEEP_SECONDS")))
    loop = asyncio.get_running_loop()
    read = decoders(codec, (*FACTS, *READINGS))
    aside = _aside(Producer(kafka.producer_settings(settings)), codec)
    recent = partial(_spans, admin, WAKE_BACK_SECONDS)
    facts = FactReader(kafka.consumer(settings), read, loop, aside, spans, recent)
    ends = partial(kafka.ends_of, admin, READINGS)
    readings = ReadingReader(kafka.consumer(settings), read, loop, aside, ends)
    async with kafka.in_thread(facts, "facts"), kafka.in_thread(readings, "readings"):
        yield KafkaFeedLog(facts, readings)


def _aside(producer: Producer, codec: Codec) -> SetAside:
    """Writes dead letters, at once: there are few, and where they go is a log as well."""
    encode = codec.encoder(DEAD_LETTERS)

    def set_aside(message: Message, reason: str) -> None:
        producer.produce(DEAD_LETTERS, encode(letter_about(message, READER, reason)))
        producer.flush(kafka.ADMIN_SECONDS)

    return set_aside


async def _first_spans(admin: AdminClient, seconds: float) -> dict[Place, Span]:
    """Where to begin, asked until the broker says it: with all else it may be busy starting.

    Raises:
        Unavailable: it did not for long.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return await asyncio.to_thread(_spans, admin, seconds)
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise Unavailable("kafka") from error
            await asyncio.sleep(RETRY_SECONDS)


def _spans(admin: AdminClient, seconds: float) -> dict[Place, Span]:
    """What of each partition of facts was appended in so many seconds, and not too much of it.

    Raises:
        KafkaException: the broker does not say.
    """
    since_ms = time.time_ns() // 1_000_000 - round(1_000 * seconds)
    ends = {(each.topic, each.partition): each.offset for each in kafka.ends_of(admin, FACTS)}
    since = OffsetSpec.for_timestamp(since_ms)
    asked = {TopicPartition(*place): since for place in ends}
    told = admin.list_offsets(asked, request_timeout=kafka.ADMIN_SECONDS)
    spans = {}
    for each, found in told.items():
        end, begin = ends[each.topic, each.partition], found.result().offset
        begin = end if begin < 0 else max(begin, end - MOST_BEHIND)
        spans[each.topic, each.partition] = Span(min(begin, end), end)
    return spans


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _fail(future: "asyncio.Future[None]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
