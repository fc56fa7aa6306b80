"""API keys: how they look, and who they are; a revocation works within a second."""

import asyncio
import secrets
from hashlib import sha256
from typing import NamedTuple

from query_api.endpoint import Endpoint
from query_api.ports import Clock, Keys, Principal, Unavailable
from query_api.problems import forbidden, overloaded, unauthorized

FRESH_SECONDS = 0.8
"""How long an answer about a key is used; with the query itself below the promised second."""
STALE_SECONDS = 300.0
"""How long a known key still works while the store of keys is away: nobody can revoke one then."""
MAX_CACHED = 10_000
MAX_ASKING = 200
"""Keys that the store is asked about at once: unknown ones cost it a question each."""
MAX_LENGTH = 256
"""Characters of a header that may hold a key; ours have 56."""


class NewKey(NamedTuple):
    """A key that was just made; the text is told once and not kept."""

    text: str
    prefix: str
    key_hash: bytes


def make_key() -> NewKey:
    """A key of 256 random bits with a visible prefix."""
    prefix = f"gpb_{secrets.token_hex(4)}"
    text = f"{prefix}_{secrets.token_urlsafe(32)}"
    return NewKey(text, prefix, hash_of(text))


def hash_of(text: str) -> bytes:
    """What is kept of a key. It is random and long, so one round of SHA-256 is enough."""
    return sha256(text.encode()).digest()


class _Known(NamedTuple):
    principal: Principal
    asked_at_seconds: float


class Authenticator:
    """Finds out who calls, asking the store at most about once a second for each key."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Future[Principal]] = {}
        """Questions on their way to the store; all who call with the same key await the same."""

    async def principal(self, authorization: str | None) -> Principal:
        """Who the header's key is.

        Raises:
            Problem: 401 for no key, or one that is unknown, revoked or expired; 429 when too many
                unknown ones are asked about.
            Unavailable: the store is away and the key has not been seen of late.
        """
        known = self._known.get(authorization or "")
        now = self._clock.now_seconds()
        if known and now - known.asked_at_seconds < FRESH_SECONDS:
            return self._unexpired(known.principal)
        text = _bearer(authorization)
        asking = self._asking.get(text)
        if asking is None:
            if len(self._asking) >= MAX_ASKING:
                raise overloaded()
            asking = self._asking[text] = asyncio.ensure_future(
                self._ask(authorization or "", text, now)
            )
        return self._unexpired(await asyncio.shield(asking))

    def forget(self) -> None:
        """Ask anew about every key: one was revoked here."""
        self._known.clear()
        self._asking.clear()

    async def _ask(self, authorization: str, text: str, now: float) -> Principal:
        me = asyncio.current_task()
        try:
            principal = await self._keys.principal(hash_of(text))
        except Unavailable:
            return self._stale(authorization, now)
        finally:
            is_current = self._asking.get(text) is me
            if is_current:
                del self._asking[text]
        if principal is None:
            self._known.pop(authorization, None)
            raise unauthorized("the API key is unknown, revoked or expired")
        if is_current:  # else a key was revoked meanwhile, perhaps after the store had answered
            self._keep(authorization, _Known(principal, now))
        return principal

    def _keep(self, authorization: str, known: _Known) -> None:
        if len(self._known) >= MAX_CACHED:
            self._known.clear()
        self._known[authorization] = known

    def _stale(self, authorization: str, now: float) -> Principal:
        known = self._known.get(authorization)
        if known is None or now - known.asked_at_seconds > STALE_SECONDS:
            raise Unavailable("postgres")
        return known.principal

    def _unexpired(self, principal: Principal) -> Principal:
        expires_at_ms = principal.expires_at_ms
        if expires_at_ms is not None and expires_at_ms <= self._clock.now_ms():
            raise unauthorized("the API key is unknown, revoked or expired")
        return principal


def authorize(endpoint: Endpoint, principal: Principal) -> None:
    """Refuse what this key may not do.

    Raises:
        Problem: 403, naming what is missing.
    """
    require(principal, endpoint.scope, endpoint.role)


def require(principal: Principal, scope: str, role: str) -> None:
    """Refuse a key that lacks the scope or the role; an empty one is not needed.

    Raises:
        Problem: 403, naming what is missing.
    """
    if scope and scope not in principal.scopes:
        raise forbidden(f"this needs the scope {scope}, which this key has not")
    if role and role not in principal.roles:
        raise forbidden(f"this needs the role {role}, which this key has not")


def _bearer(authorization: str | None) -> str:
    if authorization and len(authorization) > MAX_LENGTH:
        raise unauthorized(f"an API key has at most {MAX_LENGTH} characters")
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise unauthorized("send an API key as 'Authorization: Bearer KEY'")
    return text.strip()
