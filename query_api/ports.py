"""What the API needs of the world, as protocols; `bootstrap` chooses who provides it.

Every port raises `Unavailable` when its server cannot be reached, and nothing else for that.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from query_api.backlog import Backlog, Samples
from query_api.kpis import Kpis
from query_api.limits import LIMITS, Limits
from query_api.quotas import Bucket, Grant
from query_api.waiting_room import WaitingRoom
from schemas.contract import Catalogue
from schemas.views import Order
from udfs.telemetry import Node, Place

Row = dict[str, Any]
T = TypeVar("T")
CATALOGUE_SECONDS = 2.0
"""How long the catalogue is used before it is read again."""
REPORTER_SECONDS = 5.0
"""How long a node that reports is not looked up again: so long a removed one may go on."""


class Unavailable(Exception):
    """A server that is needed cannot be reached; the text is its name."""

    @property
    def dependency(self) -> str:
        return str(self)


class OutcomeUnknown(Unavailable):
    """The log did not confirm a record in time: it may or may not be in it."""


class AlreadyExists(Exception):
    """What may exist once exists already."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: one API key of an account, or the onboarding token of a node."""

    key_id: str
    account_id: str
    roles: frozenset[str]
    scopes: frozenset[str]
    expires_at_ms: int | None = None
    node_id: str | None = None
    """The node that the key is bound to."""
    max_order_cost_micros: int | None = None
    """What a bid of this key may cost at its limit, micro-USD; None for any amount."""

    @property
    def is_admin(self) -> bool:
        return "platform_admin" in self.roles

    @classmethod
    def of(cls, key: Row) -> Self:
        """Who the key of this row is."""
        roles, scopes = frozenset(key["roles"]), frozenset(key["scopes"])
        expires_at_ms, node_id = key["expires_at_ms"], key["node_id"]
        most = key["max_order_cost_micros"]
        return cls(key["id"], key["account_id"], roles, scopes, expires_at_ms, node_id, most)

    @classmethod
    def enrolling(cls, node_id: str, account_id: str) -> Self:
        """Who the onboarding token of a node is: somebody who may exchange it."""
        return cls(node_id, account_id, frozenset(), frozenset({"nodes:enrol"}), None, node_id)


class Clock(Protocol):
    """Where time comes from."""

    def now_ms(self) -> int: ...

    def now_seconds(self) -> float:
        """Monotonic, for deadlines."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class CommandLog(Protocol):
    """The logs of accounts and books."""

    async def append(self, topic: str, key: str, record: Mapping[str, Any]) -> None:
        """Return once the record is in the log.

        Raises:
            OutcomeUnknown: the log did not say so in time.
        """
        ...


class TelemetryLog(Protocol):
    """The logs of readings."""

    async def append_all(self, node_id: str, told: Sequence[tuple[str, Row]]) -> None:
        """Return once the readings, each with its topic, are all in the log.

        Raises:
            OutcomeUnknown: the log did not say so in time; some may be in it.
        """
        ...


class ToldFact(NamedTuple):
    """A fact that a watched command caused."""

    kind: str
    record: Mapping[str, Any]


class Watch(Protocol):
    """The facts of one command, from the moment on that the watch was asked for."""

    async def next(self, timeout_seconds: float) -> ToldFact | None:
        """The next fact; None when the time is over."""
        ...

    def arrived(self) -> ToldFact | None:
        """The next fact if it is here already."""
        ...


class Facts(Protocol):
    """Follows what machines answer."""

    def watch(self, command_id: str) -> AbstractAsyncContextManager[Watch]:
        """Watch a command; to be entered before the command is appended."""
        ...


class LiveViews(Protocol):
    """The views of now (Redis), in the layout of `schemas.views`; anything may have vanished."""

    async def order_row(self, order_id: str) -> dict[str, str]: ...

    async def order_rows(self, order_ids: Sequence[str]) -> list[dict[str, str]]: ...

    async def digest(self, order_id: str, forgotten: str) -> str | None:
        """The digest of an order's body; None if it closed before this stamp, or is not there."""
        ...

    async def place(self, order_id: str, forgotten: str, row: Mapping[str, str]) -> str | None:
        """Write a pending order's row where there is none (script `PLACE`).

        Returns the digest of the row that was there, empty for a row of facts alone; None if there
        was no row, or one of an order that closed before the stamp `forgotten`.
        """
        ...

    async def nodes(self, node_ids: Sequence[str]) -> list[Row | None]:
        """The newest NodeChanged of each node, None where there is none."""
        ...

    async def readings(self, node_id: str) -> list[Row]:
        """The newest readings of the node's GPUs, and of itself, of the last hour."""
        ...

    async def prices(self, gpu_types: Sequence[str], region: str) -> list[Row]:
        """The newest PriceUpdate of each product of these types; an empty region is all of them."""
        ...


