"""What ClickHouse and Redis lost comes back from the log, while the market runs."""

from typing import Any

import httpx
import pytest
import redis
from typer.testing import CliRunner

from cli.__main__ import app
from cli.session import Session
from schemas.settings import Settings
from tests.story import Run, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

QUESTIONS = {
    "orders": "SELECT * FROM orders ORDER BY order_id",
    "trades": "SELECT * FROM trades ORDER BY trade_id",
    "nodes": "SELECT * FROM nodes ORDER BY node_id",
    "hours": "SELECT hour, gpu_type, trades, cost_micros FROM market_hours FINAL ORDER BY ALL",
    "days": "SELECT * EXCEPT version FROM seller_days FINAL ORDER BY ALL",
    "capacity": "SELECT * EXCEPT version FROM capacity_hours FINAL ORDER BY ALL",
}

SETTLED = """
    SELECT
        (SELECT sum(trades) FROM market_hours FINAL) = (SELECT count() FROM trades)
        AND (SELECT sum(trades) FROM seller_days FINAL) = (SELECT count() FROM trades)
        AND (SELECT sum(orders) FROM closing_hours FINAL)
            = (SELECT count() FROM orders_cancelled FINAL)
        AND (SELECT argMax(allocated, hour) FROM (
                SELECT hour, sum(allocated) AS allocated FROM capacity_hours FINAL GROUP BY hour))
            = (SELECT sum(allocated) FROM nodes) AS settled
"""


def answers(run: Run, market: Settings) -> dict[str, Any]:
    """All that the views tell of this market, by both roads."""
    orders = run("order", "list", "--as", "consumer", "-l", "1000")["items"]
    shown = [run("order", "show", order["id"], "--as", "consumer") for order in orders]
    for order in (*orders, *shown):  # Redis had the API's time of it, views have the book's
        order.pop("created_at")
        if order["status"] == "rejected":  # facts tell nothing else of it, Redis had the API's word
            kept = {name: order[name] for name in ("id", "status", "code", "detail")}
            order.clear()
            order.update(kept)
    told = {name: run("sql", sql)["data"] for name, sql in QUESTIONS.items()}
    return {**told, "listed": orders, "shown": shown, "node list": run("node", "list")}


def drop_everything(market: Settings) -> None:
    """As an operator's mistake would."""
    writer = (market.text("CLICKHOUSE_USER"), market.text("CLICKHOUSE_PASSWORD"))

    def clickhouse(statement: str) -> str:
        reply = httpx.post(market.text("CLICKHOUSE_URL"), content=statement, auth=writer)
        assert reply.status_code == 200, reply.text
        return reply.text

    views_first = "ORDER BY engine LIKE '%MergeTree'"
    stored = f"SELECT name FROM system.tables WHERE database = 'default' {views_first}"
    for table in clickhouse(stored).split():
        clickhouse(f"DROP TABLE {table} SYNC")
    redis.Redis.from_url(market.text("REDIS_URL")).flushall()


def test_dropped_views_are_rebuilt_to_the_same_answers(
    run: Run, market: Settings, listed_ask: dict[str, Any]
) -> None:
    bid = ("order", "place", "bid", "B200", "--duration", "24h")
    filled = run(*bid, "--quantity", "1", "--price", "2.60")
    resting = run(*bid, "--quantity", "2", "--price", "1.00")

    def is_settled() -> bool:
        """The trade is there, and in every aggregate; the daily one is made once a minute."""
        told = run("sql", f"SELECT 1 FROM trades WHERE bid_order_id = '{filled['id']}'")["data"]
        return bool(told) and run("sql", SETTLED)["data"] == [{"settled": 1}]

    eventually(is_settled, "the aggregates", 100)
    before = answers(run, market)
    drop_everything(market)

    result = CliRunner().invoke(app, ["views", "rebuild"], obj=Session(market))
    assert result.exit_code == 0, result.output

    after = answers(run, market)
    for what, was in before.items():
        assert after[what] == was, what
    run("order", "cancel", resting["id"])
    eventually(lambda: run("order", "show", resting["id"])["status"] == "cancelled")
