"""The simulator's short form, and that it is what it says: seeded, exact, able to fail."""

import gc
import json
import os
import subprocess
import sys

import pytest

from schemas import views
from tests.sim import __main__ as command_line
from tests.sim.clock import DAY_MS
from tests.sim.mutants import MUTANTS
from tests.sim.projection import check_forward
from tests.sim.run import run
from tests.sim.schedule import SWITCHES, schedule
from tests.sim.shrink import kept, ranges, read_ranges, shrunk
from udfs.audit.offence import Offence


@pytest.mark.timeout(300)
def test_500_seeds_break_no_promise() -> None:
    """In processes of their own: coverage would only slow them down."""
    command = [sys.executable, "-m", "tests.sim", "--seeds", "500"]
    swept = subprocess.run(command, capture_output=True, text=True, check=False)
    assert swept.returncode == 0, swept.stdout
    assert swept.stdout.startswith("500 seeds in ")


def test_a_seed_plays_the_same_in_any_process() -> None:
    """Another order of hashes gives the same trace, byte for byte."""
    script = "from tests.sim.run import run; from tests.sim.schedule import schedule; " + (
        "print(*(run(schedule(seed)).trace for seed in range(3)))"
    )
    traces = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert traces == {" ".join(run(schedule(seed)).trace for seed in range(3)) + "\n"}


def test_features_and_shapes_differ_from_seed_to_seed() -> None:
    schedules = [schedule(seed) for seed in range(100)]
    assert {name for each in schedules for name in each.on} == set(SWITCHES)
    assert len({each.shape for each in schedules}) > 50


def test_a_failing_seed_is_made_small_and_fails_again() -> None:
    whole = schedule(0)
    with MUTANTS["commit_before_write"]():
        outcome = run(whole)
        places, without, small = shrunk(whole, outcome)
        again = run(kept(whole, read_ranges(ranges(places)), without))
    assert len(places) < 20
    assert str(again.offence) == str(small.offence)
    assert again.trace == small.trace


def test_the_command_line_says_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--seed", "1"]) == 0
    arguments = ["--seed", "0", "--mutant", "commit_before_write"]
    assert command_line.main(arguments) == 1
    told = capsys.readouterr().out
    assert "seed 0 fails after" in told
    assert "again: python -m tests.sim --seed 0 --mutant commit_before_write" in told


def test_what_a_seed_leaves_is_freed() -> None:
    """Or a long sweep fills the memory: each seed leaves two megabytes of cycles."""
    command_line._run_seed(0)
    assert gc.get_freeze_count() == 0
    before = len(gc.get_objects())
    for seed in range(1, 4):
        command_line._run_seed(seed)
    assert len(gc.get_objects()) - before < 20_000


def test_a_sweep_tells_every_seed_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with MUTANTS["commit_before_write"]():
        assert command_line.main(["--seeds", "3", "--processes", "2", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["seeds"] == 3
    assert {"seed": 0, "offence": told["failed"][0]["offence"]} == told["failed"][0]
    assert told["failed"][0]["offence"].startswith("INV4")


def test_a_trace_tells_moves_records_and_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--seed", "1", "--keep", "0-60", "--trace"]) == 0
    told = capsys.readouterr().out
    assert "move 60: " in told
    assert "accounts.commands" in told
    assert "place_order" in told


@pytest.mark.parametrize("text", ["", "3", "0-4", "0-1,3,5-7"])
def test_ranges_read_back(text: str) -> None:
    assert ranges(read_ranges(text)) == text


def bid_row(created_ms: int, filled: int, at_ms: int) -> dict[str, str]:
    """The row of an order for 8 GPUs of which so many were filled, last at this time."""
    return {
        "order_id": "o",
        "account_id": "a",
        "side": "bid",
        "quantity": "8",
        "creation": views.stamp(created_ms, 1),
        "total": views.stamp(created_ms, 1),
        "fills": views.stamp(at_ms, 2),
        "filled_quantity": str(filled),
        "remaining": str(8 - filled),
    }


@pytest.mark.parametrize("after", [bid_row(0, 6, 1_000), bid_row(5, 6, 1_000)])
def test_an_order_that_goes_back_is_an_offence(after: dict[str, str]) -> None:
    with pytest.raises(Offence, match="INV9: order:o went from filled to partial"):
        check_forward("order:o", bid_row(0, 8, 900), after)


def test_a_key_used_again_after_a_day_begins_anew_even_in_one_write() -> None:
    """Seed 3318: beginning and first fill of the second order came in one call of the script."""
    first, second = bid_row(0, 8, 900), bid_row(DAY_MS + 1_000, 6, DAY_MS + 2_000)
    mixed = {**first, "fills": second["fills"], "filled_quantity": "6", "remaining": "2"}
    for before, after in ((first, second), (first, mixed), (mixed, second)):
        check_forward("order:o", before, after)


def test_the_second_order_under_a_key_is_held_to_the_rule_too() -> None:
    """What the first one left in the row is older than its beginning, and not told."""
    left = {"closing": views.stamp(900, 3), "reason": "user"}
    second = bid_row(DAY_MS, 6, DAY_MS + 1_000) | left
    back = bid_row(DAY_MS, 2, DAY_MS + 2_000) | left
    with pytest.raises(Offence, match="INV9: order:o had 6 filled"):
        check_forward("order:o", second, back)
