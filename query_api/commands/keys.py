"""API keys: made and revoked. A key never grants more than the caller has."""

from collections.abc import Iterable, Iterator
from uuid import UUID, uuid4

from query_api import answers, auth, problems
from query_api.bodies import ROLES, SCOPES, CreateKey
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import Principal, Row
from query_api.problems import FieldError
from query_api.queries.orders import wanted_id

ROLES_OF = {
    "admin": ROLES,
    "provider": ("provider", "consumer", "developer"),
    "consumer": ("consumer", "developer"),
}
"""The roles that keys of an account may have, by the account's role."""


async def create_key(call: Call) -> Answer:
    """Make a key, for the caller's account or, by an administrator, for any."""
    body: CreateKey = call.body
    account = await _account(call, body)
    roles = _roles(call.principal, body, account)
    scopes = _scopes(call.principal, body, roles)
    expires_at_ms = body.expires_at or call.principal.expires_at_ms
    most = body.max_order_cost or call.principal.max_order_cost_micros
    _refuse_excess(call.principal, roles, scopes, expires_at_ms, most)
    made, row = new_key(
        account["id"],
        body.name,
        roles,
        scopes,
        call.ports.clock.now_ms(),
        expires_at_ms,
        max_order_cost_micros=most,
    )
    await call.ports.keys.add_key(row)
    told: answers.CreatedKey = {"key_id": row["id"], "key": made.text, "prefix": made.prefix}
    return Answer(201, told)


async def revoke_key(call: Call) -> Answer:
    """Revoke a key: here at once, everywhere within a second."""
    key_id = wanted_id(call, "key")
    owner = None if call.principal.is_admin else call.principal.account_id
    if not await call.ports.keys.revoke_key(key_id, owner):
        raise problems.not_found("API key", key_id)
    call.ports.on_revocation()
    return Answer(200, {"success": True})


def new_key(
    account_id: str,
    name: str,
    roles: Iterable[str],
    scopes: Iterable[str],
    now_ms: int,
    expires_at_ms: int | None = None,
    node_id: str | None = None,
    max_order_cost_micros: int | None = None,
) -> tuple[auth.NewKey, Row]:
    """A key, and the row that is kept of it."""
    made = auth.make_key()
    row = {
        "id": str(uuid4()),
        "account_id": account_id,
        "node_id": node_id,
        "name": name,
        "prefix": made.prefix,
        "key_hash": made.key_hash,
        "roles": sorted(roles),
        "scopes": sorted(scopes),
        "max_order_cost_micros": max_order_cost_micros,
        "expires_at_ms": expires_at_ms,
        "created_at_ms": now_ms,
    }
    return made, row


def scopes_for(roles: Iterable[str]) -> list[str]:
    """Every scope that is of use to these roles; only an onboarding token enrols."""
    useless = {"nodes:enrol"} if "platform_admin" in roles else {"nodes:enrol", "admin"}
    return [scope for scope in SCOPES if scope not in useless]


async def check_key(call: Call, wrong: frozenset[str]) -> list[FieldError]:
    """The key must not have expired already; its account's id must be one."""
    return [*_expiry_errors(call, wrong), *_account_errors(call, wrong)]


def _expiry_errors(call: Call, wrong: frozenset[str]) -> Iterator[FieldError]:
    body: CreateKey | None = call.body
    if body and body.expires_at is not None and body.expires_at <= call.ports.clock.now_ms():
        yield FieldError("/expires_at", call.sent["expires_at"], "in the future")


def _account_errors(call: Call, wrong: frozenset[str]) -> Iterator[FieldError]:
    account_id = call.sent.get("account_id")
    if "account_id" in wrong or account_id is None:
        return
    try:
        UUID(account_id)
    except ValueError:
        yield FieldError("/account_id", account_id, "the id of an account, a UUID")


async def _account(call: Call, body: CreateKey) -> Row:
    account_id = str(UUID(body.account_id)) if body.account_id else call.principal.account_id
    if account_id != call.principal.account_id and not call.principal.is_admin:
        raise problems.forbidden("only an administrator makes keys for another account")
    account = await call.ports.registrations.account(account_id)
    if account is None:
        raise problems.not_found("account", account_id)
    return account


def _roles(principal: Principal, body: CreateKey, account: Row) -> list[str]:
    """The roles wanted; if none are named, those of the caller, or of another's account."""
    allowed = ROLES_OF[account["role"]]
    if body.roles is None:
        own = account["id"] == principal.account_id
        return [role for role in allowed if not own or role in principal.roles]
    for role in body.roles:
        if role not in allowed:
            rule = f"one that an account of role {account['role']} has: {', '.join(allowed)}"
            raise problems.invalid([FieldError("/roles", role, rule)])
    return list(body.roles)


def _scopes(principal: Principal, body: CreateKey, roles: list[str]) -> list[str]:
    if body.scopes is not None:
        return list(body.scopes)
    return [scope for scope in scopes_for(roles) if scope in principal.scopes]


def _refuse_excess(
    principal: Principal,
    roles: list[str],
    scopes: list[str],
    expires_at_ms: int | None,
    max_order_cost_micros: int | None,
) -> None:
    """Refuse what the caller has not; an administrator has every role."""
    lacking = [role for role in roles if role not in principal.roles and not principal.is_admin]
    lacking += [scope for scope in scopes if scope not in principal.scopes]
    if lacking:
        raise problems.forbidden(f"a key grants at most what its maker has, not {lacking[0]}")
    ends_at_ms = principal.expires_at_ms
    if ends_at_ms is not None and (expires_at_ms is None or expires_at_ms > ends_at_ms):
        raise problems.forbidden("a key lives at most as long as the one that made it")
    most = principal.max_order_cost_micros
    if most is not None and (max_order_cost_micros is None or max_order_cost_micros > most):
        raise problems.forbidden("a key's bids cost at most what those of the one that made it may")


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{PREFIX}/auth/api-keys",
        create_key,
        "Make an API key",
        "keys:write",
        {201: answers.CreatedKey},
        body=CreateKey,
        check=check_key,
        refusals=(404,),
    ),
    Endpoint(
        "DELETE",
        f"{PREFIX}/auth/api-keys/{{key_id}}",
        revoke_key,
        "Revoke an API key",
        "keys:write",
        {200: answers.Success},
        refusals=(404,),
    ),
)
