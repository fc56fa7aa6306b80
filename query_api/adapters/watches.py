"""Who waits for the facts of which command."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from query_api.ports import Clock, ToldFact


class Source(Protocol):
    """Where facts come from; it may sleep while nobody wants any."""

    def is_awake(self) -> bool:
        """Whether every fact from now on is told; if not, it begins to wake up."""
        ...

    async def awake(self) -> None:
        """Return once it is.

        Raises:
            Unavailable: it cannot.
        """
        ...


class AlwaysAwake:
    """A source that never sleeps."""

    def is_awake(self) -> bool:
        return True

    async def awake(self) -> None:
        return


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


class Told:
    """Somebody who wants to know when the first fact of a command comes, and nothing of it."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def tell(self, fact: ToldFact) -> None:
        """A fact has arrived."""
        self._call()


class Watches:
    """The watches that are open, by command.

    A source looks at `wanted` before it falls asleep, so a command is put there before the source
    is asked whether it is awake: then no fact is missed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[str, CommandWatch | Told] = {}
        self.source: Source = AlwaysAwake()

    def __len__(self) -> int:
        return len(self._open)

    @asynccontextmanager
    async def watch(self, command_id: str) -> AsyncIterator[CommandWatch]:
        """Watch a command.

        Raises:
            Unavailable: its facts would not be told.
        """
        watch = self._open[command_id] = CommandWatch(self._clock)
        try:
            await self.source.awake()
            yield watch
        finally:
            del self._open[command_id]

    def listen(self, command_id: str, told: Callable[[], None]) -> bool:
        """Call back at the command's first fact, unless the source sleeps."""

        def tell_once() -> None:
            self.ignore(command_id)
            told()

        self._open[command_id] = Told(tell_once)
        if self.source.is_awake():
            return True
        self.ignore(command_id)
        return False

    def ignore(self, command_id: str) -> None:
        """Do not call back any more."""
        self._open.pop(command_id, None)

    def wanted(self) -> list[str]:
        """The commands that are watched."""
        return list(self._open)

    def tell(self, kind: str, record: Mapping[str, Any]) -> None:
        """Hand a fact to whoever watches the command that caused it."""
        watch = self._open.get(record.get("command_id", ""))
        if watch is not None:
            watch.tell(ToldFact(kind, record))
