"""More orders than the market can take: what is accepted must stay fast, the rest is refused.

    python -m tests.bench.overload [--rate 3000 --seconds 20] [--write PAGE]

Open loop as in `tests.bench.latency`, and right after it orders at a low rate for 30 s: how long
until each of them is accepted and traded at once again. Latencies count from when an order was due.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from cli.demo.progress import percentile
from cli.log import located
from cli.session import Session
from schemas.settings import from_environment
from tests.bench.latency import Market, Phase
from tests.bench.report import machine, write
from tests.bench.wire import open_pool

MARKS = ("<!-- bench-overload:start -->", "<!-- bench-overload:end -->")
CONNECTIONS = 512
"""Enough that an answer is never waited for only because all connections wait for theirs."""
USUAL = (500, 10.0)
"""Rate and seconds of the warm-up."""
AFTER = (20, 30.0)
MOST_TAKEN = 1_500
"""Orders a second for which GPUs are listed: more than this machine ever took."""
NORMAL_MS = 200.0
"""Order to trade of a market that is well again."""
BOUND_MS, BOUND_SECONDS = 500.0, 30.0
"""What must hold: p99 of order to trade of what is accepted, and the time until all is normal."""


@dataclass(frozen=True, slots=True)
class Overload:
    """The figures; latencies in ms."""

    offered: Phase
    answers: Counter[str]
    """By status and, for refusals, how many."""
    refused_p50: float
    refused_p99: float
    recovered_seconds: float | None
    """After the load, until every order was accepted and traded within `NORMAL_MS`; None: never."""


def main() -> None:
    options = _options()
    opened = Session(located(from_environment()))
    phases = measure(opened, options.rate, options.seconds, options.connections)
    figures = overload(*uvloop.run(phases))
    print(report(figures))
    if options.write:
        write(options.write, report(figures), MARKS, "Overload")
    if not holds(figures):
        sys.exit(1)


async def measure(
    opened: Session,
    rate: int,
    seconds: float,
    connections: int = CONNECTIONS,
    usual: tuple[int, float] = USUAL,
    after: tuple[int, float] = AFTER,
) -> list[Phase]:
    """The overload and the time after it, on a market that the usual load has warmed."""
    pool = await open_pool(opened.url(), connections)
    market = Market(opened, pool, gpus_per_node=64, asks=0)
    try:
        taken = min(rate, MOST_TAKEN)
        await market.prepare(int(taken * seconds + usual[0] * usual[1] + after[0] * after[1]))
        if usual[1]:
            await market.run(*usual)
        return await market.run_phases([(rate, seconds), after])
    finally:
        pool.close()


def overload(offered: Phase, after: Phase) -> Overload:
    """The figures of both phases."""
    refused = [each for each in offered.outcomes if each.status == 429]
    refused_ms = [(each.done - each.due) * 1000 for each in refused]
    return Overload(
        offered,
        Counter(str(each.status or "no answer") for each in offered.outcomes),
        percentile(refused_ms, 50),
        percentile(refused_ms, 99),
        recovered_seconds(after),
    )


def recovered_seconds(after: Phase) -> float | None:
    """From the first order after the load to the first from which on all are normal."""
    began = after.outcomes[0].due
    since = began
    for bid_id, outcome in zip(after.bid_ids, after.outcomes, strict=True):
        traded_at = after.traded_at.get(bid_id)
        if traded_at is None or (traded_at - outcome.due) * 1000 > NORMAL_MS:
            since = outcome.due + 1 / after.rate
    return since - began if since <= after.outcomes[-1].due else None


def holds(figures: Overload) -> bool:
    """Whether what must hold holds."""
    return figures.offered.told().trade_p99 < BOUND_MS and is_shed(figures)


def is_shed(figures: Overload) -> bool:
    """Whether nothing but 2xx and 429 was answered, none was lost, and all was normal in time."""
    recovered = figures.recovered_seconds
    return (
        recovered is not None
        and recovered < BOUND_SECONDS
        and set(figures.answers) <= {"200", "202", "429"}
        and not figures.offered.told().lost
    )


def report(figures: Overload) -> str:
    """The figures as Markdown."""
    told = figures.offered.told()
    recovered = figures.recovered_seconds
    cells = (
        f"{told.rate:,}",
        f"{told.seconds:g}",
        f"{told.accepted:,} ({told.accepted / told.seconds:,.0f}/s)",
        f"{figures.answers['429']:,}",
        _others(figures.answers),
        *(f"{ms:.0f}" for ms in (told.trade_p50, told.trade_p95, told.trade_p99, told.trade_max)),
        *(f"{ms:.0f}" for ms in (figures.refused_p50, figures.refused_p99)),
        f"{told.lost:,}",
        "not within 30 s" if recovered is None else f"{recovered:.1f} s",
    )
    shares = sorted(told.cpu_percent.items(), key=lambda item: -item[1])
    return "\n".join(
        (
            machine(),
            "",
            "| offered/s | s | accepted | 429 | other | order to trade p50 | p95 | p99 | max"
            " | 429 p50 | p99 | lost | normal again after |",
            "|---:" * 13 + "|",
            "| " + " | ".join(cells) + " |",
            "",
            "CPU, per cent of one core: "
            + ", ".join(f"{name} {percent:.0f}" for name, percent in shares if percent >= 1),
        )
    )


def _others(answers: Counter[str]) -> str:
    others = [f"{n} × {status}" for status, n in answers.items() if status not in _EXPECTED]
    return ", ".join(others) or "0"


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.overload", description=__doc__)
    parser.add_argument("--rate", type=int, default=3000, help="orders a second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--write", type=Path, help="page whose marked section to renew")
    return parser.parse_args(arguments)


_EXPECTED = ("200", "202", "429")

if __name__ == "__main__":
    main()
