"""The supervisor: a detached process that starts a plan in order, heals it and ends it.

`python -m stack.supervisor [--accept WORD]… NAME…` runs the named programs of the plan under the
settings in its environment. It is told to stop by SIGTERM. What it does is one pass over all
programs, again and again: each moves each program as far as it can go, and tells the new state.

A program that dies while the plan starts ends the start: whoever waits for it is told why. Later it
is started again, after a wait that doubles from failure to failure; what needs it is left alone,
its clients connect again by themselves. Only what is bound to it starts anew with it.

It may die itself: programs write their logs without it, and the next supervisor takes them over.
"""

import argparse
import logging
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from schemas.settings import Settings, from_environment
from stack import (
    checkpoint_sums,
    child,
    disk,
    flink,
    output,
    plan,
    ports,
    processes,
    state,
)
from stack.child import Child
from stack.ports import PortTaken
from stack.program import Program, StackError, module
from stack.state import ProgramState, StackState

PASS_SECONDS = 0.1
HOUSEKEEPING_SECONDS = 2.0
LOG_LINES = 15
SAVEPOINT_SECONDS = 120.0
PATIENCE_SECONDS = 10.0
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
_LOG = logging.getLogger("stack.supervisor")


class StartFailed(StackError):
    """A program did not become ready; the message names it and quotes its log."""


