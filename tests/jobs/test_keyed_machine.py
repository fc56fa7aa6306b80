"""The shell around machines, with a small machine of its own and Flink's state as dicts."""

import dataclasses
import json
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import pytest

from jobs import admission, matching, node_health
from jobs.crossing import Crossing, Record, packed, unpacked
from jobs.keyed_machine import KeyedMachine, MachineJob
from jobs.lane import LANE
from schemas import codec as codecs
from schemas import names
from schemas.codec import SchemaUnavailable
from tests.builders import ALICE, command
from udfs.ids import event_id
from udfs.machine import Fact, Machine, Outgoing, Row, Rows, Step

BOOK = "H100.ondemand"
OTHER = "T4.spot"
NODE = "5e6f7a8b-1c2d-4e3f-8a9b-0c1d2e3f4a06"
CODEC = codecs.offline()
ENCODE = CODEC.encoder(names.BOOKS_COMMANDS)
NOW_MS = 1_000_000
FIRST = "0"
"""A lane."""


@dataclass(slots=True)
class Counter:
    """Counts ticks; `account_id` tells it when to wake, or to fail halfway."""

    machine_id: str
    count: int = 0
    sources: dict[str, int] = field(default_factory=dict)


def load(machine_id: str, rows: Rows) -> Counter:
    return Counter(machine_id, **{key: json.loads(text) for key, text in rows})


def apply(state: Counter, record: Mapping[str, Any], at_ms: int) -> Step:
    if record["source"] and record["source_seq"] <= state.sources.get(record["source"], 0):
        return Step()
    state.count += 1
    if record["account_id"] == "fail":
        raise AssertionError("halfway")
    if record["source"]:
        state.sources[record["source"]] = record["source_seq"]
    fact = {
        "event_id": event_id(state.machine_id, state.count),
        "book_id": state.machine_id,
        "book_seq": state.count,
        "occurred_at_ms": at_ms,
        "command": record["kind"],
        "status": 7 if record["account_id"] == "not a fact" else "open",
    }
    wakes = record["account_id"].isdigit()
    return Step(
        facts=[Fact("book_status", fact)],
        commands=[Outgoing(names.ACCOUNTS_COMMANDS, "somebody", command("tick"))],
        writes={
            "count": Row(str, (state.count,)),
            "sources": Row(str, (json.dumps(state.sources),)),
            "gone": None,
        },
        wake_at_ms=int(record["account_id"]) if wakes else None,
    )


JOB = MachineJob(
    name="matching",
    title="",
    machine=Machine("counter", Counter, load, apply),
    log=names.BOOKS_COMMANDS,
)


class MapState:
    """Flink's map state of the lane and the machine in use."""

    def __init__(self, flink: "Flink") -> None:
        self._flink = flink
        self._machine = ""
        self.loads: list[str] = []

    @property
    def _rows(self) -> dict[str, str]:
        return self._flink.rows.setdefault(self._flink.key, {}).setdefault(self._machine, {})

    def set_current_namespace(self, namespace: str) -> None:
        self._machine = namespace

    def items(self) -> Iterator[tuple[str, str]]:
        self.loads.append(self._machine)
        return iter(list(self._rows.items()))

    def put(self, key: str, value: str) -> None:
        self._rows[key] = value

    def put_all(self, rows: dict[str, str]) -> None:
        self._rows.update(rows)

    def remove(self, key: str) -> None:
        self._rows.pop(key, None)


class Flink:
    """Runtime context, context and timer service in one."""

    def __init__(self, rows: dict[str, dict[str, dict[str, str]]] | None = None) -> None:
        self.rows = rows if rows is not None else {}
        """By lane, then by machine."""
        self.key = FIRST
        self.timers: set[tuple[str, int]] = set()
        self.state = MapState(self)

    def get_map_state(self, descriptor: Any) -> MapState:
        return self.state

    def get_current_key(self) -> str:
        return self.key

    def timer_service(self) -> "Flink":
        return self

    def register_processing_time_timer(self, at_ms: int) -> None:
        self.timers.add((self.key, at_ms))

    def delete_processing_time_timer(self, at_ms: int) -> None:
        self.timers.remove((self.key, at_ms))


