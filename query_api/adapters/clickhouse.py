"""The views of everything, in ClickHouse, over its HTTP interface."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import httpx

from query_api.ports import (
    OrderFilter,
    PriceFilter,
    ReadingFilter,
    Row,
    Unavailable,
    WindowFilter,
)
from schemas import contract, names
from schemas.bounds import ROLLED_UP, STATISTICS
from schemas.readings import LABELS
from schemas.views import Order
from udfs.telemetry import NODE_ITSELF

QUERY_SECONDS = 4
"""How long the server works on a query; none of ours should come near."""
TIMEOUT_SECONDS = 5.0
NODES_AT_ONCE = 500
"""Nodes that one question names: they stand in its URL, which httpx ends at 65,536 characters."""
_TOO_SLOW = ("159", "202")
"""ClickHouse's codes TIMEOUT_EXCEEDED and TOO_MANY_SIMULTANEOUS_QUERIES."""
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n"})


class ClickHouse:
    """The port `History`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ping(self) -> None:
        """Raise if it cannot be used."""
        await self.rows("SELECT 1 AS one", {})

    async def order(self, order_id: str) -> Order | None:
        sql = f"SELECT {_ORDER} FROM orders WHERE order_id = {{order_id:String}} LIMIT 1"
        rows = await self.rows(sql, {"order_id": order_id})
        return _order(rows[0]) if rows else None

    async def orders(self, wanted: OrderFilter) -> tuple[list[Order], int]:
        where, values = _where(wanted)
        counted = await self.rows(f"SELECT count() AS total FROM orders {where}", values)
        after = ""
        if wanted.before is not None:
            after = "AND (created_at_ms, order_id) < ({at_ms:Int64}, {last:String})"
            values |= {"at_ms": wanted.before[0], "last": wanted.before[1]}
        rows = await self.rows(
            f"SELECT {_ORDER} FROM orders {where} {after} "
            "ORDER BY created_at_ms DESC, order_id DESC LIMIT {limit:UInt32}",
            values | {"limit": wanted.limit},
        )
        return [_order(row) for row in rows], counted[0]["total"]

    async def traded_quantity(self, order: Order) -> int:
        sql = f"SELECT sum(quantity) AS traded FROM trades WHERE {_OF_ORDER}"
        rows = await self.rows(sql, _order_values(order))
        return int(rows[0]["traded"])

    async def trades_of(self, order: Order, after_seq: int, limit: int) -> list[Row]:
        sql = (
            f"SELECT {_TRADE} FROM trades WHERE {_OF_ORDER} AND book_seq > {{after:Int64}} "
            "ORDER BY book_seq LIMIT {limit:UInt32}"
        )
        return await self.rows(sql, _order_values(order) | {"after": after_seq, "limit": limit})

    async def trades_in(self, book_id: str, before_seq: int | None, limit: int) -> list[Row]:
        sql = (
            f"SELECT {_TRADE} FROM trades WHERE book_id = {{book_id:String}} "
            "AND book_seq < {before:Int64} ORDER BY book_seq DESC LIMIT {limit:UInt32}"
        )
        before = _LAST_SEQ if before_seq is None else before_seq
        return await self.rows(sql, {"book_id": book_id, "before": before, "limit": limit})

    async def trades_count(self, book_id: str | None = None) -> int:
        where = "" if book_id is None else "WHERE book_id = {book_id:String}"
        sql = f"SELECT count() AS trades FROM trades {where}"
        rows = await self.rows(sql, {"book_id": book_id} if book_id else {})
        return int(rows[0]["trades"])

    async def nodes(self, node_ids: Sequence[str]) -> list[Row | None]:
        sql = "SELECT * FROM nodes WHERE node_id IN {node_ids:Array(String)}"
        found: dict[str, Row] = {}
        for start in range(0, len(node_ids), NODES_AT_ONCE):
            part = node_ids[start : start + NODES_AT_ONCE]
            rows = await self.rows(sql, {"node_ids": _array(part)})
            found |= {row["node_id"]: row for row in rows}
        return [found.get(node_id) for node_id in node_ids]

    async def readings(self, wanted: ReadingFilter) -> list[Row]:
        index = _INDEX[wanted.topic]
        from_ms, last = wanted.after or (wanted.from_ms, _BEFORE_ALL)
        sql = (
            f"{_readings(wanted.topic)} AND timestamp >= {_MS.format('from_ms')} "
            f"AND timestamp < {_MS.format('to_ms')} "
            f"AND (timestamp > {_MS.format('from_ms')} OR {index} > {{last:Int32}}) "
            f"ORDER BY timestamp, {index} LIMIT 1 BY timestamp, {index} LIMIT {{limit:UInt32}}"
        )
        values = {"from_ms": from_ms, "to_ms": wanted.to_ms, "last": last, "limit": wanted.limit}
        rows = await self.rows(sql, {"node_id": wanted.node_id, **values})
        return [_reading(row) for row in rows]

    async def newest_readings(self, node_id: str) -> list[Row]:
        found: list[Row] = []
        for topic, index in _INDEX.items():
            # Only these are sorted and read whole: a node's history is of millions of readings.
            sql = (
                f"{_readings(topic)} AND ({index}, timestamp) IN (SELECT {index}, max(timestamp) "
                f"FROM {_READINGS[topic]} WHERE node_id = {{node_id:String}} GROUP BY {index}) "
                f"LIMIT 1 BY {index}"
            )
            found += await self.rows(sql, {"node_id": node_id})
        return [_reading(row) for row in found]

    async def windows(self, wanted: WindowFilter) -> list[Row]:
        sql = (
            f"SELECT window_start_ms, samples, {_STATISTICS} FROM telemetry_rollups "
            "WHERE scope = 'node' AND scope_id = {node_id:String} "
            "AND window_seconds = {seconds:Int32} AND window_start_ms >= {from_ms:Int64} "
            "AND window_start_ms < {to_ms:Int64} AND window_start_ms > {after_ms:Int64} "
            "ORDER BY window_start_ms, samples DESC LIMIT 1 BY window_start_ms LIMIT {limit:UInt32}"
        )
        return await self.rows(sql, wanted._asdict())

    async def cluster_utilization(self, from_ms: int) -> Mapping[str, float]:
        sql = (
            "SELECT scope_id, argMax(gpu_utilization_mean, (window_start_ms, samples)) AS mean "
            "FROM telemetry_rollups WHERE scope = 'cluster' AND window_seconds = 60 "
            "AND window_start_ms >= {from_ms:Int64} GROUP BY scope_id"
        )
        rows = await self.rows(sql, {"from_ms": from_ms})
        return {row["scope_id"]: row["mean"] for row in rows}

    async def newest_prices(self, gpu_types: Sequence[str], region: str) -> list[Row]:
        sql = (
            "SELECT * FROM pricing_updates WHERE gpu_type IN {gpu_types:Array(String)} "
            "AND region = {region:String} AND NOT is_final "
            f"AND window_start_ms > toUnixTimestamp64Milli(now64(3)) - {_DAY_MS} "
            "ORDER BY occurred_at_ms DESC LIMIT 1 BY gpu_type, product"
        )
        return await self.rows(sql, {"gpu_types": _array(gpu_types), "region": region})

    async def prices(self, wanted: PriceFilter) -> tuple[list[Row], int]:
        where = (
            "FROM pricing_updates FINAL WHERE gpu_type = {gpu_type:String} "
            "AND region = {region:String} AND product = {product:String} AND is_final "
            "AND window_start_ms >= {from_ms:Int64} AND window_start_ms < {to_ms:Int64}"
        )
        values = wanted._asdict() | {"before_ms": wanted.before_ms or wanted.to_ms}
        counted = await self.rows(f"SELECT count() AS total {where}", values)
        rows = await self.rows(
            f"SELECT * {where} AND window_start_ms < {{before_ms:Int64}} "
            "ORDER BY window_start_ms DESC LIMIT {limit:UInt32}",
            values,
        )
        return rows, counted[0]["total"]

    async def rows(self, sql: str, values: Mapping[str, Any]) -> list[Row]:
        """The rows of an answer; values are the parameters of the statement, by name.

        Raises:
            Unavailable: it cannot be reached, or has too much to do.
        """
        params = {f"param_{name}": _written(value) for name, value in values.items()}
        try:
            reply = await self._client.post(
                "/", content=f"{sql} FORMAT JSONEachRow", params=params | _SETTINGS
            )
        except httpx.TransportError as error:
            raise Unavailable("clickhouse") from error
        if reply.status_code in (502, 503, 504) or _is_too_slow(reply):
            raise Unavailable("clickhouse")
        if reply.status_code != 200:
            raise RuntimeError(f"ClickHouse refused a query: {reply.text[:500]}")
        return [json.loads(line) for line in reply.content.splitlines()]


def connect(url: str, user: str, password: str) -> httpx.AsyncClient:
    """A client of ClickHouse's HTTP interface."""
    return httpx.AsyncClient(
        base_url=url,
        headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password},
        timeout=TIMEOUT_SECONDS,
    )


