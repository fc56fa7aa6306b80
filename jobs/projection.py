"""Writes facts and telemetry to the views: ClickHouse for history, Redis for now.

Plain consumers, one group per store and stream, so that none stalls another and orders never queue
up behind telemetry: take a batch, write it, then commit the offsets. A store that is down is waited
for; nothing is skipped, and what is written twice is one row all the same. What a fact says is read
once for both stores (decision 0036). Late readings also have their windows computed anew
(`corrections`).
"""

import logging
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from itertools import chain
from typing import Any, Final, NamedTuple, Protocol

import redis
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError
from confluent_kafka import Consumer, KafkaException, Message, Producer
from redis.exceptions import RedisError

from jobs import codecs, corrections, garbage, kafka, rows
from jobs import contract as servers
from jobs.rollups import fields
from schemas import contract, names, readings, views
from schemas.codec import Codec, UnreadableRecord, file_of
from schemas.dead_letters import letter_about
from schemas.settings import Settings

READER: Final = "projection"
READINGS: Final = (names.TELEMETRY_GPU, names.TELEMETRY_NODE)
ROLLUPS: Final = (names.TELEMETRY_NODE, names.TELEMETRY_ROLLUPS)
CATCH_UP_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 0.5
COMMIT_SECONDS: Final = 1.0
"""Offsets are committed this often at most; what comes again after a crash changes nothing."""
FIRST_WAIT_SECONDS: Final = 0.25
LONGEST_WAIT_SECONDS: Final = 10.0
MOST_ROWS: Final = 100
"""In one call, for as long as which Redis does nothing else."""
MOST_INTERVAL_SECONDS: Final = 3.0
MOST_WAITING: Final = 5_000
"""Records of a topic that one store has decoded and the other not read."""
_LOG = logging.getLogger(__name__)


class Behind(Exception):
    """Raw readings that were appended before this moment are not in ClickHouse yet."""


class UnreadableBatch(Exception):
    """ClickHouse cannot read records that were handed to it as they are."""


_PASSING: Final = (ClickHouseError, RedisError, OSError, KafkaException, Behind)


class Fact(NamedTuple):
    """A record, a fact or a reading, and its topic."""

    topic: str
    record: Any
    """Its fields; the bytes of its body where the store wants them as they are."""


Read = Callable[[bytes | None], Any]
"""From a record's bytes to what a store wants of it; raises `UnreadableRecord`."""


class Store(Protocol):
    """Where a group writes, and how large its batches are."""

    name: str
    max_records: int
    linger_seconds: float
    """How long a batch gathers when the one before it is long past."""
    interval_seconds: float
    """How far apart batches are under load: a larger one costs hardly more than a small one."""
    busy_share: float = 1.0
    """What part of the time writing may take: rather than more, batches are further apart, and
    larger, up to `MOST_INTERVAL_SECONDS`."""
    patience_ms: int
    """How long the broker gathers records for it."""
    topics: Sequence[str]

    def reader(self, codec: Codec, topic: str) -> Read:
        """How it wants the records of a topic."""
        return codec.decoder(topic)

    def write(self, facts: list[Fact]) -> None:
        """Write a batch, whole or again.

        Raises:
            UnreadableBatch: among records that were not decoded are some that nobody can.
        """
        ...


def interval_seconds(store: Store, busy_seconds: float) -> float:
    """How long after the begin of a batch that took so long to write the next one may begin."""
    wanted = busy_seconds / store.busy_share
    return max(store.interval_seconds, min(wanted, MOST_INTERVAL_SECONDS))


class ReadOnce:
    """Decodes records for two stores: what one of them has decoded the other takes from it.

    To decode a fact is most of what projecting it costs, and both stores read every one within a
    second or so. It makes no difference which comes first, or whether the other ever comes: too
    much that waits is forgotten, and decoded again. Nobody may change a record.
    """

    def __init__(self, codec: Codec) -> None:
        """Decode with this codec."""
        self._codec = codec
        self._waiting: dict[str, dict[bytes, Any]] = {topic: {} for topic in fact_topics()}

    def reader(self, topic: str) -> Read:
        """The function that reads a topic of facts, for either of two threads."""
        decode, waiting = self._codec.decoder(topic), self._waiting[topic]

        def read(data: bytes | None) -> Any:
            if data is None:
                return decode(data)
            record = waiting.pop(data, None)
            if record is None:
                record = decode(data)
                if len(waiting) >= MOST_WAITING:
                    waiting.clear()
                waiting[data] = record
            return record

        return read


