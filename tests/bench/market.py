"""POST to trade on a whole market of the bench's own, its memory, and how long it takes to start.

    python -m tests.bench --only market

Orders come by an open loop as in `tests.bench.latency`, at several rates one after the other: on
the market, and on another one where a plain process is admission and matching, without Flink.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

import uvloop

import stack
from cli.session import Session
from schemas.settings import Settings
from tests.bench import latency, plain
from tests.bench.report import Goal, Section, say
from tests.stack_fixture import own_home, real_stack

SETTLE_SECONDS: Final = 10.0
GOALS: Final = {
    500: {"p95": 20.0},
    1_000: {"p95": 50.0, "p99": 60.0},
}
"""Order to trade, ms, by rate: 50 binds, the others are goals."""
MOST_TIMES: Final = 4.0
"""A p95 of the market is wanted to be at most so many times that without Flink."""
WITHOUT_FLINK: Final = ("api", "bootstrap", "projection", "market-data", "feeds")
"""What is started of a market whose machines a plain process runs, with all that it needs."""


def measure(quick: bool) -> Section:
    """Start it, load it, stop it and start it again."""
    rates, seconds, warm_up = ("20", 2.0, 1.0) if quick else ("500,1000,2000", 15.0, 30.0)
    options = argparse.Namespace(
        rate=0, rates=rates, seconds=seconds, warm_up=warm_up, gpus_per_node=8, asks=0.0
    )
    figures: dict[str, float] = {}
    began = time.monotonic()
    with own_home() as home, real_stack(home, progress=say) as settings:
        figures["first start, s"] = time.monotonic() - began
        time.sleep(SETTLE_SECONDS)
        figures["memory idle, MB"] = _memory_mb(settings)
        results = uvloop.run(latency.measure(Session(settings), options))
        figures["memory after the load, MB"] = _memory_mb(settings)
        if not quick:
            figures["stop, s"] = _seconds(lambda: stack.down(settings, progress=say))
            figures["start again, s"] = _seconds(lambda: stack.up(settings, progress=say))
    with (
        own_home() as home,
        real_stack(home, WITHOUT_FLINK, say) as settings,
        plain.running(settings),
    ):
        beside = uvloop.run(latency.measure(Session(settings), options))
    for where, those in (("", results), (" without Flink", beside)):
        for each in those:
            told = asdict(each)
            names = ("trade_p50", "trade_p95", "trade_p99", "api_p95")
            figures |= {f"{each.rate}/s{where}, {name}, ms": told[name] for name in names}
    return _section(results, beside, figures)


def _section(
    results: list[latency.Result], beside: list[latency.Result], figures: dict[str, float]
) -> Section:
    return Section(
        title="POST to trade",
        text=(
            "From when an order was due, by an open loop, until a consumer in another process has"
            " its trade; each bid for one GPU meets a listed ask. A whole market of the bench's"
            " own and the load generator share the cores. Beside it the same market, but that one"
            " plain process is admission and matching: no Flink, no saved state, no spot prices."
            " Milliseconds. What is refused (429) would have had to wait. Each accepted order was"
            " looked for: it traded, or it rests."
        ),
        packages=("apache-flink", "chdb-core"),
        head=["orders/s", "p50", "p95", "p99", "API p95", "sent", "traded", "refused", "lost"],
        rows=[
            *(_row(f"{each.rate:,}", each) for each in results),
            *(_row(f"{each.rate:,}, without Flink", each) for each in beside),
        ],
        goals=[
            *(
                Goal(f"{name} at {each.rate:,}/s, ms", wanted, _trade_ms(each, name), is_bound=True)
                for each in results
                for name, wanted in GOALS.get(each.rate, {}).items()
            ),
            *(
                Goal(f"p95 at {each.rate:,}/s to that without Flink", MOST_TIMES, times, True)
                for each, other in zip(results, beside, strict=True)
                if (times := each.trade_p95 / other.trade_p95)
            ),
        ],
        notes=[f"{name}: {figure:,.0f}." for name, figure in figures.items() if "/s" not in name],
        figures=dict(figures),
        unequal=[
            f"{each.lost} orders at {each.rate}/s are lost"
            for each in (*results, *beside)
            if each.lost
        ],
    )


def _row(name: str, each: latency.Result) -> list[str]:
    times = (each.trade_p50, each.trade_p95, each.trade_p99, each.api_p95)
    counts = (each.sent, each.trades, each.sent - each.accepted, each.lost)
    return [name, *(f"{ms:.1f}" for ms in times), *(f"{n:,}" for n in counts)]


def _trade_ms(each: latency.Result, name: str) -> float:
    return {"p95": each.trade_p95, "p99": each.trade_p99}[name]


def _memory_mb(settings: Settings) -> float:
    """Of all processes together."""
    return sum(row.memory_bytes for row in stack.status(settings)) / 1e6


def _seconds(do: Callable[[], Any]) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began
