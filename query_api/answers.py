"""What clients are told: the shape of every answer, and how rows become it.

Prices are decimal strings in USD: limits with 4 decimals, trades and averages with 6.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, cast

from pydantic import Field
from typing_extensions import TypedDict

from query_api import times
from query_api.bodies import ProviderStatus, Role, Scope
from query_api.kpis import CapacityAt, Sold, SoldFilter, Standing
from query_api.ports import Row
from schemas.bounds import ROLLED_UP, STATISTICS
from schemas.names import Health, OrderStatus, ReadingStatus
from schemas.views import Order
from udfs import money
from udfs.telemetry import Code

Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
LimitUsd = Annotated[str, Field(pattern=r"^\d+\.\d{4}$")]
TradeUsd = Annotated[str, Field(pattern=r"^\d+\.\d{6}$")]


class PlacedOrder(TypedDict):
    """An order that is in the log."""

    order_id: Id
    status: OrderStatus
    created_at: Time


class ToldOrder(TypedDict):
    """An order. One that its account refused may have null where nothing is known any more."""

    id: Id
    account_id: Id
    type: Literal["bid", "ask"] | None
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
    status: OrderStatus
    filled_quantity: int
    avg_price: TradeUsd | None
    remaining: int
    reason: str | None
    code: str | None
    detail: str | None
    book_seq: int | None
    created_at: Time
    updated_at: Time


class ToldTrade(TypedDict):
    """A trade, as a party to it sees it."""

    id: Id
    order_id: Id
    type: Literal["bid", "ask"]
    buyer_id: Id
    seller_id: Id
    book_id: str
    gpu_type: str
    product: str
    region: str
    quantity: int
    price: TradeUsd
    duration_hours: int
    cost: TradeUsd
    executed_at: Time


class TapeTrade(TypedDict):
    """A trade, as everybody sees it."""

    id: Id
    book_id: str
    book_seq: int
    quantity: int
    price: TradeUsd
    duration_hours: int
    region: str
    aggressor: str
    executed_at: Time


class Orders(TypedDict):
    """A page of orders, newest first."""

    items: list[ToldOrder]
    total: int
    next_cursor: str | None


class Trades(TypedDict):
    """A page of an order's trades, oldest first."""

    trades: list[ToldTrade]
    next_cursor: str | None


class Tape(TypedDict):
    """A page of a book's trades, newest first."""

    items: list[TapeTrade]
    total: int
    next_cursor: str | None


class Success(TypedDict):
    """It is done."""

    success: Literal[True]


class Accepted(TypedDict):
    """It is written down, and will have its effect; it is not known yet which."""

    status: Literal["pending"]
    detail: str


class Level(TypedDict):
    """A price level."""

    price: LimitUsd
    quantity: int
    orders: int


class Depth(TypedDict):
    """Price levels of a book, best first."""

    book_id: str
    book_seq: int
    bids: list[Level]
    asks: list[Level]


class Book(TypedDict):
    """A book, in short."""

    id: str
    book_seq: int
    status: Literal["open", "halted"]
    resting: int
    best_bid: LimitUsd | None
    best_ask: LimitUsd | None
    bid_quantity: int
    ask_quantity: int


class Books(TypedDict):
    """The books that have had an order, by name."""

    items: list[Book]
    total: int
    next_cursor: str | None


class ToldCatalogue(TypedDict):
    """What can be traded."""

    gpu_types: list[str]
    products: list[str]
    regions: list[str]


class Fill(TypedDict):
    """What would trade at one price."""

    price: TradeUsd
    quantity: int


class Preview(TypedDict):
    """What an order would do now."""

    fills: list[Fill]
    filled: int
    resting: int
    avg_price: TradeUsd | None
    cost: TradeUsd
    fee: TradeUsd
    """The part of the cost that the platform keeps; the seller gets the rest."""
    fee_basis_points: int
    limit_cost: TradeUsd
    """What all of it costs at its limit: the most for a bid, the least for an ask."""
    refused: str | None
    book_seq: int


class Amount(TypedDict):
    """So many orders, of so many GPUs together."""

    orders: int
    quantity: int


class Excluded(Amount):
    """Opposite orders that a rule keeps apart; `alone` are those that nothing else does."""

    alone: Amount