def state_of(flink: Flink) -> MapState:
    return flink.state


def opened(
    job: MachineJob, flink: Flink, now_ms: Any = max, cached_rows: int = 100
) -> KeyedMachine:
    """The function as Flink would open it."""
    function = KeyedMachine(job, codecs.offline, now_ms, cached_rows, state_of)
    function.open(flink)
    return function


def as_record(value: bytes | None, key: str = BOOK, offset: int = 4) -> Record:
    return key.encode(), value, NOW_MS - 5, 3, offset


def batch_of(*records: Record) -> bytes:
    """Records of a log as they come from the JVM."""
    return packed(records, numbers=3)


class Shell:
    """A KeyedMachine, and the records that it is sent."""

    def __init__(self, flink: Flink, cached_rows: int = 100) -> None:
        self.now_ms = NOW_MS
        self.flink = flink
        self.function = opened(JOB, flink, lambda: self.now_ms, cached_rows)
        self.offset = 0

    def send(
        self, value: bytes | None, key: str = BOOK, lane: str = FIRST
    ) -> list[tuple[str, str, dict[str, Any]]]:
        return self.send_batch((key, value), lane=lane)

    def send_batch(
        self, *records: tuple[str, bytes | None], lane: str = FIRST
    ) -> list[tuple[str, str, dict[str, Any]]]:
        self.flink.key = lane
        batch = [as_record(value, key, self.offset + at) for at, (key, value) in enumerate(records)]
        self.offset += len(batch)
        return read(self.function.process_element(batch_of(*batch), self.flink))

    def checkpoint(self, lane: str = FIRST) -> None:
        """Tell the lane that one comes."""
        self.flink.key = lane
        assert self.function.process_element(batch_of(), self.flink) == []

    def fire(self, at_ms: int, lane: str = FIRST) -> list[tuple[str, str, dict[str, Any]]]:
        self.flink.key = lane
        self.flink.timers.discard((lane, at_ms))
        return read(self.function.on_timer(at_ms, self.flink))


def read(crossing: Crossing) -> list[tuple[str, str, dict[str, Any]]]:
    assert len(crossing) <= 1
    records = chain(*map(unpacked, crossing))
    outputs = [(topic.decode(), key.decode(), value) for topic, key, value in records]
    return [(topic, key, CODEC.decoder(topic)(value)) for topic, key, value in outputs]


def tick(account_id: str = "", source: str = "", source_seq: int = 0) -> bytes:
    return ENCODE(command("tick", account_id=account_id, source=source, source_seq=source_seq))


def stored(shell: Shell, machine: str = BOOK, lane: str = FIRST) -> dict[str, str]:
    """A machine's rows as a checkpoint would have them."""
    shell.checkpoint(lane)
    return dict(shell.flink.rows[lane].get(machine, {}))


@pytest.fixture
def shell() -> Shell:
    return Shell(Flink())


def test_the_function_can_be_sent_to_a_taskmanager() -> None:
    assert pickle.loads(pickle.dumps(KeyedMachine(JOB, codecs.offline, max)))


def test_facts_then_commands_go_to_their_topics_keyed_by_machine(shell: Shell) -> None:
    fact, handed_on = shell.send(tick())
    assert fact[:2] == ("market.status", BOOK)
    assert (fact[2]["book_seq"], fact[2]["occurred_at_ms"]) == (1, NOW_MS - 5)
    assert handed_on[:2] == (names.ACCOUNTS_COMMANDS, "somebody")


def test_every_change_is_in_the_state_of_a_checkpoint(shell: Shell) -> None:
    shell.send(tick(source="a", source_seq=4))
    assert stored(shell) == {"count": "1", "sources": '{"a": 4}'}


