"""`gpubroker replay`: recompute a book from its log and compare every fact."""

import dataclasses
import time
import uuid
from typing import Annotated, Any

import typer

from cli import output
from cli.errors import BadUsage, CheckFailed, OutcomeUnknown
from cli.log import FACTS_OF_BOOKS, Log, connect, tick
from cli.options import AsJson, session
from cli.recompute import (
    KINDS,
    Comparison,
    Fact,
    Facts,
    aged_before_ms,
    by_sequence,
    compare,
    conflicting,
    missing,
)
from schemas.names import BOOKS_COMMANDS, FACT_TOPICS
from udfs.replay import replay_book

SETTLE_SECONDS = 10.0


def replay(
    ctx: typer.Context,
    book_id: Annotated[str, typer.Option("--book", "-b", help="Such as H100.ondemand.")],
    as_json: AsJson = False,
) -> None:
    """Recompute a book from its log: every fact and the state's hash must be the running book's."""
    opened = session(ctx)
    with connect(opened.settings) as log:
        comparison = recompute(log, book_id)
    output.show(
        opened.settings,
        {**dataclasses.asdict(comparison), "equal": comparison.equal},
        as_json,
        lambda _: described(comparison),
    )
    if not comparison.equal:
        raise CheckFailed(f"{book_id}: replay and running book are NOT equal")


def recompute(log: Log, book_id: str) -> Comparison:
    """Ask the running book for its hash, apply its log up to there anew, and compare.

    Raises:
        BadUsage: the log holds no command of this book.
        CheckFailed: the log does not begin at its beginning any more, so nothing can be recomputed.
        OutcomeUnknown: the running book did not answer.
    """
    if not log.begins_whole(BOOKS_COMMANDS):
        raise CheckFailed(f"the first records of {BOOKS_COMMANDS} have aged out: no replay from 0")
    if next(iter(log.read([BOOKS_COMMANDS], key=book_id)), None) is None:
        raise BadUsage(f"no command for a book {book_id!r} was ever logged")
    tick_id = _ask_hash(log, book_id)
    commands = _commands_until(log, book_id, tick_id)
    facts, _ = replay_book(book_id, commands)
    computed = by_sequence(facts)
    told = _told(log, book_id, computed)
    return compare(book_id, len(commands), computed, told, tick_id, aged_before_ms(_now_ms()))


def described(comparison: Comparison) -> str:
    """The verdict in words."""
    lines = [
        f"{comparison.book_id}: {comparison.commands:,} commands applied anew,"
        f" {comparison.facts:,} facts",
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


def _ask_hash(log: Log, book_id: str) -> str:
    """Send the tick and wait for its answer: all that it covers is in the topics, or soon."""
    tail = log.follow(FACT_TOPICS["book_status"])
    tick_id = str(uuid.uuid4())
    try:
        log.append(BOOKS_COMMANDS, book_id, tick(tick_id))
        if tail.await_record("command_id", tick_id, SETTLE_SECONDS) is None:
            raise OutcomeUnknown(f"{book_id} did not tell its hash within {SETTLE_SECONDS:.0f} s")
    finally:
        tail.close()
    return tick_id


def _commands_until(log: Log, book_id: str, tick_id: str) -> list[tuple[int, dict[str, Any]]]:
    commands = []
    for entry in log.read([BOOKS_COMMANDS], key=book_id):
        commands.append((entry.at_ms, entry.record))
        if entry.record["command_id"] == tick_id:
            break
    return commands


def _told(log: Log, book_id: str, computed: Facts) -> Facts:
    """The book's facts up to the last computed one; those of other topics may come a bit later."""
    deadline = time.monotonic() + SETTLE_SECONDS
    last = max(computed)
    while True:
        read: list[Fact] = [
            (KINDS[entry.topic], entry.record)
            for entry in log.read(FACTS_OF_BOOKS, key=book_id)
            if (entry.record["book_seq"] or last + 1) <= last
        ]
        told = by_sequence(read)
        waits = missing(computed, told, aged_before_ms(_now_ms()))
        if not waits or time.monotonic() > deadline:
            break
        time.sleep(0.3)
    if conflict := conflicting(read):
        raise CheckFailed(f"{book_id}: {conflict}")
    return told


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
