"""The logs as one stream: every record once, in time."""

import heapq
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from rich.console import Console

from cli.audit import auditing
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
        self.asked: list[str] = []
        """Topics whose ends were asked for, in this order."""

    def ranges(self, topics: Collection[str]) -> dict[Place, tuple[int, int]]:
        return {
            (topic, part): (
                self._gone.get((topic, part), 0),
                len(self._times.get((topic, part), ())),
            )
            for topic in topics
            for part in range(2)
        }

    def ends(self, topics: Collection[str] = TOPICS) -> dict[Place, int]:
        self.asked += topics
        return {place: end for place, (_, end) in self.ranges(topics).items()}

    def merged(
        self,
        since: Mapping[Place, int],
        until: Mapping[Place, int],
        by: Callable[[Entry], Any],
    ) -> Iterator[Entry]:
        places = [self._entries(place, since[place], end) for place, end in until.items()]
        yield from heapq.merge(*places, key=by)

    def read(self, topics: Collection[str], *, partition: int) -> Iterator[Entry]:
        for topic in topics:
            low, high = self.ranges([topic])[topic, partition]
            yield from self._entries((topic, partition), low, high)

    def _entries(self, place: Place, low: int, high: int) -> Iterator[Entry]:
        for offset in range(low, high):
            at_ms = self._times[place][offset]
            fact = {} if place[0].endswith("commands") else {"occurred_at_ms": at_ms}
            yield Entry(place[0], "key", at_ms, fact, place[1], offset)


def begun(log: Topics) -> Reading:
    opened: Any = log
    return Reading(opened, METER)


def test_every_record_comes_once_and_in_time() -> None:
    quiet = [NOW_MS - day * DAY_MS for day in range(30, 1, -1)]
    burst = [NOW_MS - DAY_MS + 20 * number for number in range(2_000)]
    log = Topics(
        {
            (ACCOUNTS_COMMANDS, 0): quiet + burst,
            (BOOKS_COMMANDS, 1): [at + 5 for at in burst],
            (ORDERS_MATCHED, 0): [at + 7 for at in burst],
        }
    )
    found = list(begun(log).until(log.ends()))
    places = [(entry.topic, entry.partition, entry.offset) for entry in found]
    assert len(places) == len(set(places)) == len(quiet) + 3 * len(burst)
    times = [entry.at_ms for entry in found]
    assert times == sorted(times)


def test_of_the_same_time_a_command_comes_before_what_it_made() -> None:
    at = [NOW_MS]
    log = Topics({(ORDERS_MATCHED, 0): at, (BOOKS_COMMANDS, 1): at, (ACCOUNTS_COMMANDS, 0): at})
    topics = [entry.topic for entry in begun(log).until(log.ends())]
    assert topics == [ACCOUNTS_COMMANDS, BOOKS_COMMANDS, ORDERS_MATCHED]


def test_ends_are_asked_for_from_effects_to_causes() -> None:
    """So that what comes meanwhile leaves no effect without its cause."""
    log = Topics({})
    begun(log).ends()
    assert log.asked[-2:] == [BOOKS_COMMANDS, ACCOUNTS_COMMANDS]


def test_it_reads_on_from_where_it_was() -> None:
    times = {(ACCOUNTS_COMMANDS, 0): [NOW_MS - 5_000, NOW_MS - 4_000, NOW_MS - 3_000]}
    log = Topics(times)
    read = begun(log)
    first = [each.offset for each in read.until({**log.ends(), (ACCOUNTS_COMMANDS, 0): 1})]
    times[ACCOUNTS_COMMANDS, 0].append(NOW_MS)
    rest = [each.offset for each in read.until(log.ends())]
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
    ends = {(ORDERS_MATCHED, 0): 1}
    audit = Audit.__new__(Audit)
    audit.auditor = SimpleNamespace(waiting=lambda: False)  # type: ignore[assignment]
    read: list[int] = []

    def catch_up(until: Mapping[Place, int]) -> None:
        read.append(until[ORDERS_MATCHED, 0])
        if len(read) == 1:  # so much was behind that reading it takes longer than a rest
            time.sleep(0.2)
            ends[ORDERS_MATCHED, 0] = 2

    with (
        mock.patch.object(auditing, "QUIET_SECONDS", 0.1),
        mock.patch.object(audit, "ends", side_effect=lambda: dict(ends)),
        mock.patch.object(audit, "catch_up", catch_up),
    ):
        assert audit.settle()
    assert read[-1] == 2