class ExcludedBy(TypedDict):
    """Opposite orders by what keeps them apart from the order; one may count several times."""

    price: Excluded
    duration: Excluded
    region: Excluded
    availability: Excluded
    own_account: Excluded
    expired: Excluded
    min_fill: Excluded


class Opposite(Amount):
    """The orders of the other side; at least so many, if `at_least`."""

    at_least: bool
    eligible: Amount
    """Those that no rule keeps apart: they would trade if the order were placed anew."""
    excluded: ExcludedBy


class Terms(TypedDict, total=False):
    """Fields of an order that are changed."""

    price: LimitUsd
    quantity: int
    min_fill: int
    duration_hours: int
    min_duration_hours: int
    region: str
    post_only: bool


class Change(TypedDict):
    """Other terms with which the order would trade at once, and how to give it them."""

    terms: Terms
    by: Literal["amend", "new_order"]
    filled: int


class Nearest(TypedDict):
    """The nearest change of each term alone that fills; null where none was found."""

    as_it_is: Change | None
    price: Change | None
    quantity: Change | None
    min_fill: Change | None
    duration: Change | None
    region: Change | None


class Better(Amount):
    """What rests at better prices, and is served first."""

    levels: int


class Position(TypedDict):
    """Where an order stands on its side; at least so much is ahead and better, if `at_least`."""

    orders: int
    quantity: int
    orders_ahead: int
    quantity_ahead: int
    share: float
    smallest_incoming: int
    better: Better
    at_least: bool


class Explanation(TypedDict):
    """Why an order rests, or why it does not; the last three are null if it does not."""

    order_id: Id
    status: OrderStatus
    rests: bool
    remaining: int
    reason: str | None
    code: str | None
    detail: str | None
    explanation: list[str]
    at: Time
    book_id: str | None
    book_status: Literal["open", "halted"] | None
    book_seq: int | None
    opposite: Opposite | None
    nearest: Nearest | None
    position: Position | None


class PriceIndex(TypedDict):
    """The trades of one product in one window."""

    product: str
    avg_price: TradeUsd | None
    min_price: TradeUsd | None
    max_price: TradeUsd | None
    stddev: float
    quantity: int
    value_per_hour: TradeUsd
    trades: int
    last_trade_at: Time | None


class SpotPrice(TypedDict):
    """What a GPU type costs in one region, or with null in all of them together."""

    gpu_type: str
    region: str | None
    spot_price: LimitUsd | None
    base_price: LimitUsd | None
    unchanged_since: Time | None
    allocated: int
    held: int
    available: int
    utilization: float
    telemetry_utilization: float | None
    as_of: Time
    window_start: Time
    products: list[PriceIndex]


class FeedsAddress(TypedDict):
    """Where the WebSocket feeds are."""

    url: str


class SpotPrices(TypedDict):
    """Prices by GPU type."""

    items: list[SpotPrice]


class PriceWindow(PriceIndex):
    """Five minutes of an index."""

    gpu_type: str
    region: str | None
    window_start: Time
    window_seconds: int
    spot_price: LimitUsd | None
    base_price: LimitUsd | None
    utilization: float
    telemetry_utilization: float | None


class PriceHistory(TypedDict):
    """A page of windows, newest first."""

    items: list[PriceWindow]
    total: int
    next_cursor: str | None


class PriceRange(TypedDict):
    """The lowest and the highest price of an expected fill."""

    low: TradeUsd
    high: TradeUsd


class CalculatedPrice(TypedDict):
    """What renting GPUs would cost now; null where the book has none of them to sell."""

    gpu_type: str
    product: str
    region: str | None
    quantity: int
    duration_hours: int
    limit_price: LimitUsd | None
    price_range: PriceRange | None
    avg_price: TradeUsd | None
    filled: int
    unfilled: int
    total: TradeUsd
    fee: TradeUsd
    fee_basis_points: int
    book_seq: int


class Figure(TypedDict):
    """A key figure: money as decimals, counts and shares as numbers; null where there is none."""

    unit: str
    value: TradeUsd | int | float | None
    value_24h_before: TradeUsd | int | float | None


