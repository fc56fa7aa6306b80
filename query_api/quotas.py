"""How much a key or an account may ask: quotas that refill evenly, as GCRA.

A policy allows `quota` requests at once and as many again in each window, evenly spread: a token
bucket. It is kept as GCRA does (the generic cell rate algorithm of ATM): one number a bucket, the
time at which it would be whole again. The words are those of draft-ietf-httpapi-ratelimit-headers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

Kind = Literal["commands", "reads"]
ROUNDING = 1e-3
"""Part of a token that floating point may lose."""
MAX_BUCKETS = 100_000
"""Buckets kept in process before those that are whole again are dropped."""


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests in so many seconds."""

    name: str
    quota: int
    window_seconds: int

    @property
    def per_second(self) -> float:
        return self.quota / self.window_seconds

    @property
    def told(self) -> str:
        """An item of the header RateLimit-Policy."""
        return f'"{self.name}";q={self.quota};w={self.window_seconds}'

    def shared(self, share: float) -> "Policy":
        """A part of it, at least one request."""
        return replace(self, quota=max(1, int(self.quota * share)))


@dataclass(frozen=True, slots=True)
class Policies:
    """What holds for one kind of request: of a key, and of all keys of its account together."""

    key: Policy
    account: Policy

    @classmethod
    def of(cls, kind: Kind, key: int, account: int, window_seconds: int) -> "Policies":
        """The policies of a kind, from requests a second."""
        return cls(
            Policy(f"key-{kind}", key * window_seconds, window_seconds),
            Policy(f"account-{kind}", account * window_seconds, window_seconds),
        )


class Bucket(NamedTuple):
    """What a policy is applied to, by a name of its own."""

    name: str
    policy: Policy


class Grant(NamedTuple):
    """What was taken from all of some buckets at once."""

    tokens: int
    """Taken, of each; at most as many as were wanted."""
    left: tuple[int, ...]
    """Still there, by bucket."""
    wait_seconds: float
    """Until there is one more, if nothing was taken."""


class LocalQuotas:
    """The port `Quotas` in this process alone."""

    def __init__(self, now_seconds: Callable[[], float]) -> None:
        self._now_seconds = now_seconds
        self._whole_at: dict[str, float] = {}
        """When each bucket is whole again, seconds."""

    async def take(self, buckets: Sequence[Bucket], wanted: int) -> Grant:
        now = self._now_seconds()
        self._forget_whole(now)
        owed = [max(0.0, self._whole_at.get(bucket.name, 0.0) - now) for bucket in buckets]
        policies = [bucket.policy for bucket in buckets]
        free = [_free(policy, seconds) for policy, seconds in zip(policies, owed, strict=True)]
        tokens = min(wanted, *free)
        for bucket, seconds in zip(buckets, owed, strict=True):
            self._whole_at[bucket.name] = now + seconds + tokens / bucket.policy.per_second
        waits = (_wait(policy, seconds) for policy, seconds in zip(policies, owed, strict=True))
        left = tuple(each - tokens for each in free)
        return Grant(tokens, left, 0.0 if tokens else max(waits))

    def _forget_whole(self, now: float) -> None:
        if len(self._whole_at) >= MAX_BUCKETS:
            self._whole_at = {name: at for name, at in self._whole_at.items() if at > now}


def _free(policy: Policy, owed_seconds: float) -> int:
    """Tokens that are there while so many seconds of refilling are owed, but for rounding."""
    return math.floor((policy.window_seconds - owed_seconds) * policy.per_second + ROUNDING)


def _wait(policy: Policy, owed_seconds: float) -> float:
    """Seconds until one token is there."""
    return owed_seconds + 1 / policy.per_second - policy.window_seconds
