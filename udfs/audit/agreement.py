"""INV4: what the views tell of orders and trades is what their facts come to.

Log and ClickHouse are compared by sums over buckets, so that neither side has to hold millions of
rows at once; only a bucket whose sums differ is compared row by row.
"""

from collections import deque
from collections.abc import Mapping
from hashlib import md5
from typing import Any, Final, NamedTuple

from schemas import views
from udfs.audit.facts import Fact
from udfs.audit.offence import equal, offend

TRADES_IN_A_BUCKET: Final = 10_000
NEWEST_TRADES: Final = 1_000
TRADE: Final = (
    *("trade_id", "bid_order_id", "ask_order_id", "buyer_id", "seller_id"),
    *("quantity", "price_micros", "duration_seconds"),
)
"""What of a trade is compared, in this order."""
ORDER: Final = ("status", "quantity", "price_micros", "filled_quantity", "filled_value_micros")
"""What of an order is compared after its id, in this order; then the reason."""
_RANKS: Final = {"pending": 0, "partial": 1}


class Sum(NamedTuple):
    """How many rows a bucket has, and the exclusive or of their digests."""

    rows: int = 0
    digest: int = 0

    def changed(self, text: str, rows: int) -> "Sum":
        """With a row more (1) or less (-1)."""
        return Sum(self.rows + rows, self.digest ^ half_md5(text))


def half_md5(text: str) -> int:
    """As ClickHouse's `halfMD5`: the first eight bytes of the MD5, big-endian."""
    return int.from_bytes(md5(text.encode(), usedforsecurity=False).digest()[:8], "big")


class Trades:
    """Every trade, as sums; and the newest of each book."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, int], Sum] = {}
        """By book and bucket."""
        self.last: dict[str, int] = {}
        """The sequence of each book's last trade."""
        self.newest: dict[str, deque[Fact]] = {}

    def add(self, fact: Fact) -> None:
        """The next trade of its book."""
        book_id, seq = fact["book_id"], fact["book_seq"]
        bucket = book_id, seq // TRADES_IN_A_BUCKET
        self.sums[bucket] = self.sums.get(bucket, Sum()).changed(trade_text(fact), 1)
        self.last[book_id] = seq
        self.newest.setdefault(book_id, deque(maxlen=NEWEST_TRADES)).append(fact)


def trade_text(trade: Mapping[str, Any]) -> str:
    """A trade as far as it is compared."""
    return "|".join(str(trade[name]) for name in TRADE)


class Orders:
    """What every order came to, as sums by the beginning of its id."""

    def __init__(self) -> None:
        self.sums: dict[str, Sum] = {}

    def change(self, order_id: str, before: str | None, after: str | None) -> None:
        """An order's text is another one now; None for no order."""
        if before != after:
            found = self.sums.get(bucket_of(order_id), Sum())
            found = found.changed(before, -1) if before else found
            self.sums[bucket_of(order_id)] = found.changed(after, 1) if after else found


def bucket_of(order_id: str) -> str:
    """One of 256."""
    return order_id[:2]


def life_text(order_id: str, life: Fact | None) -> str | None:
    """An order as its facts tell it, as far as it is compared."""
    return "|".join((order_id, *map(str, _told(life).values()))) if life else None


def order_text(order: Mapping[str, Any]) -> str:
    """The same, as a view tells it."""
    return "|".join(str(order[name]) for name in ("order_id", *ORDER, "reason"))


def compare_order(view: str, order_id: str, order: Mapping[str, Any] | None, life: Fact) -> None:
    """A view's word on an order against what the facts of the order come to.

    Raises:
        Offence: they differ, or the view does not know it.
    """
    if order is None:
        offend("INV4", f"{view} does not know {order_id}, which is {life}")
    expected = _told(life)
    if life["status"] == "rejected":  # what it asked for, the API may tell and the facts do not
        expected = {name: expected[name] for name in ("status", "filled_quantity")}
    equal("INV4", f"{order_id} in {view}", {name: order[name] for name in expected}, expected)


def told_by_facts(order: views.Order) -> Fact:
    """All but the time of creation: before its facts come, the API's stands for it in Redis."""
    return {name: value for name, value in order.items() if name != "created_at_ms"}


class Statuses:
    """INV9: what a view tells of an order's status and fills never goes back."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, int]] = {}

    def note(self, view: str, order_id: str, status: str, filled: int) -> None:
        """What the view tells now.

        Raises:
            Offence: it told more before.
        """
        before = self._told.get(order_id)
        self._told[order_id] = status, filled
        if before is None:
            return
        rank, was = _RANKS.get(status, 2), _RANKS.get(before[0], 2)
        if rank < was or (was == 2 and status != before[0]) or filled < before[1]:
            offend("INV9", f"{order_id} in {view} was {before}, is {(status, filled)}")

    def keep(self, order_ids: set[str]) -> None:
        """Forget all others."""
        self._told = {name: told for name, told in self._told.items() if name in order_ids}


def _told(life: Fact) -> Fact:
    return {
        "status": life["status"],
        "quantity": life.get("quantity", 0),
        "price_micros": life.get("price_micros", 0),
        "filled_quantity": life["filled"],
        "filled_value_micros": life["value"],
        "reason": life.get("reason", ""),
    }
