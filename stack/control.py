"""What people ask of the stack: up, down, status, logs. The supervisor does the work."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM

from schemas.settings import Settings
from stack import artifacts, java, plan, ports, processes, state
from stack.addresses import with_addresses, write_environment
from stack.output import tail
from stack.program import ROOT, StackError, python_environment
from stack.state import StackState

POLL_SECONDS = 0.1
FOLLOW_SECONDS = 0.3
LAUNCH_SECONDS = 20.0
DOWN_SECONDS = 240.0
PATIENCE_SECONDS = 10.0

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


def up(
    settings: Settings,
    only: str | Collection[str] | None = None,
    progress: Progress = print,
) -> Settings:
    """Starts the stack, or the part of it that is named, and waits until it is ready.

    Answers the settings with all addresses filled in. A stack that runs already is left as it is.
    Ctrl-C while it starts takes down what was started.

    Raises:
        StackError: a port is taken, a server cannot be fetched or does not start, or another part
            of the stack is running than the one asked for.
    """
    home = _make_home(settings)
    addressed = with_addresses(settings)
    programs = plan.cut(plan.whole(addressed), only)
    names = [program.name for program in programs]
    told = _living(home)
    if told:
        _check_running(told, names)
        progress("already running")
    else:
        artifacts.fetch(addressed, progress)
        java.prepare()
        _end_left_over(home, progress)
        ports.check(addressed.text("HOST"), programs)
        write_environment(addressed)
    try:
        if not told:
            _launch(addressed, names)
        _await_running(home, progress)
    except KeyboardInterrupt:
        progress("interrupted, stopping")
        down(settings, progress)
        raise
    return addressed


def down(settings: Settings, progress: Progress = print) -> None:
    """Stops the stack, with a savepoint of its jobs, and returns when no process of it is left."""
    home = settings.path("HOME")
    told = _living(home)
    if told is None:
        if not _end_left_over(home, progress):
            progress("not running")
        return
    processes.ask_to_end(told.supervisor, SIGTERM)
    _await_down(home, told, progress)
    _end_left_over(home, progress)
    progress("down")


def status(settings: Settings) -> list[Row]:
    """Every program of the stack as it is now; what is told of a dead supervisor is checked."""
    home = settings.path("HOME")
    told = state.read(home)
    if told is None:
        return []
    return [_row(program, _living(home) is not None) for program in told.programs]


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


def _make_home(settings: Settings) -> Path:
    home = settings.path("HOME")
    state.logs(home).mkdir(parents=True, exist_ok=True)
    return home


def _living(home: Path) -> StackState | None:
    """What a living supervisor told last."""
    told = state.read(home)
    return told if told and told.supervisor.find() else None


def _check_running(told: StackState, names: list[str]) -> None:
    """Refuses to call a stack running that lacks what is asked for."""
    for program in told.programs:
        if told.state == state.RUNNING and program.state == state.FAILED:
            raise StackError(
                f"{program.name} {program.message}; take the stack down, then up again"
            )
    missing = [name for name in names if name not in {program.name for program in told.programs}]
    if missing:
        raise StackError(
            f"the stack runs without {', '.join(missing)}; take it down first, then start it whole"
        )


def _end_left_over(home: Path, progress: Progress) -> bool:
    """Ends what a supervisor that was killed left running; answers whether there was anything."""
    left = [each for each in state.left(state.read(home)) if processes.family(each)]
    if left:
        progress(f"ending {len(left)} programs that were left running")
        processes.end(left, PATIENCE_SECONDS)
    return bool(left)


def _launch(settings: Settings, names: list[str]) -> None:
    """Starts the supervisor, detached, and waits until it, or one that was faster, is there."""
    home = settings.path("HOME")
    log = state.logs(home) / "supervisor.log"
    with log.open("wb") as output:
        launched = subprocess.run(
            [sys.executable, "-m", "stack.supervisor", *names],
            cwd=ROOT,
            env=python_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    deadline = time.monotonic() + LAUNCH_SECONDS
    while _living(home) is None:
        if launched.returncode != 0 or time.monotonic() > deadline:
            raise NotStarted("the supervisor did not start:\n" + "\n".join(tail(log, 20)))
        time.sleep(POLL_SECONDS)


def _await_running(home: Path, progress: Progress) -> None:
    """Tells each program's way until all are ready.

    Raises:
        NotStarted: with the supervisor's words, or because it died.
    """
    shown: dict[str, str] = {}
    while True:
        alive = _living(home) is not None
        told = state.read(home)
        assert told is not None
        _show(told, shown, progress)
        if told.state == state.RUNNING:
            return
        if told.state == state.FAILED:
            raise NotStarted(told.message)
        if told.state == state.DOWN:
            raise NotStarted("the stack was stopped while it started")
        if not alive:
            raise NotStarted(f"the supervisor died while it started; see {state.logs(home)}")
        time.sleep(POLL_SECONDS)


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
            if program.state != state.PREPARING:
                progress(f"{program.name}: {program.state}")


def _row(program: state.ProgramState, supervised: bool) -> Row:
    identity = program.identity
    alive = identity is not None and identity.find() is not None
    told = program.state if alive or program.state in (state.DONE, state.FAILED) else state.DOWN
    if alive and not supervised:
        told = "orphan"
    elif not alive and supervised and program.state in (state.READY, state.STARTING):
        told = state.FAILED
    elif not alive and not supervised and program.state == state.DONE:
        told = state.DOWN
    return Row(
        name=program.name,
        state=told,
        port=program.port,
        pid=program.pid if alive else None,
        memory_bytes=processes.memory_bytes(identity) if alive and identity else 0,
        uptime_seconds=time.time() - program.born if alive else 0.0,
        message=program.message,
    )


def _follow(path: Path) -> Iterator[str]:
    """New lines of a log, also after it rotated."""
    file = path.open("r", errors="replace")
    file.seek(0, os.SEEK_END)
    while True:
        line = file.readline()
        if line:
            yield line.rstrip("\n")
        elif path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            file.close()
            file = path.open("r", errors="replace")
        else:
            time.sleep(FOLLOW_SECONDS)
