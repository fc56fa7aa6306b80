"""Writes to Flink's state, gathered: a step writes one row of a journal, not each row it changed.

A call into the JVM costs more than what it carries, and a machine's steps change much the same
rows again and again. So each step writes what it changed as one entry, in the next of a ring of
rows, and every `LENGTH` steps the rows themselves are written, once each, in one call. Between two
records the state in Flink is whole at any time: its rows and the entries after them.
"""

from collections.abc import Mapping
from typing import Final, Protocol

LENGTH: Final = 16
"""Steps until the rows are written: most of the gain, and no more than these held in memory."""
FOLDED: Final = "journal"
"""The row that holds the number of the last entry that the rows contain."""
PLACES: Final = tuple(f"{FOLDED}:{place}" for place in range(LENGTH))
_REMOVED: Final = -1


class Rows(Protocol):
    """Flink's map state, of the key in use."""

    def put(self, key: str, value: str) -> None: ...
    def put_all(self, dict_value: dict[str, str]) -> None: ...
    def remove(self, key: str) -> None: ...


class Journal:
    """What the last steps of one key changed and its rows do not contain yet."""

    __slots__ = ("_folded", "_last", "_unfolded")

    def __init__(self, rows: dict[str, str]) -> None:
        """Take the journal out of a state's stored rows, and bring the others up to its end."""
        self._last = self._folded = int(rows.pop(FOLDED, 0))
        self._unfolded: dict[str, str | None] = {}
        stored = [rows.pop(place) for place in PLACES if place in rows]
        for number, changes in sorted(map(_read, stored)):
            if number > self._folded:
                self._unfolded.update(changes)
                self._last = number
        for key, text in self._unfolded.items():
            if text is None:
                rows.pop(key, None)
            else:
                rows[key] = text

    def __len__(self) -> int:
        """The rows that it holds in memory."""
        return len(self._unfolded)

    def write(self, state: Rows, changes: Mapping[str, str | None]) -> None:
        """Write what a step changed; None removes a row."""
        if not changes:
            return
        self._last += 1
        self._unfolded.update(changes)
        if self._last - self._folded < LENGTH:
            state.put(PLACES[self._last % LENGTH], _entry(self._last, changes))
        else:
            self._fold(state)

    def _fold(self, state: Rows) -> None:
        rows = {FOLDED: str(self._last)}
        for key, text in self._unfolded.items():
            if text is None:
                state.remove(key)
            else:
                rows[key] = text
        state.put_all(rows)
        self._folded = self._last
        self._unfolded = {}


def _entry(number: int, changes: Mapping[str, str | None]) -> str:
    """Number, lengths of the keys and texts, and these: whatever they hold, it can be read back."""
    head, parts = [str(number)], list[str]()
    for key, text in changes.items():
        head.append(f"{len(key)},{_REMOVED if text is None else len(text)}")
        parts += (key, text or "")
    return f"{';'.join(head)}:{''.join(parts)}"


def _read(entry: str) -> tuple[int, dict[str, str | None]]:
    head, _, rest = entry.partition(":")
    number, *lengths = head.split(";")
    changes: dict[str, str | None] = {}
    at = 0
    for key_length, text_length in (map(int, pair.split(",")) for pair in lengths):
        key, at = rest[at : at + key_length], at + key_length
        changes[key] = None if text_length == _REMOVED else rest[at : at + text_length]
        at += max(text_length, 0)
    return int(number), changes
