"""POST /orders beside a bare echo of the framework, on the same server and the same connections.

    python -m tests.bench --only posting

Both are processes of their own (`tests.bench.posting_servers`); the load generator
(`tests.bench.wire`) keeps some connections of one of them busy at a time. Requests are bytes made
beforehand, each with a key of its own.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import psutil
import uvloop

from tests.bench.report import Goal, Section, in_turns
from tests.bench.wire import open_pool, request, send_all

API, ECHO = "api", "echo"
CONNECTIONS: Final = 16
QUICK: Final = 500
"""Requests of the tiny form: of fewer, the echo's CPU is less than the system's tick of 10 ms."""
GOAL: Final = 0.3
ORDER = {
    "type": "bid",
    "gpu_type": "H100",
    "product": "reserved",
    "quantity": 1,
    "price": "2.0000",
    "duration_hours": 1,
}


class Server:
    """One of the two, and what it took."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        self.url = f"http://127.0.0.1:{told['port']}"
        self._key = told["key"]
        self._process = psutil.Process(process.pid)
        self._sent = 0
        self.cpu_seconds: list[float] = []

    def micros(self, count: int) -> float:
        """Microseconds a request, of so many, as the clients see it."""
        requests = []
        for _ in range(count):
            self._sent += 1
            header = f"Idempotency-Key: bench-{self._sent}\r\n"
            requests.append(request(self.url, self._key, "POST", "/orders", ORDER, header))
        used = sum(self._process.cpu_times()[:2])
        seconds = uvloop.run(_posted(self.url, requests))
        self.cpu_seconds.append((sum(self._process.cpu_times()[:2]) - used) / count)
        return seconds * 1e6 / count


async def _posted(url: str, requests: list[bytes]) -> float:
    """Seconds until all are answered with 202."""
    pool = await open_pool(url, CONNECTIONS)
    began = time.perf_counter()
    outcomes = await send_all(pool, requests, 60)
    seconds = time.perf_counter() - began
    pool.close()
    bad = [outcome for outcome in outcomes if outcome.status != 202]
    if bad:
        raise SystemExit(f"{len(bad)} requests failed: {bad[0].status} {bad[0].body.decode()}")
    return seconds


@contextmanager
def serving(name: str) -> Iterator[Server]:
    """A server, ended with the block."""
    command = [sys.executable, "-m", "tests.bench.posting_servers", name]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Server(process)
        finally:
            process.terminate()


def measure(quick: bool) -> Section:
    """Both, in turns."""
    count, rounds = (QUICK, 1) if quick else (3_000, 7)
    with ExitStack() as stack:
        servers = {name: stack.enter_context(serving(name)) for name in (API, ECHO)}
        for server in servers.values():
            server.micros(count // 2)
            server.cpu_seconds.clear()
        turns = {name: lambda each=server: each.micros(count) for name, server in servers.items()}
        micros = {name: median for name, (median, _) in in_turns(turns, rounds).items()}
    cpu = {name: statistics.median(each.cpu_seconds) * 1e6 for name, each in servers.items()}
    titles = {API: "POST /api/v2/orders", ECHO: "a bare Quart echo"}
    return Section(
        title="POST /orders",
        text=(
            "The API with its real application, its ports in memory: authentication, rate limits,"
            " validation, idempotency, encoding of the command; the log drops what it is given."
            " Beside it a Quart application that answers with the JSON it was sent. Both on uvicorn"
            f" with the API's settings, {CONNECTIONS} connections kept busy by a generator on the"
            f" same cores, {count:,} requests a round; median of {rounds}, in turns. Each answer"
            " was 202."
        ),
        packages=("quart", "uvicorn", "uvloop"),
        head=["server", "requests/s", "µs of CPU of the server", "requests/s to the echo's"],
        rows=[
            [
                titles[name],
                f"{1e6 / took:,.0f}",
                f"{cpu[name]:.0f}",
                f"{micros[ECHO] / took:.2f}",
            ]
            for name, took in micros.items()
        ],
        goals=[Goal("requests/s to the echo's", GOAL, micros[ECHO] / micros[API])],
        figures={
            **{f"{titles[name]}, requests/s": 1e6 / took for name, took in micros.items()},
            **{f"{titles[name]}, µs of CPU": took for name, took in cpu.items()},
        },
    )
