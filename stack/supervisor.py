"""The supervisor: a detached process that starts a plan in order, watches it and ends it.

`python -m stack.supervisor NAME…` runs the named programs of the plan under the settings in its
environment. It is told to stop by SIGTERM. What it does is one pass over all programs, again and
again: each pass moves each program as far as it can go, and tells the new state.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from schemas.settings import Settings, from_environment
from stack import plan, processes, state
from stack.output import Pump, tail
from stack.program import Program, StackError, module
from stack.state import ProgramState, StackState

PASS_SECONDS = 0.1
LOG_LINES = 15
SAVEPOINT_SECONDS = 120.0
# What a log says when it says what went wrong, in the languages of our servers.
TROUBLE = (
    "error",
    "exception",
    "fatal",
    "traceback",
    "refused",
    "cannot",
    "can't",
    "failed",
    "caused by",
)


class StartFailed(StackError):
    """A program did not become ready; the message names it and quotes its log."""


@dataclass(slots=True)
class Child:
    """A program of the plan, what was told of it, and the process that it has at the moment."""

    program: Program
    told: ProgramState
    process: subprocess.Popen[bytes] | None = None
    prepared: Future[None] | None = None
    probed: Future[bool] | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def is_up(self) -> bool:
        return self.told.state in (state.READY, state.DONE)

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """One plan, from start to stop."""

    def __init__(self, settings: Settings, programs: Iterable[Program]) -> None:
        self._settings = settings
        self._home = settings.path("HOME")
        self._children = {
            program.name: Child(program, ProgramState(program.name, port=_port(program)))
            for program in programs
        }
        self._told = _first_state([child.told for child in self._children.values()])
        self._pump = Pump()
        self._threads = ThreadPoolExecutor(len(self._children) + 1)
        self._stop_asked = False

    def run(self) -> None:
        """Starts everything, watches until it is told to stop, ends everything."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        self._pump.start()
        self._tell(state.STARTING)
        try:
            self._start()
        except StackError as error:
            self._stop()
            self._tell(state.FAILED, str(error))
            return
        self._watch()
        self._stop()
        self._tell(state.DOWN)

    def _ask_to_stop(self, number: int, frame: object) -> None:
        self._stop_asked = True

    # Starting

    def _start(self) -> None:
        while not self._stop_asked and not all(c.is_up for c in self._children.values()):
            for child in self._children.values():
                self._advance(child)
            time.sleep(PASS_SECONDS)
        if not self._stop_asked:
            self._tell(state.RUNNING)

    def _advance(self, child: Child) -> None:
        """One step of a program's way from waiting to ready."""
        match child.told.state:
            case state.WAITING if all(self._children[n].is_up for n in child.program.needs):
                child.prepared = self._threads.submit(child.program.prepare)
                self._move(child, state.PREPARING)
            case state.PREPARING if child.prepared and child.prepared.done():
                self._spawn(child)
            case state.STARTING if child.program.once:
                self._finish(child)
            case state.STARTING:
                self._probe(child)
            case state.READY if not child.lives:
                self._fail(child, _ended(child))

    def _spawn(self, child: Child) -> None:
        """Starts the process, when its preparation went well."""
        assert child.prepared is not None
        if error := child.prepared.exception():
            self._fail(child, f"could not be prepared: {error}")
        output = self._pump.open(self._log(child))
        try:
            child.process = processes.start(child.program, output)
        except OSError as error:
            self._fail(child, f"could not be started: {error}")
        else:
            identity = processes.identify(child.process.pid)
            child.told.pid, child.told.born = identity.pid, identity.born
            self._move(child, state.STARTING)
        finally:
            os.close(output)

    def _finish(self, child: Child) -> None:
        assert child.process is not None
        code = child.process.poll()
        if code == 0:
            child.told.pid = None
            self._move(child, state.DONE)
        elif code is not None:
            self._fail(child, _ended(child))
        else:
            self._check_patience(child)

    def _probe(self, child: Child) -> None:
        """Looks, in a thread, whether it is ready; a probe may take its second."""
        if not child.lives:
            self._fail(child, _ended(child))
        if child.probed and child.probed.done() and child.probed.result():
            child.probed = None
            self._move(child, state.READY)
            return
        if child.probed is None or child.probed.done():
            child.probed = self._threads.submit(child.program.ready)
        self._check_patience(child)

    def _check_patience(self, child: Child) -> None:
        if time.monotonic() - child.since > child.program.start_seconds:
            self._fail(child, f"was not ready within {child.program.start_seconds:.0f} s")

    def _fail(self, child: Child, reason: str) -> None:
        """Gives up on the start.

        Raises:
            StartFailed: always.
        """
        child.told.message = reason
        self._move(child, state.FAILED)
        time.sleep(PASS_SECONDS)  # what it said last may still be in the pipe
        lines = "\n".join(f"  {line}" for line in telling_lines(tail(self._log(child), 200)))
        raise StartFailed(f"{child.program.name} {reason}; its log ends with\n{lines}")

    # Watching

    def _watch(self) -> None:
        """Waits for the order to stop; tells of what ends by itself. Healing would begin here."""
        while not self._stop_asked:
            for child in self._children.values():
                if child.told.state == state.READY and not child.lives:
                    child.told.message = _ended(child)
                    self._move(child, state.FAILED)
            time.sleep(PASS_SECONDS)

    # Stopping

    def _stop(self) -> None:
        """Ends everything, nothing before what needs it has ended."""
        self._tell(state.STOPPING)
        self._take_savepoint()
        while any(child.lives for child in self._children.values()):
            for child in self._children.values():
                self._end_if_unneeded(child)
            time.sleep(PASS_SECONDS / 2)
        processes.end([i for c in self._children.values() if (i := c.told.identity)], 5.0)
        self._threads.shutdown(cancel_futures=True)
        for child in self._children.values():
            if child.told.state != state.FAILED:
                child.told.pid = None
                child.told.state = state.DOWN

    def _take_savepoint(self) -> None:
        """Stops the jobs with a savepoint, if they were submitted and the cluster still lives."""
        submitted = self._children.get(plan.SUBMIT)
        if submitted is None or submitted.told.state != state.DONE:
            return
        command, environment = module(self._settings, "jobs", "stop")
        program = Program("stop", command, environment=environment, once=True)
        output = self._pump.open(state.logs(self._home) / "stop.log")
        process = processes.start(program, output)
        os.close(output)
        identity = processes.identify(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.wait(SAVEPOINT_SECONDS)
        processes.end([identity], 5.0)

    def _end_if_unneeded(self, child: Child) -> None:
        if not child.lives or any(c.lives for c in self._children.values() if _needs(c, child)):
            return
        identity = child.told.identity
        assert identity is not None
        if child.told.state != state.STOPPING:
            processes.ask_to_end(identity, child.program.stop_signal)
            self._move(child, state.STOPPING)
        elif time.monotonic() - child.since > child.program.stop_seconds:
            processes.end([identity], 1.0)

    # Telling

    def _move(self, child: Child, to: str) -> None:
        child.told.state, child.since = to, time.monotonic()
        state.write(self._home, self._told)

    def _tell(self, whole: str, message: str = "") -> None:
        self._told.state, self._told.message = whole, message
        state.write(self._home, self._told)

    def _log(self, child: Child) -> Path:
        return state.logs(self._home) / f"{child.program.name}.log"


def telling_lines(lines: list[str]) -> list[str]:
    """The few lines of a log that most likely say what went wrong: from the first trouble on."""
    for number, line in enumerate(lines):
        if any(word in line.lower() for word in TROUBLE):
            return lines[number : number + LOG_LINES]
    return lines[-LOG_LINES:] or ["(nothing was logged)"]


def _first_state(programs: list[ProgramState]) -> StackState:
    own = processes.identify(os.getpid())
    return StackState(state.STARTING, own.pid, own.born, programs=programs)


def _port(program: Program) -> int | None:
    return program.ports[0] if program.ports else None


def _needs(child: Child, other: Child) -> bool:
    return other.program.name in child.program.needs


def _ended(child: Child) -> str:
    code = child.process.poll() if child.process else None
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def main() -> None:
    """Supervises the programs that the command line names, unless another already does.

    Comes back at once: the supervisor itself is a grandchild, in a session of its own, that nobody
    has to wait for.
    """
    settings = from_environment()
    if os.fork():
        return
    os.setsid()
    home = settings.path("HOME")
    with state.supervisor_lock(home) as alone:
        if alone:
            programs = [p for p in plan.whole(settings) if p.name in sys.argv[1:]]
            Supervisor(settings, programs).run()


if __name__ == "__main__":
    main()
