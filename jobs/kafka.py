"""Kafka as the plain consumers of this package use it: settings, topics, dead letters."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from jobs.refused import Refused
from schemas import contract
from schemas.settings import Settings

TIMEOUT_SECONDS: Final = 10.0
_LOG = logging.getLogger(__name__)


class KafkaUnreachable(Refused):
    """No broker answered."""


class WrongTopics(Refused):
    """Kafka's topics are not those of topics.toml; the message names each difference."""


def producer(settings: Settings, compression: str = "none") -> Producer:
    """A producer that loses nothing, repeats nothing, and picks partitions as Flink does."""
    return Producer(
        {
            **_common(settings),
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 2,
            "compression.type": compression,
        }
    )


def consumer(settings: Settings, group: str, patience_ms: int = 25) -> Consumer:
    """A consumer of a group that commits by hand and begins where the log begins.

    Args:
        settings: where Kafka is.
        group: its consumer group.
        patience_ms: how long the broker may gather records for it. Each fetch costs the broker as
            much as appending a record does, so a reader that need not be first should have some.
    """
    return Consumer(
        {
            **_common(settings),
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": False,
            # A store may be down for long; the consumer waits with it and keeps its partitions.
            "max.poll.interval.ms": 86_400_000,
            # A killed consumer's partitions are free again this soon.
            "session.timeout.ms": 10_000,
            "fetch.min.bytes": 65_536,
            "fetch.wait.max.ms": patience_ms,
            # Room for a batch of each partition, not librdkafka's 64 MB of read-ahead; and once
            # it is full, not a second until it is looked at again, which is 16 MB a second then.
            "queued.max.messages.kbytes": 16_384,
            "fetch.queue.backoff.ms": 10,
        }
    )


def admin(settings: Settings) -> AdminClient:
    """A client for topics and offsets."""
    return AdminClient(_common(settings))


def create_topics(settings: Settings) -> list[str]:
    """Create the topics of topics.toml that are missing and return their names.

    Raises:
        KafkaUnreachable: no broker answered.
        WrongTopics: a topic exists with another number of partitions, which is never changed.
    """
    client = admin(settings)
    existing = check_partition_counts(client, settings)
    missing = [topic for name, topic in contract.topics().items() if name not in existing]
    new = [_new_topic(topic, settings) for topic in missing]
    for name, created in (client.create_topics(new) if new else {}).items():
        _settle(name, created)
    return [topic.name for topic in missing]


def partition_counts(client: AdminClient) -> dict[str, int]:
    """The partitions of each topic that there is.

    Raises:
        KafkaUnreachable: no broker answered.
    """
    try:
        listed = client.list_topics(timeout=TIMEOUT_SECONDS)
    except KafkaException as error:
        raise KafkaUnreachable(f"no answer from Kafka: {error.args[0].str()}") from None
    return {name: len(topic.partitions) for name, topic in listed.topics.items()}


def check_partition_counts(
    client: AdminClient, settings: Settings, topics: Iterable[str] = ()
) -> dict[str, int]:
    """Compare what exists with what is wanted, and return it; these `topics` must exist.

    Raises:
        KafkaUnreachable: no broker answered.
        WrongTopics: a count differs, or one of `topics` is missing.
    """
    existing = partition_counts(client)
    refuse_other_counts(existing, settings.positive("MAX_PARTITIONS"), topics)
    return existing


def refuse_other_counts(existing: Mapping[str, int], most: int, topics: Iterable[str] = ()) -> None:
    """Compare counts with topics.toml, of which no topic has more than `most` partitions.

    Raises:
        WrongTopics: a count differs, or one of `topics` is missing.
    """
    wrong = [
        f"{name} must have {topic.partitions_within(most)} partitions, has {existing[name]}"
        for name, topic in contract.topics().items()
        if name in existing and existing[name] != topic.partitions_within(most)
    ]
    wrong += [f"{name} does not exist" for name in topics if name not in existing]
    if wrong:
        raise WrongTopics(
            f"{'; '.join(wrong)} (schemas/topics.toml, GPUBROKER_MAX_PARTITIONS={most}; `python -m "
            "jobs topics` creates what is missing; partition counts are never changed in place: "
            "set it to what it was, restore the topic, or start anew with an empty GPUBROKER_HOME)"
        )


