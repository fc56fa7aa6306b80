"""Snapshots written and loaded, without a broker."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError

from jobs import kafka, snapshots
from jobs.follower import Follower, Partition
from jobs.snapshots import LogTrimmed, Shelf, Writer
from schemas import names
from schemas.names import BOOKS_COMMANDS, BOOKS_SNAPSHOTS
from schemas.settings import Settings
from tests.builders import ALICE, BOB, BOOK, ask, bid, cancel, command
from tests.jobs.log_builders import CODEC, ENCODE, Message, messages
from tests.udfs.snapshot_builders import a_book, parts
from udfs import snapshot

OTHER = "T4.spot"
DECODE = CODEC.decoder(BOOKS_SNAPSHOTS)


class Broker:
    """A producer that keeps what it takes, and may refuse or fall silent."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.letters: list[dict[str, Any]] = []
        self.refuses = False
        self.is_silent = False
        self.before_taking: Callable[[], None] = lambda: None

    def produce(
        self, topic: str, value: bytes, key: str | None = None, on_delivery: Any = None
    ) -> None:
        if topic == names.DEAD_LETTERS:
            self.letters.append(CODEC.decoder(topic)(value))
            return
        assert topic == BOOKS_SNAPSHOTS
        record = DECODE(value)
        assert key == record["book_id"]
        self.before_taking()
        if self.refuses:
            on_delivery(KafkaError(KafkaError._MSG_TIMED_OUT), None)
        elif not self.is_silent:
            self.taken.append(record)

    def flush(self, seconds: float) -> int:
        return int(self.is_silent)

    def purge(self) -> None:
        self.is_silent = False


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def follower() -> Follower:
    return Follower(CODEC.decoder(BOOKS_COMMANDS))


@pytest.fixture
def writer(follower: Follower, broker: Broker) -> Writer:
    return Writer(follower, lambda: True, broker, CODEC, lambda: None)


LOG = [
    ask(BOB, "a1", 4, 2_000_000),
    bid(ALICE, "b1", 5, 1_000_000),
    bid(ALICE, "b2", 2, 2_000_000, source=ALICE, source_seq=3),
    cancel(ALICE, "b1"),
    ask(BOB, "a2", 6, 2_000_100),
]


def follow(follower: Follower, *log: Message) -> None:
    for message in log:
        assert follower.apply(message)


def test_b6_a_snapshot_is_written_with_what_it_stands_for(
    follower: Follower, writer: Writer, broker: Broker
) -> None:
    follow(follower, *messages(*LOG), Message(ENCODE(LOG[0]), 5, OTHER))
    ids = writer.ask([BOOK])
    writer._write_wanted()
    (part,) = broker.taken
    book = follower.book(BOOK)
    assert part["snapshot_id"] == ids[BOOK]
    assert (part["partition"], part["offset"], part["at_ms"]) == (1, 6, 1_005)
    assert (part["book_seq"], part["resting"], part["hash"]) == (book.seq, 2, book.state_hash())
    assert part["books"] == sorted([BOOK, OTHER])
    assert part["code"] == snapshots.code_version()
    assert follower.home(BOOK).snapshots[BOOK].snapshot_id == ids[BOOK]
    assert writer.ask([BOOK]) != ids


def test_the_book_goes_on_while_it_is_copied(
    follower: Follower, writer: Writer, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "ROWS_AT_ONCE", 1)
    log = messages(*LOG, *(bid(ALICE, f"c{number}", 1, 900_000) for number in range(40)))
    follow(follower, *log[:3])
    rest = iter(log[3:])

    def breathe(seconds: float) -> bool:
        for message in (next(rest), next(rest)):
            with follower.lock:
                follow(follower, message)
        return False

    monkeypatch.setattr(writer._stopping, "wait", breathe)
    writer.ask([BOOK])
    writer._write_wanted()
    found = snapshot.newest(broker.taken).newest[BOOK]
    assert 3 < found.head.offset < len(log)
    assert found.head.offset == follower.partitions[1].position
    assert found.head.hash == follower.book(BOOK).state_hash()
    assert follower.copy is None