class Slots(Protocol):
    """Remembers, for all processes, which slots of a GPU have a reading."""

    async def claim(self, node_id: str, places: Sequence[Place]) -> Collection[int]:
        """Claim these in their order; the positions of those that another reading has."""
        ...


class Quotas(Protocol):
    """Token buckets that all processes share."""

    async def take(self, buckets: Sequence[Bucket], wanted: int) -> Grant:
        """Take from all of them at once, as many as each has and at most what is wanted."""
        ...


class ReadingFilter(NamedTuple):
    """Which readings of a node, and from where on."""

    node_id: str
    topic: str
    from_ms: int
    to_ms: int
    """Not included."""
    limit: int
    after: tuple[int, int] | None = None
    """(timestamp, GPU index) of the last one told."""


class WindowFilter(NamedTuple):
    """Which windows of a node's readings, by their beginnings, and from where on."""

    node_id: str
    seconds: int
    """How long they are: 10 or 60."""
    from_ms: int
    to_ms: int
    """Not included."""
    limit: int
    after_ms: int = -1
    """The beginning of the last one told."""


class PriceFilter(NamedTuple):
    """Which windows of an index, and from where on."""

    gpu_type: str
    region: str
    """Empty for all together."""
    product: str
    from_ms: int
    to_ms: int
    """Not included."""
    limit: int
    before_ms: int | None = None
    """Start of the last one told."""


class OrderFilter(NamedTuple):
    """Which orders of an account, and from where on."""

    account_id: str
    statuses: tuple[str, ...]
    limit: int
    before: tuple[int, str] | None = None
    """(created_at_ms, order_id) of the last one told."""


class History(Protocol):
    """The views of everything (ClickHouse)."""

    async def order(self, order_id: str) -> Order | None: ...

    async def orders(self, wanted: OrderFilter) -> tuple[list[Order], int]:
        """A page, newest first, and how many there are of these statuses."""
        ...

    async def traded_quantity(self, order: Order) -> int: ...

    async def trades_of(self, order: Order, after_seq: int, limit: int) -> list[Row]:
        """Trades of the order, oldest first, after this sequence of its book."""
        ...

    async def trades_in(self, book_id: str, before_seq: int | None, limit: int) -> list[Row]:
        """Trades of a book, newest first, before this sequence."""
        ...

    async def trades_count(self, book_id: str | None = None) -> int: ...

    async def nodes(self, node_ids: Sequence[str]) -> list[Row | None]: ...

    async def readings(self, wanted: ReadingFilter) -> list[Row]:
        """Readings of a node by time and GPU index, each once."""
        ...

    async def newest_readings(self, node_id: str) -> list[Row]:
        """The newest readings of the node's GPUs, and of itself, however old."""
        ...

    async def windows(self, wanted: WindowFilter) -> list[Row]:
        """Windows of a node's readings by time: of each the result with most samples."""
        ...

    async def cluster_utilization(self, from_ms: int) -> Mapping[str, float]:
        """What the GPUs of each cluster measured in its newest minute, of those from then on."""
        ...

    async def newest_prices(self, gpu_types: Sequence[str], region: str) -> list[Row]:
        """The newest running PriceUpdate of each product of these types, of the last day."""
        ...

    async def prices(self, wanted: PriceFilter) -> tuple[list[Row], int]:
        """A page of final PriceUpdates, newest first, and how many there are of these times."""
        ...


class MarketData(Protocol):
    """The market data service; integers in micro-USD."""

    async def books(self) -> list[Row]: ...

    async def depth(
        self, book_id: str, levels: int, duration_seconds: int | None, region: str | None
    ) -> Row: ...

    async def preview(self, book_id: str, account_id: str, order: Mapping[str, Any]) -> Row: ...

    async def resting(self, book_id: str, order_id: str) -> Row:
        """What of an order rests in the book: `book_seq`; `remaining`, None if it does not."""
        ...

    async def explain(self, book_id: str, order_id: str) -> Row:
        """Why an order rests: `book_seq`, `halted`, `at_ms`, and `order`.

        The order is a `udfs.explain.Explanation`, or None if it does not rest in the book.
        """
        ...

    async def take_snapshots(self, book_id: str | None) -> Row:
        """Have a snapshot of a book, or of each, written soon: `asked_at_ms` and `snapshots`."""
        ...

    async def snapshots(self) -> list[Row]:
        """The newest snapshot of each book that has one, as `BookSnapshot` without rows."""
        ...


