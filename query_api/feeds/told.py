"""What feeds tell: the shape of every notification, and how records become it.

Shapes and names are those of the HTTP answers (`query_api.answers`); the cursor, which each has, is
added where it is sent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from typing_extensions import TypedDict

from query_api import answers, times
from query_api.answers import Id, Level, LimitUsd, PriceIndex, TapeTrade, Time, TradeUsd
from query_api.ports import Row
from schemas.names import AuditOutcome, Health, ReadingStatus, RejectCode, Side
from schemas.views import Order
from udfs import money

Cause = Literal["created", "matched", "amended", "closed", "rejected"]
ResyncReason = Literal["too_old", "log_changed", "gap", "too_slow"]
NodeStatus = Literal["healthy", "degraded", "offline", "unknown", "maintenance"]


class Fill(TypedDict):
    """The trade that changed an order."""

    id: Id
    quantity: int
    price: TradeUsd
    executed_at: Time


class FeedOrder(TypedDict):
    """An order as GET tells it, with `order_id` for `id`; null where nothing is known any more."""

    order_id: Id
    account_id: Id
    type: Side | None
    book_id: str | None
    gpu_type: str | None
    product: str | None
    region: str | None
    quantity: int | None
    price: LimitUsd | None
    duration_hours: int | None
    time_in_force: str | None
    expires_at: Time | None
    post_only: bool
    min_fill: int
    self_trade: str | None
    min_duration_hours: int
    available_until: Time | None
    status: Literal["pending", "partial", "filled", "cancelled", "rejected"]
    filled_quantity: int
    avg_price: TradeUsd | None
    remaining: int
    reason: str | None
    code: str | None
    detail: str | None
    book_seq: int | None
    created_at: Time
    updated_at: Time


class OrderUpdate(FeedOrder):
    """An order after one of its facts."""

    cause: Cause
    trade: Fill | None


class OrdersSnapshot(TypedDict):
    """The open orders of an account, newest first."""

    orders: list[FeedOrder]
    truncated: bool


class OrderRefused(TypedDict):
    """A command that was refused, and changed no order."""

    order_id: Id
    command: str
    command_id: str
    code: RejectCode
    detail: str
    occurred_at: Time


class DepthSnapshot(TypedDict):
    """Every price level of a book, best first."""

    book_id: str
    status: Literal["open", "halted"]
    last_seq: int
    bids: list[Level]
    asks: list[Level]


class ChangedLevel(Level):
    """A price level as it is now; of quantity 0 if it is gone."""

    side: Side


class DepthUpdate(TypedDict):
    """The levels that changed between two sequences of the book."""

    book_id: str
    prev_seq: int
    last_seq: int
    levels: list[ChangedLevel]


class MarketStatus(TypedDict):
    """A book was halted or resumed."""

    book_id: str
    book_seq: int
    status: Literal["open", "halted"]
    occurred_at: Time


class Price(PriceIndex):
    """An index: one product of a GPU type in one region, or with null in all together."""

    gpu_type: str
    region: str | None
    spot_price: LimitUsd | None
    base_price: LimitUsd | None
    allocated: int
    held: int
    available: int
    utilization: float
    telemetry_utilization: float | None
    unchanged_since: Time | None
    as_of: Time
    window_start: Time
    window_seconds: int
    is_final: bool


class PricingSnapshot(TypedDict):
    """The newest of each index."""

    prices: list[Price]


class GpuNow(TypedDict):
    """What a GPU measured."""

    gpu_index: int
    timestamp: Time
    gpu_utilization: float
    memory_utilization: float
    temperature: float
    power_draw: float
    status: ReadingStatus


class NodeNow(TypedDict):
    """What a node measured of itself."""

    timestamp: Time
    cpu_utilization: float
    memory_utilization: float
    disk_utilization: float
    network_receive_rate: float
    network_send_rate: float


class NodeState(TypedDict):
    """What the market says of a node."""

    node_id: Id
    hostname: str
    gpu_type: str
    region: str
    status: NodeStatus
    maintenance: bool
    removed: bool
    available: int
    held: int
    allocated: int
    in_maintenance: int
    offline: int
    base_price: LimitUsd | None
    surge_enabled: bool


class NodeUpdate(NodeState):
    """The same, when it changed."""

    occurred_at: Time


class NodeWithReadings(NodeState):
    """The same, with the newest readings of its GPUs and of itself."""

    gpus: list[GpuNow]
    node: NodeNow | None


class TelemetrySnapshot(TypedDict):
    """Every node of a cluster."""

    cluster_id: Id
    nodes: list[NodeWithReadings]


class TelemetryReading(TypedDict):
    """The newest readings of a node's GPUs that told something since."""

    node_id: Id
    gpus: list[GpuNow]
    node: NodeNow | None


class JobState(TypedDict):
    """A streaming job."""

    name: str
    state: str
    started_at: Time | None


class BookState(TypedDict):
    """A book, in short."""

    book_id: str
    status: Literal["open", "halted"]
    resting: int
    book_seq: int


class Connections(TypedDict):
    """Who listens to the feeds."""

    total: int
    channels: dict[str, int]