def test_a_book_that_is_loaded_again_meanwhile_is_written_later(
    follower: Follower, writer: Writer, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(follower, *messages(*LOG))
    ids = writer.ask([BOOK])

    def poison(seconds: float) -> bool:
        with follower.lock:
            follower.apply(Message(ENCODE(command("no_such_kind")), 5))
        return False

    monkeypatch.setattr(writer._stopping, "wait", poison)
    writer._write_wanted()
    assert (broker.taken, follower.copy) == ([], None)
    assert writer.ask([BOOK]) == ids


def test_who_asks_while_a_book_is_written_asks_for_the_next_one(
    follower: Follower, writer: Writer, broker: Broker
) -> None:
    follow(follower, *messages(*LOG))
    asked: list[str] = []
    broker.before_taking = lambda: asked.append(writer.ask([BOOK])[BOOK])
    first = writer.ask([BOOK])[BOOK]
    writer._write_wanted()
    writer._write_wanted()
    assert [part["snapshot_id"] for part in broker.taken] == [first, asked[0]]


def test_a_partition_that_is_behind_is_not_written(
    follower: Follower, writer: Writer, broker: Broker
) -> None:
    follow(follower, *messages(*LOG))
    follower.partitions[1].goal = 6
    writer.ask([BOOK])
    writer._write_wanted()
    assert broker.taken == []


@pytest.mark.parametrize("fault", ["refuses", "is_silent"])
def test_what_kafka_does_not_take_is_written_again(
    follower: Follower, writer: Writer, broker: Broker, fault: str, caplog: Any
) -> None:
    follow(follower, *messages(*LOG))
    ids = writer.ask([BOOK])
    setattr(broker, fault, True)
    writer._write_wanted()
    assert follower.home(BOOK).snapshots == {}
    assert "again soon" in caplog.text
    broker.refuses = False
    writer._write_wanted()
    assert [part["snapshot_id"] for part in broker.taken] == [ids[BOOK]]


def test_a_new_book_is_due_at_once_and_then_once_a_day(
    follower: Follower, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(follower, *messages(*LOG), Message(ENCODE(LOG[0]), 5, OTHER))
    now_ms = 1_790_000_000_000
    monkeypatch.setattr(snapshots, "_now_ms", lambda: now_ms)
    assert sorted(writer._due()) == sorted([BOOK, OTHER])
    writer.ask(writer._due())
    writer._write_wanted()
    assert writer._due() == []
    now_ms = snapshot.due_ms(OTHER, now_ms) + snapshot.DAY_MS
    assert OTHER in writer._due()


def test_a_book_whose_log_went_on_far_is_due_before_its_time(
    follower: Follower, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(follower, *messages(*LOG))
    writer.ask(writer._due())
    writer._write_wanted()
    home = follower.home(BOOK)
    head = home.snapshots[BOOK]
    monkeypatch.setattr(snapshots, "MOST_REPLAYED", 10)
    home.position = head.offset + 10
    assert writer._due() == []
    home.position += 1
    assert writer._due() == [BOOK]
    home.snapshots[BOOK] = dataclasses.replace(head, resting=11)
    assert writer._due() == [], "a large book waits for as many records as it has orders"


def test_the_thread_writes_what_is_asked_and_ends(follower: Follower, broker: Broker) -> None:
    follow(follower, *messages(*LOG))
    ended = threading.Event()
    written = threading.Event()
    broker.before_taking = written.set
    writer = Writer(follower, lambda: True, broker, CODEC, ended.set)
    writer.start()
    assert written.wait(10)
    writer.stop()
    assert ended.is_set()
    assert writer.failure is None


# Loading -------------------------------------------------------------------------------------


class Topics:
    """Stands in for Kafka: the log's range, and the snapshots that are there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records: list[bytes] = []
        self.begin, self.end, self.later = 0, 20, None
        self.asked_since: list[int] = []
        monkeypatch.setattr(kafka, "consumer", lambda *_: self)
        monkeypatch.setattr(kafka, "watermarks", lambda *_: {3: (self.begin, self.end), 4: (0, 0)})
        monkeypatch.setattr(kafka, "first_after", lambda *_: self.later)
        monkeypatch.setattr(kafka, "read_since", self.read_since)

    def close(self) -> None:
        pass

    def hold(self, *records: Any) -> None:
        encode = CODEC.encoder(BOOKS_SNAPSHOTS)
        self.records += [encode(record) for record in records]

    def read_since(self, _: Any, topic: str, since_ms: int) -> Iterator[Any]:
        self.asked_since.append(since_ms)
        for offset, value in enumerate(self.records):
            yield _Stored(topic, value, offset)


class _Stored:
    def __init__(self, topic: str, value: bytes, offset: int) -> None:
        self._topic, self._value, self._offset = topic, value, offset

    def topic(self) -> str:
        return self._topic

    def value(self) -> bytes:
        return self._value

    def key(self) -> bytes:
        return BOOK.encode()

    def partition(self) -> int:
        return 3

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, 99


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    return Topics(monkeypatch)


@pytest.fixture
def shelf(topics: Topics, broker: Broker) -> Shelf:
    return Shelf(Settings({}), CODEC, broker)


def test_a_partition_begins_where_its_snapshots_stand(topics: Topics, shelf: Shelf) -> None:
    topics.hold(*parts(a_book(3), snapshot_id="s0", offset=4), *parts(a_book()))
    topics.begin = 6
    found = shelf.restore([3, 4])
    assert (found[3].position, found[3].goal, found[3].at_ms) == (7, 20, 1_007)
    assert found[3].books[BOOK].state_hash() == a_book().state_hash()
    assert found[4] == Partition(4)
    assert len(topics.asked_since) == 1


def test_older_snapshots_are_read_only_where_they_are_needed(topics: Topics, shelf: Shelf) -> None:
    assert shelf.restore([3])[3].position == 0
    assert (len(topics.asked_since), topics.asked_since[1]) == (2, 0)


def test_a_log_that_lost_its_beginning_is_refused_by_name(
    topics: Topics, shelf: Shelf, caplog: Any
) -> None:
    topics.hold(*parts(a_book()), *parts(a_book(), snapshot_id="torn", offset=9)[1:])
    topics.begin = 8
    with pytest.raises(LogTrimmed) as refused:
        shelf.restore([3])
    said = str(refused.value)
    assert "books.commands partition 3 must begin at offset 0, begins at 8" in said
    assert "the log begins at 8, so what follows the snapshot is gone" in said
    assert "torn" in said
    assert "snapshot torn of H100.ondemand at offset 9: torn" in caplog.text


def test_a_book_without_a_snapshot_needs_the_whole_log(topics: Topics, shelf: Shelf) -> None:
    topics.hold(*parts(a_book(), books=[BOOK, OTHER]))
    assert (found := shelf.restore([3])[3]).position == 0
    assert list(found.books) == [BOOK]
    topics.begin = 1
    with pytest.raises(LogTrimmed, match=f"no snapshot of {OTHER} can be used"):
        shelf.restore([3])


@pytest.mark.parametrize(("end", "later", "reason"), [(6, None, "beyond"), (20, 0, "is another")])
def test_a_snapshot_of_another_log_is_named_and_not_used(
    topics: Topics, shelf: Shelf, end: int, later: int | None, reason: str, caplog: Any
) -> None:
    topics.hold(*parts(a_book()))
    topics.end, topics.later = end, later
    assert shelf.restore([3])[3] == Partition(3, goal=end)
    assert reason in caplog.text


def test_rows_of_another_version_are_named_and_not_used(
    topics: Topics, shelf: Shelf, caplog: Any
) -> None:
    rows = {"book": "[2,0]"}
    taken = snapshot.cut(rows)
    said = parts(a_book(), part_bytes=10**6, hash=taken.hash)[0]
    topics.hold({**said, "rows": taken.texts[0]})
    assert shelf.restore([3])[3].books == {}
    assert "cannot be loaded: row book must be an array of version 1" in caplog.text


def test_poison_among_snapshots_becomes_a_dead_letter(
    topics: Topics, shelf: Shelf, broker: Broker
) -> None:
    topics.records.append(b"junk")
    topics.hold(*parts(a_book()))
    assert shelf.restore([3])[3].position == 7
    (letter,) = broker.letters
    assert (letter["reader"], letter["topic"], letter["offset"]) == (
        "market_data",
        BOOKS_SNAPSHOTS,
        0,
    )
    assert "too few for a schema id" in letter["reason"]


def test_records_that_a_snapshot_holds_are_passed_over(
    topics: Topics, shelf: Shelf, follower: Follower
) -> None:
    before, after = Follower(CODEC.decoder(BOOKS_COMMANDS)), follower
    log = messages(*LOG)
    follow(before, *log[:3])
    other = [Message(ENCODE(LOG[0]), 3, OTHER, 1), *log[3:]]
    topics.hold(*parts(before.book(BOOK), offset=3, partition=3, books=[BOOK, OTHER]))
    after.partitions[1] = shelf.restore([3])[3]
    assert after.partitions[1].position == 0
    follow(after, *log[:3], *other)
    follow(before, *log[3:])
    assert after.book(BOOK).state_hash() == before.book(BOOK).state_hash()
    assert after.book(OTHER).seq == 1
