"""The logs as one stream: every record once, in time, a bounded slice of them at once."""

import time
from collections.abc import Collection, Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from rich.console import Console

from cli.audit import auditing, reading
from cli.audit.auditing import Audit
from cli.audit.reading import Reading
from cli.errors import CannotTell
from cli.log import Entry, Place
from cli.meter import Meter
from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, ORDERS_MATCHED
from udfs.audit.auditor import TOPICS

NOW_MS = time.time_ns() // 1_000_000
DAY_MS = 24 * 3_600_000
METER = Meter(Console(quiet=True))


class Topics:
    """A log in memory: the times of each place's records, and how many of the first are gone."""

    def __init__(self, times: Mapping[Place, list[int]], gone: Mapping[Place, int] | None = None):
        self._times = times
        self._gone = gone or {}
        self.reads: list[int] = []

    def ranges(self, topics: Collection[str]) -> dict[Place, tuple[int, int]]:
        return {
            (topic, part): (
                self._gone.get((topic, part), 0),
                len(self._times.get((topic, part), ())),
            )
            for topic in topics
            for part in range(2)
        }

    def ends(self) -> dict[Place, int]:
        return {place: end for place, (_, end) in self.ranges(TOPICS).items()}

    def first_from(self, topics: Collection[str], at_ms: int) -> dict[Place, int]:
        return {
            place: next((i for i, at in enumerate(self._times.get(place, ())) if at >= at_ms), end)
            for place, (_, end) in self.ranges(topics).items()
        }

    def read(
        self,
        topics: Collection[str],
        *,
        since: Mapping[Place, int] | None = None,
        until: Mapping[Place, int] | None = None,
        partition: int | None = None,
    ) -> Iterator[Entry]:
        count = 0
        for place, (low, high) in self.ranges(topics).items():
            if partition not in (None, place[1]):
                continue
            first, last = max((since or {}).get(place, 0), low), (until or {}).get(place, high)
            for offset in range(first, last):
                at_ms = self._times[place][offset]
                fact = {} if place[0].endswith("commands") else {"occurred_at_ms": at_ms}
                count += 1
                yield Entry(place[0], "key", at_ms, fact, place[1], offset)
        self.reads.append(count)


def begun(log: Topics) -> Reading:
    opened: Any = log
    return Reading(opened, METER)


def test_every_record_comes_once_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quiet month, then a burst: the slices follow how much there is."""
    monkeypatch.setattr(reading, "MOST_AT_ONCE", 100)
    quiet = [NOW_MS - day * DAY_MS for day in range(30, 1, -1)]
    burst = [NOW_MS - DAY_MS + 20 * number for number in range(2_000)]
    log = Topics(
        {
            (ACCOUNTS_COMMANDS, 0): quiet + burst,
            (BOOKS_COMMANDS, 1): [at + 5 for at in burst],
            (ORDERS_MATCHED, 0): [at + 7 for at in burst],
        }
    )
    slices = list(begun(log).until(log.ends()))
    found = [(entry.topic, entry.partition, entry.offset) for each in slices for entry in each]
    assert len(found) == len(set(found)) == len(quiet) + 3 * len(burst)
    assert max(map(len, slices)) <= 200, "a second of the burst, which is the least slice"
    times = [entry.at_ms for each in slices for entry in each]
    assert times == sorted(times)


def test_it_reads_on_from_where_it_was() -> None:
    times = {(ACCOUNTS_COMMANDS, 0): [NOW_MS - 5_000, NOW_MS - 4_000, NOW_MS - 3_000]}
    log = Topics(times)
    read = begun(log)
    first = [
        e.offset for each in read.until({**log.ends(), (ACCOUNTS_COMMANDS, 0): 1}) for e in each
    ]
    times[ACCOUNTS_COMMANDS, 0].append(NOW_MS)
    rest = [entry.offset for each in read.until(log.ends()) for entry in each]
    assert (first, rest) == ([0], [1, 2, 3])
    assert list(read.until(log.ends())) == []


def test_a_log_of_commands_without_its_beginning_cannot_be_audited() -> None:
    place = (BOOKS_COMMANDS, 1)
    with pytest.raises(CannotTell, match=r"books.commands partition 1 begins at offset 2"):
        begun(Topics({place: [NOW_MS] * 3}, gone={place: 2}))


def test_facts_count_from_when_every_topic_has_them() -> None:
    place = (ORDERS_MATCHED, 0)
    log = Topics({place: [NOW_MS - 9, NOW_MS - 8, NOW_MS - 7]}, gone={place: 1})
    assert begun(log).since_ms == NOW_MS - 8
    assert begun(Topics({place: [NOW_MS]})).since_ms == 0


def test_what_comes_while_the_logs_are_read_is_read_before_the_market_counts_as_at_rest() -> None:
    log = SimpleNamespace(end=1)
    log.ends = lambda topics: {(ORDERS_MATCHED, 0): log.end}
    audit = Audit.__new__(Audit)
    audit._log, audit.auditor = log, SimpleNamespace(waiting=lambda: False)  # type: ignore[assignment]
    read: list[int] = []

    def catch_up(ends: Mapping[Place, int]) -> None:
        read.append(ends[ORDERS_MATCHED, 0])
        if len(read) == 1:  # so much was behind that reading it takes longer than a rest
            time.sleep(0.2)
            log.end = 2

    with (
        mock.patch.object(auditing, "QUIET_SECONDS", 0.1),
        mock.patch.object(audit, "catch_up", catch_up),
    ):
        assert audit.settle()
    assert read[-1] == 2
