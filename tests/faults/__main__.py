"""Breaks a market in every way that we know, under load; its auditor says what came of it.

    python -m tests.faults [--runs 3] [--only NAME,…] [--rate 100] [--seed 1] [--write PAGE]
    python -m tests.faults --results FILE [--only NAME,…]    # one table of several calls
    python -m tests.faults --results FILE --report --write PAGE

Each fault is struck so many times in a row, on a market of the harness's own. Clients place orders
all the while, each again with its key until a 2xx. After each fault it is measured how long all
takes to be well again: every program runs, the API is healthy, a bid first sent after the fault
trades, the views have what the log had. After the last run of a fault the load rests, and
`gpubroker audit` reads on and judges everything from the market's first record on. The exit code is
1 if a fault was not survived.
"""

import argparse
import asyncio
import dataclasses
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from cli.log import connect
from tests.bench.report import machine, write
from tests.faults import damage, disk, kill, links, overload, pause, poison, wipe
from tests.faults.fault import Fault
from tests.faults.harness import Harness, Opened, Result
from tests.faults.health import Healing
from tests.faults.market import own_market

FAULTS: Final[tuple[Fault, ...]] = (
    *kill.FAULTS,
    *pause.FAULTS,
    *wipe.FAULTS,
    *poison.FAULTS,
    *damage.FAULTS,
    *disk.FAULTS,
    *overload.FAULTS,
    *links.FAULTS,
)
"""In this order, so that those that need another market come last."""
ON_DEMAND: Final = ("poison-million",)
"""Struck only when named: longer than all others."""
SECONDS_EACH: Final = 60.0
"""For how long a fault is under load, about: what GPUs are registered for."""
MARKS: Final = ("<!-- faults:start -->", "<!-- faults:end -->")


def main() -> None:
    options = _options()
    named = options.only.split(",")
    wanted = [
        each
        for each in FAULTS
        if (each.name in named if options.only else each.name not in ON_DEMAND)
    ]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the market must not outlive us
    began = time.monotonic()
    results = _read(options.results)
    groups = [[each for each in wanted if _is_linked(each) == linked] for linked in (False, True)]
    if not options.report:
        uvloop.run(_strike_all([group for group in groups if group], options, results))
    _say(f"all in {time.monotonic() - began:.0f} s")
    print(report(results))
    if options.write:
        write(options.write, report(results), MARKS, "The faults")
    if not all(each.is_survived or each.skipped for each in results):
        sys.exit(1)


async def _strike_all(
    groups: Sequence[Sequence[Fault]], options: argparse.Namespace, results: list[Result]
) -> None:
    """Each group of faults on a market of its own; the next one starts while the last is judged.

    What came of each strike is added to the results, and kept at once.
    """
    async with AsyncExitStack() as closing:
        markets = [await closing.enter_async_context(AsyncExitStack()) for _ in groups]
        coming: list[asyncio.Task[Harness]] = []

        def open_next() -> None:
            number = len(coming)
            if number < len(groups):
                task = asyncio.create_task(_opened(markets[number], groups[number], options))
                closing.push_async_callback(asyncio.wait, [task])  # what starts, must also end
                coming.append(task)

        open_next()
        for market, group in zip(markets, groups, strict=True):
            harness = await asyncio.shield(coming[-1])
            for fault in group:
                judging = open_next if fault is group[-1] else None
                async for result in _strikes(harness, fault, options, judging):
                    _say(line(result))
                    results.append(result)
                    _keep(results, options.results)
                    if result.is_lost:
                        _say("the market did not come back; what follows is not struck")
                        return
            await market.aclose()


async def _strikes(
    harness: Harness,
    fault: Fault,
    options: argparse.Namespace,
    judging: Callable[[], None] | None,
) -> AsyncIterator[Result]:
    """So many strikes of a fault in a row; `judging` is called when only the judgement is left."""
    for run in range(options.runs):
        result = await harness.strike(fault, run + 1, options.seed + run)
        if run + 1 == options.runs and not result.is_lost:
            if judging:
                judging()
            result = await harness.audited(result)
        yield result


