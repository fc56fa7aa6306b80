"""The log: topics of partitions that the broker stamps, producers, and how far readers are."""

import random
from collections import deque
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from typing import NamedTuple
from zlib import crc32

from schemas import codec as codecs
from schemas import contract
from schemas.codec import Codec, Decoder, Encoder
from tests.sim.clock import Clock


class SharedCodec(Codec):
    """The real codec, which makes each topic's encoder and decoder once."""

    def __init__(self) -> None:
        real = codecs.offline()
        self._real = real
        self._encoders: dict[str, Encoder] = {}
        self._decoders: dict[str, Decoder] = {}
        super().__init__(real._ids, real._writer)

    def encoder(self, topic: str) -> Encoder:
        if topic not in self._encoders:
            self._encoders[topic] = super().encoder(topic)
        return self._encoders[topic]

    def decoder(self, topic: str) -> Decoder:
        if topic not in self._decoders:
            self._decoders[topic] = super().decoder(topic)
        return self._decoders[topic]


CODEC = SharedCodec()


def shared_codec() -> Codec:
    """The codec, where a part wants a function that makes one."""
    return CODEC


class Record(NamedTuple):
    """What stands in a partition; its offset is its place."""

    key: bytes
    value: bytes
    at_ms: int


class Broker:
    """Every topic with the same number of partitions, each stamped by a broker of its own.

    A partition's append time never goes back; those of two partitions may be apart by the skew of
    their brokers' clocks.
    """

    def __init__(self, clock: Clock, partitions: int, skews_ms: list[int]) -> None:
        self._clock = clock
        self._skews_ms = skews_ms
        self.partitions = partitions
        self.topics: dict[str, list[list[Record]]] = {
            topic: [[] for _ in range(partitions)] for topic in contract.topics()
        }
        self.digest = sha256()
        """Over everything appended and every answer, in their order: the trace of a run."""
        self.heard: Callable[[str, Record], None] | None = None

    def partition(self, key: bytes) -> int:
        """Where the records of a key go."""
        return crc32(key) % self.partitions

    def append(self, topic: str, key: bytes, value: bytes) -> None:
        """Put a record at its partition's end."""
        number = self.partition(key)
        records = self.topics[topic][number]
        at_ms = self._clock.now_ms() + self._skews_ms[number]
        if records and records[-1].at_ms > at_ms:
            at_ms = records[-1].at_ms
        record = Record(key, value, at_ms)
        records.append(record)
        self.digest.update(b"%s %d %d %s " % (topic.encode(), number, at_ms, key))
        self.digest.update(value)
        if self.heard:
            self.heard(topic, record)

    def read(self, topic: str) -> Iterator[Record]:
        """Everything in a topic, each partition in its order."""
        for records in self.topics[topic]:
            yield from records


class _Sent(NamedTuple):
    key: bytes
    value: bytes
    appended: Callable[[], None] | None


class Producer:
    """Records on their way to the broker: in order within a partition, in any across them."""

    def __init__(self, broker: Broker, *, repeats: bool = False) -> None:
        """Make a producer; one that `repeats` sends some again when an acknowledgement is lost."""
        self._broker = broker
        self._repeats = repeats
        self._queues: dict[tuple[str, int], deque[_Sent]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def send(
        self, topic: str, key: bytes, value: bytes, appended: Callable[[], None] | None = None
    ) -> None:
        """Put a record on its way; `appended` is told when the broker has it."""
        place = topic, self._broker.partition(key)
        self._queues.setdefault(place, deque()).append(_Sent(key, value, appended))

    def deliver(self, rng: random.Random) -> None:
        """Some of it arrives."""
        for place in self._shuffled(rng):
            self._arrive(place, rng.randint(0, len(self._queues[place])), rng)

    def flush(self, rng: random.Random) -> None:
        """All of it arrives."""
        for place in self._shuffled(rng):
            self._arrive(place, len(self._queues[place]), rng)

    def crash(self, rng: random.Random, *, zombie: bool) -> "Producer":
        """Lose what was on its way, but for a beginning of each partition that arrives later.

        What arrives at once is the same as what was delivered before the crash.
        """
        late = Producer(self._broker)
        for (topic, _), queue in self._queues.items():
            survivors = rng.randint(0, len(queue)) if zombie else 0
            for sent in list(queue)[:survivors]:
                late.send(topic, sent.key, sent.value)
        self._queues = {}
        return late

    def _shuffled(self, rng: random.Random) -> list[tuple[str, int]]:
        places = list(self._queues)
        rng.shuffle(places)
        return places

    def _arrive(self, place: tuple[str, int], wanted: int, rng: random.Random) -> None:
        queue = self._queues[place]
        for _ in range(wanted):
            sent = queue.popleft()
            self._broker.append(place[0], sent.key, sent.value)
            if self._repeats and rng.random() < 0.1:
                self._broker.append(place[0], sent.key, sent.value)
            if sent.appended:
                sent.appended()
        if not queue:
            del self._queues[place]


class Positions:
    """How far a reader has come in some topics."""

    def __init__(self, broker: Broker, topics: tuple[str, ...]) -> None:
        self._broker = broker
        self.topics = topics
        self.next = {(topic, number): 0 for topic in topics for number in range(broker.partitions)}

    def waiting(self) -> list[tuple[str, int]]:
        """The partitions that have more."""
        return [
            place
            for place, offset in self.next.items()
            if offset < len(self._broker.topics[place[0]][place[1]])
        ]

    def take(self, place: tuple[str, int], most: int) -> list[tuple[int, Record]]:
        """The next records of a partition with their offsets."""
        first = self.next[place]
        records = self._broker.topics[place[0]][place[1]][first : first + most]
        self.next[place] = first + len(records)
        return list(zip(count(first), records))

    def to_end(self) -> None:
        """Go to where each partition ends now."""
        for topic, number in self.next:
            self.next[topic, number] = len(self._broker.topics[topic][number])
