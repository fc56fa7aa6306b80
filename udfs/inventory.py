"""The GPUs of one account: what each of them is doing, and where the free ones are.

A set of a node's GPUs is an integer, bit `n` standing for slot `n`. Nothing here knows of orders'
prices, commands or facts; `udfs.admission` decides, this keeps every GPU in exactly one state
(market-rules.md K3).
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple

from sortedcontainers import SortedDict, SortedList

USABLE, DOUBTFUL, LOST = 0, 1, 2
"""What a node is good for: backing new asks (K2); keeping what it has (degraded or unknown);
nothing, so that its asks are withdrawn (K4). Trades take from the first, freeing from the last."""


class Part(NamedTuple):
    """A lease's GPUs on one node."""

    slots: int
    ends_at_ms: int
    impaired: bool
    """It started with a GPU of a node that was already lost (K4)."""


@dataclass(slots=True)
class Node:
    """A node and the state of each of its GPUs; whatever is neither held nor leased is idle."""

    node_id: str
    gpu_type: str
    region: str
    gpu_count: int
    base_price_micros: int = 0
    surge_enabled: bool = False
    health: str = "healthy"
    maintenance: bool = False
    removed: bool = False
    held: dict[str, int] = field(default_factory=dict)
    """Slots by the ask that holds them."""
    leases: dict[str, Part] = field(default_factory=dict)
    relist: bool = False
    """What its failing health takes out of asks is to be listed anew (K4)."""
    withdrawn: dict[str, dict[str, Any]] = field(default_factory=dict)
    """So taken out: by ask, what to list, in the words of an order."""
    idle: int = field(init=False)
    """Slots of no ask and no lease."""
    listed: int = field(init=False, default=0)
    """How many free GPUs its pool lists it with, 0 for not at all."""

    def __post_init__(self) -> None:
        self.leases = {lease_id: Part(*part) for lease_id, part in self.leases.items()}
        taken = sum(self.held.values()) + sum(part.slots for part in self.leases.values())
        self.idle = (1 << self.gpu_count) - 1 - taken

    @property
    def rank(self) -> int:
        """`USABLE`, `DOUBTFUL` or `LOST`: health and maintenance are told apart (K4)."""
        if self.removed or self.maintenance or self.health == "offline":
            return LOST
        return USABLE if self.health == "healthy" else DOUBTFUL

    @property
    def idle_state(self) -> str:
        """The state of its idle GPUs (K3)."""
        if self.maintenance and not self.removed:
            return "maintenance"
        return "offline" if self.rank == LOST else "available"

    @property
    def is_over(self) -> bool:
        """Removed, and no ask and no lease is left on it, so its row can go (K4)."""
        return self.removed and not self.held and not self.leases

    def counts(self) -> dict[str, int]:
        """GPUs in each state of K3."""
        held = sum(slots.bit_count() for slots in self.held.values())
        allocated = sum(part.slots.bit_count() for part in self.leases.values())
        idle = {"available": 0, "maintenance": 0, "offline": 0}
        idle[self.idle_state] = self.idle.bit_count()
        return {
            "available": idle["available"],
            "held": held,
            "allocated": allocated,
            "in_maintenance": idle["maintenance"],
            "offline": idle["offline"],
        }

    def states(self) -> list[str]:
        """Each slot's state: `available`, `held:ORDER`, `allocated:LEASE` and so on.

        The slots of a lease that started on lost GPUs read `allocated:LEASE:impaired` (K4).
        """
        texts = [self.idle_state] * self.gpu_count
        for order_id, slots in self.held.items():
            _mark(texts, slots, f"held:{order_id}")
        for lease_id, part in self.leases.items():
            mark = ":impaired" if part.impaired else ""
            _mark(texts, part.slots, f"allocated:{lease_id}{mark}")
        return texts