def _written(value: Any) -> str:
    """A value as a parameter is read: text with its escapes, as in a tab-separated file."""
    return value.translate(_ESCAPES) if isinstance(value, str) else str(value)


def _is_too_slow(reply: httpx.Response) -> bool:
    return reply.headers.get("X-ClickHouse-Exception-Code") in _TOO_SLOW


def _where(wanted: OrderFilter) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {"account_id": wanted.account_id}
    if not wanted.statuses:
        return "WHERE account_id = {account_id:String}", values
    values["statuses"] = _array(wanted.statuses)
    where = "WHERE account_id = {account_id:String} AND status IN {statuses:Array(String)}"
    return where, values


def _array(words: Sequence[str]) -> str:
    """An array of ids or names, which hold no quote."""
    return "[" + ",".join(f"'{word}'" for word in words) + "]"


def _order_values(order: Order) -> dict[str, Any]:
    return {"order_id": order["order_id"], "book_id": order["book_id"]}


def _readings(topic: str) -> str:
    """The beginning of a query for what a node's readings measured."""
    fields = contract.records()[contract.topics()[topic].record]["fields"]
    measured = [field["name"] for field in fields if field["name"] not in (*LABELS, "timestamp")]
    return (
        f"SELECT {', '.join(measured)}, toUnixTimestamp64Milli(timestamp) AS timestamp_ms "
        f"FROM {_READINGS[topic]} WHERE node_id = {{node_id:String}}"
    )


