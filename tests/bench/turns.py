"""Order to trade under several settings by turns, on a running market.

    python -m tests.bench.turns --rate 800 --rounds 2 true 'chrt -a -b -p 0 PID'

Each setting is a command line that makes it so; the rounds go through all of them, so that a
machine whose speed changes from minute to minute changes it for all alike. Beside the latencies,
from when an order was due (tests/bench/latency.py), stand the context switches of the whole machine
a second and what share of its cores was busy.
"""

import argparse
import asyncio
import subprocess
import time
from pathlib import Path

import uvloop

from cli.log import located
from cli.session import Session
from schemas.settings import from_environment
from tests.bench.latency import CONNECTIONS, Market
from tests.bench.report import machine
from tests.bench.wire import open_pool

SETTLE_SECONDS = 1.0
HEAD = "| setting | p50 | p95 | p99 | API p95 | traded | refused | switches/s | busy |"


async def measure(options: argparse.Namespace) -> None:
    """All settings in each round, and a line for each."""
    opened = Session(located(from_environment()))
    pool = await open_pool(opened.url(), CONNECTIONS)
    market = Market(opened, pool, options.gpus_per_node, 0.0)
    turns = options.rounds * len(options.settings)
    try:
        await market.prepare(int(options.rate * (options.seconds * turns + options.warm_up)))
        await market.run(options.rate, options.warm_up)
        print(f"{machine()}\n\n{HEAD}\n|---|{'---:|' * 8}", flush=True)
        for setting in options.settings * options.rounds:
            subprocess.run(["bash", "-c", setting], check=True)
            await asyncio.sleep(SETTLE_SECONDS)
            print(await _line(market, setting, options), flush=True)
    finally:
        pool.close()


async def _line(market: Market, setting: str, options: argparse.Namespace) -> str:
    switches, (busy, whole), began = _switches(), _jiffies(), time.monotonic()
    told = await market.run(options.rate, options.seconds)
    seconds = time.monotonic() - began
    busy_then, whole_then = _jiffies()
    cells = (
        setting.replace("|", "\\|"),
        *(f"{ms:.0f}" for ms in (told.trade_p50, told.trade_p95, told.trade_p99, told.api_p95)),
        f"{told.trades:,}",
        ", ".join(f"{count} × {status}" for status, count in told.errors.items()) or "0",
        f"{(_switches() - switches) / seconds:,.0f}",
        f"{(busy_then - busy) / (whole_then - whole):.0%}",
    )
    return f"| {' | '.join(cells)} |"


def _switches() -> int:
    """Context switches since the machine started."""
    lines = Path("/proc/stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("ctxt "))


def _jiffies() -> tuple[int, int]:
    """Time of all cores that was not idle, and all of it."""
    _, *spent = Path("/proc/stat").read_text().splitlines()[0].split()
    times = [int(each) for each in spent]
    return sum(times) - times[3] - times[4], sum(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="+", help="command lines, each of which makes a setting")
    parser.add_argument("--rate", type=int, default=800, help="orders a second")
    parser.add_argument("--seconds", type=float, default=8, help="how long each turn takes")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--warm-up", type=float, default=20, help="seconds before, not measured")
    parser.add_argument("--gpus-per-node", type=int, default=8)
    uvloop.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
