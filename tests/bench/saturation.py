"""The matching job from Kafka at saturation, beside Flink alone and the machine alone.

    python -m tests.bench --only saturation

A broker, a registry and a Flink cluster of the bench's own. The log of books is full before the
job starts, which reads it from its beginning as fast as it can; the rate is that of its commands
between the first and the last output by the broker's own append times. Beside the shipped job:

- the same job with `tests.bench.relay.Relay` in the machine's place: the same bytes come out of it;
- a plain process that consumes, decodes, applies, encodes and produces: no Flink, no saved state.

After each round all outputs are read back and compared with those of the machine in this process.
"""

import multiprocessing
import os
import pickle
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final
from unittest.mock import patch

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec

from jobs import kafka
from jobs.cluster import Cluster
from jobs.codecs import registry_codec
from jobs.deployment import planner
from jobs.keyed_machine import KeyedMachine
from jobs.matching import JOB
from schemas.names import BOOKS_COMMANDS
from schemas.settings import Settings
from stack import flink
from tests.bench.plain import Output, Plain, places, send, text
from tests.bench.relay import Relay
from tests.bench.report import Goal, Section, in_turns, say
from tests.builders import ALICE, BOB, ask, bid
from tests.stack_fixture import own_home, real_stack

PROGRAMS: Final = ("topics", flink.TASKMANAGER)
"""What is started, with all that it needs: broker, registry and JobManager."""
SHIPPED, EMPTY, PLAIN = "the matching job", "Flink without the machine", "the machine without Flink"
BOOKS: Final = ("H100", "H200", "B200", "MI300X", "L40S", "L4", "A10", "T4")
ROUND_SECONDS: Final = 120.0
RUNNING_SECONDS: Final = 60.0
Places = dict[tuple[str, int], int]
"""Offsets by topic and partition."""


def plain_process(settings: Settings, count: int) -> None:
    """Consume so many commands from the beginning, and produce what the machine makes of them."""
    plain = Plain(registry_codec(settings.text("REGISTRY_URL")), (JOB,))
    producer = kafka.producer(settings)
    begins = dict.fromkeys(places(kafka.admin(settings), JOB.log), 0)
    for message in records(settings, begins, count):
        send(producer, plain.outputs(message))
        producer.poll(0)
    producer.flush()


class Bench:
    """A log of commands, and what was to come of them."""

    def __init__(self, settings: Settings, folder: Path, commands: int) -> None:
        self.settings = settings
        self.codec = partial(registry_codec, settings.text("REGISTRY_URL"))
        self.count = commands
        self._admin = kafka.admin(settings)
        topics = [topic for topic in JOB.outputs if topic != JOB.log]
        self._output_partitions = [
            TopicPartition(*place) for topic in topics for place in places(self._admin, topic)
        ]
        self._fill()
        plain, made = Plain(self.codec(), (JOB,)), {}
        outputs: list[Output] = []
        log = records(settings, dict.fromkeys(places(self._admin, JOB.log), 0), commands)
        for message in log:
            told = plain.outputs(message)
            outputs += told
            place = message.partition(), message.offset()
            made[place] = [(topic.encode(), key.encode(), value) for topic, key, value in told]
        self.outputs, self.expected = len(outputs), digest(outputs)
        self._made = folder / "made"
        self._made.write_bytes(pickle.dumps(made))
        self.unequal: set[str] = set()

    def _fill(self) -> None:
        """Asks and bids by turns, at prices where about every second one trades, in all books."""
        encode = self.codec().encoder(BOOKS_COMMANDS)
        producer, random = kafka.producer(self.settings), Random(1)
        for number in range(self.count):
            place, account = ((ask, ALICE), (bid, BOB))[number // len(BOOKS) % 2]
            book = f"{BOOKS[number % len(BOOKS)]}.ondemand"
            price = 1_000_000 + 100 * random.randrange(-200, 200)
            sent = place(account, str(number), random.randrange(1, 9), price, book_id=book)
            producer.produce(BOOKS_COMMANDS, encode(sent), book)
            if number % 10_000 == 0:
                producer.flush()
        producer.flush()

    def shipped(self) -> float:
        """Microseconds a command of the job as it is deployed."""
        return self._job(SHIPPED, KeyedMachine(JOB, self.codec))

    def empty(self) -> float:
        """Microseconds a command of the job that only answers."""
        return self._job(EMPTY, Relay(str(self._made)))

    def plain(self) -> float:
        """Microseconds a command of the plain process."""
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=plain_process, args=(self.settings, self.count))
        with self._round(PLAIN) as ended:
            process.start()
            process.join(ROUND_SECONDS)
        return ended()

    def _job(self, name: str, function: Any) -> float:
        with (
            closing(Cluster(self.settings.text("FLINK_URL"))) as cluster,
            self._round(name) as ended,
        ):
            job_id = planner(self.settings).machine(JOB, function).start({})
            cluster.await_running(job_id, RUNNING_SECONDS)
            micros = ended()
            cluster.cancel(job_id)
            while cluster.jobs():
                time.sleep(0.1)
        return micros

    @contextmanager
    def _round(self, name: str) -> Iterator[Callable[[], float]]:
        before = self._ends()
        yield lambda: self._ended(name, before)

    def _ended(self, name: str, before: Places) -> float:
        """Wait for the outputs and compare them; microseconds a command."""
        deadline = time.monotonic() + ROUND_SECONDS
        while sum(self._ends().values()) - sum(before.values()) < self.outputs:
            if time.monotonic() > deadline:
                raise SystemExit(f"{name}: outputs are missing after {ROUND_SECONDS:.0f} s")
            time.sleep(0.5)
        told = list(records(self.settings, before, self.outputs))
        outputs = [(str(each.topic()), text(each.key()), each.value() or b"") for each in told]
        if digest(outputs) != self.expected:
            self.unequal.add(f"outputs of {name}")
        times_ms = [each.timestamp()[1] for each in told]
        return (max(times_ms) - min(times_ms)) * 1e3 / self.count

    def _ends(self) -> Places:
        """Where the topics of outputs end, by one question to the broker."""
        asked = dict.fromkeys(self._output_partitions, OffsetSpec.latest())
        told = self._admin.list_offsets(asked)
        return {(each.topic, each.partition): end.result().offset for each, end in told.items()}