class KeyFigures(TypedDict):
    """The seven."""

    trading_volume: Figure
    gpu_utilization: Figure
    avg_spot_price: Figure
    active_providers: Figure
    active_consumers: Figure
    order_fill_rate: Figure
    platform_revenue: NotRequired[Figure]
    """For administrators alone."""


class Dashboard(TypedDict):
    """How the market goes."""

    at: Time
    kpis: KeyFigures


class UsedGpus(TypedDict):
    """GPUs by state at the end of a step; `utilization` is the part that was leased."""

    at: Time
    available: int
    held: int
    allocated: int
    utilization: float | None


class Utilization(TypedDict):
    """How far GPUs were leased, oldest first; `at` is when a step began."""

    step: Literal["hour", "day"]
    items: list[UsedGpus]


class Earned(TypedDict):
    """What leases were sold for: `revenue` is what their buyers pay less the platform's fee."""

    day: NotRequired[str]
    provider: NotRequired[str]
    gpu_type: NotRequired[str]
    trades: int
    gpus: int
    gpu_hours: TradeUsd
    gross: TradeUsd
    fee: TradeUsd
    revenue: TradeUsd


Revenue = TypedDict(
    "Revenue",
    {
        "from": Time,
        "to": Time,
        "total_gross": TradeUsd,
        "total_fee": TradeUsd,
        "total_revenue": TradeUsd,
        "breakdown": list[Earned],
    },
)
"""What leases were sold for over some time, and its parts."""


class Match(TypedDict):
    """What a tick closed."""

    book_id: str
    book_seq: int
    closed: list[Id]


class BookStatus(TypedDict):
    """Whether a book takes orders (market-rules.md H1)."""

    book_id: str
    book_seq: int
    status: Literal["open", "halted"]


class AskedSnapshot(TypedDict):
    """A snapshot that will be written."""

    id: Id
    book_id: str


class AskedSnapshots(TypedDict):
    """Snapshots that will be written."""

    asked_at: Time
    items: list[AskedSnapshot]


class ToldSnapshot(TypedDict):
    """A snapshot of a book that is written, and the place in the book's log that it stands for."""

    id: Id
    book_id: str
    book_seq: int
    resting: int
    hash: str
    partition: int
    offset: int
    parts: int
    code: str
    written_at: Time


class Snapshots(TypedDict):
    """The newest snapshot of each book, by book."""

    items: list[ToldSnapshot]
    total: int
    next_cursor: str | None


class ToldLimits(TypedDict):
    """What an account may have open; no max_notional means no limit."""

    max_open_orders: int
    max_notional: LimitUsd | None


class CreatedAccount(TypedDict):
    """A new account."""

    account_id: Id


class Account(TypedDict):
    """An account."""

    id: Id
    name: str
    role: str
    suspended: bool
    limits: ToldLimits
    created_at: Time


class CreatedProvider(TypedDict):
    """A new provider."""

    provider_id: Id


class Provider(TypedDict):
    """A provider."""

    id: Id
    account_id: Id
    name: str
    company: str
    status: ProviderStatus
    created_at: Time


class Providers(TypedDict):
    """A page of providers, newest first."""

    items: list[Provider]
    total: int
    next_cursor: str | None


class CreatedCluster(TypedDict):
    """A new cluster."""

    cluster_id: Id


class Cluster(TypedDict):
    """A cluster with its GPUs."""

    id: Id
    provider_id: Id
    name: str
    region: str
    specs: dict[str, Any]
    total_gpus: int
    available_gpus: int
    created_at: Time


class Clusters(TypedDict):
    """A page of clusters, newest first."""

    items: list[Cluster]
    total: int
    next_cursor: str | None


class GpusOfType(TypedDict):
    """GPUs of a type in a cluster: listed ones are for sale in asks, available ones may be."""

    gpu_type: str
    total: int
    listed: int
    available: int
    allocated: int


class MarketCluster(TypedDict):
    """A cluster of a verified provider, as everybody sees it."""

    id: Id
    name: str
    region: str
    gpus: list[GpusOfType]


class MarketClusters(TypedDict):
    """A page of clusters, newest first."""

    items: list[MarketCluster]
    total: int
    next_cursor: str | None


