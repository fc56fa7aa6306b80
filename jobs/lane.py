"""A lane: some partitions of a log, the machines in them, and when each wants to be woken.

A lane is one key of Flink (decision 0034). So records of its machines enter Python together, in
batches, and the machines share a timer; the state of each is its own. What they change is held back
and written when a checkpoint wants it, once however often it changed (decision 0046).
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from jobs.lane_state import Rows
from udfs.machine import Row, Writes, texts

TICK_AHEAD_MS: Final = 50
"""A timer is set at least this far ahead (market-rules.md B3)."""
MOST_HELD_BACK: Final = 400
"""So many rows are written without waiting for a checkpoint: some milliseconds, in which no order
moves."""
LANE: Final = ""
"""Where rows of the lane itself are, beside those of its machines; no machine's id is empty."""
_WAKE: Final = "wake:"
_FEW: Final = 1_000


class TimerService(Protocol):
    """Flink's, of the lane in use."""

    def register_processing_time_timer(self, timestamp: int) -> None: ...
    def delete_processing_time_timer(self, timestamp: int) -> None: ...


class Lane:
    """What one lane's machines changed, and when they want to be woken."""

    def __init__(self, rows: Rows, now_ms: Callable[[], int]) -> None:
        """Load a lane, the one in use; not its machines.

        Args:
            rows: Flink's state.
            now_ms: the wall clock, for timers only.
        """
        self._rows = rows
        self._now_ms = now_ms
        self._held_back: dict[str, dict[str, Row | None]] = {}
        self._count = 0
        stored = self.load(LANE)
        self._wakes = {key.removeprefix(_WAKE): int(text) for key, text in stored.items()}
        self._order = _ordered(self._wakes)
        self._told: set[str] = set()
        self._armed_at_ms: int | None = None

    def load(self, machine: str) -> dict[str, str]:
        """A machine's rows, as its last step left them."""
        self._rows.set_current_namespace(machine)
        rows = dict(self._rows.items())
        for key, text in texts(self._held_back.get(machine, {})).items():
            if text is None:
                rows.pop(key, None)
            else:
                rows[key] = text
        return rows

    def add(self, machine: str, changes: Writes, wake_at_ms: int | None) -> None:
        """Take in what a step of a machine changed, and when it wants to be woken."""
        if changes:
            self._hold_back(machine, changes)
        if self._wakes.get(machine) != wake_at_ms:
            self._wish(machine, wake_at_ms)
        elif machine in self._told:
            self._enqueue(machine)
        self._told.discard(machine)

    def _hold_back(self, machine: str, changes: Writes) -> None:
        held_back = self._held_back.setdefault(machine, {})
        before = len(held_back)
        held_back.update(changes)
        self._count += len(held_back) - before

    def _wish(self, machine: str, wake_at_ms: int | None) -> None:
        if wake_at_ms is None:
            del self._wakes[machine]
            self._hold_back(LANE, {_WAKE + machine: None})
        else:
            self._wakes[machine] = wake_at_ms
            self._hold_back(LANE, {_WAKE + machine: Row(str, (wake_at_ms,))})
        self._enqueue(machine)

    def _enqueue(self, machine: str) -> None:
        if len(self._order) > 2 * len(self._wakes) + _FEW:  # most are wishes of the past
            self._order = _ordered(self._wakes)
        elif (at_ms := self._wakes.get(machine)) is not None:
            heapq.heappush(self._order, (at_ms, machine))

    def _arm(self, timers: TimerService) -> None:
        """Set the timer unless one fires earlier anyway; that one looks again and sets the next."""
        wish = self._next()
        if wish is None:
            return
        at_ms = max(wish[0], self._now_ms() + TICK_AHEAD_MS)
        if self._armed_at_ms is not None:
            if self._armed_at_ms <= at_ms:
                return
            timers.delete_processing_time_timer(self._armed_at_ms)
        timers.register_processing_time_timer(at_ms)
        self._armed_at_ms = at_ms

    def end_batch(self, timers: TimerService) -> None:
        """See that the lane is woken in time, and that not too much is held back."""
        if self._count >= MOST_HELD_BACK:
            self.write()
        self._arm(timers)

    def write(self) -> None:
        """Write what is held back to Flink's state, which then is whole."""
        for machine, changes in self._held_back.items():
            self._rows.set_current_namespace(machine)
            for key, row in changes.items():
                if row is None:
                    self._rows.remove(key)
            kept = {key: row.text() for key, row in changes.items() if row is not None}
            if kept:
                self._rows.put_all(kept)
        self._held_back = {}
        self._count = 0

    def due(self, timestamp: int) -> Iterator[str]:
        """The machines that are due, each once until its next step; a timer fired for this time."""
        if self._armed_at_ms == timestamp:
            self._armed_at_ms = None
        now_ms = self._now_ms()
        while (wish := self._next()) and wish[0] <= now_ms:
            heapq.heappop(self._order)
            self._told.add(wish[1])
            yield wish[1]

    def _next(self) -> tuple[int, str] | None:
        """The earliest wish; those that were changed, or told already, are taken out."""
        while self._order:
            at_ms, machine = self._order[0]
            if self._wakes.get(machine) == at_ms and machine not in self._told:
                return self._order[0]
            heapq.heappop(self._order)
        return None


def _ordered(wakes: Mapping[str, int]) -> list[tuple[int, str]]:
    """Wishes as a heap, the earliest first."""
    order = [(at_ms, machine) for machine, at_ms in wakes.items()]
    heapq.heapify(order)
    return order
