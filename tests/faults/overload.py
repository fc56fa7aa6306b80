"""Five times as many orders as the market can take: it sheds, says when to come, recovers."""

import asyncio
import time
from dataclasses import dataclass
from random import Random
from typing import Final

import httpx

from tests.bench import overload
from tests.faults.fault import Struck
from tests.faults.harness import Harness

RATE: Final = 3_000
SECONDS: Final = 120.0
AFTER: Final = (20, 10.0)
"""Orders a second after it, and for how long; all must be normal before they end."""
PROBE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Overload:
    """More orders than can be taken; `tests.bench.overload` measures what becomes of them."""

    seconds: float = SECONDS
    name: str = "overload"
    limit_seconds: float = 30.0

    @property
    def what(self) -> str:
        return f"{RATE:,} orders/s for {self.seconds:.0f} s: 429 with Retry-After, well in 30 s"

    def strike(self, harness: Harness, rng: Random) -> Struck:
        harness.load.is_held = True  # its bids would take what is listed for these
        try:
            figures, told = asyncio.run(self._measure(harness))
        finally:
            harness.load.is_held = False
        problems = []
        offered = figures.offered.told()
        if not overload.is_shed(figures):
            problems.append(f"answers {dict(figures.answers)}, {offered}")
        if not told:
            problems.append("no 429 told when to come again")
        shed = figures.answers["429"]
        recovered = figures.recovered_seconds
        note = f"{shed:,} of {offered.sent:,} shed, normal after {recovered} s, order to trade of"
        note += f" what was taken p99 {offered.trade_p99:.0f} ms"
        return Struck(problems=problems, note=note)

    async def _measure(self, harness: Harness) -> tuple[overload.Overload, str | None]:
        probe = asyncio.create_task(_retry_after(harness))
        try:
            phases = await overload.measure(
                harness.market.session, RATE, self.seconds, usual=(0, 0.0), after=AFTER
            )
        finally:
            probe.cancel()
        (told,) = await asyncio.gather(probe, return_exceptions=True)
        return overload.overload(*phases), told if isinstance(told, str) else None


async def _retry_after(harness: Harness) -> str:
    """The first `Retry-After` of a 429 that an ordinary client is told."""
    body = {"type": "bid", "gpu_type": "A10", "quantity": 1, "price": "0.01"}
    body |= {"duration_hours": 1, "time_in_force": "IOC"}
    headers = {"Authorization": f"Bearer {harness.run.consumers[0].key}"}
    async with httpx.AsyncClient(base_url=harness.market.session.url(), timeout=30) as client:
        while True:
            began = time.monotonic()
            answer = await client.post("/api/v2/orders", json=body, headers=headers)
            if answer.status_code == 429 and answer.headers.get("Retry-After"):
                return str(answer.headers["Retry-After"])
            await asyncio.sleep(max(0.0, PROBE_SECONDS - (time.monotonic() - began)))


FAULTS = (Overload(),)
