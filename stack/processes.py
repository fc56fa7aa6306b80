"""Processes by identity: starting them in groups of their own, finding them again, ending them.

A pid alone may have been given to another process since; a pid with its birth may not. A birth is
counted in the kernel's ticks since its boot, so it stays what it is when the clock is set. A
program leads a session of its own, so what it leaves behind is found by that session's number,
which no new process can have while a member lives.
"""

import functools
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from stack.program import Program

POLL_SECONDS = 0.05
AUTOGROUP_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that was once seen: its number, and the boot and tick in which it was born."""

    pid: int
    born: str

    def find(self) -> psutil.Process | None:
        """The process, if it still lives."""
        try:
            process = psutil.Process(self.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return process if alive and _birth(self.pid) == self.born else None

    def is_given_away(self) -> bool:
        """Whether another process may have the number now; then nothing is left of its session."""
        if not self.born.startswith(_boot()):
            return True
        return _birth(self.pid) not in (None, self.born)


def identify(pid: int) -> Identity:
    """The identity of a living process.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    born = _birth(pid)
    if born is None:
        raise psutil.NoSuchProcess(pid)
    return Identity(pid, born)


def _birth(pid: int) -> str | None:
    """When a process was born (proc_pid_stat(5), `starttime`); None if there is none."""
    try:
        told = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    behind_the_name = told.rpartition(b")")[2].split()  # of which Linux may keep half a letter
    return f"{_boot()}/{behind_the_name[19].decode()}"


def born_at(pid: int) -> float:
    """When a living process was born by the clock as it is set now, seconds since the epoch.

    Raises:
        psutil.NoSuchProcess: there is none.
    """
    return psutil.Process(pid).create_time()


@functools.cache
def _boot() -> str:
    """The machine's boot: ticks and numbers of an earlier one say nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start(program: Program, output: int) -> subprocess.Popen[bytes]:
    """Starts a program as leader of its own session, both its outputs going to one descriptor."""
    gives_way = ("nice", "-n", str(program.niceness)) if program.niceness else ()
    process = subprocess.Popen(
        (*gives_way, *program.command),
        cwd=program.folder,
        env=dict(program.environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        **as_user(program.user),
    )
    _let_others_finish(process.pid)
    if program.niceness:
        _let_session_give_way(process.pid, program.niceness)
    return process


def _let_others_finish(pid: int) -> None:
    """Has a program, and all that it starts, wait for its turn instead of taking it when it wakes.

    An order wakes a dozen threads of five programs on its way. Where each takes the core from
    another at once, both lose what they had in its caches (sched(7), `SCHED_BATCH`).
    """
    with suppress(OSError):  # it has ended already
        os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))


def _let_session_give_way(pid: int, niceness: int) -> None:
    """Gives a program's whole session a niceness, where the kernel schedules by session.

    With `sched_autogroup_enabled`, Linux shares the cores among sessions, and a process's niceness
    counts within its own session alone (sched(7)). Each of our programs is one, so `nice` would do
    nothing. Of a user without privileges the kernel takes one such change in a tenth of a second.
    """
    file = Path(f"/proc/{pid}/autogroup")
    for _ in range(AUTOGROUP_ATTEMPTS):
        try:
            file.write_text(str(niceness))
        except BlockingIOError:
            time.sleep(POLL_SECONDS)
        except OSError:
            return  # there are no such groups here
        else:
            return


def as_user(name: str | None) -> dict[str, Any]:
    """What to tell `subprocess` so that a child runs as that user, with no group of ours."""
    if name is None:
        return {}
    account = pwd.getpwnam(name)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def family(identity: Identity) -> list[psutil.Process]:
    """What lives of a program: itself, its descent, and its session, also when it is dead."""
    if identity.is_given_away():
        return []
    found: dict[int, psutil.Process] = {}
    leader = identity.find()
    if leader:
        found[leader.pid] = leader
        with suppress(psutil.Error):
            found |= {child.pid: child for child in leader.children(recursive=True)}
    for process in psutil.process_iter():
        if process.pid not in found and _in_session(process, identity):
            found[process.pid] = process
    return [process for process in found.values() if _lives(process)]


def working_in(folder: Path) -> list[psutil.Process]:
    """What lives and has this folder as its working directory."""
    wanted = str(folder.resolve())
    return [each for each in psutil.process_iter() if _works_in(each, wanted)]


def _works_in(process: psutil.Process, folder: str) -> bool:
    try:
        return _lives(process) and process.cwd() == folder
    except psutil.Error:
        return False


def _in_session(process: psutil.Process, identity: Identity) -> bool:
    try:
        return os.getsid(process.pid) == identity.pid
    except OSError:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def ask_to_end(identity: Identity, stop_signal: signal.Signals) -> None:
    """Sends a program's group its stop signal."""
    if identity.find():
        with suppress(ProcessLookupError):
            os.killpg(identity.pid, stop_signal)


def end(identities: Iterable[Identity], patience_seconds: float) -> None:
    """Ends families for good: TERM, then, after some patience, KILL; returns when none lives."""
    identities = list(identities)
    _send(identities, signal.SIGTERM)
    deadline = time.monotonic() + patience_seconds
    while any(family(each) for each in identities):
        if time.monotonic() > deadline:
            _send(identities, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _send(identities: Iterable[Identity], number: signal.Signals) -> None:
    for identity in identities:
        for process in family(identity):
            with suppress(psutil.Error):
                process.send_signal(number)


def memory_bytes(identity: Identity) -> int:
    """Memory of a program and its children, shared pages counted once (PSS) where we may know."""
    return sum(_memory_bytes(process) for process in family(identity))


def _memory_bytes(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", 0) or full.rss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
