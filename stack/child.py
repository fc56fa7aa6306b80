"""A program of the plan as the supervisor holds it: its process, its state, its next attempt."""

import os
import signal
import subprocess
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stack import output, processes
from stack.processes import Identity
from stack.program import Program
from stack.state import ProgramState

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 10.0
HEALTHY_SECONDS = 60.0
"""After so long without a death the next one is the first again."""


class Process(Protocol):
    """What is asked of a process, whoever started it."""

    def poll(self) -> int | None:
        """None while it lives, else its exit code."""
        ...


class Adopted:
    """A process that another supervisor started: only its parent learns how it ended."""

    UNKNOWN = 256

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def poll(self) -> int | None:
        return None if self._identity.find() else self.UNKNOWN


@dataclass(slots=True)
class Child:
    """A program of the plan, what was told of it, and the process that it has at the moment."""

    program: Program
    told: ProgramState
    process: Process | None = None
    prepared: Future[None] | None = None
    probed: Future[bool] | None = None
    since: float = field(default_factory=time.monotonic)
    logged_from_bytes: int = 0
    failures: int = 0
    due: float = 0.0

    @property
    def is_up(self) -> bool:
        return self.told.is_up

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def has_lost_patience(self) -> bool:
        return time.monotonic() - self.since > self.program.start_seconds

    def spawn(self, log: Path) -> None:
        """Starts its process, which writes to this log.

        Raises:
            OSError: there is no such program, it may not be run, or there is no room for a log.
        """
        descriptor = output.open_log(log)
        self.logged_from_bytes = log.stat().st_size
        try:
            process = processes.start(self.program, descriptor)
        finally:
            os.close(descriptor)
        identity = processes.identify(process.pid)
        self.process, self.told.pid, self.told.born = process, identity.pid, identity.born
        self.told.born_at = processes.born_at(process.pid)

    def adopt(self, told: ProgramState) -> None:
        """Takes over what a supervisor that was killed left running."""
        self.told = told
        if told.identity:
            self.process = Adopted(told.identity)

    def end_rest(self) -> None:
        """Ends at once what still lives of it: its children when it died, or it all."""
        if identity := self.told.identity:
            processes.end([identity], 0.0)
        if self.process:
            self.process.poll()  # so that the system forgets it
        self.process, self.probed, self.told.pid = None, None, None

    def put_off(self) -> float:
        """Plans the next attempt; the seconds until then double from failure to failure."""
        was_healthy = self.is_up and time.monotonic() - self.since > HEALTHY_SECONDS
        self.failures = 1 if was_healthy else self.failures + 1
        self.told.restarts += 1
        seconds = wait_seconds(self.failures)
        self.due = time.monotonic() + seconds
        return seconds

    def ending(self) -> str:
        """How its process ended, for people."""
        code = self.process.poll() if self.process else None
        if code is None or code == Adopted.UNKNOWN:
            return "ended"
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


def wait_seconds(failures: int) -> float:
    """How long to wait after so many failures in a row."""
    doublings = min(failures - 1, 10)  # far past the longest wait
    return min(FIRST_WAIT_SECONDS * float(1 << doublings), LONGEST_WAIT_SECONDS)


def new(program: Program) -> Child:
    """A program that waits for its start."""
    port = program.ports[0] if program.ports else None
    return Child(program, ProgramState(program.name, port=port))


def exited_well(process: Process) -> bool:
    """Whether a program that runs once has done its work."""
    return isinstance(process, subprocess.Popen) and process.poll() == 0
