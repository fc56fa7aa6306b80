"""The state of one account and its rows; `udfs.admission` holds the rules that change it.

One row per open order, node, source and remembered order, and a header, so that a command writes
what it touches, not what the account owns (market-rules.md K8). Everything else in here is derived
from the rows when they are loaded.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import heapify, heappop, heappush
from json.encoder import encode_basestring as quoted
from sys import intern
from typing import Any, NamedTuple

from udfs.inventory import Inventory, Node, Part
from udfs.machine import MACHINE_ROWS, Row, Rows, decoded, truth

VERSION = 1
HEADER, ORDER, NODE, SOURCE, REMEMBERED = "a", "o", "n", "s", "r"
"""Kinds of rows; a key is `kind:id`."""
MEMORY_MS = 24 * 60 * 60 * 1000
"""How long a final order's id is remembered (O2)."""
TERMS = (
    "time_in_force",
    "expires_at_ms",
    "post_only",
    "min_fill",
    "self_trade",
    "min_duration_seconds",
    "available_until_ms",
)
"""Fields of an ask that only its book needs, kept to list it anew (K4)."""
SWEPT_AT_ONCE = 16
"""Forgotten orders whose rows one record removes at most, so that none pays for a quiet day."""

_text = json.JSONEncoder(separators=(",", ":")).encode


class Standing(NamedTuple):
    """Who an account is and what it may do: the fields of `SetAccount` (K1)."""

    provider: bool
    verified: bool
    suspended: bool
    max_open_orders: int
    max_notional_micros: int


class Amend(NamedTuple):
    """An amend on its way to the book, and what was reserved for it (K6)."""

    command_id: str
    quantity: int
    """The total that it asks for."""
    price_micros: int
    """The limit that it asks for."""
    gpus: int
    """GPUs held for it beyond what is open."""


@dataclass(slots=True)
class Order:
    """An order that was handed to its book and is open, as far as the book has told."""

    order_id: str
    side: str
    book_id: str
    region: str
    digest: str
    duration_seconds: int
    price_micros: int
    quantity: int
    """Its total, fills included."""
    remaining: int
    withdrawing: int = 0
    """GPUs whose withdrawal the book has not told of yet (K4)."""
    amend: Amend | None = None
    terms: dict[str, Any] = field(default_factory=dict)
    """An ask's `TERMS` that are not the default."""
    counted: int = 0
    """What the account counts for it as open notional; see `notional`."""

    @property
    def gpu_type(self) -> str:
        """The type of its GPUs (B1)."""
        return self.book_id.rpartition(".")[0]

    @property
    def need(self) -> int:
        """GPUs that an ask must hold: what is open, and what its amend reserved (K6)."""
        return self.remaining + (self.amend.gpus if self.amend else 0)

    def ask(self) -> dict[str, Any]:
        """An ask's fields as they are now, but its id and quantity."""
        return {
            "side": self.side,
            "book_id": self.book_id,
            "region": self.region,
            "duration_seconds": self.duration_seconds,
            "price_micros": self.price_micros,
            **self.terms,
        }

    def notional(self) -> int:
        """A bid's open notional, in micro-USD per hour x seconds, so 3600 times micro-USD (U4).

        Price x remaining x duration, never rounded. With an amend on its way it is the greater of
        what is and what would be, at every moment, so the limit holds whichever comes (K6).
        """
        if self.side != "bid":
            return 0
        worth = self.price_micros * self.remaining
        if self.amend:
            open_then = self.amend.quantity - (self.quantity - self.remaining)
            worth = max(worth, self.amend.price_micros * open_then)
        return worth * self.duration_seconds


class Account:
    """Everything that an account's machine knows."""

    __slots__ = (
        "_forgets",
        "account_id",
        "inventory",
        "notional",
        "now_ms",
        "orders",
        "remembered",
        "seq",
        "sources",
        "standing",
    )

    def __init__(self, account_id: str) -> None:
        self.account_id = account_id
        self.seq = 0
        """The last number given to a fact or a command to a book (B4)."""
        self.now_ms = 0
        """The machine's time (B3)."""
        self.standing: Standing | None = None
        """None until the registry has told of the account."""
        self.sources: dict[str, int] = {}
        self.orders: dict[str, Order] = {}
        self.notional = 0
        """Sum of `Order.counted`."""
        self.inventory = Inventory()
        self.remembered: dict[str, tuple[str, int]] = {}
        """Digest of each final order, and when it is forgotten (O2)."""
        self._forgets: list[tuple[int, str]] = []

    def digest(self, order_id: str) -> str | None:
        """The digest of an order that is open or remembered (O2)."""
        order = self.orders.get(order_id)
        if order:
            return order.digest
        digest, forgotten_at_ms = self.remembered.get(order_id, (None, 0))
        return digest if forgotten_at_ms > self.now_ms else None

    def recount(self, order: Order) -> None:
        """Bring the account's open notional up to date with an order that changed."""
        before, order.counted = order.counted, order.notional()
        self.notional += order.counted - before

    def remember(self, order_id: str, digest: str) -> None:
        """Remember the id of an order that became final now (O2)."""
        forgotten_at_ms = self.now_ms + MEMORY_MS
        self.remembered[order_id] = digest, forgotten_at_ms
        heappush(self._forgets, (forgotten_at_ms, order_id))

    def forget(self) -> list[str]:
        """Drop some of the orders whose time is over; their ids."""
        forgotten: list[str] = []
        while self._forgets and self._forgets[0][0] <= self.now_ms:
            if len(forgotten) == SWEPT_AT_ONCE:
                break
            at_ms, order_id = heappop(self._forgets)
            if self.remembered.get(order_id, ("", 0))[1] == at_ms:
                del self.remembered[order_id]
                forgotten.append(order_id)
        return forgotten


