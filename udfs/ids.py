"""Ids as functions of what they name (market-rules.md B4, O2): never random, never a clock."""

from hashlib import sha1
from uuid import UUID, uuid5

EVENTS = UUID("7c363ccc-0044-46cc-8013-30f197f79650")
_EVENTS_BYTES = EVENTS.bytes


def event_id(machine: str, seq: int) -> str:
    """The id of the fact that a machine gave this sequence (B4): a uuid5.

    One is made for each fact, so its cost counts: it is made without `UUID` objects, and the tests
    hold it to `uuid.uuid5`.
    """
    digest = sha1(_EVENTS_BYTES + f"{machine}:{seq}".encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def order_id(account_id: str, client_key: str) -> str:
    """The id of an account's order with this client key (O2)."""
    return str(uuid5(UUID(account_id), client_key))
