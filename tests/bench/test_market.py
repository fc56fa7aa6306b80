"""What the market's bench tells of its runs."""

from collections import Counter

from tests.bench.latency import Result, result
from tests.bench.market import _section
from tests.bench.wire import Outcome


def run(rate: int, trades_ms: list[float], fates: Counter[str] | None = None) -> Result:
    outcomes = [Outcome(due=1.0, sent=1.0, done=1.01, status=202) for _ in trades_ms]
    refused = Outcome(due=1.0, sent=1.0, done=1.0, status=429)
    return result(rate, 0, 1.0, [*outcomes, refused], trades_ms, fates or Counter(), {})


def test_each_rate_has_its_goals_and_its_row() -> None:
    market = [run(500, [10.0] * 99 + [30.0]), run(2_000, [400.0])]
    beside = [run(500, [5.0]), run(2_000, [80.0])]
    section = _section(market, beside, {"stop, s": 7.0})
    assert [(goal.what, goal.is_reached) for goal in section.goals] == [
        ("p95 at 500/s, ms", True),
        ("p95 at 500/s to that without Flink", True),
        ("p95 at 2,000/s to that without Flink", False),
    ]
    assert [row[0] for row in section.rows] == [
        *("500", "2,000"),
        *("500, without Flink", "2,000, without Flink"),
    ]
    assert section.rows[0][-4:] == ["101", "100", "1", "0"]
    assert section.notes == ["stop, s: 7."]
    assert not section.unequal


def test_a_lost_order_fails_the_bench() -> None:
    section = _section([run(1_000, [70.0], Counter(lost=1))], [run(1_000, [1.0])], {})
    assert section.unequal == ["1 orders at 1000/s are lost"]
    assert not any(goal.is_reached for goal in section.goals)
