"""The shell around a keyed machine in Flink: the only keyed function of the machine jobs.

It takes a batch of records of one lane (`jobs.lane`), each in turn: it decodes a record, loads the
state of its machine at first touch, and applies. At the end of the batch it hands encoded facts and
commands to the sink; before a checkpoint it writes what changed to Flink's state. The trade path
never waits for a checkpoint: after a restart the same records give the same facts with the same ids
and sequences, and whoever receives them drops what it has seen (market-rules.md B5).
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pyflink.datastream import KeyedProcessFunction, RuntimeContext

from jobs import garbage, lane_state
from jobs.crossing import Crossing, Output, Record, handed_back, unpacked
from jobs.lane import Lane
from jobs.lane_state import Rows
from jobs.streaming_job import StreamingJob
from schemas import names
from schemas.codec import Bodies, Codec, UnreadableRecord
from schemas.dead_letters import NOWHERE, dead_letter
from udfs.machine import Machine, Step

CACHED_ROWS: Final = 1_500_000
"""How much state a job holds as Python objects, in rows of about half a kilobyte: so many orders of
books, or of accounts. Evicting a machine costs only its next load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineJob(StreamingJob):
    """A job of a machine, which is its whole log and its code (market-rules.md B2)."""

    machine: Machine[Any]
    log: str
    lanes: int = 1
    """How many lanes the partitions of its log make (`jobs.lane`)."""

    @property
    def state_name(self) -> str:
        """The name under which its state is saved: another one for other lanes.

        A machine's state is in its lane's, so with other lanes the job starts at the beginning of
        its log.
        """
        return f"{self.name}-of-{self.lanes}-lanes"


@dataclass(slots=True)
class _Held:
    """A machine's state in Python, and the last tick that it was sent."""

    state: Any
    ticked_seq: int = 0
    weight: int = 0


