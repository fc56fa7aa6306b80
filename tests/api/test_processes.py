"""Migrations, the relay and the first keys."""

import asyncio
import json
import stat
from uuid import uuid4

import asyncpg
import pytest

from query_api import first_keys, migrate, relay
from query_api.adapters import postgres
from query_api.adapters.memory import MemoryMarket
from query_api.commands.accounts import new_account
from query_api.migrate import Migration, MigrationRefused
from schemas.settings import Settings, from_environment
from tests.api.conftest import Caller

KNOWN = [Migration(1, "0001_a.sql", "SELECT 1"), Migration(2, "0002_b.sql", "SELECT 2")]


def test_migrations_are_numbered_without_gaps():
    found = migrate.migrations()
    assert [each.number for each in found] == list(range(1, len(found) + 1))


def test_applied_migrations_are_never_changed():
    migrate.check({}, KNOWN)
    migrate.check({1: KNOWN[0].checksum}, KNOWN)
    with pytest.raises(MigrationRefused, match=r"0001_a\.sql was changed"):
        migrate.check({1: "other"}, KNOWN)


def test_a_database_ahead_of_the_code_is_refused():
    with pytest.raises(MigrationRefused, match="has migration 3, this code ends at 2"):
        migrate.check({3: "x"}, KNOWN)


class Remembered:
    """What of a connection `tell_books` uses."""

    def __init__(self):
        self.rows = {}

    async def fetch(self, sql, *values):
        return list(self.rows.values())

    async def execute(self, sql, book_id, top, book_minimum):
        self.rows[book_id] = {"book_id": book_id, "top": top, "book_minimum": book_minimum}


async def test_b2_a_book_is_told_when_its_parameters_change(world):
    remembered = Remembered()

    async def tell(**books):
        before = len(world.market.log)
        await migrate.tell_books(remembered, world.market, books)
        return [(key, record["set_book"]) for _, key, record in world.market.log[before:]]

    assert await tell() == []
    assert await tell(a={"top": 5}) == [("a", {"top": 5, "book_minimum": 1})]
    assert await tell(a={"top": 5}) == []
    assert await tell(a={"top": 5}, b={"book_minimum": 1}) == []
    assert await tell() == [("a", {"top": 0, "book_minimum": 1})]
    assert await tell() == []


@pytest.fixture
def settings(tmp_path) -> Settings:
    return from_environment().with_values(
        HOME=str(tmp_path / "state"),
        API_URL="http://here",
        CLICKHOUSE_URL="http://there",
        CLICKHOUSE_USER="w",
        CLICKHOUSE_PASSWORD="wp",
        CLICKHOUSE_ANALYST_USER="a",
        CLICKHOUSE_ANALYST_PASSWORD="ap",
    )


async def test_first_keys_work_and_are_kept(world, settings):
    path = await first_keys.bootstrap(world.ports, settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = json.loads(path.read_text())
    assert told["clickhouse"] == {
        "url": "http://there",
        "writer": {"user": "w", "password": "wp"},
        "analyst": {"user": "a", "password": "ap"},
    }
    assert told["url"] == "http://here"
    roles = {}
    for role in ("admin", "provider", "consumer"):
        me = await Caller(world.app, "", told[role])("GET", "/auth/me")
        assert me.body["role"] == role
        roles[role] = me.body["roles"]
    assert "platform_admin" in roles["admin"]
    provider = await Caller(world.app, "", told["provider"])("GET", "/providers/me")
    assert provider.body["status"] == "verified"
    await first_keys.bootstrap(world.ports, settings)
    assert json.loads(path.read_text()) == told


async def test_a_first_key_that_was_revoked_is_made_anew(world, settings):
    path = await first_keys.bootstrap(world.ports, settings)
    before = json.loads(path.read_text())
    admin = Caller(world.app, "", before["admin"])
    me = (await admin("GET", "/auth/me")).body
    assert (await admin("DELETE", f"/auth/api-keys/{me['key_id']}")).status == 200
    await first_keys.bootstrap(world.ports, settings)
    after = json.loads(path.read_text())
    assert after["admin"] != before["admin"]
    assert after["consumer"] == before["consumer"]


async def test_first_keys_wait_for_the_relay(world, settings):
    world.registry.relay_is_away = True
    with pytest.raises(first_keys.NotRelayed):
        await first_keys.bootstrap(world.ports, settings)


class SlowLog:
    """A log that confirms in the order of sending, later."""

    def __init__(self):
        self.sent = []

    def send(self, topic, key, record, appended):
        self.sent.append((key, record["source_seq"]))
        asyncio.get_running_loop().call_later(0.01, appended.set_result, None)


async def test_the_relay_connects_again_when_its_database_comes_back(monkeypatch):
    failures = iter([OSError("away"), asyncpg.CannotConnectNowError("starting up")])

    async def connect(dsn, timeout):
        raise next(failures, asyncio.CancelledError())

    monkeypatch.setattr(relay, "AWAY_SECONDS", 0.0)
    monkeypatch.setattr(relay.asyncpg, "connect", connect)
    with pytest.raises(asyncio.CancelledError):
        await relay.run("postgresql:///nowhere", SlowLog())
    assert next(failures, None) is None


@pytest.fixture
async def database(market: Settings):
    """An empty database of its own on the running market's server."""
    name = f"test_{uuid4().hex}"
    dsn = market.text("POSTGRES_DSN")
    server = await asyncpg.connect(dsn)
    await server.execute(f"CREATE DATABASE {name}")
    yield dsn.replace("/gpubroker?", f"/{name}?")
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_migrations_are_applied_once_and_held_to_their_checksum(database, world):
    market: MemoryMarket = world.market
    applied = await migrate.migrate(database, market)
    assert applied == [each.name for each in migrate.migrations()]
    assert await migrate.migrate(database, market) == []
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE schema_migration SET sha256 = 'x' WHERE number = 2")
    with pytest.raises(MigrationRefused, match="0002"):
        await migrate.migrate(database, market)
    await connection.close()


@pytest.mark.stack
@pytest.mark.timeout(600)
async def test_the_relay_appends_in_order_and_marks(database, world):
    await migrate.migrate(database, world.market)
    log = SlowLog()
    async with postgres.connect(database) as pool:
        store = postgres.Postgres(pool)
        accounts = [new_account("x", "consumer", 1_000) for _ in range(3)]
        registered = [await store.add_account(account) for account in accounts]
        for _ in range(4):
            registered += [
                await store.change_account(each["id"], {"suspended": True}) for each in accounts
            ]
        assert not await store.is_appended(registered[0])
        connection = await asyncpg.connect(database)
        assert await relay.relay_batch(connection, log) == 15
        assert await relay.relay_batch(connection, log) == 0
        await connection.close()
        assert all([await store.is_appended(each) for each in registered])
    for account in accounts:
        assert [seq for key, seq in log.sent if key == account["id"]] == [1, 2, 3, 4, 5]
