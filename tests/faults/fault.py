"""What a fault is: something done to a market under load, and what must come of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.faults.harness import Harness


@dataclass(slots=True)
class Struck:
    """What was done, made when the fault is over: what is down is to come back from then on."""

    killed: Mapping[str, int] = field(default_factory=dict)
    """Processes that must be others afterwards, by program."""
    letters: int = 0
    """Dead letters that must have come of it."""
    problems: list[str] = field(default_factory=list)
    """What did not go as it must while the fault was there."""
    note: str = ""
    """For the table."""
    over_at: float = field(default_factory=time.monotonic)
    """On the monotonic clock."""


class NotPossible(Exception):
    """The fault cannot be had on this machine; the message says why."""


class Fault(Protocol):
    """One way in which the world breaks."""

    @property
    def name(self) -> str:
        """As `FAULT=` names it."""
        ...

    @property
    def what(self) -> str:
        """What is done, for people."""
        ...

    @property
    def limit_seconds(self) -> float:
        """Within which all must be well after the fault."""
        ...

    def strike(self, harness: "Harness", rng: Random) -> Struck:
        """Do it, and undo what does not pass by itself; the load goes on meanwhile.

        Raises:
            NotPossible: this machine cannot have it.
        """
        ...
