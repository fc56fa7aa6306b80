"""What people ask of the stack: up, down, status, logs. The supervisor does the work."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

import psutil

from schemas.settings import Settings
from stack import artifacts, disk, java, plan, ports, processes, state
from stack.addresses import (
    read_environment,
    with_addresses,
    write_environment,
)
from stack.output import open_log, tail
from stack.processes import Identity
from stack.program import ROOT, Program, StackError, module, python_environment
from stack.state import ProgramState, StackState

POLL_SECONDS = 0.1
FOLLOW_SECONDS = 0.3
LAUNCH_SECONDS = 40.0
HEAL_SECONDS = 180.0
DOWN_SECONDS = 240.0
PATIENCE_SECONDS = 10.0
ORPHAN = "orphan"
"""A program that lives without a supervisor."""

Progress = Callable[[str], None]


class NotStarted(StackError):
    """The stack did not come up; the message says which program failed and how."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `status`: a program, whether it lives, and what it uses."""

    name: str
    state: str
    port: int | None
    pid: int | None
    memory_bytes: int
    uptime_seconds: float
    message: str
    restarts: int


def up(
    settings: Settings,
    only: str | Collection[str] | None = None,
    progress: Progress = print,
    accept: Collection[str] = (),
) -> Settings:
    """Starts the stack, or the part of it that is named, and waits until it is ready.

    Answers the settings with all addresses filled in. A stack that runs already is left as it is,
    with the settings that it was started with; of one whose supervisor was killed, what lives is
    taken over and the rest started anew. `accept` is what the jobs may pass over when they resume
    (`python -m jobs submit --help`), until `down`.
    Ctrl-C while it starts takes down what was started, and nothing that another `up` did.

    Raises:
        StackError: a port is taken, the disk is full, a server cannot be fetched or does not start,
            or another part of the stack is running than the one asked for.
    """
    home = _make_home(settings)
    ours: Identity | None = None
    with _at_work(home, progress):
        addressed = with_addresses(settings)
        programs = plan.cut(plan.whole(addressed), only)
        if told := _living(home):
            _check_running(told, [program.name for program in programs])
            progress("already running" + (", so nothing is accepted anew" if accept else ""))
            addressed = _as_it_runs(addressed, progress)
        else:
            try:
                ours = _start(addressed, programs, progress, accept)
            except KeyboardInterrupt:
                progress("interrupted, stopping")
                _take_down(home, progress)
                raise
    try:
        _await_running(home, progress)
    except KeyboardInterrupt:
        with _at_work(home, progress):
            if ours and ours.find():
                progress("interrupted, stopping")
                _take_down(home, progress)
        raise
    return addressed


def down(settings: Settings, progress: Progress = print) -> None:
    """Stops the stack, with a savepoint of its jobs, and returns when no process of it is left."""
    home = settings.path("HOME")
    if not home.exists():
        progress("not running")
        return
    with _at_work(home, progress):
        _take_down(home, progress)


def _at_work(home: Path, progress: Progress) -> AbstractContextManager[None]:
    """One `up` or `down` at a time."""
    return state.launch_lock(home, lambda: progress("another `up` or `down` is at work, waiting"))


def _take_down(home: Path, progress: Progress) -> None:
    told = _living(home)
    if told is None:
        progress("down" if _end_left_over(home, progress) else "not running")
        return
    processes.ask_to_end(told.supervisor, SIGTERM)
    _await_down(home, told, progress)
    _end_left_over(home, progress)
    if (left := state.read(home)) and left.message:
        progress(left.message)
    progress("down")


def trouble(settings: Settings) -> str:
    """What is wrong with the running stack as a whole, for people; empty while nothing is."""
    home = settings.path("HOME")
    told = _living(home)
    if told is None:
        return ""
    return told.message or disk.describe_shortage(home)  # which may have kept it from telling


def status(settings: Settings) -> list[Row]:
    """Every program of the stack as it is now; what is told of a dead supervisor is checked."""
    home = settings.path("HOME")
    told = state.read(home)
    if told is None:
        return []
    supervised = told.supervisor.find() is not None
    return [_row(program, supervised) for program in told.programs]


