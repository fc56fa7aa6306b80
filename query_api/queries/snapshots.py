"""Snapshots of books that are written."""

from query_api import answers, cursors
from query_api.bodies import Page
from query_api.endpoint import PREFIX, Answer, Call, Endpoint


async def list_snapshots(call: Call) -> Answer:
    """The newest snapshot of each book that has one, by book."""
    query: Page = call.query
    after = cursors.read(query.cursor, str) or ""
    known = sorted(await call.ports.market_data.snapshots(), key=lambda each: str(each["book_id"]))
    rest = [each for each in known if each["book_id"] > after]
    page = rest[: query.limit]
    told: answers.Snapshots = {
        "items": [answers.told_snapshot(each) for each in page],
        "total": len(known),
        "next_cursor": cursors.write(page[-1]["book_id"]) if len(rest) > len(page) else None,
    }
    return Answer(200, told)


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/market/snapshots",
        list_snapshots,
        "List the newest snapshot of each book",
        "admin",
        {200: answers.Snapshots},
        query=Page,
        role="platform_admin",
    ),
)