class CreatedNode(TypedDict):
    """A new node; the token is told this once."""

    node_id: Id
    onboarding_token: str


class Gpu(TypedDict):
    """A GPU; one that is held by an ask is told as allocated, an offline one as maintenance."""

    id: Id
    model: str
    vram_gb: int
    cuda_version: str
    pcie_slot: str
    status: Literal["available", "allocated", "maintenance"]


class Node(TypedDict):
    """A node with its GPUs."""

    id: Id
    cluster_id: Id
    hostname: str
    ip_address: str
    gpus: list[Gpu]
    status: Literal["healthy", "degraded", "offline", "unknown", "maintenance"]
    base_price: LimitUsd | None
    surge_enabled: bool
    relist: bool
    created_at: Time


class Nodes(TypedDict):
    """A page of nodes, newest first."""

    items: list[Node]
    total: int
    next_cursor: str | None


class RefusedReading(TypedDict):
    """A reading that was not taken, by its place in the batch."""

    index: int
    code: Code
    detail: str


class TakenBatch(TypedDict):
    """What became of a batch; what was accepted is in the log."""

    accepted: int
    rejected: list[RefusedReading]


class ToldGpuReading(TypedDict):
    """What a GPU measured."""

    gpu_index: int
    timestamp: Time
    gpu_utilization: float
    memory_utilization: float
    temperature: float
    power_draw: float
    status: ReadingStatus


class ToldNodeReading(TypedDict):
    """What a node measured of itself."""

    timestamp: Time
    cpu_utilization: float
    memory_utilization: float
    disk_utilization: float
    network_receive_rate: float
    network_send_rate: float


class NowOfGpu(ToldGpuReading):
    """The newest reading of a GPU."""

    age_seconds: float


class NowOfNode(ToldNodeReading):
    """The newest reading of a node itself."""

    age_seconds: float


class NodeTelemetry(TypedDict):
    """The newest readings of a node; a GPU that never reported has none."""

    node_id: Id
    gpus: list[NowOfGpu]
    node: NowOfNode | None


class Statistics(TypedDict):
    """Of the readings of a window; the percentile lies between the two nearest."""

    mean: float
    p95: float
    max: float


class ToldWindow(TypedDict):
    """What the readings of a window of time say of all GPUs of a node."""

    timestamp: Time
    samples: int
    gpu_utilization: Statistics
    memory_utilization: Statistics
    temperature: Statistics
    power_draw: Statistics


class Readings(TypedDict):
    """A page of readings, or of windows of them, oldest first; `step` says which."""

    step: Literal["raw", "10s", "1m"]
    metrics: list[ToldGpuReading | ToldNodeReading | ToldWindow]
    next_cursor: str | None


class CreatedKey(TypedDict):
    """A new API key; the key is told this once."""

    key_id: Id
    key: str
    prefix: str


class Key(TypedDict):
    """An API key."""

    id: Id
    account_id: Id
    name: str
    prefix: str
    node_id: Id | None
    roles: list[Role]
    scopes: list[Scope]
    max_order_cost: LimitUsd | None
    expires_at: Time | None
    created_at: Time


class ToldKeys(TypedDict):
    """A page of API keys, newest first."""

    items: list[Key]
    total: int
    next_cursor: str | None


class Me(TypedDict):
    """Who calls."""

    account_id: Id
    name: str
    role: str
    suspended: bool
    provider_id: Id | None
    key_id: Id
    node_id: Id | None
    roles: list[Role]
    scopes: list[Scope]
    max_order_cost: LimitUsd | None
    expires_at: Time | None


