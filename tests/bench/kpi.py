"""What the key figures and telemetry's history cost over much of it, through the HTTP API.

    python -m tests.bench.kpi --trades 10000000 --rows 100000000

A folder is filled with a generated history (tests/bench/kpi_history.py), a process of the
ClickHouse service opens it, and the API, in this process with everything else in memory, is asked
each question again and again, as its clients would. The folder is temporary; with `--folder` it
stays, so that filling and asking can be done one after another (`--only`). With `--arriving` so
many trades a second come in meanwhile, and a third as many changes of nodes, so that the aggregates
of the running hour are made anew beside the questions.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

import stack
from query_api.adapters.clickhouse import ClickHouse, connect
from query_api.adapters.clickhouse_kpis import ClickHouseKpis
from query_api.adapters.memory import MemoryClock, MemoryRegistry, memory_ports
from query_api.app import create_app
from query_api.commands.accounts import new_account
from query_api.commands.keys import ROLES_OF, new_key, scopes_for
from query_api.limits import LIMITS
from query_api.ports import CachedEach, Ports, Reporter
from query_api.quotas import Policies
from query_api.times import told
from schemas.settings import Settings
from stack import clickhouse
from tests.bench.kpi_history import GPUS, History, changes, trades
from udfs.telemetry import Node

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
START_SECONDS = 120.0
STOP_SECONDS = 60.0
WARM_UP_ROUNDS = 3
FIRST_NEW = 10**9
"""The number of the first fact that arrives; those of the history are below it."""
PLENTY = {kind: Policies.of(kind, 10**6, 10**6, 10) for kind in LIMITS.policies}


class Service:
    """The ClickHouse service over a folder, in a process of its own."""

    def __init__(self, home: Path) -> None:
        """Start it on a free port, and wait until it answers."""
        settings = stack.on_free_ports(Settings({}), home)
        self.settings = settings.with_values(
            CLICKHOUSE_URL=clickhouse.url(settings),
            CLICKHOUSE_USER=clickhouse.WRITER,
            CLICKHOUSE_PASSWORD="bench",
            CLICKHOUSE_ANALYST_USER=clickhouse.ANALYST,
            CLICKHOUSE_ANALYST_PASSWORD="bench",
        )
        program = clickhouse.program(self.settings)
        self._process = subprocess.Popen(program.command, env=dict(program.environment))
        deadline = time.monotonic() + START_SECONDS
        while not program.ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the ClickHouse service did not start")
            time.sleep(0.1)

    def memory_mb(self, line: str) -> int:
        """Resident memory: `VmRSS` now, `VmHWM` at its greatest."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split(f"{line}:")[1].split()[0]) // 1_000

    def cpu_ms(self) -> float:
        """CPU time that it used so far."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) * 1_000 / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_SECONDS)


@dataclass
class Client:
    """Callers of the API, each with a key."""

    app: Any
    keys: dict[str, str]

    async def get(self, caller: str, path: str) -> bytes:
        """The answer, which must be a 200."""
        reply = await self.app.test_client().get(
            f"/api/v2{path}", headers={"Authorization": f"Bearer {self.keys[caller]}"}
        )
        body = bytes(await reply.get_data())
        assert reply.status_code == 200, body
        return body


async def client(history: ClickHouse) -> tuple[Client, int, dict[str, tuple[str, str]]]:
    """The API, its time, that of the history's last trade, and questions: who asks which path."""
    (newest,) = await history.rows(
        "SELECT max(occurred_at_ms) + 1 AS now_ms, any(seller_id) AS seller_id, "
        "(SELECT any(node_id) FROM providers_telemetry WHERE gpu_index = 0) AS node_id "
        "FROM orders_matched",
        {},
    )
    now_ms, node_id = int(newest["now_ms"]), newest["node_id"]
    ports, _, registry = memory_ports(MemoryClock(now_ms))
    ports.limits = replace(LIMITS, policies=PLENTY)
    ports.history, ports.kpis = history, ClickHouseKpis(history.rows)

    async def reporter(name: str) -> Reporter:
        return Reporter("nobody", Node(name, "", "", "", "", GPUS))

    ports.reporters = CachedEach(reporter, DAY_MS, ports.clock)
    keys = {
        "admin": await _key(registry, ports, "admin", "admin"),
        "provider": await _key(registry, ports, "provider", newest["seller_id"]),
    }
    return Client(create_app(ports), keys), now_ms, _questions(node_id, now_ms)


async def _key(registry: MemoryRegistry, ports: Ports, role: str, account_id: str) -> str:
    now_ms = ports.clock.now_ms()
    await registry.add_account({**new_account(role, role, now_ms), "id": account_id})
    if role == "provider":
        await registry.add_provider(
            {"id": account_id, "account_id": account_id, "status": "verified"}
        )
    roles = ROLES_OF[role]
    key, row = new_key(account_id, "bench", roles, scopes_for(roles), now_ms)
    await registry.add_key(row)
    return key.text


