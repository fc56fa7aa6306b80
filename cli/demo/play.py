"""Plays the trace on a running market over its HTTP API: accounts, nodes, asks, bids."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from cli.client import AsyncClient, Json
from cli.commands.node import node_body
from cli.demo.progress import Progress
from cli.demo.trace import VRAM_GB, Bid, Supply
from cli.errors import CommandError, OutcomeUnknown, Refused
from udfs.ids import order_id
from udfs.money import limit_usd

T = TypeVar("T")

CONCURRENCY: Final = 32
ATTEMPTS: Final = 4
ASK_HOURS: Final = 8760


@dataclass(frozen=True, slots=True)
class Party:
    """An account of this run, and its key."""

    account_id: str
    key: str


@dataclass(slots=True)
class Run:
    """One run of the demo: its own accounts, so that runs on one market do not mix."""

    api: AsyncClient
    admin_key: str
    name: str = field(default_factory=lambda: secrets.token_hex(3))
    providers: list[Party] = field(default_factory=list)
    consumers: list[Party] = field(default_factory=list)
    provider_ids: list[str] = field(default_factory=list)
    clusters: dict[tuple[int, str], str] = field(default_factory=dict)
    """Cluster ids by provider and region."""
    nodes: list[str] = field(default_factory=list)
    """Node ids, in the order of the supply."""
    gpus: int = 0
    """Registered in all."""

    @property
    def parties(self) -> list[Party]:
        return [*self.providers, *self.consumers]

    @property
    def account_ids(self) -> list[str]:
        return [party.account_id for party in self.parties]


async def open_accounts(run: Run, providers: int, consumers: int) -> None:
    """Accounts and keys for this run; the providers registered and verified."""
    run.consumers = await _each(range(consumers), lambda number: _open(run, "consumer", number))
    run.providers = await _each(range(providers), lambda number: _open(run, "provider", number))
    run.provider_ids = await _each(
        list(enumerate(run.providers)), lambda item: _register(run, *item)
    )


async def register_supply(run: Run, supply: Sequence[Supply]) -> None:
    """Clusters and nodes of this run's providers."""
    places = sorted({(each.provider, each.region) for each in supply})
    made = await _each(places, lambda place: _create_cluster(run, *place))
    run.clusters = dict(zip(places, made, strict=True))
    run.nodes = await _each(list(enumerate(supply)), lambda item: _register_node(run, *item))
    run.gpus = sum(each.node.gpu_count for each in supply)


async def place_asks(run: Run, supply: Sequence[Supply], progress: Progress) -> None:
    """One ask for each node, for all its GPUs."""
    await _each(supply, lambda each: _place_ask(run, each, progress))


async def send_bids(run: Run, bids: Sequence[Bid], progress: Progress) -> None:
    """Every bid when it is due, whether or not the earlier ones are answered."""
    progress.to_send = len(bids)
    began = time.monotonic()
    slots = asyncio.Semaphore(CONCURRENCY)
    async with asyncio.TaskGroup() as group:
        for bid in bids:
            await asyncio.sleep(max(began + bid.at_seconds - time.monotonic(), 0))
            await slots.acquire()
            task = group.create_task(_place_bid(run, bid, progress))
            task.add_done_callback(lambda _: slots.release())


async def watch_books(run: Run, progress: Progress, every_seconds: float = 1.0) -> None:
    """Keep the best prices fresh, until cancelled; a look that fails is made up by the next."""
    while True:
        with suppress(CommandError):
            progress.books = await run.api.pages(run.admin_key, "/market/books")
        await asyncio.sleep(every_seconds)


async def _open(run: Run, role: str, number: int) -> Party:
    name = f"demo {run.name} {role} {number + 1}"
    account = await run.api.call(
        run.admin_key, "POST", "/accounts", body={"name": name, "role": role}
    )
    body = {"name": name, "roles": [role], "account_id": account["account_id"]}
    made = await run.api.call(run.admin_key, "POST", "/auth/api-keys", body=body)
    return Party(account["account_id"], made["key"])


