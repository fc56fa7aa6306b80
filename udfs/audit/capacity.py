"""INV3: every trade has its GPUs until it ends, each in one lease, and there are so many."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Protocol

from udfs.account import Account
from udfs.audit.facts import Fact
from udfs.audit.offence import equal, offend

STATES = ("available", "held", "allocated", "in_maintenance", "offline")
SKEW_MS = 200
"""More than clocks differ by: what ends by one clock may be sold again by another a bit earlier."""
Market = tuple[str, str, str]
"""Seller, GPU type and region."""


class Registry(Protocol):
    """What was registered."""

    def gpu_count(self, node_id: str) -> int:
        """The GPUs of a node that there is or was, 0 if there never was one."""
        ...

    def gpus(self, account_id: str, gpu_type: str, region: str) -> int:
        """How many GPUs of a type an account has in a region, or had."""
        ...


class Capacity:
    """GPUs as their accounts tell of them, beside trades and registrations."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._trades: dict[str, Fact] = {}
        self._sold: dict[Market, _Sold] = defaultdict(_Sold)
        self._unproven: dict[str, Fact] = {}
        """Leases of a trade that nothing has told of yet, with the first NodeChanged of each."""
        self._leased: Counter[str] = Counter()
        """GPUs of each lease, as the newest facts of all nodes tell."""
        self.newest: dict[str, Fact] = {}
        """The last NodeChanged of each node."""

    def trade(self, fact: Fact) -> None:
        """The next trade, by time: at no instant are more GPUs sold than there are.

        Raises:
            Offence: there are not so many.
        """
        self._trades[fact["trade_id"]] = fact
        seller = self._unproven.pop(fact["trade_id"], None)
        market = fact["seller_id"], fact["gpu_type"], fact["region"]
        sold, there_are = self._sold[market].sell(fact), self._registry.gpus(*market)
        if seller:
            self._check_lease(seller, fact)
        if sold > there_are:
            offend("INV3", f"{sold} GPUs of {market} are sold with {fact}, of {there_are}")

    def change(self, fact: Fact) -> None:
        """The next NodeChanged of an account.

        Raises:
            Offence: it has other GPUs than were registered, sold, or leased before.
        """
        before = self.newest.get(fact["node_id"])
        self.newest[fact["node_id"]] = fact
        self._leased.subtract(_leases(before) if before else ())
        self._leased.update(_leases(fact))
        self._check_slots(fact)
        self._check_kept(before, fact)

    def check(self, now_ms: Callable[[str], int], settled_ms: int | None = None) -> None:
        """At rest: a lease that runs has as many GPUs as were sold, one that is over has none.

        Args:
            now_ms: the time of an account, by its id.
            settled_ms: what was sold, leased or ended since then may be on its way; without it,
                nothing.

        Raises:
            Offence: one has not, or a lease has no trade.
        """
        for lease_id, fact in self._unproven.items():
            if settled_ms is None or fact["occurred_at_ms"] < settled_ms:
                offend("INV3", f"{fact} leases GPUs for {lease_id}, which is no trade")
        for trade_id, trade in self._trades.items():
            end_ms = _end_ms(trade)
            runs = end_ms > now_ms(trade["seller_id"])
            since_ms = trade["occurred_at_ms"] if runs else end_ms
            if settled_ms is None or since_ms < settled_ms:
                expected = trade["quantity"] if runs else 0
                equal("INV3", f"GPUs leased for {trade}", self._leased[trade_id], expected)

    def forget(self, before_ms: int) -> None:
        """Leave out trades whose leases ended before then and have no GPU any more."""
        over = [
            trade_id
            for trade_id, trade in self._trades.items()
            if _end_ms(trade) < before_ms and not self._leased[trade_id]
        ]
        for trade_id in over:
            del self._trades[trade_id], self._leased[trade_id]

    def _check_slots(self, fact: Fact) -> None:
        """A node has the GPUs that were registered, each in one state, leased for real trades."""
        count = self._registry.gpu_count(fact["node_id"])
        equal("INV3", f"GPUs of {fact}", len(fact["slots"]), count)
        equal("INV3", f"states of {fact}", sum(fact[name] for name in STATES), count)
        for lease_id in _leases(fact):
            trade = self._trades.get(lease_id)
            if trade is None:
                self._unproven.setdefault(lease_id, fact)
            else:
                self._check_lease(fact, trade)

    def _check_lease(self, fact: Fact, trade: Fact) -> None:
        if trade["seller_id"] != fact["account_id"]:
            offend("INV3", f"{fact} leases GPUs for {trade}")
        if (trade["gpu_type"], trade["region"]) != (fact["gpu_type"], fact["region"]):
            offend("INV3", f"{fact} leases other GPUs than {trade}")

    def _check_kept(self, before: Fact | None, fact: Fact) -> None:
        """K7: no slot leaves its lease before the end."""
        for index, was in enumerate(before["slots"] if before else []):
            if was.startswith("allocated:") and fact["slots"][index] != was:
                trade = self._trades.get(was.split(":")[1])
                if trade and _end_ms(trade) > fact["occurred_at_ms"]:
                    offend("INV3", f"slot {index} of {fact} left {trade} before its end")


class _Sold:
    """What runs of one seller's GPUs of a type and region."""

    def __init__(self) -> None:
        self._ends: list[tuple[int, int]] = []
        self._gpus = 0

    def sell(self, trade: Fact) -> int:
        """How many GPUs are sold once this trade is made."""
        while self._ends and self._ends[0][0] <= trade["occurred_at_ms"]:
            self._gpus -= heappop(self._ends)[1]
        heappush(self._ends, (_end_ms(trade) - SKEW_MS, trade["quantity"]))
        self._gpus += trade["quantity"]
        return self._gpus


def check_nodes(newest: Mapping[str, Fact], accounts: Mapping[str, Account]) -> None:
    """What was told last of each node is what its account has."""
    for account in accounts.values():
        for node in account.inventory.nodes.values():
            told = newest[node.node_id]["slots"]
            equal("INV3", f"slots of {node.node_id}", told, node.states())


def _leases(fact: Fact) -> list[str]:
    """The lease of each allocated slot of a node."""
    return [slot.split(":")[1] for slot in fact["slots"] if slot.startswith("allocated:")]


def _end_ms(trade: Fact) -> int:
    end_ms: int = trade["occurred_at_ms"] + trade["duration_seconds"] * 1000
    return end_ms
