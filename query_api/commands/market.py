"""A tick for a book, sent by an administrator: what has expired is closed."""

from uuid import uuid4

from query_api import answers, problems
from query_api.bodies import MatchBook
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import ToldFact, Watch
from query_api.problems import FieldError
from schemas.names import BOOKS_COMMANDS

ANSWER_SECONDS = 2.0
"""How long the answer waits for the book's status, and for a closing that is missing."""
QUIET_SECONDS = 0.1
"""How long it waits for closings after the status: they come over another topic."""


async def match_book(call: Call) -> Answer:
    """Send the book a tick and tell which orders it closed."""
    body: MatchBook = call.body
    command_id = str(uuid4())
    tick = {
        "kind": "tick",
        "command_id": command_id,
        "account_id": "",
        "source": "",
        "source_seq": 0,
        "tick": {"want_hash": False},
    }
    async with call.ports.facts.watch(command_id) as watch:
        await call.ports.log.append(BOOKS_COMMANDS, body.book_id, tick)
        status, closed = await _gather(call, watch)
    if status is None:
        detail = "the tick is in the log; the book has not answered yet"
        return Answer(202, {"status": "pending", "detail": detail})
    told: answers.Match = {
        "book_id": body.book_id,
        "book_seq": status.record["book_seq"],
        "closed": [closed[seq] for seq in sorted(closed)],
    }
    return Answer(200, told)


async def check_book(call: Call, wrong: frozenset[str]) -> list[FieldError]:
    """The book is one of the catalogue."""
    book_id = call.sent.get("book_id")
    if "book_id" in wrong or await is_book(call, str(book_id)):
        return []
    return [FieldError("/book_id", book_id, "gpu_type.product, both of the catalogue (B1)")]


async def is_book(call: Call, book_id: str) -> bool:
    """Whether the catalogue has this book."""
    known = await call.ports.catalogue.get()
    gpu_type, _, product = book_id.rpartition(".")
    return gpu_type in known.gpu_types and product in known.products


async def require_book(call: Call) -> str:
    """The book in the path.

    Raises:
        Problem: 404, the catalogue has not this book.
    """
    book_id = call.path["book_id"]
    if not await is_book(call, book_id):
        raise problems.not_found("book", book_id)
    return book_id


async def _gather(call: Call, watch: Watch) -> tuple[ToldFact | None, dict[int, str]]:
    """The book's status, and the orders closed by the book's sequence of their closing.

    The status is the command's last fact and follows the closings without a gap (B4, M8), so a gap
    says that one is still on its way.
    """
    clock = call.ports.clock
    deadline = clock.now_seconds() + ANSWER_SECONDS
    status: ToldFact | None = None
    closed: dict[int, str] = {}
    patience = ANSWER_SECONDS
    while fact := await watch.next(min(patience, deadline - clock.now_seconds())):
        if fact.kind == "book_status":
            status = fact
        elif fact.kind == "order_closed":
            closed[fact.record["book_seq"]] = fact.record["order_id"]
        if status is not None and _is_gapless(status.record["book_seq"], closed):
            patience = QUIET_SECONDS
    return status, closed


def _is_gapless(last_seq: int, closed: dict[int, str]) -> bool:
    return sorted(closed) == list(range(last_seq - len(closed), last_seq))


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{PREFIX}/orders/match",
        match_book,
        "Close what has expired in a book",
        "admin",
        {200: answers.Match, 202: answers.Accepted},
        body=MatchBook,
        check=check_book,
        role="platform_admin",
    ),
)
