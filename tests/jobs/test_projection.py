"""The projection's loop: batch, write, then commit; a dead store is waited for."""

import threading
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

import fastavro
import pytest
import redis
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from confluent_kafka import TopicPartition

from jobs import corrections, kafka, projection
from jobs.projection import ClickHouse, Fact, LateReadings, Projector, RedisReadings
from jobs.rollups import fields
from schemas import codec as codecs
from schemas import contract, names, readings

CODEC = codecs.offline()
STATUS = {
    "event_id": "e",
    "book_id": "b",
    "book_seq": 1,
    "occurred_at_ms": 5,
    "command": "tick",
    "command_id": "",
    "status": "open",
    "hash": None,
}
TOPIC = "market.status"


class Message:
    """A record as confluent_kafka hands it out."""

    def __init__(self, value: bytes | None, offset: int = 0, topic: str = TOPIC) -> None:
        self._value, self._offset, self._topic = value, offset, topic

    def error(self) -> None:
        return None

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes:
        return b"k"

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 4

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 2, 77


class Log:
    """Consumer, producer and store in one, which remember what happened in which order."""

    name = "store"
    max_records = 3
    linger_seconds = 0.0
    interval_seconds = 0.0
    busy_share = 1.0
    topics = tuple(projection.fact_topics())

    def __init__(self, values: list[bytes | None], failures: int = 0) -> None:
        self.waiting = [Message(value, offset) for offset, value in enumerate(values)]
        self.failures = failures
        self.events: list[Any] = []
        self.stop = threading.Event()
        self.projector = Projector(self, self, self, CODEC, self.stop)

    def run(self) -> list[Any]:
        self.projector.run()
        return self.events

    # the consumer
    def subscribe(self, topics: list[str]) -> None:
        self.events.append(("subscribe", len(topics)))

    def poll(self, timeout: float) -> Message | None:
        if not self.waiting:
            self.stop.set()
            return None
        return self.waiting.pop(0)

    def consume(self, count: int, timeout: float) -> list[Message]:
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def commit(self, asynchronous: bool) -> None:
        self.events.append("commit")

    def close(self) -> None:
        self.events.append("close")

    # the producer
    def produce(self, topic: str, value: bytes) -> None:
        self.events.append((topic, CODEC.decoder(topic)(value)))

    def flush(self) -> None:
        self.events.append("flush")

    # the store
    def reader(self, codec: codecs.Codec, topic: str) -> projection.Read:
        return codec.decoder(topic)

    def write(self, facts: list[Fact]) -> None:
        if self.failures:
            self.failures -= 1
            raise OperationalError("down")
        self.events.append([fact.record["book_seq"] for fact in facts])


def status(seq: int) -> bytes:
    return CODEC.encoder(TOPIC)({**STATUS, "book_seq": seq})


def test_a_batch_is_written_and_only_then_committed() -> None:
    log = Log([status(1), status(2), status(3), status(4)])
    assert log.run() == [
        ("subscribe", len(projection.fact_topics())),
        *("flush", [1, 2, 3], "commit"),
        *("flush", [4], "commit"),
        "close",
    ]


def test_a_store_that_is_down_is_waited_for_and_nothing_is_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(projection, "FIRST_WAIT_SECONDS", 0.001)
    assert Log([status(1), status(2)], failures=3).run()[2:4] == [[1, 2], "commit"]


def test_a_stop_while_the_store_is_down_commits_nothing() -> None:
    log = Log([status(1)], failures=99)
    threading.Timer(0.05, log.stop.set).start()
    assert "commit" not in log.run()


def test_an_unreadable_record_is_a_dead_letter_before_its_offset_is_committed() -> None:
    log = Log([status(1), b"junk", status(3)])
    (topic, letter), *rest = log.run()[1:]
    assert topic == names.DEAD_LETTERS
    assert rest == ["flush", [1, 3], "commit", "close"]
    assert letter == {
        "reader": "projection-store",
        "topic": TOPIC,
        "partition": 4,
        "offset": 1,
        "key": b"k",
        "value": b"junk",
        "reason": "4 bytes are too few for a schema id",
        "occurred_at_ms": 77,
    }


def test_a_fact_out_of_bounds_is_a_dead_letter_and_its_neighbours_are_written() -> None:
    late = CODEC.encoder(TOPIC)({**STATUS, "occurred_at_ms": 2**62})
    (_, letter), *rest = Log([status(1), late, status(-3), None, status(5)]).run()[1:]
    assert "occurred_at_ms must be a whole number" in letter["reason"]
    reasons = [event[1]["reason"] for event in rest if isinstance(event, tuple)]
    assert [reason.split()[0] for reason in reasons] == ["book_seq", "no"]
    assert [event for event in rest if isinstance(event, list)] == [[1], [5]]


