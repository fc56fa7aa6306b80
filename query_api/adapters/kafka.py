"""The logs, written and followed, on Kafka."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, Protocol

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from query_api.adapters.watches import Watches
from query_api.ports import Lag, OutcomeUnknown, Unavailable
from schemas import contract
from schemas.codec import Codec, SchemaUnavailable, UnreadableRecord
from schemas.names import ACCOUNTS_COMMANDS, AUDIT_LOG, BOOKS_COMMANDS, FACT_TOPICS
from schemas.settings import Settings

APPEND_SECONDS = 1.7
"""How long an append may take before its outcome is called unknown; the promise is 2 s."""
START_SECONDS = 30.0
ADMIN_SECONDS = 1.0
POLL_SECONDS = 0.2
IDLE_SECONDS = 0.02
"""How long a follower collects records while nobody waits for one."""
QUIET_SECONDS = 5.0
"""How long nobody must have watched before a follower falls asleep."""
WAKE_SECONDS = 1.5
"""How long a watch waits for its follower to be awake."""
MAX_APPENDING = 20_000
"""Records that the producer holds; beyond that the log counts as away."""


class Followed(NamedTuple):
    """What a follower follows."""

    kinds: Mapping[str, str | None]
    """Topics, and the kind of their facts; None is told by the record."""
    collect_seconds: float
    """How long it collects records while somebody waits for one."""


OUTCOMES = Followed(
    {
        ACCOUNTS_COMMANDS: None,
        FACT_TOPICS["order_rejected"]: "order_rejected",
        FACT_TOPICS["book_status"]: "book_status",
    },
    0.002,
)
"""Answers to commands, for who waits for them."""
PLACEMENTS = Followed(
    {
        FACT_TOPICS["order_created"]: "order_created",
        FACT_TOPICS["order_rejected"]: "order_rejected",
    },
    0.01,
)
"""What becomes of a placed order first, for measuring how long that takes."""


class Worker(Protocol):
    """What has a thread of its own."""

    def run(self) -> None:
        """Work until closed."""
        ...

    def close(self) -> None:
        """Let the thread end."""
        ...


class KafkaLog:
    """The port `CommandLog`.

    librdkafka tells of deliveries in a thread; they are handed to the event loop by the batch, so
    that a thousand appends a second do not wake it a thousand times.
    """

    def __init__(self, producer: Producer, codec: Codec) -> None:
        self._producer = producer
        self._encoders = {
            topic: codec.encoder(topic) for topic in (ACCOUNTS_COMMANDS, BOOKS_COMMANDS, AUDIT_LOG)
        }
        self._loop = asyncio.get_running_loop()
        self._delivered: deque[tuple[asyncio.Future[None], KafkaError | None]] = deque()
        self._expected: deque[tuple[float, asyncio.Future[None]]] = deque()
        """Appends on their way, and when each is given up, on the loop's clock."""
        self._is_timed = False
        self._is_open = True

    async def append(self, topic: str, key: str, record: Mapping[str, Any]) -> None:
        appended = self._loop.create_future()
        self.send(topic, key, record, appended)
        self._expect(appended)
        await appended

    def send(
        self, topic: str, key: str, record: Mapping[str, Any], appended: "asyncio.Future[None]"
    ) -> None:
        """Send a record on its way; records of one key are appended in the order of sending."""
        value = self._encoders[topic](record)
        told = partial(self._tell, appended)
        try:
            self._producer.produce(topic, value, key, on_delivery=told)
        except (BufferError, KafkaException) as error:
            raise Unavailable("kafka") from error

    def _expect(self, appended: "asyncio.Future[None]") -> None:
        """Give an append up in time.

        All have the same time, so one timer serves them in turn; one for each was a tenth of what
        an order costs the API.
        """
        self._expected.append((self._loop.time() + APPEND_SECONDS, appended))
        if not self._is_timed:
            self._is_timed = True
            self._loop.call_later(APPEND_SECONDS, self._give_up)

    def _give_up(self) -> None:
        """End those whose time is over, forget those that ended, and come again for the next."""
        now = self._loop.time()
        while self._expected and (self._expected[0][1].done() or self._expected[0][0] <= now):
            _, appended = self._expected.popleft()
            if not appended.done():
                appended.set_exception(OutcomeUnknown("kafka"))
        self._is_timed = bool(self._expected)
        if self._expected:
            self._loop.call_at(self._expected[0][0], self._give_up)

    def _tell(self, appended: "asyncio.Future[None]", error: KafkaError | None, _: Message) -> None:
        self._delivered.append((appended, error))

    def run(self) -> None:
        """Serve deliveries until closed; in a thread of its own."""
        while self._is_open or self._producer.flush(POLL_SECONDS):
            self._producer.poll(POLL_SECONDS)
            if self._delivered:
                with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                    self._loop.call_soon_threadsafe(self._settle)

    def close(self) -> None:
        """Let the thread end once everything is delivered."""
        self._is_open = False

    def _settle(self) -> None:
        while self._delivered:
            appended, error = self._delivered.popleft()
            if appended.done():
                continue
            if error is None:
                appended.set_result(None)
            else:
                appended.set_exception(OutcomeUnknown("kafka"))


