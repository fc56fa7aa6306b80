"""Records at which a job of SQL stands still, and how to take one out of its log.

A job of ours that runs Python sets what it cannot read aside. A job of SQL decodes in the JVM,
which has no such way (docs/decisions/0015): it fails at the record, and again after each restart.
Only the API writes those topics, and what it writes can be read; so this is for what others wrote.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from cli.doctor.observations import Stuck
from cli.errors import BadUsage, Refused
from cli.log import connect, located, places_of
from schemas import names
from schemas.codec import Codec, UnreadableRecord
from schemas.settings import Settings

READ_BY: Final = {names.TELEMETRY_GPU: "telemetry_rollup"}
"""The job of SQL that reads a topic of records."""
LOOKED_AT: Final = 5_000
"""Records that are looked at from where the job stands."""
PATIENCE_SECONDS: Final = 8.0
RAW_READERS: Final = ("projection-telemetry-raw", "projection-telemetry-redis")
"""The groups that need what stands before such a record."""


def find(settings: Settings) -> list[Stuck]:
    """The first unreadable record of each partition, not far from where its job stands."""
    found: list[Stuck] = []
    with connect(settings) as log, closing(_consumer(settings, "")) as client:
        for topic, job in READ_BY.items():
            begins = _committed(settings, f"gpubroker-{job}", topic)
            ends = log.ends([topic])
            left = {place: end for place, end in ends.items() if begins.get(place[1], 0) < end}
            client.assign([TopicPartition(*place, begins.get(place[1], -2)) for place in left])
            found += _unreadable(client, log.codec, topic, job, len(left))
    return found


def skip(settings: Settings, where: str) -> str:
    """Take a record that its job cannot read out of the log, with what stands before it.

    Args:
        settings: where the market is.
        where: `TOPIC:PARTITION:OFFSET`, as the doctor names it.

    Returns:
        What was done, in words.

    Raises:
        BadUsage: it names no such place.
        Refused: the record can be read, or the views do not have yet what stands before it.
    """
    topic, partition, offset = _place(where)
    stuck = [each for each in find(settings) if (each.topic, each.partition) == (topic, partition)]
    if not any(each.offset == offset for each in stuck):
        now = f"; it stands at {stuck[0].where}" if stuck else ""
        raise Refused({"code": "NOT_STUCK", "detail": f"no job stands at {where}{now}"})
    for group in RAW_READERS:
        done = _committed(settings, group, topic).get(partition, 0)
        if done <= offset:
            detail = f"{group} has written {topic} partition {partition} up to {done} only; wait"
            raise Refused({"code": "VIEWS_BEHIND", "detail": detail})
    admin = AdminClient({"bootstrap.servers": located(settings).text("KAFKA_BOOTSTRAP")})
    (deleted,) = admin.delete_records([TopicPartition(topic, partition, offset + 1)]).values()
    try:
        deleted.result(PATIENCE_SECONDS)
    except KafkaException as error:
        raise Refused({"code": "NOT_SKIPPED", "detail": f"Kafka refused: {error}"}) from error
    return (
        f"{topic} partition {partition} begins at {offset + 1} now; {READ_BY[topic]} goes on there "
        "with its next restart, within seconds"
    )


def _unreadable(
    client: Consumer, codec: Codec, topic: str, job: str, partitions: int
) -> Iterator[Stuck]:
    decode, seen, told = codec.decoder(topic), 0, set[int]()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while partitions and seen < LOOKED_AT and time.monotonic() < deadline:
        messages = client.consume(LOOKED_AT - seen, 1.0)
        if not messages:
            return
        seen += len(messages)
        for message in messages:
            partition, offset = message.partition(), message.offset()
            if message.error() or partition is None or offset is None or partition in told:
                continue
            try:
                decode(message.value())
            except UnreadableRecord as error:
                told.add(partition)
                yield Stuck(job, topic, partition, offset, str(error))


def _committed(settings: Settings, group: str, topic: str) -> dict[int, int]:
    """Where a group stands in each partition in which it has been."""
    with closing(_consumer(settings, group)) as client:
        asked = [TopicPartition(*place) for place in places_of(client, [topic])]
        told = client.committed(asked, timeout=PATIENCE_SECONDS)
    return {each.partition: each.offset for each in told if each.offset >= 0}


def _consumer(settings: Settings, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": located(settings).text("KAFKA_BOOTSTRAP"),
            "group.id": group or "gpubroker-doctor",
            "client.id": "gpubroker-doctor",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )


def _place(where: str) -> tuple[str, int, int]:
    topic, _, rest = where.partition(":")
    partition, _, offset = rest.partition(":")
    if topic not in READ_BY or not (partition.isdecimal() and offset.isdecimal()):
        known = ", ".join(READ_BY)
        raise BadUsage(f"--skip must be TOPIC:PARTITION:OFFSET of {known}, was {where!r}")
    return topic, int(partition), int(offset)
