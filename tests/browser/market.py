"""A market in memory with a past and a present, to look at pages and to test them.

`python -m tests.browser.market [--api-port 28110] [--feeds-port 28111] [--fast]` prints where the
page is and a key for each kind of caller. There are three clusters with 60 nodes of 8 GPUs, two
weeks of trades, and somebody trades, measures and prices all the time; with --fast, ten times as
often as a real market would. No server is needed, and nothing is kept when it ends.
"""

import argparse
import asyncio
import json
import math
import random
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from query_api.adapters.memory import memory_ports
from query_api.adapters.memory_feeds import MemoryTopics
from query_api.app import create_app
from tests.api.conftest import Caller, World, registered
from tests.builders import spot_price
from tests.memory_market import HOST, PassingClock, feed_service, feeds_server

DAY_MS: Final = 86_400_000
DAYS: Final = 14
NODES: Final = 20
GPUS: Final = 8
CLUSTERS: Final = (
    ("hall-a", "us-west-2", "H100", 80, 2.40),
    ("hall-b", "eu-central-1", "A100-80GB", 80, 1.35),
    ("annex", "us-east-1", "L40S", 48, 0.86),
)
FAILING: Final = {"hall-a-07": "degraded", "hall-b-11": "offline", "annex-03": "degraded"}


class PastClock(PassingClock):
    """A clock that can be put back, to make a past."""

    def __init__(self) -> None:
        super().__init__()
        self.back_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() - self.back_ms


