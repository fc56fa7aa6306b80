"""A market in memory to shoot at: an ASGI application that counts what it is asked and answers."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, get_args

from query_api.adapters.memory import memory_ports
from query_api.app import create_app
from query_api.limits import LIMITS
from query_api.quotas import Kind, Policies
from tests.api.conftest import ASK, BID, Caller, World, add_node, registered

ASKED_BEFORE_ANEW: Final = 500
"""A key may be revoked, an account suspended, a book halted: then a market tells little more."""
PLENTY: Final = 10**6
Asgi = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass
class Told:
    """What came of some cases."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    flaws: list[str] = field(default_factory=list)
    """Answers of 500 and more, and what else is not as promised, with what was sent."""

    def add(self, other: "Told") -> None:
        self.cases += other.cases
        self.statuses += other.statuses
        self.flaws += other.flaws


class Arena:
    """A market that is made anew when much was asked of it, always at the same place."""

    def __init__(self) -> None:
        self.told = Told()
        self.key = ""
        """May do everything, for a verified provider."""
        self.ids: dict[str, str] = {}
        """What the key's account owns, as paths name it."""
        self._asked = ASKED_BEFORE_ANEW
        self.renew()

    def renew(self, asked: int = ASKED_BEFORE_ANEW) -> None:
        """Make the market anew, if it has been asked so much since the last time."""
        if self._asked >= asked:
            self._asked = 0
            asyncio.run(self._build())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.told.cases += 1
        self._asked += 1

        async def count(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._count(scope, message["status"])
            await send(message)

        try:
            await self.app(scope, receive, count)
        except Exception as error:
            self._flaw(scope, f"raised {error!r}")
            raise

    def _count(self, scope: Any, status: int) -> None:
        self.told.statuses[status] += 1
        if status >= 500:
            self._flaw(scope, f"answered {status}")

    def _flaw(self, scope: Any, text: str) -> None:
        self.told.flaws.append(f"{scope['method']} {scope['path']}?{scope['query_string']} {text}")

    async def _build(self) -> None:
        ports, market, registry = memory_ports()
        kinds = get_args(Kind)
        policies = {kind: Policies.of(kind, PLENTY, PLENTY, 10) for kind in kinds}
        ports.limits = replace(LIMITS, policies=policies)
        self.app: Asgi = create_app(ports)
        world = World(self.app, market, registry, market.clock, ports)  # type: ignore[arg-type]
        owner = await world.caller("admin")
        self.key, self.ids = owner.key, {"account_id": owner.account_id, "book_id": "H100.ondemand"}
        await _fill(world, owner, self.ids)


async def _fill(world: World, owner: Caller, ids: dict[str, str]) -> None:
    """One of everything that paths name, a trade, an order that rests, and a snapshot."""
    ids["provider_id"] = await registered(owner)
    await owner("PATCH", f"/providers/{ids['provider_id']}", {"status": "verified"})
    ids["node_id"] = await add_node(owner, ids["provider_id"])
    ids["cluster_id"] = (await owner("GET", "/nodes")).body["items"][0]["cluster_id"]
    ids["order_id"] = (await owner("POST", "/orders", ASK)).body["order_id"]
    await (await world.caller("consumer"))("POST", "/orders", BID)
    ids["key_id"] = (await owner("POST", "/auth/api-keys", {"name": "spare"})).body["key_id"]
    await owner("POST", "/market/snapshots", {})
