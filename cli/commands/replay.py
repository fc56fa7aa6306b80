"""`gpubroker replay`: recompute a book from its log and compare every fact."""

import dataclasses
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, NamedTuple

import typer

from cli import output, recompute
from cli.errors import BadUsage, CannotTell, CheckFailed
from cli.log import FACTS_OF_BOOKS, Entry, Log, connect, tick
from cli.meter import Meter
from cli.options import AsJson, session
from cli.recompute import Audit, Comparison, Ledger, aged_before_ms
from schemas.names import BOOKS_COMMANDS, BOOKS_SNAPSHOTS, FACT_TOPICS
from udfs import snapshot
from udfs.audit.replays import difference
from udfs.machine import Fact
from udfs.replay import Replay
from udfs.snapshot import Head, Snapshot

ANSWER_SECONDS: Final = 60.0
"""How long the running book may take: a hash of a million orders takes some seconds."""
SETTLE_SECONDS: Final = 10.0
"""How long facts may take that were told before that answer."""
RECENT_MS: Final = 2 * snapshot.DAY_MS
"""A daily snapshot is no older; what is older is read only if there is none."""


def replay(
    ctx: typer.Context,
    book_id: Annotated[str, typer.Option("--book", "-b", help="Such as H100.ondemand.")],
    from_snapshot: Annotated[
        bool, typer.Option("--from-snapshot", help="Begin at the book's newest whole snapshot.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Recompute a book from its log: every fact and the state's hash must be the running book's.

    Ends with 0 if all is equal, 5 if not, 6 if it cannot be told: the running book does not answer,
    the log lost its beginning, or no snapshot can be used.
    """
    opened = session(ctx)
    meter = Meter(output.console(opened.settings, errors=True))
    with connect(opened.settings) as log:
        comparison = recomputed(log, book_id, meter, from_snapshot=from_snapshot)
    output.show(
        opened.settings,
        {**dataclasses.asdict(comparison), "equal": comparison.equal},
        as_json,
        lambda _: described(comparison),
    )
    if not comparison.equal:
        raise CheckFailed(f"{book_id}: replay and running book are NOT equal")


class Start(NamedTuple):
    """Where a replay begins."""

    partition: int
    """Of the log; the book's facts are in the one of this number, too."""
    offset: int
    snapshot: Snapshot | None = None
    refused: tuple[str, ...] = ()

    @property
    def head(self) -> Head | None:
        return self.snapshot.head if self.snapshot else None

    def replay(self, book_id: str) -> Replay:
        """The book as it is here."""
        return Replay(book_id, self.snapshot.rows() if self.snapshot else ())


class Stop(NamedTuple):
    """Where a replay ends: the tick that asked the running book for its hash, and the answer."""

    offset: int
    told_seq: int
    told_hash: str | None


def recomputed(log: Log, book_id: str, meter: Meter, *, from_snapshot: bool = False) -> Comparison:
    """Ask the running book for its hash, apply its log up to there anew, and compare.

    Raises:
        BadUsage: the log holds no command of this book.
        CannotTell: the running book does not answer, or there is nothing to begin from.
    """
    find = _newest_snapshot if from_snapshot else _beginning
    start = find(log, book_id, meter)
    stop = _ask_hash(log, book_id)
    run = _Run(log, book_id, start, stop, meter)
    try:
        return run.comparison()
    finally:
        meter.end()


class _Run:
    """One replay from a start to a stop."""

    def __init__(self, log: Log, book_id: str, start: Start, stop: Stop, meter: Meter) -> None:
        self._log = log
        self._book_id = book_id
        self._start = start
        self._stop = stop
        self._meter = meter
        self._commands = 0
        self._hash: str | None = None

    def comparison(self) -> Comparison:
        head = self._start.head
        ledger = self._ledger(head.book_seq if head else 0)
        audit = self._audit(ledger)
        return Comparison(
            book_id=self._book_id,
            snapshot_id=head.snapshot_id if head else None,
            snapshot_code=head.code if head else None,
            since=f"{BOOKS_COMMANDS}[{self._start.partition}]@{self._start.offset}",
            commands=self._commands,
            facts=len(ledger),
            compared=audit.compared,
            aged=sum(ledger.is_aged(each) for each in audit.untold()),
            running_hash=self._stop.told_hash,
            replayed_hash=self._hash,
            first_difference=self._first_difference(audit),
            refused=list(self._start.refused),
        )

    def _ledger(self, after: int) -> Ledger:
        ledger = Ledger(after, aged_before_ms(_now_ms()))
        for cause, facts in self._steps("commands applied anew"):
            self._commands += 1
            for fact in facts:
                ledger.add(fact)
                if cause.offset == self._stop.offset and fact.kind == "book_status":
                    self._hash = fact.record["hash"]
        return ledger

    def _steps(self, what: str) -> Iterator[tuple[Entry, list[Fact]]]:
        """The book's commands, and what each makes it tell."""
        place = (BOOKS_COMMANDS, self._start.partition)
        replay = self._start.replay(self._book_id)
        for entry in self._log.read(
            [BOOKS_COMMANDS],
            key=self._book_id,
            since={place: self._start.offset},
            until={place: self._stop.offset + 1},
            partition=self._start.partition,
            watch=self._meter.begin(what),
        ):
            yield entry, replay.apply(entry.record, entry.at_ms)

    def _audit(self, ledger: Ledger) -> Audit:
        """What was told up to now; facts of other topics than the answer's may come a bit later."""
        audit = Audit(ledger, self._stop.told_seq)
        partition, head = self._start.partition, self._start.head
        at_ms = head.at_ms - recompute.MARGIN_MS if head else 0
        begins = self._log.first_from(FACTS_OF_BOOKS, max(at_ms, 0), partition)
        watch = self._meter.begin("facts compared")
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            ends = self._log.ends(FACTS_OF_BOOKS, partition)
            for entry in self._log.read(
                FACTS_OF_BOOKS,
                key=self._book_id,
                since=begins,
                until=ends,
                partition=partition,
                watch=watch,
            ):
                audit.note(entry)
            if audit.missing() is None or time.monotonic() > deadline:
                return audit
            begins = ends
            time.sleep(0.3)

    def _first_difference(self, audit: Audit) -> str | None:
        """Applies the log once more to have the fact that the first difference is about."""
        sequence = audit.first_wrong_sequence()
        if sequence is None:
            return None
        told = audit.wrong if audit.wrong and audit.wrong.record["book_seq"] == sequence else None
        for cause, facts in self._steps("looking for the first difference"):
            for fact in facts:
                if fact.record["book_seq"] == sequence:
                    return difference(sequence, fact, cause, told)
        return difference(sequence, None, None, told)


def described(comparison: Comparison) -> str:
    """The verdict in words."""
    lines = [f"not used: {reason}" for reason in comparison.refused]
    if comparison.snapshot_id:
        lines.append(
            f"from snapshot {comparison.snapshot_id}, made with code {comparison.snapshot_code}"
        )
    lines += [
        f"{comparison.book_id}: {comparison.commands:,} commands applied anew since"
        f" {comparison.since}, {comparison.facts:,} facts",
        f"facts  {_word(comparison.first_difference is None)}: {comparison.compared:,} compared"
        + (f", {comparison.aged:,} no longer kept" if comparison.aged else ""),
        f"hash   {_word(comparison.running_hash == comparison.replayed_hash)}:"
        f" running {comparison.running_hash}, replayed {comparison.replayed_hash}",
    ]
    if comparison.first_difference:
        lines.append(f"first difference: {comparison.first_difference}")
    return "\n".join(lines)


def _word(equal: bool) -> str:
    return "equal" if equal else "NOT equal"


def _beginning(log: Log, book_id: str, meter: Meter) -> Start:
    """The book's first command, if the log still holds it."""
    watch = meter.begin(f"looking for {book_id}")
    first = next(log.read([BOOKS_COMMANDS], key=book_id, watch=watch), None)
    if first is None:
        raise BadUsage(f"no command for a book {book_id!r} is in {BOOKS_COMMANDS}")
    ((begin, _),) = log.ranges([BOOKS_COMMANDS], first.partition).values()
    if begin > 0:
        raise CannotTell(
            f"{BOOKS_COMMANDS} partition {first.partition} begins at offset {begin}: its first"
            " records have aged out; replay --from-snapshot begins at the newest snapshot"
        )
    return Start(first.partition, first.offset)


def _newest_snapshot(log: Log, book_id: str, meter: Meter) -> Start:
    """The newest whole snapshot of the book that fits the log."""
    recent = log.first_from([BOOKS_SNAPSHOTS], _now_ms() - RECENT_MS)
    found = _found(log, book_id, meter, recent)
    if book_id not in found.newest:
        found = _found(log, book_id, meter, {})
    if book_id not in found.newest:
        reasons = "".join(f"; {reason}" for reason in found.refused)
        raise CannotTell(
            f"{BOOKS_SNAPSHOTS} holds no snapshot of {book_id} that can be used{reasons};"
            f" `gpubroker snapshot --book {book_id}` writes one"
        )
    newest = found.newest[book_id]
    return Start(newest.head.partition, newest.head.offset, newest, tuple(found.refused))


def _found(log: Log, book_id: str, meter: Meter, since: dict[Any, int]) -> snapshot.Found:
    watch = meter.begin("parts of snapshots")
    parts = log.read([BOOKS_SNAPSHOTS], key=book_id, since=since, watch=watch)
    return snapshot.newest((part.record for part in parts), _unfit(log))


def _unfit(log: Log) -> Callable[[Head], str | None]:
    def unfit(head: Head) -> str | None:
        ((begin, end),) = log.ranges([BOOKS_COMMANDS], head.partition).values()
        (later,) = log.first_from([BOOKS_COMMANDS], head.at_ms + 1, head.partition).values()
        return snapshot.unfit(head, begin, end, later)

    return unfit


def _ask_hash(log: Log, book_id: str) -> Stop:
    """Send the tick and wait for its answer: all that it covers is in the topics, or soon."""
    tail = log.follow(FACT_TOPICS["book_status"])
    tick_id = str(uuid.uuid4())
    try:
        offset = log.append(BOOKS_COMMANDS, book_id, tick(tick_id))
        told = tail.await_record("command_id", tick_id, ANSWER_SECONDS)
    finally:
        tail.close()
    if told is None:
        raise CannotTell(f"{book_id} did not tell its hash within {ANSWER_SECONDS:.0f} s")
    return Stop(offset, told["book_seq"], told["hash"])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
