"""Writes to Flink's state, gathered: a batch writes one row of a journal, not each row it changed.

A call into the JVM costs more than what it carries, and the machines of a lane change much the same
rows again and again. So each batch of records writes what it changed as one entry, in the next of a
ring of rows, and every `LENGTH` batches the rows themselves are written, once each, a call for each
machine. Between two batches the state in Flink is whole at any time: its rows and the entries after
them.
"""

import json
from collections.abc import Mapping
from typing import Final

from jobs.lane_state import Rows

LENGTH: Final = 16
"""Batches until the rows are written: most of the gain, and no more than these held in memory."""
MOST_ROWS: Final = 50_000
"""So many changed rows are written even if they are of fewer batches."""
LANE: Final = ""
"""Where rows of the lane itself are, beside those of its machines; no machine's id is empty."""
FOLDED: Final = "journal"
"""The lane's row that holds the number of the last entry that the rows contain."""
PLACES: Final = tuple(f"{FOLDED}:{place}" for place in range(LENGTH))
Changes = dict[str, dict[str, str | None]]
"""By machine: its changed rows; None removes one."""


class Journal:
    """What the last batches of one lane changed and its rows do not contain yet."""

    __slots__ = ("_changed", "_count", "_folded", "_last", "_unfolded")

    def __init__(self, rows: dict[str, str]) -> None:
        """Take the journal out of the lane's own stored rows."""
        self._last = self._folded = int(rows.pop(FOLDED, 0))
        self._unfolded: Changes = {}
        self._changed: Changes = {}
        self._count = 0
        stored = [json.loads(rows.pop(place)) for place in PLACES if place in rows]
        for number, changed in sorted(stored, key=lambda entry: entry[0]):
            if number > self._folded:
                _merge(changed, self._unfolded)
                self._last = number

    def brought_up(self, machine: str, rows: dict[str, str]) -> dict[str, str]:
        """A machine's stored rows with what the journal knows of them."""
        for changes in (self._unfolded.get(machine, {}), self._changed.get(machine, {})):
            for key, text in changes.items():
                if text is None:
                    rows.pop(key, None)
                else:
                    rows[key] = text
        return rows

    def add(self, machine: str, changes: Mapping[str, str | None]) -> None:
        """Note what a step of the batch at hand changed."""
        if changes:
            self._changed.setdefault(machine, {}).update(changes)

    def write(self, rows: Rows) -> None:
        """Write what the batch changed."""
        if not self._changed:
            return
        changed, self._changed = self._changed, {}
        self._last += 1
        _merge(changed, self._unfolded)
        self._count += sum(map(len, changed.values()))
        if self._last - self._folded < LENGTH and self._count < MOST_ROWS:
            rows.set_current_namespace(LANE)
            entry = json.dumps([self._last, changed], ensure_ascii=False, separators=(",", ":"))
            rows.put(PLACES[self._last % LENGTH], entry)
        else:
            self._fold(rows)

    def _fold(self, rows: Rows) -> None:
        self._unfolded.setdefault(LANE, {})[FOLDED] = str(self._last)
        for machine, changes in self._unfolded.items():
            rows.set_current_namespace(machine)
            for key, text in changes.items():
                if text is None:
                    rows.remove(key)
            rows.put_all({key: text for key, text in changes.items() if text is not None})
        self._folded = self._last
        self._unfolded = {}
        self._count = 0


def _merge(changed: Changes, into: Changes) -> None:
    for machine, changes in changed.items():
        into.setdefault(machine, {}).update(changes)
