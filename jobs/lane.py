"""A lane: some partitions of a log, the machines in them, and when each wants to be woken.

A lane is one key of Flink (decision 0034). So records of its machines enter Python together, in
batches, and the machines share a journal of their writes and a timer; the state of each is its own.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from jobs.journal import LANE, Journal
from jobs.lane_state import Rows

TICK_AHEAD_MS: Final = 50
"""A timer is set at least this far ahead (market-rules.md B3)."""
_WAKE: Final = "wake:"
_FEW: Final = 1_000


class TimerService(Protocol):
    """Flink's, of the lane in use."""

    def register_processing_time_timer(self, timestamp: int) -> None: ...
    def delete_processing_time_timer(self, timestamp: int) -> None: ...


class Lane:
    """The journal and the wishes of one lane's machines."""

    def __init__(self, rows: Rows, now_ms: Callable[[], int]) -> None:
        """Load a lane, the one in use; not its machines.

        Args:
            rows: Flink's state.
            now_ms: the wall clock, for timers only.
        """
        self._rows = rows
        self._now_ms = now_ms
        rows.set_current_namespace(LANE)
        stored = dict(rows.items())
        self._journal = Journal(stored)
        stored = self._journal.brought_up(LANE, stored)
        self._wakes = {key.removeprefix(_WAKE): int(text) for key, text in stored.items()}
        self._order = _ordered(self._wakes)
        self._told: set[str] = set()
        self._armed_at_ms: int | None = None

    def load(self, machine: str) -> dict[str, str]:
        """A machine's rows, as its last step left them."""
        self._rows.set_current_namespace(machine)
        return self._journal.brought_up(machine, dict(self._rows.items()))

    def add(self, machine: str, changes: dict[str, str | None], wake_at_ms: int | None) -> None:
        """Take in what a step of a machine changed, and when it wants to be woken."""
        self._journal.add(machine, changes)
        if self._wakes.get(machine) != wake_at_ms:
            self._wish(machine, wake_at_ms)
        elif machine in self._told:
            self._enqueue(machine)
        self._told.discard(machine)

    def _wish(self, machine: str, wake_at_ms: int | None) -> None:
        if wake_at_ms is None:
            del self._wakes[machine]
            self._journal.add(LANE, {_WAKE + machine: None})
        else:
            self._wakes[machine] = wake_at_ms
            self._journal.add(LANE, {_WAKE + machine: str(wake_at_ms)})
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

    def write(self, timers: TimerService) -> None:
        """Write what the batch at hand changed, and see that the lane is woken in time."""
        self._journal.write(self._rows)
        self._arm(timers)

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
