"""SIGSTOP for a while, then SIGCONT: what wakes up believes that no time has passed."""

import os
import signal
from dataclasses import dataclass
from random import Random

from stack import flink
from tests.faults.fault import Struck
from tests.faults.harness import Harness
from tests.faults.market import wait

PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A program that stands still; a TaskManager is given up by Flink, and wakes as a zombie."""

    victim: str
    limit_seconds: float = 60.0

    @property
    def name(self) -> str:
        return f"pause-{self.victim}"

    @property
    def what(self) -> str:
        return f"SIGSTOP of {self.victim} for {PAUSE_SECONDS:.0f} s, then SIGCONT"

    def strike(self, harness: Harness, rng: Random) -> Struck:
        pid = harness.market.pids()[self.victim]
        os.kill(pid, signal.SIGSTOP)
        try:
            wait(PAUSE_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)
        return Struck()


FAULTS = tuple(map(Pause, (flink.TASKMANAGER, "kafka", "redis", "clickhouse")))