def partitions(client: Consumer | AdminClient, topic: str) -> list[int]:
    """The numbers of a topic's partitions.

    Raises:
        KafkaException: no broker answered, or there is no such topic.
    """
    told = client.list_topics(topic, timeout=TIMEOUT_SECONDS).topics[topic]
    if told.error is not None:
        raise KafkaException(told.error)
    return sorted(told.partitions)


def watermarks(client: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    """The first offset and the one after the last of each partition of a topic."""
    return {
        partition: client.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=TIMEOUT_SECONDS
        )
        for partition in partitions(client, topic)
    }


def records_left(client: Consumer, topic: str, marks: Mapping[int, tuple[int, int]]) -> int:
    """How many records between these marks the client's group has not committed."""
    asked = [TopicPartition(topic, partition) for partition in marks]
    left = 0
    for each in client.committed(asked, timeout=TIMEOUT_SECONDS):
        first, end = marks[each.partition]
        left += max(end - max(each.offset, first), 0)  # without a commit the offset is negative
    return left


def first_after(client: Consumer, topic: str, partition: int, at_ms: int) -> int | None:
    """The first offset that was stamped later than this time, None if there is none."""
    return _first_from(client, [TopicPartition(topic, partition, at_ms + 1)])[partition]


def read_since(client: Consumer, topic: str, since_ms: int) -> Iterator[Message]:
    """What a topic holds now, from the first record of this time or later on, per partition.

    Raises:
        KafkaUnreachable: no broker goes on answering.
    """
    ends = watermarks(client, topic)
    asked = [TopicPartition(topic, partition, since_ms) for partition in ends]
    begins = _first_from(client, asked)
    left = {number: ends[number][1] for number, begin in begins.items() if begin is not None}
    client.assign([TopicPartition(topic, number, begins[number] or 0) for number in left])
    while left:
        message = client.poll(TIMEOUT_SECONDS)
        if message is None:
            raise KafkaUnreachable(f"no answer from Kafka while {topic} is read")
        if message.error() is None:
            number, offset = message.partition() or 0, message.offset() or 0
            if offset + 1 >= left.get(number, 0):
                left.pop(number, None)
            yield message
    client.unassign()


def _first_from(client: Consumer, asked: list[TopicPartition]) -> dict[int, int | None]:
    """The first offset of each partition at a time or later; times stand where offsets do."""
    found = client.offsets_for_times(asked, timeout=TIMEOUT_SECONDS)
    return {each.partition: each.offset if each.offset >= 0 else None for each in found}


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.text("KAFKA_BOOTSTRAP"),
        "client.id": "gpubroker-jobs",
        "error_cb": _log_error,
        # What goes wrong comes to error_cb; librdkafka would also print every attempt.
        "log_level": 0,
        "reconnect.backoff.max.ms": 2_000,
    }


def _log_error(error: KafkaError) -> None:
    _LOG.warning("Kafka: %s", error.str())


def _new_topic(topic: contract.Topic, settings: Settings) -> NewTopic:
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions_within(settings.positive("MAX_PARTITIONS")),
        replication_factor=settings.number("REPLICATION"),
        config={
            "retention.ms": str(topic.retention_ms),
            "message.timestamp.type": "LogAppendTime" if topic.log_append_time else "CreateTime",
        },
    )


def _settle(name: str, created: Any) -> None:
    try:
        created.result(TIMEOUT_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise KafkaUnreachable(f"{name} could not be created: {error.args[0].str()}") from None
