"""The newest checkpoint is damaged when the JobManager dies: it is named, and an older one used."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import stack
from stack import flink, plan
from tests.faults.fault import Struck
from tests.faults.harness import Harness

WAIT_SECONDS = 60.0
DIGEST_SECONDS = 5.0
"""The supervisor looks for new checkpoints every 2 s, and needs longer to deploy the jobs anew."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One file of the newest checkpoint of a job is not what it was."""

    name: str
    what: str
    job: str
    harm: Callable[[Path, Random], None]
    limit_seconds: float = 60.0

    def strike(self, harness: Harness, rng: Random) -> Struck:
        market = harness.market
        _await(lambda: len(self._written(market.checkpoints)) >= 2, WAIT_SECONDS)
        struck = Struck(market.kill(flink.JOBMANAGER))
        newest = self._written(market.checkpoints)[-1]
        _await(lambda: _digest_of(newest).exists(), DIGEST_SECONDS)
        self.harm(newest, rng)
        if not _await(lambda: self._told(harness, newest), WAIT_SECONDS):
            struck.problems.append(f"nobody said that {newest.parent} is damaged")
        return struck

    def _written(self, checkpoints: Path) -> list[Path]:
        found = checkpoints.glob(f"{self.job}-*/*/*/chk-*/_metadata")
        return sorted(found, key=lambda each: each.stat().st_mtime)

    def _told(self, harness: Harness, newest: Path) -> bool:
        log = stack.logs(harness.market.settings, plan.SUBMIT)
        return any(str(newest.parent) in line and "is torn" in line for line in log)


def _digest_of(metadata: Path) -> Path:
    """Where the supervisor keeps what the metadata were (decision 0041)."""
    job = metadata.parents[1]
    return job.with_name(f"{job.name}.sums") / f"{metadata.relative_to(job)}.sha256"


def _await(reached: Callable[[], bool], seconds: float) -> bool:
    """Whether it comes in time."""
    deadline = time.monotonic() + seconds
    while not (found := reached()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def cut(metadata: Path, rng: Random) -> None:
    """A tail that never reached the disk."""
    metadata.write_bytes(metadata.read_bytes()[: metadata.stat().st_size // 2])


def flip(metadata: Path, rng: Random) -> None:
    """One bit of one byte, somewhere."""
    content = bytearray(metadata.read_bytes())
    place = rng.randrange(len(content))
    content[place] ^= 1 << rng.randrange(8)
    metadata.write_bytes(bytes(content))


FAULTS = (
    Damage(
        "cut-checkpoint",
        "the newest checkpoint's metadata cut in half, then kill -9 of the JobManager",
        "matching",
        cut,
    ),
    Damage(
        "flip-checkpoint",
        "a bit of the newest checkpoint's metadata flipped, then kill -9 of the JobManager",
        "matching",
        flip,
    ),
)