class Pool:
    """The usable nodes of one GPU type and region that have free GPUs, by how many."""

    __slots__ = ("_by_free", "free")

    def __init__(self) -> None:
        self.free = 0
        """Free GPUs of all of them."""
        self._by_free: Any = SortedDict()

    def move(self, node_id: str, before: int, after: int) -> None:
        """List a node with this many free GPUs instead of `before`; 0 is not listed."""
        self.free += after - before
        if before:
            nodes = self._by_free[before]
            nodes.remove(node_id)
            if not nodes:
                del self._by_free[before]
        if after and after in self._by_free:
            self._by_free[after].add(node_id)
        elif after:
            self._by_free[after] = SortedList([node_id])

    def choose(self, quantity: int) -> list[tuple[str, int]]:
        """Nodes and how many GPUs of each, at most `free` in all (K2).

        The node with the fewest free GPUs that still holds them all, else those with most first;
        ties by `node_id`.
        """
        position = self._by_free.bisect_left(quantity)
        if position < len(self._by_free):
            return [(self._by_free.peekitem(position)[1][0], quantity)]
        return list(self._most_free_first(quantity))

    def _most_free_first(self, wanted: int) -> Iterator[tuple[str, int]]:
        for free in reversed(self._by_free):
            for node_id in self._by_free[free]:
                yield node_id, min(free, wanted)
                wanted -= free
                if wanted <= 0:
                    return


class Backing:
    """The nodes behind one ask: the best first, the lost last."""

    __slots__ = ("gpus", "lost", "nodes")

    def __init__(self) -> None:
        self.nodes: list[tuple[int, str]] = []
        """Rank and `node_id`, sorted."""
        self.gpus = 0
        self.lost = 0
        """How many of them are on lost nodes."""

    def move(self, node_id: str, gpus: int, before: int, after: int) -> None:
        """A node went from one rank to another, with this many GPUs of the ask."""
        del self.nodes[bisect_left(self.nodes, (before, node_id))]
        insort(self.nodes, (after, node_id))
        self.lost += gpus * ((after == LOST) - (before == LOST))


