"""kill -9: of one program, or of everything at once."""

import os
import signal
from dataclasses import dataclass
from random import Random

from stack import flink
from tests.faults.fault import Struck
from tests.faults.harness import Harness

SUPERVISOR = "supervisor"
VICTIMS = (
    flink.TASKMANAGER,
    flink.JOBMANAGER,
    *("kafka", "api", "projection", "feeds", "market-data", "relay"),
    *("registry", "redis", "postgres", "clickhouse", SUPERVISOR),
)
LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Kill:
    """kill -9 of one program; a killed supervisor is followed by `gpubroker up`."""

    victim: str
    limit_seconds: float = LIMIT_SECONDS

    @property
    def name(self) -> str:
        return f"kill-{self.victim}"

    @property
    def what(self) -> str:
        return f"kill -9 of {self.victim}"

    def strike(self, harness: Harness, rng: Random) -> Struck:
        if self.victim != SUPERVISOR:
            return Struck(harness.market.kill(self.victim))
        pid, before = harness.market.supervisor(), harness.market.pids()
        assert pid
        os.kill(pid, signal.SIGKILL)
        struck = Struck()
        harness.market.up()
        new = {name for name, pid in harness.market.pids().items() if pid != before.get(name)}
        struck.problems += [f"{name} was not taken over" for name in sorted(new)]
        return struck


@dataclass(frozen=True, slots=True)
class KillEverything:
    """kill -9 of every process of the market, the supervisor too; then `gpubroker up`."""

    name: str = "kill-everything"
    what: str = "kill -9 of all processes at once, then `gpubroker up`"
    limit_seconds: float = 120.0

    def strike(self, harness: Harness, rng: Random) -> Struck:
        supervisor = harness.market.supervisor()
        assert supervisor
        os.kill(supervisor, signal.SIGKILL)
        struck = Struck(harness.market.kill(*harness.market.pids()))
        harness.market.up()
        return struck


FAULTS = (*map(Kill, VICTIMS), KillEverything())
