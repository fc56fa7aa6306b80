"""The first accounts and keys: an administrator, a demo provider and a demo consumer."""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from query_api import auth
from query_api.commands.accounts import new_account
from query_api.commands.keys import ROLES_OF, new_key, scopes_for
from query_api.ports import Ports, Registered
from query_api.registered import is_in_log
from schemas.settings import Settings

FILE = "credentials.json"
NAMES = {"admin": "administrator", "provider": "demo provider", "consumer": "demo consumer"}
"""The first accounts, by their role."""
LOG_SECONDS = 30.0
"""How long the first accounts may take to reach the log."""


class NotRelayed(Exception):
    """The first accounts did not reach the log in time; perhaps no relay runs."""


async def bootstrap(ports: Ports, settings: Settings) -> Path:
    """Make what is missing of the first accounts and keys, and write them into their file.

    A key in the file that still works is kept, so this may be run again at any time.

    Raises:
        NotRelayed: the relay did not append the accounts in time.
    """
    path = settings.path("HOME") / FILE
    known = read(path)
    keys = {role: await _working_key(ports, role, known.get(role, "")) for role in NAMES}
    write(path, {"url": settings.text("API_URL"), **keys, "clickhouse": _clickhouse(settings)})
    return path


def read(path: Path) -> dict[str, Any]:
    """What the file holds; nothing if there is none, or if it cannot be read."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, credentials: dict[str, Any]) -> None:
    """Write the file so that only its owner may read it, at no time otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(credentials, file, indent=2)
        file.write("\n")
    new.replace(path)


async def _working_key(ports: Ports, role: str, known: str) -> str:
    account_id = await _account_id(ports, role)
    principal = await ports.keys.principal(auth.hash_of(known)) if known else None
    if principal is not None and principal.account_id == account_id:
        return known
    roles = ROLES_OF[role]
    made, row = new_key(account_id, NAMES[role], roles, scopes_for(roles), ports.clock.now_ms())
    await ports.keys.add_key(row)
    return made.text


async def _account_id(ports: Ports, role: str) -> str:
    account = await ports.registrations.account_named(NAMES[role], role)
    if account is None:
        account = new_account(NAMES[role], role, ports.clock.now_ms())
        await _await(ports, await ports.registrations.add_account(account))
    if role == "provider":
        await _verify(ports, account["id"])
    return str(account["id"])


async def _verify(ports: Ports, account_id: str) -> None:
    """Register and verify the demo provider."""
    provider = await ports.registrations.provider_of(account_id)
    if provider is None:
        provider = {
            "id": str(uuid4()),
            "account_id": account_id,
            "name": NAMES["provider"],
            "company": "GPUBroker demo",
            "kyc_data": {},
            "status": "pending_kyc",
            "created_at_ms": ports.clock.now_ms(),
        }
        await ports.registrations.add_provider(provider)
    if provider["status"] != "verified":
        changed = await ports.registrations.set_provider_status(provider["id"], "verified")
        assert changed is not None
        await _await(ports, changed)


async def _await(ports: Ports, registered: Registered) -> None:
    if not await is_in_log(ports, registered, LOG_SECONDS):
        raise NotRelayed(
            f"an account did not reach its log in {LOG_SECONDS:.0f} s: is the relay up?"
        )


def _clickhouse(settings: Settings) -> dict[str, Any]:
    users = {"writer": "CLICKHOUSE", "analyst": "CLICKHOUSE_ANALYST"}
    return {"url": settings.text("CLICKHOUSE_URL")} | {
        user: {
            "user": settings.text(f"{prefix}_USER"),
            "password": settings.text(f"{prefix}_PASSWORD"),
        }
        for user, prefix in users.items()
    }