def told_order(order: Order) -> ToldOrder:
    """An order as GET tells it."""
    gpu_type, _, product = order["book_id"].rpartition(".")
    filled = order["filled_quantity"]
    return {
        "id": order["order_id"],
        "account_id": order["account_id"],
        "type": _side(order["side"]),
        "book_id": order["book_id"] or None,
        "gpu_type": gpu_type or None,
        "product": product or None,
        "region": order["region"] or None,
        "quantity": order["quantity"] or None,
        "price": limit_usd(order["price_micros"]),
        "duration_hours": order["duration_seconds"] // 3600 or None,
        "time_in_force": order["time_in_force"] or None,
        "expires_at": times.told_if_set(order["expires_at_ms"]),
        "post_only": order["post_only"],
        "min_fill": order["min_fill"],
        "self_trade": order["self_trade"] or None,
        "min_duration_hours": order["min_duration_seconds"] // 3600,
        "available_until": times.told_if_set(order["available_until_ms"]),
        "status": order["status"],
        "filled_quantity": filled,
        "avg_price": money.average_usd(order["filled_value_micros"], filled),
        "remaining": order["remaining"],
        "reason": order["reason"] or None,
        "code": order["code"] or None,
        "detail": order["detail"] or None,
        "book_seq": order["book_seq"],
        "created_at": times.told(order["created_at_ms"]),
        "updated_at": times.told(order["updated_at_ms"]),
    }


def told_trade(trade: Row, order_id: str) -> ToldTrade:
    """A trade as the owner of this order sees it."""
    price, quantity, seconds = trade["price_micros"], trade["quantity"], trade["duration_seconds"]
    return {
        "id": trade["trade_id"],
        "order_id": order_id,
        "type": "bid" if trade["bid_order_id"] == order_id else "ask",
        "buyer_id": trade["buyer_id"],
        "seller_id": trade["seller_id"],
        "book_id": trade["book_id"],
        "gpu_type": trade["gpu_type"],
        "product": trade["product"],
        "region": trade["region"],
        "quantity": quantity,
        "price": money.trade_usd(price),
        "duration_hours": seconds // 3600,
        "cost": money.trade_usd(money.cost_micros(price, quantity, seconds)),
        "executed_at": times.told(trade["occurred_at_ms"]),
    }


def tape_trade(trade: Row) -> TapeTrade:
    """A trade as everybody sees it: without accounts and orders."""
    return {
        "id": trade["trade_id"],
        "book_id": trade["book_id"],
        "book_seq": trade["book_seq"],
        "quantity": trade["quantity"],
        "price": money.trade_usd(trade["price_micros"]),
        "duration_hours": trade["duration_seconds"] // 3600,
        "region": trade["region"],
        "aggressor": trade["aggressor"],
        "executed_at": times.told(trade["occurred_at_ms"]),
    }


def told_book(book: Row) -> Book:
    """A book, in short."""
    return {
        "id": book["book_id"],
        "book_seq": book["book_seq"],
        "status": _book_status(book["halted"]),
        "resting": book["resting"],
        "best_bid": limit_usd(book["best_bid_micros"]),
        "best_ask": limit_usd(book["best_ask_micros"]),
        "bid_quantity": book["bid_quantity"],
        "ask_quantity": book["ask_quantity"],
    }


def told_snapshot(head: Row) -> ToldSnapshot:
    """A snapshot of a book."""
    return {
        "id": head["snapshot_id"],
        "book_id": head["book_id"],
        "book_seq": head["book_seq"],
        "resting": head["resting"],
        "hash": head["hash"],
        "partition": head["partition"],
        "offset": head["offset"],
        "parts": head["parts"],
        "code": head["code"],
        "written_at": times.told(head["written_at_ms"]),
    }


def told_level(level: Row) -> Level:
    """A price level."""
    price = money.limit_usd(level["price_micros"])
    return {"price": price, "quantity": level["quantity"], "orders": level["orders"]}


def told_explanation(order: Order, told: Row | None, at_ms: int) -> Explanation:
    """Why an order rests, from what its book told; `explanation` is still empty."""
    resting: Row | None = told and told["order"]
    return {
        "order_id": order["order_id"],
        "status": order["status"],
        "rests": resting is not None,
        "remaining": resting["remaining"] if resting else order["remaining"],
        "reason": order["reason"] or None,
        "code": order["code"] or None,
        "detail": order["detail"] or None,
        "explanation": [],
        "at": times.told(at_ms),
        "book_id": order["book_id"] or None,
        "book_status": _book_status(told["halted"]) if told else None,
        "book_seq": told["book_seq"] if told else order["book_seq"],
        "opposite": _opposite(resting) if resting else None,
        "nearest": _nearest(resting["nearest"]) if resting else None,
        "position": _position(resting["position"], resting["remaining"]) if resting else None,
    }


