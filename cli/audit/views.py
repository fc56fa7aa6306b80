"""What ClickHouse, Redis and the API tell of orders and trades, asked in pieces."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from cli import clickhouse
from cli.client import Client, Json
from cli.errors import Unreachable
from cli.session import Session
from schemas import views
from udfs.audit.agreement import ORDER, TRADE, TRADES_IN_A_BUCKET, Sum
from udfs.money import MICROS

ROWS_AT_ONCE: Final = 500
TIMEOUT_SECONDS: Final = 5.0
_SUM: Final = "toString(count()) AS rows, toString(groupBitXor(halfMD5({text}))) AS digest"


class Views:
    """Reads; nothing here writes."""

    def __init__(self, session: Session) -> None:
        """Ask the servers of this session's market; nothing is asked yet."""
        self._session = session
        self._redis = Redis.from_url(
            session.settings.text("REDIS_URL"),
            decode_responses=True,
            socket_timeout=TIMEOUT_SECONDS,
        )

    # ClickHouse

    def trade_sums(self, last: Mapping[str, int], since_ms: int) -> dict[tuple[str, int], Sum]:
        """Sums of trades by book and bucket, each book up to a sequence."""
        if not last:
            return {}
        books = ", ".join(f"'{book_id}'" for book_id in last)
        ends = ", ".join(map(str, last.values()))
        rows = self._rows(
            f"SELECT book_id, intDiv(book_seq, {TRADES_IN_A_BUCKET}) AS bucket,"
            f" {_SUM.format(text=_text(TRADE))} FROM trades"
            f" WHERE book_seq <= transform(book_id, [{books}], [{ends}], 0)"
            f" AND occurred_at_ms >= {since_ms} GROUP BY book_id, bucket"
        )
        return {(row["book_id"], int(row["bucket"])): _sum(row) for row in rows}

    def trades_in(self, book_id: str, bucket: int, last: int) -> dict[str, Json]:
        """The trades of one bucket, by id, as far as they are compared."""
        first = bucket * TRADES_IN_A_BUCKET
        rows = self._rows(
            f"SELECT {', '.join(f'toString({name}) AS {name}_' for name in TRADE)} FROM trades"
            f" WHERE book_id = '{book_id}' AND book_seq >= {first} AND book_seq <= {last}"
            f" AND book_seq < {first + TRADES_IN_A_BUCKET}"
        )
        return {row["trade_id_"]: {name: row[f"{name}_"] for name in TRADE} for row in rows}

    def order_sums(self, since_ms: int) -> dict[str, Sum]:
        """Sums of orders by the beginning of their ids."""
        text = _text(("order_id", *ORDER, "reason"))
        rows = self._rows(
            f"SELECT substring(order_id, 1, 2) AS bucket, {_SUM.format(text=text)} FROM orders"
            f" WHERE created_at_ms >= {since_ms} GROUP BY bucket"
        )
        return {row["bucket"]: _sum(row) for row in rows}

    def orders_in(self, bucket: str, since_ms: int) -> dict[str, Json]:
        """The orders of one bucket, by id, as far as they are compared."""
        numbers = ("quantity", "price_micros", "filled_quantity", "filled_value_micros")
        casts = ", ".join(f"toString({name}) AS {name}_" for name in numbers)
        rows = self._rows(
            f"SELECT order_id, status, reason, {casts} FROM orders"
            f" WHERE startsWith(order_id, '{bucket}') AND created_at_ms >= {since_ms}"
        )
        return {row["order_id"]: {**row, **_numbers(row, numbers)} for row in rows}

    # Redis

    def redis_orders(self, order_ids: Iterable[str]) -> Iterator[tuple[str, views.Order | None]]:
        """Each order as Redis has it; None where it has none that is to be believed.

        Raises:
            Unreachable: Redis does not answer.
        """
        names = list(order_ids)
        for start in range(0, len(names), ROWS_AT_ONCE):
            some = names[start : start + ROWS_AT_ONCE]
            for name, row in zip(some, self._redis_rows(map(views.order_key, some)), strict=True):
                is_told = bool(row) and not views.is_provisional(row)
                yield name, views.read_order(row) if is_told else None

    def redis_nodes(self, node_ids: Iterable[str]) -> Iterator[tuple[str, Json | None]]:
        """The newest fact of each node that Redis has."""
        names = list(node_ids)
        for start in range(0, len(names), ROWS_AT_ONCE):
            some = names[start : start + ROWS_AT_ONCE]
            for name, row in zip(some, self._redis_rows(map(views.node_key, some)), strict=True):
                yield name, views.read_node(row)

    # The API

    def tape(self, book_id: str, most: int) -> list[Json]:
        """The newest trades of a book as everybody is told them, newest first."""
        with self._session.client(None, "admin") as client:
            page = client.get(f"/market/books/{book_id}/trades", {"limit": min(most, 1000)})
        items: list[Json] = page["items"]
        return items

    def orders_of(self, key: str, most: int) -> list[Json]:
        """The newest orders of the account that a key is of."""
        with Client(self._session.url(), key, self._session.transport) as client:
            items: list[Json] = client.get("/orders", {"limit": min(most, 1000)})["items"]
        return items

    def _rows(self, sql: str) -> list[Json]:
        return clickhouse.rows(self._session, sql)

    def _redis_rows(self, keys: Iterable[str]) -> list[dict[str, str]]:
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        try:
            found: list[dict[str, str]] = pipeline.execute()
        except (RedisError, OSError) as error:
            raise Unreachable(f"Redis does not answer: {error}") from error
        return found


def price_micros(usd: str) -> int:
    """A price of the API's as micro-USD."""
    return int(Decimal(usd) * MICROS)


def _text(names: Iterable[str]) -> str:
    """SQL for the text that digests are made of."""
    parts = ", '|', ".join(f"toString({name})" for name in names)
    return f"concat({parts})"


def _sum(row: Mapping[str, Any]) -> Sum:
    return Sum(int(row["rows"]), int(row["digest"]))


def _numbers(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, int]:
    return {name: int(row[f"{name}_"]) for name in names}
