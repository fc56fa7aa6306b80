"""Snapshots: what is copied from a moving book, cut, joined and refused (market-rules.md B6)."""

import random
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import (
    ALICE,
    BOB,
    BOOK,
    CAROL,
    Command,
    amend,
    ask,
    bid,
    cancel,
    halt,
    resume,
    set_book,
    tick,
)
from tests.udfs.snapshot_builders import a_book, head, parts
from udfs.book import Book, Order
from udfs.machine import Fact
from udfs.matching import MACHINE
from udfs.replay import Replay
from udfs.snapshot import (
    DAY_MS,
    Beginning,
    Copy,
    Snapshot,
    beginning,
    cut,
    due_ms,
    newest,
    unfit,
)

KEYS = [f"k{number}" for number in range(6)]
ORDER = {"account_id": st.sampled_from([ALICE, BOB, CAROL]), "key": st.sampled_from(KEYS)}
PLACED = ORDER | {
    "quantity": st.integers(1, 9),
    "price_micros": st.sampled_from([900, 1_000, 1_100]),
    "expires_at_ms": st.sampled_from([0, 0, 1_020]),
}
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(bid, **PLACED),
    st.builds(ask, **PLACED),
    st.builds(bid, **PLACED, source=st.just(ALICE), source_seq=st.integers(1, 30)),
    st.builds(cancel, **ORDER),
    st.builds(amend, **ORDER, quantity=st.integers(0, 9)),
    st.builds(set_book, st.integers(0, 3), st.integers(0, 3)),
    st.sampled_from([halt(), resume(), tick(want_hash=True)]),
    st.just({"kind": "no_such_kind"}),
)
LOGS = st.lists(COMMANDS, min_size=1, max_size=40)


def stamped(log: list[Command]) -> list[tuple[int, Command]]:
    return [(1_000 + 3 * index, command) for index, command in enumerate(log)]


def played(replay: Replay, log: list[tuple[int, Command]]) -> list[Fact]:
    return [fact for at_ms, command in log for fact in replay.apply(command, at_ms)]


@given(LOGS, st.data())
def test_b6_a_snapshot_and_the_rest_of_the_log_are_the_whole_log(
    log: list[Command], data: st.DataObject
) -> None:
    point = data.draw(st.integers(0, len(log)))
    entries = stamped(log)
    whole, before = Replay(BOOK), Replay(BOOK)
    facts = played(whole, entries)
    told = played(before, entries[:point])
    found = newest(parts(before.book)).newest[BOOK]
    after = Replay(BOOK, found.rows())
    assert told + played(after, entries[point:]) == facts
    assert after.book.state_hash() == whole.book.state_hash()


@given(LOGS, st.data())
def test_b6_a_copy_made_while_the_book_goes_on_is_the_book_where_it_ends(
    log: list[Command], data: st.DataObject
) -> None:
    book = MACHINE.empty(BOOK)
    copy = None
    start = data.draw(st.integers(0, len(log)))
    for index, (at_ms, command) in enumerate(stamped(log)):
        if index == start:
            copy = Copy(book)
        if copy is not None:
            copy.advance(data.draw(st.integers(0, 2)))
        if command["kind"] == "no_such_kind":
            continue
        step = MACHINE.apply(book, command, at_ms)
        if copy is not None:
            copy.note(step.writes)
    copy = copy or Copy(book)
    while copy.advance(1):
        pass
    assert copy.rows == dict(book.rows())
    assert cut(copy.rows).hash == book.state_hash()
    assert copy.rows == {}


WORDS = st.text(
    st.characters(codec="utf-8"), max_size=8
)  # with line breaks, quotes and signs that `str.splitlines` would break at
IDS = st.text(st.characters(codec="utf-8", exclude_characters="\n["), max_size=8)
NUMBERS = st.integers(0, 2**62)


@given(
    st.builds(
        Order,
        order_id=st.uuids().map(str) | IDS,
        account_id=WORDS,
        side=st.sampled_from(["bid", "ask"]),
        remaining=NUMBERS,
        price_micros=NUMBERS,
        duration_seconds=NUMBERS,
        time_in_force=WORDS,
        expires_at_ms=NUMBERS,
        post_only=st.booleans(),
        min_fill=NUMBERS,
        self_trade=WORDS,
        region=WORDS,
        min_duration_seconds=NUMBERS,
        available_until_ms=NUMBERS,
        filled=NUMBERS,
        filled_value_micros=NUMBERS,
        priority=NUMBERS,
    ),
    st.tuples(NUMBERS, NUMBERS, st.booleans(), NUMBERS, NUMBERS),
    st.dictionaries(st.uuids().map(str) | IDS, NUMBERS, max_size=3),
)
def test_b6_every_field_comes_back(
    order: Order, header: tuple[Any, ...], sources: dict[str, int]
) -> None:
    book = Book(BOOK)
    book.now_ms, book.seq, book.halted, book.top, book.book_minimum = header
    book.sources = sources
    book.add(order)
    back = newest(parts(book)).newest[BOOK].book()
    assert (back.now_ms, back.seq, back.halted, back.top, back.book_minimum) == header
    assert back.sources == sources
    (again,) = back.orders.values()
    assert {name: getattr(again, name) for name in Order.__slots__} == {
        name: getattr(order, name) for name in Order.__slots__
    }
    assert back.state_hash() == book.state_hash()


def test_b6_the_joined_parts_are_what_is_hashed() -> None:
    book = a_book()
    made = parts(book)
    assert len(made) > 2
    assert [part["part"] for part in made] == list(range(1, len(made) + 1))
    text = "".join(part["rows"] for part in made)
    assert sha256(text.encode()).hexdigest() == made[0]["hash"] == book.state_hash()


