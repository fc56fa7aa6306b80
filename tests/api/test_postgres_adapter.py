"""PostgreSQL's adapter: which errors mean that it is away, and in what order it locks."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from query_api.adapters.memory import MemoryClock, MemoryMarket
from query_api.adapters.postgres import Postgres, connect
from query_api.commands.accounts import new_account
from query_api.commands.keys import new_key
from query_api.migrate import migrate
from query_api.ports import Unavailable
from tests.stack_fixture import own_home, real_stack

NOW_MS = 1_790_000_000_000


class Failing:
    """A pool whose connections fail at each statement."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    @asynccontextmanager
    async def acquire(self, timeout: float):
        yield self

    async def execute(self, sql: str):
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.TooManyConnectionsError,
        asyncpg.DiskFullError,
        asyncpg.OutOfMemoryError,
        asyncpg.DeadlockDetectedError,
        asyncpg.SerializationError,
        asyncpg.ReadOnlySQLTransactionError,
        asyncpg.CannotConnectNowError,
        asyncpg.QueryCanceledError,
        ConnectionResetError,
    ],
)
async def test_what_passes_is_told_as_unavailable(error):
    with pytest.raises(Unavailable, match="postgres"):
        await Postgres(Failing(error("now"))).ping()


@pytest.mark.parametrize("error", [asyncpg.UndefinedColumnError, asyncpg.UniqueViolationError])
async def test_what_does_not_pass_is_told_as_it_is(error):
    with pytest.raises(error):
        await Postgres(Failing(error("always"))).ping()


@pytest.fixture
async def pool():
    with own_home() as home, real_stack(home, ["postgres"]) as settings:
        await migrate(settings.text("POSTGRES_DSN"), MemoryMarket(MemoryClock()))
        async with connect(settings.text("POSTGRES_DSN")) as pool:
            yield pool


async def registered_node(store):
    """The ids of a new provider's account and of its node."""
    account = new_account("provider", "provider", NOW_MS)
    provider = {"id": str(uuid4()), "account_id": account["id"], "name": "p", "company": "c",
                "kyc_data": {}, "status": "verified", "created_at_ms": NOW_MS}  # fmt: skip
    cluster = {"id": str(uuid4()), "provider_id": provider["id"], "name": "c", "region": "r",
               "specs": {}, "created_at_ms": NOW_MS}  # fmt: skip
    node = {"id": str(uuid4()), "cluster_id": cluster["id"], "account_id": account["id"],
            "region": "r", "gpu_type": "H100", "hostname": "h", "ip_address": "10.0.0.1",
            "token_hash": b"t", "gpus": [], "base_price_micros": 0, "surge_enabled": False,
            "created_at_ms": NOW_MS}  # fmt: skip
    await store.add_account(account)
    await store.add_provider(provider)
    await store.add_cluster(cluster)
    await store.add_node(node)
    return account["id"], node["id"]


@pytest.mark.stack
async def test_a_node_is_enrolled_while_it_is_changed(pool):
    """Both lock the account before the node: neither waits for what the other holds."""
    store = Postgres(pool)
    account_id, node_id = await registered_node(store)
    _, key = new_key(account_id, "node", [], ["telemetry:write"], NOW_MS, node_id=node_id)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with asyncio.timeout(20), pool.acquire() as other, other.transaction():
        await other.execute("SELECT 1 FROM auth_account WHERE id = $1 FOR UPDATE", account_id)
        enrolling = asyncio.create_task(store.enrol(key))
        while not await pool.fetchval(waiting):
            await asyncio.sleep(0.01)
        await other.execute("UPDATE providers_node SET maintenance = true WHERE id = $1", node_id)
    await enrolling
    assert (await store.principal(key["key_hash"])).node_id == node_id
    assert (await store.node(node_id))["maintenance"]
