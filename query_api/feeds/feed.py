"""What every kind of feed has: its channels, its place in the logs, and its last minutes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from query_api.feeds import rpc
from query_api.feeds.archive import Archive, Entry, Mark
from query_api.feeds.channel import Channel
from query_api.feeds.log import Batch, Record
from query_api.feeds.positions import Kind, Positions
from query_api.ports import Clock

Body = TypeVar("Body")
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Keep:
    """How much of the past is kept for who comes back."""

    seconds: float = 300.0
    bytes: int = 32 * MEGABYTE
    """Of each kind of feed."""


class Feed(Generic[Body]):
    """A kind of feed: takes records, tells them on channels, and knows what was told.

    The place in the logs (`positions`) is that of what was told, so it is moved on before a record
    is told, and a cursor taken at any moment is right.
    """

    kind: Kind
    is_conflated = False
    """Whether an entry may be of records before those of another that was told earlier; then only
    the last one of several has a cursor that says so."""

    def __init__(self, clock: Clock, keep: Keep) -> None:
        self.positions = Positions(self.kind)
        slots = len(self.positions.offsets)
        self.archive: Archive[Body] = Archive(slots, clock.now_seconds, keep.seconds, keep.bytes)
        self.channels: dict[str, Channel] = {}
        self.comers: Counter[str] = Counter()
        """How many listen to each channel, or are about to."""
        self._clock = clock

    # What it takes

    def begin(self, topic: str, partition: int, offset: int) -> None:
        """Nothing of this partition is known before this offset."""
        slot = self.positions.slot(topic, partition)
        self.positions.set(slot, offset)
        self.archive.floors[slot] = offset

    def reach(self, topic: str, partition: int, offset: int) -> Mark:
        """Move on to this record, which is told next."""
        mark = Mark(self.positions.slot(topic, partition), offset)
        self.positions.set(mark.slot, offset + 1)
        return mark

    async def learn(self, batch: Batch) -> None:
        """Look up what these records cannot be told without."""

    def take(self, record: Record, mark: Mark) -> None:
        """Tell a record."""
        raise NotImplementedError

    # Who listens

    async def come(self, name: str) -> None:
        """Somebody comes to this channel, and will leave, whatever this raises.

        Raises:
            Unavailable: what it is made of cannot be had.
        """
        self.comers[name] += 1
        await self.open(name)

    def leave(self, name: str) -> None:
        """Somebody leaves this channel."""
        self.comers[name] -= 1
        if not self.comers[name]:
            del self.comers[name]
            self.channels.pop(name, None)
            self.close(name)

    async def open(self, name: str) -> None:
        """Be ready for this channel; it may be so already."""

    def close(self, name: str) -> None:
        """Nobody is on this channel any more."""

    def channel(self, name: str) -> Channel:
        """The channel of this name."""
        channel = self.channels.get(name)
        if channel is None:
            channel = self.channels[name] = Channel(name)
        return channel

    async def snapshot(self, name: str) -> bytes:
        """The state of a channel up to where the feed was when this was called, or later.

        Raises:
            Unavailable: it cannot be had.
        """
        raise NotImplementedError

    async def bodies(self, name: str, entries: Sequence[Entry[Body]]) -> list[bytes]:
        """Entries as notifications without their cursors."""
        raise NotImplementedError

    def is_of_these_logs(self, offsets: Sequence[int]) -> bool:
        """Whether somebody may have been told as far as this, and not farther than there is."""
        return all(map(int.__le__, offsets, self.positions.offsets))

    def reaches(self, name: str, offsets: Sequence[int]) -> bool:
        """Whether everything of a channel after these offsets is kept; the channel is open."""
        return self.archive.reaches(offsets)

    # How it tells

    def publish(self, name: str, body: bytes) -> None:
        """Tell a notification, up to its cursor, to who listens."""
        channel = self.channels.get(name)
        if channel is not None and len(channel):
            channel.publish(rpc.closed(body, self.positions.cursor()))


class Plain(Feed[bytes]):
    """A feed whose entries are kept as they are told."""

    def tell(self, name: str, marks: tuple[Mark, ...], method: str, params: Any) -> None:
        """Tell a notification, and keep it for who comes back."""
        body = rpc.opened(method, params)
        self.archive.add(name, Entry(marks, body), len(body))
        self.publish(name, body)

    async def bodies(self, name: str, entries: Sequence[Entry[bytes]]) -> list[bytes]:
        return [entry.body for entry in entries]
