"""A market that was stopped and started again is the market that it was."""

from typing import Any

import httpx
import pytest

import stack
from schemas.settings import Settings
from tests.story import Run, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

BOOK = "B200.ondemand"
IN_CLICKHOUSE = {
    "orders": "SELECT * FROM orders WHERE account_id IN ({}) ORDER BY order_id",
    "trades": "SELECT * FROM trades WHERE buyer_id IN ({}) ORDER BY trade_id",
    "nodes": "SELECT * FROM nodes WHERE account_id IN ({}) ORDER BY node_id",
}


def everything(run: Run) -> dict[str, Any]:
    """All that the market tells of the demo's provider and consumer, by every road."""
    roles = ("provider", "consumer")
    accounts = ", ".join(f"'{run('key', 'me', '--as', role)['account_id']}'" for role in roles)
    orders = {role: run("order", "list", "--as", role, "-l", "1000")["items"] for role in roles}
    depth = run("market", "depth", BOOK)
    return {
        "orders": orders,
        "each order": {
            order["id"]: run("order", "show", order["id"], "--as", role)
            for role in roles
            for order in orders[role]
        },
        "nodes": run("node", "list"),
        "depth": (depth["bids"], depth["asks"]),
        **{name: run("sql", sql.format(accounts))["data"] for name, sql in IN_CLICKHOUSE.items()},
    }


def register(market: Settings, subject: str) -> int:
    """The id that the registry has for a schema; a new one where it knows none."""
    schema = f'{{"type": "record", "name": "{subject}", "fields": []}}'
    url = f"{market.text('REGISTRY_URL')}/subjects/{subject}/versions"
    return int(httpx.post(url, json={"schema": schema}).raise_for_status().json()["id"])


def test_down_and_up_leave_orders_holds_and_views_as_they_were(
    run: Run, market: Settings, listed_ask: dict[str, Any]
) -> None:
    bid = ("order", "place", "bid", "B200", "--duration", "24h")
    filled = run(*bid, "--quantity", "1", "--price", "2.60")
    resting = run(*bid, "--quantity", "2", "--price", "1.00")
    eventually(lambda: [t for t in everything(run)["trades"] if t["bid_order_id"] == filled["id"]])
    before = everything(run)
    ids = {name: register(market, name) for name in ("alpha", "beta", "gamma")}
    assert len(set(ids.values())) == 3
    assert before["each order"][listed_ask["id"]]["remaining"] == 3
    assert before["each order"][resting["id"]]["status"] == "pending"

    stack.down(market, print)
    stack.up(market, progress=print)

    after = everything(run)
    for what, was in before.items():
        assert after[what] == was, what
    assert {name: register(market, name) for name in reversed(ids)} == ids
    url = f"{market.text('REGISTRY_URL')}/schemas/ids/{ids['beta']}"
    assert '"beta"' in httpx.get(url).raise_for_status().json()["schema"]
    assert register(market, "delta") not in ids.values()
    assert run("replay", "--book", BOOK)["equal"]
    last = run(*bid, "--quantity", "3", "--price", "2.60")
    eventually(lambda: run("order", "show", last["id"])["filled_quantity"] == 3)
    run("order", "cancel", resting["id"])
