"""The figures of the whole market, from the hourly aggregates in ClickHouse (schemas/views)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from query_api.kpis import (
    Activity,
    Capacity,
    CapacityAt,
    CapacityFilter,
    Grouping,
    Sold,
    SoldFilter,
)
from query_api.ports import Row

Ask = Callable[[str, Mapping[str, Any]], Awaitable[list[Row]]]
_KEYS: Final[Mapping[Grouping, str]] = {
    "day": "toString(day)",
    "provider": "seller_id",
    "gpu_type": "toString(gpu_type)",
}
_FROM: Final = "toDateTime(intDiv({from_ms:Int64}, 1000), 'UTC')"
_TO: Final = "toDateTime(intDiv({to_ms:Int64}, 1000), 'UTC')"
_HOURS: Final = f"hour >= {_FROM} AND hour < {_TO}"
# Each trade once without FINAL, which would read more than these hours.
_VALUE: Final = """
    SELECT sum(toInt128(quantity) * price_micros) AS value_micros
    FROM (
        SELECT DISTINCT book_id, book_seq, quantity, price_micros FROM orders_matched
        WHERE occurred_at_ms >= {from_ms:Int64} AND occurred_at_ms < {to_ms:Int64}
    )
"""
_ACTIVITY: Final = f"""
    SELECT
        sumIf(gpus, product = 'spot') AS spot_gpus,
        sumIf(value_micros, product = 'spot') AS spot_value_micros,
        sum(cost_micros) AS cost_micros,
        sum(orders_filled) AS filled,
        (SELECT sum(orders) FROM closing_hours FINAL WHERE {_HOURS}) AS closed,
        (SELECT (uniqExactIf(account_id, side = 'seller'), uniqExactIf(account_id, side = 'buyer'))
            FROM trader_hours WHERE {_HOURS}) AS traders,
        traders.1 AS providers,
        traders.2 AS consumers
    FROM market_hours FINAL
    WHERE {_HOURS}
"""
_STATES: Final = "(available, held, allocated)"
_CAPACITY: Final = f"""
    SELECT sum(newest.1) AS available, sum(newest.2) AS held, sum(newest.3) AS allocated
    FROM (
        SELECT argMax({_STATES}, (hour, version)) AS newest FROM capacity_hours
        WHERE hour < toDateTime(intDiv({{before_ms:Int64}}, 1000), 'UTC')
        GROUP BY gpu_type, region
    )
"""
# A row holds for all steps up to that of the next of its GPUs.
_CAPACITIES: Final = f"""
    SELECT
        at, sum(newest.1) AS available, sum(newest.2) AS held, sum(newest.3) AS allocated
    FROM (
        SELECT
            newest,
            arrayJoin(range(
                greatest(step, {{first:UInt32}}),
                leadInFrame(step, 1, {{end:UInt32}}) OVER (
                    PARTITION BY gpu_type, region ORDER BY step
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                )
            )) AS at
        FROM (
            SELECT
                gpu_type, region,
                toUInt32(intDiv(toUnixTimestamp(hour), {{seconds:UInt32}})) AS step,
                argMax({_STATES}, (hour, version)) AS newest
            FROM capacity_hours
            WHERE hour < {_TO}
                AND (gpu_type = {{gpu_type:String}} OR {{gpu_type:String}} = '')
                AND (region = {{region:String}} OR {{region:String}} = '')
            GROUP BY gpu_type, region, step
        )
    )
    GROUP BY at
    ORDER BY at
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


# There is little to read: more threads would cost more than they save.
_SETTINGS: Final = "SETTINGS max_threads = 1"


class ClickHouseKpis:
    """The port `Kpis`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def value_micros(self, from_ms: int, to_ms: int) -> int:
        row = await self._row(_VALUE, from_ms=from_ms, to_ms=to_ms)
        return int(row["value_micros"])

    async def activity(self, from_ms: int, to_ms: int) -> Activity:
        row = await self._row(_ACTIVITY, from_ms=from_ms, to_ms=to_ms)
        row.pop("traders")
        return Activity(**_integers(row))

    async def capacity(self, before_ms: int) -> Capacity:
        return Capacity(**_integers(await self._row(_CAPACITY, before_ms=before_ms)))

    async def capacities(self, wanted: CapacityFilter) -> list[CapacityAt]:
        first, end = wanted.from_ms // wanted.step_ms, -(-wanted.to_ms // wanted.step_ms)
        asked = {
            "first": first,
            "end": end,
            "seconds": wanted.step_ms // 1000,
            "to_ms": wanted.to_ms,
            "gpu_type": wanted.gpu_type,
            "region": wanted.region,
        }
        found = [_integers(row) for row in await self._rows(_CAPACITIES, asked)]
        return [CapacityAt(row.pop("at") * wanted.step_ms, Capacity(**row)) for row in found]

    async def sold(self, wanted: SoldFilter) -> list[Sold]:
        sql = _SOLD.replace("{key}", _KEYS[wanted.by])
        values = {"from_ms": wanted.from_ms, "to_ms": wanted.to_ms, "seller_id": wanted.seller_id}
        return [Sold(row.pop("key"), **_integers(row)) for row in await self._rows(sql, values)]

    async def _row(self, sql: str, **values: int) -> Row:
        """The one row of an aggregate."""
        return (await self._rows(sql, values))[0]

    async def _rows(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        return await self._ask(f"{sql} {_SETTINGS}", values)


def _integers(row: Row) -> dict[str, int]:
    """128-bit integers come as text, a sum of nothing may come as null."""
    return {name: int(value or 0) for name, value in row.items()}
