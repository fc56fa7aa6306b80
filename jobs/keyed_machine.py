"""The shell around a keyed machine in Flink: the only keyed function of the machine jobs.

It decodes a record, loads the state of its key at first touch, applies, writes what changed to
Flink's state (`jobs.journal`), and hands encoded facts and commands to the sink. The trade path
never waits for a checkpoint: after a restart the same records give the same facts with the same ids
and sequences, and whoever receives them drops what it has seen (market-rules.md B5).
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor

from jobs import garbage
from jobs.dead_letters import NOWHERE, dead_letter
from jobs.journal import Journal
from jobs.streaming_job import StreamingJob
from schemas import names
from schemas.codec import Bodies, Codec, UnreadableRecord
from udfs.machine import Machine, Step

Output = tuple[bytes, bytes, bytes]
"""Topic, key and value of a record to write."""
Crossing = list[list[Output]]
"""What one record makes goes back to the JVM in one piece, if there is any: each crossing costs as
much as several outputs."""
TICK_AHEAD_MS: Final = 50
"""A timer is set at least this far ahead (market-rules.md B3)."""
CACHED_ROWS: Final = 1_500_000
"""How much state a job holds as Python objects, in rows of about half a kilobyte: so many orders of
books, or of accounts. Evicting a machine costs only its next load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineJob(StreamingJob):
    """A job of a machine, which is its whole log and its code (market-rules.md B2)."""

    machine: Machine[Any]
    log: str


@dataclass(slots=True)
class _Held:
    """A machine's state in Python, and what its timer needs to know."""

    state: Any
    journal: Journal
    wake_at_ms: int | None = 0
    """As the last step said; 0, so already due, while no step has been made since the load."""
    armed_at_ms: int | None = None
    ticked_seq: int = 0
    weight: int = 0


class KeyedMachine(KeyedProcessFunction):
    """Runs a machine, one state per key.

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
    ) -> None:
        """Make the function; it is pickled and sent to the TaskManager.

        Args:
            job: the machine and its log.
            codec: makes the codec, where the function runs.
            now_ms: the wall clock, for timers only.
            cached_rows: how much state to hold in Python; the machine in use is held in any case.
        """
        self._job = job
        self._machine = job.machine
        self._make_codec = codec
        self._now_ms = now_ms
        self._cached_rows = cached_rows

    def open(self, runtime_context: RuntimeContext) -> None:
        garbage.search_rarely()
        codec = self._make_codec()
        self._decode = codec.decoder(self._job.log)
        self._outputs = {
            topic: (topic.encode(), codec.encoder(topic)) for topic in self._job.outputs
        }
        descriptor = MapStateDescriptor("rows", Types.STRING(), Types.STRING())
        self._rows = runtime_context.get_map_state(descriptor)
        self._cache: OrderedDict[str, _Held] = OrderedDict()
        self._weight = 0

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Crossing:
        outputs = self._processed(value, ctx)
        return [outputs] if outputs else []

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Crossing:
        outputs = self._woken(timestamp, ctx)
        return [outputs] if outputs else []

    def _processed(self, value: Row, ctx: KeyedProcessFunction.Context) -> list[Output]:
        key, data, at_ms, _, _ = value
        try:
            command = self._decode(data)
            self._check(key)
        except (UnreadableRecord, ValueError) as error:
            return [self._dead_letter(str(error), value)]
        held = self._held(key)
        try:
            step = self._machine.apply(held.state, command, at_ms)
            outputs = self._encoded(key, step)
        except MemoryError:
            raise
        except Exception as error:  # whatever a machine or its facts met: void, and the next record
            self._drop(key)
            return [self._dead_letter(f"{type(error).__name__}: {error}", value)]
        held.journal.write(self._rows, step.writes)
        self._weigh(held)
        held.wake_at_ms = step.wake_at_ms
        if step.wake_at_ms is not None:
            self._arm(held, ctx)
        return outputs

    def _woken(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> list[Output]:
        key = ctx.get_current_key()
        held = self._held(key)
        try:
            return self._due(key, held, timestamp, ctx)
        except MemoryError:
            raise
        except Exception as error:  # its machine sleeps until its next record; the others do not
            self._drop(key)
            reason = f"timer: {type(error).__name__}: {error}"
            return [self._dead_letter(reason, (key, None, timestamp, NOWHERE, NOWHERE))]

    def _due(
        self, key: str, held: _Held, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext
    ) -> list[Output]:
        """The tick that is due; nothing where none is yet, or none is wanted any more."""
        if held.armed_at_ms == timestamp:
            held.armed_at_ms = None
        if held.wake_at_ms is None:
            return []
        if held.wake_at_ms > self._now_ms():
            self._arm(held, ctx)
            return []
        return [self._output(self._job.log, key, self._tick(held))]

    def _check(self, key: str) -> None:
        """See that a key names a machine; one that is held does.

        Raises:
            ValueError: it does not.
        """
        if not key:
            raise ValueError("no key: it names no machine")
        if key not in self._cache:
            self._machine.check_id(key)

    def _held(self, key: str) -> _Held:
        held = self._cache.get(key)
        if held is None:
            held = self._cache[key] = self._load(key)
            self._weigh(held)
        else:
            self._cache.move_to_end(key)
        return held

    def _weigh(self, held: _Held) -> None:
        """Count what the machine in use has grown by, and let go of those unused for longest."""
        weight = self._machine.weight(held.state) + len(held.journal)
        self._weight += weight - held.weight
        held.weight = weight
        while self._weight > self._cached_rows and len(self._cache) > 1:
            _, unused = self._cache.popitem(last=False)
            self._weight -= unused.weight

    def _drop(self, key: str) -> None:
        """Forget a state that is void."""
        self._weight -= self._cache.pop(key).weight

    def _load(self, key: str) -> _Held:
        rows = dict(self._rows.items())
        journal = Journal(rows)
        machine = self._machine
        return _Held(machine.load(key, rows.items()) if rows else machine.empty(key), journal)

    def _arm(self, held: _Held, ctx: KeyedProcessFunction.Context) -> None:
        """Set the timer unless one fires earlier anyway; that one looks again and sets the next."""
        at_ms = max(held.wake_at_ms or 0, self._now_ms() + TICK_AHEAD_MS)
        if held.armed_at_ms is not None:
            if held.armed_at_ms <= at_ms:
                return
            ctx.timer_service().delete_processing_time_timer(held.armed_at_ms)
        ctx.timer_service().register_processing_time_timer(at_ms)
        held.armed_at_ms = at_ms

    def _tick(self, held: _Held) -> dict[str, Any]:
        applied = held.state.sources.get(names.TIMER, 0)
        held.ticked_seq = max(self._now_ms(), applied + 1, held.ticked_seq + 1)
        return {
            "kind": "tick",
            "source": names.TIMER,
            "source_seq": held.ticked_seq,
            "tick": {"want_hash": False},
        }

    def _encoded(self, key: str, step: Step) -> list[Output]:
        bodies: Bodies = {}  # a fact is encoded once for its topic and its copies
        facts = [
            self._output(names.FACT_TOPICS[kind], key, fact, bodies) for kind, fact in step.facts
        ]
        return facts + [self._output(*outgoing, bodies) for outgoing in step.commands]

    def _output(self, topic: str, key: str, record: Any, bodies: Bodies | None = None) -> Output:
        name, encode = self._outputs[topic]
        return name, key.encode(), encode(record, bodies)

    def _dead_letter(self, reason: str, value: Iterable[Any]) -> Output:
        key, data, at_ms, partition, offset = value
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
