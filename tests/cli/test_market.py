from typing import Any

import httpx
import pytest

from cli.commands import local
from tests.cli.conftest import Fake, Run

DEPTH = {
    "book_id": "H100.ondemand",
    "book_seq": 41,
    "bids": [{"price": "2.4000", "quantity": 5, "orders": 2}],
    "asks": [{"price": "2.6000", "quantity": 7, "orders": 1}],
}
TAPE = {
    "items": [
        {
            "id": "t1",
            "quantity": 3,
            "price": "2.500000",
            "duration_hours": 24,
            "region": "us-west-2",
            "aggressor": "bid",
            "executed_at": "2026-11-23T10:00:00.000Z",
        }
    ],
    "total": 1,
    "next_cursor": None,
}


def test_books(run: Run, fake: Fake) -> None:
    book = {"id": "H100.ondemand", "status": "open", "best_bid": "2.4000", "best_ask": None}
    fake.answers["GET", "/api/v2/market/books"] = page = {"items": [book], "total": 1}
    shown = run("market", "books").out
    assert "H100.ondemand" in shown
    assert "2.4000" in shown
    assert run("market", "books", "--json").json == page


def test_depth_asks_for_duration_and_region(run: Run, fake: Fake) -> None:
    fake.answers["GET", "/api/v2/market/books/H100.ondemand/depth"] = DEPTH
    shown = run("market", "depth", "H100.ondemand", "-n", "5", "-d", "2d", "-r", "us-west-2").out
    assert dict(fake.last.url.params) == {
        "levels": "5",
        "duration_hours": "48",
        "region": "us-west-2",
    }
    assert "2.4000" in shown
    assert "2.6000" in shown
    assert run("market", "depth", "H100.ondemand", "--json").json == DEPTH


def test_trades(run: Run, fake: Fake) -> None:
    fake.answers["GET", "/api/v2/market/books/H100.ondemand/trades"] = TAPE
    assert "2.500000" in run("market", "trades", "H100.ondemand").out
    assert run("market", "trades", "H100.ondemand", "--json").json == TAPE


def test_prices_of_now_and_of_before(run: Run, fake: Fake) -> None:
    now = {"items": [{"gpu_type": "H100", "region": None, "spot_price": "2.7000"}]}
    fake.answers["GET", "/api/v2/pricing/spot"] = now
    assert "2.7000" in run("market", "price").out
    assert dict(fake.last.url.params) == {}
    assert run("market", "price", "H100", "-r", "us-west-2", "--json").json == now
    assert dict(fake.last.url.params) == {"gpu_type": "H100", "region": "us-west-2"}
    before = {"items": [{"window_start": "2026-11-23T10:00:00.000Z", "avg_price": "2.500000"}]}
    fake.answers["GET", "/api/v2/pricing/history"] = before
    assert "2.500000" in run("market", "price", "H100", "--history", "12").out
    assert dict(fake.last.url.params) == {"gpu_type": "H100", "limit": "12", "product": "spot"}


def test_catalogue(run: Run, fake: Fake) -> None:
    answer = {"gpu_types": ["H100", "T4"], "products": ["spot"], "regions": ["us-west-2"]}
    fake.answers["GET", "/api/v2/market/catalogue"] = answer
    assert "H100, T4" in run("market", "catalogue").out


def test_halt_and_resume_tell_the_status(run: Run, fake: Fake) -> None:
    for word, status in (("halt", "halted"), ("resume", "open")):
        told = {"book_id": "H100.spot", "book_seq": 7, "status": status}
        fake.answers["POST", f"/api/v2/market/books/H100.spot/{word}"] = told
        assert status in run("market", word, "H100.spot").out
        assert run("market", word, "H100.spot", "--json").json == told
        assert fake.last.headers["Authorization"] == "Bearer key-of-admin"


def test_a_halt_that_is_not_answered_in_time_ends_with_4(run: Run, fake: Fake) -> None:
    late = httpx.Response(202, json={"status": "pending", "detail": "in the log"})
    fake.answers["POST", "/api/v2/market/books/H100.spot/halt"] = late
    ended = run("market", "halt", "H100.spot")
    assert ended.code == 4
    assert "gpubroker market books" in ended.err


def test_watch_looks_again_and_again(run: Run, fake: Fake) -> None:
    fake.answers["GET", "/api/v2/market/books/H100.ondemand/depth"] = DEPTH
    fake.answers["GET", "/api/v2/market/books/H100.ondemand/trades"] = TAPE
    ended = run("market", "watch", "H100.ondemand", "--every", "0.1", "--looks", "3")
    assert ended.code == 0
    assert "at sequence 41" in ended.out
    assert len(fake.requests) == 6


def test_sql_as_table_json_and_csv(run: Run, fake: Fake) -> None:
    def answer(request: httpx.Request) -> str:
        form = request.url.params["default_format"]
        return {
            "JSONCompactStrings": '{"meta": [{"name": "n"}], "data": [["42"]]}',
            "JSON": '{"data": [{"n": 42}]}',
            "CSVWithNames": '"n"\n42\n',
        }[form]

    class Answers(dict[tuple[str, str], Any]):
        def __missing__(self, _: tuple[str, str]) -> httpx.Response:
            return httpx.Response(200, text=answer(fake.last))

    fake.answers = Answers()
    assert run("sql", "select 42 as n").out.split() == ["n", "42"]
    assert run("sql", "select 42 as n", "--json").json == {"data": [{"n": 42}]}
    assert run("sql", "select 42 as n", "--csv").out == '"n"\n42\n'
    assert fake.last.headers["X-ClickHouse-User"] == "a"
    assert fake.last.content == b"select 42 as n"


def test_sql_with_a_format_of_its_own_is_printed_as_it_is(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/"] = httpx.Response(200, text="1\t2\n")
    assert run("sql", "select 1, 2 format TSV").out == "1\t2\n"


def test_sql_that_is_refused_tells_clickhouses_words(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/"] = httpx.Response(400, text="Code: 62. Syntax error")
    ended = run("sql", "selec")
    assert ended.code == 1
    assert "Syntax error" in ended.err


def test_sql_without_clickhouse_ends_with_3(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/"] = httpx.ConnectError("refused")
    assert run("sql", "select 1").code == 3


def test_status_where_no_market_ever_was(run: Run) -> None:
    assert "gpubroker up" in run("status").out
    assert run("status", "--json").json == {"items": [], "memory_bytes": 0, "message": ""}


def test_logs_of_an_unknown_server_end_with_3(run: Run) -> None:
    ended = run("logs", "nosuch")
    assert ended.code == 3
    assert "nosuch" in ended.err


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, ""), (9.9, "9 s"), (61, "1 min 1 s"), (7260, "2 h 1 min"), (90000, "1 d 1 h")],
)
def test_time_spans_for_people(seconds: float, told: str) -> None:
    assert local.uptime(seconds) == told
