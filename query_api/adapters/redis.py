"""The views of now, in Redis."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from hashlib import sha1
from itertools import chain
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from query_api.adapters.redis_pipe import Pipe, pack
from query_api.adapters.rows import DIGEST_FIELDS, digest_in
from query_api.ports import Row, Unavailable
from query_api.quotas import Bucket, Grant
from schemas import readings, views
from udfs.telemetry import NODE_ITSELF, PAGE_MS, STALE_MS, Place

TIMEOUT_SECONDS = 0.5
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local tokens, wait, each, ahead, free = tonumber(ARGV[1]), 0, {}, {}, {}
for i, key in ipairs(KEYS) do
    local window = tonumber(ARGV[2 * i + 1])
    each[i] = window / tonumber(ARGV[2 * i])
    ahead[i] = math.max(tonumber(redis.call('GET', key) or 0) - now, 0)
    free[i] = math.floor((window - ahead[i]) / each[i] + 0.000001)
    tokens = math.min(tokens, free[i])
    wait = math.max(wait, ahead[i] + each[i] - window)
end
local told = {tokens, math.ceil(wait)}
for i, key in ipairs(KEYS) do
    if tokens > 0 then
        local whole = ahead[i] + tokens * each[i]
        redis.call('SET', key, string.format('%.0f', now + whole), 'PX', math.ceil(whole / 1000))
    end
    told[i + 2] = free[i] - tokens
end
return told
"""
"""Lua. KEYS: buckets. ARGV: tokens wanted, then quota and window (microseconds) of each.

Of each bucket the time is kept at which it is whole again (GCRA), by Redis's clock; a whole one is
not kept at all. Answers tokens taken, microseconds until there is one, and what is left in each.
"""
CLAIM = """
local free, at, number, taken = string.char(0, 0), 1, 0, {}
for _, page in ipairs(KEYS) do
    local last = at + 1 + ARGV[at + 1]
    for i = at + 2, last do
        number = number + 1
        local slot = math.floor(ARGV[i] / 8192)
        local mark = ARGV[i] - 8192 * slot
        local own = string.char(math.floor(mark / 256), mark % 256)
        local held = redis.call('GETRANGE', page, 2 * slot, 2 * slot + 1)
        if held == '' or held == free then
            redis.call('SETRANGE', page, 2 * slot, own)
        elseif held ~= own then
            taken[#taken + 1] = number
        end
    end
    redis.call('PEXPIREAT', page, ARGV[at])
    at = last + 1
end
return taken
"""
"""Lua. KEYS: pages of slots. ARGV: for each when it ends (ms), how many places, and these, each
as 8192 x slot + mark. Answers the numbers, from 1, of the places that another reading has.
"""
_CLAIM = sha1(CLAIM.encode(), usedforsecurity=False).hexdigest()
_PLACE = sha1(views.PLACE.encode(), usedforsecurity=False).hexdigest()
_TAKE = sha1(TAKE.encode(), usedforsecurity=False).hexdigest()
AWAY_SECONDS = 1.0
"""How long it is not asked again after it could not be reached."""


class RedisViews:
    """The ports `LiveViews`, `Quotas` and `Slots`."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self.pipe = Pipe(client, TIMEOUT_SECONDS)
        self._away_until_seconds = 0.0

    async def ping(self) -> None:
        """Raise if it cannot be used."""
        await self._client.ping()

    async def order_row(self, order_id: str) -> dict[str, str]:
        key = views.order_key(order_id)
        return cast(dict[str, str], await self._ask(lambda: self._client.hgetall(key)))

    async def order_rows(self, order_ids: Sequence[str]) -> list[dict[str, str]]:
        return await self._rows([views.order_key(order_id) for order_id in order_ids])

    async def digest(self, order_id: str, forgotten: str) -> str | None:
        command = pack("HMGET", views.order_key(order_id), *DIGEST_FIELDS)
        values = await self._ask(lambda: self.pipe.ask(command))
        return digest_in(dict(zip(DIGEST_FIELDS, values, strict=True)), forgotten)

    async def place(self, order_id: str, forgotten: str, row: Mapping[str, str]) -> str | None:
        words = ("1", views.order_key(order_id), forgotten, *chain.from_iterable(row.items()))
        held: str | None = await self._ask(lambda: self._run(_PLACE, views.PLACE, words))
        return held

    async def take(self, buckets: Sequence[Bucket], wanted: int) -> Grant:
        names = [bucket.name for bucket in buckets]
        sizes = [_size(bucket) for bucket in buckets]
        words = (str(len(names)), *names, str(wanted), *chain.from_iterable(sizes))
        tokens, wait_micros, *left = await self._ask(lambda: self._run(_TAKE, TAKE, words))
        return Grant(tokens, tuple(left), wait_micros / 1_000_000 if not tokens else 0.0)

    async def claim(self, node_id: str, places: Sequence[Place]) -> Collection[int]:
        pages: dict[tuple[int, int], list[int]] = {}
        for position, place in enumerate(places):
            pages.setdefault((place.gpu_index, place.page), []).append(position)
        keys = [_page_key(node_id, *page) for page in pages]
        words = [str(len(keys)), *keys]
        for (_, page), positions in pages.items():
            words += (str((page + 1) * PAGE_MS + STALE_MS), str(len(positions)))
            words += [str(8192 * places[at].slot + places[at].mark) for at in positions]
        taken = await self._ask(lambda: self._run(_CLAIM, CLAIM, words))
        order = list(chain.from_iterable(pages.values()))
        return [order[number - 1] for number in taken]

    async def readings(self, node_id: str) -> list[Row]:
        key = readings.telemetry_key(node_id)
        return readings.read_row(await self._ask(lambda: self._client.hgetall(key)))

    async def prices(self, gpu_types: Sequence[str], region: str) -> list[Row]:
        rows = await self._rows([views.price_key(gpu_type, region) for gpu_type in gpu_types])
        return [update for row in rows for update in views.read_prices(row)]

    async def _run(self, sha: str, script: str, words: Sequence[str]) -> Any:
        try:
            return await self.pipe.ask(pack("EVALSHA", sha, *words))
        except NoScriptError:
            return await self.pipe.ask(pack("EVAL", script, *words))

    async def nodes(self, node_ids: Sequence[str]) -> list[Row | None]:
        rows = await self._rows([views.node_key(node_id) for node_id in node_ids])
        return [views.read_node(row) for row in rows]

    async def _rows(self, keys: list[str]) -> list[dict[str, str]]:
        if not keys:
            return []
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        return cast(list[dict[str, str]], await self._ask(pipeline.execute))

    async def _ask(self, ask: Callable[[], Awaitable[Any] | Any]) -> Any:
        """The answer, unless Redis was away a moment ago: then nobody waits for it."""
        if time.monotonic() < self._away_until_seconds:
            raise Unavailable("redis")
        try:
            return await ask()
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until_seconds = time.monotonic() + AWAY_SECONDS
            raise Unavailable("redis") from error


def _page_key(node_id: str, gpu_index: int, page: int) -> str:
    """The key of a page; the braces keep those of a node in one slot of a Redis cluster."""
    whose = "node" if gpu_index == NODE_ITSELF else gpu_index
    return f"readings:{{{node_id}}}:{whose}:{page}"


def _size(bucket: Bucket) -> tuple[str, str]:
    """Quota and window, microseconds, as `TAKE` reads them."""
    return str(bucket.policy.quota), str(bucket.policy.window_seconds * 1_000_000)


def connect(url: str) -> Redis:
    """A client that connects when it is first used."""
    client: Redis = Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        max_connections=64,
    )
    return client