def logs(settings: Settings, name: str, *, follow: bool = False, lines: int = 100) -> Iterator[str]:
    """The last lines of a program's log, and with `follow` the new ones as they come.

    Raises:
        StackError: no program of that name ever wrote a log here.
    """
    folder = state.logs(settings.path("HOME"))
    path = folder / f"{name}.log"
    if not path.exists():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.log"))) or "none yet"
        raise StackError(f"no log of {name!r}; there are logs of {known}")
    yield from tail(path, lines)
    if follow:
        yield from _follow(path)


def run(settings: Settings, name: str, *arguments: str) -> int:
    """Runs one of the project's modules on the stack that was up here; its exit code.

    It writes where we write.

    Raises:
        StackError: there was none.
    """
    addressed = read_environment(settings.path("HOME"))
    command, environment = module(addressed, name, *arguments)
    return subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode


def _make_home(settings: Settings) -> Path:
    """The state folder; refused before anything is written where the disk has no room for it.

    Raises:
        DiskFull: see `disk.check`.
    """
    home = settings.path("HOME")
    if _living(home) is None:
        disk.check(home)
    state.logs(home).mkdir(parents=True, exist_ok=True)
    return home


def _living(home: Path) -> StackState | None:
    """What a living supervisor told last."""
    told = state.read(home)
    return told if told and told.supervisor.find() else None


def _start(
    settings: Settings, programs: Collection[Program], progress: Progress, accept: Collection[str]
) -> Identity:
    """Launches a supervisor; it takes over what one that was killed left running."""
    artifacts.fetch(settings, progress)
    java.prepare()
    kept = _end_unless_kept(settings, progress)
    ports.check(settings.text("HOST"), [each for each in programs if each.name not in kept])
    write_environment(settings)
    return _launch(settings, [program.name for program in programs], accept)


def _end_unless_kept(settings: Settings, progress: Progress) -> set[str]:
    """The programs that can be taken over; none, and all ended, if they run with other settings."""
    home = settings.path("HOME")
    told = state.read(home)
    if told is None:
        return set()
    was_healthy = told.state in (state.STARTING, state.RUNNING)
    if was_healthy and _runs_with(settings):
        kept = {p.name for p in told.programs if p.identity and processes.family(p.identity)}
        if kept:
            progress(f"taking over {len(kept)} programs that were left running")
        return kept
    _end_left_over(home, progress)
    return set()


def _runs_with(settings: Settings) -> bool:
    """Whether these are the settings with which the stack was started last."""
    try:
        before = read_environment(settings.path("HOME"))
    except StackError:  # there is none, or it cannot be read, and is written anew
        return False
    return before.as_environment() == settings.as_environment()


def _as_it_runs(settings: Settings, progress: Progress) -> Settings:
    """The settings that a running stack was started with, whatever they say now."""
    started_with = read_environment(settings.path("HOME"))
    before, now = started_with.as_environment(), settings.as_environment()
    others = sorted(name for name in before | now if before.get(name) != now.get(name))
    if others:
        progress(f"it runs with other values of {', '.join(others)}; to change them, take it down")
    return started_with


def _check_running(told: StackState, names: list[str]) -> None:
    """Refuses to call a stack running that lacks what is asked for."""
    missing = [name for name in names if name not in {program.name for program in told.programs}]
    if missing:
        raise StackError(
            f"the stack runs without {', '.join(missing)}; take it down first, then start it whole"
        )


def _end_left_over(home: Path, progress: Progress) -> bool:
    """Ends what a supervisor that was killed left running; answers whether there was anything."""
    told = state.read(home)
    left = [each for each in state.left(told) if processes.family(each)]
    if told and left:
        progress(f"ending {len(left)} programs that were left running")
        processes.end(left, PATIENCE_SECONDS)
        if told.state == state.RUNNING and (plan.SUBMIT, state.DONE) in _states(told):
            progress(f"no savepoint, for their supervisor is dead: {state.CHECKPOINTED}")
    return bool(left)


def _states(told: StackState) -> set[tuple[str, str]]:
    return {(program.name, program.state) for program in told.programs}


