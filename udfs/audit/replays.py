"""INV5 and INV6: the facts that a log makes a machine tell, beside those that were told."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

from schemas import contract, names, records
from udfs.audit.facts import Number
from udfs.audit.offence import offend
from udfs.machine import Fact

KINDS: Final = {topic: kind for kind, topic in names.FACT_TOPICS.items()}
DEFAULTS: Final = {contract.snake(name): fields for name, fields in records.DEFAULTS.items()}


class Entry(Protocol):
    """A record of a topic."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def record(self) -> dict[str, Any]: ...
    @property
    def where(self) -> str:
        """Its coordinates, for people."""
        ...


class Computed(NamedTuple):
    """A fact that follows from the log, and the command that it follows from."""

    fact: Fact
    cause: Entry


class Pairs:
    """Facts that follow from logs, each waiting for the same to be told, or the other way round.

    Of a pair a digest is kept, eight bytes: what is told again must be the same again (B4).
    """

    def __init__(self) -> None:
        self.compared = 0
        self.hashes = 0
        """Of these, how many told a book's hash."""
        self.trades = 0
        self._computed: dict[Number, Computed] = {}
        self._told: dict[Number, Entry] = {}
        self._digests: dict[str, array[int]] = defaultdict(lambda: array("q"))

    def compute(self, number: Number, fact: Fact, cause: Entry) -> None:
        """A fact that must be told.

        Raises:
            Offence: it was told otherwise.
        """
        told = self._told.pop(number, None)
        if told is None:
            self._computed[number] = Computed(fact, cause)
        else:
            self._compare(number, Computed(fact, cause), told)

    def tell(self, number: Number, told: Entry) -> None:
        """A fact that was told, perhaps again.

        Raises:
            Offence: another one follows from the log, or was told before.
        """
        computed = self._computed.pop(number, None)
        if computed is not None:
            self._compare(number, computed, told)
        elif self.was_told(number):
            held = self._told.get(number)
            if _digest(told) != (_digest(held) if held else self._digest_of(number)):
                offend("INV6", f"{number} was told otherwise before {told.where} (B4)")
        else:
            self._told[number] = told

    def was_told(self, number: Number) -> bool:
        """Whether a fact of this number was told."""
        return number in self._told or bool(self._digest_of(number))

    def waiting(self) -> int:
        """How many have no counterpart."""
        return len(self._computed) + len(self._told)

    def drop(self, before_ms: int) -> None:
        """Facts from before then are no longer in their topics."""
        for number, computed in list(self._computed.items()):
            if computed.fact.record["occurred_at_ms"] < before_ms:
                del self._computed[number]

    def check(self, settled_ms: int | None = None) -> None:
        """At rest: nothing is left over but what is younger than `settled_ms`.

        Raises:
            Offence: something is.
        """
        for (_, sequence), computed in self._computed.items():
            if _is_due(computed.fact.record, settled_ms):
                rule = _rule(computed.fact.kind)
                offend(rule, difference(sequence, computed.fact, computed.cause, None))
        for (_, sequence), told in self._told.items():
            if _is_due(told.record, settled_ms):
                offend(_rule(KINDS[told.topic]), difference(sequence, None, None, told))

    def _compare(self, number: Number, computed: Computed, told: Entry) -> None:
        kind, record = computed.fact
        self.compared += 1
        self.trades += kind == "order_matched"
        self.hashes += kind == "book_status" and record["hash"] is not None
        self._keep(number, _digest(told))
        same = KINDS[told.topic] == kind and filled(kind, record) == filled(kind, told.record)
        if not same:
            offend(_rule(kind), difference(number[1], computed.fact, computed.cause, told))

    def _keep(self, number: Number, value: int) -> None:
        digests = self._digests[number[0]]
        digests.extend([0] * (number[1] - len(digests)))
        digests[number[1] - 1] = value

    def _digest_of(self, number: Number) -> int:
        digests = self._digests[number[0]]
        return digests[number[1] - 1] if number[1] <= len(digests) else 0


class Order:
    """Facts of one book in their order, which come over several topics."""

    def __init__(self, first: int) -> None:
        """Begin with this sequence."""
        self.next = first
        self._early: dict[int, Entry] = {}

    def __len__(self) -> int:
        """How many wait for one before them."""
        return len(self._early)

    def add(self, sequence: int, entry: Entry) -> Iterator[Entry]:
        """The facts that are next."""
        if sequence >= self.next:
            self._early[sequence] = entry
        while self.next in self._early:
            yield self._early.pop(self.next)
            self.next += 1

    def early(self) -> Entry:
        """The first of those that wait."""
        return self._early[min(self._early)]

    def skip(self) -> Iterator[Entry]:
        """Give up what is missing before the first that waits, and go on there."""
        if self._early:
            self.next = min(self._early)
            yield from self.add(self.next, self._early[self.next])


def difference(
    sequence: int, computed: Fact | None, cause: Entry | None, told: Entry | None
) -> str:
    """A difference in words, with its evidence.

    Args:
        sequence: where.
        computed: the fact that follows from the log, None if none does.
        cause: the command that it follows from.
        told: the fact as it was told, None if it was not.
    """
    head = f"sequence {sequence}: "
    if computed is None or cause is None:
        assert told is not None
        return f"{head}{KINDS[told.topic]} ({told.where}) does not follow from the log"
    follows = f"recomputed from {cause.record['kind']} ({cause.where})"
    if told is None:
        return f"{head}{computed.kind} was never told, {follows}"
    kind = KINDS[told.topic]
    if kind != computed.kind:
        return f"{head}told {kind} ({told.where}), {computed.kind} {follows}"
    mine, theirs = filled(kind, computed.record), filled(kind, told.record)
    name = next(
        field
        for field in sorted(mine.keys() | theirs.keys())
        if mine.get(field) != theirs.get(field)
    )
    return (
        f"{head}{kind}.{name} told {theirs.get(name)!r} ({told.where}),"
        f" {mine.get(name)!r} {follows}"
    )


def filled(kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with what its writer left out."""
    return {**DEFAULTS[kind], **record}


def digest(kind: str, record: Mapping[str, Any]) -> int:
    """Equal for equal facts: texts, numbers and flags, and the slots of a node."""
    record = filled(kind, record)
    if kind == "node_changed":
        record["slots"] = tuple(record["slots"])
    return hash((kind, frozenset(record.items())))


def _digest(entry: Entry) -> int:
    return digest(KINDS[entry.topic], entry.record)


def _rule(kind: str) -> str:
    return "INV5" if kind == "order_matched" else "INV6"


def _is_due(record: Mapping[str, Any], settled_ms: int | None) -> bool:
    return settled_ms is None or record["occurred_at_ms"] < settled_ms
