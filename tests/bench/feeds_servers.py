"""The servers that `tests.bench.feeds` measures, each in a process of its own.

    python -m tests.bench.feeds_servers NAME PORT

Lines of JSON come in and are answered: `{"do": "publish", "count": 1}` tells an update to everybody
and answers when that began, on the system's monotonic clock; `{"do": "memory"}` answers the
process's resident bytes.
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import psutil
import uvicorn
import uvloop
from quart import Quart, websocket
from websockets.asyncio.server import ServerConnection, broadcast, serve

from query_api.adapters.memory import memory_ports
from query_api.adapters.memory_feeds import MemoryFeedLog, MemoryJobs, MemoryTopics
from query_api.commands.accounts import new_account
from query_api.commands.keys import ROLES_OF, new_key, scopes_for
from query_api.feeds import rpc, switchboard, told
from query_api.feeds.connection import FeedLimits
from query_api.feeds.feed import Keep
from query_api.feeds.service import FeedService
from query_api.feeds.serving import feeds_server, open_as_many_files_as_may_be
from query_api.feeds.socket import FeedSocket
from tests.builders import spot_price
from tests.memory_market import PassingClock

HOST = "127.0.0.1"
Do = Callable[[dict[str, Any]], Awaitable[Any]]
PRICE = spot_price(telemetry_utilization=0.71)
ACCOUNTS = 1_000
"""Accounts whose orders change in turn, where connections are spread over channels."""


def message() -> bytes:
    """A price update as the feeds tell it, for the servers that only send."""
    body = rpc.opened("price.update", told.told_price(PRICE))
    return body + b"AQIB" + b'"}}'


async def run_feeds(port: int) -> None:
    """The feeds on ports in memory; their logs are in memory, too."""
    ports, market, registry = memory_ports(PassingClock())
    topics = MemoryTopics(market)
    service = FeedService(
        ports,
        MemoryFeedLog(topics),
        MemoryJobs(),
        topics.decoders(),
        limits=FeedLimits(),
        keep=Keep(bytes=1 << 20),
        origins=frozenset(),
    )
    switchboard.HEARTBEAT_SECONDS = 86_400.0
    await service.start()
    keys = []
    for number in range(ACCOUNTS):
        account = new_account(f"bench {number}", "consumer", 0)
        registry._accounts[account["id"]] = account
        roles = ROLES_OF["consumer"]
        key, row = new_key(account["id"], "bench", roles, scopes_for(roles), 0)
        await registry.add_key(row)
        keys.append((account["id"], key.text))
    seqs = [0]

    async def publish(asked: dict[str, Any]) -> Any:
        began = time.monotonic()
        for _ in range(asked["count"]):
            topics.append("pricing.updates", PRICE)
            topics.records.clear()
        return {"began": began}

    async def close_orders(asked: dict[str, Any]) -> Any:
        """Tell orders of all accounts in turn, at a steady rate."""
        rate, count, began = asked["rate"], asked["count"], time.monotonic()
        for number in range(count):
            await asyncio.sleep(began + number / rate - time.monotonic())
            seqs[0] += 1
            topics.append("orders.cancelled", closed(keys[number % ACCOUNTS][0], seqs[0]))
            topics.records.clear()
        return {"seconds": time.monotonic() - began}

    async def keys_told(_: dict[str, Any]) -> Any:
        return [key for _, key in keys]

    async def counts(_: dict[str, Any]) -> Any:
        counted = service.switchboard.counts().total()
        return {"connections": counted, "too_slow": service.tally.too_slow}

    server = quiet_server(service, port)
    does = {"publish": publish, "orders": close_orders, "keys": keys_told, "counts": counts}
    await asyncio.gather(server.serve(), obey(does))


def closed(account_id: str, seq: int) -> dict[str, Any]:
    """An order that was closed just now; its detail tells when, on the monotonic clock."""
    return {
        "event_id": str(seq),
        "book_id": "H100.ondemand",
        "book_seq": seq,
        "occurred_at_ms": time.time_ns() // 1_000_000,
        "command": "cancel_order",
        "command_id": str(time.monotonic()),
        "order_id": "0b7e1d3a-2c4f-4f6e-9f0a-5d1c2b3a4e61",
        "account_id": account_id,
        "reason": "user",
        "remaining": 1,
    }


async def run_bare(port: int, sockets: Any = FeedSocket) -> None:
    """A bare ASGI application, which sends to one connection after the other."""
    sends: dict[int, Any] = {}
    text = message().decode()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept", "subprotocol": "gpubroker.v1"})
            sends[id(send)] = send
            while (await receive())["type"] != "websocket.disconnect":
                pass
            del sends[id(send)]

    async def publish(asked: dict[str, Any]) -> Any:
        began = time.monotonic()
        for send in list(sends.values()):
            await send({"type": "websocket.send", "text": text})
        return {"began": began}

    server = quiet_server(app, port)
    server.config.ws = sockets
    await asyncio.gather(server.serve(), obey({"publish": publish}))


async def run_quart(port: int) -> None:
    """The framework's own WebSockets on uvicorn, which hold a connection and do nothing."""
    app = Quart(__name__)

    @app.websocket("/ws/pricing")
    async def hold() -> None:
        await websocket.accept(subprotocol="gpubroker.v1")
        while True:
            await websocket.receive()

    server = quiet_server(app, port)
    await asyncio.gather(server.serve(), obey({}))


async def run_broadcast(port: int) -> None:
    """The library's own server, and its `broadcast`."""
    connections: set[ServerConnection] = set()
    text = message().decode()

    async def hold(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()

    async def publish(_: dict[str, Any]) -> Any:
        began = time.monotonic()
        broadcast(connections, text)
        return {"began": began}

    options: Any = {
        "compression": None,
        "subprotocols": ["gpubroker.v1"],
        "backlog": 4_096,
        "ping_interval": None,
    }
    async with serve(hold, HOST, port, **options):
        await obey({"publish": publish})


def quiet_server(app: Any, port: int) -> uvicorn.Server:
    """A server of the feeds' kind that pings nobody: bytes are counted."""
    server = feeds_server(app, HOST, port, "warning")
    server.config.ws_ping_interval = None
    return server


async def obey(does: dict[str, Do]) -> None:
    """Do what lines of the standard input say, until it ends."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    every: dict[str, Do] = {"memory": memory, **does}
    print(json.dumps("ready"), flush=True)
    while line := await lines.readline():
        asked = json.loads(line)
        print(json.dumps(await every[asked["do"]](asked)), flush=True)
    os._exit(0)  # what is open is nobody's any more


async def memory(_: dict[str, Any]) -> Any:
    """How much this process takes."""
    gc.collect()
    return psutil.Process().memory_info().rss


SERVERS = {
    "feeds": run_feeds,
    "bare": run_bare,
    "sansio": partial(run_bare, sockets="websockets-sansio"),
    "wsproto": partial(run_bare, sockets="wsproto"),
    "legacy": partial(run_bare, sockets="websockets"),
    "quart": run_quart,
    "broadcast": run_broadcast,
}

if __name__ == "__main__":
    open_as_many_files_as_may_be()
    uvloop.run(SERVERS[sys.argv[1]](int(sys.argv[2])))