def told_account(account: Row) -> Account:
    """An account."""
    return {
        "id": account["id"],
        "name": account["name"],
        "role": account["role"],
        "suspended": account["suspended"],
        "limits": {
            "max_open_orders": account["max_open_orders"],
            "max_notional": limit_usd(account["max_notional_micros"]),
        },
        "created_at": times.told(account["created_at_ms"]),
    }


def told_provider(provider: Row) -> Provider:
    """A provider, without what it told for the check of identity."""
    return {
        "id": provider["id"],
        "account_id": provider["account_id"],
        "name": provider["name"],
        "company": provider["company"],
        "status": provider["status"],
        "created_at": times.told(provider["created_at_ms"]),
    }


def told_cluster(cluster: Row, live: Mapping[str, Row | None]) -> Cluster:
    """A cluster; a node that the market has not told of yet counts as wholly available."""
    nodes: Mapping[str, int] = cluster["nodes"]
    facts = {node_id: live.get(node_id) for node_id in nodes}
    return {
        "id": cluster["id"],
        "provider_id": cluster["provider_id"],
        "name": cluster["name"],
        "region": cluster["region"],
        "specs": cluster["specs"],
        "total_gpus": sum(nodes.values()),
        "available_gpus": sum(
            fact["available"] if fact else nodes[node_id] for node_id, fact in facts.items()
        ),
        "created_at": times.told(cluster["created_at_ms"]),
    }


def told_market_cluster(cluster: Row, live: Mapping[str, Row | None]) -> MarketCluster:
    """A cluster without its owner; a node that the market has not told of counts as available."""
    nodes: Mapping[str, Row] = cluster["nodes"]
    by_type: dict[str, GpusOfType] = {}
    for node_id, node in nodes.items():
        gpu_type, fact = node["gpu_type"], live.get(node_id)
        gpus = by_type.setdefault(gpu_type, _no_gpus(gpu_type))
        gpus["total"] += node["gpus"]
        gpus["listed"] += fact["held"] if fact else 0
        gpus["available"] += fact["available"] if fact else node["gpus"]
        gpus["allocated"] += fact["allocated"] if fact else 0
    return {
        "id": cluster["id"],
        "name": cluster["name"],
        "region": cluster["region"],
        "gpus": [by_type[gpu_type] for gpu_type in sorted(by_type)],
    }


def told_node(node: Row, fact: Row | None) -> Node:
    """A node as registered, with the state of its GPUs as the market told it last."""
    slots = fact["slots"] if fact else []
    health: Health = fact["health"] if fact else "unknown"
    return {
        "id": node["id"],
        "cluster_id": node["cluster_id"],
        "hostname": node["hostname"],
        "ip_address": node["ip_address"],
        "gpus": [_gpu(gpu, _slot(slots, index)) for index, gpu in enumerate(node["gpus"])],
        "status": "maintenance" if node["maintenance"] else health,
        "base_price": limit_usd(node["base_price_micros"]),
        "surge_enabled": node["surge_enabled"],
        "relist": node["relist"],
        "created_at": times.told(node["created_at_ms"]),
    }


def told_key(key: Row) -> Key:
    """An API key, which nobody can tell any more."""
    return {
        "id": key["id"],
        "account_id": key["account_id"],
        "name": key["name"],
        "prefix": key["prefix"],
        "node_id": key["node_id"],
        "roles": sorted(key["roles"]),
        "scopes": sorted(key["scopes"]),
        "max_order_cost": limit_usd(key["max_order_cost_micros"]),
        "expires_at": times.told_if_set(key["expires_at_ms"]),
        "created_at": times.told(key["created_at_ms"]),
    }


def told_index(update: Row) -> PriceIndex:
    """The trades that a PriceUpdate tells of."""
    return {
        "product": update["product"],
        "avg_price": trade_usd(update["vwap_micros"]),
        "min_price": trade_usd(update["min_micros"]),
        "max_price": trade_usd(update["max_micros"]),
        "stddev": update["stddev_micros"] / money.MICROS,
        "quantity": update["volume_gpus"],
        "value_per_hour": money.trade_usd(update["volume_micros"]),
        "trades": update["trade_count"],
        "last_trade_at": times.told_if_set(update["last_trade_at_ms"]),
    }


