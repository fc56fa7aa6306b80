"""Whoever looks on at a run: nobody, or a printer of its trace."""

import json

from tests.sim.log import CODEC, Record


class Watcher:
    """Is told what happens, and keeps silent."""

    def moves(self, now_ms: int, text: str) -> None:
        """A move begins."""

    def appends(self, topic: str, record: Record) -> None:
        """A record is in the log."""

    def answers(self, text: str) -> None:
        """A client got an answer."""


class Printer(Watcher):
    """Prints each move, and what it led to at once."""

    def moves(self, now_ms: int, text: str) -> None:
        print(f"{now_ms} {text}")

    def appends(self, topic: str, record: Record) -> None:
        fields = CODEC.decoder(topic)(record.value)
        told = {name: value for name, value in fields.items() if value not in (None, "", 0, False)}
        text = json.dumps(told, default=repr)
        print(f"    {record.at_ms} {topic} {record.key.decode()} {text}")

    def answers(self, text: str) -> None:
        print(f"    {text}")