class KeyedMachine(KeyedProcessFunction):
    """Runs the machines of its lanes, one state each.

    A record that cannot be decoded, or on which the machine raises, becomes a dead letter with the
    reason and its coordinates; it changes nothing, and the job goes on. What is not the record's
    fault fails the job, which Flink starts again at the same record: a registry that stays away
    (`SchemaUnavailable`), no memory, rows of a state that cannot be loaded.
    """

    def __init__(
        self,
        job: MachineJob,
        codec: Callable[[], Codec],
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        cached_rows: int = CACHED_ROWS,
        rows: Callable[[RuntimeContext], Rows] = lane_state.of_machines,
    ) -> None:
        """Make the function; it is pickled and sent to the TaskManager.

        Args:
            job: the machine and its log.
            codec: makes the codec, where the function runs.
            now_ms: the wall clock, for timers only.
            cached_rows: how much state to hold in Python; the machine in use is held in any case.
            rows: Flink's state, from where the function runs.
        """
        self._job = job
        self._machine = job.machine
        self._make_codec = codec
        self._now_ms = now_ms
        self._cached_rows = cached_rows
        self._rows_of = rows

    def open(self, runtime_context: RuntimeContext) -> None:
        garbage.search_rarely()
        codec = self._make_codec()
        self._decode = codec.decoder(self._job.log)
        self._outputs = {
            topic: (topic.encode(), codec.encoder(topic)) for topic in self._job.outputs
        }
        self._rows = self._rows_of(runtime_context)
        self._lanes: dict[str, Lane] = {}
        self._cache: OrderedDict[str, _Held] = OrderedDict()
        self._weight = 0

    def process_element(self, value: bytes, ctx: KeyedProcessFunction.Context) -> Crossing:
        """Apply a batch of records of one lane; an empty one comes before a checkpoint.

        A record is its key, its value, its append time, its partition and its offset.
        """
        lane, records = self._lane(ctx.get_current_key()), unpacked(value)
        if not records:
            lane.write()
            return []
        outputs = [output for record in records for output in self._processed(record, lane)]
        lane.end_batch(ctx.timer_service())
        return handed_back(outputs)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Crossing:
        """Append ticks for the machines of a lane that are due to their own log."""
        lane = self._lane(ctx.get_current_key())
        outputs = [self._woken(machine, lane, timestamp) for machine in lane.due(timestamp)]
        lane.end_batch(ctx.timer_service())
        return handed_back(outputs)

    def _processed(self, record: Record, lane: Lane) -> list[Output]:
        raw_key, data, at_ms, partition, offset = record
        key = str(raw_key, "utf-8")
        bodies: Bodies = {}  # what is handed on as it came, or is told twice, is encoded once
        try:
            command = self._decode(data, bodies)
            self._check(key)
        except (UnreadableRecord, ValueError) as error:
            return [self._dead_letter(str(error), key, data, (at_ms, partition, offset))]
        held = self._held(key, lane)
        try:
            step = self._machine.apply(held.state, command, at_ms)
            outputs = self._encoded(key, step, bodies)
        except MemoryError:
            raise
        except Exception as error:  # whatever a machine or its facts met: void, and the next record
            self._drop(key)
            return [self._dead_letter(_reason(error), key, data, (at_ms, partition, offset))]
        lane.add(key, step.writes, step.wake_at_ms)
        self._weigh(held)
        return outputs

    def _woken(self, key: str, lane: Lane, timestamp: int) -> Output:
        """A tick for a machine that is due (market-rules.md B3)."""
        held = self._held(key, lane)
        try:
            return self._output(self._job.log, key, self._tick(held))
        except MemoryError:
            raise
        except Exception as error:  # it sleeps until its next record; the others do not
            self._drop(key)
            reason = f"timer: {_reason(error)}"
            return self._dead_letter(reason, key, None, (timestamp, NOWHERE, NOWHERE))

    def _lane(self, name: str) -> Lane:
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(self._rows, self._now_ms)
        return lane

    def _check(self, key: str) -> None:
        """See that a key names a machine; one that is held does.

        Raises:
            ValueError: it does not.
        """
        if not key:
            raise ValueError("no key: it names no machine")
        if key not in self._cache:
            self._machine.check_id(key)

    def _held(self, key: str, lane: Lane) -> _Held:
        held = self._cache.get(key)
        if held is None:
            held = self._cache[key] = self._load(key, lane)
            self._weigh(held)
        else:
            self._cache.move_to_end(key)
        return held

    def _weigh(self, held: _Held) -> None:
        """Count what the machine in use has grown by, and let go of those unused for longest."""
        weight = self._machine.weight(held.state)
        self._weight += weight - held.weight
        held.weight = weight
        while self._weight > self._cached_rows and len(self._cache) > 1:
            _, unused = self._cache.popitem(last=False)
            self._weight -= unused.weight

    def _drop(self, key: str) -> None:
        """Forget a state that is void."""
        self._weight -= self._cache.pop(key).weight

    def _load(self, key: str, lane: Lane) -> _Held:
        rows, machine = lane.load(key), self._machine
        return _Held(machine.load(key, rows.items()) if rows else machine.empty(key))

    def _tick(self, held: _Held) -> dict[str, Any]:
        applied = held.state.sources.get(names.TIMER, 0)
        held.ticked_seq = max(self._now_ms(), applied + 1, held.ticked_seq + 1)
        return {
            "kind": "tick",
            "source": names.TIMER,
            "source_seq": held.ticked_seq,
            "tick": {"want_hash": False},
        }

    def _encoded(self, key: str, step: Step, bodies: Bodies) -> list[Output]:
        facts = [
            self._output(names.FACT_TOPICS[kind], key, fact, bodies) for kind, fact in step.facts
        ]
        return facts + [self._output(*outgoing, bodies) for outgoing in step.commands]

    def _output(self, topic: str, key: str, record: Any, bodies: Bodies | None = None) -> Output:
        name, encode = self._outputs[topic]
        return name, key.encode(), encode(record, bodies)

    def _dead_letter(
        self, reason: str, key: str, data: bytes | None, place: tuple[int, int, int]
    ) -> Output:
        """The letter about a record; `place` is its append time, partition and offset."""
        at_ms, partition, offset = place
        letter = dead_letter(
            self._job.name,
            reason,
            topic=self._job.log,
            partition=partition,
            offset=offset,
            key=key.encode(),
            value=data,
            at_ms=at_ms,
        )
        return self._output(names.DEAD_LETTERS, key, letter)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
