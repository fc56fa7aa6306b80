"""The order book as a data structure: what rests, where, and how to find it. No market rule here.

A book of a million orders works like one of ten: an order is found by its id, taken out of its
level in constant time, and a level is found among the levels in logarithmic time. Everything that
a book knows is in its rows, so the rows are what is stored, loaded and hashed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from heapq import heapify, heappop, heappush
from itertools import chain
from json.encoder import encode_basestring as quoted
from sys import intern
from typing import Any, Final

from sortedcontainers import SortedDict

from udfs.machine import MACHINE_ROWS, Row, Rows, decoded, truth

VERSION: Final = 1
"""Version of the rows' shape, the first element of each."""
HEADER_KEY: Final = "book"
_ORDER_PREFIX: Final = "o:"
_SOURCE_PREFIX: Final = "s:"
_SPARSE: Final = 32
"""Up to this many places of orders that left are kept, however few are left (see `Level`)."""


@dataclass(slots=True, eq=False)
class Order:
    """An order in a book, or about to enter it (market-rules.md O1)."""

    order_id: str
    account_id: str
    side: str
    remaining: int
    """Whole GPUs that are open."""
    price_micros: int
    duration_seconds: int
    time_in_force: str
    """As in the log; empty rests, like GTC and GTD (O3)."""
    expires_at_ms: int
    """0 for never."""
    post_only: bool
    min_fill: int
    self_trade: str
    region: str
    min_duration_seconds: int
    available_until_ms: int
    """0 for open."""
    filled: int = 0
    """Whole GPUs traded so far."""
    filled_value_micros: int = 0
    """Sum of quantity times price of its trades."""
    priority: int = 0
    """Sequence of the fact that put it at its level's end; a smaller one goes first (M3)."""

    @property
    def quantity(self) -> int:
        """Its total, fills included."""
        return self.filled + self.remaining

    @classmethod
    def placed(cls, account_id: str, body: Mapping[str, Any]) -> "Order":
        """The order that a `PlaceOrder` describes; fields left out have their defaults (O3).

        Words that many orders have in common are kept once.
        """
        get = body.get
        return cls(
            body["order_id"],
            intern(account_id),
            intern(body["side"]),
            body["quantity"],
            body["price_micros"],
            body["duration_seconds"],
            intern(get("time_in_force", "")),
            get("expires_at_ms", 0),
            get("post_only", False),
            get("min_fill", 1),
            intern(get("self_trade", "cancel_newest")),
            intern(get("region", "")),
            get("min_duration_seconds", 0),
            get("available_until_ms", 0),
        )

    @classmethod
    def from_row(cls, order_id: str, row: list[Any]) -> "Order":
        """The order that `row` describes."""
        order = cls(order_id, *row[1:])
        order.account_id = intern(order.account_id)
        order.side = intern(order.side)
        order.time_in_force = intern(order.time_in_force)
        order.self_trade = intern(order.self_trade)
        order.region = intern(order.region)
        return order

    def row(self) -> Row:
        """Its row: a JSON array of the version and the fields, in the order of this class."""
        return Row(
            _order_text,
            (
                self.account_id,
                self.side,
                self.remaining,
                self.price_micros,
                self.duration_seconds,
                self.time_in_force,
                self.expires_at_ms,
                self.post_only,
                self.min_fill,
                self.self_trade,
                self.region,
                self.min_duration_seconds,
                self.available_until_ms,
                self.filled,
                self.filled_value_micros,
                self.priority,
            ),
        )


class Level:
    """The orders of one side at one price, by time priority."""

    __slots__ = ("_gone", "orders", "price_micros", "quantity")

    def __init__(self, price_micros: int) -> None:
        self.price_micros = price_micros
        self.orders: dict[str, Order] = {}
        """By id; a dict keeps the order in which they came."""
        self.quantity = 0
        """Sum of what remains of them."""
        self._gone = 0

    def append(self, order: Order) -> None:
        """Put an order at the end."""
        self.orders[order.order_id] = order
        self.quantity += order.remaining

    def remove(self, order: Order) -> None:
        """Take an order out, wherever it stands.

        A dict keeps the places of what left it and walks over them, so a level that shrank a lot is
        copied: a constant cost for each removal, seen over many.
        """
        del self.orders[order.order_id]
        self.quantity -= order.remaining
        self._gone += 1
        if self._gone > _SPARSE and self._gone > len(self.orders):
            self.orders = dict(self.orders.items())
            self._gone = 0