def test_a_part_is_as_long_as_is_allowed_and_holds_one_row_at_least() -> None:
    rows = {f"o:{index:03}": "[1," + "é" * 40 + "]" for index in range(50)}
    texts = cut(dict(rows), 1_000).texts
    assert max(len(text.encode()) for text in texts) <= 1_000
    assert min(len(text.encode()) for text in texts[:-1]) > 800
    assert [text.count("\n") for text in cut(dict(rows), 1).texts] == [1] * 50


def test_keys_sorted_in_runs_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("udfs.snapshot.RUN_KEYS", 7)
    keys = [f"o:{number}" for number in range(50)]
    random.Random(1).shuffle(keys)
    text = "".join(cut(dict.fromkeys(keys, "[1]")).texts)
    assert [line.split(" ")[0] for line in text.splitlines()] == sorted(keys)


@pytest.mark.parametrize("seed", range(5))
def test_parts_may_come_in_any_order_and_again(seed: int) -> None:
    book = a_book()
    older, newer = parts(a_book(3), snapshot_id="s0", offset=4), parts(book)
    mixed = [*older, *newer] * 2
    random.Random(seed).shuffle(mixed)
    found = newest(mixed)
    assert found.newest[BOOK].head.snapshot_id == "s1"
    assert found.newest[BOOK].book().state_hash() == book.state_hash()
    assert found.refused == []


def test_a_torn_snapshot_is_named_and_the_one_before_is_used() -> None:
    made = parts(a_book())
    found = newest([*parts(a_book(3), snapshot_id="s0", offset=4), *made[:1], *made[2:]])
    assert found.newest[BOOK].head.snapshot_id == "s0"
    assert found.refused == [
        f"snapshot s1 of {BOOK} at offset 7: torn, {len(made) - 1} of its {len(made)} parts are"
        " there"
    ]


def test_a_snapshot_of_another_hash_is_named_and_the_one_before_is_used() -> None:
    made = parts(a_book())
    made[1]["rows"] = made[1]["rows"].replace("1000", "1100", 1)
    found = newest([*made, *parts(a_book(3), snapshot_id="s0", offset=4)])
    assert found.newest[BOOK].head.snapshot_id == "s0"
    assert "its rows have the hash" in found.refused[0]


def test_parts_that_disagree_are_of_no_snapshot() -> None:
    made = parts(a_book())
    made[0]["offset"] = 8
    found = newest(made)
    assert found.newest == {}
    assert len(found.refused) == 2


def test_few_snapshots_of_a_book_are_waited_for_at_once() -> None:
    torn = [parts(a_book(), snapshot_id=f"t{number}")[0] for number in range(4)]
    found = newest([*torn, *parts(a_book(), snapshot_id="whole", offset=2)])
    assert found.newest[BOOK].head.snapshot_id == "whole"
    assert len(found.refused) == 4


def test_what_is_older_than_the_one_in_use_is_not_told() -> None:
    found = newest([parts(a_book(), snapshot_id="torn", offset=2)[0], *parts(a_book())])
    assert (found.newest[BOOK].head.snapshot_id, found.refused) == ("s1", [])


def test_a_snapshot_that_does_not_fit_the_log_is_named_and_the_one_before_is_used() -> None:
    both = [*parts(a_book(), snapshot_id="s0", offset=4), *parts(a_book())]
    found = newest(both, lambda said: "no" if said.offset == 7 else None)
    assert found.newest[BOOK].head.snapshot_id == "s0"
    assert found.refused == [f"snapshot s1 of {BOOK} at offset 7: no"]


@pytest.mark.parametrize(
    ("begin", "end", "later", "reason"),
    [
        (0, 7, 7, None),
        (7, 7, 7, None),
        (3, 20, 12, None),
        (0, 6, 6, "beyond the log's end 6"),
        (8, 20, 8, "the log begins at 8"),
        (0, 20, 0, "offset 0, which it should hold, was appended after it"),
    ],
)
def test_a_snapshot_fits_its_log(begin: int, end: int, later: int, reason: str | None) -> None:
    said = unfit(head(a_book(), cut({"book": "[1]"})), begin, end, later)
    assert said is None if reason is None else reason in str(said)


def snapshot(book_id: str, offset: int, *books: str) -> Snapshot:
    return Snapshot(head(Book(book_id), cut({"book": "[1]"}), offset=offset, books=books), [])


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], Beginning(0, [])),
        ([("a", 9, "a")], Beginning(9, [])),
        ([("a", 9, "a", "b"), ("b", 5, "a", "b")], Beginning(5, [])),
        # b was born after the snapshot of a, so it is read whole from there on
        ([("a", 5, "a")], Beginning(5, [])),
        ([("a", 9, "a", "b"), ("c", 5, "a", "c")], Beginning(0, ["b"])),
        # the older list does not matter
        ([("a", 3, "a", "gone"), ("b", 8, "a", "b")], Beginning(3, [])),
    ],
)
def test_a_partition_begins_where_all_its_books_are_known(
    known: list[Any], expected: Beginning
) -> None:
    assert beginning({row[0]: snapshot(*row) for row in known}) == expected


@given(st.text(min_size=1), st.integers(DAY_MS, 2**42))
def test_a_book_is_due_once_a_day_at_its_own_time(book_id: str, now_ms: int) -> None:
    due = due_ms(book_id, now_ms)
    assert now_ms - DAY_MS < due <= now_ms
    assert due_ms(book_id, due) == due
    assert due_ms(book_id, due - 1) == due - DAY_MS
    assert due_ms(book_id, due + DAY_MS) == due + DAY_MS
