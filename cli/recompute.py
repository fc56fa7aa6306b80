"""Compares what a book told with what its log, applied anew, makes it tell (R, B6).

What must be told is kept as a digest of each fact, nine bytes, however many there are.
"""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cli.log import Entry
from schemas import contract, names
from udfs.audit.replays import KINDS, digest
from udfs.machine import Fact

MARGIN_MS: Final = 3_600_000
"""Facts this much younger than their topic keeps may be gone too: a replay takes its time."""
_NUMBERS: Final = {kind: number for number, kind in enumerate(names.FACT_TOPICS)}
_KINDS: Final = {number: kind for kind, number in _NUMBERS.items()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a book's facts compare with the recomputed ones."""

    book_id: str
    snapshot_id: str | None
    """The snapshot that it began from; None for the log's beginning."""
    snapshot_code: str | None
    """The code that the snapshot was made with."""
    since: str
    """The first command, as coordinates in Kafka."""
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
    refused: list[str]
    """Snapshots that were not used, and why."""

    @property
    def equal(self) -> bool:
        """Every fact that is kept, and the state's hash."""
        return self.first_difference is None and self.running_hash == self.replayed_hash


def aged_before_ms(now_ms: int) -> dict[str, int]:
    """Until when the facts of each kind may have left their topic."""
    return {
        kind: now_ms + MARGIN_MS - contract.topics()[topic].retention_ms
        for kind, topic in names.FACT_TOPICS.items()
    }


class Ledger:
    """What a book must have told after a sequence, in nine bytes a fact."""

    def __init__(self, after: int, aged_before_ms: Mapping[str, int]) -> None:
        """Begin with the fact that follows the sequence `after`."""
        self.after = after
        self._aged_before_ms = aged_before_ms
        self._digests = array("q")
        self._kinds = bytearray()
        self._aged = dict.fromkeys(aged_before_ms, after)
        """By kind, the last sequence whose fact may have left its topic."""

    def __len__(self) -> int:
        return len(self._digests)

    @property
    def last(self) -> int:
        """The sequence of the last fact."""
        return self.after + len(self)

    def add(self, fact: Fact) -> None:
        """Note the next fact."""
        kind, record = fact
        self._digests.append(digest(kind, record))
        self._kinds.append(_NUMBERS[kind])
        if record["occurred_at_ms"] < self._aged_before_ms[kind]:
            self._aged[kind] = self.last

    def holds(self, sequence: int, kind: str, record: Mapping[str, Any]) -> bool:
        """Whether this is the fact of this sequence."""
        index = sequence - self.after - 1
        return 0 <= index < len(self) and self._digests[index] == digest(kind, record)

    def kind(self, sequence: int) -> str:
        return _KINDS[self._kinds[sequence - self.after - 1]]

    def is_aged(self, sequence: int) -> bool:
        """Whether its topic may keep it no longer."""
        return sequence <= self._aged[self.kind(sequence)]


class Audit:
    """Holds what was told against what must have been."""

    def __init__(self, ledger: Ledger, last_told: int) -> None:
        """Judge the facts up to the later of the ledger's last and `last_told`."""
        self._ledger = ledger
        self._last = max(ledger.last, last_told)
        self._told = bytearray(len(ledger))
        self.wrong: Entry | None = None
        """The first that was told otherwise."""

    def note(self, entry: Entry) -> None:
        """Judge one that was told; what is told again must be the same again."""
        sequence = entry.record["book_seq"] or 0
        if not self._ledger.after < sequence <= self._last:
            return
        if sequence <= self._ledger.last:
            self._told[sequence - self._ledger.after - 1] = 1
        if self._ledger.holds(sequence, KINDS[entry.topic], entry.record):
            return
        if self.wrong is None or sequence < self.wrong.record["book_seq"]:
            self.wrong = entry

    @property
    def compared(self) -> int:
        """How many of the ledger's facts were told."""
        return self._told.count(1)

    def untold(self) -> Iterable[int]:
        """Sequences of which nothing was told, in order."""
        index = self._told.find(0)
        while index >= 0:
            yield self._ledger.after + 1 + index
            index = self._told.find(0, index + 1)

    def missing(self) -> int | None:
        """The first sequence that a topic should hold and does not."""
        return next((each for each in self.untold() if not self._ledger.is_aged(each)), None)

    def first_wrong_sequence(self) -> int | None:
        """The first sequence that is missing or was told otherwise."""
        wrong = self.wrong.record["book_seq"] if self.wrong else None
        found = [each for each in (wrong, self.missing()) if each is not None]
        return min(found, default=None)
