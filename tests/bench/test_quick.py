"""The benches' tiny form: each runs, and what was to be the same was."""

import json
import subprocess
import sys
from typing import Any

import pytest

from stack.program import ROOT
from tests.bench import report, stream
from tests.bench.__main__ import ALONE
from tests.bench.books import BOOKS as ALL
from tests.bench.books import OURS, took


def test_our_trades_are_those_of_price_and_time() -> None:
    made = stream.stream(3_000, seed=7)
    assert len(made.trades) > 500
    _, trades = took(ALL[OURS], made.commands)
    assert trades == made.trades


def test_a_stream_has_its_shares_and_is_the_same_every_time() -> None:
    made = stream.stream(10_000)
    cancels = sum(kind == "cancel" for kind, *_ in made.commands)
    assert cancels / len(made.commands) == pytest.approx(stream.CANCELS, abs=0.02)
    assert made == stream.stream(10_000) != stream.stream(10_000, seed=2)


def test_rounds_go_through_all_variants() -> None:
    calls: list[str] = []
    figures = iter([3.0, 10.0, 1.0, 30.0, 2.0, 20.0])

    def measured(name: str) -> float:
        calls.append(name)
        return next(figures)

    variants = {"a": lambda: measured("a"), "b": lambda: measured("b")}
    assert report.in_turns(variants, 3) == {"a": (2.0, 1.0), "b": (20.0, 10.0)}
    assert calls == ["a", "b"] * 3


def test_a_goal_says_whether_it_is_reached() -> None:
    assert report.Goal("requests/s", 0.3, 0.3).is_reached
    assert "**not reached**" in str(report.Goal("requests/s", 0.3, 0.29))
    assert report.Goal("ms", 50, 49.9, is_bound=True).is_reached
    assert not report.Goal("ms", 50, 50.1, is_bound=True).is_reached


def test_each_bench_runs() -> None:
    told = _told()
    assert list(told) == list(ALONE)
    for bench in told.values():
        _check(bench)


@pytest.mark.stack
def test_the_matching_job_at_saturation_makes_what_the_others_make() -> None:
    _check(_told("--only", "saturation")["saturation"])


def _told(*more: str) -> Any:
    command = [sys.executable, "-m", "tests.bench", "--quick", "--json", *more]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)["benches"]


def _check(bench: Any) -> None:
    assert bench["unequal"] == []
    assert bench["figures"]
    assert all(figure > 0 for figure in bench["figures"].values())
