"""The log of the books as confluent_kafka hands it out, for tests without a broker."""

from dataclasses import dataclass
from typing import Any

from schemas import codec as codecs
from schemas.names import BOOKS_COMMANDS
from tests.builders import BOOK

CODEC = codecs.offline()
ENCODE = CODEC.encoder(BOOKS_COMMANDS)


@dataclass
class Message:
    """A record as confluent_kafka hands it out."""

    record: bytes | None
    log_offset: int
    record_key: str = BOOK
    log_partition: int = 1

    def value(self) -> bytes | None:
        return self.record

    def key(self) -> bytes:
        return self.record_key.encode()

    def partition(self) -> int:
        return self.log_partition

    def offset(self) -> int:
        return self.log_offset

    def timestamp(self) -> tuple[int, int]:
        return 2, 1_000 + self.log_offset


def messages(*commands: Any, key: str = BOOK) -> list[Message]:
    """A log of these commands, a millisecond each."""
    return [Message(ENCODE(each), offset, key) for offset, each in enumerate(commands)]
