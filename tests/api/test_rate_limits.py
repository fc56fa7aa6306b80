"""Quotas of keys and accounts: the buckets, the leases from them, and what clients are told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest

from query_api.adapters import redis
from query_api.adapters.memory import MemoryClock, memory_ports
from query_api.app import create_app
from query_api.limits import LIMITS
from query_api.ports import Principal, Quotas, Unavailable
from query_api.problems import Problem
from query_api.quotas import Bucket, Grant, LocalQuotas, Policies, Policy
from query_api.rate_limits import LEASE_SECONDS, RateLimiter
from schemas.settings import Settings
from tests.api.conftest import BID, World

TEN = Policy("ten", 10, 10)
WHERE = ["memory", pytest.param("redis", marks=[pytest.mark.stack, pytest.mark.timeout(600)])]


def principal(key: str = "k", account: str = "a") -> Principal:
    return Principal(key, account, frozenset(), frozenset(), None)


# The port, in memory and on Redis ----------------------------------------------------------------


@pytest.fixture(params=WHERE)
async def quotas(request: pytest.FixtureRequest) -> AsyncIterator[Quotas]:
    if request.param == "memory":
        yield LocalQuotas(asyncio.get_running_loop().time)
    else:
        market: Settings = request.getfixturevalue("market")
        async with redis.connect(market.text("REDIS_URL")) as client:
            live = redis.RedisViews(client)
            yield live
            await live.pipe.aclose()


def bucket(policy: Policy = TEN) -> Bucket:
    return Bucket(f"quota:{{test}}:{uuid4()}", policy)


async def test_a_whole_bucket_gives_its_quota_and_no_more(quotas):
    one = bucket()
    assert await quotas.take([one], 4) == Grant(4, (6,), 0.0)
    assert (await quotas.take([one], 100)).tokens == 6
    empty = await quotas.take([one], 1)
    assert (empty.tokens, empty.left) == (0, (0,))
    assert 0 < empty.wait_seconds <= 1


async def test_a_bucket_refills_evenly(quotas):
    fast = bucket(Policy("fast", 100, 1))
    assert (await quotas.take([fast], 100)).tokens == 100
    await asyncio.sleep(0.2)
    assert 19 <= (await quotas.take([fast], 100)).tokens <= 100


async def test_all_buckets_give_as_much_as_the_least_of_them(quotas):
    narrow, wide = bucket(Policy("narrow", 3, 10)), bucket()
    assert await quotas.take([narrow, wide], 5) == Grant(3, (0, 7), 0.0)
    refused = await quotas.take([narrow, wide], 5)
    assert (refused.tokens, refused.left) == (0, (0, 7))
    assert 1 < refused.wait_seconds <= 10 / 3


async def test_takers_at_once_get_the_quota_together(quotas):
    one = bucket(Policy("slow", 20, 100))
    grants = await asyncio.gather(*(quotas.take([one], 3) for _ in range(10)))
    assert sum(grant.tokens for grant in grants) == 20


# Leases ------------------------------------------------------------------------------------------


@dataclass
class CountedQuotas:
    """A store whose questions are counted, and that can be away."""

    clock: MemoryClock
    asked: list[int] = field(default_factory=list)
    is_away: bool = False

    def __post_init__(self) -> None:
        self._buckets = LocalQuotas(self.clock.now_seconds)

    async def take(self, buckets, wanted):
        self.asked.append(wanted)
        await asyncio.sleep(0)
        if self.is_away:
            raise Unavailable("redis")
        return await self._buckets.take(buckets, wanted)


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock()


@pytest.fixture
def store(clock) -> CountedQuotas:
    return CountedQuotas(clock)


def limiter(store: CountedQuotas, key: int = 500, account: int = 1_000) -> RateLimiter:
    """Limits a second, over 10 seconds."""
    policies = {kind: Policies.of(kind, key, account, 10) for kind in ("commands", "reads")}
    return RateLimiter(store, policies, store.clock)


async def spend(rates: RateLimiter, who: Principal, times: int) -> int:
    """How many of so many requests pass."""
    passed = 0
    for _ in range(times):
        with suppress(Problem):
            await rates.spend(who, "commands")
            passed += 1
    await asyncio.sleep(0.01)  # renewals in the background end
    return passed


async def test_a_busy_key_seldom_asks_the_store(store):
    assert await spend(limiter(store), principal(), 1_000) == 1_000
    assert store.asked[:7] == [1, 2, 4, 8, 16, 32, 50]
    assert len(store.asked) < 50


async def test_a_quiet_key_takes_one_token_at_a_time(store):
    rates = limiter(store)
    for _ in range(5):
        await spend(rates, principal(), 1)
        store.clock.advance(2_000)
    assert store.asked == [1] * 5


async def test_no_more_pass_than_the_quota(store):
    assert await spend(limiter(store), principal(), 8_000) == 5_000


async def test_refusals_do_not_ask_the_store_each_time(store):
    rates = limiter(store)
    await spend(rates, principal(), 5_000)
    before = len(store.asked)
    assert await spend(rates, principal(), 1_000) == 0
    assert len(store.asked) - before <= 1


async def test_what_was_used_up_comes_back_at_the_rate(store):
    rates = limiter(store)
    await spend(rates, principal(), 6_000)
    passed = 0
    for _ in range(100):
        store.clock.advance(30)
        passed += await spend(rates, principal(), 100)
    assert passed == pytest.approx(100 * 0.030 * 500, rel=0.05)


async def test_keys_of_one_account_share_its_quota(store):
    rates = limiter(store)
    passed = [await spend(rates, principal(f"k{n}"), 5_000) for n in range(3)]
    assert sum(passed) <= 10_000
    assert sum(passed) > 10_000 - 3 * 50  # what is leased and not spent
    assert await spend(rates, principal("k", "another"), 100) == 100


async def test_commands_and_reads_have_quotas_of_their_own(store):
    rates = limiter(store, key=1)
    assert await spend(rates, principal(), 20) == 10
    await rates.spend(principal(), "reads")


async def test_a_lease_is_lost_when_it_is_not_spent(store):
    rates = limiter(store)
    await spend(rates, principal(), 40)
    asked = len(store.asked)
    store.clock.advance(int(LEASE_SECONDS * 1000))
    await spend(rates, principal(), 1)
    assert store.asked[asked:] == [1]


async def test_many_at_once_all_pass_if_the_quota_is_there(store):
    rates = limiter(store)
    told = await asyncio.gather(*(rates.spend(principal(), "commands") for _ in range(500)))
    assert len(told) == 500
    assert len(store.asked) < 30


async def test_two_processes_together_stay_below_the_quota(store):
    one, two = limiter(store), limiter(store)
    passed = 0
    for _ in range(80):
        passed += await spend(one, principal(), 50) + await spend(two, principal(), 50)
    assert 5_000 - 2 * 50 <= passed <= 5_000


async def test_without_redis_a_stricter_limit_holds_never_none(store):
    rates = limiter(store)
    store.is_away = True
    assert await spend(rates, principal(), 5_000) == 1_250
    store.is_away = False
    store.clock.advance(1_000)
    assert await spend(rates, principal(), 5_000) == 5_000


# What clients are told ---------------------------------------------------------------------------


async def test_the_headers_name_policies_and_what_is_left(store):
    told = await limiter(store).spend(principal(), "commands")
    assert told == {
        "RateLimit-Policy": '"key-commands";q=5000;w=10, "account-commands";q=10000;w=10',
        "RateLimit": '"key-commands";r=4999, "account-commands";r=9999',
    }


async def test_a_refusal_names_the_policy_and_the_time_to_wait(store):
    rates = limiter(store, key=1, account=10)
    await spend(rates, principal(), 10)
    with pytest.raises(Problem) as refused:
        await rates.spend(principal(), "commands")
    assert (refused.value.status, refused.value.code) == (429, "RATE_LIMITED")
    assert refused.value.headers == {
        "Retry-After": "1",
        "RateLimit-Policy": '"key-commands";q=10;w=10, "account-commands";q=100;w=10',
        "RateLimit": '"key-commands";r=0;t=1',
    }
    assert "key-commands allows 10 requests in 10 s" in refused.value.detail


async def test_a_refusal_by_the_account_names_the_account(store):
    rates = limiter(store, key=10, account=1)
    await spend(rates, principal(), 10)
    with pytest.raises(Problem, match="account-commands"):
        await rates.spend(principal(), "commands")


@pytest.fixture
def narrow() -> World:
    """A market that lets a key ask twice in ten seconds."""
    ports, market, registry = memory_ports()
    two = Policies(Policy("key-few", 2, 10), Policy("account-few", 100, 10))
    ports.limits = replace(LIMITS, policies={"commands": two, "reads": two})
    return World(create_app(ports), market, registry, market.clock, ports)


async def test_answers_and_refusals_over_http(narrow):
    buyer = await narrow.caller("consumer")
    first = await buyer("POST", "/orders", BID)
    assert first.status == 202
    assert first.headers["RateLimit"] == '"key-few";r=1, "account-few";r=99'
    wrong = await buyer("POST", "/orders", {})
    assert wrong.status == 422
    assert wrong.headers["RateLimit"] == '"key-few";r=0, "account-few";r=98'
    third = await buyer("POST", "/orders", BID)
    assert (third.status, third.body["code"]) == (429, "RATE_LIMITED")
    assert third.headers["Content-Type"] == "application/problem+json"
    assert third.headers["RateLimit"] == f'"key-few";r=0;t={third.headers["Retry-After"]}'
    assert len([kind for _, _, kind in narrow.market.log if kind["kind"] == "place_order"]) == 1
    assert (await buyer("GET", "/orders")).status == 200
    narrow.clock.advance(5_000)
    assert (await buyer("POST", "/orders", BID)).status == 202
    text = (await buyer("GET", "/metrics")).body.decode()
    assert 'gpubroker_api_refusals_total{code="RATE_LIMITED"} 1.0' in text