class ClickHouse(Store):
    """One insert per table and batch, column by column."""

    name = "clickhouse"
    max_records = 20_000
    linger_seconds = 0.05
    interval_seconds = 0.5
    busy_share = 0.1
    patience_ms = 250

    def __init__(
        self, connect: Callable[[], Any], topics: Sequence[str], shared: ReadOnce | None = None
    ) -> None:
        """Make a store.

        Args:
            connect: connects to ClickHouse, once there is something to write.
            topics: what goes into it.
            shared: reads the same topics for another store too.
        """
        self.topics = topics
        self._connect = connect
        self._shared = shared
        self._client: Any = None
        self._inserts: dict[str, Any] = {}

    def reader(self, codec: Codec, topic: str) -> Read:
        return self._shared.reader(topic) if self._shared else super().reader(codec, topic)

    def write(self, facts: list[Fact]) -> None:
        by_topic: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for topic, record in facts:
            by_topic[topic].append(record)
        for topic, records in by_topic.items():
            self._insert(topic, list(rows.columns(topic, records).values()))

    def _insert(self, topic: str, columns: list[list[Any]]) -> None:
        self._open()
        if topic not in self._inserts:
            self._inserts[topic] = self._client.create_insert_context(
                rows.tables()[topic], rows.column_names(topic), column_oriented=True
            )
        insert = self._inserts[topic]
        insert.data = columns
        try:
            self._client.insert(context=insert)
        finally:
            insert.data = None

    def _open(self) -> Any:
        if self._client is None:
            self._client = self._connect()
        return self._client


class Redis(Store):
    """A batch's folds merged by row, many rows in one call."""

    name = "redis"
    max_records = 1_000
    linger_seconds = 0.005
    interval_seconds = 0.04
    patience_ms = 25

    def __init__(self, client: "redis.Redis", shared: ReadOnce | None = None) -> None:
        """Use this client; `shared` reads the facts for another store too."""
        self.topics = fact_topics()
        self._shared = shared
        self._fold = client.register_script(views.FOLD)

    def reader(self, codec: Codec, topic: str) -> Read:
        return self._shared.reader(topic) if self._shared else super().reader(codec, topic)

    def write(self, facts: list[Fact]) -> None:
        folds = (fold for topic, record in facts for fold in rows.folds(topic, record))
        told = rows.merged(folds)
        for start in range(0, len(told), MOST_ROWS):
            some = told[start : start + MOST_ROWS]
            arguments = chain.from_iterable(row.arguments() for row in some)
            self._fold(keys=[row.key for row in some], args=arguments)


class ClickHouseReadings(ClickHouse):
    """The same for telemetry, of which there is much more."""

    name = "telemetry-clickhouse"
    max_records = 50_000
    linger_seconds = 0.25
    interval_seconds = 1.0
    busy_share = 1.0


class Rollups(ClickHouseReadings):
    """Windows, which come all at once when they end, and are waited for; readings of nodes."""

    linger_seconds = 0.1
    interval_seconds = 0.5
    patience_ms = 50


class RawReadings(ClickHouseReadings):
    """Readings of GPUs, handed to ClickHouse in the bytes that they came in.

    It reads Avro for a third of what decoding in Python costs. What it takes was judged before it
    came into the log, by the API; what it cannot take is decoded here, and set aside.
    """

    name = "telemetry-raw"

    def reader(self, codec: Codec, topic: str) -> Read:
        framing, decode = codec.framing(topic), codec.decoder(topic)
        begin = len(framing)

        def read(data: bytes | None) -> Any:
            return data[begin:] if data and data.startswith(framing) else decode(data)

        return read

    def write(self, facts: list[Fact]) -> None:
        bodies = [fact.record for fact in facts if isinstance(fact.record, bytes)]
        if bodies:
            self._insert_file(bodies)
        super().write([fact for fact in facts if not isinstance(fact.record, bytes)])

    def _insert_file(self, bodies: list[bytes]) -> None:
        (topic,) = self.topics
        file = file_of(contract.topics()[topic].record, bodies)
        try:
            self._open().raw_insert(rows.tables()[topic], insert_block=file, fmt="Avro")
        except OperationalError:  # it is away
            raise
        except DatabaseError as error:
            raise UnreadableBatch(str(error)) from error


