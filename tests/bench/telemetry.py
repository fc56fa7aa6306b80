"""What a reading costs on its way into the log: `python -m tests.bench.telemetry [--rounds N]`.

In process and on one core, beside encoding the same records with bare fastavro: judging, encoding,
and a whole `POST /telemetry/batch` from the bytes of its body to those of its answer. Redis and the
log are memory: slots are remembered in process, and readings are encoded and dropped.
"""

import argparse
import asyncio
import io
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median

import fastavro

from query_api.adapters.memory import memory_ports
from query_api.app import create_app
from query_api.commands.accounts import new_account
from query_api.commands.keys import ROLES_OF, new_key, scopes_for
from query_api.ports import Row
from query_api.times import read_ms
from schemas import codec, contract
from schemas.names import TELEMETRY_GPU
from tests.api.conftest import Caller, add_node, registered
from udfs import telemetry
from udfs.telemetry import Node

NODE = Node("6b1f3c52-8f0e-4c57-9a3e-2d6f0a1b7c01", *["6b1f3c52-8f0e-4c57-9a3e-2d6f0a1b7c02"] * 2,
            "us-west-2", "H100", 8)  # fmt: skip
BATCH = 1_000
BARE = "bare fastavro"


class Encoded:
    """A log that encodes what it is given, and drops it."""

    def __init__(self) -> None:
        self._encode = codec.offline().encoder(TELEMETRY_GPU)

    async def append_all(self, node_id: str, told: Sequence[tuple[str, Row]]) -> None:
        for _, record in told:
            self._encode(record)


def metrics(now_ms: int, count: int = BATCH) -> list[Row]:
    """Good readings of eight GPUs, a slot each."""
    return [
        {
            "gpu_index": number % 8,
            "timestamp": now_ms - 5_000 * (number // 8),
            "gpu_utilization": (number * 37 % 101) / 100,
            "memory_utilization": (number * 61 % 101) / 100,
            "temperature": 40 + number % 40,
            "power_draw": 100.5 + number % 500,
            "status": "healthy",
        }
        for number in range(count)
    ]


async def application(rounds: int) -> Callable[[], Awaitable[None]]:
    """Posts batches of new readings, made beforehand, to an application of its own."""
    ports, market, registry = memory_ports()
    ports.telemetry = Encoded()
    account = new_account("bench", "provider", market.clock.now_ms())
    await registry.add_account(account)
    roles = ROLES_OF["provider"]
    key, row = new_key(account["id"], "bench", roles, scopes_for(roles), market.clock.now_ms())
    await registry.add_key(row)
    seller = Caller(create_app(ports), account["id"], key.text)
    node_id = await add_node(seller, await registered(seller), 8)

    start_ms, apart_ms = market.clock.now_ms(), BATCH // 8 * 5_000
    bodies = iter(
        [
            json.dumps({"node_id": node_id, "metrics": metrics(start_ms + apart_ms * number)})
            for number in range(1, rounds + 1)
        ]
    )

    async def post() -> None:
        market.clock.advance(apart_ms)
        reply = await seller("POST", "/telemetry/batch", next(bodies).encode())
        assert reply.body == {"accepted": BATCH, "rejected": []}, reply

    return post


async def measure(rounds: int) -> dict[str, float]:
    """CPU of a reading by step, microseconds: medians of rounds in which the steps take turns."""
    now_ms = 1_790_000_000_000
    sent = metrics(now_ms)
    records = [each.record for each in telemetry.judge(NODE, sent, now_ms, read_ms).readings]
    schema = codec.parsed(contract.expanded("GpuReading"))
    encode = codec.offline().encoder(TELEMETRY_GPU)

    async def bare() -> None:
        for record in records:
            fastavro.schemaless_writer(io.BytesIO(), schema, record)

    async def framed() -> None:
        for record in records:
            encode(record)

    async def judge() -> None:
        telemetry.judge(NODE, sent, now_ms, read_ms)

    post = await application(rounds)
    steps = {BARE: bare, "the codec": framed, "judging": judge, "a whole batch of 1,000": post}
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            began = time.process_time()
            await step()
            taken[name].append(time.process_time() - began)
    return {name: median(seconds) / BATCH * 1e6 for name, seconds in taken.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.telemetry", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    costs = asyncio.run(measure(parser.parse_args().rounds))
    print("| step | µs a reading | readings/s of a core | to bare fastavro |")
    print("|---|---:|---:|---:|")
    for name, cost in costs.items():
        print(f"| {name} | {cost:.2f} | {1e6 / cost:,.0f} | {cost / costs[BARE]:.2f} |")


if __name__ == "__main__":
    main()