class Jobs(Protocol):
    """The streaming jobs."""

    async def ping(self) -> None:
        """Raise what went wrong if nobody can be asked about them."""
        ...

    async def states(self) -> list[Row]:
        """Each job's name, state and `started_at_ms`."""
        ...


class Slice(NamedTuple):
    """A part of a list whose rows have a `position`, newest first."""

    before: int | None
    limit: int


class Keys(Protocol):
    """API keys; only their hashes are known."""

    async def principal(self, key_hash: bytes) -> Principal | None:
        """Who a key, or the onboarding token of a node, is.

        None if it is unknown, revoked or expired; a token stays known when it was exchanged.
        """
        ...

    async def add_key(self, key: Row) -> None: ...

    async def enrol(self, key: Row) -> None:
        """Add the key of the node that it is bound to, in exchange for the onboarding token.

        Raises:
            AlreadyExists: the token was exchanged, or the node is removed.
        """
        ...

    async def keys_of(self, account_id: str, page: Slice) -> tuple[list[Row], int]:
        """The account's keys that are not revoked, newest first, and how many there are."""
        ...

    async def revoked(self, seconds: float) -> Collection[str]:
        """The ids of keys that were revoked in the last so many seconds."""
        ...

    async def revoke_key(self, key_id: str, account_id: str | None) -> bool:
        """Revoke; False if there is no such key (of this account, if one is given)."""
        ...


class Registered(NamedTuple):
    """What a registration made, and its number in its account's outbox."""

    account_id: str
    seq: int


class Registrations(Protocol):
    """Accounts, providers, clusters and nodes.

    What the market must learn is written together with a command for the account's log, numbered
    by the account (market-rules.md B5).
    """

    async def is_appended(self, registered: Registered) -> bool:
        """Whether the relay has appended it."""
        ...

    async def account(self, account_id: str) -> Row | None: ...

    async def account_named(self, name: str, role: str) -> Row | None: ...

    async def add_account(self, account: Row) -> Registered: ...

    async def change_account(self, account_id: str, changes: Row) -> Registered | None: ...

    async def provider(self, provider_id: str) -> Row | None: ...

    async def provider_of(self, account_id: str) -> Row | None: ...

    async def providers(self, status: str | None, page: Slice) -> tuple[list[Row], int]:
        """Providers of this status, or all, newest first, and how many there are."""
        ...

    async def add_provider(self, provider: Row) -> None:
        """Add it.

        Raises:
            AlreadyExists: the account has one.
        """
        ...

    async def set_provider_status(self, provider_id: str, status: str) -> Registered | None: ...

    async def cluster(self, cluster_id: str) -> Row | None: ...

    async def clusters_of(self, provider_id: str, page: Slice) -> tuple[list[Row], int]:
        """Newest first, each with its `nodes` (id to number of GPUs), and how many there are."""
        ...

    async def clusters_on_market(
        self, gpu_type: str | None, region: str | None, page: Slice
    ) -> tuple[list[Row], int]:
        """Clusters of verified providers with nodes (of this type, in this region), newest first.

        Each with its `nodes` (id to `gpu_type` and number of `gpus`), and how many there are.
        """
        ...

    async def add_cluster(self, cluster: Row) -> None: ...

    async def node(self, node_id: str) -> Row | None:
        """A node with its `gpus` in the order of their slots, `account_id` and `provider_id`."""
        ...

    async def nodes_of(
        self, account_id: str, cluster_id: str | None, page: Slice
    ) -> tuple[list[Row], int]:
        """Nodes of an account (and cluster), newest first, and how many there are."""
        ...

    async def add_node(self, node: Row) -> Registered: ...

    async def change_node(self, node_id: str, changes: Row) -> Registered | None:
        """Change hostname, ip_address, maintenance, base_price_micros, surge_enabled or relist.

        Returns None when the market need not know.
        """
        ...

    async def remove_node(self, node_id: str) -> Registered | None:
        """Remove it and revoke its keys; None if it is removed already."""
        ...

    async def catalogue(self) -> Catalogue: ...