class Follower:
    """Hands facts to the watches: a consumer without a group that sleeps while nobody watches.

    A record is decoded only if it holds the id of a command that somebody watches. After
    `QUIET_SECONDS` without a watch nothing is fetched any more; the next one wakes the follower,
    which begins at the end that the log then has. A command that is sent after that is not missed.
    """

    def __init__(
        self,
        consumer: Consumer,
        ends: Callable[[], list[TopicPartition]],
        codec: Codec,
        watches: Watches,
        followed: Followed,
    ) -> None:
        self._consumer = consumer
        self._ends = ends
        self._kinds = followed.kinds
        self._collect_seconds = followed.collect_seconds
        self._decoders = {topic: codec.decoder(topic) for topic in followed.kinds}
        self._watches = watches
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        self._lock = threading.Lock()
        self._is_awake = False
        self._wanted = threading.Event()
        """Somebody waits for it to be awake."""
        self._waiting: list[asyncio.Future[None]] = []
        self._wanted_at_seconds = 0.0
        watches.source = self

    def is_awake(self) -> bool:
        with self._lock:
            if not self._is_awake:
                self._wanted.set()
            return self._is_awake

    async def awake(self) -> None:
        waiting = self._loop.create_future()
        with self._lock:
            if self._is_awake:
                return
            self._waiting.append(waiting)
            self._wanted.set()
        try:
            async with asyncio.timeout(WAKE_SECONDS):
                await waiting
        except TimeoutError:
            raise Unavailable("kafka") from None

    def start(self) -> None:
        """Begin at the present end of every partition; blocks until that is known.

        Raises:
            Unavailable: the broker did not say.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self._wake():
            if time.monotonic() > deadline:
                raise Unavailable("kafka")

    def run(self) -> None:
        """Follow until closed; in a thread of its own."""
        while self._is_open:
            if self._is_awake:
                self._follow()
                self._doze()
            elif self._wanted.wait(POLL_SECONDS):
                self._wake()
        self._consumer.close()

    def close(self) -> None:
        """Let the thread end."""
        self._is_open = False

    def _wake(self) -> bool:
        """Follow from the present ends on; False if the broker did not say where they are."""
        try:
            self._consumer.assign(self._ends())
        except KafkaException:
            time.sleep(POLL_SECONDS)
            return False
        with self._lock:
            self._is_awake = True
            waiting, self._waiting = self._waiting, []
            self._wanted.clear()
        self._wanted_at_seconds = time.monotonic()
        self._loop.call_soon_threadsafe(_settle, waiting)
        return True

    def _follow(self) -> None:
        seconds = self._collect_seconds if self._watches.wanted() else IDLE_SECONDS
        messages = self._consumer.consume(500, seconds)
        wanted = [command_id.encode() for command_id in self._watches.wanted()]
        for message in messages if wanted else ():
            value = message.value()
            if value and any(command_id in value for command_id in wanted):
                self._tell(message.topic() or "", value)

    def _doze(self) -> None:
        """Fall asleep if nobody has watched for a while."""
        now = time.monotonic()
        with self._lock:
            if self._watches.wanted():
                self._wanted_at_seconds = now
            elif now - self._wanted_at_seconds > QUIET_SECONDS:
                self._is_awake = False
        if not self._is_awake:
            self._consumer.unassign()

    def _tell(self, topic: str, value: bytes) -> None:
        try:
            record = self._decoders[topic](value)
        except (KeyError, UnreadableRecord, SchemaUnavailable):
            return  # its machine sets it aside, or waits for the registry; it answers nobody now
        kind = self._kinds[topic] or str(record["kind"])
        fact = record if self._kinds[topic] else record[kind]
        if fact and kind in FACT_TOPICS:
            self._loop.call_soon_threadsafe(self._watches.tell, kind, fact)


def _settle(waiting: list["asyncio.Future[None]"]) -> None:
    for each in waiting:
        if not each.done():
            each.set_result(None)


@asynccontextmanager
async def open_log(settings: Settings, codec: Codec, **more: Any) -> AsyncIterator[KafkaLog]:
    """The logs, ready for appending."""
    producer = Producer(producer_settings(settings) | more)
    await asyncio.to_thread(warm, producer, ACCOUNTS_COMMANDS, BOOKS_COMMANDS)
    log = KafkaLog(producer, codec)
    async with in_thread(log, "log"):
        yield log


@asynccontextmanager
async def open_follower(
    settings: Settings, admin: AdminClient, codec: Codec, watches: Watches, followed: Followed
) -> AsyncIterator[Follower]:
    """A follower that misses nothing from now on."""
    ends = partial(ends_of, admin, list(followed.kinds))
    follower = Follower(consumer(settings), ends, codec, watches, followed)
    await asyncio.to_thread(follower.start)
    async with in_thread(follower, "follower"):
        yield follower


def consumer(settings: Settings) -> Consumer:
    """A consumer without a group's duties, that is told where to begin."""
    return Consumer(
        _common(settings)
        | {
            "group.id": "gpubroker-api",
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
            # A fetch costs the broker as much as an append; answers to cancels may take this long.
            "fetch.min.bytes": 65_536,
            "fetch.wait.max.ms": 25,
            "queued.max.messages.kbytes": 16_384,
            "fetch.queue.backoff.ms": 10,  # not a second, as in jobs/kafka.py
        }
    )


