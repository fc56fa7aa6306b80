from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.commands.warm_up import SETTLED_MS, WINDOW, is_settled
from cli.demo.progress import Progress, percentile
from cli.demo.view import Rate, line
from cli.errors import BadUsage
from cli.inputs import hours, moment, pairs, price

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "told"), [("24", 24), ("24h", 24), ("7d", 168), ("2W", 336), (" 1h ", 1)]
)
def test_durations(text: str, told: int) -> None:
    assert hours(text) == told


@pytest.mark.parametrize("text", ["", "h", "1.5h", "-1", "24m", "1h30", "٣h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadUsage, match="24h"):
        hours(text)


@pytest.mark.parametrize(
    ("text", "told"), [("2.5", "2.5"), ("$2.50", "2.50"), ("1e2", "100"), ("0.0001", "0.0001")]
)
def test_prices_stay_decimals(text: str, told: str) -> None:
    assert price(text) == told


def test_times_are_moments_or_from_now() -> None:
    assert moment("6h", NOW) == "2026-11-23T18:00:00.000Z"
    assert moment("2026-11-23T13:00:00+01:00") == "2026-11-23T12:00:00.000Z"


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "2026-11-23T13:00:00",
        "999999999h",
        f"{'9' * 5000}d",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_times_that_are_none_or_that_no_calendar_has_are_bad_usage(text: str) -> None:
    with pytest.raises(BadUsage, match="a time is RFC 3339 with a zone, or from now such as 6h"):
        moment(text)


def test_fields() -> None:
    assert pairs(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(
    values: list[float], percent: int
) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_a_trade_is_counted_for_its_run_and_timed_once_for_each_bid() -> None:
    progress = Progress()
    progress.sent_at["bid"] = 10.0
    progress.gpus_wanted = 4
    trade = {"bid_order_id": "bid", "quantity": 1, "bid_filled": 1, "aggressor": "bid"}
    progress.note_trade(trade, now=10.005)
    progress.note_trade({**trade, "bid_filled": 2}, now=10.006)
    progress.note_trade({**trade, "bid_filled": 3, "aggressor": "ask"}, now=99.0)
    progress.note_trade({**trade, "bid_order_id": "anothers"}, now=10.006)
    assert (progress.trades, progress.gpus_filled, progress.fill_percent) == (3, 3, 75.0)
    assert progress.latencies_ms == pytest.approx([5.0])
    assert "fill rate 75.0 %" in line(progress, 12.3)


def test_the_rate_is_of_the_last_second() -> None:
    rate = Rate(at=100.0)
    assert rate.look(50, 100.5) == 0
    assert rate.look(100, 101.0) == 100
    assert rate.look(150, 101.5) == 100
    assert rate.look(300, 103.0) == 100


def test_a_market_is_warm_when_its_last_window_is_fast() -> None:
    slow, fast = [SETTLED_MS * 5] * WINDOW, [SETTLED_MS / 2] * WINDOW
    assert not is_settled(slow)
    assert not is_settled(fast[1:])
    assert is_settled([*slow, *fast])
    assert not is_settled([*fast, *slow[:10]])
