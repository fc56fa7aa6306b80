"""`gpubroker agent …`: what runs on a node and reports what it measures."""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from cli import output
from cli.agent import replay
from cli.agent.host import Host
from cli.agent.nvml import Gpus
from cli.agent.replay import Due
from cli.agent.reporter import BATCH, Reporter
from cli.client import Client, Json
from cli.commands import key
from cli.commands.node import NodeId
from cli.errors import Unreachable
from cli.options import As, AsJson, session
from cli.session import Session

app = typer.Typer(no_args_is_help=True, help="What runs on a node and reports what it measures.")

EVERY_SECONDS = 5.0
"""The market takes one reading of a GPU in so many seconds."""
SAY_SECONDS = 5.0
LATE_SECONDS = 1.0
"""What is later than this is sent together with what follows."""


@app.command()
def enrol(
    ctx: typer.Context,
    node_id: NodeId,
    token: Annotated[str, typer.Argument(help="The onboarding token that `node register` told.")],
    as_json: AsJson = False,
) -> None:
    """Exchange a node's onboarding token for the node's own key, once."""
    opened = session(ctx)
    with Client(opened.url(), token, opened.transport) as client:
        answer = client.post(f"/nodes/{node_id}/key", None)
    output.show(opened.settings, answer, as_json, lambda answer: output.card(answer, key.CARD))


@app.command()
def telemetry(
    ctx: typer.Context,
    node_id: NodeId,
    file: Annotated[
        Path | None,
        typer.Option(
            "--replay",
            help="Send a file of duty cycles instead, such as data/gpu_duty_cycle.csv.gz.",
        ),
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", min=0.01, help="Seconds of the file in a second.")
    ] = 12.0,
    past: Annotated[
        bool, typer.Option("--past", help="Send the file at once, as if it ended now.")
    ] = False,
    gpus: Annotated[
        int | None,
        typer.Option("--gpus", min=1, help="GPUs that play; all of the node's if absent."),
    ] = None,
    first: Annotated[
        int, typer.Option("--first", min=0, help="Which of the file's GPUs is the first to play.")
    ] = 0,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.0, help="Stop after so long.")
    ] = None,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Report what this machine's GPUs measure, or what a file says, until it ends or is stopped."""
    opened = session(ctx)
    source = measured(Gpus(), Host()) if file is None else None
    with opened.client(role, "provider") as client:
        if file is not None:
            rows = replay.read_rows(file)
            count = gpus or len(client.get(f"/nodes/{node_id}")["gpus"])
            start_ms = replay.start_of_past(rows, now_ms()) if past else now_ms()
            source = replay.readings(rows, count, first, start_ms, 1.0 if past else speed)
        reporter = Reporter(client, node_id)
        _report(opened, reporter, batches(source or (), seconds), as_json)
    output.show(opened.settings, dict(reporter.counts), as_json, lambda _: told(reporter))


def measured(gpus: Gpus, host: Host) -> Iterator[Due]:
    """What this machine measures, once in the middle of each slot."""
    while True:
        time.sleep(EVERY_SECONDS - (time.time() - EVERY_SECONDS / 2) % EVERY_SECONDS)
        at_ms = now_ms()
        yield Due(at_ms, [*gpus.read(at_ms), host.read(at_ms)])


def batches(found: Iterable[Due], seconds: float | None) -> Iterator[list[Json]]:
    """What is found when it is due, what is long due together, as long as the time lasts."""
    end = time.time() + (float("inf") if seconds is None else seconds)
    held: list[Json] = []
    for at_ms, metrics in found:
        at = at_ms / 1000
        if max(at, time.time()) > end:
            break
        time.sleep(max(0.0, at - time.time()))
        held = held + metrics
        if len(held) >= BATCH or time.time() - at < LATE_SECONDS:
            yield held
            held = []
    if held:
        yield held


def told(reporter: Reporter) -> str:
    """What became of the readings so far."""
    counts = [f"{count:,} {name}" for name, count in sorted(reporter.counts.items())]
    waiting = [f"{reporter.kept:,} wait for the market"] if reporter.kept else []
    refusal = [f"last refusal {reporter.last_refusal}"] if reporter.last_refusal else []
    return " · ".join([*counts, *waiting, *refusal]) or "nothing sent"


def now_ms() -> int:
    """The time."""
    return time.time_ns() // 1_000_000


def _report(
    opened: Session, reporter: Reporter, found: Iterable[list[Json]], as_json: bool
) -> None:
    """Send what comes, and say so now and then; Ctrl-C is how measuring ends.

    Raises:
        Unreachable: the market is away, and there is nothing more to come.
    """
    say_at = time.monotonic()
    with suppress(KeyboardInterrupt):
        for metrics in found:
            reporter.send(metrics)
            if not as_json and time.monotonic() >= say_at:
                say_at = time.monotonic() + SAY_SECONDS
                output.console(opened.settings, errors=True).print(told(reporter))
        if not reporter.send([]):
            raise Unreachable(f"the market is away; {reporter.kept} readings were not sent")
