"""Accounts, keys and registrations in PostgreSQL.

What the market must learn is put into the outbox in the transaction that makes it so, numbered by
the counter of its account: whoever takes a number holds the account's row until the transaction
ends, so numbers become visible in their order.
"""

import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from query_api.outbox import change_command, from_registry, register_node, remove_node, set_account
from query_api.ports import AlreadyExists, Principal, Registered, Row, Slice, Unavailable
from schemas import contract
from schemas.contract import Catalogue

CHANNEL = "outbox"
"""Where the relay listens."""
TIMEOUT_SECONDS = 2.0
"""How long connecting, or waiting for a connection of the pool, may take."""
QUERY_SECONDS = 5.0
"""How long a statement may take before it is cancelled."""
Connection = Any
"""An asyncpg connection, of a pool or alone."""
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    # No connection, disk or memory is left.
    asyncpg.InsufficientResourcesError,
    # A deadlock, or a conflict with another transaction: nothing of ours was done.
    asyncpg.TransactionRollbackError,
    # It is a standby, or was told to write nothing.
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    # A connection whose server died while it was handed out again is in a state of its own.
    asyncpg.InternalClientError,
)


class Postgres:
    """The ports `Keys` and `Registrations`."""

    def __init__(self, pool: "asyncpg.Pool[Any]") -> None:
        self._pool = pool

    async def ping(self) -> None:
        """Raise if it cannot be used."""
        async with self._connection() as connection:
            await connection.execute("SELECT 1")

    # Keys

    async def principal(self, key_hash: bytes) -> Principal | None:
        row = await self._row(
            f"SELECT {_KEY} FROM auth_apikey WHERE key_hash = $1 AND revoked_at IS NULL "
            "AND (expires_at IS NULL OR expires_at > now())",
            key_hash,
        )
        return Principal.of(row) if row else await self._enrolling(key_hash)

    async def _enrolling(self, token_hash: bytes) -> Principal | None:
        row = await self._row(
            "SELECT id::text, account_id::text FROM providers_node "
            "WHERE token_hash = $1 AND removed_at IS NULL",
            token_hash,
        )
        return Principal.enrolling(row["id"], row["account_id"]) if row else None

    async def add_key(self, key: Row) -> None:
        async with self._connection() as connection:
            await _add_key(connection, key)

    async def enrol(self, key: Row) -> None:
        async with self._transaction() as connection:
            await connection.execute(_LOCK_NODE_ACCOUNT, key["node_id"])
            enrolled = await connection.fetchval(
                "UPDATE providers_node SET enrolled_at = $2 WHERE id = $1 "
                "AND enrolled_at IS NULL AND removed_at IS NULL RETURNING true",
                key["node_id"],
                _time(key["created_at_ms"]),
            )
            if not enrolled:
                raise AlreadyExists(key["node_id"])
            await _add_key(connection, key)

    async def keys_of(self, account_id: str, page: Slice) -> tuple[list[Row], int]:
        where = "FROM auth_apikey WHERE account_id = $1 AND revoked_at IS NULL"
        return await self._page(_KEY, where, page, account_id)

    async def revoked(self, seconds: float) -> Collection[str]:
        async with self._connection() as connection:
            rows = await connection.fetch(
                "SELECT id::text FROM auth_apikey "
                "WHERE revoked_at > now() - make_interval(secs => $1)",
                seconds,
            )
        return [row["id"] for row in rows]

    async def revoke_key(self, key_id: str, account_id: str | None) -> bool:
        row = await self._row(
            "UPDATE auth_apikey SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL "
            "AND ($2::uuid IS NULL OR account_id = $2) RETURNING id::text",
            key_id,
            account_id,
        )
        return row is not None

    # Accounts and providers

    async def is_appended(self, registered: Registered) -> bool:
        row = await self._row(
            "SELECT appended_at IS NOT NULL AS done FROM outbox WHERE account_id = $1 AND seq = $2",
            *registered,
        )
        return row is not None and row["done"]

    async def account(self, account_id: str) -> Row | None:
        return await self._row(f"SELECT {_ACCOUNT} FROM auth_account WHERE id = $1", account_id)

    async def account_named(self, name: str, role: str) -> Row | None:
        return await self._row(
            f"SELECT {_ACCOUNT} FROM auth_account WHERE name = $1 AND role = $2 "
            "ORDER BY created_at LIMIT 1",
            name,
            role,
        )

    async def add_account(self, account: Row) -> Registered:
        names = ("id", "name", "role", "suspended", "max_open_orders", "max_notional_micros")
        async with self._transaction() as connection:
            await connection.execute(
                "INSERT INTO auth_account (id, name, role, suspended, max_open_orders, "
                "max_notional_micros, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                *_values(account, *names),
                _time(account["created_at_ms"]),
            )
            return await _send_account(connection, account["id"])

    async def change_account(self, account_id: str, changes: Row) -> Registered | None:
        async with self._transaction() as connection:
            changed = await connection.fetchval(
                "UPDATE auth_account SET suspended = coalesce($2, suspended), "
                "max_open_orders = coalesce($3, max_open_orders), "
                "max_notional_micros = coalesce($4, max_notional_micros) "
                "WHERE id = $1 RETURNING true",
                account_id,
                *map(changes.get, ("suspended", "max_open_orders", "max_notional_micros")),
            )
            return await _send_account(connection, account_id) if changed else None

    async def provider(self, provider_id: str) -> Row | None:
        return await self._row(
            f"SELECT {_PROVIDER} FROM providers_provider WHERE id = $1", provider_id
        )

    async def provider_of(self, account_id: str) -> Row | None:
        return await self._row(
            f"SELECT {_PROVIDER} FROM providers_provider WHERE account_id = $1", account_id
        )

    async def providers(self, status: str | None, page: Slice) -> tuple[list[Row], int]:
        where = "FROM providers_provider WHERE ($1::text IS NULL OR status = $1)"
        return await self._page(_PROVIDER, where, page, status)

    async def add_provider(self, provider: Row) -> None:
        try:
            async with self._connection() as connection:
                await connection.execute(
                    "INSERT INTO providers_provider (id, account_id, name, company, kyc_data, "
                    "status, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    *_values(provider, "id", "account_id", "name", "company"),
                    _json(provider["kyc_data"]),
                    provider["status"],
                    _time(provider["created_at_ms"]),
                )
        except asyncpg.UniqueViolationError:
            raise AlreadyExists(provider["account_id"]) from None

    async def set_provider_status(self, provider_id: str, status: str) -> Registered | None:
        async with self._transaction() as connection:
            account_id = await connection.fetchval(
                "SELECT account_id::text FROM providers_provider WHERE id = $1", provider_id
            )
            if account_id is None:
                return None
            await _lock(connection, account_id)
            await connection.execute(
                "UPDATE providers_provider SET status = $2 WHERE id = $1", provider_id, status
            )
            return await _send_account(connection, account_id)

    # Clusters and nodes

    async def cluster(self, cluster_id: str) -> Row | None:
        return await self._row(
            f"SELECT {_CLUSTER}, p.account_id::text FROM providers_cluster c "
            "JOIN providers_provider p ON p.id = c.provider_id WHERE c.id = $1",
            cluster_id,
        )

    async def clusters_of(self, provider_id: str, page: Slice) -> tuple[list[Row], int]:
        columns = f"{_CLUSTER}, {_NODE_SIZES} AS nodes"
        where = "FROM providers_cluster c WHERE c.provider_id = $1"
        rows, total = await self._page(columns, where, page, provider_id)
        return [
            {**row, "specs": _read(row["specs"]), "nodes": _read(row["nodes"])} for row in rows
        ], total

    async def clusters_on_market(
        self, gpu_type: str | None, region: str | None, page: Slice
    ) -> tuple[list[Row], int]:
        columns = f"c.id::text, c.position, c.name, c.region, {_NODES_ON_MARKET} AS nodes"
        rows, total = await self._page(columns, _ON_MARKET, page, gpu_type, region)
        return [{**row, "nodes": _read(row["nodes"])} for row in rows], total

    async def add_cluster(self, cluster: Row) -> None:
        async with self._connection() as connection:
            await connection.execute(
                "INSERT INTO providers_cluster (id, provider_id, name, region, specs, created_at) "
                "VALUES ($1, $2, $3, $4, $5, $6)",
                *_values(cluster, "id", "provider_id", "name", "region"),
                _json(cluster["specs"]),
                _time(cluster["created_at_ms"]),
            )

    async def node(self, node_id: str) -> Row | None:
        row = await self._row(
            f"SELECT {_NODE} FROM providers_node n WHERE n.id = $1 AND n.removed_at IS NULL",
            node_id,
        )
        return row and {**row, "gpus": _read(row["gpus"])}

    async def nodes_of(
        self, account_id: str, cluster_id: str | None, page: Slice
    ) -> tuple[list[Row], int]:
        where = (
            "FROM providers_node n WHERE n.account_id = $1 AND n.removed_at IS NULL "
            "AND ($2::uuid IS NULL OR n.cluster_id = $2)"
        )
        rows, total = await self._page(_NODE, where, page, account_id, cluster_id)
        return [{**row, "gpus": _read(row["gpus"])} for row in rows], total

    async def add_node(self, node: Row) -> Registered:
        names = ("id", "cluster_id", "account_id", "region", "gpu_type", "hostname", "ip_address")
        async with self._transaction() as connection:
            await _lock(connection, node["account_id"])
            await connection.execute(
                "INSERT INTO providers_node (id, cluster_id, account_id, region, gpu_type, "
                "hostname, ip_address, token_hash, created_at) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                *_values(node, *names, "token_hash"),
                _time(node["created_at_ms"]),
            )
            await connection.executemany(_ADD_GPU, _gpu_rows(node))
            return await _send(connection, node["account_id"], register_node(node))

    async def change_node(self, node_id: str, changes: Row) -> Registered | None:
        names = ("hostname", "ip_address", "maintenance", "base_price_micros", "surge_enabled",
                 "relist")  # fmt: skip
        async with self._transaction() as connection:
            await connection.execute(_LOCK_NODE_ACCOUNT, node_id)
            row = await connection.fetchrow(
                "UPDATE providers_node n SET hostname = coalesce($2, hostname), "
                "ip_address = coalesce($3, ip_address), maintenance = coalesce($4, maintenance), "
                "base_price_micros = coalesce($5, base_price_micros), "
                "surge_enabled = coalesce($6, surge_enabled), "
                "relist = coalesce($7, relist) "
                f"WHERE id = $1 AND removed_at IS NULL RETURNING {_NODE}",
                node_id,
                *map(changes.get, names),
            )
            command = change_command(dict(row), changes) if row else None
            return await _send(connection, row["account_id"], command) if command else None

    async def remove_node(self, node_id: str) -> Registered | None:
        async with self._transaction() as connection:
            await connection.execute(_LOCK_NODE_ACCOUNT, node_id)
            account_id = await connection.fetchval(
                "UPDATE providers_node SET removed_at = now() "
                "WHERE id = $1 AND removed_at IS NULL RETURNING account_id::text",
                node_id,
            )
            if account_id is None:
                return None
            await connection.execute(
                "UPDATE auth_apikey SET revoked_at = now() "
                "WHERE node_id = $1 AND revoked_at IS NULL",
                node_id,
            )
            return await _send(connection, account_id, remove_node(node_id))

    async def catalogue(self) -> Catalogue:
        async with self._connection() as connection:
            gpu_types, products, regions = [
                tuple(row["name"] for row in await connection.fetch(sql)) for sql in _CATALOGUE
            ]
        return Catalogue(gpu_types, products, regions, contract.catalogue().books)

    # How it is asked

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.acquire(timeout=TIMEOUT_SECONDS) as connection:
                yield connection
        except _AWAY as error:
            raise Unavailable("postgres") from error

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        async with self._connection() as connection, connection.transaction():
            yield connection

    async def _row(self, sql: str, *values: Any) -> Row | None:
        async with self._connection() as connection:
            row = await connection.fetchrow(sql, *values)
        return dict(row) if row else None

    async def _page(
        self, columns: str, where: str, page: Slice, *values: Any
    ) -> tuple[list[Row], int]:
        """A part of a list by descending position, and the length of the whole list."""
        before, limit = f"${len(values) + 1}", f"${len(values) + 2}"
        async with self._connection() as connection:
            total = await connection.fetchval(f"SELECT count(*) {where}", *values)
            rows = await connection.fetch(
                f"SELECT {columns} {where} AND ({before}::bigint IS NULL OR position < {before}) "
                f"ORDER BY position DESC LIMIT {limit}",
                *values,
                *page,
            )
        return [dict(row) for row in rows], total


