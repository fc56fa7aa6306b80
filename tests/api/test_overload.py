"""Overload: the window of orders on their way, and what is shed first."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from query_api import backlog, waiting_room
from query_api.adapters.memory import MemoryClock
from query_api.backlog import LEAST_WINDOW, LOST_SECONDS, Backlog
from query_api.overload import Gate
from query_api.ports import OutcomeUnknown
from query_api.waiting_room import Full, WaitingRoom
from tests.api.conftest import BID

TARGET_SECONDS = 0.2


@dataclass
class HandSamples:
    """Samples whose facts come when the test says so."""

    told: dict[str, Any] = field(default_factory=dict)
    is_awake: bool = True

    def listen(self, command_id, told):
        if self.is_awake:
            self.told[command_id] = told
        return self.is_awake

    def ignore(self, command_id):
        self.told.pop(command_id, None)


class Machines:
    """Machines with a capacity, behind a backlog, in steps of a virtual clock."""

    def __init__(self, per_second: float) -> None:
        self.clock = MemoryClock()
        self.samples = HandSamples()
        self.backlog = Backlog(self.samples, self.clock.now_seconds, TARGET_SECONDS)
        self.per_second = per_second
        self.queue: list[tuple[str, float]] = []
        self.delays: list[float] = []
        self.refused = 0
        self._credit = 0.0
        self._count = 0

    def run(self, offered: float, seconds: float) -> None:
        """So many orders a second for so long, in steps of 10 ms."""
        self.delays, self.refused, owed = [], 0, 0.0
        for _ in range(int(seconds * 100)):
            self.clock.advance(10)
            owed += offered / 100
            while owed >= 1:
                owed -= 1
                self._place()
            self._work()

    def _place(self) -> None:
        self._count += 1
        command_id = str(self._count)
        if not self.backlog.take_place():
            self.refused += 1
            return
        self.backlog.sample(command_id)
        self.queue.append((command_id, self.clock.now_seconds()))
        self.backlog.appended()

    def _work(self) -> None:
        self._credit = min(self._credit + self.per_second / 100, max(1.0, self.per_second / 100))
        while self.queue and self._credit >= 1:
            self._credit -= 1
            command_id, sent_at = self.queue.pop(0)
            self.delays.append(self.clock.now_seconds() - sent_at)
            if told := self.samples.told.pop(command_id, None):
                told()

    def percentile(self, percent: int) -> float:
        return sorted(self.delays)[len(self.delays) * percent // 100 - 1]


def test_what_is_accepted_stays_fast_whatever_is_offered():
    machines = Machines(per_second=900)
    machines.run(offered=3_000, seconds=20)
    assert machines.percentile(99) < 0.5
    assert machines.percentile(50) < 1.5 * TARGET_SECONDS
    assert len(machines.delays) > 0.95 * 900 * 20  # and the machines have work all the time


def test_all_is_normal_again_at_once_after_the_load():
    machines = Machines(per_second=900)
    machines.run(offered=3_000, seconds=20)
    machines.run(offered=100, seconds=1)
    machines.run(offered=500, seconds=10)
    assert machines.refused == 0
    assert machines.percentile(99) < 0.05


def test_nothing_is_refused_below_capacity():
    machines = Machines(per_second=900)
    machines.run(offered=800, seconds=20)
    assert machines.refused == 0


def test_the_window_opens_for_machines_that_do_more():
    machines = Machines(per_second=5_000)
    machines.run(offered=8_000, seconds=20)
    machines.run(offered=8_000, seconds=5)
    assert len(machines.delays) > 0.95 * 5_000 * 5
    assert machines.percentile(99) < 0.5


def test_machines_that_slow_down_close_the_window():
    machines = Machines(per_second=900)
    machines.run(offered=3_000, seconds=10)
    machines.per_second = 200
    machines.run(offered=3_000, seconds=5)
    machines.run(offered=3_000, seconds=10)
    assert machines.percentile(99) < 0.5


def test_a_stall_of_its_own_hardly_shrinks_the_window():
    machines = Machines(per_second=900)
    machines.run(offered=300, seconds=5)
    window = machines.backlog.window
    machines.per_second = 0
    machines.run(offered=300, seconds=0.3)
    machines.per_second = 900
    machines.run(offered=300, seconds=5)
    assert machines.backlog.window > 0.9 * window
    assert machines.refused == 0


def test_machines_that_stand_still_let_a_window_in_and_then_a_trickle():
    machines = Machines(per_second=0)
    machines.run(offered=1_000, seconds=30)
    assert len(machines.queue) <= backlog.FIRST_WINDOW + 30 / LOST_SECONDS * LEAST_WINDOW
    machines.per_second = 900
    machines.run(offered=100, seconds=2)
    machines.run(offered=100, seconds=5)
    assert machines.refused == 0


async def test_an_event_loop_that_is_late_closes_the_window():
    machines = Machines(per_second=900)
    clock, beats = machines.clock, 0

    async def sleep(seconds):
        nonlocal beats
        beats += 1
        if beats > 2_000:
            raise asyncio.CancelledError
        machines.run(offered=3_000, seconds=seconds)
        clock.advance(90)  # the loop is late

    with suppress(asyncio.CancelledError):
        await machines.backlog.keep_time(sleep)
    assert machines.backlog.window == LEAST_WINDOW


def test_facts_that_are_lost_do_not_close_the_window_for_good():
    machines = Machines(per_second=900)
    listen = machines.samples.listen
    machines.samples.listen = lambda command_id, told: listen(
        command_id, told if int(command_id) % 2 else lambda: None
    )
    machines.run(offered=500, seconds=60)
    assert machines.refused == 0
    assert len(machines.samples.told) < 100


def test_without_anybody_who_listens_the_window_means_nothing():
    machines = Machines(per_second=900)
    machines.samples.is_awake = False
    machines.run(offered=800, seconds=10)
    assert machines.refused == 0


# The waiting room --------------------------------------------------------------------------------


@pytest.fixture
def kept() -> Backlog:
    """A backlog with places for three."""
    kept = Backlog(HandSamples(), MemoryClock().now_seconds, TARGET_SECONDS)
    kept.window = 3
    return kept


@pytest.fixture
def room(kept) -> WaitingRoom:
    return WaitingRoom(kept)


async def place(room: WaitingRoom) -> str:
    try:
        async with room.order(str(uuid4())):
            return "sent"
    except Full:
        return "refused"


async def test_an_order_that_did_not_reach_the_log_is_not_waited_for(kept, room):
    for _ in range(100):
        with suppress(OutcomeUnknown):
            async with room.order("x"):
                assert kept.sending == 1
                raise OutcomeUnknown("kafka")
    assert (kept.sending, kept.waiting) == (0, 0)


async def test_a_repeat_is_not_waited_for(kept, room):
    for number in range(100):
        async with room.order(str(number)):
            pass
        room.repeated(str(number))
    assert (kept.sending, kept.waiting) == (0, 0)
    assert not kept.is_full()


async def test_orders_wait_for_a_place_in_the_order_of_their_coming(kept, room):
    assert [await place(room) for _ in range(3)] == ["sent"] * 3
    waiting = [asyncio.create_task(place(room)) for _ in range(4)]
    await asyncio.sleep(0.01)
    assert len(room) == 4
    kept.window = 5
    kept.opened()
    await asyncio.sleep(0.01)
    assert [task.done() for task in waiting] == [True, True, False, False]
    for task in waiting[2:]:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert (len(room), kept.sending, kept.waiting) == (0, 0, 5)


async def test_who_finds_the_room_full_is_refused_at_once(room, monkeypatch):
    monkeypatch.setattr(waiting_room, "WAIT_SECONDS", 0.02)
    await asyncio.gather(*(place(room) for _ in range(3)))
    assert not room.is_full()
    waiting = [asyncio.create_task(place(room)) for _ in range(waiting_room.PLACES)]
    await asyncio.sleep(0)
    assert room.is_full()
    assert await place(room) == "refused"
    assert await asyncio.gather(*waiting) == ["refused"] * waiting_room.PLACES
    assert not room.is_full()


async def test_who_comes_lets_in_who_waits_when_nothing_is_heard_any_more():
    """As after a broker's death: the facts that would tell of free places never come."""
    clock = MemoryClock()
    kept = Backlog(HandSamples(), clock.now_seconds, TARGET_SECONDS)
    kept.window = 3
    room = WaitingRoom(kept)
    assert [await place(room) for _ in range(3)] == ["sent"] * 3
    waiting = asyncio.create_task(place(room))
    await asyncio.sleep(0)
    assert len(room) == 1
    clock.advance(int(LOST_SECONDS * 1000) + 1)
    assert await place(room) == "sent"
    assert await waiting == "sent"


