"""TCP ports of the stack: which are taken and by whom, and free ones for a second stack."""

import random
import socket
from collections.abc import Container, Iterable
from itertools import islice
from pathlib import Path

import psutil

from schemas.settings import Settings
from stack.program import Program, StackError

SETTINGS = (
    "API_PORT",
    "MARKET_DATA_PORT",
    "FEEDS_PORT",
    "FLINK_PORT",
    "FLINK_RPC_PORT",
    "REGISTRY_PORT",
    "KAFKA_PORT",
    "KAFKA_CONTROLLER_PORT",
    "CLICKHOUSE_PORT",
    "REDIS_PORT",
)

LENT = range(12_000, 28_000)
"""Where free ports are looked for: below a default market's and below Linux's ephemeral range."""


class PortTaken(StackError):
    """A program's port is in use; the message names program, port and owner."""


def check(host: str, programs: Iterable[Program]) -> None:
    """Refuses to start when a port that will be needed is taken.

    Raises:
        PortTaken: naming every such port, and who holds it as far as we may know.
    """
    taken = [
        describe_taken(program.name, port, owner(port))
        for program in programs
        for port in program.ports
        if not is_free(host, port)
    ]
    if taken:
        raise PortTaken("; ".join(taken))


def describe_taken(name: str, port: int, holder: psutil.Process | None) -> str:
    """One taken port, for people."""
    if holder is None:
        return f"port {port} of {name} is taken by a process that cannot be seen from here"
    try:
        with holder.oneshot():
            command = " ".join(holder.cmdline()[:4]) or holder.name()
    except psutil.Error:
        return f"port {port} of {name} is taken by process {holder.pid}"
    return f"port {port} of {name} is taken by process {holder.pid} ({command[:100]})"


def is_free(host: str, port: int) -> bool:
    """Whether a server could bind the port now; one that just closed does not count as taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def owner(port: int) -> psutil.Process | None:
    """The process that listens on a port, None when we may not know."""
    try:
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if local and local.port == port and connection.status == psutil.CONN_LISTEN:
                return psutil.Process(connection.pid) if connection.pid else None
    except psutil.Error:
        return None
    return None


def on_free_ports(settings: Settings, home: Path) -> Settings:
    """The same settings with a state folder and ports of their own, for a stack beside another."""
    numbers = map(str, free(settings.text("HOST"), len(SETTINGS)))
    return settings.with_values(
        HOME=str(home.absolute()), **dict(zip(SETTINGS, numbers, strict=True))
    )


def free(host: str, count: int, besides: Container[int] = ()) -> list[int]:
    """Ports that are free now, besides some, and that the system gives to nobody who asks for any.

    An ephemeral port may be gone before its server starts: each JVM and each connection takes some.

    Raises:
        PortTaken: when there are not that many.
    """
    shuffled = (port for port in random.sample(LENT, len(LENT)) if port not in besides)
    found = list(islice((port for port in shuffled if is_free(host, port)), count))
    if len(found) < count:
        raise PortTaken(f"{count} free ports are needed, {len(found)} are left on {host}")
    return found
