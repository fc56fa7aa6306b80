"""Real facts of a book, and what the comparison says when the topics hold something else."""

import pytest

from cli.log import tick
from cli.recompute import Comparison, Fact, Facts, by_sequence, compare, conflicting, missing
from schemas.names import FACT_TOPICS
from tests.builders import ALICE, BOB, BOOK, ask, bid
from udfs.replay import replay_book

TICK = "0c000000-0000-4000-8000-000000000001"
NEVER_AGED = dict.fromkeys(FACT_TOPICS, 0)


@pytest.fixture(scope="module")
def computed() -> Facts:
    """An ask, a bid that trades with it, and the tick that asks for the hash."""
    commands = [
        (1000, ask(ALICE, "offer", 4, 100)),
        (2000, bid(BOB, "wish", 3, 200)),
        (3000, tick(TICK)),
    ]
    facts, _ = replay_book(BOOK, commands)
    return by_sequence(facts)


def verdict(computed: Facts, told: Facts, aged: int = 0) -> Comparison:
    return compare(BOOK, 3, computed, told, TICK, dict.fromkeys(FACT_TOPICS, aged))


def changed(facts: Facts, sequence: int, **fields: object) -> dict[int, Fact]:
    kind, record = facts[sequence]
    return {**facts, sequence: (kind, {**record, **fields})}


def test_a_log_applied_anew_equals_itself(computed: Facts) -> None:
    assert len(computed) >= 4
    found = verdict(computed, dict(computed))
    assert found.equal
    assert found.compared == len(computed)
    assert found.running_hash == found.replayed_hash
    assert found.running_hash is not None


def test_the_first_difference_names_sequence_field_and_both_values(computed: Facts) -> None:
    sequence = next(seq for seq, (kind, _) in computed.items() if kind == "order_matched")
    found = verdict(computed, changed(computed, sequence, price_micros=1))
    assert not found.equal
    real = computed[sequence][1]["price_micros"]
    assert found.first_difference == (
        f"sequence {sequence}: order_matched.price_micros told 1, recomputed {real}"
    )


def test_another_hash_is_not_equal(computed: Facts) -> None:
    found = verdict(computed, changed(computed, max(computed), hash="0" * 64))
    assert found.running_hash == "0" * 64
    assert not found.equal


def test_a_fact_that_was_never_told_is_a_difference(computed: Facts) -> None:
    told = {sequence: fact for sequence, fact in computed.items() if sequence != 2}
    assert missing(computed, told, NEVER_AGED) == {2}
    found = verdict(computed, told)
    assert found.first_difference is not None
    assert "was never told" in found.first_difference


def test_a_fact_that_its_topic_no_longer_keeps_is_none(computed: Facts) -> None:
    told = {sequence: fact for sequence, fact in computed.items() if sequence != 1}
    aged = dict.fromkeys(FACT_TOPICS, 1500)
    assert missing(computed, told, aged) == set()
    found = verdict(computed, told, aged=1500)
    assert found.equal
    assert found.aged == 1


def test_a_fact_too_many_is_a_difference(computed: Facts) -> None:
    told = {**computed, 99: computed[1]}
    assert verdict(computed, told).first_difference == (
        "sequence 99: order_created does not follow from the log"
    )


def test_a_repeated_fact_conflicts_only_if_it_differs(computed: Facts) -> None:
    facts = list(computed.values())
    assert conflicting([*facts, facts[0]]) is None
    kind, record = facts[0]
    assert conflicting([*facts, (kind, {**record, "quantity": 99})]) is not None