def connect(dsn: str, *, connections: int = 8) -> "asyncpg.Pool[Any]":
    """A pool that connects when it is first used; to be entered."""
    return asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=connections,
        timeout=TIMEOUT_SECONDS,
        command_timeout=QUERY_SECONDS,
    )


async def _add_key(connection: Connection, key: Row) -> None:
    names = ("id", "account_id", "node_id", "name", "prefix", "key_hash", "roles", "scopes",
             "max_order_cost_micros")  # fmt: skip
    await connection.execute(
        "INSERT INTO auth_apikey (id, account_id, node_id, name, prefix, key_hash, roles, scopes, "
        "max_order_cost_micros, expires_at, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        *_values(key, *names),
        _time(key["expires_at_ms"]),
        _time(key["created_at_ms"]),
    )


async def _send_account(connection: Connection, account_id: str) -> Registered:
    """Put what the account may do now into the outbox."""
    await _lock(connection, account_id)
    row = await connection.fetchrow(
        f"SELECT {_ACCOUNT}, coalesce((SELECT status FROM providers_provider p "
        "WHERE p.account_id = $1), '') AS provider_status FROM auth_account WHERE id = $1",
        account_id,
    )
    return await _send(connection, account_id, set_account(row, row["provider_status"]))


async def _send(connection: Connection, account_id: str, command: Row) -> Registered:
    """Put a command into the outbox with its account's next number."""
    seq = await connection.fetchval(
        "UPDATE auth_account SET last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq",
        account_id,
    )
    registered = Registered(account_id, seq)
    await connection.execute(
        "INSERT INTO outbox (account_id, seq, command) VALUES ($1, $2, $3)",
        *registered,
        _json(from_registry(registered, command)),
    )
    await connection.execute(f"NOTIFY {CHANNEL}")
    return registered


