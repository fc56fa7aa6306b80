"""INV1 and INV9: at each fact submitted = filled + open + closed, and what ended stays ended."""

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from schemas.views import FORGOTTEN_AFTER_MS
from udfs.account import Account
from udfs.audit.facts import Fact, places_anew
from udfs.audit.offence import equal, offend
from udfs.book import Book

OPEN = ("pending", "partial")
MARGIN_MS = 60_000
"""More than the clocks of a book and an account differ by."""


class Lives:
    """What the facts of each order come to; of a key that was used again, its newest life (O2)."""

    def __init__(self) -> None:
        self.of: dict[str, Fact] = {}
        """Every order that is open, and those that ended and are not forgotten."""
        self._ends: deque[tuple[int, str]] = deque()
        self._ended = Remembered(FORGOTTEN_AFTER_MS)
        self._follow = {
            "order_created": self._create,
            "order_rejected": self._reject,
            "order_matched": self._match,
            "order_amended": self._amend,
            "order_closed": self._close,
        }

    def apply(self, kind: str, fact: Fact) -> None:
        """The next fact; those of one book come in their order, and each once.

        Raises:
            Offence: it does not add up with those before.
        """
        if kind in self._follow:
            self._follow[kind](fact)

    def knows(self, order_id: str) -> bool:
        """Whether a fact told of the order, in its account's memory (O2) or still open."""
        return order_id in self.of or order_id in self._ended

    def forget(self, before_ms: int) -> None:
        """Keep of orders that ended before then no more than that they did, and that for a day."""
        while self._ends and self._ends[0][0] < before_ms:
            at_ms, order_id = self._ends.popleft()
            life = self.of.get(order_id)
            if life and life["status"] not in OPEN and life["at_ms"] == at_ms:
                del self.of[order_id]
                self._ended.add(order_id, at_ms)

    def newest_ended(self, most: int) -> list[str]:
        """The orders that ended last, at most so many."""
        return [order_id for _, order_id in list(self._ends)[-most:] if order_id in self.of]

    def open_in(self, book_id: str) -> set[str]:
        """The orders that must rest in a book."""
        return {
            order_id
            for order_id, life in self.of.items()
            if life["status"] in OPEN and life["book_id"] == book_id
        }

    def _create(self, fact: Fact) -> None:
        self._begin(fact)
        names = ("account_id", "book_id", "quantity", "price_micros")
        life = {"status": "pending", "filled": 0, "value": 0, "at_ms": fact["occurred_at_ms"]}
        self.of[fact["order_id"]] = life | {name: fact[name] for name in names}

    def _reject(self, fact: Fact) -> None:
        if places_anew("order_rejected", fact):
            self._begin(fact)
            life: Fact = {"filled": 0, "value": 0, "account_id": fact["account_id"]}
            self.of[fact["order_id"]] = life
            self._end(life, fact["order_id"], "rejected", fact)

    def _begin(self, fact: Fact) -> None:
        life = self.of.get(fact["order_id"])
        if life and life["status"] in OPEN:
            offend("INV9", f"{fact} begins an order that is {life['status']}")
        if life and life["status"] in ("filled", "cancelled"):
            since_ms = fact["occurred_at_ms"] - life["at_ms"]
            if since_ms < FORGOTTEN_AFTER_MS - MARGIN_MS:
                offend("INV9", f"{fact} begins an order that ended {since_ms} ms before: {life}")

    def _match(self, fact: Fact) -> None:
        price = fact["price_micros"]
        if 2 * price != fact["bid_price_micros"] + fact["ask_price_micros"]:
            offend("INV5", f"the price of {fact} is not the midpoint of its limits (M4)")
        if not fact["ask_price_micros"] <= price <= fact["bid_price_micros"]:
            offend("INV5", f"the price of {fact} is outside its limits")
        for side in ("bid", "ask"):
            self._fill(fact, side)

    def _fill(self, fact: Fact, side: str) -> None:
        life = self._open(fact[f"{side}_order_id"], fact)
        life["filled"] += fact["quantity"]
        life["value"] += fact["quantity"] * fact["price_micros"]
        left = life["quantity"] - life["filled"]
        sums = life["filled"], life["value"], left, life["price_micros"]
        names = ("filled", "filled_value_micros", "remaining", "price_micros")
        told = tuple(fact[f"{side}_{name}"] for name in names)
        equal("INV1", f"filled, value, remaining, limit of the {side} in {fact}", told, sums)
        life.update(status="partial", at_ms=fact["occurred_at_ms"])
        if not left:
            self._end(life, fact[f"{side}_order_id"], "filled", fact)

    def _amend(self, fact: Fact) -> None:
        life = self._open(fact["order_id"], fact)
        equal("INV1", f"total in {fact}", fact["quantity"], life["filled"] + fact["remaining"])
        terms = {name: fact[name] for name in ("quantity", "price_micros")}
        life.update(terms, at_ms=fact["occurred_at_ms"])

    def _close(self, fact: Fact) -> None:
        life = self._open(fact["order_id"], fact)
        equal("INV1", f"rest in {fact}", fact["remaining"], life["quantity"] - life["filled"])
        self._end(life, fact["order_id"], "cancelled", fact)
        life["reason"] = fact["reason"]

    def _end(self, life: Fact, order_id: str, status: str, fact: Fact) -> None:
        life.update(status=status, at_ms=fact["occurred_at_ms"])
        self._ends.append((fact["occurred_at_ms"], order_id))

    def _open(self, order_id: str, fact: Fact) -> Fact:
        life = self.of.get(order_id)
        if life is None and order_id not in self._ended:
            offend("INV1", f"{fact} is about {order_id}, which no fact began")
        if life is None or life["status"] not in OPEN:
            offend("INV9", f"{fact} is about {order_id}, which had ended: {life}")
        return life


class Remembered:
    """Ids for at least so long after they were added, as numbers of eight bytes."""

    def __init__(self, for_ms: int) -> None:
        self._for_ms = for_ms
        self._since_ms = 0
        self._newer: set[int] = set()
        self._older: set[int] = set()

    def add(self, name: str, at_ms: int) -> None:
        if at_ms - self._since_ms > self._for_ms:
            self._newer, self._older, self._since_ms = set(), self._newer, at_ms
        self._newer.add(hash(name))

    def __contains__(self, name: str) -> bool:
        return hash(name) in self._newer or hash(name) in self._older


def check_open(lives: Lives, books: Mapping[str, Book], accounts: Mapping[str, Account]) -> None:
    """Facts, books and accounts agree on what is open (K5), and no amend waits for an answer."""
    resting: dict[str, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for book in books.values():
        equal(
            "INV1", f"what rests in {book.book_id}", set(book.orders), lives.open_in(book.book_id)
        )
        for order in book.orders.values():
            terms = order.quantity, order.remaining, order.price_micros, book.book_id
            resting[order.account_id][order.order_id] = terms
    for account_id, account in accounts.items():
        known = {
            order_id: (order.quantity, order.remaining, order.price_micros, order.book_id)
            for order_id, order in account.orders.items()
        }
        equal("INV1", f"open orders of {account_id}", known, resting[account_id])
        busy = [order_id for order_id, order in account.orders.items() if order.amend]
        equal("K6", f"amends of {account_id} without an answer", busy, [])
