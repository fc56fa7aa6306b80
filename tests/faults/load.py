"""Orders at a steady rate from clients that do not give up: each asks with its key until a 2xx."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from cli.client import AsyncClient
from cli.demo.play import Run
from cli.errors import OutcomeUnknown, Unreachable
from tests.bench.wire import Outcome, Pool, request
from udfs.ids import order_id
from udfs.money import limit_usd

REGION: Final = "us-west-2"
TYPES: Final = ("A10", "T4", "V100-32GB")
PRODUCT: Final = "reserved"
CONNECTIONS: Final = 64
ANSWER_SECONDS: Final = 15.0
PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 4.0
"""A client doubles its pause up to this, as well-behaved ones do: a 429 says when to come again."""
GIVE_UP_SECONDS: Final = 240.0
ASK_SHARE: Final = 0.03
"""Of all orders; each offers one GPU, so this is what a run needs of them."""
MIDDLE_TICKS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Order:
    """A request to place an order, ready to be sent again and again."""

    order_id: str
    sent: bytes
    side: str


@dataclass(slots=True)
class Sent:
    """What became of the orders so far."""

    first_sent_at: dict[str, float] = field(default_factory=dict)
    """By order id, on the monotonic clock."""
    accepted: set[str] = field(default_factory=set)
    """Ids that got a 2xx."""
    answers: Counter[str] = field(default_factory=Counter)
    """Attempts by status, or by what came instead."""
    refused: dict[str, str] = field(default_factory=dict)
    """Orders with an answer that no patience helps, by id."""
    given_up: set[str] = field(default_factory=set)
    slowest_seconds: float = 0.0
    """The longest that a client had to ask for one order, since the load was started."""


def orders(run: Run, seed: int) -> Iterator[Order]:
    """Orders without end, a function of the run's accounts and the seed.

    Asks of one GPU; bids that cross and take at once what there is; bids that cross and wait; low
    bids that come and go at once; low bids that rest.
    """
    draw = Random(seed)
    number = 0
    while True:
        yield _order(run, draw, f"faults-{seed}-{number}")
        number += 1


def _order(run: Run, draw: Random, key: str) -> Order:
    body: dict[str, Any] = {"gpu_type": draw.choice(TYPES), "product": PRODUCT, "quantity": 1}
    near = draw.randint(-50, 50)
    luck = draw.random()
    if luck < ASK_SHARE:
        party, side = draw.choice(run.providers), "ask"
        body |= {"duration_hours": 24, "region": REGION, "price": _usd(MIDDLE_TICKS + near)}
    else:
        party, side = draw.choice(run.consumers), "bid"
        crosses = luck < 3 * ASK_SHARE
        ticks = MIDDLE_TICKS + 100 + near if crosses else MIDDLE_TICKS // 2 + near
        rests = luck < 1.8 * ASK_SHARE or luck > 0.9
        body |= {"duration_hours": 1, "price": _usd(ticks)}
        body |= {"time_in_force": "GTD" if rests else "IOC"}
    headers = f"Idempotency-Key: {key}\r\n"
    sent = request("http://market", party.key, "POST", "/orders", {"type": side, **body}, headers)
    return Order(order_id(party.account_id, key), sent, side)


class PatientClient(AsyncClient):
    """Asks again what may be asked again while nobody can answer, for as long as orders do."""

    async def call(self, key: str, method: str, path: str, **more: Any) -> Any:
        """As `AsyncClient.call`."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                return await super().call(key, method, path, **more)
            except (OutcomeUnknown, Unreachable):
                if method != "GET" or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)


class Load:
    """Sends orders when they are due, each until it is taken."""

    def __init__(self, pool: Pool, run: Run, rate: int, seed: int) -> None:
        """Make it; nothing is sent before `start`."""
        self.sent = Sent()
        self.is_held = False
        """Whether nothing new is sent for now."""
        self._pool = pool
        self._rate = rate
        self._orders = orders(run, seed)
        self._lines = asyncio.Semaphore(CONNECTIONS)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send."""
        self.sent.slowest_seconds = 0.0
        self._stopping.clear()
        self._task = asyncio.create_task(self._send())

    async def stop(self, *, at_once: bool = False) -> None:
        """Send no new ones, and wait until each has its answer or was given up, or not at all."""
        self._stopping.set()
        assert self._task is not None
        if at_once:
            self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _send(self) -> None:
        """Open loop: an order is due when it is due, whatever became of those before."""
        began, count = time.monotonic(), 0
        async with asyncio.TaskGroup() as group:
            while not self._stopping.is_set():
                if self.is_held:
                    await asyncio.sleep(PAUSE_SECONDS)
                    began, count = time.monotonic(), 0
                    continue
                group.create_task(self._insist(next(self._orders)))
                count += 1
                await asyncio.sleep(max(began + count / self._rate - time.monotonic(), 0))

    async def _insist(self, order: Order) -> None:
        now, pause = time.monotonic(), PAUSE_SECONDS
        self.sent.first_sent_at[order.order_id] = now
        while time.monotonic() - now < GIVE_UP_SECONDS:
            async with self._lines:
                outcome = await self._attempt(order)
            if self._is_settled(order, outcome):
                took = time.monotonic() - now
                self.sent.slowest_seconds = max(self.sent.slowest_seconds, took)
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self.sent.given_up.add(order.order_id)

    async def _attempt(self, order: Order) -> Outcome:
        answered = asyncio.Event()
        outcome = Outcome(time.monotonic(), on_done=answered.set)
        self._pool.submit(order.sent, outcome)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await answered.wait()
        except TimeoutError:
            self._pool.forget(outcome)
        return outcome

    def _is_settled(self, order: Order, outcome: Outcome) -> bool:
        """Whether the answer ends it; only what may pass is asked again."""
        status = outcome.status
        self.sent.answers[str(status or "no answer")] += 1
        if 200 <= status < 300:
            self.sent.accepted.add(order.order_id)
            return True
        if status == 429 or status >= 500 or status == 0:
            return False
        self.sent.refused[order.order_id] = f"{status} {_code(outcome.body)}"
        return True


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body).get("code"))
    except ValueError:
        return body[:80].decode(errors="replace")


def _usd(ticks: int) -> str:
    return limit_usd(ticks * 100)
