"""Real facts of a book, and what the comparison says when the topics hold something else."""

from typing import Any

import pytest

from cli.log import Entry, tick
from cli.recompute import Audit, Ledger, aged_before_ms
from schemas.names import FACT_TOPICS
from tests.builders import ALICE, BOB, BOOK, ask, bid
from udfs.audit.replays import difference
from udfs.machine import Fact
from udfs.replay import replay_book

TICK = "0c000000-0000-4000-8000-000000000001"
NEVER_AGED = dict.fromkeys(FACT_TOPICS, 0)
CAUSE = Entry("books.commands", BOOK, 2000, {"kind": "place_order"}, 3, 118)


@pytest.fixture(scope="module")
def computed() -> list[Fact]:
    """An ask, a bid that trades with it, and the tick that asks for the hash."""
    commands = [
        (1000, ask(ALICE, "offer", 4, 100)),
        (2000, bid(BOB, "wish", 3, 200)),
        (3000, tick(TICK)),
    ]
    facts, _ = replay_book(BOOK, commands)
    return facts


def ledger(facts: list[Fact], aged: int = 0, after: int = 0) -> Ledger:
    made = Ledger(after, dict.fromkeys(FACT_TOPICS, aged))
    for fact in facts[after:]:
        made.add(fact)
    return made


def told(fact: Fact, offset: int = 17, **changed: Any) -> Entry:
    return Entry(FACT_TOPICS[fact.kind], BOOK, 0, {**fact.record, **changed}, 3, offset)


def audit(made: Ledger, *entries: Entry, last: int = 0) -> Audit:
    judged = Audit(made, last)
    for entry in entries:
        judged.note(entry)
    return judged


def test_a_log_applied_anew_equals_itself(computed: list[Fact]) -> None:
    assert [fact.kind for fact in computed] == [
        "order_created",
        "order_created",
        "order_matched",
        "book_status",
    ]
    found = audit(ledger(computed), *map(told, computed))
    assert found.first_wrong_sequence() is None
    assert (found.compared, list(found.untold())) == (4, [])


def test_topics_come_in_any_order_and_facts_may_come_again(computed: list[Fact]) -> None:
    again = [told(fact) for fact in reversed(computed)] * 2
    assert audit(ledger(computed), *again).first_wrong_sequence() is None


def test_what_a_writer_left_out_is_its_default(computed: list[Fact]) -> None:
    short = {name: value for name, value in computed[0].record.items() if name != "command_id"}
    assert computed[0].record["command_id"] == ""
    entry = Entry("orders.created", BOOK, 0, short, 3, 1)
    assert audit(ledger(computed), entry, *map(told, computed[1:])).first_wrong_sequence() is None


@pytest.mark.parametrize("sequence", [1, 3])
def test_the_first_difference_names_field_values_and_evidence(
    computed: list[Fact], sequence: int
) -> None:
    fact = computed[sequence - 1]
    entries = [told(each) for each in computed] + [told(fact, 99, price_micros=1)]
    found = audit(ledger(computed), *entries, told(computed[3], hash="0"))
    assert found.first_wrong_sequence() == sequence
    assert found.wrong is not None
    assert difference(sequence, fact, CAUSE, found.wrong) == (
        f"sequence {sequence}: {fact.kind}.price_micros told 1 ({FACT_TOPICS[fact.kind]}[3]@99),"
        f" {fact.record['price_micros']!r} recomputed from place_order (books.commands[3]@118)"
    )


def test_another_event_id_is_a_difference(computed: list[Fact]) -> None:
    found = audit(ledger(computed), told(computed[0], event_id="x"), *map(told, computed[1:]))
    assert found.first_wrong_sequence() == 1
    assert ".event_id told 'x'" in difference(1, computed[0], CAUSE, found.wrong)


def test_a_fact_of_another_kind_is_a_difference(computed: list[Fact]) -> None:
    closed = Entry("orders.cancelled", BOOK, 0, {**computed[0].record}, 3, 5)
    found = audit(ledger(computed), closed, *map(told, computed[1:]))
    assert found.first_wrong_sequence() == 1
    said = difference(1, computed[0], CAUSE, found.wrong)
    assert "told order_closed (orders.cancelled[3]@5), order_created recomputed from" in said


def test_a_fact_that_was_never_told_is_a_difference(computed: list[Fact]) -> None:
    found = audit(ledger(computed), *map(told, [computed[0], *computed[2:]]))
    assert (found.missing(), found.first_wrong_sequence()) == (2, 2)
    assert difference(2, computed[1], CAUSE, None) == (
        "sequence 2: order_created was never told,"
        " recomputed from place_order (books.commands[3]@118)"
    )


def test_a_fact_that_its_topic_no_longer_keeps_is_none(computed: list[Fact]) -> None:
    made = ledger(computed, aged=1500)
    found = audit(made, *map(told, computed[1:]))
    assert found.first_wrong_sequence() is None
    assert (found.compared, [made.is_aged(each) for each in found.untold()]) == (3, [True])


def test_a_fact_that_is_still_there_though_aged_is_compared(computed: list[Fact]) -> None:
    entries = [told(computed[0], quantity=99), *map(told, computed[1:])]
    assert audit(ledger(computed, aged=1500), *entries).first_wrong_sequence() == 1


def test_a_fact_too_many_is_a_difference(computed: list[Fact]) -> None:
    extra = told(computed[0], 40, book_seq=5)
    found = audit(ledger(computed), *map(told, computed), extra, last=5)
    assert found.first_wrong_sequence() == 5
    assert difference(5, None, None, found.wrong) == (
        "sequence 5: order_created (orders.created[3]@40) does not follow from the log"
    )


def test_what_was_told_after_the_answer_is_not_judged(computed: list[Fact]) -> None:
    later = told(computed[0], book_seq=5)
    assert audit(ledger(computed), *map(told, computed), later, last=4).wrong is None


def test_from_a_snapshot_on_only_what_follows_is_judged(computed: list[Fact]) -> None:
    made = ledger(computed, after=2)
    assert (len(made), made.last, made.kind(3)) == (2, 4, "order_matched")
    before = told(computed[0], quantity=99)
    found = audit(made, before, *map(told, computed[2:]))
    assert (found.compared, found.first_wrong_sequence()) == (2, None)


def test_facts_age_a_bit_before_their_topic_drops_them() -> None:
    day_ms = 86_400_000
    assert aged_before_ms(10 * day_ms)["order_matched"] == 3 * day_ms + 3_600_000
