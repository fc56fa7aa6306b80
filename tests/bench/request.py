"""What POST /orders costs in process, with the limits and without, and what a refusal costs.

    python -m tests.bench.request

Log, Redis and accounts are in memory and no machine runs, so only the API's own work is measured.
The variants take turns and the medians of many rounds are compared, as the machine's speed changes.
"""

import argparse
import asyncio
import gc
import json
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from query_api.adapters.clock import SystemClock
from query_api.adapters.memory import MemoryMarket, memory_ports
from query_api.app import create_app
from query_api.commands.accounts import new_account
from query_api.commands.keys import ROLES_OF, new_key, scopes_for
from query_api.limits import LIMITS
from query_api.overload import Gate
from query_api.ports import Ports
from query_api.quotas import Policies
from query_api.rate_limits import RateLimiter
from query_api.waiting_room import WaitingRoom

PER_ROUND = 500
BODY = json.dumps(
    {
        "type": "bid",
        "gpu_type": "H100",
        "product": "reserved",
        "quantity": 1,
        "price": "2.0000",
        "duration_hours": 1,
    }
).encode()
PLENTY = {kind: Policies.of(kind, 10**6, 10**6, 10) for kind in LIMITS.policies}
FEW = {kind: Policies.of(kind, 1, 1, 10) for kind in LIMITS.policies}
WITHOUT = "without limits"
Send = Callable[[int], Awaitable[int]]


class Variant:
    """An application of its own, and the status that its answers have."""

    def __init__(self, status: int, policies: Any, *, is_full: bool = False) -> None:
        self.status = status
        ports, self._market, registry = memory_ports(SystemClock())
        self._market.held_back = True
        ports.limits = replace(LIMITS, policies=policies)
        if is_full:
            ports.room.is_full = lambda: True
        self._ports = ports
        self._registry = registry
        self.took_micros: list[float] = []

    async def open(self) -> None:
        account = new_account("bench", "consumer", 0)
        await self._registry.add_account(account)
        roles = ROLES_OF["consumer"]
        key, row = new_key(account["id"], "bench", roles, scopes_for(roles), 0)
        await self._registry.add_key(row)
        self._send = sender(self._ports, key.text)

    async def run(self, number: int) -> None:
        """A round of requests; what they left in memory goes before the clock starts."""
        _empty(self._market)
        gc.collect()
        began = time.perf_counter()
        for index in range(PER_ROUND):
            status = await self._send(number * PER_ROUND + index)
            if index % 50 == 0:
                _answer(self._market)
        self.took_micros.append((time.perf_counter() - began) / PER_ROUND * 1e6)
        assert status == self.status, status


@contextmanager
def _taken_out() -> Iterator[None]:
    """The limits as if they were not there."""
    with (
        patch.object(RateLimiter, "spend", _spend_nothing),
        patch.object(Gate, "has_place", lambda gate, urgency: True),
        patch.object(WaitingRoom, "order", lambda room, command_id: nullcontext()),
    ):
        yield


async def _spend_nothing(*_: object) -> dict[str, str]:
    return {}


def sender(ports: Ports, key: str) -> Send:
    """Sends the request with this number, and returns the status of its answer."""
    app = create_app(ports).asgi_app
    headers = [
        (b"host", b"127.0.0.1:10355"),
        (b"authorization", f"Bearer {key}".encode()),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(BODY)).encode()),
    ]

    async def receive() -> Any:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(number: int) -> int:
        told: list[Any] = []

        async def keep(message: Any) -> None:
            told.append(message)

        scope = {
            "type": "http",
            "path": "/api/v2/orders",
            "method": "POST",
            "query_string": b"",
            "headers": [*headers, (b"idempotency-key", f"bench-{number}".encode())],
        }
        await app(scope, receive, keep)
        return int(told[0]["status"])

    return send


def _empty(market: MemoryMarket) -> None:
    market.log.clear()
    market._waiting.clear()
    market.rows.clear()


def _answer(market: MemoryMarket) -> None:
    """Tell the samples of orders that their facts are there."""
    for command_id in market.placements.wanted():
        market.placements.tell("order_created", {"command_id": command_id})


async def measure(rounds: int) -> dict[str, Variant]:
    """All variants, in turns."""
    variants = {
        WITHOUT: Variant(202, PLENTY),
        "with limits": Variant(202, PLENTY),
        "refused, rate limit": Variant(429, FEW),
        "refused, overload": Variant(429, PLENTY, is_full=True),
    }
    for variant in variants.values():
        await variant.open()
    for number in range(rounds):
        for name, variant in variants.items():
            with _taken_out() if name == WITHOUT else nullcontext():
                await variant.run(number)
    return variants


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.request")
    parser.add_argument("--rounds", type=int, default=40, help=f"of {PER_ROUND} requests")
    variants = asyncio.run(measure(parser.parse_args().rounds))
    base = statistics.median(variants[WITHOUT].took_micros)
    print(f"{'median µs per request':24}{'':>8}{'ratio':>8}")
    for name, variant in variants.items():
        micros = statistics.median(variant.took_micros)
        print(f"{name:24}{micros:8.1f}{micros / base:8.2f}")


if __name__ == "__main__":
    main()