def told_spot_price(updates: Sequence[Row]) -> SpotPrice:
    """The newest PriceUpdate of each product of one type and region."""
    newest = max(updates, key=lambda update: int(update["occurred_at_ms"]))
    return {
        "gpu_type": newest["gpu_type"],
        "region": newest["region"] or None,
        "spot_price": limit_usd(newest["spot_price_micros"]),
        "base_price": limit_usd(newest["base_price_micros"]),
        "unchanged_since": times.told_if_set(newest["unchanged_since_ms"]),
        "allocated": newest["allocated"],
        "held": newest["held"],
        "available": newest["available"],
        "utilization": newest["utilization"],
        "telemetry_utilization": _measured(newest),
        "as_of": times.told(newest["occurred_at_ms"]),
        "window_start": times.told(newest["window_start_ms"]),
        "products": [told_index(update) for update in updates],
    }


def told_price_window(update: Row) -> PriceWindow:
    """The final PriceUpdate of a window."""
    return {
        **told_index(update),
        "gpu_type": update["gpu_type"],
        "region": update["region"] or None,
        "window_start": times.told(update["window_start_ms"]),
        "window_seconds": update["window_seconds"],
        "spot_price": limit_usd(update["spot_price_micros"]),
        "base_price": limit_usd(update["base_price_micros"]),
        "utilization": update["utilization"],
        "telemetry_utilization": _measured(update),
    }


def told_reading(reading: Row) -> Row:
    """A reading, its time as times are told."""
    return {**reading, "timestamp": times.told(reading["timestamp"])}


def told_window(window: Row) -> Row:
    """A window from its row: its beginning as times are told, statistics by what was measured."""
    told = {
        name: {statistic: window[f"{name}_{statistic}"] for statistic in STATISTICS}
        for name in ROLLED_UP
    }
    began = times.told(window["window_start_ms"])
    return {"timestamp": began, "samples": window["samples"], **told}


def newest_reading(reading: Row, now_ms: int) -> Row:
    """The same with its age; a clock that is ahead does not make it negative."""
    age_ms = max(now_ms - reading["timestamp"], 0)
    return {**told_reading(reading), "age_seconds": age_ms / 1000}


def limit_usd(price_micros: int | None) -> str | None:
    """A limit in USD; None for none or 0."""
    return money.limit_usd(price_micros) if price_micros else None


def trade_usd(price_micros: int) -> str | None:
    """A price of trades in USD; None for 0, where there was none."""
    return money.trade_usd(price_micros) if price_micros else None


def _book_status(is_halted: bool) -> Literal["open", "halted"]:
    return "halted" if is_halted else "open"


def _opposite(resting: Row) -> Opposite:
    excluded = {
        reason: {**each["every"], "alone": each["alone"]}
        for reason, each in resting["excluded"].items()
    }
    return {
        **cast(Amount, resting["seen"]),
        "at_least": not resting["is_all"],
        "eligible": cast(Amount, resting["eligible"]),
        "excluded": cast(ExcludedBy, excluded),
    }


def _nearest(nearest: Row) -> Nearest:
    told = {
        name: change and {**change, "terms": _terms(change["terms"])}
        for name, change in nearest.items()
    }
    return cast(Nearest, told)


def _terms(terms: Row) -> Terms:
    """Fields of an order in the log as clients write them."""
    told: Row = {}
    for name, value in terms.items():
        if name == "price_micros":
            told["price"] = money.limit_usd(value)
        elif name.endswith("_seconds"):
            told[f"{name.removesuffix('_seconds')}_hours"] = value // money.SECONDS_PER_HOUR
        else:
            told[name] = value
    return cast(Terms, told)


def _position(position: Row, remaining: int) -> Position:
    level, ahead = position["level"], position["ahead"]
    return {
        "orders": level["orders"],
        "quantity": level["quantity"],
        "orders_ahead": ahead["orders"],
        "quantity_ahead": ahead["quantity"],
        "share": remaining / level["quantity"],
        "smallest_incoming": position["smallest_incoming"],
        "better": {**cast(Amount, position["better"]), "levels": position["better_levels"]},
        "at_least": not position["is_all"],
    }


