"""What administrators control: books are halted and resumed (H1), accounts suspended and resumed.

Each is a command in the log of its book or account, as every other, and an entry in `audit.log`.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar
from uuid import uuid4

from typing_extensions import TypedDict

from query_api import problems, registered
from query_api.answers import Id
from query_api.ports import OutcomeUnknown, Ports, Principal, Unavailable
from query_api.problems import Problem
from query_api.queries.orders import read_id
from schemas.names import AUDIT_LOG, BOOKS_COMMANDS, AuditOutcome
from schemas.records import AuditEntry

T = TypeVar("T")
LOG = logging.getLogger(__name__)
ANSWER_SECONDS = 2.0
"""How long an answer waits for the book."""
BookAction = Literal["halt_book", "resume_book"]
AccountAction = Literal["suspend_account", "resume_account"]


class ControlledBook(TypedDict):
    """A book that was told to halt or go on; pending while it has not answered."""

    book_id: str
    command_id: Id
    status: Literal["open", "halted", "pending"]
    book_seq: int | None


class ControlledAccount(TypedDict):
    """An account that was suspended or resumed; pending while its log has not been told."""

    account_id: Id
    suspended: bool
    status: Literal["done", "pending"]


async def control_book(
    ports: Ports, principal: Principal, action: BookAction, book_id: str
) -> ControlledBook:
    """Halt or resume a book, and tell what it answers.

    Raises:
        Problem: 404, the catalogue has no such book.
        Unavailable: the log cannot be reached, or its outcome is unknown.
    """
    return await _audited(
        ports, principal, action, book_id, lambda: _control_book(ports, action, book_id)
    )


async def control_account(
    ports: Ports, principal: Principal, action: AccountAction, account_id: str
) -> ControlledAccount:
    """Suspend or resume an account.

    Raises:
        Problem: 404, there is no such account.
        Unavailable: it cannot be written down.
    """
    return await _audited(
        ports, principal, action, account_id, lambda: _control_account(ports, action, account_id)
    )


async def _control_book(ports: Ports, action: BookAction, book_id: str) -> ControlledBook:
    known = await ports.catalogue.get()
    gpu_type, _, product = book_id.rpartition(".")
    if gpu_type not in known.gpu_types or product not in known.products:
        raise problems.not_found("book", book_id)
    command_id = str(uuid4())
    command = {
        "kind": action,
        "command_id": command_id,
        "account_id": "",
        "source": "",
        "source_seq": 0,
    }
    async with ports.facts.watch(command_id) as watch:
        await ports.log.append(BOOKS_COMMANDS, book_id, command)
        fact = await watch.next(ANSWER_SECONDS)
    return {
        "book_id": book_id,
        "command_id": command_id,
        "status": fact.record["status"] if fact else "pending",
        "book_seq": fact.record["book_seq"] if fact else None,
    }


async def _control_account(
    ports: Ports, action: AccountAction, account_id: str
) -> ControlledAccount:
    wanted = read_id(account_id, "account")
    suspended = action == "suspend_account"
    changed = await ports.registrations.change_account(wanted, {"suspended": suspended})
    if changed is None:
        raise problems.not_found("account", account_id)
    is_done = await registered.is_in_log(ports, changed, ANSWER_SECONDS)
    return {
        "account_id": wanted,
        "suspended": suspended,
        "status": "done" if is_done else "pending",
    }


async def _audited(
    ports: Ports,
    principal: Principal,
    action: str,
    subject: str,
    act: Callable[[], Awaitable[T]],
) -> T:
    """Act, and write down what came of it, whatever it was."""
    at_ms = ports.clock.now_ms()
    outcome: AuditOutcome = "appended"
    code = ""
    try:
        return await act()
    except Problem as problem:
        outcome, code = "refused", problem.code
        raise
    except OutcomeUnknown:
        outcome, code = "unknown", "OUTCOME_UNKNOWN"
        raise
    except Unavailable:
        outcome, code = "refused", "DEPENDENCY_UNAVAILABLE"
        raise
    finally:
        entry: AuditEntry = {
            "audit_id": str(uuid4()),
            "occurred_at_ms": at_ms,
            "actor": principal.account_id,
            "key_id": principal.key_id,
            "action": action,
            "subject": subject[:128],
            "outcome": outcome,
            "code": code,
        }
        try:
            await ports.log.append(AUDIT_LOG, principal.account_id, entry)
        except Unavailable:  # what was done is done; so it is at least in the process's log
            LOG.error("%s was not written to %s", dict(entry), AUDIT_LOG)