class Inventory:
    """All nodes of an account. A change costs what it touches, not what the account owns (K8)."""

    __slots__ = ("_backings", "_ends", "_leases", "_pools", "changed", "nodes")

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.changed: dict[str, Node] = {}
        """Nodes changed since whoever reports them emptied this."""
        self._pools: defaultdict[tuple[str, str], Pool] = defaultdict(Pool)
        self._backings: defaultdict[str, Backing] = defaultdict(Backing)
        self._leases: dict[str, list[str]] = {}
        self._ends: list[tuple[int, str]] = []

    def add(self, node: Node) -> None:
        """Take a node in, with whatever it holds and leases."""
        self.nodes[node.node_id] = node
        for order_id, slots in node.held.items():
            self._back(order_id, node, slots)
        for lease_id, part in node.leases.items():
            self._lease(lease_id, part.ends_at_ms, node)
        self._touch(node)

    def drop(self, node: Node) -> None:
        """Forget a node that is over."""
        del self.nodes[node.node_id]

    def change(self, node: Node, **fields: Any) -> bool:
        """Set fields of a node; False if they were so already."""
        if all(getattr(node, name) == value for name, value in fields.items()):
            return False
        before = node.rank
        for name, value in fields.items():
            setattr(node, name, value)
        if node.rank != before:
            for order_id, slots in node.held.items():
                backing = self._backings[order_id]
                backing.move(node.node_id, slots.bit_count(), before, node.rank)
        self._touch(node)
        return True

    def free(self, gpu_type: str, region: str) -> int:
        """GPUs that an ask could hold now (K2)."""
        pool = self._pools.get((gpu_type, region))
        return pool.free if pool else 0

    def held(self, order_id: str) -> int:
        """GPUs behind an ask."""
        backing = self._backings.get(order_id)
        return backing.gpus if backing else 0

    def lost(self, order_id: str) -> int:
        """GPUs behind an ask that are on lost nodes (K4)."""
        backing = self._backings.get(order_id)
        return backing.lost if backing else 0

    def hold(self, order_id: str, gpu_type: str, region: str, quantity: int) -> None:
        """Put free GPUs behind an ask, chosen by K2; there must be so many."""
        for node_id, count in self._pools[gpu_type, region].choose(quantity):
            node = self.nodes[node_id]
            slots = _lowest(node.idle, count)
            self._back(order_id, node, slots)
            node.idle ^= slots
            node.held[order_id] = node.held.get(order_id, 0) | slots
            self._touch(node)

    def release(self, order_id: str, quantity: int) -> list[tuple[Node, int]]:
        """Free GPUs behind an ask, those of lost nodes first; how many of which node (K3, K4)."""
        freed = []
        for node, slots in self._take(order_id, quantity, position=-1):
            node.idle |= slots
            freed.append((node, slots.bit_count()))
            self._touch(node)
        return freed

    def allocate(self, order_id: str, lease_id: str, ends_at_ms: int, quantity: int) -> None:
        """Move GPUs behind an ask to a lease, those of healthy nodes first (K3)."""
        backing = self._backings[order_id]
        impaired = quantity > backing.gpus - backing.lost
        for node, slots in self._take(order_id, quantity, position=0):
            node.leases[lease_id] = Part(slots, ends_at_ms, impaired)
            self._lease(lease_id, ends_at_ms, node)
            self._touch(node)

    def end_leases(self, at_ms: int) -> None:
        """Free the GPUs of every lease that is over (K7)."""
        while self._ends and self._ends[0][0] <= at_ms:
            _, lease_id = heappop(self._ends)
            for node_id in self._leases.pop(lease_id):
                node = self.nodes[node_id]
                node.idle |= node.leases.pop(lease_id).slots
                self._touch(node)

    def next_end_ms(self) -> int | None:
        """When the next lease ends."""
        return self._ends[0][0] if self._ends else None

    def _back(self, order_id: str, node: Node, slots: int) -> None:
        backing = self._backings[order_id]
        entry = (node.rank, node.node_id)
        position = bisect_left(backing.nodes, entry)
        if position == len(backing.nodes) or backing.nodes[position] != entry:
            backing.nodes.insert(position, entry)
        backing.gpus += slots.bit_count()
        backing.lost += slots.bit_count() * (node.rank == LOST)

    def _take(self, order_id: str, quantity: int, position: int) -> Iterator[tuple[Node, int]]:
        backing = self._backings[order_id]
        assert quantity <= backing.gpus, f"{order_id} holds {backing.gpus} GPUs, not {quantity}"
        while quantity:
            rank, node_id = backing.nodes[position]
            node = self.nodes[node_id]
            slots = _lowest(node.held[order_id], quantity)
            node.held[order_id] ^= slots
            if not node.held[order_id]:
                del node.held[order_id]
                backing.nodes.pop(position)
            count = slots.bit_count()
            quantity -= count
            backing.gpus -= count
            backing.lost -= count * (rank == LOST)
            yield node, slots
        if not backing.gpus:
            del self._backings[order_id]

    def _lease(self, lease_id: str, ends_at_ms: int, node: Node) -> None:
        if lease_id not in self._leases:
            self._leases[lease_id] = []
            heappush(self._ends, (ends_at_ms, lease_id))
        self._leases[lease_id].append(node.node_id)

    def _touch(self, node: Node) -> None:
        """Note that a node changed, and list it in its pool with what is free on it now."""
        self.changed[node.node_id] = node
        free = node.idle.bit_count() if node.rank == USABLE else 0
        if free != node.listed:
            self._pools[node.gpu_type, node.region].move(node.node_id, node.listed, free)
            node.listed = free


def _lowest(slots: int, count: int) -> int:
    """The first `count` of these slots, or all."""
    if slots.bit_count() <= count:
        return slots
    chosen = 0
    for _ in range(count):
        slot = slots & -slots
        chosen |= slot
        slots ^= slot
    return chosen


def _mark(texts: list[str], slots: int, text: str) -> None:
    while slots:
        slot = slots & -slots
        texts[slot.bit_length() - 1] = text
        slots ^= slot
