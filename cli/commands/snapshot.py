"""`gpubroker snapshot`: have snapshots of books written, and wait for them (admin)."""

import time
from typing import Annotated, Final

import typer

from cli import output
from cli.client import Client, Json
from cli.errors import BadUsage, OutcomeUnknown
from cli.options import As, AsJson, session

LOOK_SECONDS: Final = 0.5
COLUMNS: output.Columns = {
    "book": "book_id",
    "sequence": "book_seq",
    "orders": "resting",
    "partition": "partition",
    "offset": "offset",
    "parts": "parts",
    "hash": "hash",
    "snapshot": "id",
}


def snapshot(
    ctx: typer.Context,
    book_id: Annotated[
        str | None, typer.Option("--book", "-b", help="Such as H100.ondemand.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every book that had a command.")] = False,
    wait_seconds: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait until they are written.")
    ] = 60.0,
    role: As = None,
    as_json: AsJson = False,
) -> None:
    """Have a snapshot of a book, or of each, written to books.snapshots, and wait for it.

    `gpubroker replay --from-snapshot` begins there, and so does the market data service.
    """
    if (book_id is None) != every:
        raise BadUsage("say either --book BOOK or --all")
    opened = session(ctx)
    with opened.client(role, "admin") as client:
        asked = client.post("/market/snapshots", {} if every else {"book_id": book_id})
        if not asked["items"] and not every:
            raise BadUsage(f"no command for a book {book_id!r} was ever logged")
        written = _awaited(client, asked, wait_seconds)
    output.show(
        opened.settings, {"items": written}, as_json, lambda _: output.table(written, COLUMNS)
    )


def _awaited(client: Client, asked: Json, seconds: float) -> list[Json]:
    """The snapshots of these books, once all are written that were asked for, or later ones.

    Raises:
        OutcomeUnknown: one is not after so many seconds; it may be later.
    """
    books = {each["book_id"] for each in asked["items"]}
    deadline = time.monotonic() + seconds
    while True:
        newest = [
            each
            for each in client.pages("/market/snapshots")
            if each["book_id"] in books and each["written_at"] >= asked["asked_at"]
        ]
        if len(newest) == len(books):
            return newest
        if time.monotonic() >= deadline:
            raise OutcomeUnknown(
                f"{len(books) - len(newest)} of {len(books)} snapshots are not written after"
                f" {seconds:.0f} s; they may be later"
            )
        time.sleep(LOOK_SECONDS)