class Cached(Generic[T]):
    """Something that is asked for often and changes seldom: asked again after a while.

    What was known last still serves while its server is away.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]], seconds: float, clock: Clock) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._asked_at_seconds = float("-inf")
        self._known: list[T] = []

    async def get(self) -> T:
        """What is known, at most `seconds` old if its server can be reached."""
        now = self._clock.now_seconds()
        if now - self._asked_at_seconds >= self._seconds:
            self._asked_at_seconds = now if self._known else self._asked_at_seconds
            await self._refresh()
            self._asked_at_seconds = now
        return self._known[0]

    async def _refresh(self) -> None:
        try:
            self._known = [await self._ask()]
        except Unavailable:
            if not self._known:
                raise


class CachedEach(Generic[T]):
    """The same for many things by their names; what there is not is asked for each time."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[T | None]],
        seconds: float,
        clock: Clock,
        most: int = 20_000,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._most = most
        self._known: dict[str, tuple[float, T]] = {}

    async def get(self, name: str) -> T | None:
        """What is known of this name, at most `seconds` old if its server can be reached."""
        now = self._clock.now_seconds()
        known = self._known.get(name)
        if known and now - known[0] < self._seconds:
            return known[1]
        try:
            found = await self._ask(name)
        except Unavailable:
            if known is None:
                raise
            return known[1]
        self._keep(name, found, now)
        return found

    def _keep(self, name: str, found: T | None, now: float) -> None:
        if found is None:
            self._known.pop(name, None)
            return
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[name] = (now, found)


class Reporter(NamedTuple):
    """A node that reports, and whose it is."""

    account_id: str
    node: Node

    @classmethod
    def of(cls, row: Row) -> Self:
        """The node of a row."""
        node = Node(
            row["id"],
            row["cluster_id"],
            row["provider_id"],
            row["region"],
            row["gpu_type"],
            len(row["gpus"]),
        )
        return cls(row["account_id"], node)


@dataclass(slots=True)
class Ports:
    """Everything that the endpoints use."""

    clock: Clock
    log: CommandLog
    telemetry: TelemetryLog
    facts: Facts
    live: LiveViews
    history: History
    kpis: Kpis
    market_data: MarketData
    keys: Keys
    registrations: Registrations
    quotas: Quotas
    slots: Slots
    samples: Samples
    limits: Limits = LIMITS
    fee_basis_points: int = 0
    """The platform's share of what a lease costs."""
    feeds_url: str = "ws://127.0.0.1:28050"
    """Where the feeds are, for clients."""
    probes: Mapping[str, "Probe"] = field(default_factory=dict)
    """A check of each server for /health, by the server's name."""
    lags: Callable[[], Awaitable[Sequence["Lag"]]] | None = None
    """How far readers of the log are behind."""
    on_order: Callable[[str], object] = str
    """Told the side of each order that was put into the log."""
    on_readings: Callable[[Mapping[str, int]], object] = bool
    """Told how many readings were accepted, and refused by each code."""
    on_revocation: Callable[[], object] = bool
    """Told when a key was revoked."""
    in_flight: Counter[str] = field(default_factory=Counter)
    """Commands of each account that are on their way into the log."""
    queues: Mapping[str, Callable[[], int]] = field(default_factory=dict)
    """How long the adapters' queues are, by name."""
    catalogue: Cached[Catalogue] = field(init=False)
    reporters: "CachedEach[Reporter]" = field(init=False)
    """Nodes that report, by id: they do so often, and change hardly ever."""
    backlog: Backlog = field(init=False)
    room: WaitingRoom = field(init=False)

    def __post_init__(self) -> None:
        self.catalogue = Cached(self.registrations.catalogue, CATALOGUE_SECONDS, self.clock)
        self.reporters = CachedEach(self._reporter, REPORTER_SECONDS, self.clock)
        target_seconds = self.limits.target_seconds
        self.backlog = Backlog(self.samples, self.clock.now_seconds, target_seconds)
        self.room = WaitingRoom(self.backlog)

    async def _reporter(self, node_id: str) -> "Reporter | None":
        row = await self.registrations.node(node_id)
        return Reporter.of(row) if row else None


class Probe(Protocol):
    """Raises what went wrong if its server cannot be used."""

    async def __call__(self) -> None: ...


class Lag(NamedTuple):
    """Records that a group of readers has not read yet."""

    group: str
    topic: str
    partition: int
    records: int
