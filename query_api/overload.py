"""What is taken when there is too much: a bound on requests in flight, and what is shed first.

Placing orders stops first, when orders wait too long behind the log and the waiting room is full,
or half of the places are taken; then everything else; cancelling and amending, by which a trader
gets out of risk, may use all places. What is shed costs next to nothing: neither key nor body is
looked at.
"""

from query_api.endpoint import Urgency
from query_api.waiting_room import WaitingRoom

SHARES: dict[Urgency, float] = {"later": 0.5, "usual": 0.75, "now": 1.0}
"""Part of the places that each urgency may fill."""


class Gate:
    """Lets requests of one process in, or says that there are too many."""

    def __init__(self, room: WaitingRoom, most: int) -> None:
        self._room = room
        self._most = {urgency: max(1, int(most * share)) for urgency, share in SHARES.items()}
        self.in_flight = 0

    def enter(self, urgency: Urgency) -> bool:
        """Whether a request may come in; then it must leave."""
        if self.in_flight >= self._most[urgency]:
            return False
        if urgency == "later" and self._room.is_full():
            return False
        self.in_flight += 1
        return True

    def leave(self) -> None:
        """A request is answered."""
        self.in_flight -= 1