def ends_of(admin: AdminClient, topics: Sequence[str]) -> list[TopicPartition]:
    """The present end of every partition.

    Raises:
        KafkaException: the broker did not say, or has not all of these topics.
    """
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    known = admin.list_topics(timeout=ADMIN_SECONDS).topics
    if missing := [topic for topic in topics if topic not in known]:
        raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, ", ".join(missing)))
    places = [
        TopicPartition(topic, partition)
        for topic in topics
        for partition in known[topic].partitions
    ]
    told = admin.list_offsets(dict.fromkeys(places, latest), request_timeout=ADMIN_SECONDS)
    return [
        TopicPartition(place.topic, place.partition, end.result().offset)
        for place, end in told.items()
    ]


def warm(producer: Producer, *topics: str) -> None:
    """Learn where the logs are now, not with the first record."""
    with suppress(KafkaException):
        for topic in topics:
            producer.list_topics(topic, timeout=ADMIN_SECONDS)


def open_admin(settings: Settings) -> AdminClient:
    """A client that asks about topics and offsets."""
    return AdminClient(_common(settings))


async def ping(admin: AdminClient) -> None:
    """Raise if no broker answers."""
    await asyncio.to_thread(admin.list_topics, timeout=ADMIN_SECONDS)


async def lags(admin: AdminClient) -> Sequence[Lag]:
    """How far every group of readers is behind."""
    return await asyncio.to_thread(_lags, admin)


def _lags(admin: AdminClient) -> list[Lag]:
    listed = admin.list_consumer_groups(request_timeout=ADMIN_SECONDS).result()
    committed = [
        (group.group_id, place)
        for group in listed.valid
        for place in _committed(admin, group.group_id)
    ]
    places = {TopicPartition(place.topic, place.partition) for _, place in committed}
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = dict.fromkeys(places, latest)
    ends = admin.list_offsets(asked, request_timeout=ADMIN_SECONDS) if asked else {}
    last = {(place.topic, place.partition): end.result().offset for place, end in ends.items()}
    return [
        Lag(group, place.topic, place.partition, last[place.topic, place.partition] - place.offset)
        for group, place in committed
    ]


def _committed(admin: AdminClient, group: str) -> list[TopicPartition]:
    asked = [ConsumerGroupTopicPartitions(group)]
    answer = admin.list_consumer_group_offsets(asked, request_timeout=ADMIN_SECONDS)[group].result()
    return [place for place in answer.topic_partitions if place.topic in contract.topics()]


@asynccontextmanager
async def in_thread(worker: Worker, name: str) -> AsyncIterator[None]:
    """Let it run while the block lasts."""
    thread = threading.Thread(target=worker.run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.close()
        await asyncio.to_thread(thread.join, 5.0)


def producer_settings(settings: Settings) -> dict[str, Any]:
    """What producers have in common: they lose nothing and pick partitions as Flink does."""
    return _common(settings) | {
        "partitioner": "murmur2_random",
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 5,
        "queue.buffering.max.messages": MAX_APPENDING,
        # What was called unknown may still be appended for a while, never forever.
        "message.timeout.ms": 10_000,
    }


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.text("KAFKA_BOOTSTRAP"),
        "client.id": "gpubroker-api",
        "error_cb": _ignore,
        "log_level": 0,
        "reconnect.backoff.max.ms": 2_000,
    }


def _ignore(_: KafkaError) -> None:
    """A broker that is away is told by /health and by every append that fails."""