class Ladder:
    """The price levels of one side, best first."""

    __slots__ = ("_levels", "_sign", "touched")

    def __init__(self, sign: int) -> None:
        """Make an empty side.

        Args:
            sign: 1 where the lowest price is the best (asks), -1 where the highest is (bids).
        """
        self._sign = sign
        self._levels: Any = SortedDict()
        """Levels by sign times price, so that the best has the least key."""
        self.touched: set[int] | None = None
        """Prices whose level changed, for who follows the depth; None while nobody does."""

    def __iter__(self) -> Iterator[Level]:
        """Every level, best first."""
        levels = self._levels
        for key in levels:
            yield levels[key]

    def crossing(self, limit_micros: int) -> Iterator[Level]:
        """The levels that an order of the other side with this limit reaches, best first."""
        levels, last = self._levels, self._sign * limit_micros
        for key in levels:
            if key > last:
                return
            yield levels[key]

    def beyond(self, limit_micros: int) -> Iterator[Level]:
        """The levels that such an order does not reach, best first."""
        levels, last = self._levels, self._sign * limit_micros
        for key in levels.irange(minimum=last, inclusive=(False, True)):
            yield levels[key]

    def level(self, price_micros: int) -> Level:
        """The level at a price; raises `KeyError` where there is none."""
        level: Level = self._levels[self._sign * price_micros]
        return level

    def append(self, order: Order) -> None:
        """Put an order at the end of its price's level."""
        key = self._sign * order.price_micros
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = Level(order.price_micros)
        order.price_micros = level.price_micros  # one int for all orders of a level
        level.append(order)
        if self.touched is not None:
            self.touched.add(level.price_micros)

    def remove(self, order: Order) -> None:
        """Take an order out, and its level with the last one."""
        level = self.level(order.price_micros)
        level.remove(order)
        if not level.orders:
            del self._levels[self._sign * order.price_micros]
        if self.touched is not None:
            self.touched.add(level.price_micros)

    def lower(self, order: Order, quantity: int) -> None:
        """Take some of what remains of an order, less than all."""
        level = self.level(order.price_micros)
        level.quantity -= quantity
        order.remaining -= quantity
        if self.touched is not None:
            self.touched.add(level.price_micros)

    def take_touched(self) -> list[int]:
        """The prices whose level changed since this was called last; from the first call on."""
        touched, self.touched = self.touched, set()
        return sorted(touched or ())


class Book:
    """One book: its resting orders, its parameters, and where it is in its log."""

    __slots__ = (
        "_due",
        "_gone",
        "_ladders",
        "_opposite",
        "book_id",
        "book_minimum",
        "gpu_type",
        "halted",
        "now_ms",
        "orders",
        "product",
        "seq",
        "sources",
        "top",
    )

    def __init__(self, book_id: str) -> None:
        """Make the book of an empty log."""
        self.book_id = book_id
        self.gpu_type, _, self.product = book_id.rpartition(".")
        self.now_ms = 0
        """The book's time: the greatest append time so far (B3)."""
        self.seq = 0
        """The number of its last fact (B4)."""
        self.halted = False
        self.top = 0
        """Top step (A1)."""
        self.book_minimum = 1
        """Smallest share (A3)."""
        self.sources: dict[str, int] = {}
        """The last sequence applied of each source (B5)."""
        self.orders: dict[str, Order] = {}
        """What rests, by order id."""
        bids, asks = Ladder(-1), Ladder(1)
        self._ladders = {"bid": bids, "ask": asks}
        self._opposite = {"bid": asks, "ask": bids}
        self._due: list[tuple[int, int, str]] = []
        """Heap of (expires_at_ms, priority, order_id); what left the book is dropped later."""
        self._gone = 0
        """How many of the heap may have left the book."""

    def side(self, side: str) -> Ladder:
        """The resting orders of a side."""
        return self._ladders[side]

    def opposite(self, side: str) -> Ladder:
        """The resting orders that an order of this side may meet."""
        return self._opposite[side]

    def add(self, order: Order) -> None:
        """Let an order rest at its level's end; its priority is greater than any there."""
        self.orders[order.order_id] = order
        self._ladders[order.side].append(order)
        if order.expires_at_ms:
            heappush(self._due, (order.expires_at_ms, order.priority, order.order_id))

    def remove(self, order: Order) -> None:
        """Take a resting order out."""
        del self.orders[order.order_id]
        self._ladders[order.side].remove(order)
        if order.expires_at_ms:
            self._gone += 1
            if self._gone > _SPARSE and 2 * self._gone > len(self._due):
                self._rebuild_due()

    def lower(self, order: Order, quantity: int) -> None:
        """Take some of what remains of a resting order, less than all; it keeps its place."""
        self._ladders[order.side].lower(order, quantity)

    def next_to_expire(self) -> Order | None:
        """The resting order that expires first, by expiry time then priority; None for none."""
        while self._due:
            _, priority, order_id = self._due[0]
            order = self.orders.get(order_id)
            if order is not None and order.priority == priority:
                return order
            heappop(self._due)
            self._gone -= 1
        return None

    def _rebuild_due(self) -> None:
        """Drop from the heap what left the book.

        It happens when that is half of the heap, so it costs each removal a constant. Taking an
        order out of the middle at once would cost every cancel a search through cold memory.
        """
        self._due = [
            (order.expires_at_ms, order.priority, order.order_id)
            for order in self.orders.values()
            if order.expires_at_ms
        ]
        heapify(self._due)
        self._gone = 0

    def header(self) -> Row:
        """The header row: version, time, sequence, halted, top, book_minimum."""
        return Row(_header_text, (self.now_ms, self.seq, self.halted, self.top, self.book_minimum))

    def rows(self) -> Iterator[tuple[str, str]]:
        """Every row: one per resting order, one per source, the header."""
        for key in self.row_keys():
            text = self.row_text(key)
            if text is not None:
                yield key, text

    def row_keys(self) -> Iterator[str]:
        """The keys of the rows that there are as this is called; the book may change meanwhile."""
        orders, sources = list(self.orders), list(self.sources)
        return chain(map(order_key, orders), map(source_key, sources), (HEADER_KEY,))

    def row_text(self, key: str) -> str | None:
        """The text of a row, None if there is none with this key."""
        if key == HEADER_KEY:
            return self.header().text()
        if key.startswith(_SOURCE_PREFIX):
            seq = self.sources.get(key.removeprefix(_SOURCE_PREFIX))
            return None if seq is None else source_row(seq).text()
        order = self.orders.get(key.removeprefix(_ORDER_PREFIX))
        return order.row().text() if order else None

    def state_hash(self) -> str:
        """SHA-256 of all that the book knows, 64 hex digits (market-rules.md B6).

        It is taken over the rows: for each, its key, a space, its JSON text and a newline, in
        UTF-8, sorted by key. The rows are

        - `book`: `[1, now_ms, book_seq, halted, top, book_minimum]`,
        - `s:{source}`: `[1, last source_seq]`,
        - `o:{order_id}`: `[1, account_id, side, remaining, price_micros, duration_seconds,
          time_in_force, expires_at_ms, post_only, min_fill, self_trade, region,
          min_duration_seconds, available_until_ms, filled, filled_value_micros, priority]`,

        as JSON without blanks, text as it is (not escaped to ASCII).
        """
        digest = sha256()
        for key, text in sorted(self.rows()):
            digest.update(f"{key} {text}\n".encode())
        return digest.hexdigest()


