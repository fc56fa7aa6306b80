"""`gpubroker demo`: real supply and demand on the running market, checked at the end."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console
from rich.live import Live

import stack
from cli import output
from cli.client import AsyncClient
from cli.commands.local import megabytes, print_links
from cli.commands.replay import recomputed
from cli.demo import play, trace, view
from cli.demo.checks import Check, Evidence, judge, judge_signals
from cli.demo.evidence import TRADES, gather, gather_signals
from cli.demo.progress import Progress, Tape
from cli.demo.telemetry import Telemetry
from cli.errors import CheckFailed
from cli.log import Log, Offsets, connect, located
from cli.meter import Meter
from cli.options import session
from cli.session import Session
from schemas import contract
from schemas.names import PRICING_UPDATES

PROVIDERS: Final = 8
CONSUMERS: Final = 12
LINE_SECONDS: Final = 5.0
SCREEN_SECONDS: Final = 0.25


def demo(
    ctx: typer.Context,
    speed: Annotated[
        float, typer.Option("--speed", min=1.0, help="Seconds of the trace in one of the play.")
    ] = 60_000.0,
    orders: Annotated[
        int, typer.Option("--orders", min=1, help="Play so many of the 7,064 tasks.")
    ] = 7_064,
    nodes: Annotated[
        int, typer.Option("--nodes", min=1, help="Offer so many of the 1,213 nodes.")
    ] = 1_213,
    seed: Annotated[int, typer.Option("--seed", help="What is drawn, is drawn from this.")] = 1,
    no_up: Annotated[
        bool, typer.Option("--no-up", help="The market runs already, here or elsewhere.")
    ] = False,
) -> None:
    """Start the market, play real supply and demand on it, and check what came of it."""
    opened = session(ctx)
    console = output.console(opened.settings)
    began = time.monotonic()
    if not no_up:
        stack.up(opened.settings, progress=console.print)
    opened = Session(located(opened.settings), opened.transport)
    supply, bids = plan(speed, orders, nodes, seed)
    with connect(opened.settings) as log:
        checks = uvloop.run(_run(opened, console, log, supply, bids))
    _report(console, opened, checks, time.monotonic() - began)
    if not all(check.equal for check in checks):
        raise CheckFailed("a check of the demo is NOT equal")


def plan(
    speed: float, orders: int, count: int, seed: int
) -> tuple[list[trace.Supply], list[trace.Bid]]:
    """What will be played: so many nodes, from all over the trace, and the first so many tasks."""
    regions = contract.catalogue().regions
    every, references = trace.read_nodes(), trace.read_references()
    nodes = every[:: max(1, len(every) // count)][:count]
    supply = trace.offer(nodes, references, PROVIDERS, regions, seed)
    gpus = trace.gpus_by_type(nodes)
    tasks = trace.read_tasks()[:orders]
    return supply, trace.demand(tasks, references, gpus, CONSUMERS, regions, speed, seed)


async def _run(
    opened: Session,
    console: Console,
    log: Log,
    supply: Sequence[trace.Supply],
    bids: Sequence[trace.Bid],
) -> list[Check]:
    since = log.ends([TRADES, PRICING_UPDATES])
    progress = Progress()
    tape = Tape(log.follow(TRADES), progress)
    tape.start()
    try:
        with one_error():
            async with AsyncClient(opened.url(), play.CONCURRENCY) as api:
                run = play.Run(api, opened.key("admin", "admin"))
                telemetry = await _play(console, opened, run, supply, bids, progress)
                return await _check(opened, console, log, run, progress, telemetry, since)
    finally:
        tape.stop()


async def _play(
    console: Console,
    opened: Session,
    run: play.Run,
    supply: Sequence[trace.Supply],
    bids: Sequence[trace.Bid],
    progress: Progress,
) -> Telemetry:
    console.print(f"run {run.name}: {PROVIDERS} providers, {CONSUMERS} consumers")
    await play.open_accounts(run, PROVIDERS, CONSUMERS)
    await _timed(console, f"{len(supply):,} nodes registered", play.register_supply(run, supply))
    telemetry = Telemetry(opened, run, supply)
    await telemetry.price()
    telemetry.start()
    console.print(f"{len(telemetry.reporters)} nodes report what their GPUs measure")
    await _timed(console, f"{len(supply):,} asks sent", play.place_asks(run, supply, progress))
    await _timed(console, "each of their types has a spot price", telemetry.await_prices())
    with _shown(console, progress) as shower:
        watcher = asyncio.create_task(play.watch_books(run, progress))
        shower_task = asyncio.create_task(shower)
        progress.phase = f"tasks of the trace as bids, run {run.name}"
        began = time.monotonic()
        await play.send_bids(run, bids, progress)
        took = time.monotonic() - began
        for task in (watcher, shower_task):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    await _settled(progress)
    console.print(view.line(progress, len(bids) / took))
    if progress.refusals or progress.unknown:
        console.print(f"not taken: {dict(progress.refusals)}, outcome unknown {progress.unknown}")
    return telemetry


async def _check(
    opened: Session,
    console: Console,
    log: Log,
    run: play.Run,
    progress: Progress,
    telemetry: Telemetry,
    since: Offsets,
) -> list[Check]:
    console.print("\none node says that it is offline, then that it is well again…")
    outage = await telemetry.fail_one()
    console.print("checking…")
    signals = await gather_signals(opened, log, run, telemetry, since, outage)
    evidence = await gather(opened, log, run, progress, since)
    replayed = await asyncio.to_thread(_replayed, console, log, evidence)
    checks = [*judge(evidence), replayed, *judge_signals(signals)]
    for check in checks:
        console.print(str(check), style=None if check.equal else "bold red")
    return checks


def _replayed(console: Console, log: Log, evidence: Evidence) -> Check:
    """The busiest book of the run, recomputed from its log."""
    books = Counter(trade["book_id"] for trade in evidence.log_trades.values())
    if not books:
        return Check("replay of one book", False, "nothing traded, so there is none to replay")
    comparison = recomputed(log, books.most_common(1)[0][0], Meter(console))
    numbers = (
        f"{comparison.book_id}: {comparison.commands:,} commands, {comparison.facts:,} facts,"
        f" {comparison.compared:,} compared, hash {str(comparison.replayed_hash)[:12]}…"
    )
    if comparison.first_difference:
        numbers += f"; {comparison.first_difference}"
    return Check("replay = running book", comparison.equal, numbers)


def _report(console: Console, opened: Session, checks: Sequence[Check], seconds: float) -> None:
    memory = [row.memory_bytes for row in stack.status(opened.settings)]
    equal = sum(check.equal for check in checks)
    console.print(f"\n{equal} of {len(checks)} checks equal, {seconds:.0f} s in all")
    if memory:
        console.print(f"memory of all processes: {megabytes(sum(memory))}")
        console.print("\nthe market runs on:")
        print_links(console, opened)
    console.print("\ntry next:\n  gpubroker market watch G2.ondemand")
    console.print('  gpubroker sql "select book_id, count(), avg(price) from trades group by 1"')


async def _settled(progress: Progress) -> None:
    """Wait until no trade has come for a second, which is when the last bid has met its fate."""
    before = -1
    while progress.trades != before:
        before = progress.trades
        await asyncio.sleep(1)


async def _timed(console: Console, what: str, work: Awaitable[None]) -> None:
    began = time.monotonic()
    await work
    console.print(f"{what} in {time.monotonic() - began:.1f} s")


@contextmanager
def _shown(console: Console, progress: Progress) -> Iterator[Coroutine[None, None, None]]:
    """What to run beside the play so that people see it: a screen, or lines in a pipe."""
    rate = view.Rate()
    if not console.is_terminal:
        yield _print_lines(console, progress, rate)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield _draw(live, progress, rate)


async def _print_lines(console: Console, progress: Progress, rate: view.Rate) -> None:
    while True:
        await asyncio.sleep(LINE_SECONDS)
        console.print(view.line(progress, rate.look(progress.sent, time.monotonic())))


async def _draw(live: Live, progress: Progress, rate: view.Rate) -> None:
    while True:
        shown = view.screen(progress, rate.look(progress.sent, time.monotonic()))
        live.update(shown, refresh=True)
        await asyncio.sleep(SCREEN_SECONDS)


@contextmanager
def one_error() -> Iterator[None]:
    """Of the errors that a TaskGroup raises as a group, the first: a command ends for one reason.

    (`except*` would not do: what is raised in it comes out as a group again.)
    """
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from group