class ControlState(TypedDict):
    """How the system is."""

    at: Time
    status: Literal["healthy", "degraded", "down"]
    dependencies: dict[str, Literal["connected", "unreachable"]]
    jobs: list[JobState] | None
    books: list[BookState] | None
    connections: Connections


class ControlAudit(TypedDict):
    """What an administrator did."""

    id: Id
    action: str
    subject: str
    actor: Id
    key_id: str
    outcome: AuditOutcome
    code: str | None
    occurred_at: Time


class Heartbeat(TypedDict):
    """The feed is alive, and how far it is behind the log."""

    at: Time
    behind_ms: int | None


class Resync(TypedDict):
    """What was told is not current any more, and cannot be made so by changes."""

    reason: ResyncReason
    detail: str


def told_order(order: Order) -> FeedOrder:
    """An order."""
    told: dict[str, Any] = dict(answers.told_order(order))
    return cast(FeedOrder, {"order_id": told.pop("id"), **told})


def told_update(order: Order, cause: Cause, trade: Row | None) -> OrderUpdate:
    """An order after a fact, of which it may be a trade."""
    return {**told_order(order), "cause": cause, "trade": _fill(trade) if trade else None}


def _fill(trade: Row) -> Fill:
    return {
        "id": trade["trade_id"],
        "quantity": trade["quantity"],
        "price": money.trade_usd(trade["price_micros"]),
        "executed_at": times.told(trade["occurred_at_ms"]),
    }


def told_refusal(fact: Row) -> OrderRefused:
    """A refusal that changed no order."""
    return {
        "order_id": fact["order_id"],
        "command": fact["command"],
        "command_id": fact["command_id"],
        "code": fact["code"],
        "detail": fact["detail"],
        "occurred_at": times.told(fact["occurred_at_ms"]),
    }


def told_depth_update(delta: Row) -> DepthUpdate:
    """Levels that changed."""
    return {
        "book_id": delta["book_id"],
        "prev_seq": delta["prev_seq"],
        "last_seq": delta["last_seq"],
        "levels": [{"side": each["side"], **answers.told_level(each)} for each in delta["levels"]],
    }


def told_market_status(fact: Row) -> MarketStatus:
    """A book's status."""
    return {
        "book_id": fact["book_id"],
        "book_seq": fact["book_seq"],
        "status": fact["status"],
        "occurred_at": times.told(fact["occurred_at_ms"]),
    }


def told_price(update: Row) -> Price:
    """An index as a PriceUpdate tells it."""
    window = answers.told_price_window(update)
    return {
        **window,
        "allocated": update["allocated"],
        "held": update["held"],
        "available": update["available"],
        "unchanged_since": times.told_if_set(update["unchanged_since_ms"]),
        "as_of": times.told(update["occurred_at_ms"]),
        "is_final": update["is_final"],
    }


def told_node(node: Row, fact: Row | None) -> NodeState:
    """A registered node as the market told it last, which may be nothing yet."""
    health: Health = fact["health"] if fact else "unknown"
    maintenance = fact["maintenance"] if fact else node["maintenance"]
    counts = fact or {"available": len(node["gpus"])}
    return {
        "node_id": node["id"],
        "hostname": node["hostname"],
        "gpu_type": node["gpu_type"],
        "region": node["region"],
        "status": "maintenance" if maintenance else health,
        "maintenance": maintenance,
        "removed": bool(fact and fact["removed"]),
        "available": counts["available"],
        "held": counts.get("held", 0),
        "allocated": counts.get("allocated", 0),
        "in_maintenance": counts.get("in_maintenance", 0),
        "offline": counts.get("offline", 0),
        "base_price": answers.limit_usd((fact or node)["base_price_micros"]),
        "surge_enabled": (fact or node)["surge_enabled"],
    }


def told_audit(entry: Row) -> ControlAudit:
    """What an administrator did."""
    return {
        "id": entry["audit_id"],
        "action": entry["action"],
        "subject": entry["subject"],
        "actor": entry["actor"],
        "key_id": entry["key_id"],
        "outcome": entry["outcome"],
        "code": entry["code"] or None,
        "occurred_at": times.told(entry["occurred_at_ms"]),
    }


SNAPSHOTS: Mapping[str, Mapping[str, type]] = {
    "orders": {"orders.snapshot": OrdersSnapshot},
    "telemetry": {"telemetry.snapshot": TelemetrySnapshot},
    "pricing": {"pricing.snapshot": PricingSnapshot},
    "market": {"depth.snapshot": DepthSnapshot},
    "admin": {"control.state": ControlState},
}
"""What each kind of feed tells first."""
CHANGES: Mapping[str, Mapping[str, type]] = {
    "orders": {"order.update": OrderUpdate, "order.refused": OrderRefused},
    "telemetry": {"telemetry.reading": TelemetryReading, "node.update": NodeUpdate},
    "pricing": {"price.update": Price},
    "market": {
        "depth.update": DepthUpdate,
        "market.trade": TapeTrade,
        "market.status": MarketStatus,
    },
    "admin": {"control.state": ControlState, "control.audit": ControlAudit},
}
"""What it tells then."""
ALWAYS: Mapping[str, type] = {"heartbeat": Heartbeat, "resync": Resync}
WITHOUT_CURSOR: Sequence[str] = ("resync",)
