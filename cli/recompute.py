"""Compares what a book told with what its log, applied anew, makes it tell (R, B6)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import contract, names, records

Fact = tuple[str, Mapping[str, Any]]
"""Kind and record."""
Facts = Mapping[int, Fact]
"""Facts by the book's sequence."""

KINDS = {topic: kind for kind, topic in names.FACT_TOPICS.items()}
DEFAULTS = {contract.snake(name): fields for name, fields in records.DEFAULTS.items()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a book's facts compare with the recomputed ones."""

    book_id: str
    commands: int
    facts: int
    """Recomputed facts."""
    compared: int
    """Of these, found in the topics."""
    aged: int
    """Of these, older than their topic keeps."""
    running_hash: str | None
    """As the running book told it."""
    replayed_hash: str | None
    first_difference: str | None

    @property
    def equal(self) -> bool:
        """Every fact that is kept, and the state's hash."""
        return self.first_difference is None and self.running_hash == self.replayed_hash


def by_sequence(facts: Iterable[Fact]) -> dict[int, Fact]:
    """A book's facts by its sequence, defaults filled in; a repeat replaces its equal."""
    return {record["book_seq"]: (kind, {**DEFAULTS[kind], **record}) for kind, record in facts}


def conflicting(facts: Iterable[Fact]) -> str | None:
    """Two different facts of one sequence in the topics, described; None if there are none."""
    seen: dict[int, Fact] = {}
    for kind, record in facts:
        sequence = record["book_seq"]
        if seen.setdefault(sequence, (kind, record)) != (kind, record):
            return f"sequence {sequence} was told twice, differently"
    return None


def missing(computed: Facts, told: Facts, aged_before_ms: Mapping[str, int]) -> set[int]:
    """Sequences that the topics should still hold and do not."""
    return {
        sequence
        for sequence, (kind, record) in computed.items()
        if sequence not in told and not _aged(kind, record, aged_before_ms)
    }


def compare(
    book_id: str,
    commands: int,
    computed: Facts,
    told: Facts,
    tick_id: str,
    aged_before_ms: Mapping[str, int],
) -> Comparison:
    """The verdict on a book; `tick_id` is the command that asked it for its hash."""
    gone = [
        sequence
        for sequence, (kind, record) in computed.items()
        if sequence not in told and _aged(kind, record, aged_before_ms)
    ]
    differences = _differences(computed, told, set(gone))
    return Comparison(
        book_id=book_id,
        commands=commands,
        facts=len(computed),
        compared=len(computed.keys() & told.keys()),
        aged=len(gone),
        running_hash=_hash(told, tick_id),
        replayed_hash=_hash(computed, tick_id),
        first_difference=next(differences, None),
    )


def aged_before_ms(now_ms: int) -> dict[str, int]:
    """Until when the facts of each kind may have left their topic."""
    return {
        kind: now_ms - contract.topics()[topic].retention_days * 86_400_000
        for kind, topic in names.FACT_TOPICS.items()
    }


def _aged(kind: str, record: Mapping[str, Any], before_ms: Mapping[str, int]) -> bool:
    return bool(record["occurred_at_ms"] < before_ms[kind])


def _differences(computed: Facts, told: Facts, gone: set[int]) -> Iterator[str]:
    for sequence in sorted((computed.keys() | told.keys()) - gone):
        if sequence not in told:
            yield f"sequence {sequence}: {computed[sequence][0]} was never told"
        elif sequence not in computed:
            yield f"sequence {sequence}: {told[sequence][0]} does not follow from the log"
        elif computed[sequence] != told[sequence]:
            yield _difference(sequence, computed[sequence], told[sequence])


def _difference(sequence: int, computed: Fact, told: Fact) -> str:
    if computed[0] != told[0]:
        return f"sequence {sequence}: told {told[0]}, recomputed {computed[0]}"
    name = next(
        field
        for field in sorted(computed[1].keys() | told[1].keys())
        if computed[1].get(field) != told[1].get(field)
    )
    return (
        f"sequence {sequence}: {told[0]}.{name} told {told[1].get(name)!r},"
        f" recomputed {computed[1].get(name)!r}"
    )


def _hash(facts: Facts, tick_id: str) -> str | None:
    return next(
        (
            record["hash"]
            for kind, record in facts.values()
            if kind == "book_status" and record["command_id"] == tick_id
        ),
        None,
    )
