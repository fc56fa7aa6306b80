"""The logs of readings, on Kafka.

They have a producer of their own, so that telemetry never takes the places of orders in its queue.
A batch of one node is one key, so one partition; librdkafka tells of its readings one by one, and
the event loop hears once.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from query_api.adapters import kafka
from query_api.ports import OutcomeUnknown, Row
from schemas.codec import Codec
from schemas.names import TELEMETRY_GPU, TELEMETRY_NODE
from schemas.settings import Settings

APPEND_SECONDS = 5.0
"""How long a batch may take before its outcome is called unknown."""
PART = 250
"""Readings that are encoded before others get their turn: about two milliseconds."""
CONFIGURATION = {
    "linger.ms": 10,
    # Most of a reading says whose it is, and a batch repeats that.
    "compression.type": "lz4",
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 65_536,
}


class KafkaTelemetry:
    """The port `TelemetryLog`."""

    def __init__(self, producer: Producer, codec: Codec) -> None:
        self._producer = producer
        self._encoders = {topic: codec.encoder(topic) for topic in (TELEMETRY_GPU, TELEMETRY_NODE)}
        self._loop = asyncio.get_running_loop()
        self._is_open = True

    def __len__(self) -> int:
        """Readings that the log has not acknowledged."""
        return len(self._producer)

    async def append_all(self, node_id: str, told: Sequence[tuple[str, Row]]) -> None:
        batch = _Batch(self._loop, len(told))
        key = node_id.encode()
        try:
            for number, (topic, record) in enumerate(told, 1):
                self._producer.produce(topic, self._encoders[topic](record), key, on_delivery=batch)
                if number % PART == 0:
                    await asyncio.sleep(0)
            async with asyncio.timeout(APPEND_SECONDS):
                await batch.appended
        except (BufferError, KafkaException, TimeoutError):
            raise OutcomeUnknown("kafka") from None

    def run(self) -> None:
        """Serve deliveries until closed; in a thread of its own."""
        while self._is_open or self._producer.flush(kafka.POLL_SECONDS):
            self._producer.poll(kafka.POLL_SECONDS)

    def close(self) -> None:
        """Let the thread end once everything is delivered."""
        self._is_open = False


class _Batch:
    """Waits until librdkafka has told of so many readings, in its thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.appended = loop.create_future()
        self._loop = loop
        self._waiting = count
        self._has_failed = False
        if not count:
            self.appended.set_result(None)

    def __call__(self, error: KafkaError | None, _: Any) -> None:
        self._waiting -= 1
        self._has_failed = self._has_failed or error is not None
        if not self._waiting:
            with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self.appended.done():
            return
        if self._has_failed:
            self.appended.set_exception(OutcomeUnknown("kafka"))
        else:
            self.appended.set_result(None)


@asynccontextmanager
async def open_telemetry(settings: Settings, codec: Codec) -> AsyncIterator[KafkaTelemetry]:
    """The logs, ready for appending."""
    producer = Producer(kafka.producer_settings(settings) | CONFIGURATION)
    await asyncio.to_thread(kafka.warm, producer, TELEMETRY_GPU, TELEMETRY_NODE)
    log = KafkaTelemetry(producer, codec)
    async with kafka.in_thread(log, "telemetry"):
        yield log
