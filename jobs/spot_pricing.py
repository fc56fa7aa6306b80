"""The spot pricing job: what trades, nodes and rollups of telemetry say a GPU type costs.

It reads several topics, so it is no machine (architecture.md, "The keyed machine"): what it tells
of a window depends on what had come by then, and a later final result replaces an earlier one. All
decisions are in `udfs.spot_market`; here a record finds its GPU type, and processing-time timers
make the steps, whether or not anything comes.
"""

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from pyflink.common import Row, Types
from pyflink.datastream import FlatMapFunction, KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import MapStateDescriptor

from jobs.crossing import Crossing, Output, Record, handed_back, packed, unpacked
from jobs.windowed_job import WindowedJob
from schemas import names
from schemas.codec import Codec, SchemaUnavailable, UnreadableRecord
from schemas.dead_letters import NOWHERE, dead_letter
from udfs import spot_market
from udfs.spot_market import STEP_MS, Changed, SpotMarket

GRACE_MS: Final = 1_000
"""A step is made so long after its time, so that trades before it have come."""
MOST_BOOKS: Final = 1_024
"""So many are remembered by their names."""
_COORDINATES: Final = 3
"""Append time, partition and offset, behind each record."""
Apply = Callable[[SpotMarket, Sequence[dict[str, Any]]], Changed]
APPLIED_BY: Final[dict[str, Apply]] = {
    names.ORDERS_MATCHED: spot_market.add_trades,
    names.TELEMETRY_ROLLUPS: spot_market.add_rollups,
    names.INVENTORY_EVENTS: spot_market.change_nodes,
}


JOB: Final = WindowedJob(
    name="spot_pricing",
    title="spot pricing: orders.matched, inventory.events, telemetry.rollups → pricing",
    # The rollups of nodes are many. Their keys, and those of clusters, are ids; a market's is
    # gpu_type/region.
    wanted=f"topic <> '{names.TELEMETRY_ROLLUPS}' OR log_key LIKE '%/%'",
)


class GpuTypes(FlatMapFunction):
    """Divides a batch of records by the GPU type that they are about.

    Of a record it reads no more than that, for `SpotPricing` judges all of it; one of which it
    cannot be read has none.
    """

    def __init__(self, codec: Callable[[], Codec]) -> None:
        """Make the function; `codec` makes the codec, where it runs."""
        self._make_codec = codec

    def open(self, runtime_context: RuntimeContext) -> None:
        codec = self._make_codec()
        self._types = {topic: codec.field(topic, "gpu_type") for topic in APPLIED_BY}

    def flat_map(self, value: Row) -> Iterator[Row]:
        topic, batch = value
        name = topic.encode()
        by_type: dict[str, list[Record]] = {}
        for key, data, *place in unpacked(batch):
            records = by_type.setdefault(self._gpu_type(topic, key, data), [])
            records.append((name, data, *place))
        for gpu_type, records in by_type.items():
            yield Row(gpu_type, packed(records, _COORDINATES))

    def _gpu_type(self, topic: str, key: bytes, data: bytes | None) -> str:
        """The GPU type; a trade's book has it in its name (market-rules.md B1)."""
        if topic == names.ORDERS_MATCHED:
            return _traded(key)
        try:
            gpu_type: str = self._types[topic](data)
        except UnreadableRecord:
            return ""
        return gpu_type


