"""What the demo's nodes measure while it plays, and one of them that fails and recovers.

The GPUs of some nodes play the containers of `data/gpu_duty_cycle.csv.gz`, a minute of the file in
five seconds, as `gpubroker agent telemetry --replay` would send it. Their owners let the market
price them by demand (surge), and want what a failing node takes out of the book listed anew. At the
end one node says that it is offline: its ask must leave the book, and come back.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from cli import clickhouse
from cli.agent import replay
from cli.client import Json
from cli.demo.play import Party, Run
from cli.demo.trace import FOLDER, Supply
from cli.errors import CommandError
from cli.session import Session
from udfs.money import limit_usd
from udfs.telemetry import SLOT_MS

DUTY_CYCLES: Final = FOLDER / "gpu_duty_cycle.csv.gz"
SPEED: Final = 12.0
"""A minute of the file in five seconds, as often as the market takes a reading of a GPU."""
PATIENCE_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.1
SLOTS_TRIED: Final = 3
"""The first is taken if its own reading came just before; what fails then is told as never."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """A node that reports, and which container its first GPU plays."""

    node_id: str
    party: Party
    supply: Supply
    first: int


class Outage(NamedTuple):
    """A node that said it was offline, and then that it was well again."""

    node: str
    gpus: int
    """How many of its GPUs were on offer."""
    gone_seconds: float | None
    """Until its ask had left the book; None if it had not in time."""
    back_seconds: float | None
    """From its recovery until they were on offer again."""


class Telemetry:
    """The reporting nodes of a run."""

    def __init__(
        self, session: Session, run: Run, supply: Sequence[Supply], file: Path = DUTY_CYCLES
    ) -> None:
        """Choose the nodes, of each GPU type by turns, as far as the file's containers reach."""
        self._session = session
        self._run = run
        self._rows = replay.read_rows(file)
        containers = len({row.container for row in self._rows})
        self.reporters = list(chosen(run, supply, containers))
        self.accepted = 0
        """Readings that the market took."""
        self._failing: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_over = False

    async def price(self) -> None:
        """Each node's price by default, with surge, and its asks listed anew after a failure."""
        for each in self.reporters:
            price = limit_usd(each.supply.price_micros)
            body = {"base_price": price, "surge_enabled": True, "relist": True}
            path = f"/nodes/{each.node_id}/pricing"
            await self._run.api.call(each.party.key, "PUT", path, body=body)

    async def await_prices(self) -> None:
        """Wait until each GPU type that reports has a spot price, which is told every 10 s."""
        types = {each.supply.node.gpu_type for each in self.reporters}

        async def are_told() -> bool:
            told = await self._run.api.call(self._run.admin_key, "GET", "/pricing/spot")
            return types <= {each["gpu_type"] for each in told["items"] if each["spot_price"]}

        await _seconds_until(are_told)

    def start(self) -> None:
        """Begin to send readings as they are due."""
        start_ms = _now_ms()
        self._tasks = [asyncio.create_task(self._report(each, start_ms)) for each in self.reporters]

    async def stop(self) -> None:
        """Send no more; what is on its way is waited for."""
        self._is_over = True
        for task in self._tasks:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(task, 2 * SLOT_MS / 1000)

    async def fail_one(self) -> Outage | None:
        """Let the first node fail and recover that still has GPUs on offer; None without any."""
        async for reporter, ask in self._offered():
            return await self._fail(reporter, ask)
        return None

    async def _report(self, reporter: Reporter, start_ms: int) -> None:
        gpus = reporter.supply.node.gpu_count
        for at_ms, metrics in replay.readings(self._rows, gpus, reporter.first, start_ms, SPEED):
            await asyncio.sleep(max(0.0, (at_ms - _now_ms()) / 1000))
            if self._is_over:
                return
            if reporter.node_id not in self._failing:
                with suppress(CommandError):  # the next reading comes in five seconds
                    await self._send(reporter, metrics)

    async def _send(self, reporter: Reporter, metrics: list[Json]) -> bool:
        """Whether all of them were taken."""
        body = {"node_id": reporter.node_id, "metrics": metrics}
        told = await self._run.api.call(reporter.party.key, "POST", "/telemetry/batch", body=body)
        self.accepted += told["accepted"]
        return not told["rejected"]

    async def _fail(self, reporter: Reporter, ask: Json) -> Outage:
        self._failing.add(reporter.node_id)
        await self._say(reporter, "offline")
        gone = await _seconds_until(lambda: self._is_closed(reporter, ask))
        await self._say(reporter, "healthy")
        back = await _seconds_until(lambda: self._is_back(reporter, ask))
        self._failing.discard(reporter.node_id)
        return Outage(reporter.supply.node.name, ask["remaining"], gone, back)

    async def _say(self, reporter: Reporter, status: str) -> None:
        """Report a status, in the first slot of time that is not taken by another reading."""
        for _ in range(SLOTS_TRIED):
            await asyncio.sleep((SLOT_MS - _now_ms() % SLOT_MS) / 1000)
            metric = {**replay.metric(0, _now_ms(), 0.0), "status": status}
            if await self._send(reporter, [metric]):
                return

    async def _offered(self) -> AsyncIterator[tuple[Reporter, Json]]:
        """Nodes behind an open ask that no other node backs, and that ask."""
        slots = await asyncio.to_thread(self._slots)
        for each in self.reporters:
            states = Counter(slots.get(each.node_id, ()))
            for state, gpus in states.items():
                kind, _, ask_id = state.partition(":")
                if kind == "held":
                    ask = await self._run.api.call(each.party.key, "GET", f"/orders/{ask_id}")
                    if ask["remaining"] == gpus:
                        yield each, ask

    def _slots(self) -> dict[str, list[str]]:
        """The state of each GPU of the nodes that report."""
        nodes = ", ".join(f"'{each.node_id}'" for each in self.reporters)
        sql = f"SELECT node_id, slots FROM nodes WHERE node_id IN ({nodes})"
        return {row["node_id"]: row["slots"] for row in clickhouse.rows(self._session, sql)}

    async def _is_closed(self, reporter: Reporter, ask: Json) -> bool:
        now = await self._run.api.call(reporter.party.key, "GET", f"/orders/{ask['id']}")
        return bool(now["status"] == "cancelled" and now["reason"] == "capacity_lost")

    async def _is_back(self, reporter: Reporter, ask: Json) -> bool:
        """Whether the account has an open ask like it again, younger than it."""
        params = {"status": "active", "limit": "20"}
        page = await self._run.api.call(reporter.party.key, "GET", "/orders", params=params)
        like = ("type", "gpu_type", "product", "region", "price")
        return any(
            order["id"] != ask["id"]
            and order["quantity"] == ask["remaining"]
            and all(order[name] == ask[name] for name in like)
            for order in page["items"]
            if order["created_at"] > ask["created_at"]
        )


def chosen(run: Run, supply: Sequence[Supply], containers: int) -> Iterator[Reporter]:
    """Nodes of each GPU type by turns, each of its GPUs a container of its own."""
    by_type: dict[str, list[int]] = {}
    for number, each in enumerate(supply):
        by_type.setdefault(each.node.gpu_type, []).append(number)
    first = 0
    for turn in range(len(supply)):
        for numbers in by_type.values():
            if turn < len(numbers):
                number = numbers[turn]
                gpus = supply[number].node.gpu_count
                if first + gpus > containers:
                    return
                party = run.providers[supply[number].provider]
                yield Reporter(run.nodes[number], party, supply[number], first)
                first += gpus


async def _seconds_until(reached: Callable[[], Coroutine[Any, Any, bool]]) -> float | None:
    """How long it took; None if it took too long."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_SECONDS:
        if await reached():
            return time.monotonic() - began
        await asyncio.sleep(POLL_SECONDS)
    return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
