"""Fills the views anew from the log, beside the running market: `python -m jobs rebuild`.

Nothing is stopped, dropped or reset. What is written twice is one row all the same (`projection`),
so the whole log may be written over whatever is there: what a store lost comes back, what it has
stays. What the log no longer holds cannot come back; if a table lacks it, that is said first.
"""

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, Final, NamedTuple

import redis
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import Message
from redis.exceptions import RedisError

from jobs import codecs, kafka, projection, rows
from jobs import contract as servers
from jobs.projection import Fact, Store
from jobs.refused import Refused
from schemas import contract, names
from schemas.codec import Codec, UnreadableRecord
from schemas.settings import Settings

GROUP: Final = "rebuild"
"""Of a consumer that reads by itself and commits nothing."""
BATCH_RECORDS: Final = 10_000
REFRESHED: Final = ("market_hours", "seller_days", "closing_hours", "capacity_hours")
"""Aggregates that the engine makes anew from facts, now and then; after a rebuild, at once."""
_LOG = logging.getLogger(__name__)
Progress = Callable[[str], None]
Read = Callable[[str], Iterable[Message]]


class HistoryMissing(Refused):
    """Views would lack records that the log no longer holds; the message names them."""


class StoreFailed(Refused):
    """ClickHouse or Redis does not answer, or refuses what is written."""


class Gap(NamedTuple):
    """A topic whose log no longer begins at its first record, and what its table has."""

    topic: str
    records: int
    """That left the log."""
    rows: int

    def __str__(self) -> str:
        days = contract.topics()[self.topic].retention_days
        return (
            f"{self.topic} keeps {days} days, {self.records:,} older records are gone from it; "
            f"its table has {self.rows:,} rows"
        )


def run(settings: Settings, accept_gaps: bool = False) -> None:
    """Create what is missing and write all that the log holds to both stores.

    Raises:
        HistoryMissing: a table is empty although records left its topic, and that is not accepted.
        Refused: a server does not answer.
    """
    try:
        _rebuild(settings, accept_gaps)
    except (ClickHouseError, RedisError) as error:
        raise StoreFailed(f"{error}; what was written so far stays, do it again") from None
    _LOG.info("the views are as the log has it")


def _rebuild(settings: Settings, accept_gaps: bool) -> None:
    servers.create_tables(settings)
    with closing(servers.clickhouse(settings)) as client:
        found = list(gaps(settings, client))
        check(found, accept_gaps)
        codec = codecs.codec(settings)
        for stores in _stores(settings):
            write(stores, codec, lambda topic: _records(settings, topic), _LOG.info)
        for table in REFRESHED:
            client.command(f"SYSTEM REFRESH VIEW {table}_refresh")
            client.command(f"SYSTEM WAIT VIEW {table}_refresh")


def check(found: Iterable[Gap], accept_gaps: bool) -> None:
    """Tell of gaps; refuse if a table would miss what is in them.

    Raises:
        HistoryMissing: and nothing was written.
    """
    found = list(found)
    for gap in found:
        _LOG.warning("%s, which stay", gap)
    lost = [gap for gap in found if not gap.rows]
    if lost and not accept_gaps:
        raise HistoryMissing(
            f"{'; '.join(map(str, lost))}. These records cannot be had again: restore ClickHouse's"
            " folder if there is a copy, or go on without them (--yes)"
        )


def gaps(settings: Settings, client: Any) -> Iterator[Gap]:
    """The topics of the projection whose first records are gone."""
    with closing(kafka.consumer(settings, GROUP)) as reader:
        for topic in projection.topics():
            gone = sum(first for first, _ in kafka.watermarks(reader, topic).values())
            if gone:
                count = client.query(f"SELECT count() FROM {rows.tables()[topic]}")
                yield Gap(topic, gone, int(count.first_row[0]))


def write(stores: Sequence[Store], codec: Codec, read: Read, progress: Progress) -> None:
    """Write the topics of these stores, which are the same, to each of them."""
    for topic in stores[0].topics:
        count, decode = 0, codec.decoder(topic)
        for batch in _batches(read(topic), BATCH_RECORDS):
            facts = [Fact(topic, record) for record in _decoded(batch, decode)]
            for store in stores:
                store.write(facts)
            count += len(batch)
            progress(f"{topic}: {count:,} records")


def _decoded(batch: list[Message], decode: Callable[[Any], dict[str, Any]]) -> Iterator[Any]:
    """Records; what cannot be read is among the dead letters since it came."""
    for message in batch:
        try:
            yield decode(message.value())
        except UnreadableRecord as error:
            place = f"{message.topic()} {message.partition()}@{message.offset()}"
            _LOG.warning("passed over %s: %s", place, error)


def _batches(messages: Iterable[Message], size: int) -> Iterator[list[Message]]:
    left = iter(messages)
    while batch := list(itertools.islice(left, size)):
        yield batch


def _records(settings: Settings, topic: str) -> Iterator[Message]:
    """All that the topic holds now; what comes meanwhile is the running projection's."""
    with closing(kafka.consumer(settings, GROUP)) as reader:
        yield from kafka.read_since(reader, topic, 0)


def _stores(settings: Settings) -> tuple[tuple[Store, ...], ...]:
    """Both stores of facts, both of readings, the one of rollups."""
    clickhouse, redis_url = lambda: servers.clickhouse(settings), settings.text("REDIS_URL")
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    return (
        (projection.ClickHouse(clickhouse, projection.fact_topics()), projection.Redis(client)),
        (
            projection.ClickHouseReadings(clickhouse, projection.READINGS),
            projection.RedisReadings(client),
        ),
        (projection.ClickHouseReadings(clickhouse, (names.TELEMETRY_ROLLUPS,)),),
    )