async def _lock(connection: Connection, account_id: str) -> None:
    """Hold the account's row: changes of one account follow one another."""
    await connection.execute("SELECT 1 FROM auth_account WHERE id = $1 FOR UPDATE", account_id)


def _gpu_rows(node: Row) -> list[tuple[Any, ...]]:
    names = ("id", "model", "vram_gb", "cuda_version", "pcie_slot")
    return [(node["id"], slot, *_values(gpu, *names)) for slot, gpu in enumerate(node["gpus"])]


def _values(row: Row, *names: str) -> list[Any]:
    return [row[name] for name in names]


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _read(text: str) -> Any:
    return json.loads(text)


def _time(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at_ms)


def _ms(column: str, name: str) -> str:
    return f"(extract(epoch FROM {column}) * 1000)::bigint AS {name}"


_KEY = (
    "id::text, position, account_id::text, node_id::text, name, prefix, roles, scopes, "
    "max_order_cost_micros, "
    f"{_ms('expires_at', 'expires_at_ms')}, {_ms('created_at', 'created_at_ms')}"
)
_ACCOUNT = (
    "id::text, name, role, suspended, max_open_orders, max_notional_micros, "
    f"{_ms('created_at', 'created_at_ms')}"
)
_PROVIDER = "id::text, position, account_id::text, name, company, status, " + _ms(
    "created_at", "created_at_ms"
)
_CLUSTER = "c.id::text, c.position, c.provider_id::text, c.name, c.region, c.specs, " + _ms(
    "c.created_at", "created_at_ms"
)
_NODE_SIZES = (
    "(SELECT coalesce(jsonb_object_agg(n.id, (SELECT count(*) FROM providers_gpu g "
    "WHERE g.node_id = n.id)), '{}') FROM providers_node n "
    "WHERE n.cluster_id = c.id AND n.removed_at IS NULL)"
)
_OF_TYPE = (
    "FROM providers_node n WHERE n.cluster_id = c.id AND n.removed_at IS NULL "
    "AND ($1::text IS NULL OR n.gpu_type = $1)"
)
_NODES_ON_MARKET = (
    "(SELECT jsonb_object_agg(n.id, jsonb_build_object('gpu_type', n.gpu_type, 'gpus', "
    f"(SELECT count(*) FROM providers_gpu g WHERE g.node_id = n.id))) {_OF_TYPE})"
)
_ON_MARKET = (
    "FROM providers_cluster c WHERE EXISTS (SELECT 1 FROM providers_provider p "
    "WHERE p.id = c.provider_id AND p.status = 'verified') "
    "AND ($2::text IS NULL OR c.region = $2) "
    f"AND EXISTS (SELECT 1 {_OF_TYPE})"
)
_GPUS = (
    "(SELECT coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'model', g.model, 'vram_gb', "
    "g.vram_gb, 'cuda_version', g.cuda_version, 'pcie_slot', g.pcie_slot) ORDER BY g.slot), '[]') "
    "FROM providers_gpu g WHERE g.node_id = n.id)"
)
_NODE = (
    "n.id::text, n.position, n.cluster_id::text, n.account_id::text, n.region, n.gpu_type, "
    "n.hostname, host(n.ip_address) AS ip_address, n.maintenance, n.base_price_micros, "
    f"n.surge_enabled, n.relist, {_ms('n.created_at', 'created_at_ms')}, {_GPUS} AS gpus, "
    "(SELECT c.provider_id::text FROM providers_cluster c WHERE c.id = n.cluster_id) "
    "AS provider_id"
)
_ADD_GPU = (
    "INSERT INTO providers_gpu (node_id, slot, id, model, vram_gb, cuda_version, pcie_slot) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)"
)
_LOCK_NODE_ACCOUNT = (
    "SELECT 1 FROM auth_account WHERE id = "
    "(SELECT account_id FROM providers_node WHERE id = $1) FOR UPDATE"
)
_CATALOGUE = [
    f"SELECT name FROM catalogue_{what} ORDER BY position"
    for what in ("gpu_type", "product", "region")
]
