"""The market's logs in Kafka, read from one offset to another, for whoever recomputes or counts."""

import heapq
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka import KafkaError as _KafkaError
from confluent_kafka.admin import AdminClient

import stack
from cli.client import START_ONE
from cli.errors import OutcomeUnknown, Unreachable
from schemas import names, settings
from schemas.codec import Codec, SchemaUnavailable, UnreadableRecord
from schemas.settings import Settings

if TYPE_CHECKING:
    from schemas.registry import Registry

Place = tuple[str, int]
"""Topic and partition."""
Offsets = Mapping[Place, int]


class Watch(Protocol):
    """Is told how a long reading goes."""

    def expect(self, records: int) -> None:
        """So many are to be read."""
        ...

    def advance(self, records: int) -> None:
        """So many more are read."""
        ...


TIMEOUT_SECONDS: Final = 10.0
_BATCH = 1000
_MOST_AHEAD = 2_000
"""Messages of a partition that wait for those of others; it is paused when there are so many."""
_FEW_AHEAD: Final = MappingProxyType(
    {
        "queued.min.messages": 1_000,
        "queued.max.messages.kbytes": 16_384,
        "max.partition.fetch.bytes": 262_144,  # what a pause throws away is fetched again
        "fetch.wait.max.ms": 20,  # a partition that goes on waits for no answer of idle ones
        "fetch.queue.backoff.ms": 5,
    }
)


class Entry(NamedTuple):
    """One record of a topic."""

    topic: str
    key: str
    at_ms: int
    record: dict[str, Any]
    partition: int
    offset: int

    @property
    def where(self) -> str:
        """Its coordinates, for people."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


class Log:
    """Read-only eyes on the topics, and a hand for the administrator's tick."""

    def __init__(self, bootstrap: str, codec: Codec) -> None:
        """Read from these brokers with this codec."""
        self._bootstrap = bootstrap
        self.codec = codec

    def ends(self, topics: Collection[str], partition: int | None = None) -> dict[Place, int]:
        """Where each partition, or the one that is named, ends now."""
        return {place: end for place, (_, end) in self.ranges(topics, partition).items()}

    def ranges(
        self, topics: Collection[str], partition: int | None = None
    ) -> dict[Place, tuple[int, int]]:
        """The first offset of each partition, or the one that is named, and that after its last."""
        with closing(self._consumer()) as consumer:
            every = places_of(consumer, topics, partition)
            return {place: _watermarks(consumer, place) for place in every}

    def first_from(
        self, topics: Collection[str], at_ms: int, partition: int | None = None
    ) -> dict[Place, int]:
        """The first offset that was stamped at this time or later; the end where there is none."""
        ends = self.ends(topics, partition)
        asked = [TopicPartition(*place, at_ms) for place in ends]
        with closing(self._consumer()) as consumer, self._reachable():
            found = consumer.offsets_for_times(asked, timeout=TIMEOUT_SECONDS)
        firsts = {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}
        return {**ends, **firsts}

    def read(
        self,
        topics: Collection[str],
        *,
        key: str | None = None,
        since: Offsets | None = None,
        until: Offsets | None = None,
        partition: int | None = None,
        watch: Watch | None = None,
    ) -> Iterator[Entry]:
        """Every record, or those of one key, in the order of each partition.

        Args:
            topics: where.
            key: whose records; without it, everybody's.
            since: where to begin; without it, where the broker's log begins.
            until: where to end; without it, where the topics end as this is called.
            partition: the only one to read; without it, all.
            watch: is told of every record that is passed, of whatever key.

        Raises:
            Unreachable: the broker does not answer.
        """
        ranges = self.ranges(topics, partition)
        begins = {
            place: max((since or {}).get(place, 0), low) for place, (low, _) in ranges.items()
        }
        ends = {
            place: min((until or {}).get(place, high), high) for place, (_, high) in ranges.items()
        }
        left = {place: end for place, end in ends.items() if begins[place] < end}
        if watch:
            watch.expect(sum(end - begins[place] for place, end in left.items()))
        with closing(self._consumer()) as consumer, self._reachable():
            consumer.assign([TopicPartition(*place, begins[place]) for place in left])
            yield from self._read(consumer, left, key, watch)

    def merged(self, since: Offsets, until: Offsets, by: Callable[[Entry], Any]) -> Iterator[Entry]:
        """Every record between these offsets, in the order of each partition and merged by a key.

        Raises:
            Unreachable: the broker does not answer.
        """
        left = {place: end for place, end in until.items() if since[place] < end}
        decoders = {topic: self.codec.decoder(topic) for topic, _ in left}

        def entries(place: Place) -> Iterator[Entry]:
            for message in ahead.messages(place):
                yield from _entry(message, decoders[place[0]])

        with closing(self._consumer(_FEW_AHEAD)) as consumer, self._reachable():
            ahead = _Ahead(consumer, since, left)
            yield from heapq.merge(*map(entries, left), key=by)

    def follow(self, topic: str) -> "Tail":
        """What is written to a topic from now on."""
        return Tail(self._consumer(), topic, self.codec)

    def append(self, topic: str, key: str, record: Mapping[str, Any]) -> int:
        """Append one record, wait until the broker has it, and tell its offset.

        Raises:
            OutcomeUnknown: it did not say so in time.
        """
        producer = Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 0,
            }
        )
        offsets: list[int | None] = []
        value = self.codec.encoder(topic)(record)
        producer.produce(
            topic, value, key.encode(), on_delivery=lambda _, taken: offsets.append(taken.offset())
        )
        producer.flush(TIMEOUT_SECONDS)
        if not offsets or offsets[0] is None:
            raise OutcomeUnknown(f"Kafka at {self._bootstrap} took no record within 10 s")
        return offsets[0]

    def _read(
        self, consumer: Consumer, left: dict[Place, int], key: str | None, watch: Watch | None
    ) -> Iterator[Entry]:
        wanted = None if key is None else key.encode()
        decoders = {topic: self.codec.decoder(topic) for topic, _ in left}
        while left:
            messages = _some(consumer)
            if watch:
                watch.advance(len(messages))
            for message in messages:
                place, offset = _position(message)
                if offset >= left.get(place, 0):
                    continue
                if offset + 1 == left[place]:
                    del left[place]
                if wanted is None or message.key() == wanted:
                    yield from _entry(message, decoders[place[0]])

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise Unreachable(f"Kafka at {self._bootstrap}: {error}; {START_ONE}") from error

    def _consumer(self, more: Mapping[str, int] = MappingProxyType({})) -> Consumer:
        return Consumer(
            {
                **more,
                "bootstrap.servers": self._bootstrap,
                "group.id": f"gpubroker-cli-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                # What goes wrong is raised; librdkafka would also print every attempt to connect.
                "log_level": 0,
            }
        )


