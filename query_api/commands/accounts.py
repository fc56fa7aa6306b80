"""Accounts: opened, limited and suspended by administrators."""

from typing import Any
from uuid import uuid4

from query_api import answers, problems, registered
from query_api.bodies import ChangeAccount, CreateAccount, Limits
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import Row
from query_api.queries.orders import wanted_id
from schemas.records import DEFAULTS


async def create_account(call: Call) -> Answer:
    """Open an account and let the market know it."""
    body: CreateAccount = call.body
    account = new_account(body.name, body.role, call.ports.clock.now_ms())
    account |= _limits(body.limits)
    added = await call.ports.registrations.add_account(account)
    told: answers.CreatedAccount = {"account_id": account["id"]}
    return await registered.answer(call.ports, added, 201, told)


async def change_account(call: Call) -> Answer:
    """Suspend or resume an account, or change its limits."""
    body: ChangeAccount = call.body
    account_id = wanted_id(call, "account")
    suspended = {} if body.suspended is None else {"suspended": body.suspended}
    changes = suspended | _limits(body.limits)
    changed = await call.ports.registrations.change_account(account_id, changes)
    account = await call.ports.registrations.account(account_id)
    if changed is None or account is None:
        raise problems.not_found("account", account_id)
    return await registered.answer(call.ports, changed, 200, answers.told_account(account))


def new_account(name: str, role: str, now_ms: int) -> Row:
    """An account with the limits that every account starts with (market-rules.md K1)."""
    limits = DEFAULTS["SetAccount"]
    return {
        "id": str(uuid4()),
        "name": name,
        "role": role,
        "suspended": False,
        "max_open_orders": limits["max_open_orders"],
        "max_notional_micros": limits["max_notional_micros"],
        "created_at_ms": now_ms,
    }


def _limits(limits: Limits | None) -> dict[str, Any]:
    given = {
        "max_open_orders": limits.max_open_orders if limits else None,
        "max_notional_micros": limits.max_notional if limits else None,
    }
    return {name: value for name, value in given.items() if value is not None}


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{PREFIX}/accounts",
        create_account,
        "Open an account",
        "admin",
        {201: answers.CreatedAccount, 202: answers.CreatedAccount},
        body=CreateAccount,
        role="platform_admin",
    ),
    Endpoint(
        "PATCH",
        f"{PREFIX}/accounts/{{account_id}}",
        change_account,
        "Suspend or limit an account",
        "admin",
        {200: answers.Account, 202: answers.Account},
        body=ChangeAccount,
        role="platform_admin",
        refusals=(404,),
    ),
)
