"""A run's logs as a running market's auditor reads them, so that the two judges can be compared."""

from collections.abc import Iterator

from cli.log import Entry
from tests.sim.log import CODEC, Broker
from udfs.audit.auditor import TOPICS, Auditor


def entries(broker: Broker) -> Iterator[Entry]:
    """Every record of what is audited, in about the order of time."""
    found = [
        Entry(topic, record.key.decode(), record.at_ms, decode(record.value), partition, offset)
        for topic in TOPICS
        for decode in (CODEC.decoder(topic),)
        for partition, records in enumerate(broker.topics.get(topic, ()))
        for offset, record in enumerate(records)
    ]
    yield from sorted(found, key=lambda each: each.record.get("occurred_at_ms", each.at_ms))


def audited(read: Iterator[Entry] | list[Entry]) -> Auditor:
    """What an auditor makes of a market at rest."""
    auditor = Auditor()
    for entry in read:
        auditor.take(entry)
    auditor.rest()
    auditor.count()
    return auditor
