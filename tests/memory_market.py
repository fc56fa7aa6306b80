"""A market in memory behind its real API and feeds, for work on the page: no server is needed.

`python -m tests.memory_market [--api-port 10355] [--feeds-port 28050]` prints a key for each kind
of caller. There is one verified provider with a cluster of two nodes, and somebody trades, measures
and prices all the time, unless `--quiet`. Nothing is kept when it ends.
"""

import argparse
import asyncio
import json
import random
import time
from typing import Any

import uvicorn

from query_api.adapters.memory import MemoryClock, memory_ports
from query_api.adapters.memory_feeds import MemoryFeedLog, MemoryJobs, MemoryTopics
from query_api.app import create_app
from query_api.feeds.connection import FeedLimits
from query_api.feeds.feed import Keep
from query_api.feeds.service import FeedService
from query_api.feeds.serving import feeds_server
from query_api.ports import Ports
from query_api.times import told
from tests.api.conftest import Caller, World, add_cluster, node_body, registered
from tests.builders import spot_price

HOST = "127.0.0.1"


class PassingClock(MemoryClock):
    """A clock that goes as clocks do."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def now_seconds(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.memory_market", description=__doc__)
    parser.add_argument("--api-port", type=int, default=10355)
    parser.add_argument("--feeds-port", type=int, default=28050)
    parser.add_argument("--origin", action="append", default=[], help="may listen, too")
    parser.add_argument("--quiet", action="store_true", help="nobody does anything by itself")
    return parser.parse_args()


async def main(asked: argparse.Namespace) -> None:
    ports, market, registry = memory_ports(PassingClock())
    ports.feeds_url = f"ws://{HOST}:{asked.feeds_port}"
    app = create_app(ports)
    world = World(app, market, registry, market.clock, ports)
    topics = MemoryTopics(market)
    service = feed_service(ports, topics, asked)
    await service.start()
    callers = await first_callers(world)
    print(json.dumps({role: caller.key for role, caller in callers.items()}, indent=2), flush=True)
    api = uvicorn.Server(
        uvicorn.Config(app, host=HOST, port=asked.api_port, lifespan="off", log_level="warning")
    )
    feeds = feeds_server(service, HOST, asked.feeds_port, "warning")
    busy = [] if asked.quiet else [trade(callers), measure(world, callers), tell_prices(topics)]
    tasks = [asyncio.create_task(each) for each in busy]
    await asyncio.gather(api.serve(), feeds.serve())
    for task in tasks:
        task.cancel()


def feed_service(ports: Ports, topics: MemoryTopics, asked: argparse.Namespace) -> FeedService:
    """The feeds of this market, with the API's own pages allowed."""
    hosts = (
        f"http://{host}:{port}" for host in (HOST, "localhost") for port in (asked.api_port, 28100)
    )
    return FeedService(
        ports,
        MemoryFeedLog(topics),
        MemoryJobs(),
        topics.decoders(),
        limits=FeedLimits(),
        keep=Keep(),
        origins=frozenset((*hosts, *asked.origin)),
    )


async def first_callers(world: World) -> dict[str, Caller]:
    """An administrator, a consumer, and a verified provider with a cluster of two nodes."""
    callers = {role: await world.caller(role) for role in ("admin", "consumer", "provider")}
    seller = callers["provider"]
    provider_id = await registered(seller)
    await callers["admin"]("PATCH", f"/providers/{provider_id}", {"status": "verified"})
    cluster_id = await add_cluster(seller, provider_id)
    for hostname in ("n1", "n2"):
        body = {**node_body(), "hostname": hostname}
        assert (await seller("POST", f"/clusters/{cluster_id}/nodes", body)).status == 201
    return callers


async def trade(callers: dict[str, Caller]) -> None:
    """An order every half second, by the consumer or the provider; the oldest are cancelled."""
    mine: list[tuple[Caller, str]] = []
    while True:
        side = random.choice(("bid", "ask"))
        caller = callers["consumer" if side == "bid" else "provider"]
        around = 2.4 if side == "bid" else 2.5
        body: dict[str, Any] = {
            "type": side,
            "gpu_type": "H100",
            "quantity": random.randint(1, 2),
            "price": f"{random.gauss(around, 0.05):.4f}",
            "duration_hours": 24,
        }
        if side == "ask":
            body["region"] = "us-west-2"
        placed = await caller("POST", "/orders", body)
        if placed.status < 300:
            mine.append((caller, placed.body["order_id"]))
        if len(mine) > 12:
            old, order_id = mine.pop(0)
            await old("DELETE", f"/orders/{order_id}")
        await asyncio.sleep(0.5)


async def measure(world: World, callers: dict[str, Caller]) -> None:
    """Readings of every GPU, every five seconds."""
    seller = callers["provider"]
    while True:
        at = told(world.clock.now_ms())
        for node in (await seller("GET", "/nodes")).body["items"]:
            metrics = [
                {
                    "gpu_index": index,
                    "timestamp": at,
                    "gpu_utilization": random.random(),
                    "memory_utilization": random.random(),
                    "temperature": random.uniform(40, 80),
                    "power_draw": random.uniform(200, 700),
                    "status": "healthy",
                }
                for index in range(len(node["gpus"]))
            ]
            await seller("POST", "/telemetry/batch", {"node_id": node["id"], "metrics": metrics})
        await asyncio.sleep(5)


async def tell_prices(topics: MemoryTopics) -> None:
    """Prices of one GPU type every two seconds."""
    spot_micros = 2_400_000
    while True:
        now_ms = time.time_ns() // 1_000_000
        spot_micros = max(1_000_000, spot_micros + 100 * random.randint(-200, 200))
        for region in ("us-west-2", ""):
            update = spot_price(now_ms, region=region, spot_price_micros=spot_micros,
                           window_start_ms=now_ms - now_ms % 300_000)  # fmt: skip
            topics.append("pricing.updates", update)
        await asyncio.sleep(2)


if __name__ == "__main__":
    asyncio.run(main(parse()))