class Supervisor:
    """One plan, from start to stop."""

    def __init__(
        self, settings: Settings, programs: Iterable[Program], left: StackState | None = None
    ) -> None:
        """Make it; of `left`, what a killed supervisor told last, it takes over what lives."""
        self._settings = settings
        self._home = settings.path("HOME")
        self._children = {program.name: child.new(program) for program in programs}
        if left:
            self._adopt(left)
        self._told = _first_state(self._children.values())
        self._threads = ThreadPoolExecutor(len(self._children) + 1)
        self._stop_asked = False
        self._is_told = True
        self._shortage = ""
        self._housekeeping_due = 0.0

    def run(self) -> None:
        """Starts everything, heals until it is told to stop, ends everything."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        self._tell(state.STARTING)
        try:
            self._start()
        except StackError as error:
            self._stop()
            self._tell(state.FAILED, str(error))
            return
        self._watch()
        message = self._stop()
        self._tell(state.DOWN, message)

    def _ask_to_stop(self, number: int, frame: object) -> None:
        self._stop_asked = True

    # Taking over

    def _adopt(self, left: StackState) -> None:
        """Takes over what lives and can be known to be as it was told; ends what else is there."""
        told = {program.name: program for program in left.programs}
        for name, each in self._children.items():
            if name in told and self._may_adopt(each, told[name]):
                _LOG.info("%s is taken over, %s", name, told[name].state)
                each.adopt(told.pop(name))
        rest = [identity for program in told.values() if (identity := program.identity)]
        processes.end([left.supervisor, *rest], PATIENCE_SECONDS)

    def _may_adopt(self, each: Child, before: ProgramState) -> bool:
        """What ran once need not run again as long as all that it needs lives on."""
        if not all(self._children[name].is_up for name in each.program.bound_to):
            return False
        if each.program.once:
            needs_live = all(self._children[name].is_up for name in each.program.needs)
            return before.state == state.DONE and needs_live
        lives = before.identity is not None and before.identity.find() is not None
        return lives and before.state in (state.STARTING, state.READY)

    # Starting

    def _start(self) -> None:
        while not self._stop_asked and not all(c.is_up for c in self._children.values()):
            self._pass()
        if not self._stop_asked:
            self._tell(state.RUNNING)

    def _pass(self) -> None:
        for each in self._children.values():
            self._advance(each)
        if time.monotonic() >= self._housekeeping_due:
            self._keep_house()
        if not self._is_told:
            self._write()
        time.sleep(PASS_SECONDS)

    def _advance(self, each: Child) -> None:
        """One step of a program's way from waiting to ready, and back."""
        match each.told.state:
            case state.WAITING | state.RESTARTING if self._may_start(each):
                each.prepared = self._threads.submit(each.program.prepare)
                self._move(each, state.PREPARING)
            case state.PREPARING if each.prepared and each.prepared.done():
                self._spawn(each)
            case state.STARTING if each.program.once:
                self._finish(each)
            case state.STARTING:
                self._probe(each)
            case state.READY if not each.lives:
                self._fail(each, each.ending())

    def _may_start(self, each: Child) -> bool:
        """On a full disk nothing is started again: it could only break more."""
        if time.monotonic() < each.due or self._shortage:
            return False
        return all(self._children[name].is_up for name in each.program.needs)

    def _spawn(self, each: Child) -> None:
        """Starts the process, when its preparation went well."""
        assert each.prepared is not None
        if error := each.prepared.exception():
            self._fail(each, f"could not be prepared: {error}")
            return
        try:
            ports.check(self._settings.text("HOST"), [each.program])
            each.spawn(self._log(each))
        except (OSError, PortTaken) as error:
            self._fail(each, f"could not be started: {error}")
        else:
            self._move(each, state.STARTING)

    def _finish(self, each: Child) -> None:
        assert each.process is not None
        if each.lives:
            self._check_patience(each)
        elif child.exited_well(each.process):
            each.told.pid = None
            self._move(each, state.DONE)
        else:
            self._fail(each, each.ending())

    def _probe(self, each: Child) -> None:
        """Looks, in a thread, whether it is ready; a probe may take its second."""
        if not each.lives:
            self._fail(each, each.ending())
        elif each.probed and each.probed.done() and self._is_ready(each, each.probed):
            each.probed = None
            self._move(each, state.READY)
        else:
            if each.probed is None or each.probed.done():
                each.probed = self._threads.submit(each.program.ready)
            self._check_patience(each)

    def _is_ready(self, each: Child, probed: Future[bool]) -> bool:
        """What a probe saw; one that met what it did not expect saw nothing, and we live on."""
        error = probed.exception()
        if error is not None:
            _LOG.warning("%s: whether it is ready cannot be seen: %r", each.program.name, error)
        return error is None and probed.result()

    def _check_patience(self, each: Child) -> None:
        if each.has_lost_patience:
            self._fail(each, f"was not ready within {each.program.start_seconds:.0f} s")

    # Failing

    def _fail(self, each: Child, reason: str) -> None:
        """A program died, or did not become ready.

        Raises:
            StartFailed: the plan still starts; it is given up.
        """
        if self._told.state == state.RUNNING:
            self._heal(each, reason)
            return
        each.told.message = reason
        self._move(each, state.FAILED)
        lines = "\n".join(f"  {line}" for line in self._telling_lines(each))
        raise StartFailed(f"{each.program.name} {reason}; its log ends with\n{lines}")

    def _heal(self, each: Child, reason: str) -> None:
        """Plans a new attempt, and one of everything that is bound to what failed."""
        if each.told.state == state.STARTING:
            reason = f"{reason}: {self._telling_lines(each)[0]}"
        self._put_off(each, reason)
        for other in self._children.values():
            if each.program.name in other.program.bound_to and other.told.state != state.RESTARTING:
                self._put_off(other, f"starts anew with {each.program.name}")

    def _put_off(self, each: Child, reason: str) -> None:
        seconds = each.put_off()
        _LOG.warning("%s %s; again in %.1f s", each.program.name, reason, seconds)
        each.end_rest()
        each.told.message = reason
        self._move(each, state.RESTARTING)

    # Watching

    def _watch(self) -> None:
        """Heals what ends by itself, until the order to stop."""
        while not self._stop_asked:
            self._pass()

    def _keep_house(self) -> None:
        """Rotates the logs, digests new checkpoints, and looks whether the disk has room.

        Raises:
            DiskFull: it has too little, and the plan still starts.
        """
        self._housekeeping_due = time.monotonic() + HOUSEKEEPING_SECONDS
        for log in state.logs(self._home).glob("*.log"):
            output.rotate(log)
        with suppress(OSError):  # files come and go meanwhile; the next look sees what is left
            checkpoint_sums.keep(flink.checkpoints(self._settings))
        if self._told.state == state.STARTING:
            disk.check(self._home)
        shortage = disk.describe_shortage(self._home)
        if bool(shortage) != bool(self._shortage):
            _LOG.warning(shortage or "the disk has room again")
            self._shortage = shortage
            self._tell(self._told.state, shortage)

    # Stopping

    def _stop(self) -> str:
        """Ends everything, nothing before what needs it has ended; what went wrong with it."""
        self._tell(state.STOPPING)
        complaint = self._take_savepoint()
        while any(each.lives for each in self._children.values()):
            for each in self._children.values():
                self._end_if_unneeded(each)
            time.sleep(PASS_SECONDS / 2)
        processes.end([i for c in self._children.values() if (i := c.told.identity)], 5.0)
        self._threads.shutdown(cancel_futures=True)
        for each in self._children.values():
            if each.told.state != state.FAILED:
                each.told.pid = None
                each.told.state = state.DOWN
        return complaint

    def _take_savepoint(self) -> str:
        """Stops the jobs with a savepoint, if they were submitted; why there is none."""
        submitted = self._children.get(plan.SUBMIT)
        if submitted is None:
            return ""
        if submitted.told.state != state.DONE:
            ran = submitted.told.restarts > 0  # before that there are no jobs to save
            return f"no savepoint, for the jobs start anew: {state.CHECKPOINTED}" if ran else ""
        command, environment = module(self._settings, "jobs", "stop")
        stop = child.new(Program("stop", command, environment=environment, once=True))
        try:
            stop.spawn(self._log(stop))
            assert isinstance(stop.process, subprocess.Popen)
            stop.process.wait(SAVEPOINT_SECONDS)
        except OSError as error:
            return f"no savepoint ({error}): {state.CHECKPOINTED}"
        except subprocess.TimeoutExpired:
            stop.end_rest()
            return f"no savepoint within {SAVEPOINT_SECONDS:.0f} s: {state.CHECKPOINTED}"
        return "" if child.exited_well(stop.process) else self._telling_lines(stop)[0]

    def _end_if_unneeded(self, each: Child) -> None:
        if not each.lives or self._is_needed(each.program.name):
            return
        identity = each.told.identity
        assert identity is not None
        if each.told.state != state.STOPPING:
            processes.ask_to_end(identity, each.program.stop_signal)
            self._move(each, state.STOPPING)
        elif time.monotonic() - each.since > each.program.stop_seconds:
            processes.end([identity], 1.0)

    def _is_needed(self, name: str) -> bool:
        """Whether something lives that needs it, be it by way of a step that ran once."""
        needing = [c for c in self._children.values() if name in c.program.needs]
        return any(c.lives or self._is_needed(c.program.name) for c in needing)

    # Telling

    def _move(self, each: Child, to: str) -> None:
        each.told.state, each.since = to, time.monotonic()
        self._write()

    def _tell(self, whole: str, message: str = "") -> None:
        self._told.state, self._told.message = whole, message
        self._write()

    def _write(self) -> None:
        """Tells the state; on a full disk, where that cannot be done, again with the next pass."""
        try:
            state.write(self._home, self._told)
            self._is_told = True
        except OSError as error:
            if self._is_told:
                _LOG.warning("the state cannot be written: %s", error)
            self._is_told = False

    def _telling_lines(self, each: Child) -> list[str]:
        return telling_lines(output.tail(self._log(each), 200, each.logged_from_bytes))

    def _log(self, each: Child) -> Path:
        return state.logs(self._home) / f"{each.program.name}.log"


def telling_lines(lines: list[str]) -> list[str]:
    """The few lines of a log that most likely say what went wrong: from the first trouble on."""
    for number, line in enumerate(lines):
        if any(word in line.lower() for word in TROUBLE):
            return lines[number : number + LOG_LINES]
    return lines[-LOG_LINES:] or ["(nothing was logged)"]


def _first_state(children: Iterable[Child]) -> StackState:
    own = processes.identify(os.getpid())
    return StackState(state.STARTING, own.pid, own.born, programs=[each.told for each in children])


def main() -> None:
    """Supervises the programs that the command line names, unless another already does.

    Comes back at once: the supervisor itself is a grandchild, in a session of its own, that nobody
    has to wait for.
    """
    parser = argparse.ArgumentParser(prog="python -m stack.supervisor")
    parser.add_argument("--accept", action="append", default=[])
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    settings = from_environment()
    if os.fork():
        return
    os.setsid()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    home = settings.path("HOME")
    with state.supervisor_lock(home) as alone:
        if alone:
            whole = plan.whole(settings, arguments.accept)
            programs = [program for program in whole if program.name in arguments.names]
            Supervisor(settings, programs, state.read(home)).run()


if __name__ == "__main__":
    main()