def _reading(row: Row) -> Row:
    measured = {name: value for name, value in row.items() if name != "timestamp_ms"}
    return {**measured, "timestamp": row["timestamp_ms"]}


def _order(row: Row) -> Order:
    return cast(Order, row)


_SETTINGS = {
    "output_format_json_quote_64bit_integers": "0",
    "max_execution_time": str(QUERY_SECONDS),
}
_LAST_SEQ = 2**63 - 1
_DAY_MS = 24 * 3600 * 1000
_READINGS = {
    names.TELEMETRY_GPU: "providers_telemetry",
    names.TELEMETRY_NODE: "providers_node_telemetry",
}
_INDEX = {names.TELEMETRY_GPU: "gpu_index", names.TELEMETRY_NODE: f"toInt32({NODE_ITSELF})"}
"""What tells readings of one moment apart."""
_STATISTICS = ", ".join(f"{name}_{each}" for name in ROLLED_UP for each in STATISTICS)
_BEFORE_ALL = NODE_ITSELF - 1
_MS = "fromUnixTimestamp64Milli({{{}:Int64}}, 'UTC')"
_ORDER = (
    "order_id, account_id, type AS side, book_id, quantity, price_micros, duration_seconds, "
    "time_in_force, expires_at_ms, post_only, min_fill, self_trade, region, min_duration_seconds, "
    "available_until_ms, status, filled_quantity, filled_value_micros, remaining, reason, code, "
    "detail, book_seq, created_at_ms, updated_at_ms"
)
_TRADE = (
    "trade_id, book_id, book_seq, gpu_type, product, region, bid_order_id, ask_order_id, buyer_id, "
    "seller_id, aggressor, quantity, price_micros, duration_seconds, occurred_at_ms"
)
# A key that is used again starts its order anew: older trades are not its own (O2).
_OF_ORDER = (
    "book_id = {book_id:String} "
    "AND (bid_order_id = {order_id:String} OR ask_order_id = {order_id:String}) "
    "AND book_seq > (SELECT max(book_seq) FROM orders_created "
    "WHERE order_id = {order_id:String} AND book_id = {book_id:String})"
)
