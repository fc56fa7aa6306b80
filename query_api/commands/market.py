"""What an administrator tells a book: time has passed, take no orders, take orders again."""

from typing import Literal, cast
from uuid import uuid4

from query_api import answers, problems
from query_api.bodies import MatchBook
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import Ports, Row, ToldFact, Watch
from query_api.problems import FieldError
from schemas.names import BOOKS_COMMANDS

ANSWER_SECONDS = 2.0
"""How long the answer waits for the book's status, and for a closing that is missing."""
QUIET_SECONDS = 0.1
"""How long it waits for closings after the status: they come over another topic."""


async def match_book(call: Call) -> Answer:
    """Send the book a tick and tell which orders it closed."""
    body: MatchBook = call.body
    tick = _command("tick") | {"tick": {"want_hash": False}}
    async with call.ports.facts.watch(tick["command_id"]) as watch:
        await call.ports.log.append(BOOKS_COMMANDS, body.book_id, tick)
        status, closed = await _gather(call, watch)
    if status is None:
        return _unanswered("tick")
    told: answers.Match = {
        "book_id": body.book_id,
        "book_seq": status.record["book_seq"],
        "closed": [closed[seq] for seq in sorted(closed)],
    }
    return Answer(200, told)


async def halt_book(call: Call) -> Answer:
    """Have a book take neither orders nor amends (H1); cancels still work."""
    return await _told_status(call, "halt_book")


async def resume_book(call: Call) -> Answer:
    """Have a book take orders again (H1)."""
    return await _told_status(call, "resume_book")


async def tell_book(
    ports: Ports, book_id: str, kind: Literal["halt_book", "resume_book"]
) -> answers.BookStatus | None:
    """Halt or resume a book of the catalogue; its status afterwards, None if it is not known yet.

    The command is in the book's log either way. A book that is as it should be says so again.

    Raises:
        OutcomeUnknown: the log did not confirm it in time.
    """
    command = _command(kind)
    async with ports.facts.watch(command["command_id"]) as watch:
        await ports.log.append(BOOKS_COMMANDS, book_id, command)
        return await _status(ports, watch)


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


def _command(kind: str) -> Row:
    """A record of a book's log that comes from no machine and no account (B3)."""
    return {
        "kind": kind,
        "command_id": str(uuid4()),
        "account_id": "",
        "source": "",
        "source_seq": 0,
    }


async def _told_status(call: Call, kind: Literal["halt_book", "resume_book"]) -> Answer:
    status = await tell_book(call.ports, await require_book(call), kind)
    return _unanswered(kind) if status is None else Answer(200, status)


def _unanswered(kind: str) -> Answer:
    told: answers.Accepted = {
        "status": "pending",
        "detail": f"the {kind} is in the log; the book has not answered yet",
    }
    return Answer(202, told)


async def _status(ports: Ports, watch: Watch) -> answers.BookStatus | None:
    """The status by which the book answers the watched command (H1)."""
    deadline = ports.clock.now_seconds() + ANSWER_SECONDS
    while fact := await watch.next(deadline - ports.clock.now_seconds()):
        if fact.kind == "book_status":
            names = ("book_id", "book_seq", "status")
            return cast(answers.BookStatus, {name: fact.record[name] for name in names})
    return None


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


_STATUS = {200: answers.BookStatus, 202: answers.Accepted}
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
    Endpoint(
        "POST",
        f"{PREFIX}/market/books/{{book_id}}/halt",
        halt_book,
        "Halt a book",
        "admin",
        _STATUS,
        role="platform_admin",
        refusals=(404,),
        urgency="now",
    ),
    Endpoint(
        "POST",
        f"{PREFIX}/market/books/{{book_id}}/resume",
        resume_book,
        "Resume a halted book",
        "admin",
        _STATUS,
        role="platform_admin",
        refusals=(404,),
        urgency="now",
    ),
)
