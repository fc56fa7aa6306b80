"""The "now" views in Redis: what a row holds, the scripts that write it, and how to read one.

Facts of an order come over several topics in no common order, each at least once. So a row is a
hash of *groups* of fields, and each group keeps the stamp (machine's time, sequence) of the fact
that it was taken from: the newest fact of a group wins, whatever the order of arrival, and a fact
that comes again changes nothing. What the groups mean together is decided on read, here.

| group | fields | from |
|---|---|---|
| creation | `CREATION` | order_created; without a stamp: the API, when the command is in the log |
| total | quantity, price_micros | order_created, order_amended; without a stamp: the API |
| fills | filled_quantity, filled_value_micros (cumulative), remaining | order_matched |
| closing | reason | order_closed |
| rejection | order_id, account_id, code, detail | order_rejected of a placement (rule F) |

A row begins at its newest order_created or rejection of the placement; what is older belongs to an
order whose key was used again (market-rules.md O2) and is not told. The view `orders` in ClickHouse
follows the same rules; `tests/jobs/test_views.py` holds the two together.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from schemas.names import OrderStatus

FORGOTTEN_AFTER_MS: Final = 24 * 3600 * 1000
"""How long an account remembers a closed order's key (market-rules.md O2)."""

CREATION: Final = (
    "order_id",
    "account_id",
    "side",
    "book_id",
    "duration_seconds",
    "time_in_force",
    "expires_at_ms",
    "post_only",
    "min_fill",
    "self_trade",
    "region",
    "min_duration_seconds",
    "available_until_ms",
)
"""Fields of an order that never change, as PlaceOrder and OrderCreated name them."""

FOLD: Final = """
local at = 1
for _, row in ipairs(KEYS) do
    local count = tonumber(ARGV[at])
    local held = redis.call('HMGET', row, unpack(ARGV, at + 1, at + count))
    local first = at + 1 + 2 * count
    local last = first - 1
    for i = 1, count do
        local group, stamp, before = ARGV[last + 1], ARGV[last + 2], held[i] or ''
        local words = tonumber(ARGV[at + count + i])
        if stamp <= before then
            if first <= last then redis.call('HSET', row, unpack(ARGV, first, last)) end
            first = last + words + 1
        elseif group == 'creation' and before ~= '' then
            redis.call('HDEL', row, 'digest', 'created_at_ms')
        end
        last = last + words
    end
    if first <= last then redis.call('HSET', row, unpack(ARGV, first, last)) end
    at = last + 1
end
"""
"""Lua. KEYS: rows. ARGV, for each: how many groups, their names, how many words each has, and these
words: group, stamp, then fields and values. A group is taken if its stamp is newer.

What of a row is taken is written at once. The API's digest and time go when a key is used again
without the API having cleared the row.
"""

PLACE: Final = """
local held = redis.call('HMGET', KEYS[1],
    'digest', 'closing', 'rejection', 'fills', 'remaining', 'creation')
local last = held[5] == '0' and held[4] or ''
for i = 2, 3 do
    if held[i] and held[i] > last then last = held[i] end
end
if last ~= '' and last >= (held[6] or '') and last < ARGV[1] then redis.call('DEL', KEYS[1])
elseif redis.call('EXISTS', KEYS[1]) == 1 then
    for i = 2, #ARGV, 2 do redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
    return held[1] or ''
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return false
"""
"""Lua. KEYS: an order's row. ARGV: a stamp, then the fields and values of `pending_row`.

Writes what is absent and returns the digest that the row held before ('' for a row without one), or
nil if it was no row, or one of an order that closed before the stamp and is forgotten (O2).
"""


class Order(TypedDict):
    """An order as the views tell it; an order that its account refused may have ids only."""

    order_id: str
    account_id: str
    side: str
    book_id: str
    quantity: int
    price_micros: int
    duration_seconds: int
    time_in_force: str
    expires_at_ms: int
    post_only: bool
    min_fill: int
    self_trade: str
    region: str
    min_duration_seconds: int
    available_until_ms: int
    status: OrderStatus
    filled_quantity: int
    filled_value_micros: int
    remaining: int
    reason: str
    code: str
    detail: str
    book_seq: int | None
    created_at_ms: int
    updated_at_ms: int


def order_key(order_id: str) -> str:
    """The key of an order's row."""
    return f"order:{order_id}"


def node_key(node_id: str) -> str:
    """The key of a node's row."""
    return f"node:{node_id}"


def price_key(gpu_type: str, region: str) -> str:
    """The key of the row of prices in a region, or with an empty one in all of them."""
    return f"price:{gpu_type}:{region}"


def stamp(at_ms: int, seq: int) -> str:
    """A fact's place as text that sorts like (time, sequence); sequence 0 for an account's fact."""
    return f"{at_ms:015d}:{seq:015d}"


def pending_row(account_id: str, order: Mapping[str, Any], created_at_ms: int) -> dict[str, str]:
    """What the API writes (script `PLACE`) once a PlaceOrder with all its defaults is in the log.

    A row that holds no more than this is provisional: see `is_provisional`.
    """
    fields = {**order, "account_id": account_id, "created_at_ms": created_at_ms}
    names = (*CREATION, "quantity", "price_micros", "digest", "created_at_ms")
    return {name: text(fields[name]) for name in names if name in fields}