class Market:
    """The market, who acts on it, and what they own."""

    def __init__(self, feeds_port: int) -> None:
        self.clock = PastClock()
        self.ports, market, registry = memory_ports(self.clock)
        self.ports.feeds_url = f"ws://{HOST}:{feeds_port}"
        self.ports.fee_basis_points = 250
        self.topics = MemoryTopics(market)
        self.world = World(create_app(self.ports), market, registry, self.clock, self.ports)
        self.nodes: list[dict[str, Any]] = []
        self.random = random.Random(7)

    async def fill(self) -> dict[str, str]:
        """Make accounts, nodes and the past; the keys of those who may look."""
        self.clock.back_ms = DAYS * DAY_MS
        world = self.world
        self.admin = await world.caller(
            "admin", account_id=await world.account("admin", "Ada Admin")
        )
        self.provider = await self._named("provider", "Nordlicht Compute")
        self.consumer = await self._named("consumer", "Vision Lab")
        self.others = [await self._named("consumer", name) for name in ("Atlas AI", "Protein U")]
        provider_id = await registered(self.provider)
        await self.admin("PATCH", f"/providers/{provider_id}", {"status": "verified"})
        for cluster in CLUSTERS:
            await self._add_cluster(provider_id, *cluster)
        await self._wait_for_verification()
        self.rival = await self._rival()
        await self._trade_before()
        self.clock.back_ms = 0
        await self._list_now()
        empty = await self._named("provider", "New Provider")
        callers = {"admin": self.admin, "provider": self.provider, "consumer": self.consumer}
        return {role: caller.key for role, caller in {**callers, "newcomer": empty}.items()}

    async def _named(self, role: str, name: str) -> Caller:
        return await self.world.caller(role, account_id=await self.world.account(role, name))

    async def _add_cluster(
        self, provider_id: str, name: str, region: str, model: str, vram_gb: int, base: float
    ) -> None:
        made = await self.provider(
            "POST", f"/providers/{provider_id}/clusters", {"name": name, "region": region}
        )
        for number in range(1, NODES + 1):
            specs = [spec(model, vram_gb, slot) for slot in range(GPUS)]
            hostname = f"{name}-{number:02}"
            body = {"hostname": hostname, "ip_address": f"10.0.0.{number}", "gpu_specs": specs}
            path = f"/clusters/{made.body['cluster_id']}/nodes"
            node_id = (await self.provider("POST", path, body)).body["node_id"]
            pricing = {"base_price": f"{base:.4f}", "surge_enabled": number % 3 != 0}
            await self.provider("PUT", f"/nodes/{node_id}/pricing", pricing)
            node = {"id": node_id, "hostname": hostname, "model": model, "region": region}
            self.nodes.append({**node, "used": self.random.uniform(0.3, 0.95), "base": base})

    async def _rival(self) -> Caller:
        """Another provider, who trades all the time; nobody looks at its page."""
        rival = await self._named("provider", "Rival Racks")
        provider_id = await registered(rival)
        await self.admin("PATCH", f"/providers/{provider_id}", {"status": "verified"})
        for name, region, model, vram_gb, _ in CLUSTERS:
            body = {"name": name, "region": region}
            made = await rival("POST", f"/providers/{provider_id}/clusters", body)
            path = f"/clusters/{made.body['cluster_id']}/nodes"
            specs = [spec(model, vram_gb, slot) for slot in range(256)]
            node = {"hostname": name, "ip_address": "10.1.0.1", "gpu_specs": specs}
            assert (await rival("POST", path, node)).status == 201
        return rival

    async def _wait_for_verification(self) -> None:
        for name, company in (("Fjord GPU", "Fjord AS"), ("Desert Racks", "Desert Racks LLC")):
            caller = await self._named("provider", name)
            body = {"name": name, "company": company, "kyc_data": {}}
            await caller("POST", "/providers", body)

    async def _trade_before(self) -> None:
        """Two weeks of trades, ever denser: a few a day, then one every few minutes."""
        for ago_ms in self._moments():
            self.clock.back_ms = ago_ms
            _, region, model, _, base = self.random.choice(CLUSTERS)
            wave = 1 + 0.06 * math.sin(ago_ms / 5_400_000)
            limit = base * wave * self.random.gauss(1.02, 0.01)
            quantity = self.random.choice((1, 1, 1, 2))
            await self._pair(model, region, limit, quantity)

    def _moments(self) -> Iterator[int]:
        for day in range(DAYS - 1, 0, -1):
            yield from sorted((day * DAY_MS - self.random.randrange(DAY_MS // 2) for _ in range(5)),
                              reverse=True)  # fmt: skip
        yield from range(6 * 3_600_000, 60_000, -150_000)

    async def _pair(self, model: str, region: str, limit: float, quantity: int) -> None:
        ask = self._body("ask", model, quantity, limit * 0.995, region)
        await self.provider("POST", "/orders", ask)
        buyer = self.random.choice([self.consumer, *self.others])
        await buyer("POST", "/orders", self._body("bid", model, quantity, limit * 1.005, None))

    async def _list_now(self) -> None:
        """Orders that rest: a ladder on both sides of each type's price."""
        for _, region, model, _, base in CLUSTERS:
            for step in range(1, 11):
                ask = base * (1.01 + 0.006 * step)
                await self.provider("POST", "/orders", self._body("ask", model, 1, ask, region))
                bid = base * (0.99 - 0.006 * step)
                for buyer in (self.consumer, self.others[0]):
                    if buyer is self.consumer and step % 3:
                        continue
                    wanted = self.random.randint(1, 24)
                    await buyer("POST", "/orders", self._body("bid", model, wanted, bid, None))

    def _body(
        self, side: str, model: str, quantity: int, limit: float, region: str | None
    ) -> dict[str, Any]:
        hours = 168 if side == "ask" else self.random.choice((6, 12, 24, 48))
        return {
            "type": side,
            "gpu_type": model,
            "quantity": quantity,
            "price": f"{limit:.4f}",
            "duration_hours": hours,
            **({"region": region} if region else {}),
        }

    async def trade(self, every_seconds: float) -> None:
        """Somebody bids, somebody asks; some of it meets, old orders are taken back."""
        mine: list[tuple[Caller, str]] = []
        while True:
            _, region, model, _, base = self.random.choice(CLUSTERS)
            is_bid = self.random.random() < 0.8
            caller = self.random.choice(self.others) if is_bid else self.rival
            around = base * (0.985 if is_bid else 1.03)
            limit = self.random.gauss(around, base * 0.012)
            body = self._body("bid" if is_bid else "ask", model, 1, limit, region)
            placed = await caller("POST", "/orders", body)
            if placed.status < 300:
                mine.append((caller, placed.body["order_id"]))
            if len(mine) > 30:
                old, order_id = mine.pop(0)
                await old("DELETE", f"/orders/{order_id}")
            await asyncio.sleep(every_seconds)

    async def measure(self, every_seconds: float) -> None:
        """Readings of every GPU, node by node, spread over the time."""
        while True:
            for node in self.nodes:
                self._read(node)
                await asyncio.sleep(every_seconds / len(self.nodes))

    def _read(self, node: dict[str, Any]) -> None:
        node["used"] = min(0.99, max(0.02, node["used"] + self.random.gauss(0, 0.04)))
        at_ms = self.clock.now_ms()
        labels = {"node_id": node["id"], "timestamp": at_ms}
        status = FAILING.get(node["hostname"], "healthy")
        if status == "offline":
            return
        for index in range(GPUS):
            used = min(1.0, max(0.0, self.random.gauss(node["used"], 0.06)))
            measured = {
                "gpu_index": index,
                "gpu_utilization": used,
                "memory_utilization": min(1.0, used * 0.8 + 0.1),
                "temperature": 38 + 45 * used,
                "power_draw": 90 + 560 * used,
                "status": status if index == 2 else "healthy",
            }
            self._tell("telemetry.gpu", {**self._labels(node), **labels, **measured})

    def _labels(self, node: dict[str, Any]) -> dict[str, Any]:
        return {"cluster_id": node["cluster_id"], "provider_id": node["provider_id"],
                "region": node["region"], "gpu_type": node["model"]}  # fmt: skip

    def _tell(self, topic: str, reading: dict[str, Any]) -> None:
        telemetry: Any = self.ports.telemetry
        telemetry.log.append((topic, reading))
        if len(telemetry.log) > 20_000:
            del telemetry.log[:10_000]
        self.topics.append(topic, reading)

    async def tell_prices(self, every_seconds: float) -> None:
        """Prices of each GPU type, as its GPUs are leased."""
        while True:
            now_ms = self.clock.now_ms()
            for _, region, model, _, base in CLUSTERS:
                used = self.random.uniform(0.55, 0.6)
                allocated = round(NODES * GPUS * used)
                fields = {
                    "gpu_type": model,
                    "base_price_micros": round(base * 10_000) * 100,
                    "spot_price_micros": round(base * (1 + 2 * used**2) * 10_000) * 100,
                    "allocated": allocated,
                    "held": 10,
                    "available": NODES * GPUS - allocated - 10,
                    "utilization": used,
                    "window_start_ms": now_ms - now_ms % 300_000,
                }
                for where in (region, ""):
                    update = spot_price(now_ms, region=where, **fields)
                    self.world.market.prices.append(update)
                    self.topics.append("pricing.updates", update)
            await asyncio.sleep(every_seconds)

    async def identify(self) -> None:
        """Learn of each node what its readings are labelled with, and let some fail."""
        for node in self.nodes:
            row = await self.ports.registrations.node(node["id"])
            assert row is not None
            node |= {"cluster_id": row["cluster_id"], "provider_id": row["provider_id"]}
            status = FAILING.get(node["hostname"])
            if status is not None:
                await self._fail(row["account_id"], node["id"], status)

    async def _fail(self, account_id: str, node_id: str, health: str) -> None:
        """Let the market know what its health job would."""
        seq = 1_000_000 + len(self.world.market.log)
        command = {
            "kind": "set_node_health",
            "source": "node_health",
            "source_seq": seq,
            "account_id": account_id,
            "set_node_health": {"node_id": node_id, "health": health},
        }
        await self.world.market.append("accounts.commands", account_id, command)


def spec(model: str, vram_gb: int, slot: int) -> dict[str, Any]:
    """One GPU of a node."""
    named = {"model": model, "vram_gb": vram_gb, "cuda_version": "12.4"}
    return {**named, "pcie_slot": f"slot {slot}"}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.market", description=__doc__)
    parser.add_argument("--api-port", type=int, default=28110)
    parser.add_argument("--feeds-port", type=int, default=28111)
    parser.add_argument("--origin", action="append", default=[], help="may listen, too")
    parser.add_argument("--fast", action="store_true", help="ten times as busy")
    return parser.parse_args()


async def main(asked: argparse.Namespace) -> None:
    market = Market(asked.feeds_port)
    service = feed_service(market.ports, market.topics, asked)
    keys = await market.fill()
    await market.identify()
    await service.start()
    config = uvicorn.Config(
        market.world.app, host=HOST, port=asked.api_port, lifespan="off", log_level="warning"
    )
    api, feeds = uvicorn.Server(config), feeds_server(service, HOST, asked.feeds_port, "warning")
    pace = 10 if asked.fast else 1
    busy = (market.trade(0.7 / pace), market.measure(5 / pace), market.tell_prices(4 / pace))
    tasks = [asyncio.create_task(each) for each in busy]
    url = f"http://{HOST}:{asked.api_port}"
    print(json.dumps({"url": url, **keys}), flush=True)
    await asyncio.gather(api.serve(), feeds.serve())
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main(parse()))
