"""What becomes of a record that cannot be read or applied: a dead letter with its coordinates."""

from typing import Any, Final, Protocol

MAX_BYTES: Final = 524_288
"""Of a record's value, so that a letter is never too long for the log that it goes to."""
MAX_KEY_BYTES: Final = 1_024
NOWHERE: Final = -1
"""Partition and offset of what was no record: a timer that failed."""
MAX_REASON: Final = 1_000


class Message(Protocol):
    """A record as Kafka's client hands it out."""

    def topic(self) -> str | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def timestamp(self) -> tuple[int, int]: ...


def dead_letter(
    reader: str,
    reason: str,
    *,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    at_ms: int,
) -> dict[str, Any]:
    """A `DeadLetter`; of a very long key or value only the beginning, and the reason says so."""
    if key is not None and len(key) > MAX_KEY_BYTES:
        reason = f"(the first {MAX_KEY_BYTES} of {len(key)} bytes of the key) {reason}"
        key = key[:MAX_KEY_BYTES]
    if value is not None and len(value) > MAX_BYTES:
        reason = f"(the first {MAX_BYTES} of {len(value)} bytes) {reason}"
        value = value[:MAX_BYTES]
    return {
        "reader": reader,
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "key": key,
        "value": value,
        "reason": reason[:MAX_REASON],
        "occurred_at_ms": at_ms,
    }


def letter_about(message: Message, reader: str, reason: str) -> dict[str, Any]:
    """The `DeadLetter` of a record that a plain consumer could not read."""
    return dead_letter(
        reader,
        reason,
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=message.key(),
        value=message.value(),
        at_ms=message.timestamp()[1],
    )