async def _register(run: Run, number: int, party: Party) -> str:
    body = {"name": f"Provider {number + 1} of {run.name}", "company": "Demo", "kyc_data": {}}
    made = await run.api.call(party.key, "POST", "/providers", body=body)
    provider_id: str = made["provider_id"]
    path = f"/providers/{provider_id}"
    await run.api.call(run.admin_key, "PATCH", path, body={"status": "verified"})
    return provider_id


async def _create_cluster(run: Run, provider: int, region: str) -> str:
    path = f"/providers/{run.provider_ids[provider]}/clusters"
    body = {"name": f"{region} {run.name}", "region": region, "specs": {}}
    made = await run.api.call(run.providers[provider].key, "POST", path, body=body)
    cluster_id: str = made["cluster_id"]
    return cluster_id


async def _register_node(run: Run, number: int, supply: Supply) -> str:
    node = supply.node
    path = f"/clusters/{run.clusters[supply.provider, supply.region]}/nodes"
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    body = node_body(
        f"{node.name}-{run.name}",
        address,
        node.gpu_type,
        node.gpu_count,
        VRAM_GB[node.gpu_type],
        "12.8",
    )
    made = await run.api.call(run.providers[supply.provider].key, "POST", path, body=body)
    node_id: str = made["node_id"]
    return node_id


async def _place_ask(run: Run, supply: Supply, progress: Progress) -> None:
    node = supply.node
    body = {
        "type": "ask",
        "gpu_type": node.gpu_type,
        "product": supply.product,
        "quantity": node.gpu_count,
        "price": limit_usd(supply.price_micros),
        "duration_hours": ASK_HOURS,
        "region": supply.region,
    }
    party = run.providers[supply.provider]
    await _place(run, party, f"demo-{run.name}-{node.name}", body, progress)


async def _place_bid(run: Run, bid: Bid, progress: Progress) -> None:
    body = {
        "type": "bid",
        "gpu_type": bid.gpu_type,
        "product": bid.product,
        "quantity": bid.quantity,
        "price": limit_usd(bid.price_micros),
        "duration_hours": bid.duration_hours,
        "time_in_force": bid.time_in_force,
        **({"region": bid.region} if bid.region else {}),
    }
    party, key = run.consumers[bid.consumer], f"demo-{run.name}-{bid.task}"
    progress.sent_at[order_id(party.account_id, key)] = time.monotonic()
    progress.sent += 1
    progress.gpus_wanted += bid.quantity
    await _place(run, party, key, body, progress)


async def _place(run: Run, party: Party, key: str, body: Json, progress: Progress) -> None:
    try:
        placed = await _insist(run.api, party.key, body, key)
        progress.accepted.add(placed["order_id"])
    except Refused as refusal:
        progress.refusals[str(refusal.problem.get("code", "?"))] += 1
    except OutcomeUnknown:
        progress.unknown += 1


async def _insist(api: AsyncClient, key: str, body: Json, client_key: str) -> Json:
    """Place an order, again while the outcome is unknown: the same key is safe to repeat."""
    attempt = 1
    while True:
        try:
            placed: Json = await api.call(
                key, "POST", "/orders", body=body, headers={"Idempotency-Key": client_key}
            )
        except OutcomeUnknown:
            if attempt == ATTEMPTS:
                raise
            await asyncio.sleep(0.2 * attempt)
            attempt += 1
        else:
            return placed


async def _each(items: Iterable[Any], work: Callable[[Any], Awaitable[T]]) -> list[T]:
    """The work on every item, a bounded number at a time, answers in the items' order."""
    slots = asyncio.Semaphore(CONCURRENCY)

    async def bounded(item: Any) -> T:
        async with slots:
            return await work(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bounded(item)) for item in items]
    return [task.result() for task in tasks]
