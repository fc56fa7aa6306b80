"""What is taken when there is too much: a bound on requests in flight, and what is shed first.

Placing orders stops first, when orders wait too long behind the log and the waiting room is full,
or half of the places are taken; then everything else; cancelling and amending, by which a trader
gets out of risk, may use all places. What is shed costs next to nothing: neither key nor body is
looked at.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from query_api import problems
from query_api.endpoint import Urgency
from query_api.waiting_room import WaitingRoom

SHARES: dict[Urgency, float] = {"later": 0.5, "usual": 0.75, "now": 1.0}
"""Part of the places that each urgency may fill."""


MOST_LARGE_BYTES = 32 * 1024 * 1024


class LargeBodies:
    """Bounds the bytes that bodies larger than usual take in one process, all together.

    They are read after their key was looked at, and become about ten times as much while they are
    worked on.
    """

    def __init__(self, most_bytes: int = MOST_LARGE_BYTES) -> None:
        self._left_bytes = most_bytes

    @contextmanager
    def held(self, size_bytes: int) -> Iterator[None]:
        """Hold one.

        Raises:
            Problem: 429 `OVERLOADED`, there is no room for it.
        """
        if size_bytes > self._left_bytes:
            raise problems.overloaded()
        self._left_bytes -= size_bytes
        try:
            yield
        finally:
            self._left_bytes += size_bytes


class Gate:
    """Lets requests of one process in, or says that there are too many."""

    def __init__(self, room: WaitingRoom, most: int) -> None:
        self._room = room
        self._most = {urgency: max(1, int(most * share)) for urgency, share in SHARES.items()}
        self.in_flight = 0

    def has_place(self, urgency: Urgency) -> bool:
        """Whether a request may come in."""
        if self.in_flight >= self._most[urgency]:
            return False
        return not (urgency == "later" and self._room.is_full())

    def enter(self) -> None:
        """Take a place; then it must be left."""
        self.in_flight += 1

    def leave(self) -> None:
        """A request is answered."""
        self.in_flight -= 1