async def test_nobody_is_let_in_who_gave_up(kept, room):
    await asyncio.gather(*(place(room) for _ in range(3)))
    early, late = (asyncio.create_task(place(room)) for _ in range(2))
    await asyncio.sleep(0)
    early.cancel()
    kept.window = 4
    kept.opened()
    assert await late == "sent"
    assert (kept.sending, kept.waiting) == (0, 4)


# The gate ----------------------------------------------------------------------------------------


def test_orders_are_shed_first_and_cancels_last(room):
    gate = Gate(room, most=8)
    entered = []
    for urgency in ("later", "usual", "now"):
        before = gate.in_flight
        while gate.has_place(urgency):
            gate.enter()
        entered.append(gate.in_flight - before)
    assert entered == [4, 2, 2]
    gate.leave()
    assert not gate.has_place("later")
    assert gate.has_place("now")


# Over HTTP ---------------------------------------------------------------------------------------


async def test_shed_orders_are_told_so_and_never_reach_the_log(world, buyer, monkeypatch):
    monkeypatch.setattr(waiting_room, "WAIT_SECONDS", 0.001)
    placed = await buyer("POST", "/orders", BID)
    world.market.held_back = True
    replies = [await buyer("POST", "/orders", BID) for _ in range(250)]
    shed = [reply for reply in replies if reply.status == 429]
    assert len(shed) == pytest.approx(250 - backlog.FIRST_WINDOW, abs=15)
    assert {reply.body["code"] for reply in shed} == {"OVERLOADED"}
    assert {reply.headers["Retry-After"] for reply in shed} <= {"1", "2", "3"}
    assert len(world.market.log) == 1 + 250 - len(shed) + 1
    # Who is out of the way of the machines is served.
    assert (await buyer("GET", "/orders")).status == 200
    assert (await buyer("DELETE", f"/orders/{placed.body['order_id']}")).status == 202
    text = (await buyer("GET", "/metrics")).body.decode()
    assert f'gpubroker_api_refusals_total{{code="OVERLOADED"}} {len(shed)}.0' in text
    world.market.held_back = False
    world.market.run()
    assert (await buyer("POST", "/orders", BID)).status == 202