class SpotPricing(KeyedProcessFunction):
    """Runs the market of each GPU type: writes its rows through, and tells its steps.

    What cannot be read, or is more than the market can take, becomes a dead letter.
    """

    def __init__(
        self,
        codec: Callable[[], Codec],
        limit_basis_points: int,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Make the function; it is pickled and sent to the TaskManager.

        Args:
            codec: makes the codec, where the function runs.
            limit_basis_points: the most that a spot price may change in a step.
            now_ms: the wall clock.
        """
        self._make_codec = codec
        self._limit_basis_points = limit_basis_points
        self._now_ms = now_ms

    def open(self, runtime_context: RuntimeContext) -> None:
        codec = self._make_codec()
        self._decoders = {topic: codec.decoder(topic) for topic in APPLIED_BY}
        self._update = codec.encoder(names.PRICING_UPDATES)
        self._letter = codec.encoder(names.DEAD_LETTERS)
        descriptor = MapStateDescriptor("rows", Types.STRING(), Types.STRING())
        self._rows = runtime_context.get_map_state(descriptor)
        self._markets: dict[str, SpotMarket] = {}

    def process_element(self, value: bytes, ctx: KeyedProcessFunction.Context) -> Crossing:
        """Take in a batch of records of one topic."""
        records = unpacked(value)
        letters = self._taken(str(records[0][0], "utf-8"), records, ctx)
        return handed_back(letters)

    def _taken(
        self, topic: str, records: Sequence[Record], ctx: KeyedProcessFunction.Context
    ) -> list[Output]:
        """Take records in, at once, or one by one if one of them is too much; the dead letters."""
        try:
            self._take(topic, records, ctx)
        except (MemoryError, SchemaUnavailable):
            raise
        except Exception as error:  # whatever the market met: void, as nothing was written
            self._markets.pop(ctx.get_current_key(), None)
            if len(records) == 1:
                _, data, *place = records[0]
                return [self._dead_letter(_reason(error), topic, data, place)]
            return [*chain.from_iterable(self._taken(topic, [each], ctx) for each in records)]
        return []

    def _take(
        self, topic: str, records: Sequence[Record], ctx: KeyedProcessFunction.Context
    ) -> None:
        decode, apply = self._decoders[topic], APPLIED_BY[topic]
        facts = [decode(data) for _, data, *_ in records]
        market = self._market(ctx.get_current_key(), ctx)
        self._write(market, apply(market, facts))

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Crossing:
        """Make the step that is due; after a while away only the newest."""
        gpu_type = ctx.get_current_key()
        market = self._market(gpu_type, ctx)
        due_ms = self._last_step_ms()
        self._arm(ctx)
        try:
            outputs = self._stepped(market, due_ms)
        except MemoryError:
            raise
        except Exception as error:  # the next step tries again; other markets go on
            self._markets.pop(gpu_type, None)
            reason = f"step: {_reason(error)}"
            outputs = [self._dead_letter(reason, "", None, (due_ms, NOWHERE, NOWHERE))]
        return handed_back(outputs)

    def _stepped(self, market: SpotMarket, due_ms: int) -> list[Output]:
        told = spot_market.step(market, due_ms, self._limit_basis_points)
        key, topic = market.gpu_type.encode(), names.PRICING_UPDATES.encode()
        outputs = [(topic, key, self._update(update)) for update in told.updates]
        self._write(market, told.changed)
        return outputs

    def _market(self, gpu_type: str, ctx: KeyedProcessFunction.Context) -> SpotMarket:
        """The market of the current key; when it is first touched, its timer is set too."""
        market = self._markets.get(gpu_type)
        if market is None:
            market = spot_market.load(gpu_type, self._rows.items())
            self._markets[gpu_type] = market
            self._arm(ctx)
        return market

    def _arm(self, ctx: KeyedProcessFunction.Context) -> None:
        """Set the timer of the next step; a second one for the same moment is the same one."""
        at_ms = self._last_step_ms() + STEP_MS + GRACE_MS
        ctx.timer_service().register_processing_time_timer(at_ms)

    def _last_step_ms(self) -> int:
        seen_ms = self._now_ms() - GRACE_MS
        return seen_ms - seen_ms % STEP_MS

    def _write(self, market: SpotMarket, changed: Changed) -> None:
        for key in changed:
            text = spot_market.written(market, key)
            if text is None:
                self._rows.remove(key)
            else:
                self._rows.put(key, text)

    def _dead_letter(
        self, reason: str, topic: str, data: bytes | None, place: Iterable[int]
    ) -> Output:
        """The letter about a record; `place` is its append time, partition and offset."""
        at_ms, partition, offset = place
        letter = dead_letter(
            JOB.name,
            reason,
            topic=topic,
            partition=partition,
            offset=offset,
            key=None,
            value=data,
            at_ms=at_ms,
        )
        return names.DEAD_LETTERS.encode(), b"", self._letter(letter)


@functools.lru_cache(maxsize=MOST_BOOKS)
def _traded(book_id: bytes) -> str:
    """The GPU type of a book's trades."""
    return str(book_id, "utf-8", "replace").rpartition(".")[0]


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, UnreadableRecord) else f"{type(error).__name__}: {error}"