def _measured(update: Row) -> float | None:
    mean: float = update["telemetry_utilization"]
    return None if mean < 0 else mean


def _no_gpus(gpu_type: str) -> GpusOfType:
    return {"gpu_type": gpu_type, "total": 0, "listed": 0, "available": 0, "allocated": 0}


def _gpu(gpu: Row, slot: str) -> Gpu:
    return {
        "id": gpu["id"],
        "model": gpu["model"],
        "vram_gb": gpu["vram_gb"],
        "cuda_version": gpu["cuda_version"],
        "pcie_slot": gpu["pcie_slot"],
        "status": _GPU_STATUS[slot.partition(":")[0]],
    }


def _slot(slots: Sequence[str], index: int) -> str:
    return slots[index] if index < len(slots) else "available"


def _side(side: str) -> Literal["bid", "ask"] | None:
    return "bid" if side == "bid" else "ask" if side == "ask" else None


_GPU_STATUS: Mapping[str, Literal["available", "allocated", "maintenance"]] = {
    "available": "available",
    "held": "allocated",
    "allocated": "allocated",
    "maintenance": "maintenance",
    "offline": "maintenance",
}


def _figures(standing: Standing, fee_basis_points: int) -> dict[str, str | int | float | None]:
    """The key figures by their names."""
    traded, spot = standing.activity, standing.spot
    return {
        "trading_volume": money.trade_usd(standing.value_micros),
        "gpu_utilization": standing.capacity.utilization,
        "avg_spot_price": money.average_usd(spot.value_micros, spot.gpus),
        "active_providers": traded.providers,
        "active_consumers": traded.consumers,
        "order_fill_rate": traded.fill_rate,
        "platform_revenue": money.trade_usd(money.fee_micros(traded.cost_micros, fee_basis_points)),
    }


UNITS = {
    "trading_volume": "USD/h",
    "gpu_utilization": "0 to 1",
    "avg_spot_price": "USD/GPU-hour",
    "active_providers": "accounts",
    "active_consumers": "accounts",
    "order_fill_rate": "0 to 1",
    "platform_revenue": "USD",
}


def told_dashboard(at_ms: int, now: Standing, before: Standing, fee_basis_points: int) -> Dashboard:
    """The key figures of now, beside those of 24 hours before."""
    values, values_before = (_figures(each, fee_basis_points) for each in (now, before))
    figures = {
        name: {"unit": unit, "value": values[name], "value_24h_before": values_before[name]}
        for name, unit in UNITS.items()
    }
    return {"at": times.told(at_ms), "kpis": cast(KeyFigures, figures)}


def told_utilization(found: Sequence[CapacityAt], step: Literal["hour", "day"]) -> Utilization:
    """How far GPUs were leased."""
    items: list[UsedGpus] = [
        {
            "at": times.told(at_ms),
            "available": capacity.available,
            "held": capacity.held,
            "allocated": capacity.allocated,
            "utilization": capacity.utilization,
        }
        for at_ms, capacity in found
    ]
    return {"step": step, "items": items}


def told_revenue(wanted: SoldFilter, sold: Sequence[Sold], fees: Sequence[int]) -> Revenue:
    """What leases were sold for, each part with its fee in micro-USD."""
    gross, fee = sum(each.cost_micros for each in sold), sum(fees)
    return {
        "from": times.told(wanted.from_ms),
        "to": times.told(wanted.to_ms),
        "total_gross": money.trade_usd(gross),
        "total_fee": money.trade_usd(fee),
        "total_revenue": money.trade_usd(gross - fee),
        "breakdown": [_earned(wanted, each, fee) for each, fee in zip(sold, fees, strict=True)],
    }


def _earned(wanted: SoldFilter, sold: Sold, fee_micros: int) -> Earned:
    hours = money.cost_micros(money.MICROS, 1, sold.gpu_seconds)
    told = {
        wanted.by: sold.key,
        "trades": sold.trades,
        "gpus": sold.gpus,
        "gpu_hours": money.trade_usd(hours),
        "gross": money.trade_usd(sold.cost_micros),
        "fee": money.trade_usd(fee_micros),
        "revenue": money.trade_usd(sold.cost_micros - fee_micros),
    }
    return cast(Earned, told)
