"""The last minutes of a kind of feed, by channel, for who comes back with a cursor."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

Body = TypeVar("Body")


class Raw(NamedTuple):
    """A record as it is in its topic: many are kept, few are ever wanted again."""

    topic: str
    value: bytes


OVERHEAD_BYTES = 300
"""About what an entry takes beside its body."""


class Mark(NamedTuple):
    """A record, by the slot of its partition (see `positions`) and its offset."""

    slot: int
    offset: int


class Entry(NamedTuple, Generic[Body]):
    """Something that was told on a channel, or would have been had anybody listened."""

    marks: tuple[Mark, ...]
    """The records that it is of; several where it is conflated, the newest of each partition."""
    body: Body

    def is_after(self, offsets: Sequence[int]) -> bool:
        """Whether somebody who was told everything before these offsets was not told this."""
        return any(mark.offset >= offsets[mark.slot] for mark in self.marks)


class Archive(Generic[Body]):
    """Entries of all channels of a kind, no older and no more than is bearable.

    What goes is the oldest, whosever it is, so one number for each partition says from where on
    everything is there.
    """

    def __init__(
        self, slots: int, now_seconds: Callable[[], float], most_seconds: float, most_bytes: int
    ) -> None:
        self._now_seconds = now_seconds
        self._most_seconds = most_seconds
        self._most_bytes = most_bytes
        self._order: deque[tuple[float, str, int]] = deque()
        """When each entry came, on which channel, and how many bytes it takes."""
        self._channels: dict[str, deque[Entry[Body]]] = {}
        self.bytes = 0
        self.floors = [0] * slots
        """The offset of each partition from which on everything is there."""

    def __len__(self) -> int:
        return len(self._order)

    def add(self, channel: str, entry: Entry[Body], size: int) -> None:
        """Keep an entry of so many bytes for a while."""
        now = self._now_seconds()
        taken = size + OVERHEAD_BYTES
        self._order.append((now, channel, taken))
        self._channels.setdefault(channel, deque()).append(entry)
        self.bytes += taken
        self._evict(now)

    def since(self, channel: str, offsets: Sequence[int]) -> list[Entry[Body]]:
        """What was told on a channel after these offsets, in the order of telling."""
        return [entry for entry in self._channels.get(channel, ()) if entry.is_after(offsets)]

    def reaches(self, offsets: Sequence[int]) -> bool:
        """Whether everything after these offsets is there."""
        return all(map(int.__ge__, offsets, self.floors))

    def _evict(self, now: float) -> None:
        oldest = now - self._most_seconds
        while self._order and (self.bytes > self._most_bytes or self._order[0][0] < oldest):
            _, channel, taken = self._order.popleft()
            self.bytes -= taken
            entries = self._channels[channel]
            for slot, offset in entries.popleft().marks:
                self.floors[slot] = max(self.floors[slot], offset + 1)
            if not entries:
                del self._channels[channel]
