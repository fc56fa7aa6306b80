"""Snapshots of a book: copied while it goes on, cut into parts, joined and checked again.

A snapshot's text is what market-rules.md B6 hashes: its rows by key, a line each. So it is whole
if, and only if, SHA-256 of its joined parts is the hash that each part carries.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from itertools import islice
from typing import Any, Final, NamedTuple, cast
from zlib import crc32

from schemas.records import BookSnapshot
from udfs.book import Book
from udfs.machine import Rows, Writes, texts
from udfs.matching import MACHINE

PART_BYTES: Final = 500_000
"""Of rows in a part: half of what Kafka takes in one record."""
RUN_KEYS: Final = 10_000
"""Keys sorted in one go, in which no other thread moves: some milliseconds."""
OPEN_SNAPSHOTS: Final = 2
"""Of a book, whose parts are waited for at once; the third tears the first."""
DAY_MS: Final = 24 * 3600 * 1000

Unfit = Callable[["Head"], str | None]
"""Says why a snapshot is not one of the log at hand, None where it is."""


@dataclass(frozen=True, slots=True)
class Head:
    """What each part of a snapshot says; the fields of `BookSnapshot` but `part` and `rows`."""

    snapshot_id: str
    book_id: str
    parts: int
    partition: int
    offset: int
    at_ms: int
    written_at_ms: int
    book_seq: int
    resting: int
    hash: str
    code: str
    books: tuple[str, ...]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Head":
        """What this part says."""
        values = {field.name: record[field.name] for field in fields(cls)}
        return cls(**{**values, "books": tuple(record["books"])})

    def part(self, number: int, rows: str) -> BookSnapshot:
        """The record of a part, numbered from 1."""
        record = {**asdict(self), "books": list(self.books), "part": number, "rows": rows}
        return cast(BookSnapshot, record)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A book as it was at a place of its log; whole."""

    head: Head
    texts: list[str]
    """The rows of each part."""

    def rows(self) -> Rows:
        """Key and text of every row.

        A text is a JSON array, which holds no line break; a key is made of ids, which hold neither
        line breaks nor a blank before a bracket (O2, B5).
        """
        for text in self.texts:
            for line in text[:-1].split("\n"):
                key, bracket, row = line.partition(" [")
                yield key, bracket[1:] + row

    def book(self) -> Book:
        """The book.

        Raises:
            ValueError: a row is not of the version or shape that this code knows.
        """
        return MACHINE.load(self.head.book_id, self.rows())


def due_ms(book_id: str, now_ms: int) -> int:
    """When the book's last daily snapshot was due: each has its own time of day, UTC."""
    return now_ms - (now_ms - crc32(book_id.encode()) % DAY_MS) % DAY_MS


# Taking one ----------------------------------------------------------------------------------


class Copy:
    """The rows of a book, copied little by little while the book goes on.

    Whoever copies and whoever applies both write what is true now. So once every row has been
    looked at, these are the book's rows, whatever happened in between.
    """

    __slots__ = ("_left", "book", "rows")

    def __init__(self, book: Book) -> None:
        self.book = book
        self.rows: dict[str, str] = {}
        self._left = book.row_keys()

    def advance(self, rows: int) -> bool:
        """Look at so many more rows; False if there were none left."""
        keys = list(islice(self._left, rows))
        self._take({key: self.book.row_text(key) for key in keys})
        return bool(keys)

    def note(self, writes: Writes) -> None:
        """Take over what a step of the book wrote."""
        self._take(texts(writes))

    def _take(self, told: Mapping[str, str | None]) -> None:
        for key, text in told.items():
            if text is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = text


class Cut(NamedTuple):
    """The text of a state in parts, and its hash (B6)."""

    texts: list[str]
    hash: str


