"""Migrations of PostgreSQL, forward only, and the catalogue that comes with the code."""

from collections.abc import Mapping
from hashlib import sha256
from importlib import resources
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import asyncpg

from query_api.ports import CommandLog
from schemas import contract
from schemas.contract import Catalogue
from schemas.names import BOOKS_COMMANDS
from schemas.records import DEFAULTS

LOCK = 0x67_70_75_62 + 1
"""The advisory lock of migrations."""
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationRefused(Exception):
    """The database and the migrations of this code do not fit; the message says why."""


class Migration(NamedTuple):
    """One file of schemas/postgres."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return sha256(self.sql.encode()).hexdigest()


class Connection(Protocol):
    """What is used of an asyncpg connection."""

    async def execute(self, sql: str, *values: Any) -> str: ...

    async def fetch(self, sql: str, *values: Any) -> list[Any]: ...


def migrations() -> list[Migration]:
    """The migrations of this code, in order."""
    folder = resources.files("schemas").joinpath("postgres")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    found = [Migration(int(file.name[:4]), file.name, file.read_text()) for file in files]
    assert [each.number for each in found] == list(range(1, len(found) + 1)), "a number is missing"
    return found


async def migrate(dsn: str, log: CommandLog) -> list[str]:
    """Bring the database up to this code and return the names of what was applied.

    Raises:
        MigrationRefused: an applied migration was changed, or the database is ahead of this code.
    """
    connection = await asyncpg.connect(dsn, timeout=10.0)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        applied = await _apply_new(connection)
        await _add_catalogue(connection, contract.catalogue())
        await tell_books(connection, log, contract.catalogue().books)
    finally:
        await connection.close(timeout=2.0)
    return applied


async def _apply_new(connection: Any) -> list[str]:
    await connection.execute(_TABLE)
    rows = await connection.fetch("SELECT number, name, sha256 FROM schema_migration")
    known = migrations()
    check({row["number"]: row["sha256"] for row in rows}, known)
    new = known[len(rows) :]
    for migration in new:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migration (number, name, sha256) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.checksum,
            )
    return [migration.name for migration in new]


def check(applied: Mapping[int, str], known: list[Migration]) -> None:
    """Compare what was applied, by number and checksum, with what this code knows.

    Raises:
        MigrationRefused: they differ; migrations only ever go forward.
    """
    ahead = sorted(applied.keys() - {migration.number for migration in known})
    if ahead:
        raise MigrationRefused(
            f"the database has migration {ahead[-1]}, this code ends at {len(known)}: "
            "run the newer code"
        )
    for migration in known:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationRefused(
                f"{migration.name} was changed after it was applied: undo that, and add another"
            )


async def _add_catalogue(connection: Connection, catalogue: Catalogue) -> None:
    wanted = {
        "gpu_type": catalogue.gpu_types,
        "product": catalogue.products,
        "region": catalogue.regions,
    }
    for what, names in wanted.items():
        rows = await connection.fetch(f"SELECT name FROM catalogue_{what}")
        known = {row["name"] for row in rows}
        for name in (name for name in names if name not in known):
            await connection.execute(f"INSERT INTO catalogue_{what} (name) VALUES ($1)", name)


async def tell_books(
    connection: Connection, log: CommandLog, wanted: Mapping[str, Mapping[str, int]]
) -> None:
    """Tell every book whose parameters changed, and remember what it was told (B2).

    It is told before it is remembered: told twice does no harm, never told would.
    """
    rows = await connection.fetch("SELECT book_id, top, book_minimum FROM catalogue_book")
    told = {
        row["book_id"]: {"top": row["top"], "book_minimum": row["book_minimum"]} for row in rows
    }
    for book_id in sorted(wanted.keys() | told.keys()):
        parameters = {**DEFAULTS["SetBook"], **wanted.get(book_id, {})}
        if parameters != told.get(book_id, DEFAULTS["SetBook"]):
            await log.append(BOOKS_COMMANDS, book_id, _set_book(parameters))
            await connection.execute(
                "INSERT INTO catalogue_book (book_id, top, book_minimum) VALUES ($1, $2, $3) "
                "ON CONFLICT (book_id) DO UPDATE SET top = $2, book_minimum = $3",
                book_id,
                parameters["top"],
                parameters["book_minimum"],
            )


def _set_book(parameters: Mapping[str, int]) -> dict[str, Any]:
    return {
        "kind": "set_book",
        "command_id": str(uuid4()),
        "account_id": "",
        "source": "",
        "source_seq": 0,
        "set_book": dict(parameters),
    }
