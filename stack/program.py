"""What the supervisor runs: programs, as data, and the probes that tell when one is ready.

A probe is a function of no arguments that looks once, quickly, and answers. Waiting, and giving up,
is the supervisor's business.
"""

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from signal import SIGTERM, Signals

from schemas.settings import Settings, process_environment

ROOT = Path(__file__).resolve().parents[1]
PROBE_SECONDS = 1.0

OFF_THE_PATH = 5
"""Niceness of what an order does not wait for."""

Probe = Callable[[], bool]


class StackError(Exception):
    """The stack cannot do what was asked; the message says what and why, for people."""


def at_once() -> bool:
    """The probe of a program that is ready as soon as it runs."""
    return True


def nothing_to_prepare() -> None:
    """The preparation of a program that needs none."""


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the stack: how it is started, when it counts as ready, how it is ended.

    `prepare` runs before every start and must be harmless to repeat. A program that runs `once` is
    ready when it has ended with exit code 0. What is `bound_to` another starts anew whenever that
    one does; what merely `needs` it starts after it and lives on without it. `ports` are the TCP
    ports that it will bind, the one that people use first. `user` is the system user to run as,
    None for our own. `niceness` says how far it gives way when cores are scarce: what is off the
    path of orders should.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    bound_to: tuple[str, ...] = ()
    ready: Probe = at_once
    ports: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    prepare: Callable[[], None] = nothing_to_prepare
    user: str | None = None
    niceness: int = 0
    stop_signal: Signals = SIGTERM
    once: bool = False
    start_seconds: float = 180.0
    stop_seconds: float = 20.0


def listens(host: str, port: int) -> Probe:
    """Ready when the port accepts connections."""

    def probe() -> bool:
        try:
            with socket.create_connection((host, port), timeout=PROBE_SECONDS):
                return True
        except OSError:
            return False

    return probe


def answers(url: str, wanted: Callable[[bytes], bool] = lambda body: True) -> Probe:
    """Ready when a GET of the URL is answered with 200 and the body is as wanted."""

    def probe() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=PROBE_SECONDS) as response:
                return response.status == 200 and wanted(response.read())
        except (OSError, urllib.error.URLError):
            return False

    return probe


def module(
    settings: Settings, name: str, *arguments: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Command and environment of one of the project's own modules, run by this interpreter."""
    return (sys.executable, "-m", name, *arguments), python_environment(settings)


def python_environment(settings: Settings) -> dict[str, str]:
    """The environment of this process, with these settings in place of its own."""
    return {
        **bare_environment(),
        **settings.as_environment(),
        "PYTHONUNBUFFERED": "1",
    }


def bare_environment() -> dict[str, str]:
    """The environment of this process without our settings, our interpreter's folder first."""
    inherited = {k: v for k, v in process_environment().items() if not k.startswith("GPUBROKER_")}
    path = f"{Path(sys.executable).parent}:{inherited.get('PATH', '/usr/bin:/bin')}"
    return {**inherited, "PATH": path}


def installed(package: str) -> Path:
    """The folder of an installed package, found without importing it.

    Raises:
        StackError: it is not installed in this environment.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            f"{package} is not installed in this environment; install gpubroker[stack]"
        )
    return Path(next(iter(spec.submodule_search_locations)))
