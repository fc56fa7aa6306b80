"""docs/analytics.md: the analysts' gate lets its questions pass, and it names every table."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.contract import statements
from schemas import generate
from stack.analyst_gate import Gate
from stack.clickhouse_engine import Engine, Query
from tests.builders import ALICE, BOB, BOOK, amend, ask, bid, cancel
from tests.jobs.test_views import Market
from udfs.machine import Fact

PAGE = (Path(__file__).parents[2] / "docs" / "analytics.md").read_text()
QUESTIONS = dict(re.findall(r"### \d+\. (.+?)\n.*?```sql\n(.+?)```", PAGE, re.DOTALL))
TABLES = {
    "order_created": "orders_created",
    "order_amended": "orders_amended",
    "order_matched": "orders_matched",
    "order_closed": "orders_cancelled",
}
NODE = {"account_id": "a", "account_seq": 1, "node_id": "n", "gpu_type": "H100", "available": 1,
        "held": 1, "allocated": 2}  # fmt: skip
READING = {"node_id": "n", "gpu_index": 0, "gpu_type": "H100", "gpu_utilization": 0.5}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("analytics"))
    run = engine.write.query
    for statement in statements(generate.ddl_source()):
        run(plain(statement))
    now_ms = time.time_ns() // 1_000_000
    rows = [("inventory_events", {**NODE, "occurred_at_ms": now_ms})]
    rows += [("providers_telemetry", {**READING, "timestamp": now_ms / 1000})]
    rows += [(TABLES[kind], record) for kind, record in facts(now_ms)]
    for table, row in rows * 2:
        run(plain(f"INSERT INTO {table} FORMAT JSONEachRow {json.dumps(row)}"))
    for table in ("market_hours", "seller_days", "closing_hours", "capacity_hours"):
        run(plain(f"SYSTEM REFRESH VIEW {table}_refresh"))
        run(plain(f"SYSTEM WAIT VIEW {table}_refresh"))
    yield engine
    engine.close()


def facts(now_ms: int) -> list[Fact]:
    """A book in which an ask was lowered to 6, sold 4 of them and closed; a bid rests."""
    market = Market()
    market.at_ms = now_ms - 1_000
    market.does(
        ask(ALICE, "a", 9, 1_000_000),
        amend(ALICE, "a", quantity=6),
        bid(BOB, "b", 4, 1_200_000),
        cancel(ALICE, "a"),
        bid(BOB, "c", 3, 900_000),
    )
    return market.facts


def plain(text: str) -> Query:
    return Query(text, "JSONEachRow", {}, {}, "default")


def answer(engine: Engine, question: str) -> list[dict[str, Any]]:
    lane = engine.analyst
    told = lane.query(Gate().passed(lane, plain(QUESTIONS[question]))).body
    return [json.loads(line) for line in told.decode().splitlines()]


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == PAGE.count("```sql") == 10


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered(engine: Engine, question: str) -> None:
    assert answer(engine, question)


def test_answers_are_those_of_the_facts_each_once(engine: Engine) -> None:
    (volume,) = answer(engine, "What was traded, hour by hour")
    assert (int(volume["trades"]), int(volume["gpus"]), float(volume["volume_usd"])) == (1, 4, 4.4)
    (league,) = answer(engine, "Provider league")
    assert (league["trades"], league["share"]) in (("1", 1), (1, 1))
    (saved,) = answer(engine, "What the midpoint saved")
    assert (float(saved["buyers"]), float(saved["sellers"])) == (0.1, 0.1)
    resting = {
        (row["book_id"], row["side"]): int(row["resting"])
        for row in answer(engine, "Market depth over time")
    }
    assert resting == {(BOOK, "ask"): 0, (BOOK, "bid"): 3}
    (heat,) = answer(engine, "Utilisation heat map")
    assert heat["utilisation"] == 0.5
    (closed,) = answer(engine, "Why orders close unfilled")
    assert (closed["reason"], int(closed["orders"])) == ("user", 1)


def test_every_table_and_view_is_documented(engine: Engine) -> None:
    mine = "database = 'default' AND engine != 'MaterializedView'"
    listed = engine.write.query(plain(f"SELECT name FROM system.tables WHERE {mine}"))
    names = [json.loads(line)["name"] for line in listed.body.decode().splitlines()]
    assert len(names) > 15
    assert [name for name in names if f"`{name}`" not in PAGE] == []
