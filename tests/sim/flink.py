"""A machine job as Flink runs it: the real `KeyedMachine` over state, timers and checkpoints.

A checkpoint takes state, timers and offsets in one piece; before it each lane in use is told, and
the sink is flushed. A crash loses the function with all that it holds in Python; what its sink had
not sent is lost, or arrives later (a TaskManager that is believed dead). A restart goes on from the
last checkpoint.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from jobs.crossing import Crossing, Record, packed, unpacked
from jobs.keyed_machine import KeyedMachine, MachineJob
from tests.sim.clock import WallClock
from tests.sim.log import Broker, Positions, Producer, shared_codec

Rows = dict[str, dict[str, dict[str, str]]]
"""By lane, then by machine."""


class MapState:
    """Flink's map state of the lane and the machine in use."""

    def __init__(self, flink: "Flink") -> None:
        self._flink = flink
        self._machine = ""

    @property
    def _rows(self) -> dict[str, str]:
        return self._flink.rows.setdefault(self._flink.key, {}).setdefault(self._machine, {})

    def set_current_namespace(self, namespace: str) -> None:
        self._machine = namespace

    def items(self) -> Iterator[tuple[str, str]]:
        return iter(list(self._rows.items()))

    def put_all(self, rows: dict[str, str]) -> None:
        self._rows.update(rows)

    def remove(self, key: str) -> None:
        self._rows.pop(key, None)


class Flink:
    """Runtime context, context and timer service in one."""

    def __init__(self, rows: Rows, timers: set[tuple[int, str]]) -> None:
        self.rows = rows
        self.timers = timers
        """When, and of which lane."""
        self.key = ""
        self.state = MapState(self)

    def get_current_key(self) -> str:
        return self.key

    def timer_service(self) -> "Flink":
        return self

    def register_processing_time_timer(self, at_ms: int) -> None:
        self.timers.add((at_ms, self.key))

    def delete_processing_time_timer(self, at_ms: int) -> None:
        self.timers.discard((at_ms, self.key))


def state_of(flink: Flink) -> MapState:
    return flink.state


@dataclass(slots=True)
class Checkpoint:
    """What a job goes on from."""

    rows: Rows
    timers: set[tuple[int, str]]
    offsets: dict[tuple[str, int], int]


class Job:
    """One machine job, up or down."""

    def __init__(
        self,
        job: MachineJob,
        broker: Broker,
        wall: WallClock,
        lanes: int,
        cached_rows: int,
        *,
        repeats: bool,
    ) -> None:
        self.job = replace(job, lanes=lanes)
        self.name = job.name
        self._broker = broker
        self._wall = wall
        self._lanes = lanes
        self._cached_rows = cached_rows
        self._repeats = repeats
        self._saved = Checkpoint({}, set(), {})
        self.function: KeyedMachine | None = None
        self.restart()

    def restart(self) -> None:
        """Go on from the last checkpoint."""
        saved = self._saved
        self.flink = Flink(_copied(saved.rows), set(saved.timers))
        self._positions = Positions(self._broker, (self.job.log,))
        self._positions.next.update(saved.offsets)
        self._touched: dict[str, None] = {}
        self.producer = Producer(self._broker, repeats=self._repeats)
        self.function = KeyedMachine(
            self.job, shared_codec, self._wall.now_ms, self._cached_rows, state_of
        )
        self.function.open(self.flink)

    def crash(self, rng: random.Random, *, zombie: bool) -> Producer:
        """Lose everything but the last checkpoint; what arrives later all the same."""
        self.function = None
        return self.producer.crash(rng, zombie=zombie)

    def settle(self) -> None:
        """Tell each lane in use that a checkpoint comes, as the gathering step does."""
        for lane in self._touched:
            self.flink.key = lane
            assert self.function
            self._send(self.function.process_element(packed([]), self.flink))
        self._touched = {}

    def checkpoint(self) -> None:
        """Save state, timers and offsets; what was sent before must have arrived already."""
        self.settle()
        self._saved = Checkpoint(
            _copied(self.flink.rows), set(self.flink.timers), dict(self._positions.next)
        )

    def step(self, rng: random.Random, most: int) -> list[str]:
        """Handle a batch of records of one lane; the machines that it was about."""
        by_lane: dict[str, list[tuple[str, int]]] = {}
        for place in self._positions.waiting():
            by_lane.setdefault(str(place[1] % self._lanes), []).append(place)
        if not by_lane:
            return []
        lane = rng.choice(list(by_lane))
        batch = self._batch(by_lane[lane], rng, most)
        self.flink.key = lane
        self._touched[lane] = None
        assert self.function
        self._send(self.function.process_element(packed(batch, numbers=3), self.flink))
        return list(dict.fromkeys(record[0].decode() for record in batch))

    def fire(self) -> bool:
        """Fire what is due of the timers; whether there was any."""
        due = [timer for timer in sorted(self.flink.timers) if timer[0] <= self._wall.now_ms()]
        for timer in due:
            if timer not in self.flink.timers:
                continue  # another one of the lane deleted it
            self.flink.timers.discard(timer)
            self.flink.key = timer[1]
            assert self.function
            self._send(self.function.on_timer(timer[0], self.flink))
        return bool(due)

    def next_timer_ms(self) -> int | None:
        """When the next timer fires, by the world's clock."""
        first = min(self.flink.timers, default=None)
        return first[0] - self._wall.skew_ms if first else None

    def is_behind(self) -> bool:
        return bool(self._positions.waiting())

    def stored(self, machine: str) -> dict[str, str]:
        """A machine's rows as a restart from this moment would find them."""
        self.settle()
        lane = str(self._broker.partition(machine.encode()) % self._lanes)
        fresh = KeyedMachine(self.job, shared_codec, self._wall.now_ms, 0, state_of)
        flink = Flink(_copied(self.flink.rows), set())
        flink.key = lane
        fresh.open(flink)
        return fresh._lane(lane).load(machine)

    def state(self, machine: str) -> Any:
        """A machine's state as the running function has it, None if it is not in its cache."""
        held = self.function._cache.get(machine) if self.function else None
        return held.state if held else None

    def _batch(self, places: list[tuple[str, int]], rng: random.Random, most: int) -> list[Record]:
        """What comes of some partitions, each in its order, mixed in some way."""
        taken = [(place[1], self._positions.take(place, rng.randint(1, most))) for place in places]
        turns = [number for number, (_, records) in enumerate(taken) for _ in records]
        rng.shuffle(turns)
        left = [iter(records) for _, records in taken]
        batch = []
        for turn in turns:
            offset, record = next(left[turn])
            batch.append((record.key, record.value, record.at_ms, taken[turn][0], offset))
        return batch

    def _send(self, crossing: Crossing) -> None:
        for topic, key, value in chain(*map(unpacked, crossing)):
            self.producer.send(topic.decode(), key, value)


def _copied(rows: Rows) -> Rows:
    return {
        lane: {machine: dict(texts) for machine, texts in machines.items()}
        for lane, machines in rows.items()
    }
