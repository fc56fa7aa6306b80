"""Who calls, and which keys the account has."""

from query_api import answers, problems, times
from query_api.bodies import Page
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.queries.providers import cursor_after, slice_of


async def show_me(call: Call) -> Answer:
    """The account and the rights of the key that the call came with."""
    principal = call.principal
    account = await call.ports.registrations.account(principal.account_id)
    provider = await call.ports.registrations.provider_of(principal.account_id)
    if account is None:
        raise problems.not_found("account", principal.account_id)
    return Answer(
        200,
        {
            "account_id": principal.account_id,
            "name": account["name"],
            "role": account["role"],
            "suspended": account["suspended"],
            "provider_id": provider["id"] if provider else None,
            "key_id": principal.key_id,
            "node_id": principal.node_id,
            "roles": sorted(principal.roles),
            "scopes": sorted(principal.scopes),
            "max_order_cost": answers.limit_usd(principal.max_order_cost_micros),
            "expires_at": times.told_if_set(principal.expires_at_ms),
        },
    )


async def list_keys(call: Call) -> Answer:
    """Keys of the caller's account that are not revoked, newest first."""
    query: Page = call.query
    page = slice_of(query)
    rows, total = await call.ports.keys.keys_of(call.principal.account_id, page)
    told: answers.ToldKeys = {
        "items": [answers.told_key(row) for row in rows],
        "total": total,
        "next_cursor": cursor_after(rows, page),
    }
    return Answer(200, told)


ENDPOINTS = (
    Endpoint("GET", f"{PREFIX}/auth/me", show_me, "Show who calls", "", {200: answers.Me}),
    Endpoint(
        "GET",
        f"{PREFIX}/auth/api-keys",
        list_keys,
        "List the account's API keys, newest first",
        "keys:read",
        {200: answers.ToldKeys},
        query=Page,
    ),
)
