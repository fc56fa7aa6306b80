"""One channel and who listens: a message is encoded once and written to every one of them.

A large channel is served in turns of some hundred connections, between which the event loop does
everything else. What is told meanwhile waits and goes out together in the next turn, so a channel
never falls behind by more than one round.
"""

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

TURN = 250
"""Connections that are written to at once."""


class Listener(Protocol):
    """A connection, as a channel sees it."""

    def deliver(self, data: bytes) -> None:
        """Write whole frames, or part for ever from who does not read."""
        ...


class Subscription:
    """A listener on a channel, from some moment on."""

    __slots__ = ("after", "is_active", "listener")

    def __init__(self, listener: Listener, after: int) -> None:
        self.listener = listener
        self.after = after
        """The number of the last message that it was told otherwise."""
        self.is_active = True


class Channel:
    """What is told to everybody who listens, in one order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._subscriptions: dict[Subscription, None] = {}
        """A dict as a set that keeps its order."""
        self._last = 0
        """The number of the last message."""
        self._waiting: list[bytes] = []
        self._serving: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._subscriptions)

    def subscribe(self, listener: Listener) -> Subscription:
        """Tell it everything from now on."""
        subscription = Subscription(listener, self._last)
        self._subscriptions[subscription] = None
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Tell it nothing more."""
        subscription.is_active = False
        self._subscriptions.pop(subscription, None)

    def publish(self, frame: bytes) -> None:
        """Tell a message to all who listen."""
        self._last += 1
        if self._serving is None and len(self._subscriptions) <= TURN:
            for subscription in list(self._subscriptions):
                subscription.listener.deliver(frame)
            return
        self._waiting.append(frame)
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())

    async def _serve(self) -> None:
        try:
            while self._waiting:
                frames, self._waiting = self._waiting, []
                await self._tell_all(frames, self._last - len(frames))
        finally:
            self._serving = None

    async def _tell_all(self, frames: list[bytes], before: int) -> None:
        """Tell messages that come after the one of this number."""
        together = b"".join(frames)
        subscriptions = iter(list(self._subscriptions))
        while turn := list(islice(subscriptions, TURN)):
            self._tell_some(turn, frames, together, before)
            await asyncio.sleep(0)

    def _tell_some(
        self, turn: Iterable[Subscription], frames: list[bytes], together: bytes, before: int
    ) -> None:
        for subscription in turn:
            if not subscription.is_active:
                continue
            if subscription.after <= before:
                subscription.listener.deliver(together)
            elif missing := frames[subscription.after - before :]:
                subscription.listener.deliver(b"".join(missing))