def test_clickhouse_gets_one_insert_a_table() -> None:
    inserted: list[Any] = []

    class Insert:
        data: Any = None

        def __init__(self, table: str, columns: tuple[str, ...], column_oriented: bool) -> None:
            assert column_oriented
            self.table = table

    class Client:
        create_insert_context = staticmethod(Insert)

        def insert(self, context: Insert) -> None:
            inserted.append((context.table, context.data))

    store = ClickHouse(Client, [TOPIC])
    store.write([Fact(TOPIC, {**STATUS, "book_seq": seq}) for seq in (1, 2)])
    store.write([Fact(TOPIC, STATUS)])
    assert [(table, data[2]) for table, data in inserted] == [
        ("market_status", [1, 2]),
        ("market_status", [1]),
    ]


@pytest.mark.parametrize(
    ("busy_seconds", "apart_seconds"), [(0.001, 0.5), (0.05, 0.5), (0.2, 2.0), (60.0, 3.0)]
)
def test_batches_for_clickhouse_are_further_apart_when_they_take_long(
    busy_seconds: float, apart_seconds: float
) -> None:
    store = ClickHouse(lambda: None, [TOPIC])
    assert projection.interval_seconds(store, busy_seconds) == pytest.approx(apart_seconds)


class RawLog(Log):
    """The same log of readings before a store that takes them as they are, or refuses them."""

    topics = (names.TELEMETRY_GPU,)

    def __init__(self, values: list[bytes | None]) -> None:
        self.store = projection.RawReadings(lambda: self, self.topics)
        super().__init__(values)
        for message in self.waiting:
            message._topic = names.TELEMETRY_GPU

    def reader(self, codec: codecs.Codec, topic: str) -> projection.Read:
        return self.store.reader(codec, topic)

    def write(self, facts: list[Fact]) -> None:
        self.store.write(facts)

    # ClickHouse
    def raw_insert(self, table: str, insert_block: bytes, fmt: str) -> None:
        assert (table, fmt) == ("providers_telemetry", "Avro")
        try:
            self.events.append([each["node_id"] for each in fastavro.reader(BytesIO(insert_block))])
        except Exception:
            raise DatabaseError("Code: 748. EOF reached") from None

    def create_insert_context(self, table: str, columns: Any, column_oriented: bool) -> Any:
        return SimpleNamespace(data=None)

    def insert(self, context: Any) -> None:
        self.events.append({"columns": context.data[0]})


def of_node(node: str) -> bytes:
    return CODEC.encoder(names.TELEMETRY_GPU)(reading(1, node) | {"status": "healthy"})


def test_readings_go_to_clickhouse_in_the_bytes_that_they_came_in() -> None:
    events = RawLog([of_node("a"), of_node("b")]).run()
    assert events == [("subscribe", 1), "flush", ["a", "b"], "commit", "close"]


def test_of_readings_that_clickhouse_cannot_read_the_broken_ones_are_set_aside() -> None:
    events = RawLog([of_node("a"), of_node("b")[:-1], of_node("c")]).run()
    (letter, *rest) = events[2:]
    assert letter[1]["offset"] == 1
    assert rest == ["flush", {"columns": ["a", "c"]}, "commit", "close"]


def test_bytes_of_another_frame_are_judged_before_they_reach_clickhouse() -> None:
    events = RawLog([b"junk", None, of_node("a")]).run()
    assert [event[1]["offset"] for event in events[1:3]] == [0, 1]
    assert events[3:] == ["flush", ["a"], "commit", "close"]


def reading(at_ms: int, node: str = "n") -> dict[str, Any]:
    words = ("cluster_id", "provider_id", "region", "gpu_type", "status")
    numbers = ("gpu_index", "gpu_utilization", "memory_utilization", "temperature", "power_draw")
    return {"node_id": node, "timestamp": at_ms, **dict.fromkeys(words, "w"),
            **dict.fromkeys(numbers, 0)}  # fmt: skip


def test_late_readings_are_kept_before_their_windows_are_computed_anew() -> None:
    events: list[Any] = []
    rollup = dict.fromkeys(fields(), 1)

    class Client:
        def create_insert_context(self, table: str, columns: Any, column_oriented: bool) -> Any:
            events.append(table)
            return Client()

        def insert(self, context: Any) -> None:
            events.append(context.data[0])

        def query(self, sql: str) -> Any:
            events.append("query")
            return SimpleNamespace(result_rows=[tuple(rollup.values())])

    store = LateReadings(Client, events.append, lambda: events.append("all are there"))
    store.write([Fact(names.TELEMETRY_LATE, reading(at_ms)) for at_ms in (1, 2)])
    assert events[:3] == ["providers_telemetry", ["n", "n"], "all are there"]
    assert events[3:] == ["query", [rollup]] * 4


