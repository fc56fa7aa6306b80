# ruff: noqa: N802
import json
import subprocess
import sys
from typing import Any

import pytest

from tests.builders import ALICE, BOB, BOOK, Market, ask, bid, cancel, halt, tick
from udfs.replay import BadLine, parse, replay_book

PLACE = {
    "at_ms": 1,
    "account_id": "a",
    "kind": "place_order",
    "order_id": "o1",
    "side": "ask",
    "quantity": 8,
    "price_micros": 1_000,
    "duration_seconds": 3_600,
}
TAKE = {**PLACE, "at_ms": 2, "account_id": "b", "order_id": "o2", "side": "bid", "quantity": 3}


def replay(*lines: object, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    text = "".join(line if isinstance(line, str) else f"{json.dumps(line)}\n" for line in lines)
    command = [sys.executable, "-m", "udfs.replay", "--book", BOOK, *flags]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def told(*lines: object, flags: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    done = replay(*lines, flags=flags)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_R_facts_and_final_state() -> None:
    created, taker, matched, state = told(PLACE, TAKE)
    assert created["kind"] == taker["kind"] == "order_created"
    assert created["account_id"] == "a"
    assert (matched["kind"], matched["quantity"], matched["price_micros"]) == (
        "order_matched",
        3,
        1_000,
    )
    assert state.keys() == {"kind", "hash", "resting", "book_seq"}
    assert (state["kind"], state["resting"], state["book_seq"]) == ("state", 1, 3)


def test_R_has_exactly_the_fields_of_F() -> None:
    header = {"kind", "event_id", "book_id", "book_seq", "occurred_at_ms", "command", "command_id"}
    refused = {**PLACE, "kind": "cancel_order", "order_id": "x"}
    status, rejected, state = told({"at_ms": 1, "kind": "tick"}, refused)
    assert status.keys() == header | {"status", "hash"}
    assert status["hash"] is None
    assert rejected.keys() == header | {"order_id", "account_id", "code", "detail"}
    assert state["book_seq"] == 2


def test_R_every_kind_of_command() -> None:
    entries = [
        {**PLACE, "command_id": "c1"},
        {**PLACE, "order_id": "o3", "price_micros": 2_000},
        {"at_ms": 2, "account_id": "a", "kind": "amend_order", "order_id": "o1", "quantity": 6},
        {"at_ms": 3, "account_id": "a", "kind": "withdraw", "order_id": "o1", "quantity": 1},
        {"at_ms": 4, "kind": "halt_book"},
        {"at_ms": 5, "account_id": "a", "kind": "cancel_order", "order_id": "o1"},
        {"at_ms": 6, "kind": "resume_book"},
        {"at_ms": 7, "kind": "tick", "want_hash": True},
        {"at_ms": 8, "kind": "tick", "source": "timer", "source_seq": 8},
    ]
    kinds = [(fact["kind"], fact.get("command_id")) for fact in told(*entries)]
    assert kinds == [
        ("order_created", "c1"),
        ("order_created", ""),
        ("order_amended", ""),
        ("order_amended", ""),
        ("book_status", ""),
        ("order_closed", ""),
        ("book_status", ""),
        ("book_status", ""),
        ("state", None),
    ]


def test_R_B5_a_repeated_line_is_dropped() -> None:
    once = {**PLACE, "source": "a", "source_seq": 1}
    assert told(once, once) == told(once)


def test_R_A1_A3_the_flags_stand_for_the_parameter_record() -> None:
    asks = [
        {**PLACE, "order_id": f"o{index}", "quantity": size}
        for index, size in enumerate([10, 5, 20, 50, 75])
    ]
    take = {**TAKE, "order_id": "in", "quantity": 60}
    flags = ("--top", "10", "--book-minimum", "2")
    facts = told(*asks, take, flags=flags)
    assert [f["quantity"] for f in facts if f["kind"] == "order_matched"] == [10, 3, 6, 16, 25]


def test_R_blank_lines_and_an_empty_log() -> None:
    assert told("\n", PLACE, "  \n")[-1]["book_seq"] == 1
    assert [line["kind"] for line in told()] == ["state"]


def test_R_a_record_that_the_job_set_aside_has_no_effect() -> None:
    """An order without a price raises only after time has passed and expired orders are closed."""
    commands = [(1, bid(ALICE, "a", 5, 300, expires_at_ms=50)), (9, ask(BOB, "b", 1, 200))]
    poison = bid(ALICE, "c", 5, 300)
    del poison["place_order"]["price_micros"]
    facts, book = replay_book(BOOK, [*commands, (60, poison), (40, tick(want_hash=True))])
    expected, untouched = replay_book(BOOK, [*commands, (40, tick(want_hash=True))])
    assert facts == expected
    assert book.state_hash() == untouched.state_hash()


def test_R_gives_the_hash_of_the_running_book() -> None:
    log = [ask(ALICE, "a", 8, 1_000), bid(BOB, "b", 3, 1_100), halt(), cancel(ALICE, "a"), tick()]
    market = Market(at_ms=0)
    lines = []
    for entry in log:
        market(entry)
        flat = {**entry, **(entry[entry["kind"]] or {}), "at_ms": market.at_ms}
        del flat[entry["kind"]]
        lines.append(flat)
    facts, book = replay_book(
        BOOK, [(line["at_ms"], e) for line, e in zip(lines, log, strict=True)]
    )
    assert book.state_hash() == market.book.state_hash() == told(*lines)[-1]["hash"]
    assert told(*lines)[:-1] == [{"kind": fact.kind, **fact.record} for fact in facts]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "must be a JSON object, was [1]"),
        ({"at_ms": 1, "kind": "sell"}, "kind must be one of place_order"),
        ({"at_ms": 1}, "kind must be one of place_order"),
        ({"at_ms": 1, "kind": ["tick"]}, "kind must be one of place_order"),
        ({"kind": "tick"}, "at_ms is missing"),
        ({"at_ms": 1.5, "kind": "tick"}, "at_ms must be a whole number from 0, was 1.5"),
        ({"at_ms": True, "kind": "tick"}, "at_ms must be a whole number from 0, was true"),
        ({"at_ms": 1, "kind": "tick", "source": "x"}, "source_seq is missing"),
        ({"at_ms": 1, "kind": "cancel_order"}, "order_id is missing"),
        ({"at_ms": 1, "kind": "withdraw", "order_id": "x"}, "quantity is missing"),
        ({**PLACE, "side": "buy"}, 'side must be one of bid, ask, was "buy"'),
        ({**PLACE, "quantity": 0}, "quantity must be a whole number from 1 to 65536, was 0"),
        ({**PLACE, "price_micros": 1_050}, "a multiple of 100, was 1050"),
        ({**PLACE, "price_micros": None}, "price_micros is missing"),
        ({**PLACE, "time_in_force": "GTX"}, "time_in_force must be one of GTC, GTD, IOC, FOK"),
        ({**PLACE, "post_only": 1}, "post_only must be true or false, was 1"),
        ({**PLACE, "order_id": ""}, 'order_id must be an id, was ""'),
        ({**PLACE, "region": "\ud800"}, "region must be a printable string"),
    ],
)
def test_R_a_bad_line_is_named(line: object, message: str) -> None:
    with pytest.raises(BadLine) as caught:
        parse(line if isinstance(line, str) else json.dumps(line))
    assert message in str(caught.value)


def test_R_a_bad_line_ends_the_replay_with_its_number_and_2() -> None:
    done = replay(PLACE, "\n", {**PLACE, "side": "buy"}, TAKE)
    assert done.returncode == 2
    assert done.stderr == 'udfs.replay: line 3: side must be one of bid, ask, was "buy"\n'
    assert [json.loads(line)["kind"] for line in done.stdout.splitlines()] == ["order_created"]


@pytest.mark.parametrize(
    "arguments", [["--book", "H100"], ["--book", "H100.ondemand", "--top", "-1"], []]
)
def test_R_bad_arguments_are_told(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "udfs.replay", *arguments]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_R_imports_no_flink_no_kafka_and_no_network() -> None:
    script = "import sys, udfs.replay; print('\\n'.join(sys.modules))"
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    unwanted = {"pyflink", "confluent_kafka", "fastavro", "socket", "ssl", "asyncio", "httpx"}
    assert not loaded & unwanted