def cut(rows: dict[str, str], part_bytes: int = PART_BYTES) -> Cut:
    """The text of these rows, which are taken out of the dict as they are written.

    A part holds whole rows, and one at least.
    """
    digest, texts = sha256(), []
    lines: list[str] = []
    size = 0
    for key in _by_key(list(rows)):
        line = f"{key} {rows.pop(key)}\n"
        data = line.encode()
        digest.update(data)
        if lines and size + len(data) > part_bytes:
            texts.append("".join(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(data)
    return Cut([*texts, "".join(lines)], digest.hexdigest())


def _by_key(keys: list[str]) -> Iterator[str]:
    """Sorted, in runs that are then merged: one long sort would let no other thread move."""
    runs = (sorted(keys[at : at + RUN_KEYS]) for at in range(0, len(keys), RUN_KEYS))
    return heapq.merge(*runs)


# Finding one ---------------------------------------------------------------------------------


class Found(NamedTuple):
    """What the parts in a topic amount to."""

    newest: dict[str, Snapshot]
    """By book, the one that stands for the highest offset."""
    refused: list[str]
    """Each snapshot that is not used although it is as new, and why."""


def newest(parts: Iterable[Mapping[str, Any]], unfit: Unfit = lambda _: None) -> Found:
    """The newest whole snapshot of each book, from parts in any order and repeated.

    Args:
        parts: `BookSnapshot` records.
        unfit: says why a whole snapshot is not of the log at hand; it is then not used.
    """
    search = _Search(unfit)
    for part in parts:
        search.take(part)
    return search.ended()


class _Search:
    """Joins parts; holds one whole snapshot of a book and few that are not whole yet."""

    def __init__(self, unfit: Unfit) -> None:
        self._unfit = unfit
        self._open: dict[str, dict[Head, dict[int, str]]] = {}
        """By book and head, the rows of the parts so far."""
        self._settled: set[str] = set()
        """Ids of snapshots that are judged."""
        self._newest: dict[str, Snapshot] = {}
        self._refused: dict[Head, str] = {}

    def take(self, part: Mapping[str, Any]) -> None:
        head = Head.of(part)
        if head.snapshot_id in self._settled:
            return
        waiting = self._open.setdefault(head.book_id, {})
        texts = waiting.setdefault(head, {})
        texts[part["part"]] = part["rows"]
        if len(texts) == head.parts:
            del waiting[head]
            self._judge(head, texts)
        elif len(waiting) > OPEN_SNAPSHOTS:
            self._tear(next(iter(waiting)))

    def ended(self) -> Found:
        for head in [head for waiting in self._open.values() for head in waiting]:
            self._tear(head)
        refused = [
            f"snapshot {head.snapshot_id} of {head.book_id} at offset {head.offset}: {reason}"
            for head, reason in self._refused.items()
            if not self._is_older(head)
        ]
        return Found(self._newest, refused)

    def _judge(self, head: Head, texts: dict[int, str]) -> None:
        self._settled.add(head.snapshot_id)
        if self._is_older(head):
            return
        ordered = [texts[number] for number in sorted(texts)]
        reason = _broken(head, ordered) or self._unfit(head)
        if reason:
            self._refused[head] = reason
        else:
            self._newest[head.book_id] = Snapshot(head, ordered)

    def _tear(self, head: Head) -> None:
        texts = self._open[head.book_id].pop(head)
        self._settled.add(head.snapshot_id)
        self._refused[head] = f"torn, {len(texts)} of its {head.parts} parts are there"

    def _is_older(self, head: Head) -> bool:
        """Whether a later place of the book's log is known already."""
        best = self._newest.get(head.book_id)
        return best is not None and head.offset < best.head.offset


def _broken(head: Head, texts: list[str]) -> str | None:
    digest = sha256()
    for text in texts:
        digest.update(text.encode())
    found = digest.hexdigest()
    return None if found == head.hash else f"its rows have the hash {found}, not {head.hash}"


def unfit(head: Head, begin: int, end: int, later: int) -> str | None:
    """Why a snapshot cannot be followed by the log of its partition, None if it can.

    Args:
        head: the snapshot.
        begin: the log's first offset.
        end: the offset after its last.
        later: the first offset appended later than the snapshot's time; `end` if there is none.
    """
    if head.offset > end:
        return f"it is beyond the log's end {end}: the log is another one, or lost its end"
    if head.offset < begin:
        return f"the log begins at {begin}, so what follows the snapshot is gone"
    if later < head.offset:
        return f"offset {later}, which it should hold, was appended after it: the log is another"
    return None


class Beginning(NamedTuple):
    """Where a partition's log is to be read from for all its books to be known."""

    offset: int
    without: list[str]
    """Books of which no snapshot can be used, so that the log is needed from 0."""


def beginning(snapshots: Mapping[str, Snapshot]) -> Beginning:
    """Where to begin with these snapshots, all of one partition.

    The one that stands for the highest offset tells which books there were by then; a book that it
    does not tell of begins behind it.
    """
    heads = [snapshot.head for snapshot in snapshots.values()]
    if not heads:
        return Beginning(0, [])
    last = max(heads, key=lambda head: head.offset)
    without = sorted(set(last.books) - snapshots.keys())
    return Beginning(0 if without else min(head.offset for head in heads), without)
