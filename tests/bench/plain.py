"""The machines with their codec and nothing else: what Flink is measured beside.

No saved state, no timers, no dead letters: it consumes, decodes, applies, encodes and produces.
"""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Event
from typing import Any, Final

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from jobs import admission, kafka, matching
from jobs.codecs import registry_codec
from jobs.keyed_machine import MachineJob
from schemas.codec import Bodies, Codec
from schemas.names import FACT_TOPICS
from schemas.settings import Settings

PATH: Final = (admission.JOB, matching.JOB)
"""What an order passes on its way to a trade."""
MOST_AT_ONCE: Final = 500
IDLE_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 10.0
Output = tuple[str, str, bytes]
"""Topic, key and value."""


class Plain:
    """The machines of some jobs, by their logs."""

    def __init__(self, codec: Codec, jobs: Sequence[MachineJob]) -> None:
        """Begin with empty machines."""
        self._machines = {job.log: job.machine for job in jobs}
        self._decoders = {job.log: codec.decoder(job.log) for job in jobs}
        topics = {topic for job in jobs for topic in job.outputs}
        self._encoders = {topic: codec.encoder(topic) for topic in topics}
        self._states: dict[tuple[str, str], Any] = {}

    def outputs(self, message: Message) -> list[Output]:
        """What its machine makes of a record of a log."""
        log, key = str(message.topic()), text(message.key())
        machine = self._machines[log]
        state = self._states.get((log, key))
        if state is None:
            state = self._states[log, key] = machine.empty(key)
        step = machine.apply(state, self._decoders[log](message.value()), message.timestamp()[1])
        bodies: Bodies = {}
        told = [(FACT_TOPICS[kind], key, fact) for kind, fact in step.facts]
        return [
            (topic, to, self._encoders[topic](record, bodies))
            for topic, to, record in (*told, *step.commands)
        ]


def send(producer: Producer, outputs: Sequence[Output]) -> None:
    """Hand outputs to the producer, waiting for room in it."""
    for topic, key, value in outputs:
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.01)


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    """A process that is admission and matching, for as long as the block runs."""
    context = multiprocessing.get_context("spawn")
    stopped = context.Event()
    process = context.Process(target=follow, args=(settings, stopped))
    process.start()
    try:
        yield
    finally:
        stopped.set()
        process.join(PATIENCE_SECONDS)
        process.kill()


def follow(settings: Settings, stopped: Event) -> None:
    """Take both logs of the path from their beginnings on, each record when it comes."""
    plain = Plain(registry_codec(settings.text("REGISTRY_URL")), PATH)
    producer = kafka.producer(settings)
    client = Consumer(
        {
            "bootstrap.servers": settings.text("KAFKA_BOOTSTRAP"),
            "group.id": "bench-plain",
            "enable.auto.commit": False,
        }
    )
    with closing(client):
        logs = [place for job in PATH for place in places(client, job.log)]
        client.assign([TopicPartition(*place, 0) for place in logs])
        while not stopped.is_set():
            first = client.poll(IDLE_SECONDS)
            for message in (first, *client.consume(MOST_AT_ONCE, 0)) if first else ():
                if message.error():
                    raise SystemExit(f"cannot read: {message.error()}")
                send(producer, plain.outputs(message))
            producer.poll(0)
    producer.flush()


def places(client: Consumer | AdminClient, topic: str) -> list[tuple[str, int]]:
    """The places of a topic."""
    return [(topic, number) for number in kafka.partitions(client, topic)]


def text(key: str | bytes | None) -> str:
    """A record's key as text."""
    return key.decode() if isinstance(key, bytes) else key or ""