def test_each_window_of_late_readings_is_asked_for_once() -> None:
    asked = list(corrections.queries([reading(at) for at in (0, 9_999, 10_000, 60_000)]))
    windows = [sql.count("('n', ") for sql in asked]
    assert windows == [3, 2, 0, 0]
    assert [sql.count("('w', 'w', ") for sql in asked] == [0, 0, 0, 2]
    assert "('o\\'; --', 0)" in next(corrections.queries([reading(0, "o'; --")]))


def test_windows_wait_for_readings_that_are_not_in_clickhouse_yet() -> None:
    class Client:
        def committed(self, asked: list[TopicPartition], timeout: float) -> list[TopicPartition]:
            offsets = {0: 7, 1: -1001, 2: -1001}
            return [TopicPartition(each.topic, each.partition, offsets[each.partition])
                    for each in asked]  # fmt: skip

    marks = {0: (0, 9), 1: (4, 4), 2: (3, 8)}
    assert kafka.records_left(cast(Any, Client()), "t", marks) == 2 + 0 + 5
    assert kafka.records_left(cast(Any, Client()), "t", {0: (0, 7), 1: (4, 4)}) == 0


def test_redis_gets_one_command_a_node() -> None:
    sent: list[Any] = []

    class Client:
        def register_script(self, script: str) -> Any:
            assert script == readings.NEWEST
            return lambda keys, args, client: sent.append((keys, args[0], args[1::2]))

        def pipeline(self, transaction: bool) -> "Client":
            return self

        def execute(self) -> None:
            sent.append("execute")

    told = [
        {"node_id": node, "gpu_index": gpu, "timestamp": at}
        for node, gpu, at in (("n", 0, 1), ("n", 0, 2), ("n", 1, 1), ("m", 0, 1))
    ]
    store = RedisReadings(cast(Any, Client()))
    store.write([Fact(names.TELEMETRY_GPU, each) for each in told])
    assert sent == [
        (["telemetry:n"], readings.LIVE_MS, ["0", "1"]),
        (["telemetry:m"], readings.LIVE_MS, ["0"]),
        "execute",
    ]


def test_the_projection_reads_every_fact_and_every_reading_in_streams_of_their_own() -> None:
    facts = {*names.FACT_TOPICS.values(), names.PRICING_UPDATES}
    assert set(projection.fact_topics()) == facts
    telemetry = {*projection.READINGS, names.TELEMETRY_ROLLUPS, names.TELEMETRY_LATE}
    assert set(projection.topics()) == {*projection.fact_topics(), *telemetry}
    assert all(t in contract.topics() for t in projection.topics())


class CountingCodec(codecs.Codec):
    """Counts how often a record is decoded."""

    def __init__(self) -> None:
        ids = {name: index for index, name in enumerate(contract.topics(), 1)}
        super().__init__(ids, lambda schema_id: {}[schema_id])
        self.decoded = 0

    def decoder(self, topic: str) -> codecs.Decoder:
        decode = super().decoder(topic)

        def counting(data: bytes | None) -> dict[str, Any]:
            self.decoded += 1
            return decode(data)

        return counting


def readers_of_two_stores(codec: codecs.Codec) -> list[projection.Read]:
    shared = projection.ReadOnce(codec)
    stores = (
        ClickHouse(lambda: None, projection.fact_topics(), shared),
        projection.Redis(redis.Redis(), shared),
    )
    return [store.reader(codec, TOPIC) for store in stores]


def test_what_two_stores_read_is_decoded_once() -> None:
    codec = CountingCodec()
    one, other = readers_of_two_stores(codec)
    data = [status(seq) for seq in (1, 2, 3)]
    assert [one(each)["book_seq"] for each in data[:2]] == [1, 2]
    assert [other(each)["book_seq"] for each in data] == [1, 2, 3]
    assert one(data[2])["book_seq"] == 3
    assert codec.decoded == 3


def test_a_record_that_only_one_store_reads_again_is_the_same() -> None:
    one, other = readers_of_two_stores(CountingCodec())
    data = [status(seq) for seq in (1, 2, 1)]
    for read in (one, one, other):
        assert [read(each)["book_seq"] for each in data] == [1, 2, 1]


def test_stores_far_apart_keep_little_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MOST_WAITING", 2)
    shared = projection.ReadOnce(CODEC)
    one, other = shared.reader(TOPIC), shared.reader(TOPIC)
    data = [status(seq) for seq in range(1, 6)]
    for read in (one, other):
        assert [read(each)["book_seq"] for each in data] == [1, 2, 3, 4, 5]
        assert len(shared._waiting[TOPIC]) <= 2


@pytest.mark.parametrize("data", [None, b"", b"junk"])
def test_what_nobody_can_read_neither_store_reads(data: bytes | None) -> None:
    for read in readers_of_two_stores(CODEC):
        with pytest.raises(codecs.UnreadableRecord):
            read(data)
