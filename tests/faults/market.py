"""A market of the harness's own, and what can be done to it from outside."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

import httpx

import stack
from cli.session import Session
from schemas.settings import Settings, from_environment
from stack import control, flink, ports, state
from tests.faults.proxy import Link, served

SMALL_DISK_MB: Final = 3_000
"""Room for the log or the checkpoints of a run, and little enough to be filled at once."""


@dataclass(frozen=True, slots=True)
class Market:
    """A running market: its settings, and hands on its processes and folders."""

    settings: Settings
    small_disks: bool
    """Whether log and checkpoints each have a disk of their own that can be filled."""
    links: tuple[Link, ...] = ()
    """To Kafka, Redis and ClickHouse, if its parts reach them so."""

    @property
    def session(self) -> Session:
        return Session(self.settings)

    @property
    def home(self) -> Path:
        return self.settings.path("HOME")

    @property
    def log_folder(self) -> Path:
        """Where the broker keeps its log."""
        return self.home / "kafka"

    @property
    def checkpoints(self) -> Path:
        """Where Flink keeps its checkpoints."""
        return flink.checkpoints(self.settings)

    def pids(self) -> dict[str, int]:
        """Every process of the market that the supervisor has, by name."""
        return {row.name: row.pid for row in stack.status(self.settings) if row.pid}

    def supervisor(self) -> int | None:
        told = state.read(self.home)
        return told.supervisor.pid if told else None

    def up(self) -> None:
        """What an operator would call."""
        stack.up(self.settings, progress=_silent)

    def kill(self, *names: str) -> dict[str, int]:
        """kill -9; what was killed, by name."""
        pids = self.pids()
        killed = {name: pids[name] for name in names if name in pids}
        for pid in killed.values():
            os.kill(pid, signal.SIGKILL)
        return killed

    def job_restarts(self) -> dict[str, int]:
        """How often Flink started each job again since it was submitted."""
        url = self.settings.text("FLINK_URL")
        jobs = httpx.get(f"{url}/jobs/overview", timeout=10).json()["jobs"]
        return {
            job["name"]: _restarts(url, job["jid"]) for job in jobs if job["state"] == "RUNNING"
        }

    def program_restarts(self) -> dict[str, int]:
        """How often the supervisor started each program again."""
        return {row.name: row.restarts for row in stack.status(self.settings)}


@contextmanager
def own_market(*, linked: bool = False) -> Iterator[Market]:
    """A market in a folder and on ports of its own; with small disks where they can be mounted.

    If it is linked, its parts reach Kafka, Redis and ClickHouse over links that can be harmed.
    """
    with ExitStack() as undo:
        folder = tempfile.TemporaryDirectory(prefix="gpubroker-faults-", ignore_cleanup_errors=True)
        home = Path(undo.enter_context(folder))
        home.chmod(0o755)
        settings = stack.on_free_ports(from_environment(), home)
        links = undo.enter_context(_linked(settings)) if linked else ()
        small = [
            undo.enter_context(_small_disk(each))
            for each in (home / "kafka", home / "flink" / "checkpoints")
        ]
        undo.callback(stack.down, settings, progress=_silent)
        yield Market(stack.up(settings, progress=_silent), all(small), links)


@contextmanager
def _linked(settings: Settings) -> Iterator[tuple[Link, ...]]:
    """Links to three servers; `stack.up` in here tells everybody their ports as the servers'."""
    targets = [settings.port(f"{name}_PORT") for name in ("KAFKA", "REDIS", "CLICKHOUSE")]
    promised = [settings.port(each) for each in ports.SETTINGS]
    own = ports.free("127.0.0.1", len(targets), besides=promised)
    links = tuple(Link(port, target) for port, target in zip(own, targets, strict=True))
    kafka, redis, clickhouse = (f"127.0.0.1:{link.port}" for link in links)
    real = control.with_addresses

    def with_links(wanted: Settings) -> Settings:
        return real(wanted).with_values(
            KAFKA_BOOTSTRAP=kafka,
            REDIS_URL=f"redis://{redis}/0",
            CLICKHOUSE_URL=f"http://{clickhouse}",
        )

    with served(list(links)), mock.patch.object(control, "with_addresses", with_links):
        yield links


@contextmanager
def _small_disk(folder: Path) -> Iterator[bool]:
    """A disk in memory at this folder, as far as this user may mount one."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_MB}m,mode=755", "tmpfs"]
    mounted = os.geteuid() == 0 and not subprocess.run([*command, str(folder)]).returncode
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[int]:
    """No byte is free in this folder's disk while the block runs; how many the filler has."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 20))
            except OSError:
                pass  # full
        yield filler.stat().st_size
    finally:
        filler.unlink()


def wait(seconds: float) -> None:
    """Let the market live with a fault for a while."""
    time.sleep(seconds)


def _restarts(url: str, job_id: str) -> int:
    answer: Any = httpx.get(
        f"{url}/jobs/{job_id}/metrics", params={"get": "numRestarts"}, timeout=10
    ).json()
    return int(json.loads(answer[0]["value"])) if answer else 0


def _silent(_: str) -> None:
    pass