class _Ahead:
    """Messages of many partitions by partition, some of each read ahead."""

    def __init__(self, consumer: Consumer, since: Offsets, until: Offsets) -> None:
        self._consumer = consumer
        self._until = until
        self._waiting: dict[Place, deque[Message]] = {place: deque() for place in until}
        self._paused: set[Place] = set()
        consumer.assign([TopicPartition(*place, since[place]) for place in until])

    def messages(self, place: Place) -> Iterator[Message]:
        """Those of a partition, each once, before its end."""
        waiting, last = self._waiting[place], self._until[place] - 1
        while True:
            while not waiting:
                self._fetch()
            message = waiting.popleft()
            if place in self._paused and len(waiting) < _MOST_AHEAD // 2:
                self._paused.remove(place)
                self._consumer.resume([TopicPartition(*place)])
            yield message
            if message.offset() == last:
                return

    def _fetch(self) -> None:
        """Wait for some messages of whatever partition."""
        for message in _some(self._consumer):
            place, offset = _position(message)
            waiting = self._waiting[place]
            if offset < self._until[place]:
                waiting.append(message)
            is_over = offset >= self._until[place] - 1
            if (is_over or len(waiting) >= _MOST_AHEAD) and place not in self._paused:
                self._paused.add(place)
                self._consumer.pause([TopicPartition(*place)])


