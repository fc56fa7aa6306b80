"""The market's logs as one stream in about the order of time, a slice of them at once in memory."""

import time
from collections.abc import Iterator, Mapping
from typing import Final

from cli.errors import CannotTell
from cli.log import Entry, Log, Place
from cli.meter import Meter
from schemas import contract
from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, FACT_TOPICS
from udfs.audit.auditor import TOPICS

MOST_AT_ONCE: Final = 40_000
"""Records of a slice, if a slice of a second does not have more."""
LEAST_MS: Final = 1_000
KEPT_MS: Final = max(
    contract.topics()[topic].retention_ms for topic in (ACCOUNTS_COMMANDS, BOOKS_COMMANDS)
)
"""What is older comes with the first slice, if there is any."""
_RANK: Final = {topic: rank for rank, topic in enumerate(TOPICS)}


class Reading:
    """Where an auditor is in the logs."""

    def __init__(self, log: Log, meter: Meter) -> None:
        """Stand at the beginning of every log.

        Raises:
            CannotTell: a log of commands has lost its beginning, so that nothing can be replayed.
        """
        self._log = log
        self._meter = meter
        begins = {place: low for place, (low, _) in log.ranges(TOPICS).items()}
        for (topic, partition), low in begins.items():
            if topic in (ACCOUNTS_COMMANDS, BOOKS_COMMANDS) and low > 0:
                raise CannotTell(
                    f"{topic} partition {partition} begins at offset {low}: its first records have"
                    " aged out, and an audit begins at the first; `gpubroker replay"
                    " --from-snapshot` can tell of one book"
                )
        self.since_ms = self._kept_since_ms(begins)
        self._next: dict[Place, int] = begins
        self._at_ms = _now_ms() - KEPT_MS

    def until(self, ends: Mapping[Place, int]) -> Iterator[list[Entry]]:
        """What comes before these offsets and was not read yet, in slices by the logs' time."""
        watch = self._meter.begin("records audited")
        watch.expect(sum(end - self._next[place] for place, end in ends.items()))
        at_ms = self._at_ms
        span_ms = max(_now_ms() - at_ms, LEAST_MS)
        while self._left(ends):
            stop, taken_ms = self._stop(ends, at_ms, span_ms)
            at_ms += taken_ms
            span_ms = 2 * taken_ms
            if count := self._left(stop):
                found = list(self._log.read(TOPICS, since=self._next, until=stop))
                self._next = stop
                watch.advance(count)
                self._at_ms = max((entry.at_ms for entry in found), default=self._at_ms)
                yield sorted(found, key=lambda entry: (_time(entry), _RANK[entry.topic]))

    def _stop(
        self, ends: Mapping[Place, int], at_ms: int, span_ms: int
    ) -> tuple[dict[Place, int], int]:
        """Where a slice from this time ends, and how long it is: at most so, less if it is full."""
        while True:
            firsts = self._log.first_from(TOPICS, at_ms + span_ms)
            stop = {
                place: max(self._next[place], min(firsts[place], end))
                for place, end in ends.items()
            }
            count = self._left(stop)
            if count <= MOST_AT_ONCE or span_ms <= LEAST_MS:
                return stop, span_ms
            span_ms //= 2

    def _left(self, ends: Mapping[Place, int]) -> int:
        return sum(end - self._next[place] for place, end in ends.items())

    def _kept_since_ms(self, begins: Mapping[Place, int]) -> int:
        """From when on every topic has its facts; 0 if none has lost any."""
        cut = [
            next(self._log.read([topic], partition=partition), None)
            for (topic, partition), low in begins.items()
            if low > 0 and topic in FACT_TOPICS.values()
        ]
        return max((entry.record["occurred_at_ms"] for entry in cut if entry), default=0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _time(entry: Entry) -> int:
    at_ms: int = entry.record.get("occurred_at_ms", entry.at_ms)
    return at_ms