async def test_orders_told_again_take_no_place_behind_the_log(world, buyer):
    key = {"Idempotency-Key": "same"}
    replies = [await buyer("POST", "/orders", BID, headers=key) for _ in range(50)]
    assert {reply.status for reply in replies} == {202}
    assert len(world.market.log) == 51
    assert world.ports.backlog.waiting <= 1


async def test_a_shed_order_costs_no_look_at_key_or_body(world, buyer, monkeypatch):
    monkeypatch.setattr(world.ports.room, "is_full", lambda: True)
    buyer.key = "nobody's"
    reply = await buyer("POST", "/orders", b"{")
    assert (reply.status, reply.body["code"]) == (429, "OVERLOADED")
    assert reply.headers["Content-Type"] == "application/problem+json"


async def test_requests_in_flight_are_counted_until_they_are_answered(world, buyer, monkeypatch):
    waiting = asyncio.Event()
    append = world.market.append

    async def slow(*record):
        await waiting.wait()
        await append(*record)

    monkeypatch.setattr(world.market, "append", slow)
    orders = [asyncio.create_task(buyer("POST", "/orders", BID)) for _ in range(3)]
    while world.ports.backlog.sending < 3:
        await asyncio.sleep(0)
    text = (await buyer("GET", "/metrics")).body.decode()
    assert 'gpubroker_api_queue_length{queue="requests"} 3.0' in text
    assert 'gpubroker_api_queue_length{queue="appends"} 3.0' in text
    waiting.set()
    assert [(await order).status for order in orders] == [202] * 3
    text = (await buyer("GET", "/metrics")).body.decode()
    assert 'gpubroker_api_queue_length{queue="requests"} 0.0' in text
