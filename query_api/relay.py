"""The relay: appends what waits in the outbox to the accounts' logs, in order, and marks it.

One at a time holds an advisory lock. Its producer never gives up a record on its own and keeps
their order, so a record is never overtaken by a later one of its account; what was appended but not
yet marked when a relay dies is appended again, and its account drops it by its number
(market-rules.md B5).
"""

import asyncio
import json
import logging
from typing import Any

import asyncpg

from query_api.adapters.kafka import KafkaLog
from query_api.adapters.postgres import CHANNEL
from schemas.names import ACCOUNTS_COMMANDS

LOG = logging.getLogger(__name__)
LOCK = 0x67_70_75_62
"""The advisory lock of the relay."""
BATCH = 500
AWAY_SECONDS = 1.0
IDLE_SECONDS = 1.0
"""How long it waits for a notification before it looks by itself."""


async def run(dsn: str, log: KafkaLog) -> None:
    """Relay until cancelled; while PostgreSQL is away, look for it once a second."""
    while True:
        try:
            await _relay_while_connected(dsn, log)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            LOG.warning("again in %.0f s: %s", AWAY_SECONDS, error)
            await asyncio.sleep(AWAY_SECONDS)


async def _relay_while_connected(dsn: str, log: KafkaLog) -> None:
    connection = await asyncpg.connect(dsn, timeout=10.0)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        LOG.info("relaying")
        await _relay(connection, log)
    finally:
        await connection.close(timeout=2.0)


async def _relay(connection: "asyncpg.Connection[Any]", log: KafkaLog) -> None:
    news = asyncio.Event()
    await connection.add_listener(CHANNEL, lambda *_: news.set())
    while True:
        news.clear()
        if await relay_batch(connection, log) == 0:
            await _wait(connection, news)


async def _wait(connection: "asyncpg.Connection[Any]", news: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            await news.wait()
    except TimeoutError:
        await connection.execute("SELECT 1")  # raises if the lock was lost with the connection


async def relay_batch(connection: "asyncpg.Connection[Any]", log: KafkaLog) -> int:
    """Append and mark the oldest that wait, and return how many there were."""
    rows = await connection.fetch(
        "SELECT account_id::text, seq, command FROM outbox WHERE appended_at IS NULL "
        "ORDER BY account_id, seq LIMIT $1",
        BATCH,
    )
    loop = asyncio.get_running_loop()
    appended = [loop.create_future() for _ in rows]
    for row, future in zip(rows, appended, strict=True):
        account_id = row["account_id"]
        log.send(ACCOUNTS_COMMANDS, account_id, json.loads(row["command"]), future)
    await asyncio.gather(*appended)
    places = [(row["account_id"], row["seq"]) for row in rows]
    await connection.executemany(
        "UPDATE outbox SET appended_at = now() WHERE account_id = $1 AND seq = $2", places
    )
    return len(rows)
