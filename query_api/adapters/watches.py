"""Who waits for the facts of which command."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from query_api.ports import Clock, ToldFact


class CommandWatch:
    """The facts of one command as they arrive."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._facts: asyncio.Queue[ToldFact] = asyncio.Queue()

    def tell(self, fact: ToldFact) -> None:
        """A fact has arrived."""
        self._facts.put_nowait(fact)

    def arrived(self) -> ToldFact | None:
        return None if self._facts.empty() else self._facts.get_nowait()

    async def next(self, timeout_seconds: float) -> ToldFact | None:
        deadline = self._clock.now_seconds() + timeout_seconds
        delay = 0.002
        while (fact := self.arrived()) is None and self._clock.now_seconds() < deadline:
            await self._clock.sleep(delay)
            delay = min(delay * 1.3, 0.02)
        return fact


class Watches:
    """The watches that are open, by command."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, CommandWatch] = {}

    @contextmanager
    def watch(self, command_id: str) -> Iterator[CommandWatch]:
        """Watch a command."""
        self._open[command_id] = CommandWatch(self._clock)
        try:
            yield self._open[command_id]
        finally:
            del self._open[command_id]

    def wanted(self) -> list[str]:
        """The commands that are watched."""
        return list(self._open)

    def tell(self, kind: str, record: Mapping[str, Any]) -> None:
        """Hand a fact to whoever watches the command that caused it."""
        watch = self._open.get(record.get("command_id", ""))
        if watch is not None:
            watch.tell(ToldFact(kind, record))
