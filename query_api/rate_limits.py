"""Rate limits of keys and accounts, spent from leases so that few requests ask Redis.

A lease is a handful of tokens that were taken beforehand for one key, from its own bucket and its
account's at once. It doubles while it is used up, to what the key may send in `AHEAD_SECONDS`, and
is renewed in the background when half is spent. What is not spent in `LEASE_SECONDS` is lost to
the key: so all processes together never let more pass than the buckets gave, but for one lease a
process that may be spent late (docs/decisions/0011-limits-and-overload.md).
"""

import asyncio
import math
from collections.abc import Mapping

from query_api.ports import Clock, Principal, Quotas, Unavailable
from query_api.problems import rate_limited
from query_api.quotas import Bucket, Grant, Kind, LocalQuotas, Policies

AHEAD_SECONDS = 0.1
"""How much of a key's rate is leased at most."""
LEASE_SECONDS = 1.0
REFUSED_SECONDS = 0.02
"""How long at least a refusal holds before the buckets are asked again."""
LOCAL_SHARE = 0.25
"""Part of each quota that a process gives by itself while Redis is away."""
MAX_LEASES = 10_000


class Lease:
    """Tokens of one key that this process may spend without asking."""

    __slots__ = ("account_left", "buckets", "key_left", "most", "refill", "refused_until", "size",
                 "tokens", "until")  # fmt: skip

    def __init__(self, buckets: tuple[Bucket, Bucket]) -> None:
        self.buckets = buckets
        self.most = max(1, int(buckets[0].policy.per_second * AHEAD_SECONDS))
        self.size = 1
        """Tokens that were asked for last."""
        self.tokens = 0
        self.until = 0.0
        self.refused_until = 0.0
        self.key_left = self.account_left = 0
        """What the buckets still held when this was leased."""
        self.refill: asyncio.Future[None] | None = None

    def renewed_size(self, now: float) -> int:
        """How many to ask for: twice the last, one for a key that was quiet."""
        self.size = min(2 * self.size, self.most) if now < self.until else 1
        return self.size

    def renew(self, grant: Grant, now: float) -> None:
        """Take in what was granted."""
        self.tokens = grant.tokens + (self.tokens if now < self.until else 0)
        self.key_left, self.account_left = grant.left
        if grant.tokens:
            self.until = now + LEASE_SECONDS
        else:
            self.refused_until = now + max(grant.wait_seconds, REFUSED_SECONDS)


class RateLimiter:
    """Spends a request's token, or refuses it with the time to wait."""

    def __init__(self, quotas: Quotas, policies: Mapping[Kind, Policies], clock: Clock) -> None:
        self._quotas = quotas
        self._policies = policies
        self._clock = clock
        self._local = LocalQuotas(clock.now_seconds)
        self._leases: dict[tuple[str, Kind], Lease] = {}
        self._told = {
            kind: f"{both.key.told}, {both.account.told}" for kind, both in policies.items()
        }

    async def spend(self, principal: Principal, kind: Kind) -> dict[str, str]:
        """Spend one token and return the headers that tell what is left.

        Raises:
            Problem: 429 `RATE_LIMITED`, the key or its account has no more.
        """
        lease = self._leases.get((principal.key_id, kind)) or self._new_lease(principal, kind)
        while True:
            now = self._clock.now_seconds()
            if lease.tokens and now < lease.until:
                break
            if now < lease.refused_until:
                self._refuse(lease, kind, now)
            await asyncio.shield(self._refill(lease))
        lease.tokens -= 1
        if 0 < 2 * lease.tokens < lease.size and lease.refill is None:
            self._refill(lease)
        return self._standing(lease, kind)

    def _standing(self, lease: Lease, kind: Kind) -> dict[str, str]:
        key, account = lease.buckets
        tokens = lease.tokens
        return {
            "RateLimit-Policy": self._told[kind],
            "RateLimit": (
                f'"{key.policy.name}";r={lease.key_left + tokens}, '
                f'"{account.policy.name}";r={lease.account_left + tokens}'
            ),
        }

    def _refuse(self, lease: Lease, kind: Kind, now: float) -> None:
        seconds = max(1, math.ceil(lease.refused_until - now))
        of_key = lease.key_left <= lease.account_left
        policy = lease.buckets[0 if of_key else 1].policy
        standing = {
            "RateLimit-Policy": self._told[kind],
            "RateLimit": f'"{policy.name}";r=0;t={seconds}',
        }
        raise rate_limited(policy, seconds, standing)

    def _new_lease(self, principal: Principal, kind: Kind) -> Lease:
        if len(self._leases) >= MAX_LEASES:
            self._leases.clear()
        policies, account = self._policies[kind], principal.account_id
        # The braces keep the buckets of an account in one slot of a Redis cluster.
        of_account = Bucket(f"quota:{{{account}}}:{kind}", policies.account)
        of_key = Bucket(f"quota:{{{account}}}:{principal.key_id}:{kind}", policies.key)
        lease = self._leases[principal.key_id, kind] = Lease((of_key, of_account))
        return lease

    def _refill(self, lease: Lease) -> "asyncio.Future[None]":
        """The renewal that is under way; all who wait for this lease await the same."""
        if lease.refill is None:
            lease.refill = asyncio.ensure_future(self._renew(lease))
        return lease.refill

    async def _renew(self, lease: Lease) -> None:
        try:
            wanted = lease.renewed_size(self._clock.now_seconds())
            try:
                grant = await self._quotas.take(lease.buckets, wanted)
            except Unavailable:
                grant = await self._local.take(_stricter(lease.buckets), wanted)
            lease.renew(grant, self._clock.now_seconds())
        finally:
            lease.refill = None


def _stricter(buckets: tuple[Bucket, ...]) -> list[Bucket]:
    return [Bucket(name, policy.shared(LOCAL_SHARE)) for name, policy in buckets]
