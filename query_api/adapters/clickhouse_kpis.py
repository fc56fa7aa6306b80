"""The figures of the whole market, from the hourly aggregates in ClickHouse (schemas/views)."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from query_api.kpis import (
    DAY_MS,
    HOUR_MS,
    Activity,
    Capacity,
    CapacityAt,
    CapacityFilter,
    Grouping,
    Sold,
    SoldFilter,
    SpotPrice,
    Standing,
    hour_of,
)
from query_api.ports import Row
from udfs.spot_market import EVERYWHERE, SPOT, WINDOW_MS

Ask = Callable[[str, Mapping[str, Any]], Awaitable[list[Row]]]
_KEYS: Final[Mapping[Grouping, str]] = {
    "day": "toString(day)",
    "provider": "seller_id",
    "gpu_type": "toString(gpu_type)",
}
_FROM: Final = "toDateTime(intDiv({from_ms:Int64}, 1000), 'UTC')"
_TO: Final = "toDateTime(intDiv({to_ms:Int64}, 1000), 'UTC')"


def _standings(now_ms: int) -> str:
    """How the market stands now (`days_ago` 0) and stood a day before (1), each in parts.

    One statement, for half of what any of its parts costs the engine is to look at it. Times stand
    in it as numbers for the same reason: as parameters, and functions of them, they cost more.
    """
    end_ms = hour_of(now_ms) + HOUR_MS
    parts = (
        _value(now_ms),
        _trades(end_ms),
        _closings(end_ms),
        _traders(end_ms),
        _capacity(end_ms),
        _spot(now_ms),
    )
    return "UNION ALL".join(parts)


_PARTS: Final = {"value": 1, "trades": 2, "closings": 1, "traders": 2, "capacity": 3, "spot": 2}
"""How many amounts each has."""


def _value(now_ms: int) -> str:
    """Each trade once without FINAL, which would not read them by time."""
    before_ms = now_ms - DAY_MS
    return f"""
    SELECT 'value' AS part, days_ago, [sum(toInt128(quantity) * price_micros)] AS amounts
    FROM (
        SELECT occurred_at_ms < {now_ms - HOUR_MS} AS days_ago, quantity, price_micros
        FROM orders_matched
        WHERE (occurred_at_ms >= {now_ms - HOUR_MS} AND occurred_at_ms < {now_ms})
            OR (occurred_at_ms >= {before_ms - HOUR_MS} AND occurred_at_ms < {before_ms})
        LIMIT 1 BY book_id, book_seq
    )
    GROUP BY days_ago
"""


def _trades(end_ms: int) -> str:
    return f"""
    SELECT 'trades', {_days_ago(end_ms)}, [sum(cost_micros), toInt128(sum(orders_filled))]
    FROM market_hours FINAL
    WHERE {_hours(end_ms)}
    GROUP BY days_ago
"""


def _closings(end_ms: int) -> str:
    return f"""
    SELECT 'closings', {_days_ago(end_ms)}, [toInt128(sum(orders))]
    FROM closing_hours FINAL
    WHERE {_hours(end_ms)}
    GROUP BY days_ago
"""


def _traders(end_ms: int) -> str:
    """Of a day's hours those before the end's count for the end on it, the rest for the next."""
    last_day, first_hours = end_ms // DAY_MS, (1 << end_ms % DAY_MS // HOUR_MS) - 1
    return f"""
    SELECT 'traders', toDate({last_day}) - day - is_later AS days_ago, [
        toInt128(uniqExactIf(account_id, side = 'seller')),
        toInt128(uniqExactIf(account_id, side = 'buyer'))]
    FROM trader_days
    ARRAY JOIN [{first_hours}, bitNot(toUInt32({first_hours}))] AS some, [0, 1] AS is_later
    WHERE day >= toDate({last_day - 2}) AND day <= toDate({last_day}) AND bitAnd(hours, some) != 0
        AND days_ago IN (0, 1)
    GROUP BY days_ago