class Tail:
    """New records of one topic, as they come."""

    def __init__(self, consumer: Consumer, topic: str, codec: Codec) -> None:
        """Stand at the topic's end."""
        self._consumer = consumer
        self._decode = codec.decoder(topic)
        ends = {place: _watermarks(consumer, place)[1] for place in places_of(consumer, [topic])}
        consumer.assign([TopicPartition(*place, end) for place, end in ends.items()])

    def poll(self, seconds: float) -> Entry | None:
        """The next record, or None if none came in this time or it cannot be read."""
        message = self.poll_bytes(seconds)
        return None if message is None else next(_entry(message, self._decode), None)

    def poll_bytes(self, seconds: float) -> Message | None:
        """The next record as the log has it, or None if none came in this time."""
        message = self._consumer.poll(seconds)
        return None if message is None or message.error() else message

    def await_record(self, field: str, value: str, seconds: float) -> dict[str, Any] | None:
        """The first record with this value in a field, None if it does not come in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            entry = self.poll(left)
            if entry and entry.record.get(field) == value:
                return entry.record
        return None

    def close(self) -> None:
        self._consumer.close()


@contextmanager
def connect(found: Settings) -> Iterator[Log]:
    """The log of the market that the settings name, or that was started in their state folder.

    Raises:
        Unreachable: the registry does not answer, or knows no schema of ours.
    """
    # Its HTTP library takes a second to import, which only commands that read the log should pay.
    from schemas import registry

    addressed = located(found)
    registered = registry.connect(addressed)
    try:
        yield Log(addressed.text("KAFKA_BOOTSTRAP"), _codec(registered, addressed))
    finally:
        registered.close()


def _codec(registered: "Registry", addressed: Settings) -> Codec:
    try:
        return registered.codec()
    except Exception as error:  # the client raises whatever its HTTP library met
        where = addressed.text("REGISTRY_URL")
        raise Unreachable(f"schema registry at {where}: {error}; {START_ONE}") from error


def located(found: Settings) -> Settings:
    """The settings with the servers' addresses: their own, else the local stack's."""
    if settings.variable("KAFKA_BOOTSTRAP") in found.values:
        return found
    return stack.read_environment(found.path("HOME"))


def tick(command_id: str) -> dict[str, Any]:
    """An administrator's tick that asks a book for its state's hash (market-rules.md B3, B6)."""
    return {"kind": "tick", "command_id": command_id, "tick": {"want_hash": True}}


FACTS_OF_BOOKS: Final = tuple(
    topic for kind, topic in names.FACT_TOPICS.items() if kind != "node_changed"
)


def places_of(
    client: Consumer | AdminClient, topics: Collection[str], only: int | None = None
) -> list[Place]:
    """Every partition of these topics, or the one that is named.

    Raises:
        Unreachable: the broker does not answer, or has not all of these topics.
    """
    try:
        listed = client.list_topics(timeout=TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise _unreachable(error) from error
    if missing := [name for name in topics if name not in listed]:
        raise Unreachable(f"Kafka has no topic {', '.join(missing)}; {START_ONE}")
    every = [(name, partition) for name in topics for partition in listed[name].partitions]
    return [place for place in every if only is None or place[1] == only]


def _watermarks(consumer: Consumer, place: Place) -> tuple[int, int]:
    try:
        found = consumer.get_watermark_offsets(TopicPartition(*place), timeout=TIMEOUT_SECONDS)
    except KafkaException as error:
        raise _unreachable(error) from error
    low, high = found
    return low, high


def _unreachable(error: KafkaException) -> Unreachable:
    return Unreachable(f"Kafka does not answer: {error}; {START_ONE}")


def _some(consumer: Consumer) -> list[Message]:
    """What has come, as soon as anything has: asked for many, it would wait for so many."""
    first = consumer.consume(1, 0.2)
    return first + consumer.consume(_BATCH, 0) if first else first


def _position(message: Message) -> tuple[Place, int]:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if message.error() or topic is None or partition is None or offset is None:
        raise KafkaException(message.error() or _KafkaError(_KafkaError._FAIL))
    return (topic, partition), offset


def _entry(message: Message, decode: Any) -> Iterator[Entry]:
    """The message's record; none if it cannot be read, as the market does not read it either."""
    try:
        record = decode(message.value())
    except UnreadableRecord:
        return
    except SchemaUnavailable as error:
        raise Unreachable(f"schema registry: {error}; {START_ONE}") from error
    key = message.key()
    text = key.decode(errors="replace") if isinstance(key, bytes) else str(key or "")
    (topic, partition), offset = _position(message)
    yield Entry(topic, text, message.timestamp()[1], record, partition, offset)
