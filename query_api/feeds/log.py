"""The logs that feeds follow, as records in batches; `bootstrap` chooses who brings them."""

from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, NamedTuple, Protocol

from schemas.codec import Codec, Decoder

Place = tuple[str, int]
"""A topic and the number of a partition of it."""


class Record(NamedTuple):
    """A record of a topic, read."""

    topic: str
    partition: int
    offset: int
    value: bytes
    fact: dict[str, Any]


class Batch(NamedTuple):
    """What comes next."""

    records: list[Record]
    ends: Mapping[Place, int]
    """The next offset of each partition that was read, passed over records included."""
    begins: Mapping[Place, int] = {}
    """Where partitions begin that are read from now on; nothing before is ever told."""


Take = Callable[[Batch], Coroutine[Any, Any, None]]


class FeedLog(Protocol):
    """The logs from some minutes ago on."""

    async def follow(self, take: Take) -> None:
        """Bring batches, one after the other; return once the present ends are reached.

        Raises:
            Unavailable: the logs cannot be reached.
        """
        ...

    def rest(self) -> None:
        """Bring no facts until woken: nobody listens."""
        ...

    async def wake(self) -> None:
        """Bring facts again, from a little ago on; at once if they are being brought.

        Raises:
            Unavailable: the logs cannot be reached.
        """
        ...

    def follow_readings(self, node_ids: Collection[str]) -> None:
        """Bring readings of these nodes too, from now on, and of no others."""
        ...

    def behind_ms(self) -> int | None:
        """How old the newest record is of which older ones are not brought yet; 0 if all are.

        None if it cannot be said, as the logs cannot be reached.
        """
        ...


def decoders(codec: Codec, topics: Collection[str]) -> dict[str, Decoder]:
    """How to read each topic."""
    return {topic: codec.decoder(topic) for topic in topics}
