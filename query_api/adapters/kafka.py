"""The logs, written and followed, on Kafka."""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

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
from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, FACT_TOPICS
from schemas.settings import Settings

APPEND_SECONDS = 1.7
"""How long an append may take before its outcome is called unknown; the promise is 2 s."""
START_SECONDS = 30.0
ADMIN_SECONDS = 1.0
POLL_SECONDS = 0.2
IDLE_SECONDS = 0.02
"""How long the follower collects records while nobody waits for one."""
BUSY_SECONDS = 0.002
"""And while somebody does."""
_FOLLOWED = {
    ACCOUNTS_COMMANDS: None,
    FACT_TOPICS["order_rejected"]: "order_rejected",
    FACT_TOPICS["book_status"]: "book_status",
}
"""Topics with answers to commands, and the kind of their facts; None is told by the record."""


class KafkaLog:
    """The port `CommandLog`.

    librdkafka tells of deliveries in a thread; they are handed to the event loop by the batch, so
    that a thousand appends a second do not wake it a thousand times.
    """

    def __init__(self, producer: Producer, codec: Codec) -> None:
        self._producer = producer
        self._encoders = {
            topic: codec.encoder(topic) for topic in (ACCOUNTS_COMMANDS, BOOKS_COMMANDS)
        }
        self._loop = asyncio.get_running_loop()
        self._delivered: deque[tuple[asyncio.Future[None], KafkaError | None]] = deque()
        self._is_open = True

    async def append(self, topic: str, key: str, record: Mapping[str, Any]) -> None:
        appended = self._loop.create_future()
        self.send(topic, key, record, appended)
        try:
            async with asyncio.timeout(APPEND_SECONDS):
                await appended
        except TimeoutError:
            raise OutcomeUnknown("kafka") from None

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

    def _tell(self, appended: "asyncio.Future[None]", error: KafkaError | None, _: Message) -> None:
        self._delivered.append((appended, error))

    def run(self) -> None:
        """Serve deliveries until closed; in a thread of its own."""
        while self._is_open or self._producer.flush(POLL_SECONDS):
            self._producer.poll(POLL_SECONDS)
            if self._delivered:
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
    """Hands facts to the watches: a consumer without a group, from the end at start on.

    A record is decoded only if it holds the id of a command that somebody watches, so an idle
    follower costs next to nothing.
    """

    def __init__(self, consumer: Consumer, codec: Codec, watches: Watches) -> None:
        self._consumer = consumer
        self._decoders = {topic: codec.decoder(topic) for topic in _FOLLOWED}
        self._watches = watches
        self._loop = asyncio.get_running_loop()
        self._is_open = True

    def start(self) -> None:
        """Begin at the present end of every partition; blocks until that is known.

        Raises:
            Unavailable: the broker did not say.
        """
        places = [
            TopicPartition(topic, partition)
            for topic in _FOLLOWED
            for partition in range(contract.topics()[topic].partitions)
        ]
        try:
            for place in places:
                ends = self._consumer.get_watermark_offsets(place, timeout=START_SECONDS)
                place.offset = ends[1]
            self._consumer.assign(places)
        except (KafkaException, TypeError) as error:
            raise Unavailable("kafka") from error

    def run(self) -> None:
        """Follow until closed; in a thread of its own."""
        while self._is_open:
            seconds = BUSY_SECONDS if self._watches.wanted() else IDLE_SECONDS
            messages = self._consumer.consume(500, seconds)
            wanted = [command_id.encode() for command_id in self._watches.wanted()]
            for message in messages if wanted else ():
                value = message.value()
                if value and any(command_id in value for command_id in wanted):
                    self._tell(message.topic() or "", value)
        self._consumer.close()

    def close(self) -> None:
        """Let the thread end."""
        self._is_open = False

    def _tell(self, topic: str, value: bytes) -> None:
        try:
            record = self._decoders[topic](value)
        except (KeyError, UnreadableRecord, SchemaUnavailable):
            return  # its machine sets it aside, or waits for the registry; it answers nobody now
        kind = _FOLLOWED[topic] or str(record["kind"])
        fact = record if _FOLLOWED[topic] else record[kind]
        if fact and kind in FACT_TOPICS:
            self._loop.call_soon_threadsafe(self._watches.tell, kind, fact)


@asynccontextmanager
async def open_log(settings: Settings, codec: Codec, **more: Any) -> AsyncIterator[KafkaLog]:
    """The logs, ready for appending."""
    producer = Producer(_producer(settings) | more)
    await asyncio.to_thread(_warm, producer)
    log = KafkaLog(producer, codec)
    async with _in_thread(log, "log"):
        yield log


@asynccontextmanager
async def open_follower(
    settings: Settings, codec: Codec, watches: Watches
) -> AsyncIterator[Follower]:
    """A follower that misses nothing from now on."""
    consumer = Consumer(
        _common(settings)
        | {
            "group.id": "gpubroker-api",
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
            # A fetch costs the broker as much as an append; answers to cancels may take this long.
            "fetch.min.bytes": 65_536,
            "fetch.wait.max.ms": 25,
            "queued.max.messages.kbytes": 16_384,
        }
    )
    follower = Follower(consumer, codec, watches)
    await asyncio.to_thread(follower.start)
    async with _in_thread(follower, "follower"):
        yield follower


def _warm(producer: Producer) -> None:
    """Learn where the logs are now, not with the first record."""
    with suppress(KafkaException):
        for topic in (ACCOUNTS_COMMANDS, BOOKS_COMMANDS):
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
async def _in_thread(worker: KafkaLog | Follower, name: str) -> AsyncIterator[None]:
    thread = threading.Thread(target=worker.run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.close()
        await asyncio.to_thread(thread.join, 5.0)


def _producer(settings: Settings) -> dict[str, Any]:
    return _common(settings) | {
        "partitioner": "murmur2_random",
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 5,
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