def test_a_restarted_shell_goes_on_where_the_rows_end() -> None:
    rows: dict[str, dict[str, dict[str, str]]] = {}
    before = Shell(Flink(rows))
    before.send(tick())
    before.checkpoint()
    restarted = Shell(Flink(rows))
    assert restarted.send(tick())[0][2]["book_seq"] == 2


def test_a_replayed_record_gives_the_same_facts_byte_for_byte() -> None:
    first, again = Shell(Flink()), Shell(Flink())
    assert first.send(tick()) == again.send(tick())


def test_keys_do_not_share_state(shell: Shell) -> None:
    shell.send(tick())
    assert shell.send(tick(), OTHER)[0][2]["book_seq"] == 1


def test_a_batch_gives_what_its_records_give_one_by_one() -> None:
    records = [
        *((key, tick(source=source, source_seq=4)) for key in (BOOK, OTHER) for source in "ab"),
        (BOOK, tick("fail")),
        (OTHER, b"junk"),
        (BOOK, tick(source="a", source_seq=4)),
        (OTHER, tick()),
        (BOOK, tick(str(NOW_MS + 400))),
    ]
    together, alone = Shell(Flink()), Shell(Flink())
    made = together.send_batch(*records)
    assert made == [output for key, value in records for output in alone.send(value, key)]
    for machine in (BOOK, OTHER):
        assert stored(together, machine) == stored(alone, machine)
    assert together.flink.timers == alone.flink.timers


def test_a_batch_crosses_once_and_one_without_outputs_not_at_all(shell: Shell) -> None:
    batch = batch_of(*(as_record(tick(source="a", source_seq=4), key) for key in (BOOK, OTHER)))
    assert len(shell.function.process_element(batch, shell.flink)) == 1
    assert shell.function.process_element(batch, shell.flink) == []


def test_lanes_do_not_share_state() -> None:
    shell = Shell(Flink())
    shell.send(tick(str(NOW_MS + 400)), BOOK)
    shell.send(tick(str(NOW_MS + 300)), OTHER, lane="1")
    assert stored(shell, BOOK) == {"count": "1", "sources": "{}"}
    assert stored(shell, OTHER, "1") == {"count": "1", "sources": "{}"}
    assert stored(shell, OTHER) == {}
    assert shell.flink.timers == {(FIRST, NOW_MS + 400), ("1", NOW_MS + 300)}
    shell.now_ms += 500
    assert [key for _, key, _ in shell.fire(NOW_MS + 300, "1")] == [OTHER]
    assert [key for _, key, _ in shell.fire(NOW_MS + 400)] == [BOOK]


def test_what_the_batch_did_to_a_machine_before_one_of_its_records_failed_stays() -> None:
    shell = Shell(Flink())
    facts = shell.send_batch((BOOK, tick()), (BOOK, tick()), (BOOK, tick("fail")), (BOOK, tick()))
    seqs = [record["book_seq"] for topic, _, record in facts if topic == "market.status"]
    assert seqs == [1, 2, 3]
    assert stored(shell)["count"] == "3"


def test_b5_a_repeat_from_a_machine_has_no_second_effect(shell: Shell) -> None:
    shell.send(tick(source="a", source_seq=4))
    rows = stored(shell)
    assert shell.send(tick(source="a", source_seq=4)) == []
    assert stored(shell) == rows


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"junk", "4 bytes are too few"),
        (b"\1aaaaaa", "first byte must be 0"),
        (b"\0\0\0\x0f\xffaaaaaa", "schema id 4095"),
        (None, "no value"),
        (tick() + b"x", "1 bytes after"),
    ],
)
def test_what_cannot_be_read_is_a_dead_letter_with_its_coordinates(
    shell: Shell, value: bytes | None, reason: str
) -> None:
    shell.send(tick())
    rows = stored(shell)
    ((topic, _, letter),) = shell.send(value)
    assert topic == names.DEAD_LETTERS
    assert reason in letter["reason"]
    assert {**letter, "reason": ""} == {
        "reader": "matching",
        "topic": names.BOOKS_COMMANDS,
        "partition": 3,
        "offset": 1,
        "key": BOOK.encode(),
        "value": value,
        "reason": "",
        "occurred_at_ms": NOW_MS - 5,
    }
    assert stored(shell) == rows
    assert shell.flink.state.loads == [LANE, BOOK], "an unread record costs nobody's cache"


