"""No room on a disk: for the broker's log, and for Flink's checkpoints."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.faults.fault import NotPossible, Struck
from tests.faults.harness import Harness
from tests.faults.market import Market, filled, wait

FULL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class FullDisk:
    """A disk without a free byte for some seconds, then with room again."""

    name: str
    what: str
    folder: Callable[[Market], Path]
    limit_seconds: float = 90.0

    def strike(self, harness: Harness, rng: Random) -> Struck:
        if not harness.market.small_disks:
            raise NotPossible("only root may mount the small disk that is filled")
        with filled(self.folder(harness.market)):
            wait(FULL_SECONDS)
        return Struck()


FAULTS = (
    FullDisk("full-log", "the broker's disk full for 10 s", lambda market: market.log_folder),
    FullDisk(
        "full-checkpoints",
        "the checkpoints' disk full for 10 s",
        lambda market: market.checkpoints,
    ),
)