def load_account(account_id: str, rows: Rows) -> Account:
    """The account whose rows these are, in whatever order they come."""
    account = Account(account_id)
    for key, row in decoded(rows):
        kind, _, name = key.partition(":")
        _READERS[kind](account, name, row)
    account.inventory.changed.clear()
    heapify(account._forgets)
    return account


def weight(account: Account) -> int:
    """About how many rows it has, and what comes with any account."""
    held = len(account.orders) + len(account.inventory.nodes) + len(account.remembered)
    return MACHINE_ROWS + held + len(account.sources)


def header_row(account: Account) -> Row:
    """The row of what there is once an account."""
    return Row(_header_text, (account.seq, account.now_ms, account.standing))


def source_row(seq: int) -> Row:
    """The row of a source: the last sequence applied."""
    return Row(str, (seq,))


def order_row(order: Order) -> Row:
    """The row of an open order; the terms of an ask come last, if there are any."""
    return Row(
        _order_text,
        (
            order.side,
            order.book_id,
            order.region,
            order.digest,
            order.duration_seconds,
            order.price_micros,
            order.quantity,
            order.remaining,
            order.withdrawing,
            order.amend,
            order.terms,
        ),
    )


def node_row(node: Node) -> Row:
    """The row of a node: who holds and leases which of its slots, those as bits.

    What is to be listed anew comes last, where its owner asked for that (K4).
    """
    return Row(
        _node_text,
        (
            node.gpu_type,
            node.region,
            node.gpu_count,
            node.base_price_micros,
            node.surge_enabled,
            node.health,
            node.maintenance,
            node.removed,
            node.held.copy(),
            node.leases.copy(),
            _text(node.withdrawn) if node.relist else "",
        ),
    )


def remembered_row(account: Account, order_id: str) -> Row:
    """The row of a remembered order."""
    return Row(_remembered_text, account.remembered[order_id])


def _header_text(seq: int, now_ms: int, standing: Standing | None) -> str:
    return f"[{VERSION},{seq},{now_ms},{_standing_text(standing)}]"


def _order_text(
    side: str,
    book_id: str,
    region: str,
    digest: str,
    duration_seconds: int,
    price_micros: int,
    quantity: int,
    remaining: int,
    withdrawing: int,
    amend: Amend | None,
    terms: dict[str, Any],
) -> str:
    listed = f",{_text(terms)}" if terms else ""
    return (
        f"[{quoted(side)},{quoted(book_id)},{quoted(region)},{quoted(digest)},{duration_seconds},"
        f"{price_micros},{quantity},{remaining},{withdrawing},"
        f"{_text(amend) if amend else 'null'}{listed}]"
    )


def _node_text(
    gpu_type: str,
    region: str,
    gpu_count: int,
    base_price_micros: int,
    surge_enabled: bool,
    health: str,
    maintenance: bool,
    removed: bool,
    held: dict[str, int],
    leases: dict[str, Part],
    withdrawn: str,
) -> str:
    holding = ",".join(f"{quoted(order_id)}:{slots}" for order_id, slots in held.items())
    leasing = ",".join(
        f"{quoted(lease_id)}:[{part.slots},{part.ends_at_ms},{truth(part.impaired)}]"
        for lease_id, part in leases.items()
    )
    anew = f",true,{withdrawn}" if withdrawn else ""
    return (
        f"[{quoted(gpu_type)},{quoted(region)},{gpu_count},{base_price_micros},"
        f"{truth(surge_enabled)},{quoted(health)},{truth(maintenance)},{truth(removed)},"
        f"{{{holding}}},{{{leasing}}}{anew}]"
    )


def _remembered_text(digest: str, forgotten_at_ms: int) -> str:
    return f"[{quoted(digest)},{forgotten_at_ms}]"


@lru_cache(maxsize=4096)
def _standing_text(standing: Standing | None) -> str:
    return _text(standing)


def _read_header(account: Account, _: str, row: list[Any]) -> None:
    version, account.seq, account.now_ms, standing = row
    if version != VERSION:
        raise ValueError(f"rows of account {account.account_id}: version {version}, not {VERSION}")
    account.standing = Standing(*standing) if standing else None


def _read_order(account: Account, order_id: str, row: list[Any]) -> None:
    side, book_id, region, *rest = row
    order = Order(order_id, intern(side), intern(book_id), intern(region), *rest)
    order.amend = Amend(*order.amend) if order.amend else None
    account.orders[order_id] = order
    account.recount(order)


def _read_node(account: Account, node_id: str, row: list[Any]) -> None:
    gpu_type, region, *rest = row
    account.inventory.add(Node(node_id, intern(gpu_type), intern(region), *rest))


def _read_source(account: Account, source: str, seq: int) -> None:
    account.sources[source] = seq


def _read_remembered(account: Account, order_id: str, row: tuple[str, int]) -> None:
    digest, forgotten_at_ms = row
    account.remembered[order_id] = digest, forgotten_at_ms
    account._forgets.append((forgotten_at_ms, order_id))


_READERS: dict[str, Callable[[Account, str, Any], None]] = {
    HEADER: _read_header,
    ORDER: _read_order,
    NODE: _read_node,
    SOURCE: _read_source,
    REMEMBERED: _read_remembered,
}
