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
    "day": "toString(toDate(hour))",
    "provider": "seller_id",
    "gpu_type": "toString(gpu_type)",
}
_HOURS: Final = (
    "hour >= toDateTime(intDiv({from_ms:Int64}, 1000), 'UTC') "
    "AND hour < toDateTime(intDiv({to_ms:Int64}, 1000), 'UTC')"
)
_VALUE: Final = """
    SELECT sum(toInt128(quantity) * price_micros) AS value_micros FROM trades
    WHERE occurred_at_ms >= {from_ms:Int64} AND occurred_at_ms < {to_ms:Int64}
"""
_ACTIVITY: Final = f"""
    SELECT
        sumIf(gpus, product = 'spot') AS spot_gpus,
        sumIf(value_micros, product = 'spot') AS spot_value_micros,
        sum(cost_micros) AS cost_micros,
        uniqExact(seller_id) AS providers,
        uniqExactMerge(buyers) AS consumers,
        sum(orders_filled) AS filled,
        (SELECT sum(orders) FROM closing_hours FINAL WHERE {_HOURS}) AS closed
    FROM trade_hours FINAL
    WHERE {_HOURS}
"""
# What a node was last; of a repeated fact it is the same.
_NEWEST: Final = "argMax((available, held, allocated), account_seq) AS newest"
_CAPACITY: Final = f"""
    SELECT sum(newest.1) AS available, sum(newest.2) AS held, sum(newest.3) AS allocated
    FROM (
        SELECT {_NEWEST} FROM node_hours
        WHERE hour < toDateTime(intDiv({{before_ms:Int64}}, 1000), 'UTC')
        GROUP BY node_id
    )
"""
# A node stands as it stood last until it changes again: each of its rows holds for all steps up to
# that of its next row.
_CAPACITIES: Final = f"""
    SELECT
        at, sum(newest.1) AS available, sum(newest.2) AS held, sum(newest.3) AS allocated
    FROM (
        SELECT
            newest,
            arrayJoin(range(
                greatest(step, {{first:UInt32}}),
                leadInFrame(step, 1, {{end:UInt32}}) OVER (
                    PARTITION BY node_id ORDER BY step
                    ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                )
            )) AS at
        FROM (
            SELECT node_id, toUInt32(intDiv(toUnixTimestamp(hour), {{seconds:UInt32}})) AS step,
                {_NEWEST}
            FROM node_hours
            WHERE hour < toDateTime(intDiv({{to_ms:Int64}}, 1000), 'UTC')
                AND (gpu_type = {{gpu_type:String}} OR {{gpu_type:String}} = '')
                AND (region = {{region:String}} OR {{region:String}} = '')
            GROUP BY node_id, step
        )
    )
    GROUP BY at
    ORDER BY at
"""
_SOLD: Final = f"""
    SELECT
        {{key}} AS key, sum(trades) AS trades, sum(gpus) AS gpus, sum(gpu_seconds) AS gpu_seconds,
        sum(cost_micros) AS cost_micros
    FROM trade_hours FINAL
    WHERE {_HOURS} AND (seller_id = {{seller_id:String}} OR {{seller_id:String}} = '')
    GROUP BY key
    ORDER BY key
"""


class ClickHouseKpis:
    """The port `Kpis`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def value_micros(self, from_ms: int, to_ms: int) -> int:
        row = await self._row(_VALUE, from_ms=from_ms, to_ms=to_ms)
        return int(row["value_micros"])

    async def activity(self, from_ms: int, to_ms: int) -> Activity:
        row = await self._row(_ACTIVITY, from_ms=from_ms, to_ms=to_ms)
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
        found = [_integers(row) for row in await self._ask(_CAPACITIES, asked)]
        return [CapacityAt(row.pop("at") * wanted.step_ms, Capacity(**row)) for row in found]

    async def sold(self, wanted: SoldFilter) -> list[Sold]:
        sql = _SOLD.replace("{key}", _KEYS[wanted.by])
        values = {"from_ms": wanted.from_ms, "to_ms": wanted.to_ms, "seller_id": wanted.seller_id}
        return [Sold(row.pop("key"), **_integers(row)) for row in await self._ask(sql, values)]

    async def _row(self, sql: str, **values: int) -> Row:
        """The one row of an aggregate."""
        return (await self._ask(sql, values))[0]


def _integers(row: Row) -> dict[str, int]:
    """128-bit integers come as text, a sum of nothing may come as null."""
    return {name: int(value or 0) for name, value in row.items()}