def forgotten_before(now_ms: int) -> str:
    """The stamp for `PLACE`: orders that closed before it may be placed anew (O2)."""
    return stamp(max(now_ms - FORGOTTEN_AFTER_MS, 0), 0)


def is_provisional(row: Mapping[str, str]) -> bool:
    """Whether only the API has told how the order began.

    Redis may evict a row, and a repeated request then writes it anew; of the facts before that,
    such as fills, it has none, though later ones come. So ClickHouse, if it knows the order, is
    right and a provisional row is not.
    """
    return not (row.get("creation") or row.get("rejection"))


def order_status(row: Mapping[str, str]) -> OrderStatus:
    """The status of the order in a row (market-rules.md O4)."""
    if row.get("rejection") and _is_current(row, "rejection"):
        return "rejected"
    if row.get("fills") and _is_current(row, "fills") and row["remaining"] == "0":
        return "filled"
    if row.get("closing") and _is_current(row, "closing"):
        return "cancelled"
    return "partial" if row.get("fills") and _is_current(row, "fills") else "pending"


def read_order(row: Mapping[str, str]) -> Order | None:
    """The order in a row; None if there is none, or only facts whose beginning was evicted."""
    if not row.get("rejection") and "side" not in row:
        return None
    now = _current_fields(row)
    status = order_status(row)
    filled = int(now.get("filled_quantity", 0))
    quantity = _quantity(row, now, filled)
    seen_at_ms, book_seq = _last_stamp(row)
    created_at_ms = int(now.get("created_at_ms") or _start(row).partition(":")[0] or 0)
    return Order(
        order_id=now["order_id"],
        account_id=now["account_id"],
        side=now.get("side", ""),
        book_id=now.get("book_id", ""),
        quantity=quantity,
        price_micros=int(now.get("price_micros", 0)),
        duration_seconds=int(now.get("duration_seconds", 0)),
        time_in_force=now.get("time_in_force", ""),
        expires_at_ms=int(now.get("expires_at_ms", 0)),
        post_only=now.get("post_only") == "1",
        min_fill=int(now.get("min_fill", 0)),
        self_trade=now.get("self_trade", ""),
        region=now.get("region", ""),
        min_duration_seconds=int(now.get("min_duration_seconds", 0)),
        available_until_ms=int(now.get("available_until_ms", 0)),
        status=status,
        filled_quantity=filled,
        filled_value_micros=int(now.get("filled_value_micros", 0)),
        remaining=quantity - filled if status in ("pending", "partial") else 0,
        reason=now.get("reason", "") if status == "cancelled" else "",
        code=now.get("code", ""),
        detail=now.get("detail", ""),
        book_seq=book_seq or None,
        created_at_ms=created_at_ms,
        updated_at_ms=seen_at_ms or created_at_ms,
    )


def read_node(row: Mapping[str, str]) -> dict[str, Any] | None:
    """The newest NodeChanged of a node's row; None for an empty row."""
    return json.loads(row["fact"]) if row else None


def price_field(product: str) -> str:
    """The field of a row of prices that holds the newest PriceUpdate of a product."""
    return f"{product}:update"


def read_prices(row: Mapping[str, str]) -> list[dict[str, Any]]:
    """The newest PriceUpdate of each product in a row of prices."""
    return [json.loads(text) for field, text in sorted(row.items()) if field.endswith(":update")]


def text(value: Any) -> str:
    """A field's value as a row holds it."""
    return str(int(value)) if isinstance(value, bool) else str(value)


_GROUPS: Final = {
    "creation": (*CREATION, "digest", "created_at_ms"),
    "total": ("quantity", "price_micros"),
    "fills": ("filled_quantity", "filled_value_micros", "remaining"),
    "closing": ("reason",),
    "rejection": ("order_id", "account_id", "code", "detail"),
}


def _start(row: Mapping[str, str]) -> str:
    return max(row.get("creation", ""), row.get("rejection", ""))


def _is_current(row: Mapping[str, str], group: str) -> bool:
    held = row.get(group, "")
    return not held or held >= _start(row)


def _current_fields(row: Mapping[str, str]) -> dict[str, str]:
    return {
        name: row[name]
        for group, names in _GROUPS.items()
        if _is_current(row, group)
        for name in names
        if name in row
    }


def _quantity(row: Mapping[str, str], now: Mapping[str, str], filled: int) -> int:
    """The total: of the newest fact that tells it; a trade does, and may come before an amend."""
    if "remaining" in now and row["fills"] > row.get("total", ""):
        return filled + int(now["remaining"])
    return int(now.get("quantity", 0))


def _last_stamp(row: Mapping[str, str]) -> tuple[int, int]:
    stamps = [row.get(group, "") for group in _GROUPS if _is_current(row, group)]
    at_ms, _, seq = max(stamps).partition(":")
    return int(at_ms or 0), int(seq or 0)
