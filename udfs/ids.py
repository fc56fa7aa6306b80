"""Ids as functions of what they name (market-rules.md B4, O2): never random, never a clock."""

import re
from functools import lru_cache
from hashlib import sha1
from typing import Final, get_args
from uuid import UUID

from schemas.names import Product

EVENTS = UUID("7c363ccc-0044-46cc-8013-30f197f79650")
_EVENTS_BYTES = EVENTS.bytes
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BOOK: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,63}}\.({'|'.join(get_args(Product))})")


def event_id(machine: str, seq: int) -> str:
    """The id of the fact that a machine gave this sequence (B4): a uuid5."""
    return _uuid5(_EVENTS_BYTES, f"{machine}:{seq}")


def order_id(account_id: str, client_key: str) -> str:
    """The id of an account's order with this client key (O2): a uuid5.

    Raises:
        ValueError: the account's id is no UUID.
    """
    return _uuid5(_namespace(account_id), client_key)


def _uuid5(namespace: bytes, name: str) -> str:
    """As `uuid.uuid5`, to which the tests hold it, but without `UUID` objects.

    One is made for each order and each fact, so its cost counts.
    """
    digest = sha1(namespace + name.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


@lru_cache(maxsize=4096)
def _namespace(account_id: str) -> bytes:
    return UUID(account_id).bytes


def check_account_id(key: str) -> None:
    """See that a key of the accounts' log can be an account's id.

    Raises:
        ValueError: it cannot.
    """
    if not _UUID.fullmatch(key):
        raise ValueError(f"the key must be an account's id, a UUID, was {key[:80]!r}")


def check_node_id(key: str) -> None:
    """See that a key of the nodes' log can be a node's id.

    Raises:
        ValueError: it cannot.
    """
    if not _UUID.fullmatch(key):
        raise ValueError(f"the key must be a node's id, a UUID, was {key[:80]!r}")


def check_book_id(key: str) -> None:
    """See that a key of the books' log can be a book's id (B1).

    Raises:
        ValueError: it cannot.
    """
    if not _BOOK.fullmatch(key):
        products = ", ".join(get_args(Product))
        raise ValueError(
            f"the key must be a book's id, GPU_TYPE.PRODUCT with product {products} (B1), "
            f"was {key[:80]!r}"
        )
