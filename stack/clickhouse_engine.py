"""The ClickHouse engine inside one process: sessions over one data folder, each with its thread.

A session is used by its own thread alone, so statements of one session never meet; statements of
different sessions run side by side, as on a server. Writes have one session and reads another, so
that a slow read never holds up the projection; analysts have sessions of their own that the engine
itself keeps read-only.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chdb.session import Session

from stack.clickhouse_text import Insert

ANALYST_SESSIONS = 2
# `readonly` comes last: after it the session can change none of them.
ANALYST_LIMITS = {
    "max_execution_time": 60,
    "max_memory_usage": 1 << 30,
    "max_rows_to_read": 10_000_000_000,
    "max_result_rows": 5_000_000,
    "max_result_bytes": 256 << 20,
    "result_overflow_mode": "'throw'",
    "max_temporary_data_on_disk_size_for_query": 1 << 30,
    "max_query_size": 1 << 20,
    "allow_ddl": 0,
    "allow_introspection_functions": 0,
    "readonly": 1,
}
APPEND_BYTES = 1 << 20
UNKNOWN_ERROR = 1002
_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")


class EngineError(Exception):
    """The engine refused or failed; `code` is ClickHouse's own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    """One statement and how to run it; parameters are in ClickHouse's escaped text form."""

    text: str
    format: str
    parameters: Mapping[str, str]
    settings: Mapping[str, str]
    database: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave: its output in the wanted format, and what it cost."""

    body: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_seconds: float = 0.0


def _open(folder: Path) -> Any:
    return Session(str(folder))  # type: ignore[no-untyped-call]


class Lane:
    """A session and the one thread that uses it."""

    def __init__(self, folder: Path, name: str, limits: Mapping[str, object] | None = None) -> None:
        self._session = _open(folder)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._database = "default"
        self.waiting = 0
        if limits:
            pairs = ", ".join(f"{key} = {value}" for key, value in limits.items())
            self._session.query(f"SET {pairs}", "TabSeparated")

    async def do(self, work: Callable[["Lane"], Answer]) -> Answer:
        """Does some work in this lane's thread, after what was asked of it before."""
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self)
        finally:
            self.waiting -= 1

    def query(self, query: Query) -> Answer:
        """Runs a statement; only from this lane's thread."""
        with _told(), self._settled(query):
            result = self._result(query)
            return Answer(
                body=result.bytes() or b"",
                read_rows=result.rows_read(),
                read_bytes=result.bytes_read(),
                written_rows=result.rows_written(),
                written_bytes=result.bytes_written(),
                elapsed_seconds=result.elapsed(),
            )

    def _result(self, query: Query) -> Any:
        try:
            return self._session.query(query.text, query.format, params=dict(query.parameters))
        except RuntimeError:
            self._drain()
            raise

    def _drain(self) -> None:
        """Takes away what a failed statement had already written.

        chDB 26.9 would put it in front of the next answer of the session, whoever asked.
        """
        while self._session.query("SELECT 1", "TabSeparated").bytes() != b"1\n":
            pass

    def insert(self, insert: Insert, query: Query) -> Answer:
        """Writes an insert's data as one insert; only from this lane's thread."""
        with (
            _told(),
            self._settled(query),
            self._session.send_insert(insert.statement, insert.format) as stream,
        ):
            for start in range(0, len(insert.data), APPEND_BYTES):
                stream.append(insert.data[start : start + APPEND_BYTES])
            done = stream.finish()
        return Answer(
            body=b"",
            written_rows=done.rows_written,
            written_bytes=done.bytes_written,
            elapsed_seconds=done.elapsed,
        )

    def close(self) -> None:
        """Ends the session once its running statement is over."""
        self._thread.shutdown()
        self._session.close()

    @contextmanager
    def _settled(self, query: Query) -> Iterator[None]:
        """The statement's database, and its settings for as long as it runs."""
        if query.database != self._database:
            self._session.query(f"USE {quoted_name(query.database)}", "TabSeparated")
            self._database = query.database
        try:
            for name, value in query.settings.items():
                self._session.query(f"SET {name} = {quoted_text(value)}", "TabSeparated")
            yield
        finally:
            for name in query.settings:
                self._session.query(f"SET {name} = DEFAULT", "TabSeparated")


class Engine:
    """All sessions over one data folder; one process may own a folder."""

    def __init__(self, folder: Path) -> None:
        self.write = Lane(folder, "write")
        self.read = Lane(folder, "read")
        self._analysts = [
            Lane(folder, f"analyst-{n}", ANALYST_LIMITS) for n in range(ANALYST_SESSIONS)
        ]

    @property
    def analyst(self) -> Lane:
        """The analysts' session with the least to do."""
        return min(self._analysts, key=lambda lane: lane.waiting)

    def close(self) -> None:
        """Ends every session; what was acknowledged is on disk."""
        for lane in (*self._analysts, self.read, self.write):
            lane.close()


def quoted_name(name: str) -> str:
    """An identifier as SQL text."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def quoted_text(text: str) -> str:
    """A string as SQL text."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"})


def escaped(text: str) -> str:
    """A string as the value of a query parameter."""
    return text.translate(_ESCAPES)


@contextmanager
def _told() -> Iterator[None]:
    """The engine's errors, which come as text, as `EngineError` with their code."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        found = _CODE.search(text)
        raise EngineError(
            int(found[1]) if found else UNKNOWN_ERROR, text[found.start() :] if found else text
        ) from None