async def _opened(
    closing: AsyncExitStack, faults: Sequence[Fault], options: argparse.Namespace
) -> Harness:
    """A market for these faults, and a harness on it, until `closing` is closed."""
    began = time.monotonic()
    linked = _is_linked(faults[0])
    market = await asyncio.to_thread(closing.enter_context, own_market(linked=linked))
    log = closing.enter_context(connect(market.settings))
    orders = int(options.rate * SECONDS_EACH * options.runs * len(faults))
    opened = Opened(market, log, options.rate, options.seed, orders)
    harness = await closing.enter_async_context(opened)
    _say(f"a market under {options.rate} orders/s after {time.monotonic() - began:.0f} s")
    return harness


def line(result: Result) -> str:
    """One result in words."""
    healing = result.healing
    parts = ""
    if healing:
        words = ("process", "API", "trades", "views")
        times = (healing.process, healing.api, healing.trades, healing.views)
        parts = ", ".join(f"{word} {_seconds(at)}" for word, at in zip(words, times, strict=True))
    verdict = "survived" if result.is_survived else result.skipped or "BROKEN"
    told = "".join(f"\n  {problem}" for problem in result.problems)
    return (
        f"{result.fault} {result.run}: {verdict}; {parts}; slowest order"
        f" {result.slowest_seconds:.0f} s; {result.note}{told}"
    )


def report(results: Sequence[Result]) -> str:
    """The table, as Markdown, and what was not survived."""
    lines = [
        machine(),
        "",
        "| fault | what is done | runs | survived | well again after, s: median | max | limit"
        " | slowest order, s |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    names = dict.fromkeys(each.fault for each in results)
    lines += [_row([each for each in results if each.fault == name]) for name in names]
    broken = [each for each in results if each.problems]
    lines += ["", *(f"- {each.fault}, run {each.run}: {each.problems[0]}" for each in broken)]
    return "\n".join(lines).rstrip()


def _row(results: Sequence[Result]) -> str:
    first = results[0]
    if first.skipped:
        return f"| {first.fault} | {first.what} | 0 | {first.skipped} | | | | |"
    times = [each.seconds for each in results if each.seconds is not None]
    survived = sum(each.is_survived for each in results)
    figures = (f"{median(times):.0f}", f"{max(times):.0f}") if times else ("never", "never")
    notes = "; ".join(dict.fromkeys(each.note for each in results if each.note))
    what = f"{first.what} ({notes})" if notes else first.what
    cells = (first.fault, what, len(results), survived, *figures)
    slowest = max(each.slowest_seconds for each in results)
    cells += (f"{first.limit_seconds:.0f}", f"{slowest:.0f}" if slowest else "–")
    return f"| {' | '.join(map(str, cells))} |"


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def _is_linked(fault: Fault) -> bool:
    return fault in links.FAULTS


def _read(file: Path | None) -> list[Result]:
    """Results of earlier calls, that a table of several is made of."""
    if file is None or not file.exists():
        return []
    return [
        Result(
            **{
                **each,
                "healing": Healing(**each["healing"]) if each["healing"] else None,
                "problems": tuple(each["problems"]),
            }
        )
        for each in json.loads(file.read_text())
    ]


def _keep(results: Sequence[Result], file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps([dataclasses.asdict(each) for each in results]))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    names = ", ".join(each.name for each in FAULTS)
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each fault, in a row")
    parser.add_argument("--only", default="", help=f"some of: {names}")
    parser.add_argument("--rate", type=int, default=100, help="orders a second")
    parser.add_argument("--seed", type=int, default=1, help="what is drawn, is drawn from this")
    parser.add_argument("--results", type=Path, help="file that results are added to")
    parser.add_argument(
        "--report", action="store_true", help="strike nothing, make the table of those results"
    )
    parser.add_argument("--write", type=Path, help="page whose marked section to renew")
    options = parser.parse_args()
    known = {each.name for each in FAULTS}
    if unknown := sorted(set(filter(None, options.only.split(","))) - known):
        parser.error(f"--only: no fault {', '.join(unknown)}; known: {names}")
    return options


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; the market is down")
