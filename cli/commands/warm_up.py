"""`gpubroker warm-up`: drives the path of orders until the JVMs have compiled it.

A JVM that just started is slow: orders take ten times as long. `up` runs this before it says that
the market is ready. It works in a book of its own choice, at the lowest price there is, with
orders that never meet anyone else's, and leaves none resting.
"""

import asyncio
import contextlib
import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import httpx
import typer
import uvloop

from cli.client import AsyncClient, Json
from cli.demo.progress import percentile
from cli.errors import CommandError, Refused
from cli.options import session
from cli.session import Session

BOOK: Final = {"gpu_type": "P100", "product": "reserved"}
LOWEST: Final = "0.0001"
MOST_ROUNDS: Final = 2_000
"""Each is an order and its cancel: about seven records on the way to and from the book."""
MOST_SECONDS: Final = 10.0
WINDOW: Final = 100
"""Rounds whose percentile is looked at."""
SETTLED_MS: Final = 100.0
"""A window's p95, both calls of a round together, that counts as warm."""
CONCURRENCY: Final = 24
BUSY_SECONDS: Final = 0.5
"""Before a round that was refused, as too much for now, is followed by another: where clients keep
the market so busy that it refuses orders, as after a fall, they warm it up themselves."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What warm-ups keep in the state folder: one account, and its key."""

    account_id: str
    key: str


def warm_up(ctx: typer.Context) -> None:
    """Place and cancel orders until it is as fast as it gets (bounded in count and time)."""
    rounds, p95_ms, seconds = uvloop.run(_warm(session(ctx)))
    typer.echo(f"warm after {rounds} orders in {seconds:.1f} s, p95 of the last {p95_ms:.0f} ms")


async def _warm(opened: Session) -> tuple[int, float, float]:
    """Rounds, the last window's p95, and the seconds that it took."""
    began = time.monotonic()
    took_ms: list[float] = []

    def is_over() -> bool:
        late = time.monotonic() - began >= MOST_SECONDS
        return late or len(took_ms) >= MOST_ROUNDS or is_settled(took_ms)

    async with AsyncClient(opened.url(), CONCURRENCY) as api:
        keys = await _keys(opened, api)

        async def work() -> None:
            while not is_over():
                try:
                    took_ms.append(await _round(api, keys.key))
                except Refused as refusal:
                    if refusal.problem.get("status") != httpx.codes.TOO_MANY_REQUESTS:
                        raise
                    await asyncio.sleep(BUSY_SECONDS)

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return len(took_ms), percentile(took_ms[-WINDOW:], 95), time.monotonic() - began


def is_settled(took_ms: Sequence[float]) -> bool:
    """Whether the newest window is fast."""
    newest = list(took_ms[-WINDOW:])
    return len(newest) == WINDOW and percentile(newest, 95) <= SETTLED_MS


async def _round(api: AsyncClient, key: str) -> float:
    """An order that rests, and its cancel, which is answered when it is done; ms of both."""
    began = time.monotonic()
    body = {
        "type": "bid",
        **BOOK,
        "quantity": 1,
        "price": LOWEST,
        "duration_hours": 1,
        "post_only": True,
    }
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    order: Json = await api.call(key, "POST", "/orders", body=body, headers=headers)
    await api.call(key, "DELETE", f"/orders/{order['order_id']}")
    return (time.monotonic() - began) * 1000


async def _keys(opened: Session, api: AsyncClient) -> Keys:
    """The account of earlier warm-ups while its key works, else a new one."""
    path = opened.settings.path("HOME") / "warm-up.json"
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, CommandError):
        keys = Keys(**json.loads(path.read_text()))
        await api.call(keys.key, "GET", "/auth/me")
        return keys
    keys = await _new_keys(api, opened.key("admin", "admin"))
    _keep(path, keys)
    return keys


async def _new_keys(api: AsyncClient, admin: str) -> Keys:
    wanted = {"name": "warm-up", "role": "consumer"}
    account = await api.call(admin, "POST", "/accounts", body=wanted)
    account_id = account["account_id"]
    key = {"name": "warm-up", "roles": ["consumer"], "account_id": account_id}
    made = await api.call(admin, "POST", "/auth/api-keys", body=key)
    return Keys(account_id, made["key"])


def _keep(path: Path, keys: Keys) -> None:
    """Write them for their owner alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(keys), file)
