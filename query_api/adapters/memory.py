"""Every port in memory: the market's own machines on lists instead of logs.

For tests and for trying the API without servers. The machines are the real ones; what is missing is
delivery over topics and the timers that append ticks.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from query_api import order_rows
from query_api.adapters.memory_kpis import MemoryKpis
from query_api.adapters.rows import digest_in, held_digest, placed_over
from query_api.adapters.watches import Watches
from query_api.outbox import (
    change_command,
    from_registry,
    register_node,
    remove_node,
    set_account,
)
from query_api.ports import (
    AlreadyExists,
    OrderFilter,
    OutcomeUnknown,
    Ports,
    PriceFilter,
    Principal,
    ReadingFilter,
    Registered,
    Row,
    Slice,
    ToldFact,
    Unavailable,
    WindowFilter,
)
from query_api.quotas import LocalQuotas
from query_api.slots import LocalSlots
from schemas import contract, readings, views
from schemas.contract import Catalogue
from schemas.names import (
    ACCOUNTS_COMMANDS,
    AUDIT_LOG,
    BOOKS_COMMANDS,
    NODES_COMMANDS,
    TELEMETRY_GPU,
    TELEMETRY_NODE,
)
from schemas.views import Order
from udfs import admission, matching, node_health
from udfs.explain import explain
from udfs.telemetry import NODE_ITSELF


class MemoryClock:
    """A clock that moves when it is told to, or slept on."""

    def __init__(self, now_ms: int = 1_767_600_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def now_seconds(self) -> float:
        return self._now_ms / 1000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.advance(max(1, round(seconds * 1000)))

    def advance(self, ms: int) -> None:
        """Move the time on."""
        self._now_ms += ms


class MemoryMarket:
    """The logs, the machines, and the views of now and of everything."""

    def __init__(self, clock: MemoryClock) -> None:
        self.clock = clock
        self.log: list[tuple[str, str, Mapping[str, Any]]] = []
        self.away: set[str] = set()
        """Servers that cannot be reached."""
        self.held_back = False
        """Whether commands wait in the log instead of being applied."""
        self.watches, self.placements = Watches(clock), Watches(clock)
        self.rows: dict[str, dict[str, str]] = defaultdict(dict)
        self.trades: list[Row] = []
        self.cluster_utilization: dict[str, float] = {}
        self.prices: list[Row] = []
        """Every PriceUpdate, as the spot pricing job told them."""
        self.facts: list[ToldFact] = []
        self.on_fact: Callable[[str, Row], object] = _nobody
        """Told each fact, as its topic would be."""
        self.on_step: Callable[[str, Any], object] = _nobody
        """Told the log and the state of a machine that took a step."""
        self.on_reading: Callable[[str, Row], object] = _nobody
        """Told each reading and its topic."""
        self.on_audit: Callable[[Mapping[str, Any]], object] = bool
        """Told each entry of the audit log."""
        self._node_facts: dict[str, Row] = {}
        self._accounts: dict[str, Any] = {}
        self._books: dict[str, Any] = {}
        self._machines: dict[str, tuple[dict[str, Any], Any]] = {
            ACCOUNTS_COMMANDS: (self._accounts, admission.MACHINE),
            BOOKS_COMMANDS: (self._books, matching.MACHINE),
            NODES_COMMANDS: ({}, node_health.MACHINE),
        }
        self._waiting: deque[tuple[str, str, Mapping[str, Any]]] = deque()

    # The log

    async def append(self, topic: str, key: str, record: Mapping[str, Any]) -> None:
        if "kafka" in self.away:
            raise OutcomeUnknown("kafka")
        if topic == AUDIT_LOG:
            self.on_audit(record)
            return
        self.log.append((topic, key, record))
        self._waiting.append((topic, key, record))
        self.run()

    def run(self) -> None:
        """Apply what waits in the log, unless it is held back."""
        while self._waiting and not self.held_back:
            self._apply(*self._waiting.popleft())

    def _apply(self, topic: str, key: str, command: Mapping[str, Any]) -> None:
        if topic == ACCOUNTS_COMMANDS and command["kind"].startswith("order_"):
            self.watches.tell(command["kind"], command[command["kind"]])
        states, machine = self._machines[topic]
        state = states.setdefault(key, machine.empty(key))
        step = machine.apply(state, command, self.clock.now_ms())
        for fact in step.facts:
            self._project(fact.kind, dict(fact.record))
        self.on_step(topic, state)
        self._waiting.extend(step.commands)

    # The views

    def _project(self, kind: str, fact: Row) -> None:
        self.facts.append(ToldFact(kind, fact))
        self.on_fact(kind, fact)
        if kind in ("order_created", "order_rejected"):
            self.placements.tell(kind, fact)
        if kind in ("order_rejected", "book_status"):
            self.watches.tell(kind, fact)
        if kind == "node_changed":
            self._node_facts[fact["node_id"]] = fact
        if kind == "order_matched":
            self.trades.append(fact)
        for order_id, group, fields in order_rows.groups(kind, fact):
            order_rows.fold(self.rows[order_id], group, fact, fields)

    def _ask(self, server: str) -> None:
        if server in self.away:
            raise Unavailable(server)


class MemoryTelemetry:
    """The logs of readings, and what the views have of them."""

    def __init__(self, market: MemoryMarket) -> None:
        self._market = market
        self.log: list[tuple[str, Row]] = []
        self.rollups: list[Row] = []
        """What the rollup job made of it: here only what a test says."""

    async def append_all(self, node_id: str, told: Sequence[tuple[str, Row]]) -> None:
        if "kafka" in self._market.away:
            raise OutcomeUnknown("kafka")
        self.log += told
        for topic, reading in told:
            self._market.on_reading(topic, reading)

    def of_node(self, node_id: str, topic: str) -> list[Row]:
        """What its readings of a kind measured, each once, by time and GPU."""
        found = {
            _moment(reading): {
                name: value for name, value in reading.items() if name not in readings.LABELS
            }
            for told_on, reading in self.log
            if (told_on, reading["node_id"]) == (topic, node_id)
        }
        return [found[moment] for moment in sorted(found)]

    def newest(self, node_id: str) -> list[Row]:
        """The newest reading of each GPU, and of the node."""
        every = [
            reading
            for topic in (TELEMETRY_GPU, TELEMETRY_NODE)
            for reading in self.of_node(node_id, topic)
        ]
        return list({readings.field(reading): reading for reading in every}.values())


class MemoryLiveViews:
    """What Redis would hold."""

    def __init__(self, market: MemoryMarket, telemetry: MemoryTelemetry) -> None:
        self._market = market
        self._telemetry = telemetry

    async def readings(self, node_id: str) -> list[Row]:
        self._market._ask("redis")
        oldest = self._market.clock.now_ms() - readings.LIVE_MS
        return [each for each in self._telemetry.newest(node_id) if each["timestamp"] >= oldest]

    async def prices(self, gpu_types: Sequence[str], region: str) -> list[Row]:
        self._market._ask("redis")
        return _newest_prices(self._market.prices, gpu_types, region)

    async def order_row(self, order_id: str) -> dict[str, str]:
        self._market._ask("redis")
        return dict(self._market.rows.get(order_id, {}))

    async def order_rows(self, order_ids: Sequence[str]) -> list[dict[str, str]]:
        return [await self.order_row(order_id) for order_id in order_ids]

    async def digest(self, order_id: str, forgotten: str) -> str | None:
        return digest_in(await self.order_row(order_id), forgotten)

    async def place(self, order_id: str, forgotten: str, row: Mapping[str, str]) -> str | None:
        held = await self.order_row(order_id)
        self._market.rows[order_id] = placed_over(held, row, forgotten)
        return held_digest(held, forgotten)

    async def nodes(self, node_ids: Sequence[str]) -> list[Row | None]:
        self._market._ask("redis")
        return [self._market._node_facts.get(node_id) for node_id in node_ids]


class MemoryHistory:
    """What ClickHouse would hold."""

    def __init__(self, market: MemoryMarket, telemetry: MemoryTelemetry) -> None:
        self._market = market
        self._telemetry = telemetry

    async def readings(self, wanted: ReadingFilter) -> list[Row]:
        self._market._ask("clickhouse")
        found = [
            reading
            for reading in self._telemetry.of_node(wanted.node_id, wanted.topic)
            if wanted.from_ms <= reading["timestamp"] < wanted.to_ms
            and (wanted.after is None or _moment(reading) > wanted.after)
        ]
        return found[: wanted.limit]

    async def windows(self, wanted: WindowFilter) -> list[Row]:
        self._market._ask("clickhouse")
        found = {
            row["window_start_ms"]: row
            for row in sorted(self._telemetry.rollups, key=lambda row: int(row["samples"]))
            if (row["scope"], row["scope_id"]) == ("node", wanted.node_id)
            and row["window_seconds"] == wanted.seconds
            and max(wanted.from_ms, wanted.after_ms + 1) <= row["window_start_ms"] < wanted.to_ms
        }
        return [found[start_ms] for start_ms in sorted(found)][: wanted.limit]

    async def newest_readings(self, node_id: str) -> list[Row]:
        self._market._ask("clickhouse")
        return self._telemetry.newest(node_id)

    async def cluster_utilization(self, from_ms: int) -> Mapping[str, float]:
        self._market._ask("clickhouse")
        return self._market.cluster_utilization

    async def newest_prices(self, gpu_types: Sequence[str], region: str) -> list[Row]:
        self._market._ask("clickhouse")
        return _newest_prices(self._market.prices, gpu_types, region)

    async def prices(self, wanted: PriceFilter) -> tuple[list[Row], int]:
        self._market._ask("clickhouse")
        index = (wanted.gpu_type, wanted.region, wanted.product)
        finals = {
            update["window_start_ms"]: update
            for update in self._market.prices
            if update["is_final"]
            and (update["gpu_type"], update["region"], update["product"]) == index
            and wanted.from_ms <= update["window_start_ms"] < wanted.to_ms
        }
        before_ms = wanted.before_ms or wanted.to_ms
        starts = sorted((start for start in finals if start < before_ms), reverse=True)
        return [finals[start] for start in starts[: wanted.limit]], len(finals)

    async def order(self, order_id: str) -> Order | None:
        self._market._ask("clickhouse")
        row = self._market.rows.get(order_id, {})
        return None if views.is_provisional(row) else views.read_order(row)

    async def orders(self, wanted: OrderFilter) -> tuple[list[Order], int]:
        every = [await self.order(order_id) for order_id in list(self._market.rows)]
        fitting = sorted(
            (order for order in every if order is not None and _fits(order, wanted)),
            key=_place_in_list,
            reverse=True,
        )
        rest = [
            order
            for order in fitting
            if wanted.before is None or _place_in_list(order) < wanted.before
        ]
        return rest[: wanted.limit], len(fitting)

    async def traded_quantity(self, order: Order) -> int:
        return sum(trade["quantity"] for trade in self._trades_of(order))

    async def trades_of(self, order: Order, after_seq: int, limit: int) -> list[Row]:
        return [trade for trade in self._trades_of(order) if trade["book_seq"] > after_seq][:limit]

    async def trades_in(self, book_id: str, before_seq: int | None, limit: int) -> list[Row]:
        self._market._ask("clickhouse")
        found = [
            trade
            for trade in reversed(self._market.trades)
            if trade["book_id"] == book_id
            and (before_seq is None or trade["book_seq"] < before_seq)
        ]
        return found[:limit]

    async def trades_count(self, book_id: str | None = None) -> int:
        self._market._ask("clickhouse")
        return sum(book_id in (None, trade["book_id"]) for trade in self._market.trades)

    async def nodes(self, node_ids: Sequence[str]) -> list[Row | None]:
        self._market._ask("clickhouse")
        return [self._market._node_facts.get(node_id) for node_id in node_ids]

    def _trades_of(self, order: Order) -> list[Row]:
        self._market._ask("clickhouse")
        own = order["order_id"]
        return [
            trade
            for trade in self._market.trades
            if own in (trade["bid_order_id"], trade["ask_order_id"])
        ]


class MemoryMarketData:
    """What the market data service would tell: it looks at the same books."""

    def __init__(self, market: MemoryMarket) -> None:
        self._market = market
        self._snapshots: dict[str, Row] = {}

    async def books(self) -> list[Row]:
        self._market._ask("market_data")
        return [_summary(book) for book in self._market._books.values()]

    async def depth(
        self, book_id: str, levels: int, duration_seconds: int | None, region: str | None
    ) -> Row:
        book = self._book(book_id)
        sides: Row = {
            f"{side}s": [
                level._asdict()
                for level in matching.depth(book, side, levels, duration_seconds, region)
            ]
            for side in ("bid", "ask")
        }
        return {"book_id": book_id, "book_seq": book.seq, "halted": book.halted, **sides}

    async def preview(self, book_id: str, account_id: str, order: Mapping[str, Any]) -> Row:
        book = self._book(book_id)
        plan = matching.preview(book, account_id, order, self._market.clock.now_ms())
        fills = [{"price_micros": price, "quantity": quantity} for price, quantity in plan.fills]
        return {**plan._asdict(), "fills": fills, "book_seq": book.seq}

    async def resting(self, book_id: str, order_id: str) -> Row:
        book = self._book(book_id)
        return {"book_seq": book.seq, "remaining": matching.resting(book, order_id)}

    async def explain(self, book_id: str, order_id: str) -> Row:
        book, at_ms = self._book(book_id), self._market.clock.now_ms()
        found = explain(book, order_id, at_ms)
        return {
            "book_seq": book.seq,
            "halted": book.halted,
            "at_ms": max(book.now_ms, at_ms),
            "order": asdict(found) if found else None,
        }

    async def take_snapshots(self, book_id: str | None) -> Row:
        """Written as soon as asked for."""
        self._market._ask("market_data")
        now_ms = self._market.clock.now_ms()
        taken = [
            _snapshot(book, now_ms)
            for book in self._market._books.values()
            if book_id in (None, book.book_id)
        ]
        self._snapshots |= {each["book_id"]: each for each in taken}
        return {"asked_at_ms": now_ms, "snapshots": taken}

    async def snapshots(self) -> list[Row]:
        self._market._ask("market_data")
        return list(self._snapshots.values())

    def _book(self, book_id: str) -> Any:
        self._market._ask("market_data")
        return self._market._books.get(book_id) or matching.MACHINE.empty(book_id)


class MemoryRegistry:
    """Accounts, keys, providers, clusters and nodes, and a relay that is always quick enough."""

    def __init__(self, market: MemoryMarket) -> None:
        self._market = market
        self.relay_is_away = False
        self._keys: dict[str, Row] = {}
        self._accounts: dict[str, Row] = {}
        self._providers: dict[str, Row] = {}
        self._clusters: dict[str, Row] = {}
        self._nodes: dict[str, Row] = {}
        self._revoked: list[str] = []
        self._enrolled: set[str] = set()
        self._appended: set[Registered] = set()

    # Keys

    async def principal(self, key_hash: bytes) -> Principal | None:
        self._market._ask("postgres")
        key = next((key for key in self._keys.values() if key["key_hash"] == key_hash), None)
        if key is None:
            return self._enrolling(key_hash)
        return None if self._is_expired(key) else Principal.of(key)

    def _enrolling(self, token_hash: bytes) -> Principal | None:
        found = (node for node in self._nodes.values() if node["token_hash"] == token_hash)
        return next((Principal.enrolling(node["id"], node["account_id"]) for node in found), None)

    async def add_key(self, key: Row) -> None:
        self._keys[key["id"]] = {**key, "position": len(self._keys) + 1}

    async def enrol(self, key: Row) -> None:
        self._market._ask("postgres")
        if key["node_id"] not in self._nodes or key["node_id"] in self._enrolled:
            raise AlreadyExists(key["node_id"])
        self._enrolled.add(key["node_id"])
        await self.add_key(key)

    async def keys_of(self, account_id: str, page: Slice) -> tuple[list[Row], int]:
        return _sliced(self._keys.values(), page, account_id=account_id)

    async def revoke_key(self, key_id: str, account_id: str | None) -> bool:
        key = self._keys.get(key_id)
        if key is None or account_id not in (None, key["account_id"]):
            return False
        del self._keys[key_id]
        self._revoked.append(key_id)
        return True

    async def revoked(self, seconds: float) -> Collection[str]:
        """All that ever were: time does not pass by itself here."""
        self._market._ask("postgres")
        return self._revoked

    def _is_expired(self, key: Row) -> bool:
        at_ms = key["expires_at_ms"]
        return at_ms is not None and at_ms <= self._market.clock.now_ms()

    # Accounts and providers

    async def is_appended(self, registered: Registered) -> bool:
        return registered in self._appended

    async def account(self, account_id: str) -> Row | None:
        self._market._ask("postgres")
        return self._accounts.get(account_id)

    async def account_named(self, name: str, role: str) -> Row | None:
        found = (each for each in self._accounts.values() if each["name"] == name)
        return next((each for each in found if each["role"] == role), None)

    async def add_account(self, account: Row) -> Registered:
        self._accounts[account["id"]] = {**account, "last_seq": 0}
        return await self._set_account(account["id"])

    async def change_account(self, account_id: str, changes: Row) -> Registered | None:
        if account_id not in self._accounts:
            return None
        self._accounts[account_id].update(changes)
        return await self._set_account(account_id)

    async def provider(self, provider_id: str) -> Row | None:
        return self._providers.get(provider_id)

    async def provider_of(self, account_id: str) -> Row | None:
        own = (each for each in self._providers.values() if each["account_id"] == account_id)
        return next(own, None)

    async def providers(self, status: str | None, page: Slice) -> tuple[list[Row], int]:
        self._market._ask("postgres")
        return _sliced(self._providers.values(), page, **({"status": status} if status else {}))

    async def add_provider(self, provider: Row) -> None:
        if await self.provider_of(provider["account_id"]):
            raise AlreadyExists(provider["account_id"])
        self._providers[provider["id"]] = {**provider, "position": len(self._providers) + 1}

    async def set_provider_status(self, provider_id: str, status: str) -> Registered | None:
        if provider_id not in self._providers:
            return None
        self._providers[provider_id]["status"] = status
        return await self._set_account(self._providers[provider_id]["account_id"])

    # Clusters and nodes

    async def cluster(self, cluster_id: str) -> Row | None:
        return self._clusters.get(cluster_id)

    async def clusters_of(self, provider_id: str, page: Slice) -> tuple[list[Row], int]:
        rows, total = _sliced(self._clusters.values(), page, provider_id=provider_id)
        return [{**row, "nodes": self._node_sizes(row["id"])} for row in rows], total

    async def clusters_on_market(
        self, gpu_type: str | None, region: str | None, page: Slice
    ) -> tuple[list[Row], int]:
        self._market._ask("postgres")
        found = [
            {**cluster, "nodes": nodes}
            for cluster in self._clusters.values()
            if self._providers[cluster["provider_id"]]["status"] == "verified"
            and region in (None, cluster["region"])
            and (nodes := self._nodes_on_market(cluster["id"], gpu_type))
        ]
        return _sliced(found, page)

    async def add_cluster(self, cluster: Row) -> None:
        account_id = self._providers[cluster["provider_id"]]["account_id"]
        position = len(self._clusters) + 1
        self._clusters[cluster["id"]] = {**cluster, "account_id": account_id, "position": position}

    async def node(self, node_id: str) -> Row | None:
        self._market._ask("postgres")
        node = self._nodes.get(node_id)
        return node and {**node, "provider_id": self._clusters[node["cluster_id"]]["provider_id"]}

    async def nodes_of(
        self, account_id: str, cluster_id: str | None, page: Slice
    ) -> tuple[list[Row], int]:
        wanted = {"account_id": account_id} | ({"cluster_id": cluster_id} if cluster_id else {})
        return _sliced(self._nodes.values(), page, **wanted)

    async def add_node(self, node: Row) -> Registered:
        self._nodes[node["id"]] = {**node, "position": len(self._nodes) + 1}
        return await self._send(node["account_id"], register_node(node))

    async def change_node(self, node_id: str, changes: Row) -> Registered | None:
        node = self._nodes[node_id] = {**self._nodes[node_id], **changes}
        command = change_command(node, changes)
        return await self._send(node["account_id"], command) if command else None

    async def remove_node(self, node_id: str) -> Registered | None:
        node = self._nodes.pop(node_id, None)
        if node is None:
            return None
        own = [name for name, key in self._keys.items() if key["node_id"] == node_id]
        for name in own:
            await self.revoke_key(name, None)
        return await self._send(node["account_id"], remove_node(node_id))

    async def catalogue(self) -> Catalogue:
        self._market._ask("postgres")
        return contract.catalogue()

    def _nodes_on_market(self, cluster_id: str, gpu_type: str | None) -> dict[str, Row]:
        return {
            node["id"]: {"gpu_type": node["gpu_type"], "gpus": len(node["gpus"])}
            for node in self._nodes.values()
            if node["cluster_id"] == cluster_id and gpu_type in (None, node["gpu_type"])
        }

    def _node_sizes(self, cluster_id: str) -> dict[str, int]:
        own = (node for node in self._nodes.values() if node["cluster_id"] == cluster_id)
        return {node["id"]: len(node["gpus"]) for node in own}

    async def _set_account(self, account_id: str) -> Registered:
        provider = await self.provider_of(account_id)
        status = provider["status"] if provider else ""
        return await self._send(account_id, set_account(self._accounts[account_id], status))

    async def _send(self, account_id: str, command: Row) -> Registered:
        account = self._accounts[account_id]
        account["last_seq"] += 1
        registered = Registered(account_id, account["last_seq"])
        if not self.relay_is_away:
            record = from_registry(registered, command)
            await self._market.append(ACCOUNTS_COMMANDS, account_id, record)
            self._appended.add(registered)
        return registered


def memory_ports(clock: MemoryClock | None = None) -> tuple[Ports, MemoryMarket, MemoryRegistry]:
    """A market of its own in memory, and the ports to it."""
    market = MemoryMarket(clock or MemoryClock())
    registry = MemoryRegistry(market)
    telemetry = MemoryTelemetry(market)

    async def probe(server: str) -> None:
        market._ask(server)

    servers = ("postgres", "redis", "kafka", "clickhouse", "market_data", "registry")
    ports = Ports(
        clock=market.clock,
        log=market,
        telemetry=telemetry,
        facts=market.watches,
        live=MemoryLiveViews(market, telemetry),
        history=MemoryHistory(market, telemetry),
        kpis=MemoryKpis(market.facts, market.prices, lambda: market._ask("clickhouse")),
        market_data=MemoryMarketData(market),
        keys=registry,
        registrations=registry,
        quotas=LocalQuotas(market.clock.now_seconds),
        slots=LocalSlots(),
        samples=market.placements,
        probes={server: lambda server=server: probe(server) for server in servers},
    )
    return ports, market, registry


def _nobody(_: str, __: Any) -> None:
    """Nobody listens."""


def _newest_prices(updates: Sequence[Row], gpu_types: Sequence[str], region: str) -> list[Row]:
    newest = {
        (update["gpu_type"], update["product"]): update
        for update in updates
        if update["gpu_type"] in gpu_types and update["region"] == region and not update["is_final"]
    }
    return list(newest.values())


def _moment(reading: Row) -> tuple[int, int]:
    return reading["timestamp"], reading.get("gpu_index", NODE_ITSELF)


def _fits(order: Order, wanted: OrderFilter) -> bool:
    status_fits = not wanted.statuses or order["status"] in wanted.statuses
    return order["account_id"] == wanted.account_id and status_fits


def _place_in_list(order: Order) -> tuple[int, str]:
    return order["created_at_ms"], order["order_id"]


def _sliced(rows: Iterable[Row], page: Slice, **wanted: str) -> tuple[list[Row], int]:
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    found.sort(key=lambda row: int(row["position"]), reverse=True)
    rest = [row for row in found if page.before is None or row["position"] < page.before]
    return rest[: page.limit], len(found)


def _snapshot(book: Any, now_ms: int) -> Row:
    return {
        "snapshot_id": str(uuid4()),
        "book_id": book.book_id,
        "book_seq": book.seq,
        "resting": len(book.orders),
        "hash": book.state_hash(),
        "partition": 0,
        "offset": book.seq,
        "parts": 1,
        "code": "memory",
        "written_at_ms": now_ms,
    }


def _summary(book: Any) -> Row:
    bid, ask = (next(iter(matching.depth(book, side, 1)), None) for side in ("bid", "ask"))
    return {
        "book_id": book.book_id,
        "book_seq": book.seq,
        "halted": book.halted,
        "resting": len(book.orders),
        "best_bid_micros": bid and bid.price_micros,
        "best_ask_micros": ask and ask.price_micros,
        "bid_quantity": bid.quantity if bid else 0,
        "ask_quantity": ask.quantity if ask else 0,
    }
