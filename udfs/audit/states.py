"""What must hold of a machine after each batch of its records."""

import traceback
from typing import Any

from udfs.account import Account
from udfs.audit.offence import equal, offend
from udfs.book import Book
from udfs.inventory import LOST, USABLE, Node


def check_account(account: Account) -> None:
    """INV3: each GPU is in one state, each ask is backed by what it has open (K2, K3)."""
    try:
        check(account)
    except AssertionError as error:
        broken = traceback.extract_tb(error.__traceback__)[-1].line
        offend("INV3", f"account {account.account_id}: {str(error) or broken}")


def check_book(book: Book) -> None:
    """M1 and the levels: nothing rests that is expired or filled, and sums are right."""
    resting = 0
    for side in ("bid", "ask"):
        for level in book.side(side):
            resting += len(level.orders)
            total = sum(order.remaining for order in level.orders.values())
            equal(
                "INV1", f"{book.book_id} {side} level {level.price_micros}", level.quantity, total
            )
    equal("INV1", f"{book.book_id}: orders on its levels", resting, len(book.orders))
    for order in book.orders.values():
        if order.remaining < 1 or 0 < order.expires_at_ms <= book.now_ms:
            offend("M1", f"{book.book_id} keeps {order} at {book.now_ms}")


def state(account: Account) -> dict[str, Any]:
    """All that an account knows, as plain values."""
    inventory = account.inventory
    return {
        "seq": account.seq,
        "now_ms": account.now_ms,
        "standing": account.standing,
        "sources": account.sources,
        "orders": account.orders,
        "notional": account.notional,
        "remembered": account.remembered,
        "nodes": inventory.nodes,
        "backings": {
            order_id: (backing.nodes, backing.gpus, backing.lost)
            for order_id, backing in inventory._backings.items()
        },
        "leases": {lease_id: sorted(nodes) for lease_id, nodes in inventory._leases.items()},
        "ends": sorted(inventory._ends),
        "pools": {key: pools(pool) for key, pool in inventory._pools.items() if pool.free},
    }


def pools(pool: Any) -> tuple[int, dict[int, list[str]]]:
    """What a pool lists: free GPUs, and its nodes by how many each has free."""
    return pool.free, {free: list(nodes) for free, nodes in pool._by_free.items()}


def check(account: Account) -> None:
    """Everything that holds after every record: each GPU in one state, each ask backed."""
    for node in account.inventory.nodes.values():
        check_node(node)
    check_asks(account)
    check_pools(account)
    assert account.notional == sum(order.notional() for order in account.orders.values())
    assert all(order.remaining > 0 for order in account.orders.values())
    assert not account.inventory.changed


def check_node(node: Node) -> None:
    """Each GPU is in exactly one state (K3)."""
    parts = [node.idle, *node.held.values(), *(part.slots for part in node.leases.values())]
    assert sum(parts) == (1 << node.gpu_count) - 1, "a GPU is in no state, or in more than one"
    assert sum(slots.bit_count() for slots in parts) == node.gpu_count
    assert all(parts[1:]), "an ask or lease without a GPU"
    assert sum(node.counts().values()) == node.gpu_count == len(node.states())
    assert not node.is_over


def check_asks(account: Account) -> None:
    """Each open ask holds what it has open, and nothing that is lost stays listed (K2, K4)."""
    held: dict[str, int] = {}
    lost: dict[str, int] = {}
    for node in account.inventory.nodes.values():
        for order_id, slots in node.held.items():
            held[order_id] = held.get(order_id, 0) + slots.bit_count()
            lost[order_id] = lost.get(order_id, 0) + slots.bit_count() * (node.rank == LOST)
    asks = {key: order for key, order in account.orders.items() if order.side == "ask"}
    assert held == {key: order.need for key, order in asks.items()}
    for order_id, ask in asks.items():
        assert account.inventory.held(order_id) == held[order_id]
        assert account.inventory.lost(order_id) == lost[order_id]
        assert ask.amend or lost[order_id] <= ask.withdrawing, "a lost GPU stays listed"


def check_pools(account: Account) -> None:
    """The pools list the free GPUs of usable nodes, and nothing else."""
    expected: dict[tuple[str, str], dict[int, list[str]]] = {}
    for node_id, node in sorted(account.inventory.nodes.items()):
        if node.rank == USABLE and node.idle:
            pool = expected.setdefault((node.gpu_type, node.region), {})
            pool.setdefault(node.idle.bit_count(), []).append(node_id)
    found = {key: pools(pool) for key, pool in account.inventory._pools.items() if pool.free}
    assert {key: by_free for key, (_, by_free) in found.items()} == expected
    for free, by_free in found.values():
        assert free == sum(count * len(nodes) for count, nodes in by_free.items())
