"""A running market heals: what is killed comes back, and what was accepted is still there.

These tests kill servers of the market that all tests share, and leave it healthy.
"""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

import stack
from cli.session import Session
from schemas.settings import Settings
from stack import flink, plan, state
from tests import story
from tests.story import Run, runner

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
HEALED_SECONDS = 120.0
"""Twice the promise: machines that run tests are busy."""


@pytest.fixture
def run(market: Settings) -> Run:
    return runner(market)


eventually = partial(story.eventually, seconds=HEALED_SECONDS)


def rows(market: Settings) -> dict[str, stack.Row]:
    return {row.name: row for row in stack.status(market)}


def kill(market: Settings, name: str) -> dict[str, stack.Row]:
    """Kills a program without warning; answers what ran before."""
    before = rows(market)
    pid = before[name].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return before


def await_healed(market: Settings, before: dict[str, stack.Row], *names: str) -> None:
    """Waits until these were started again and all is up; nothing else was started again."""

    def is_healed() -> bool:
        now = rows(market)
        up = all(row.state in (state.READY, state.DONE) for row in now.values())
        return up and all(now[name].restarts > before[name].restarts for name in names)

    eventually(is_healed, f"{names} healed")
    now = rows(market)
    assert {name for name in now if now[name].restarts > before[name].restarts} == set(names)


def rest(run: Run) -> str:
    """An order that rests."""
    order = run(
        *("order", "place", "bid", "V100-16GB", "--product", "reserved"),
        *("--quantity", "1", "--price", "0.01", "--duration", "24h"),
    )
    assert order["book_seq"] is not None
    return str(order["id"])


def test_a_killed_projection_is_started_again_and_goes_on(market: Settings, run: Run) -> None:
    before = kill(market, "projection")
    body = {
        "type": "bid",
        "gpu_type": "V100-16GB",
        "product": "reserved",
        "quantity": 1,
        "price": "0.01",
        "duration_hours": 24,
    }
    with Session(market).client("consumer", "consumer") as client:
        order_id = client.post("/orders", body)["order_id"]
    await_healed(market, before, "projection")
    query = f"select status from orders where order_id = '{order_id}'"
    (row,) = eventually(lambda: run("sql", query)["data"], "the order's row")
    assert row["status"] == "pending"
    assert run("order", "cancel", order_id)["success"]


def test_a_killed_jobmanager_gets_its_jobs_back_from_the_newest_whole_checkpoint(
    market: Settings, run: Run
) -> None:
    """Resting orders live in the jobs' state alone: one can be cancelled only if that came back."""
    order_id = rest(run)
    checkpoints = flink.home(market) / "checkpoints" / "matching"
    placed_at = time.time()

    def written_since() -> list[Path]:
        found = checkpoints.glob("*/*/chk-*/_metadata")
        return sorted(
            (each for each in found if each.stat().st_mtime > placed_at),
            key=lambda each: each.stat().st_mtime,
        )

    eventually(lambda: len(written_since()) >= 2, "two checkpoints")
    before = kill(market, flink.JOBMANAGER)
    newest = written_since()[-1]
    newest.write_bytes(newest.read_bytes()[:500])
    await_healed(market, before, flink.JOBMANAGER, flink.TASKMANAGER, plan.SUBMIT)
    log = "\n".join(stack.logs(market, plan.SUBMIT))
    assert f"matching: {newest.parent} is torn, looking for one before it" in log
    assert run("order", "cancel", order_id)["success"]


def test_a_killed_supervisor_is_followed_by_one_that_takes_over_and_heals(
    market: Settings, run: Run
) -> None:
    told = state.read(market.path("HOME"))
    assert told is not None
    before = rows(market)
    os.kill(told.pid, signal.SIGKILL)
    eventually(lambda: not told.supervisor.find(), "the supervisor's end")
    assert {row.state for row in rows(market).values()} == {"orphan", state.DOWN}
    order_id = rest(run)
    stack.up(market, progress=print)
    assert {name: row.pid for name, row in rows(market).items()} == {
        name: row.pid for name, row in before.items()
    }
    await_healed(market, kill(market, "redis"), "redis")
    assert run("order", "cancel", order_id)["success"]