def test_a_record_without_a_key_is_a_dead_letter(shell: Shell) -> None:
    ((topic, _, letter),) = shell.send(tick(), key="")
    assert (topic, letter["reason"]) == (names.DEAD_LETTERS, "no key: it names no machine")


@pytest.mark.parametrize("account_id", ["fail", "not a fact"])
def test_when_apply_raises_nothing_is_written_and_the_state_is_loaded_again(
    shell: Shell, account_id: str
) -> None:
    shell.send(tick())
    ((topic, _, letter),) = shell.send(tick(account_id))
    assert topic == names.DEAD_LETTERS
    assert letter["value"] == tick(account_id)
    assert stored(shell)["count"] == "1"
    assert shell.send(tick())[0][2]["book_seq"] == 2


@pytest.mark.parametrize("broken", [MemoryError(), SchemaUnavailable("the registry is away")])
def test_what_is_not_the_records_fault_fails_the_job(
    shell: Shell, broken: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise broken

    where = "_encoded" if isinstance(broken, MemoryError) else "_decode"
    monkeypatch.setattr(shell.function, where, fails)
    with pytest.raises(type(broken)):
        shell.send(tick())


def test_rows_that_cannot_be_loaded_fail_the_job_and_set_no_record_aside() -> None:
    wish = {f"wake:{BOOK}": str(NOW_MS)}
    shell = Shell(Flink({FIRST: {BOOK: {"count": "no JSON"}, LANE: wish}}))
    with pytest.raises(json.JSONDecodeError):
        shell.send(tick())
    with pytest.raises(json.JSONDecodeError):
        shell.fire(NOW_MS)


def test_a_timer_that_fails_is_a_dead_letter_and_the_others_go_on(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.send(tick(str(NOW_MS + 400)))
    shell.send(tick(str(NOW_MS + 400)), OTHER)
    shell.now_ms = NOW_MS + 401
    with monkeypatch.context() as patch:
        fails = iter([True, False])
        real = shell.function._tick
        patch.setattr(
            shell.function, "_tick", lambda held: {"kind": None} if next(fails) else real(held)
        )
        (topic, key, letter), (_, other, ticked) = shell.fire(NOW_MS + 400)
    assert (topic, key) == (names.DEAD_LETTERS, BOOK)
    assert letter["reason"].startswith("timer: ")
    place = (letter["topic"], letter["key"], letter["partition"], letter["offset"])
    assert place == (names.BOOKS_COMMANDS, BOOK.encode(), -1, -1)
    assert (other, ticked["kind"]) == (OTHER, "tick")
    assert shell.send(tick())[0][2]["book_seq"] == 2


def test_a_very_long_key_gives_a_letter_that_fits(shell: Shell) -> None:
    ((_, _, letter),) = shell.send(b"junk", key="k" * 900_000)
    assert len(letter["key"]) == 1_024
    assert "first 1024 of 900000 bytes of the key" in letter["reason"]


@pytest.mark.parametrize(
    "job", [admission.JOB, matching.JOB, node_health.JOB], ids=lambda job: job.name
)
@pytest.mark.parametrize("key", ["junk", "H100.", ".spot", "H100.soon", "H100 .spot", "\ufffd"])
def test_a_key_that_is_no_machines_id_is_a_dead_letter(job: MachineJob, key: str) -> None:
    flink = Flink()
    function = opened(job, flink)
    value = CODEC.encoder(job.log)(command("tick"))  # any kind: the key is looked at first
    ((topic, _, letter),) = read(function.process_element(batch_of(as_record(value, key)), flink))
    assert topic == names.DEAD_LETTERS
    assert "the key must be" in letter["reason"]
    assert set(flink.rows[FIRST]) == {LANE}


def test_a_nodes_health_goes_to_its_accounts_log() -> None:
    flink = Flink()
    function = opened(node_health.JOB, flink)
    encode = CODEC.encoder(names.NODES_COMMANDS)
    node = {"node_id": NODE, "gpu_type": "H100", "region": "us-west-2", "gpu_count": 1}
    reading = {"gpu_index": 0, "status": "offline", "temperature": 40.0, "measured_at_ms": NOW_MS}
    owned = {**command("register_node", node), "account_id": ALICE}
    told = {**command("gpu_status", reading), "source": "gpu:0", "source_seq": NOW_MS}
    batch = batch_of(*(as_record(encode(record), NODE) for record in (owned, told, told)))
    ((topic, key, sent),) = read(function.process_element(batch, flink))
    assert (topic, key) == (names.ACCOUNTS_COMMANDS, ALICE)
    assert sent["set_node_health"] == {"node_id": NODE, "health": "offline"}


def test_a_very_long_record_gives_a_letter_that_fits(shell: Shell) -> None:
    ((_, _, letter),) = shell.send(b"\1" + bytes(1_000_000))
    assert len(letter["value"]) == 524_288
    assert "first 524288 of 1000001 bytes" in letter["reason"]


def test_eviction_is_free() -> None:
    small, large = Shell(Flink(), cached_rows=2), Shell(Flink())
    keys = [f"book{number % 5}" for number in range(40)]
    assert [small.send(tick(), key) for key in keys] == [large.send(tick(), key) for key in keys]
    small.checkpoint()
    large.checkpoint()
    assert small.flink.rows == large.flink.rows
    assert len(small.flink.state.loads) > len(large.flink.state.loads) == 1 + 5


def test_memory_is_bounded_by_what_machines_hold_not_by_their_number() -> None:
    flink = Flink()
    heavy = dataclasses.replace(JOB.machine, weight=lambda state: 10 * state.count + 1)
    function = opened(dataclasses.replace(JOB, machine=heavy), flink, cached_rows=50)
    function.process_element(batch_of(), flink)

    def touch(key: str) -> int:
        before = len(flink.state.loads)
        read(function.process_element(batch_of(as_record(tick(), key)), flink))
        return len(flink.state.loads) - before

    assert [touch(key) for key in ("a", "b", "c", "a")] == [1, 1, 1, 0]
    assert touch("a") == 0, "31 rows of a, 11 of c: b had to go"
    assert (touch("c"), touch("b")) == (0, 1)
    for _ in range(9):
        touch("d")
    assert touch("d") == 0, "the machine in use stays, however heavy"
    assert touch("a") == 1


def test_b3_the_timer_is_set_for_what_is_due(shell: Shell) -> None:
    shell.send(tick(str(NOW_MS + 400)))
    assert shell.flink.timers == {(FIRST, NOW_MS + 400)}


def test_b3_the_timer_is_at_least_50_ms_ahead(shell: Shell) -> None:
    shell.send(tick("5"))
    assert shell.flink.timers == {(FIRST, NOW_MS + 50)}


def test_an_earlier_wish_moves_the_timer_and_a_later_one_leaves_it(shell: Shell) -> None:
    shell.send(tick(str(NOW_MS + 400)))
    shell.send(tick(str(NOW_MS + 900)))
    assert shell.flink.timers == {(FIRST, NOW_MS + 400)}
    shell.send(tick(str(NOW_MS + 200)))
    assert shell.flink.timers == {(FIRST, NOW_MS + 200)}


def test_a_timer_that_fires_early_sets_the_next_and_sends_nothing(shell: Shell) -> None:
    shell.send(tick(str(NOW_MS + 400)))
    shell.send(tick(str(NOW_MS + 900)))
    shell.now_ms = NOW_MS + 400
    assert shell.fire(NOW_MS + 400) == []
    assert shell.flink.timers == {(FIRST, NOW_MS + 900)}


def test_b3_a_due_timer_appends_a_tick_to_the_machines_own_log(shell: Shell) -> None:
    shell.send(tick(str(NOW_MS + 400)))
    shell.now_ms = NOW_MS + 401
    ((topic, key, record),) = shell.fire(NOW_MS + 400)
    assert (topic, key, record["kind"]) == (names.BOOKS_COMMANDS, BOOK, "tick")
    assert (record["source"], record["source_seq"]) == ("timer", NOW_MS + 401)
    assert record["tick"] == {"want_hash": False}
    assert shell.flink.timers == set()


def test_b3_a_tick_is_numbered_past_what_was_applied_and_past_what_was_sent(shell: Shell) -> None:
    shell.send(tick("5", source="timer", source_seq=NOW_MS + 7_000))
    sent = [shell.fire(NOW_MS + 50)[0][2]["source_seq"]]
    shell.send(tick("5"))
    sent.append(shell.fire(NOW_MS + 100)[0][2]["source_seq"])
    assert sent == [NOW_MS + 7_001, NOW_MS + 7_002]


def test_a_machine_is_sent_one_tick_until_its_next_record(shell: Shell) -> None:
    shell.send(tick("5"))
    assert len(shell.fire(NOW_MS + 50)) == 1
    assert shell.flink.timers == set()
    assert shell.fire(NOW_MS + 60) == []
    shell.send(tick("5"))
    assert len(shell.fire(NOW_MS + 50)) == 1


def test_each_machine_of_a_lane_has_its_own_wish(shell: Shell) -> None:
    shell.send_batch((BOOK, tick(str(NOW_MS + 900))), (OTHER, tick(str(NOW_MS + 400))))
    assert shell.flink.timers == {(FIRST, NOW_MS + 400)}
    shell.now_ms = NOW_MS + 401
    assert [key for _, key, _ in shell.fire(NOW_MS + 400)] == [OTHER]
    assert shell.flink.timers == {(FIRST, NOW_MS + 900)}
    shell.now_ms = NOW_MS + 901
    assert [key for _, key, _ in shell.fire(NOW_MS + 900)] == [BOOK]


def test_a_timer_from_before_a_restart_sends_its_tick(shell: Shell) -> None:
    shell.send(tick(str(NOW_MS + 400)))
    shell.checkpoint()
    restarted = Shell(Flink(shell.flink.rows))
    assert restarted.fire(NOW_MS - 1) == []
    assert restarted.flink.timers == {(FIRST, NOW_MS + 400)}
    restarted.now_ms = NOW_MS + 400
    ((_, _, record),) = restarted.fire(NOW_MS + 400)
    assert record["source"] == "timer"


def test_a_machine_that_wants_nothing_more_gets_no_tick(shell: Shell) -> None:
    shell.send(tick(str(NOW_MS + 400)))
    shell.send(tick())
    assert shell.fire(NOW_MS + 400) == []


def test_the_outputs_are_those_of_the_contract() -> None:
    assert names.DEAD_LETTERS in JOB.outputs
    assert set(JOB.outputs) >= {topic for topic in names.FACT_TOPICS.values() if "orders" in topic}


@pytest.mark.parametrize("job", [admission.JOB, matching.JOB], ids=lambda job: job.name)
def test_the_timer_of_a_real_job_appends_a_tick_to_its_own_log(job: MachineJob) -> None:
    flink = Flink({FIRST: {LANE: {f"wake:{BOOK}": str(NOW_MS)}}})
    function = opened(job, flink, lambda: NOW_MS)
    ((topic, key, tick),) = read(function.on_timer(NOW_MS, flink))
    assert (topic, key, tick["kind"], tick["source"]) == (job.log, BOOK, "tick", names.TIMER)
    assert tick["source_seq"] == NOW_MS


@pytest.mark.parametrize(
    "job", [admission.JOB, matching.JOB, node_health.JOB], ids=lambda j: j.name
)
def test_b2_a_machine_reads_its_one_log_alone(job: MachineJob) -> None:
    assert job.inputs == (job.log,)