class LateReadings(ClickHouse):
    """Has the windows of late readings computed anew; the results go the way of all rollups."""

    name = "telemetry-late"
    max_records = 20_000
    linger_seconds = 1.0
    interval_seconds = 10.0
    busy_share = 1.0

    def __init__(
        self,
        connect: Callable[[], Any],
        send: Callable[[list[dict[str, Any]]], None],
        await_readings: Callable[[], None],
    ) -> None:
        """Make a store.

        Args:
            connect: connects to ClickHouse.
            send: appends rollups to the log, all of them before it returns.
            await_readings: waits until ClickHouse has the readings that are in the log now, so
                that no window is computed from a part of them; raises `Behind`.
        """
        super().__init__(connect, (names.TELEMETRY_LATE,))
        self._send = send
        self._await_readings = await_readings

    def write(self, facts: list[Fact]) -> None:
        readings_told = [record for _, record in facts]
        columns = rows.columns(names.TELEMETRY_GPU, readings_told)
        self._insert(names.TELEMETRY_GPU, list(columns.values()))
        self._await_readings()
        for query in corrections.queries(readings_told):
            found = self._client.query(query).result_rows
            self._send([dict(zip(fields(), row, strict=True)) for row in found])


class RedisReadings(Store):
    """One pipeline a batch, of which each node has one command with the newest of its readings."""

    name = "telemetry-redis"
    topics = READINGS
    max_records = 20_000
    linger_seconds = 0.05
    interval_seconds = 0.5
    patience_ms = 100

    def __init__(self, client: "redis.Redis") -> None:
        """Use this client."""
        self._client = client
        self._newest = client.register_script(readings.NEWEST)

    def write(self, facts: list[Fact]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for key, row in rows.newest(reading for _, reading in facts).items():
            pairs = [text for field in row.items() for text in field]
            self._newest(keys=[key], args=[readings.LIVE_MS, *pairs], client=pipeline)
        pipeline.execute()


class Projector:
    """Moves the facts of one consumer group into one store."""

    def __init__(
        self,
        store: Store,
        consumer: Consumer,
        producer: Producer,
        codec: Codec,
        stop: threading.Event,
    ) -> None:
        """Make a projector; `stop` ends it between two batches, or while a store is down."""
        self._store = store
        self._consumer = consumer
        self._producer = producer
        self._stop = stop
        self._readers: dict[str, Read] = {t: store.reader(codec, t) for t in store.topics}
        self._decoders: dict[str, Read] = {t: codec.decoder(t) for t in store.topics}
        self._letter = codec.encoder(names.DEAD_LETTERS)
        self._commit_due_at = 0.0
        self._batch_due_at = 0.0
        self._is_uncommitted = False

    def run(self) -> None:
        """Project until stopped."""
        self._consumer.subscribe(list(self._store.topics))
        try:
            while not self._stop.is_set():
                if batch := self._batch():
                    began = time.monotonic()
                    self._project(batch)
                    self._batch_due_at = began + interval_seconds(
                        self._store, time.monotonic() - began
                    )
                if time.monotonic() >= self._commit_due_at:
                    self._commit()
            self._commit()
        finally:
            self._consumer.close()

    def _batch(self) -> list[Message]:
        """The next records: none after an idle while, else what comes until a batch is due."""
        first = self._consumer.poll(IDLE_SECONDS)
        if first is None:
            return []
        wait_seconds = max(self._store.linger_seconds, self._batch_due_at - time.monotonic())
        more = self._gathered(self._store.max_records - 1, wait_seconds)
        return [message for message in (first, *more) if not _is_error(message)]

    def _gathered(self, count: int, seconds: float) -> list[Message]:
        """At most so many records that come in so many seconds; what there is when stopped."""
        gathered: list[Message] = []
        deadline = time.monotonic() + seconds
        while True:
            left_seconds = max(deadline - time.monotonic(), 0.0)
            some = self._consumer.consume(count - len(gathered), min(left_seconds, IDLE_SECONDS))
            gathered += some
            if len(gathered) >= count or left_seconds <= IDLE_SECONDS or self._stop.is_set():
                return gathered

    def _project(self, batch: list[Message]) -> None:
        # A batch that was not written, because we are stopped, must not be committed either.
        try:
            self._is_uncommitted = self._write(self._read(batch, self._readers))
        except UnreadableBatch as error:
            _LOG.warning("%s: %d records one by one: %s", self._store.name, len(batch), error)
            self._is_uncommitted = self._write(self._read(batch, self._decoders))

    def _read(self, batch: list[Message], readers: Mapping[str, Read]) -> list[Fact]:
        """What can be read of it; the rest is among the dead letters then."""
        facts = list(self._facts(batch, readers))
        self._producer.flush()
        return facts

    def _facts(self, batch: list[Message], readers: Mapping[str, Read]) -> Iterable[Fact]:
        for message in batch:
            topic = str(message.topic())
            try:
                yield Fact(topic, readers[topic](message.value()))
            except UnreadableRecord as error:
                self._set_aside(message, str(error))

    def _set_aside(self, message: Message, reason: str) -> None:
        reader = f"{READER}-{self._store.name}"
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        _LOG.warning("%s set aside %s %s@%s: %s", reader, topic, partition, offset, reason)
        letter = letter_about(message, reader, reason)
        self._producer.produce(names.DEAD_LETTERS, value=self._letter(letter))

    def _write(self, facts: list[Fact]) -> bool:
        """Write, and again until it is written; False if stopped before that."""
        wait_seconds = FIRST_WAIT_SECONDS
        while True:
            try:
                self._store.write(facts)
            except _PASSING as error:
                _LOG.warning(
                    "%s: %d facts wait, again in %.1f s: %s",
                    *(self._store.name, len(facts), wait_seconds, error),
                )
            else:
                return True
            if self._stop.wait(wait_seconds):
                return False
            wait_seconds = min(2 * wait_seconds, LONGEST_WAIT_SECONDS)

    def _commit(self) -> None:
        """Commit what was written; if that fails it comes again, and changes nothing."""
        if not self._is_uncommitted:
            return
        self._is_uncommitted = False
        self._commit_due_at = time.monotonic() + COMMIT_SECONDS
        try:
            self._consumer.commit(asynchronous=False)
        except KafkaException as error:
            _LOG.warning("%s: offsets not committed: %s", self._store.name, error.args[0].str())


def topics() -> list[str]:
    """The topics that the projection reads."""
    return [topic.name for topic in contract.topics().values() if READER in topic.readers]


def fact_topics() -> list[str]:
    """Those of facts."""
    return [topic for topic in topics() if not topic.startswith("telemetry.")]


def run(settings: Settings) -> None:
    """Project into all stores until SIGTERM or SIGINT; then finish the batches at hand.

    Raises:
        RegistryRefused: the schema registry does not answer or does not know our schemas.
    """
    garbage.search_rarely()
    codec = codecs.codec(settings)
    producer = kafka.producer(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    redis_url = settings.text("REDIS_URL")
    shared = ReadOnce(codec)
    stores: tuple[Store, ...] = (
        ClickHouse(lambda: servers.clickhouse(settings), fact_topics(), shared),
        Redis(redis.Redis.from_url(redis_url, decode_responses=True), shared),
        Rollups(lambda: servers.clickhouse(settings), ROLLUPS),
        RawReadings(lambda: servers.clickhouse(settings), (names.TELEMETRY_GPU,)),
        LateReadings(
            lambda: servers.clickhouse(settings),
            _sender(producer, codec),
            lambda: _await_readings(settings),
        ),
        RedisReadings(redis.Redis.from_url(redis_url, decode_responses=True)),
    )
    failures: list[BaseException] = []
    threads = [_start(store, settings, producer, codec, stop, failures) for store in stores]
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _sender(producer: Producer, codec: Codec) -> Callable[[list[dict[str, Any]]], None]:
    """Appends rollups to their topic."""
    encode = codec.encoder(names.TELEMETRY_ROLLUPS)

    def send(rollups: list[dict[str, Any]]) -> None:
        for rollup in rollups:
            key = rollup["scope_id"].encode()
            producer.produce(names.TELEMETRY_ROLLUPS, key=key, value=encode(rollup))
        producer.flush()

    return send


def _await_readings(settings: Settings) -> None:
    """Wait until ClickHouse has the readings that are in the log now.

    Raises:
        Behind: it has not after `CATCH_UP_SECONDS`.
        KafkaException: no broker answers.
    """
    group = f"{READER}-{RawReadings.name}"
    with closing(kafka.consumer(settings, group)) as client:
        ends = kafka.watermarks(client, names.TELEMETRY_GPU)
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while left := kafka.records_left(client, names.TELEMETRY_GPU, ends):
            if time.monotonic() > deadline:
                raise Behind(f"{left} readings are not in ClickHouse yet")
            time.sleep(IDLE_SECONDS)


def _start(
    store: Store,
    settings: Settings,
    producer: Producer,
    codec: Codec,
    stop: threading.Event,
    failures: list[BaseException],
) -> threading.Thread:
    """A thread per store; if one fails by a fault of ours, the process ends and says so."""

    def project() -> None:
        try:
            consumer = kafka.consumer(settings, f"{READER}-{store.name}", store.patience_ms)
            Projector(store, consumer, producer, codec, stop).run()
        except BaseException as error:
            failures.append(error)
            stop.set()

    thread = threading.Thread(target=project, name=f"{READER}-{store.name}")
    thread.start()
    return thread


def _is_error(message: Message) -> bool:
    """Errors that pass, like a broker that restarts; librdkafka goes on by itself."""
    error = message.error()
    if error is not None:
        _LOG.warning("Kafka: %s", error.str())
    return error is not None