def records(settings: Settings, places: Places, count: int) -> Iterator[Message]:
    """So many records from these places on."""
    with closing(kafka.consumer(settings, "bench-records")) as client:
        client.assign([TopicPartition(*place, offset) for place, offset in places.items()])
        deadline = time.monotonic() + ROUND_SECONDS
        while count:
            for message in _some(client, count):
                count -= 1
                yield message
            if time.monotonic() > deadline:
                raise SystemExit(f"{count} records are missing after {ROUND_SECONDS:.0f} s")


def _some(client: Consumer, most: int) -> Sequence[Message]:
    messages = client.consume(min(most, 1_000), 0.05)
    bad = next((each.error() for each in messages if each.error()), None)
    if bad:
        raise SystemExit(f"cannot read: {bad}")
    return messages


def digest(outputs: Sequence[Output]) -> dict[tuple[str, str], str]:
    """Of each key of each topic, the same for the same values; books of an account interleave."""
    values: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for topic, key, value in outputs:
        values[topic, key].append(value)
    return {place: sha256(b"".join(sorted(each))).hexdigest() for place, each in values.items()}


def measure(quick: bool) -> Section:
    """All three, in turns, after a round that warms the JVM up."""
    commands, rounds = (400, 1) if quick else (20_000, 5)
    with (
        own_home() as home,
        real_stack(home, PROGRAMS, say) as settings,
        patch.dict(os.environ, flink.submit_environment(settings)),
    ):
        bench = Bench(settings, home, commands)
        if not quick:
            bench.shipped()
        turns = {SHIPPED: bench.shipped, EMPTY: bench.empty, PLAIN: bench.plain}
        told = in_turns(turns, rounds)
    rates = {name: 1e6 / max(median, 1e-3) for name, (median, _) in told.items()}
    shipped = rates[SHIPPED]
    return Section(
        title="The matching job at saturation",
        text=(
            f"{commands:,} placements in {len(BOOKS)} books, about every second one of which"
            " trades, from a log in Kafka into topics of Kafka, as fast as it goes; broker and"
            " TaskManager share the cores. Beside it the same job whose function answers each"
            " record with the bytes that the machine once made of it, and a plain process that"
            " consumes, decodes, applies, encodes and produces. In each round all"
            f" {bench.outputs:,} outputs were read back and compared. Median of {rounds}, in turns."
        ),
        packages=("apache-flink", "confluent-kafka"),
        head=["", "commands/s", "µs a command", "the job's rate to this"],
        rows=[
            [name, f"{rate:,.0f}", f"{1e6 / rate:.0f}", f"{shipped / rate:.2f}"]
            for name, rate in rates.items()
        ],
        goals=[
            Goal("to Flink without the machine", 0.5, shipped / rates[EMPTY]),
            Goal("to the machine without Flink", 0.4, shipped / rates[PLAIN]),
            Goal("commands/s of a TaskManager", 15_000, shipped),
        ],
        figures={f"{name}, commands/s": rate for name, rate in rates.items()},
        unequal=sorted(bench.unequal),
    )
