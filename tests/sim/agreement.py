"""INV4 and INV10: log, ClickHouse, Redis, the API's answers and its clients agree."""

from typing import TYPE_CHECKING

from schemas import views
from tests.sim.told import Told
from udfs.audit.agreement import compare_order, told_by_facts
from udfs.audit.conservation import OPEN, Lives
from udfs.audit.facts import Fact
from udfs.audit.offence import equal, offend

if TYPE_CHECKING:
    from tests.sim.world import World


def check_views(world: "World", told: Told, lives: Lives, nodes: dict[str, Fact]) -> None:
    """The same trades, orders and nodes wherever they are told."""
    trades = {fact["trade_id"]: fact for fact in told.of("order_matched")}
    equal("INV4", "trades in ClickHouse", world.clickhouse.trades(), trades)
    for order_id, life in lives.of.items():
        _check_order(world, order_id, life)
    equal("INV4", "nodes in ClickHouse", world.clickhouse.nodes(), nodes)
    for node_id, fact in nodes.items():
        row = world.redis.rows.get(views.node_key(node_id), {})
        equal("INV4", f"node {node_id} in Redis", views.read_node(row), fact)


def _check_order(world: "World", order_id: str, life: Fact) -> None:
    key = views.order_key(order_id)
    row = world.redis.rows.get(key, {})
    clickhouse = world.clickhouse.order(order_id)
    compare_order("the API", order_id, world.workers[0].read(order_id), life)
    compare_order("ClickHouse", order_id, clickhouse, life)
    if views.is_provisional(row) or key in world.redis.evicted:
        return
    redis = views.read_order(row)
    compare_order("Redis", order_id, redis, life)
    if clickhouse and redis and life["status"] != "rejected":
        both = told_by_facts(redis), told_by_facts(clickhouse)
        equal("INV4", f"{order_id} in Redis, beside ClickHouse,", *both)


def check_clients(world: "World", lives: Lives) -> None:
    """INV10: who got a 2xx finds the order; and a cancel that was done has closed it."""
    reader = world.workers[-1]
    for placement in world.clients.placements.values():
        if not placement.acknowledged:
            continue
        order_id = placement.order_id
        order = reader.read(order_id)
        if order is None or order["account_id"] != placement.account_id:
            offend("INV10", f"order {order_id} got a 2xx and is not found: {order}")
        if order_id not in lives.of:
            offend("INV10", f"order {order_id} got a 2xx and no fact tells of it")
        if reader.is_in_redis(order_id):
            world.clients.note_told(placement, order["status"])
    for intent in world.clients.done:
        life = lives.of.get(intent.placement.order_id, {"status": ""})
        was_cancelled = intent.kind == "cancel_order" and intent.status == 200
        if was_cancelled and not intent.placement.reused and life["status"] in OPEN:
            offend("C1", f"{intent.placement.order_id} was cancelled with 200 and is {life}")
