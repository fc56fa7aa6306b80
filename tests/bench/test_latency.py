"""The bench's arithmetic: what its figures mean."""

from collections import Counter
from pathlib import Path

import pytest

from tests.bench.latency import END, START, load, report, result
from tests.bench.report import write
from tests.bench.wire import Outcome, request

OUTCOMES = [
    Outcome(due=1.0, sent=1.0, done=1.02, status=202),
    Outcome(due=2.0, sent=2.5, done=2.51, status=202),
    Outcome(due=3.0, sent=3.0, done=3.01, status=503),
    Outcome(due=4.0, sent=4.0, done=4.01, status=0),
]


def test_latencies_count_from_when_an_order_was_due() -> None:
    told = result(2, 0, 2.0, OUTCOMES, [600.0], Counter(lost=1), {})
    assert (told.sent, told.accepted, told.trades, told.lost) == (4, 2, 1, 1)
    assert told.errors == {"503": 1, "no answer": 1}
    assert (told.api_p50, told.api_p99) == pytest.approx((20, 510))
    assert told.trade_p50 == told.trade_max == pytest.approx(600)
    assert told.send_lag_p99 == pytest.approx(500)


def test_load_is_per_cent_of_a_core() -> None:
    assert load({"api": 10.0}, {"api": 15.0, "new": 1.0}, 10.0) == {"api": 50.0, "new": 10.0}


def test_a_page_keeps_what_is_around_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"# Performance\n\nbefore\n\n{START}\nold\n{END}\n\nafter\n")
    write(page, "new", (START, END), "Order to trade")
    assert page.read_text() == f"# Performance\n\nbefore\n\n{START}\nnew\n{END}\n\nafter\n"


def test_a_page_without_markers_gets_them(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    write(page, "first", (START, END), "Order to trade")
    write(page, "second", (START, END), "Order to trade")
    assert "first" not in page.read_text()
    assert page.read_text().count("second") == 1


def test_the_report_has_a_line_a_rate() -> None:
    each = result(1000, 0.5, 60.0, OUTCOMES, [10.0], Counter(), {"api": 44.4})
    lines = report([each, each]).splitlines()
    assert sum(line.startswith("| 1,000 | 50% | 60 | 10.0 |") for line in lines) == 2
    assert "- 1000/s: api 44" in lines


def test_a_request_is_complete() -> None:
    sent = request("http://h:1", "k", "POST", "/orders", {"a": 1}, "Idempotency-Key: x\r\n")
    head, _, body = sent.partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    assert head.splitlines()[0] == b"POST /api/v2/orders HTTP/1.1"
    assert b"Content-Length: 7" in head
    assert b"Idempotency-Key: x" in head
