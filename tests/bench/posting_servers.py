"""The servers that `tests.bench.posting` measures, each in a process of its own.

    python -m tests.bench.posting_servers api|echo

It tells its port, and a key, as a line of JSON, and serves until its standard input ends. Both are
on uvicorn as the API is (`query_api.http_protocol.PROTOCOL`).
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import uvicorn
import uvloop
from quart import Quart, request

from query_api.adapters.clock import SystemClock
from query_api.adapters.memory import memory_ports
from query_api.adapters.watches import Watches
from query_api.app import create_app
from query_api.commands.accounts import new_account
from query_api.commands.keys import ROLES_OF, new_key, scopes_for
from query_api.http_protocol import PROTOCOL
from query_api.limits import LIMITS
from query_api.quotas import Policies
from schemas import codec as codecs
from schemas.names import ACCOUNTS_COMMANDS

HOST = "127.0.0.1"
ANSWER_SECONDS = 0.01
PLENTY = {kind: Policies.of(kind, 10**6, 10**6, 10) for kind in LIMITS.policies}


class Encoded:
    """A log that encodes commands of accounts and drops them; the facts come as fast as asked."""

    def __init__(self, placements: Watches) -> None:
        self._encode = codecs.offline().encoder(ACCOUNTS_COMMANDS)
        self._placements = placements

    async def append(self, topic: str, key: str, record: Mapping[str, Any]) -> None:
        assert topic == ACCOUNTS_COMMANDS, topic
        self._encode({**record, "account_id": key})

    async def answer(self) -> None:
        """Tell the orders by which the API measures the machines that they are created."""
        while True:
            for command_id in self._placements.wanted():
                self._placements.tell("order_created", {"command_id": command_id})
            await asyncio.sleep(ANSWER_SECONDS)


async def api() -> tuple[Quart, str, Encoded]:
    """The API, its ports in memory, a buyer's key, and the log."""
    ports, market, registry = memory_ports(SystemClock())
    ports.limits = replace(LIMITS, policies=PLENTY)
    ports.log = log = Encoded(market.placements)
    account = new_account("bench", "consumer", 0)
    await registry.add_account(account)
    roles = ROLES_OF["consumer"]
    key, row = new_key(account["id"], "bench", roles, scopes_for(roles), 0)
    await registry.add_key(row)
    return create_app(ports), key.text, log


def echo() -> Quart:
    """What the framework alone takes to read a body and answer with it."""
    app = Quart(__name__)

    @app.post("/api/v2/orders")
    async def orders() -> tuple[Any, int]:
        return await request.get_json(), 202

    return app


async def serve(name: str) -> None:
    """Serve one of the two."""
    app, key, tasks = echo(), "", []
    if name == "api":
        app, key, log = await api()
        tasks.append(asyncio.create_task(log.answer()))
    listening = socket.create_server((HOST, 0), backlog=128)
    config = uvicorn.Config(app, lifespan="off", log_level="warning", log_config=None, **PROTOCOL)
    print(json.dumps({"port": listening.getsockname()[1], "key": key}), flush=True)
    tasks.append(asyncio.create_task(_end_with_input()))
    await uvicorn.Server(config).serve(sockets=[listening])


async def _end_with_input() -> None:
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1]))