"""


def _capacity(end_ms: int) -> str:
    """The newest hour that has a row has one of all GPUs."""
    return f"""
    SELECT 'capacity', days_ago, argMax(amounts, hour)
    FROM (
        SELECT hour, [
            toInt128(sum(available)), toInt128(sum(held)), toInt128(sum(allocated))] AS amounts
        FROM capacity_hours FINAL
        WHERE hour < {end_ms // 1000} AND hour >= (
            SELECT max(hour) FROM capacity_hours WHERE hour < {(end_ms - DAY_MS) // 1000})
        GROUP BY hour
    )
    ARRAY JOIN if(hour < {(end_ms - DAY_MS) // 1000}, [0, 1], [0]) AS days_ago
    GROUP BY days_ago
"""


def _spot(now_ms: int) -> str:
    return f"""
    SELECT 'spot', days_ago, [toInt128(sum(newest.1)), sum(toInt128(newest.1) * newest.2)]
    FROM (
        SELECT
            occurred_at_ms <= {now_ms - DAY_MS} AS days_ago,
            argMax((available + held + allocated, spot_price_micros), occurred_at_ms) AS newest
        FROM pricing_updates
        WHERE product = '{SPOT}' AND region = '{EVERYWHERE}' AND spot_price_micros > 0
            AND ({_told_by(now_ms)} OR {_told_by(now_ms - DAY_MS)})
        GROUP BY days_ago, gpu_type
    )
    GROUP BY days_ago
"""


def _hours(end_ms: int) -> str:
    """The 48 hours up to this one."""
    return f"hour >= {(end_ms - 2 * DAY_MS) // 1000} AND hour < {end_ms // 1000}"


def _days_ago(end_ms: int) -> str:
    return f"hour < {(end_ms - DAY_MS) // 1000} AS days_ago"


def _told_by(at_ms: int) -> str:
    """Which price updates were told in the hour up to a moment; the key has their windows."""
    return (
        f"(occurred_at_ms > {at_ms - HOUR_MS} AND occurred_at_ms <= {at_ms} "
        f"AND window_start_ms >= {at_ms - HOUR_MS - WINDOW_MS} AND window_start_ms < {at_ms})"
    )


# All GPUs have a row in each hour that was made; it holds for all steps up to the next such hour.
_CAPACITIES: Final = f"""
    SELECT
        intDiv(toUnixTimestamp(hour), {{seconds:UInt32}}) AS step,
        argMax(stood.1, hour) AS available,
        argMax(stood.2, hour) AS held,
        argMax(stood.3, hour) AS allocated
    FROM (
        SELECT hour, (sum(available), sum(held), sum(allocated)) AS stood
        FROM capacity_hours FINAL
        WHERE hour < {_TO}
            AND hour >= (SELECT max(hour) FROM capacity_hours WHERE hour <= {_FROM})
            AND (gpu_type = {{gpu_type:String}} OR {{gpu_type:String}} = '')
            AND (region = {{region:String}} OR {{region:String}} = '')
        GROUP BY hour
    )
    GROUP BY step
    ORDER BY step
"""
_SOLD: Final = f"""
    SELECT
        {{key}} AS key, sum(trades) AS trades, sum(gpus) AS gpus, sum(gpu_seconds) AS gpu_seconds,
        sum(cost_micros) AS cost_micros
    FROM seller_days FINAL
    WHERE day >= toDate({_FROM}) AND day < toDate({_TO})
        AND (seller_id = {{seller_id:String}} OR {{seller_id:String}} = '')
    GROUP BY key
    ORDER BY key
"""


# There is little to read: more threads would cost more than they save, but for parts side by side.
_SETTINGS: Final = "SETTINGS max_threads = 1"
_OF_PARTS: Final = "SETTINGS max_threads = 2"


class ClickHouseKpis:
    """The port `Kpis`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def standings(self, now_ms: int) -> tuple[Standing, Standing]:
        rows = await self._ask(f"{_standings(now_ms)} {_OF_PARTS}", {})
        found = {
            (row["part"], row["days_ago"]): [int(amount) for amount in row["amounts"]]
            for row in rows
        }
        return _standing(found, 0), _standing(found, 1)

    async def capacities(self, wanted: CapacityFilter) -> list[CapacityAt]:
        asked = {
            "seconds": wanted.step_ms // 1000,
            "from_ms": wanted.from_ms,
            "to_ms": wanted.to_ms,
            "gpu_type": wanted.gpu_type,
            "region": wanted.region,
        }
        rows = [_integers(row) for row in await self._rows(_CAPACITIES, asked)]
        stood = [(row.pop("step"), Capacity(**row)) for row in rows]
        return list(_each_step(stood, wanted))

    async def sold(self, wanted: SoldFilter) -> list[Sold]:
        sql = _SOLD.replace("{key}", _KEYS[wanted.by])
        values = {"from_ms": wanted.from_ms, "to_ms": wanted.to_ms, "seller_id": wanted.seller_id}
        return [Sold(row.pop("key"), **_integers(row)) for row in await self._rows(sql, values)]

    async def _rows(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        return await self._ask(f"{sql} {_SETTINGS}", values)


def _standing(found: Mapping[tuple[str, int], Sequence[int]], days_ago: int) -> Standing:
    """Of a part without a row there was nothing."""
    value, trades, closings, traders, capacity, spot = (
        found.get((part, days_ago), (0,) * amounts) for part, amounts in _PARTS.items()
    )
    activity = Activity(*trades, *closings, *traders)
    return Standing(value[0], activity, Capacity(*capacity), SpotPrice(*spot))


def _each_step(
    stood: Iterable[tuple[int, Capacity]], wanted: CapacityFilter
) -> Iterator[CapacityAt]:
    """What holds in each step, from how GPUs stood in some of them, oldest first."""
    first, end = wanted.from_ms // wanted.step_ms, -(-wanted.to_ms // wanted.step_ms)
    told = {max(step, first): capacity for step, capacity in stood}
    newest = None
    for step in range(first, end):
        newest = told.get(step, newest)
        if newest is not None:
            yield CapacityAt(step * wanted.step_ms, newest)


def _integers(row: Row) -> dict[str, int]:
    """128-bit integers come as text, a sum of nothing may come as null."""
    return {name: int(value or 0) for name, value in row.items()}
