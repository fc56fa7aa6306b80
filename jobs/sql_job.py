"""What makes a job of SQL statements, beside the machine jobs of `jobs.keyed_machine`."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from jobs.saved_state import ACCEPT_CODE, ACCEPT_LOG
from jobs.streaming_job import StreamingJob

CHECKPOINT_SECONDS: Final = 30
Tables = Callable[[str, str, str], Iterable[str]]
"""From Kafka's bootstrap servers, the registry's URL and the consumer group to the statements that
make tables and views."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlJob(StreamingJob):
    """A job that is SQL alone: its one log, and its statements."""

    log: str
    tables: Tables
    inserts: tuple[str, ...]
    idle_seconds: int
    """A partition without records for so long holds nobody's time back."""

    @property
    def state_name(self) -> str:
        """The name under which its state is saved: another one for other statements.

        Flink lays a state out as it plans the statements, so only the same ones can go on from it;
        others start at the beginning of the log. So do other settings of planner or state.
        """
        text = "\n".join((*self.tables("", "", ""), *self.inserts, *self.flink_settings.values()))
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @property
    def accepts(self) -> tuple[str, ...]:
        """Other Python code, for it runs none; a log cut off, for it tells what it reads."""
        return ACCEPT_CODE, ACCEPT_LOG

    @property
    def flink_settings(self) -> dict[str, str]:
        """What it needs of Flink other than a machine job: nobody waits for single records."""
        return {
            "execution.buffer-timeout.interval": "100 ms",
            "table.exec.source.idle-timeout": f"{self.idle_seconds} s",
            "table.local-time-zone": "UTC",
            # State of seconds, touched by every record: memory costs a fraction of what RocksDB
            # does. A checkpoint is a copy of all of it, so there are fewer.
            "state.backend.type": "hashmap",
            "execution.checkpointing.interval": f"{CHECKPOINT_SECONDS} s",
            # The second phase would count what the first one wrote down; they are one process.
            "table.optimizer.agg-phase-strategy": "ONE_PHASE",
        }
