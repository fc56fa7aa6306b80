"""The market's logs as one stream in about the order of time, a bounded part of them in memory."""

from collections.abc import Iterator, Mapping
from typing import Final

from cli.errors import CannotTell
from cli.log import Entry, Log, Place
from cli.meter import Meter
from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, FACT_TOPICS
from udfs.audit.auditor import TOPICS

_RANK: Final = {topic: rank for rank, topic in enumerate(TOPICS)}
_TOLD_EVERY: Final = 1_000


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

    def ends(self) -> dict[Place, int]:
        """Where the logs end now: wherever an effect is before its end, its cause is too."""
        return self._log.ends(TOPICS[::-1])

    def until(self, ends: Mapping[Place, int]) -> Iterator[Entry]:
        """What comes before these offsets and was not read yet, by time."""
        watch = self._meter.begin("records audited")
        watch.expect(sum(end - self._next[place] for place, end in ends.items()))
        merged = self._log.merged(self._next, ends, by=_by_time)
        for passed, entry in enumerate(merged, 1):
            self._next[entry.topic, entry.partition] = entry.offset + 1
            yield entry
            if passed % _TOLD_EVERY == 0:
                watch.advance(_TOLD_EVERY)
        self._next.update(ends)

    def _kept_since_ms(self, begins: Mapping[Place, int]) -> int:
        """From when on every topic has its facts; 0 if none has lost any."""
        cut = [
            next(self._log.read([topic], partition=partition), None)
            for (topic, partition), low in begins.items()
            if low > 0 and topic in FACT_TOPICS.values()
        ]
        return max((entry.record["occurred_at_ms"] for entry in cut if entry), default=0)


def _by_time(entry: Entry) -> tuple[int, int]:
    """A fact stands where its cause does, right after it."""
    at_ms: int = entry.record.get("occurred_at_ms", entry.at_ms)
    return at_ms, _RANK[entry.topic]
