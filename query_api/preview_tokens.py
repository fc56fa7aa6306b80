"""Proof that an order was previewed: a token for these very terms, good for a short while.

It keeps an agent from placing what it never looked at, by mistake or by a mixed-up argument. It is
no right: who has the key may place orders without one over HTTP. So it is made from what the caller
sent and its key's id alone, and every process can check what another one made.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256

from query_api import json_body

Terms = Sequence[object]
"""What an order says, always in the same order."""
GOOD_FOR_MS = 120_000
"""How long a token is good: prices move, though never beyond the order's limit."""
_DIGITS = 11
"""Hexadecimal digits of the time at which a token ends."""


def make(key_id: str, terms: Terms, now_ms: int) -> str:
    """The token of an order.

    Args:
        key_id: the API key that previewed it.
        terms: of the order.
        now_ms: the time of the preview.
    """
    ends_at_ms = now_ms + GOOD_FOR_MS
    return f"{ends_at_ms:0{_DIGITS}x}{_seal(key_id, terms, ends_at_ms)}"


def ends_at_ms(token: str) -> int:
    """When a token that was made here ends."""
    return int(token[:_DIGITS], 16)


def is_good(token: str, key_id: str, terms: Terms, now_ms: int) -> bool:
    """Whether a token is of these terms and this key, and has not ended."""
    try:
        ends = ends_at_ms(token)
    except ValueError:
        return False
    known = hmac.compare_digest(token[_DIGITS:].encode(), _seal(key_id, terms, ends).encode())
    return known and now_ms < ends


def _seal(key_id: str, terms: Terms, ends_at_ms: int) -> str:
    return sha256(json_body.write([key_id, ends_at_ms, *terms])).hexdigest()[:32]
