"""Names that the whole system shares: ids of topics, machines and kinds, and the allowed words.

Types are `Literal`s so that a mistyped word fails the type check.
"""

from typing import Final, Literal

Side = Literal["bid", "ask"]
TimeInForce = Literal["GTC", "GTD", "IOC", "FOK"]
SelfTrade = Literal["cancel_newest", "cancel_oldest"]
Product = Literal["ondemand", "spot", "reserved"]
OrderStatus = Literal["pending", "partial", "filled", "cancelled", "rejected"]
CloseReason = Literal["user", "expired", "ioc", "fok", "self_trade", "capacity_lost"]
AuditOutcome = Literal["appended", "refused", "unknown"]
Health = Literal["healthy", "degraded", "offline", "unknown"]
ReadingStatus = Literal["healthy", "degraded", "offline"]
RollupScope = Literal["node", "cluster", "market"]
RejectCode = Literal[
    "ACCOUNT_SUSPENDED",
    "ACCOUNT_UNKNOWN",
    "AMEND_NO_CHANGE",
    "BOOK_HALTED",
    "CAPACITY_INSUFFICIENT",
    "LIMIT_NOTIONAL",
    "LIMIT_OPEN_ORDERS",
    "ORDER_BUSY",
    "ORDER_KEY_REUSED",
    "ORDER_NOT_OPEN",
    "POST_ONLY_WOULD_TRADE",
    "PROVIDER_NOT_VERIFIED",
]

ACCOUNTS_COMMANDS: Final = "accounts.commands"
AUDIT_LOG: Final = "audit.log"
BOOK_DEPTH: Final = "book.depth"
BOOKS_COMMANDS: Final = "books.commands"
BOOKS_SNAPSHOTS: Final = "books.snapshots"
DEAD_LETTERS: Final = "dead.letters"
INVENTORY_EVENTS: Final = "inventory.events"
NODES_COMMANDS: Final = "nodes.commands"
ORDERS_MATCHED: Final = "orders.matched"
PRICING_UPDATES: Final = "pricing.updates"
TELEMETRY_GPU: Final = "telemetry.gpu"
TELEMETRY_LATE: Final = "telemetry.late"
TELEMETRY_NODE: Final = "telemetry.node"
TELEMETRY_ROLLUPS: Final = "telemetry.rollups"

FACT_TOPICS: Final = {
    "order_created": "orders.created",
    "order_matched": "orders.matched",
    "order_closed": "orders.cancelled",
    "order_rejected": "orders.rejected",
    "order_amended": "orders.amended",
    "book_status": "market.status",
    "node_changed": "inventory.events",
}
"""The topic of each kind of fact (market-rules.md F)."""

TIMER: Final = "timer"
"""Source of the ticks that a machine's own timer appends (market-rules.md B3)."""
REGISTRY: Final = "registry"
"""Source of registrations that come through the outbox (market-rules.md B5)."""
