"""What must hold once the market is at rest: every promise, each by a module of its own."""

from typing import TYPE_CHECKING

from tests.sim.agreement import check_clients, check_views
from tests.sim.replays import Replays
from tests.sim.told import Told
from udfs.audit.capacity import Capacity, check_nodes
from udfs.audit.conservation import Lives, check_open

if TYPE_CHECKING:
    from tests.sim.world import World


def check(world: "World") -> Replays:
    """See that everything holds that is promised; what the logs were replayed to, for later."""
    told = Told(world.broker)
    replays = Replays(told, world.jobs)
    replays.check()
    lives = Lives()
    for kind, fact in told.in_time():
        lives.apply(kind, fact)
    check_open(lives, replays.books, replays.accounts)
    capacity = _capacity(world, told, replays)
    check_views(world, told, lives, capacity.newest)
    check_clients(world, lives)
    return replays


def _capacity(world: "World", told: Told, replays: Replays) -> Capacity:
    """Trades by time, then what accounts told of their nodes."""
    capacity = Capacity(world.registry)
    for trade in sorted(told.of("order_matched"), key=lambda fact: fact["occurred_at_ms"]):
        capacity.trade(trade)
    for change in sorted(told.of("node_changed"), key=lambda fact: fact["account_seq"]):
        capacity.change(change)
    capacity.check(lambda account_id: replays.accounts[account_id].now_ms)
    check_nodes(capacity.newest, replays.accounts)
    return capacity
