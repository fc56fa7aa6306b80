"""Where orders wait a moment for a place behind the log before they are refused.

Who keeps a few connections busy is slowed down to what the market can do, instead of being told to
come again; who sends without waiting for answers fills the room, and is refused at once. The room
is small, so it costs an order that gets in some tens of milliseconds at most.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from query_api.backlog import Backlog

PLACES = 32
WAIT_SECONDS = 0.25


class Full(Exception):
    """As many orders are on their way, and wait to be, as may be."""


class WaitingRoom:
    """First come, first served."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._waiting: deque[asyncio.Future[None]] = deque()
        backlog.opened = self._let_in

    def __len__(self) -> int:
        return len(self._waiting)

    def is_full(self) -> bool:
        """Whether an order would be refused at once."""
        return len(self._waiting) >= PLACES and self._backlog.is_full()

    @asynccontextmanager
    async def order(self, command_id: str) -> AsyncIterator[None]:
        """An order's way into the log.

        Raises:
            Full: it must not be sent.
        """
        # Places come free without a word when what was on its way is given up; where orders never
        # stop coming, somebody always waits, and so nobody else would look.
        self._let_in()
        if self._waiting or not self._backlog.take_place():
            await self._wait()
        self._backlog.sample(command_id)
        try:
            yield
        except BaseException:
            self._backlog.failed()
            raise
        self._backlog.appended()

    def repeated(self, command_id: str) -> None:
        """An order that came into the log had been placed before: nobody waits for its fact."""
        self._backlog.repeated(command_id)

    async def _wait(self) -> None:
        """Return with a place taken."""
        if len(self._waiting) >= PLACES:
            raise Full
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn
        except BaseException as error:
            self._give_up(turn)
            raise Full if isinstance(error, TimeoutError) else error from None

    def _give_up(self, turn: "asyncio.Future[None]") -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
        else:
            self._backlog.failed()  # its turn had come in this very moment

    def _let_in(self) -> None:
        while waiting := [turn for turn in self._waiting if not turn.done()]:
            if not self._backlog.take_place():
                return
            self._waiting.remove(waiting[0])
            waiting[0].set_result(None)