def _questions(node_id: str, now_ms: int) -> dict[str, tuple[str, str]]:
    def since(ms: int) -> str:
        return f"from={told(now_ms - ms)}"

    telemetry, month = f"/telemetry/{node_id}", told(now_ms - 29 * DAY_MS)[:10]
    return {
        "dashboard": ("admin", "/kpi/dashboard"),
        "utilisation, 7 days by hour": ("admin", "/kpi/utilization"),
        "utilisation, 30 days by hour": (
            "admin",
            f"/kpi/utilization?from={month}T00:00:00Z",
        ),
        "utilisation, 30 days by day": (
            "admin",
            f"/kpi/utilization?step=day&from={month}T00:00:00Z",
        ),
        "revenue, 30 days by day": ("admin", f"/kpi/revenue?by=day&from={month}"),
        "revenue, 30 days by provider": ("admin", f"/kpi/revenue?by=provider&from={month}"),
        "revenue, 30 days by GPU type": ("admin", f"/kpi/revenue?by=gpu_type&from={month}"),
        "a provider's revenue, 30 days by day": (
            "provider",
            f"/providers/me/revenue?by=day&from={month}",
        ),
        "telemetry of a node, 15 min, raw": (
            "admin",
            f"{telemetry}?limit=1000&{since(15 * MINUTE_MS)}",
        ),
        "telemetry of a node, 1 h by 10 s": ("admin", f"{telemetry}?limit=1000"),
        "telemetry of a node, 1 day by 1 min": (
            "admin",
            f"{telemetry}?limit=1000&{since(DAY_MS)}",
        ),
        "a page of raw telemetry a day ago": (
            "admin",
            f"{telemetry}?limit=1000&step=raw&{since(DAY_MS)}",
        ),
    }


async def measure(service: Service, rounds: int, arriving: int) -> None:
    """Ask every question while so many trades arrive each second."""
    user, password = clickhouse.WRITER, service.settings.text("CLICKHOUSE_PASSWORD")
    async with connect(clickhouse.url(service.settings), user, password) as http:
        api, now_ms, questions = await client(ClickHouse(http))
        arrival = asyncio.create_task(arrive(http, arriving, now_ms))
        await ask(service, api, questions, rounds)
        arrival.cancel()
        with suppress(asyncio.CancelledError):
            await arrival


async def arrive(http: httpx.AsyncClient, per_second: int, now_ms: int) -> None:
    """Insert new facts of this moment each second, as the projection does, until cancelled."""
    number = FIRST_NEW
    while per_second:
        for facts, count in ((trades, per_second), (changes, max(1, per_second // 3))):
            reply = await http.post("/", content=facts(number, count, str(now_ms - 1)))
            reply.raise_for_status()
        number += per_second
        await asyncio.sleep(1)


async def ask(
    service: Service, api: Client, questions: Mapping[str, tuple[str, str]], rounds: int
) -> None:
    """Ask every question so many times and print what it took; the first ones do not count."""
    print("| question | p50 ms | p95 ms | engine's CPU ms |\n|---|---:|---:|---:|")
    for name, (caller, path) in questions.items():
        for _ in range(WARM_UP_ROUNDS):
            await api.get(caller, path)
        taken, cpu_ms = [], service.cpu_ms()
        for _ in range(rounds):
            began = time.perf_counter()
            await api.get(caller, path)
            taken.append((time.perf_counter() - began) * 1_000)
        cpu_ms = (service.cpu_ms() - cpu_ms) / rounds
        p95 = quantiles(taken, n=20)[-1]
        print(f"| {name} | {median(taken):.1f} | {p95:.1f} | {cpu_ms:.1f} |", flush=True)


def fill(home: Path, trades: int, rows: int) -> None:
    """Put the history into the folder and tell what that took."""
    began = time.perf_counter()
    with closing(History(home / "clickhouse", time.time_ns() // 1_000_000)) as history:
        history.fill(trades, rows)
    peak_mb = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1_000
    print(f"{trades:,} trades and {rows:,} readings were put in and aggregated in", end=" ")
    print(f"{time.perf_counter() - began:.0f} s, memory at its greatest {peak_mb:,} MB\n")


@contextmanager
def _home(folder: Path | None) -> Iterator[Path]:
    """The folder, or a temporary one."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="kpi-") as temporary:
        yield Path(temporary)


def main() -> None:
    """Fill, ask and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kpi", description=__doc__)
    parser.add_argument("--trades", type=int, default=10_000_000)
    parser.add_argument("--rows", type=int, default=100_000_000, help="readings of telemetry")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--arriving", type=int, default=0, help="trades a second meanwhile")
    parser.add_argument("--folder", type=Path, help="of the history; stays")
    parser.add_argument("--only", choices=("fill", "ask"), help="one step, with --folder")
    wanted = parser.parse_args()
    with _home(wanted.folder) as home:
        if wanted.only != "ask":
            fill(home, wanted.trades, wanted.rows)
        if wanted.only == "fill":
            return
        with closing(Service(home)) as service:
            asyncio.run(measure(service, wanted.rounds, wanted.arriving))
            print(f"\nmemory of the engine, MB: {service.memory_mb('VmRSS'):,} now,", end=" ")
            print(f"{service.memory_mb('VmHWM'):,} at its greatest")


if __name__ == "__main__":
    main()
