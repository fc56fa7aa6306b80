"""Snapshots of books, asked for by an administrator."""

from query_api import answers, times
from query_api.bodies import TakeSnapshots
from query_api.commands.market import check_book
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.problems import FieldError


async def take_snapshots(call: Call) -> Answer:
    """Have a book, or every book, written to `books.snapshots`; a book without a record has none.

    The answer comes before they are written. They are once the list of snapshots tells of one that
    was written at `asked_at` or later.
    """
    body: TakeSnapshots = call.body
    asked = await call.ports.market_data.take_snapshots(body.book_id)
    items = [{"id": each["snapshot_id"], "book_id": each["book_id"]} for each in asked["snapshots"]]
    told = {"asked_at": times.told(asked["asked_at_ms"]), "items": items}
    return Answer(202, told)


async def check_book_if_named(call: Call, wrong: frozenset[str]) -> list[FieldError]:
    """The book, where one is named, is one of the catalogue."""
    return [] if call.sent.get("book_id") is None else await check_book(call, wrong)


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{PREFIX}/market/snapshots",
        take_snapshots,
        "Have snapshots of books written",
        "admin",
        {202: answers.AskedSnapshots},
        body=TakeSnapshots,
        check=check_book_if_named,
        role="platform_admin",
    ),
)