def _launch(settings: Settings, names: Iterable[str], accept: Iterable[str]) -> Identity:
    """Starts the supervisor, detached, and waits until it is there."""
    home = settings.path("HOME")
    log = state.logs(home) / "supervisor.log"
    accepted = [part for word in accept for part in ("--accept", word)]
    descriptor = open_log(log)
    launched = subprocess.run(
        [sys.executable, "-m", "stack.supervisor", *accepted, *names],
        cwd=ROOT,
        env=python_environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=descriptor,
        stderr=descriptor,
    )
    os.close(descriptor)
    deadline = time.monotonic() + LAUNCH_SECONDS
    while (told := _living(home)) is None:
        if launched.returncode != 0 or time.monotonic() > deadline:
            raise NotStarted("the supervisor did not start:\n" + "\n".join(tail(log, 20)))
        time.sleep(POLL_SECONDS)
    return told.supervisor


def _await_running(home: Path, progress: Progress) -> None:
    """Tells each program's way until all are ready.

    Raises:
        NotStarted: with the supervisor's words, because it died, or because it cannot heal what is
            down.
    """
    shown: dict[str, str] = {}
    deadline = time.monotonic() + HEAL_SECONDS
    while True:
        alive = _living(home) is not None
        told = state.read(home)
        assert told is not None
        _show(told, shown, progress)
        if told.state == state.RUNNING:
            if all(program.is_up for program in told.programs):
                return
            _check_patience(told, deadline)
        if told.state == state.FAILED:
            raise NotStarted(told.message)
        if told.state == state.DOWN:
            raise NotStarted("the stack was stopped while it started")
        if not alive:
            raise NotStarted(f"the supervisor died while it started; see {state.logs(home)}")
        time.sleep(POLL_SECONDS)


def _check_patience(told: StackState, deadline: float) -> None:
    if time.monotonic() > deadline:
        down = [f"{p.name} {p.message}" for p in told.programs if not p.is_up]
        raise NotStarted(f"not healthy within {HEAL_SECONDS:.0f} s: {'; '.join(down)}")


def _await_down(home: Path, told: StackState, progress: Progress) -> None:
    shown = {program.name: program.state for program in told.programs}
    deadline = time.monotonic() + DOWN_SECONDS
    while told.supervisor.find() and time.monotonic() < deadline:
        now = state.read(home)
        if now:
            _show(now, shown, progress)
        time.sleep(POLL_SECONDS)


def _show(told: StackState, shown: dict[str, str], progress: Progress) -> None:
    for program in told.programs:
        if shown.get(program.name, state.WAITING) != program.state:
            shown[program.name] = program.state
            if program.state == state.RESTARTING:
                progress(f"{program.name}: {program.state}, {program.message}")
            elif program.state != state.PREPARING:
                progress(f"{program.name}: {program.state}")


def _row(program: ProgramState, supervised: bool) -> Row:
    identity = program.identity
    process = identity.find() if identity else None
    return Row(
        name=program.name,
        state=_state_now(program, process is not None, supervised),
        port=program.port,
        pid=program.pid if process else None,
        memory_bytes=processes.memory_bytes(identity) if process and identity else 0,
        uptime_seconds=_uptime_seconds(process) if process else 0.0,
        message=program.message,
        restarts=program.restarts,
    )


def _uptime_seconds(process: psutil.Process) -> float:
    try:
        return time.time() - process.create_time()
    except psutil.Error:  # it has ended since
        return 0.0


def _state_now(program: ProgramState, alive: bool, supervised: bool) -> str:
    """What was told of it may be a moment old, or told by a supervisor that is dead."""
    if supervised:
        died = program.state == state.READY and not alive
        return state.RESTARTING if died else program.state
    if alive:
        return ORPHAN
    return state.FAILED if program.state == state.FAILED else state.DOWN


def _follow(path: Path) -> Iterator[str]:
    """New lines of a log, also after it rotated."""
    file = path.open("r", errors="replace")
    file.seek(0, os.SEEK_END)
    while True:
        line = file.readline()
        if line:
            yield line.rstrip("\n")
        elif os.fstat(file.fileno()).st_size < file.tell():
            file.seek(0)
        else:
            time.sleep(FOLLOW_SECONDS)
