"""How far the logs of a feed are told, and the cursor that says so.

A feed is made of several partitions, so its cursor has the next offset of each: what was told in
whatever order is then continued without a gap or a repeat. Clients see opaque text.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Final, Literal, get_args

from schemas import contract
from schemas.names import (
    AUDIT_LOG,
    BOOK_DEPTH,
    FACT_TOPICS,
    INVENTORY_EVENTS,
    ORDERS_MATCHED,
    PRICING_UPDATES,
    TELEMETRY_GPU,
    TELEMETRY_NODE,
)

Kind = Literal["orders", "telemetry", "pricing", "market", "admin"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
TOPICS: Final[dict[Kind, tuple[str, ...]]] = {
    "orders": (
        FACT_TOPICS["order_created"],
        FACT_TOPICS["order_matched"],
        FACT_TOPICS["order_closed"],
        FACT_TOPICS["order_rejected"],
        FACT_TOPICS["order_amended"],
    ),
    "telemetry": (INVENTORY_EVENTS, TELEMETRY_GPU, TELEMETRY_NODE),
    "pricing": (PRICING_UPDATES,),
    "market": (BOOK_DEPTH, ORDERS_MATCHED, FACT_TOPICS["book_status"]),
    "admin": (AUDIT_LOG,),
}
"""What each kind of feed is made of; a new topic goes to the end, with a new version."""
VERSION: Final = 1
MAX_CURSOR: Final = 1_024
"""Characters of a cursor: the widest has 74 partitions."""


class Positions:
    """The next offset of every partition of a kind of feed."""

    def __init__(self, kind: Kind) -> None:
        self._head = bytes((VERSION, KINDS.index(kind)))
        self._slots = {
            (topic, partition): slot
            for slot, (topic, partition) in enumerate(partitions(TOPICS[kind]))
        }
        self.offsets = [0] * len(self._slots)
        self._written = [b"\0"] * len(self._slots)
        """The offsets as they are in a cursor, but those that have changed since there was one."""
        self._changed: set[int] = set()
        self._cursor = b""

    def slot(self, topic: str, partition: int) -> int:
        """The place of a partition among the offsets."""
        return self._slots[topic, partition]

    def set(self, slot: int, offset: int) -> None:
        """All before this offset is told."""
        self.offsets[slot] = offset
        self._changed.add(slot)

    def cursor(self) -> bytes:
        """The cursor of what is told."""
        if self._changed or not self._cursor:
            for slot in self._changed:
                self._written[slot] = _varint(self.offsets[slot])
            self._changed.clear()
            self._cursor = _text(self._head + b"".join(self._written))
        return self._cursor

    def cursor_of(self, offsets: Sequence[int]) -> bytes:
        """The cursor of other offsets of the same partitions."""
        return _text(self._head + b"".join(map(_varint, offsets)))

    def read(self, cursor: str) -> list[int]:
        """The offsets in a cursor.

        Raises:
            ValueError: it is none of this kind.
        """
        data = _bytes(cursor)
        if not data.startswith(self._head):
            raise ValueError("a cursor of another feed")
        offsets = _varints(data[len(self._head) :])
        if len(offsets) != len(self.offsets):
            raise ValueError("not as many offsets as partitions")
        return offsets


def partitions(topics: Iterable[str]) -> list[tuple[str, int]]:
    """Every partition of these topics, by topic and number."""
    counts = contract.topics()
    return [(topic, number) for topic in topics for number in range(counts[topic].partitions)]


def _text(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _bytes(cursor: str) -> bytes:
    if len(cursor) > MAX_CURSOR or not cursor.isascii():
        raise ValueError("too long, or not ASCII")
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except binascii.Error:
        raise ValueError("not base64") from None


def _varint(value: int) -> bytes:
    """A whole number in as few bytes as it needs, seven bits each, the least first (LEB128)."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _varints(data: bytes) -> list[int]:
    found, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            found.append(value)
            value, shift = 0, 0
        elif shift > 63:
            raise ValueError("an offset has more than 64 bits")
    if shift:
        raise ValueError("the last offset has no end")
    return found