def load(book_id: str, rows: Rows) -> Book:
    """The book from its rows, in any order.

    Raises:
        ValueError: a row is not of this version or shape.
    """
    book = Book(book_id)
    orders = []
    for key, row in decoded(rows):
        _check_row(key, row)
        if key.startswith(_ORDER_PREFIX):
            orders.append(Order.from_row(key.removeprefix(_ORDER_PREFIX), row))
        elif key.startswith(_SOURCE_PREFIX):
            book.sources[key.removeprefix(_SOURCE_PREFIX)] = row[1]
        elif key == HEADER_KEY:
            _, book.now_ms, book.seq, book.halted, book.top, book.book_minimum = row
        else:
            raise ValueError(f"a book has no row {key}")
    _fill(book, orders)
    return book


def weight(book: Book) -> int:
    """About how many rows it has, and what comes with any book."""
    return MACHINE_ROWS + len(book.orders) + len(book.sources)


def order_key(order_id: str) -> str:
    """The key of an order's row."""
    return _ORDER_PREFIX + order_id


def source_key(source: str) -> str:
    """The key of a source's row."""
    return _SOURCE_PREFIX + source


def source_row(seq: int) -> Row:
    """A source's row: version and the last sequence applied."""
    return Row(_source_text, (seq,))


def _source_text(seq: int) -> str:
    return f"[{VERSION},{seq}]"


def _header_text(now_ms: int, seq: int, halted: bool, top: int, book_minimum: int) -> str:
    return f"[{VERSION},{now_ms},{seq},{truth(halted)},{top},{book_minimum}]"


def _order_text(
    account_id: str,
    side: str,
    remaining: int,
    price_micros: int,
    duration_seconds: int,
    time_in_force: str,
    expires_at_ms: int,
    post_only: bool,
    min_fill: int,
    self_trade: str,
    region: str,
    *numbers: int,
) -> str:
    return (
        f'[{VERSION},{quoted(account_id)},"{side}",{remaining},{price_micros},{duration_seconds},'
        f"{quoted(time_in_force)},{expires_at_ms},{truth(post_only)},{min_fill},"
        f"{quoted(self_trade)},{quoted(region)},{','.join(map(str, numbers))}]"
    )


def _fill(book: Book, orders: Iterable[Order]) -> None:
    """Put orders where they stood: levels come back in time order from the priorities."""
    for order in sorted(orders, key=lambda order: order.priority):
        book.add(order)


def _check_row(key: str, row: Any) -> None:
    if not isinstance(row, list) or not row or row[0] != VERSION:
        raise ValueError(f"row {key} must be an array of version {VERSION}, was {row}")
