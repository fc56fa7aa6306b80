"""A replay over topics in memory: where it begins, what it compares, how it ends."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from rich.console import Console

from cli.commands import replay
from cli.commands.replay import described, recomputed
from cli.errors import BadUsage, CannotTell
from cli.log import Entry, Offsets, Place, Watch
from cli.meter import Meter
from schemas.names import BOOKS_COMMANDS, BOOKS_SNAPSHOTS, FACT_TOPICS
from tests.builders import ALICE, BOB, BOOK, ask, bid, cancel, command
from tests.udfs.snapshot_builders import parts
from udfs.replay import Replay

PARTITION = 3
NOW_MS = 1_790_000_000_000
METER = Meter(Console(quiet=True))


@dataclass
class Topics:
    """Topics of one partition, and a running book behind them."""

    running: Replay = field(default_factory=lambda: Replay(BOOK))
    topics: dict[str, list[Entry]] = field(default_factory=dict)
    begin: int = 0
    """Of the log of commands."""
    forge: Callable[[Entry], Entry | None] = lambda entry: entry
    """What becomes of a fact on its way."""
    is_silent: bool = False
    status: dict[str, Any] | None = None

    def put(self, topic: str, record: Any, key: str = BOOK, at_ms: int = NOW_MS) -> int:
        held = self.topics.setdefault(topic, [])
        entry = Entry(topic, key, at_ms, record, PARTITION, len(held))
        kept = self.forge(entry) if topic in FACT_TOPICS.values() else entry
        if kept is not None:
            held.append(kept)
        return entry.offset

    def append(self, topic: str, key: str, record: Any) -> int:
        at_ms = NOW_MS + len(self.topics.get(topic, []))
        offset = self.put(topic, record, key, at_ms)
        for fact in self.running.apply(record, at_ms) if key == BOOK else []:
            self.put(FACT_TOPICS[fact.kind], fact.record)
            if fact.kind == "book_status":
                self.status = dict(fact.record)
        return offset

    def snapshot(self, **values: Any) -> None:
        offset = len(self.topics[BOOKS_COMMANDS])
        place = {"partition": PARTITION, "offset": offset, "at_ms": NOW_MS + offset - 1}
        for part in parts(self.running.book, 1, **{**place, **values}):
            self.put(BOOKS_SNAPSHOTS, part)

    # As `cli.log.Log`.

    def ranges(self, topics: Collection[str], partition: int | None = None) -> Any:
        begins = {BOOKS_COMMANDS: self.begin}
        return {
            (topic, PARTITION): (begins.get(topic, 0), len(self.topics.get(topic, [])))
            for topic in topics
        }

    def ends(self, topics: Collection[str], partition: int | None = None) -> Any:
        return {place: end for place, (_, end) in self.ranges(topics).items()}

    def first_from(self, topics: Collection[str], at_ms: int, partition: int | None = None) -> Any:
        return {
            place: next((e.offset for e in self.topics.get(place[0], []) if e.at_ms >= at_ms), end)
            for place, end in self.ends(topics).items()
        }

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
        assert partition in (None, PARTITION)
        for topic in topics:
            place: Place = (topic, PARTITION)
            first = max((since or {}).get(place, 0), self.ranges([topic])[place][0])
            for entry in self.topics.get(topic, [])[first : (until or {}).get(place)]:
                if key in (None, entry.key):
                    yield entry

    def follow(self, topic: str) -> "Topics":
        return self

    def await_record(self, name: str, value: str, seconds: float) -> dict[str, Any] | None:
        assert self.status is None or self.status[name] == value or self.is_silent
        return None if self.is_silent else self.status

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(replay, "_now_ms", lambda: NOW_MS)


@pytest.fixture
def topics() -> Topics:
    return Topics()


def fill(topics: Topics, *keys: str) -> None:
    for key in keys:
        topics.append(BOOKS_COMMANDS, "T4.spot", bid(ALICE, "x", 1, 100))
        topics.append(BOOKS_COMMANDS, BOOK, ask(ALICE, f"a{key}", 4, 2_000))
        topics.append(BOOKS_COMMANDS, BOOK, bid(BOB, f"b{key}", 3, 2_000))
        topics.append(BOOKS_COMMANDS, BOOK, command("no_such_kind"))
        topics.append(BOOKS_COMMANDS, BOOK, cancel(ALICE, f"a{key}"))


def compared(topics: Topics, *, from_snapshot: bool = False) -> replay.Comparison:
    return recomputed(topics, BOOK, METER, from_snapshot=from_snapshot)  # type: ignore[arg-type]


def test_b6_from_the_beginning_and_from_a_snapshot_all_is_equal(topics: Topics) -> None:
    fill(topics, "1", "2")
    topics.snapshot()
    fill(topics, "3")
    whole = compared(topics)
    assert (whole.equal, whole.first_difference, whole.snapshot_id) == (True, None, None)
    assert (whole.commands, whole.facts, whole.compared) == (13, 13, 13)
    assert whole.since == f"{BOOKS_COMMANDS}[3]@1"
    rest = compared(topics, from_snapshot=True)
    assert (rest.equal, rest.snapshot_id, rest.since) == (True, "s1", f"{BOOKS_COMMANDS}[3]@10")
    assert (rest.facts, rest.compared, rest.aged) == (6, 6, 0)
    assert "from snapshot s1, made with code c" in described(rest)


def test_commands_after_the_answer_are_left_out(topics: Topics) -> None:
    fill(topics, "1")
    awaited = topics.await_record

    def later(*arguments: Any) -> Any:
        told = awaited(*arguments)
        fill(topics, "2")
        return told

    topics.await_record = later  # type: ignore[method-assign]
    found = compared(topics)
    assert (found.equal, found.facts) == (True, 5)


def test_a_torn_snapshot_is_named_and_the_one_before_is_used(topics: Topics) -> None:
    fill(topics, "1")
    topics.snapshot()
    topics.append(BOOKS_COMMANDS, BOOK, bid(BOB, "rests", 1, 100))
    topics.snapshot(snapshot_id="torn")
    del topics.topics[BOOKS_SNAPSHOTS][-1]
    found = compared(topics, from_snapshot=True)
    assert (found.equal, found.snapshot_id) == (True, "s1")
    assert "not used: snapshot torn of H100.ondemand" in described(found)


@pytest.mark.parametrize("from_snapshot", [False, True])
def test_a_forged_fact_is_named_with_its_evidence(topics: Topics, from_snapshot: bool) -> None:
    fill(topics, "1")
    topics.snapshot()

    def forge(entry: Entry) -> Entry:
        if entry.topic != "orders.matched":
            return entry
        return entry._replace(record={**entry.record, "quantity": 2})

    topics.forge = forge
    fill(topics, "2")
    found = compared(topics, from_snapshot=from_snapshot)
    assert not found.equal
    assert found.first_difference == (
        "sequence 7: order_matched.quantity told 2 (orders.matched[3]@1),"
        " 3 recomputed from place_order (books.commands[3]@7)"
    )
    assert found.running_hash == found.replayed_hash


def test_a_fact_that_is_missing_is_named(topics: Topics) -> None:
    topics.forge = lambda entry: None if entry.topic == "orders.cancelled" else entry
    fill(topics, "1")
    found = compared(topics)
    assert found.first_difference == (
        "sequence 4: order_closed was never told,"
        " recomputed from cancel_order (books.commands[3]@4)"
    )


def test_a_running_book_that_went_another_way_is_found(topics: Topics) -> None:
    fill(topics, "1")
    topics.running.apply(bid(BOB, "out of the log", 1, 100), NOW_MS + 50)
    found = compared(topics)
    assert not found.equal
    assert found.running_hash != found.replayed_hash
    assert found.first_difference is not None
    assert "NOT equal" in described(found)


def test_a_running_book_that_told_too_much_is_found(topics: Topics) -> None:
    fill(topics, "1")
    for fact in topics.running.apply(bid(BOB, "out of the log", 1, 100), NOW_MS + 3):
        topics.put("orders.created", fact.record)
    found = compared(topics)
    assert found.first_difference is not None
    assert found.first_difference.startswith("sequence 5: told order_created (orders.created[3]@2)")


def test_a_log_that_lost_its_beginning_is_told_and_a_snapshot_helps(topics: Topics) -> None:
    fill(topics, "1")
    topics.snapshot()
    fill(topics, "2")
    topics.begin = 4
    with pytest.raises(CannotTell, match=r"begins at offset 4: .* --from-snapshot") as ended:
        compared(topics)
    assert ended.value.exit_code == 6
    assert compared(topics, from_snapshot=True).equal
    topics.begin = 6
    with pytest.raises(CannotTell, match="the log begins at 6"):
        compared(topics, from_snapshot=True)


def test_a_silent_book_cannot_be_compared(topics: Topics) -> None:
    fill(topics, "1")
    topics.is_silent = True
    with pytest.raises(CannotTell, match="did not tell its hash within 60 s"):
        compared(topics)


def test_a_book_without_a_command_is_refused_and_gets_no_tick(topics: Topics) -> None:
    topics.append(BOOKS_COMMANDS, "T4.spot", bid(ALICE, "x", 1, 100))
    with pytest.raises(BadUsage):
        compared(topics)
    with pytest.raises(CannotTell, match="`gpubroker snapshot --book"):
        compared(topics, from_snapshot=True)
    assert len(topics.topics[BOOKS_COMMANDS]) == 1
