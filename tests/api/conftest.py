"""The API on a market in memory, with a key for each kind of caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from quart import Quart

from query_api.adapters.memory import MemoryClock, MemoryMarket, MemoryRegistry, memory_ports
from query_api.app import create_app
from query_api.commands.accounts import new_account
from query_api.commands.keys import ROLES_OF, new_key, scopes_for
from query_api.ports import Ports


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def wrong(self) -> dict[str, str]:
        """The rule of each offending field."""
        assert self.status == 422, self.body
        return {error["pointer"]: error["rule"] for error in self.body["errors"]}


@dataclass
class Caller:
    """Somebody with an API key."""

    app: Quart
    account_id: str
    key: str

    async def __call__(
        self, method: str, path: str, body: Any = None, *, headers: Any = None, **query: Any
    ) -> Reply:
        sent = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        sent |= headers or {}
        given: dict[str, Any] = {"json": body} if body is not None else {}
        if isinstance(body, bytes):
            given = {"data": body}
            sent = {"Content-Type": "application/json", **sent}
        prefix = "" if path in ("/health", "/metrics", "/openapi.json", "/docs") else "/api/v2"
        response = await self.app.test_client().open(
            prefix + path, method=method, headers=sent, query_string=query or None, **given
        )
        kind = response.headers["Content-Type"]
        told = await (response.get_json(force=True) if "json" in kind else response.get_data())
        return Reply(response.status_code, response.headers, told)


@dataclass
class World:
    """A whole market in memory behind its API."""

    app: Quart
    market: MemoryMarket
    registry: MemoryRegistry
    clock: MemoryClock
    ports: Ports

    @property
    def live(self) -> Any:
        return self.ports.live

    async def account(self, role: str, name: str = "someone") -> str:
        account = new_account(name, role, self.clock.now_ms())
        await self.registry.add_account(account)
        return str(account["id"])

    async def caller(
        self,
        role: str,
        *,
        account_id: str = "",
        roles: Any = None,
        scopes: Any = None,
        expires_at_ms: int | None = None,
    ) -> Caller:
        """Somebody with a new account of this role, or another key of an account."""
        own = account_id or await self.account(role)
        roles = ROLES_OF[role] if roles is None else roles
        scopes = scopes_for(roles) if scopes is None else scopes
        key, row = new_key(own, "test", roles, scopes, self.clock.now_ms(), expires_at_ms)
        await self.registry.add_key(row)
        return Caller(self.app, own, key.text)

    async def seller(self, gpus: int = 8, gpu_type: str = "H100") -> Caller:
        """A verified provider with one node."""
        seller, admin = await self.caller("provider"), await self.caller("admin")
        provider_id = await registered(seller)
        verified = await admin("PATCH", f"/providers/{provider_id}", {"status": "verified"})
        assert verified.status == 200
        if gpus:
            await add_node(seller, provider_id, gpus, gpu_type)
        return seller


async def registered(seller: Caller) -> str:
    """The id of the caller's new provider."""
    body = {"name": "Blue", "company": "Blue Inc", "kyc_data": {"vat": "1"}}
    reply = await seller("POST", "/providers", body)
    assert reply.status == 201, reply
    return str(reply.body["provider_id"])


async def add_cluster(seller: Caller, provider_id: str) -> str:
    body = {"name": "west", "region": "us-west-2", "specs": {"fabric": "ib"}}
    reply = await seller("POST", f"/providers/{provider_id}/clusters", body)
    assert reply.status == 201, reply
    return str(reply.body["cluster_id"])


def node_body(gpus: int = 8, gpu_type: str = "H100") -> dict[str, Any]:
    spec = {"model": gpu_type, "vram_gb": 80, "cuda_version": "12.4"}
    return {
        "hostname": "n1",
        "ip_address": "10.0.0.1",
        "gpu_specs": [{**spec, "pcie_slot": f"slot {index}"} for index in range(gpus)],
    }


async def add_node(seller: Caller, provider_id: str, gpus: int = 8, gpu_type: str = "H100") -> str:
    cluster_id = await add_cluster(seller, provider_id)
    reply = await seller("POST", f"/clusters/{cluster_id}/nodes", node_body(gpus, gpu_type))
    assert reply.status == 201, reply
    return str(reply.body["node_id"])


@pytest.fixture
def world() -> World:
    ports, market, registry = memory_ports()
    app = create_app(ports, origins=("http://page.test",))
    return World(app, market, registry, market.clock, ports)


@pytest.fixture
async def buyer(world: World) -> Caller:
    return await world.caller("consumer")


@pytest.fixture
async def seller(world: World) -> Caller:
    return await world.seller()


@pytest.fixture
async def admin(world: World) -> Caller:
    return await world.caller("admin")


BID = {"type": "bid", "gpu_type": "H100", "quantity": 4, "price": "2.5", "duration_hours": 24}
ASK = {
    "type": "ask",
    "gpu_type": "H100",
    "quantity": 8,
    "price": 2.0,
    "duration_hours": 100,
    "region": "us-west-2",
}
