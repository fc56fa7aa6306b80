"""Why an order rests: which rule keeps each opposite order apart from it, and what would fill it.

A look at a book that changes nothing. What is said to fill is what the matching machine's own plan
says of the changed order. A look is bounded: of the opposite side `MOST_ORDERS` are looked at, of
those that the order's price reaches and of the others each, best first. That not all was seen is
told (`is_all`), and no change is told that an order which was not seen could undo.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import Any, Final, Literal, get_args

from udfs import matching
from udfs.book import Book, Level, Order
from udfs.money import MAX_QUANTITY, SECONDS_PER_HOUR

MOST_ORDERS: Final = 5_000
"""Opposite orders that are looked at: of those that the price reaches, and of the others."""
MOST_TRIES: Final = 5
"""Changes of one term that are tried out."""

Reason = Literal[
    "price", "duration", "region", "availability", "own_account", "expired", "min_fill"
]
"""The rule that keeps an opposite order apart: E (prices), E1, E2, E3, S1, M1; M6 with A3, A4."""
By = Literal["amend", "new_order"]
Terms = Mapping[str, Any]

_PRICE, _DURATION, _REGION, _AVAILABILITY, _OWN_ACCOUNT, _EXPIRED, _MIN_FILL = (
    1 << bit for bit in range(len(get_args(Reason)))
)
_BITS: Final[dict[Reason, int]] = {reason: 1 << bit for bit, reason in enumerate(get_args(Reason))}
_BY_DURATION: Final = (_DURATION, _AVAILABILITY, _DURATION | _AVAILABILITY)
"""What another duration may put right."""


@dataclass(frozen=True, slots=True)
class Amount:
    """So many orders, of so many whole GPUs together."""

    orders: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Excluded:
    """Opposite orders that a rule keeps apart."""

    every: Amount
    alone: Amount
    """Those of them that nothing else keeps apart, as far as they were looked at."""


@dataclass(frozen=True, slots=True)
class Change:
    """Other terms with which the order would trade at once."""

    terms: Terms
    """The fields of O1 that differ; the quantity of an amend is the new total (C2)."""
    by: By
    """Whether an amend does it, or the order must be cancelled and placed anew."""
    filled: int
    """Whole GPUs that would trade at once; at least so many if not all was seen."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest change of each term alone that fills; None where none was found."""

    as_it_is: Change | None = None
    """It would trade if it were placed anew with the terms that it has."""
    price: Change | None = None
    quantity: Change | None = None
    min_fill: Change | None = None
    duration: Change | None = None
    region: Change | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where an order stands on its own side."""

    level: Amount
    """What rests at its price, itself included."""
    ahead: Amount
    """What of that came before it."""
    better: Amount
    """What rests at better prices and is served first."""
    better_levels: int
    smallest_incoming: int
    """What an incoming order must bring to its level so that its pro-rata share alone, without a
    leftover, gives it something, if all of the level is eligible (A1 to A3); whole GPUs."""
    is_all: bool
    """Whether all were counted; else there are at least so many ahead and better."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a book says of an order that rests in it."""

    order_id: str
    side: str
    remaining: int
    price_micros: int
    is_expired: bool
    """Its time is over: the book's next command closes it (M1)."""
    seen: Amount
    """Opposite orders that are counted here."""
    eligible: Amount
    """Those that no rule keeps apart: they would trade if the order were placed anew."""
    excluded: Mapping[Reason, Excluded]
    is_all: bool
    """Whether the whole opposite side is counted; else there are at least so many."""
    nearest: Nearest
    position: Position


def explain(book: Book, order_id: str, at_ms: int) -> Explanation | None:
    """Why an order rests in a book; None if it does not rest there.

    Args:
        book: the book as its log left it; it is not changed.
        order_id: the order.
        at_ms: the time; the book's own where that is later.
    """
    order = book.orders.get(order_id)
    if order is None:
        return None
    look = _Look(book, order, max(book.now_ms, at_ms))
    is_expired = 0 < order.expires_at_ms <= look.now_ms
    return Explanation(
        order_id=order_id,
        side=order.side,
        remaining=order.remaining,
        price_micros=order.price_micros,
        is_expired=is_expired,
        seen=_sum(look.reached_amount(), look.beyond_amount),
        eligible=look.amount(lambda why: why == 0),
        excluded={reason: look.excluded(bit) for reason, bit in _BITS.items()},
        is_all=look.is_all,
        nearest=Nearest() if is_expired else _nearest(look),
        position=_position(book, order),
    )


# Who stands opposite -------------------------------------------------------------------------


class _Look:
    """One look at the side opposite to an order, at a time."""

    def __init__(self, book: Book, order: Order, now_ms: int) -> None:
        self.book = book
        self.order = order
        self.now_ms = now_ms
        self._orders: Counter[int] = Counter()
        """How many are kept apart by each combination of reasons."""
        self._quantity: Counter[int] = Counter()
        self.reached: list[tuple[int, Order]] = []
        """What its price reaches, best first, each with the reasons that keep it apart."""
        opposite, limit = book.opposite(order.side), order.price_micros
        self.crossing, sees_crossing = self._see(opposite.crossing(limit), 0)
        self.beyond, sees_beyond = self._see(opposite.beyond(limit), _PRICE)
        self.beyond_amount, counts_beyond = _count(opposite.beyond(limit))
        self.is_all = sees_crossing and sees_beyond and counts_beyond
        if not sees_crossing:
            self.beyond = []  # what was not seen comes before them
        self._judge_fills()

    def amount(self, has: Callable[[int], bool]) -> Amount:
        """What is kept apart by a combination of reasons of which this holds."""
        found = [why for why in self._orders if has(why)]
        return Amount(
            sum(self._orders[why] for why in found), sum(self._quantity[why] for why in found)
        )

    def reached_amount(self) -> Amount:
        """What its price reaches, as far as it was looked at."""
        return self.amount(lambda why: not why & _PRICE)

    def excluded(self, bit: int) -> Excluded:
        """What a reason keeps apart; what is beyond its price is counted further than seen."""
        every = self.beyond_amount if bit == _PRICE else self.amount(lambda why: bool(why & bit))
        return Excluded(every, self.amount(lambda why: why == bit))

    def plan(self, entrant: Order) -> int:
        """Whole GPUs that would trade at once if the order entered like this (M3 to M7)."""
        reaches = _reaches(entrant)
        levels = [
            *self.crossing,
            *takewhile(lambda level: reaches(level.price_micros), self.beyond),
        ]
        planned = matching.plan(self.book, entrant, self.now_ms, levels)
        return sum(quantity for _, quantity in planned.fills)

    def tried(self, terms: Terms, by: By, **entering: int) -> Change | None:
        """The change to these terms, if it fills anything.

        Args:
            terms: what is told to change.
            by: how it is made.
            entering: fields of the order that enters, where they are not the terms themselves.
        """
        entrant = replace(self.order, **(entering or terms))
        filled = self.plan(entrant)
        told = {**terms, "post_only": False} if self.order.post_only else terms
        return Change(told, by, filled) if filled else None

    def _see(self, levels: Iterable[Level], price: int) -> tuple[list[Level], bool]:
        """Look at orders one by one; the levels that were seen as a whole, and if that is all."""
        whole: list[Level] = []
        left = MOST_ORDERS
        for level in levels:
            self._judge(islice(level.orders.values(), left), price)
            if len(level.orders) > left:
                return whole, False
            left -= len(level.orders)
            whole.append(level)
        return whole, True

    def _judge(self, others: Iterable[Order], price: int) -> None:
        for other in others:
            why = price | _reasons(self.order, other, self.now_ms)
            self._orders[why] += 1
            self._quantity[why] += other.remaining
            if not price:
                self.reached.append((why, other))

    def _judge_fills(self) -> None:
        """Find what keeps orders apart that could trade by their terms: minimum fills, mostly."""
        if not self._orders[0] or self.plan(self.order):
            return
        planned = matching.plan(self.book, self.order, self.now_ms, self.crossing)
        why = _OWN_ACCOUNT if planned.reason == "self_trade" else _MIN_FILL
        self._orders[why] += self._orders.pop(0)
        self._quantity[why] += self._quantity.pop(0)


def _reasons(order: Order, other: Order, now_ms: int) -> int:
    """Why an opposite order is not eligible, apart from price and amounts (E1 to E3, S1, M1)."""
    bid, ask = (order, other) if order.side == "bid" else (other, order)
    seconds, why = bid.duration_seconds, 0
    if not ask.min_duration_seconds <= seconds <= ask.duration_seconds:
        why |= _DURATION
    if bid.region and bid.region != ask.region:
        why |= _REGION
    if 0 < ask.available_until_ms < now_ms + seconds * 1000:
        why |= _AVAILABILITY
    if other.account_id == order.account_id:
        why |= _OWN_ACCOUNT
    if 0 < other.expires_at_ms <= now_ms:
        why |= _EXPIRED
    return why


def _reaches(order: Order) -> Callable[[int], bool]:
    """Whether the order's limit reaches a price of the other side."""
    limit = order.price_micros
    return limit.__ge__ if order.side == "bid" else limit.__le__


# What would fill it --------------------------------------------------------------------------


def _nearest(look: _Look) -> Nearest:
    as_it_is = look.tried({}, "new_order")
    if as_it_is:
        return Nearest(as_it_is)
    undropped = look.plan(replace(look.order, min_fill=1))
    return Nearest(
        price=_price(look),
        quantity=_quantity(look, undropped),
        min_fill=_min_fill(look, undropped),
        duration=_duration(look),
        region=_region(look),
    )


def _by(look: _Look) -> By:
    """How a better price or quantity is made: a post-only order never trades on entering (M2)."""
    return "new_order" if look.order.post_only else "amend"


def _price(look: _Look) -> Change | None:
    """The first price at which the fills of all levels up to it are what the order accepts.

    A pass with a better limit begins with the fills of this one, so one pass tells.
    """
    if not look.beyond:
        return None
    order, levels = look.order, [*look.crossing, *look.beyond]
    furthest = replace(order, price_micros=look.beyond[-1].price_micros, min_fill=1)
    accepted, filled = min(order.min_fill, order.remaining), 0
    for resting, quantity in matching.plan(look.book, furthest, look.now_ms, levels).fills:
        filled += quantity
        if filled >= accepted:
            return look.tried({"price_micros": resting.price_micros}, _by(look))
    return None


def _quantity(look: _Look, undropped: int) -> Change | None:
    """More, so that an opposite minimum is met, or less, so that its own is.

    Args:
        look: what stands opposite.
        undropped: what would trade if the order accepted any amount.
    """
    order = look.order
    most = MAX_QUANTITY - order.filled
    least = {min(other.min_fill, other.remaining) for why, other in look.reached if not why}
    wanted = {more for more in least if order.remaining < more <= most}
    if 0 < undropped < order.remaining:
        wanted.add(undropped)
    tries = (_of_quantity(look, each) for each in _closest(wanted, order.remaining))
    return next((change for change in tries if change), None)


def _of_quantity(look: _Look, quantity: int) -> Change | None:
    """The order for so many GPUs; less of it keeps its place and does not enter again (C2)."""
    order = look.order
    if quantity > order.remaining and not order.post_only:
        return look.tried({"quantity": order.filled + quantity}, "amend", remaining=quantity)
    min_fill = min(order.min_fill, quantity)
    terms = {"quantity": quantity, "min_fill": min_fill}
    return look.tried(terms, "new_order", remaining=quantity, min_fill=min_fill)


def _min_fill(look: _Look, undropped: int) -> Change | None:
    """The greatest minimum that what is there meets."""
    return look.tried({"min_fill": undropped}, "new_order") if undropped else None


def _duration(look: _Look) -> Change | None:
    """The nearest duration in whole hours that one more opposite order takes (E1, E3)."""
    nearest: dict[tuple[str, int], int] = {}
    for why, other in look.reached:
        if why in _BY_DURATION and (found := _agreed_duration(look.order, other, look.now_ms)):
            nearest[found] = abs(found[1] - getattr(look.order, found[0]))
    tries = islice(sorted(nearest, key=nearest.__getitem__), MOST_TRIES)
    changes = (look.tried({name: seconds}, "new_order") for name, seconds in tries)
    return next((change for change in changes if change), None)


def _agreed_duration(order: Order, other: Order, now_ms: int) -> tuple[str, int] | None:
    """The field of the order that must change to suit the other's duration, and its value."""
    if order.side == "bid":
        return _sold_duration(order.duration_seconds, other, now_ms)
    wanted, until_ms = other.duration_seconds, order.available_until_ms
    if 0 < until_ms < now_ms + wanted * 1000:
        return None
    if wanted > order.duration_seconds:
        return "duration_seconds", _hours_up(wanted)
    return "min_duration_seconds", _hours_down(wanted)


def _sold_duration(wanted: int, ask: Order, now_ms: int) -> tuple[str, int] | None:
    """The duration in whole hours next to what a bid wants that an ask sells now."""
    longest = ask.duration_seconds
    if ask.available_until_ms:
        longest = min(longest, (ask.available_until_ms - now_ms) // 1000)
    shortest = max(_hours_up(ask.min_duration_seconds), SECONDS_PER_HOUR)
    longest = _hours_down(longest)
    if shortest > longest:
        return None
    return "duration_seconds", min(max(wanted, shortest), longest)


def _region(look: _Look) -> Change | None:
    """The region of the best asks that nothing but the wanted region keeps apart (E2)."""
    if look.order.side == "ask":
        return None  # its GPUs are where they are
    regions = dict.fromkeys(other.region for why, other in look.reached if why == _REGION)
    tries = islice(regions, MOST_TRIES)
    changes = (look.tried({"region": region}, "new_order") for region in tries)
    return next((change for change in changes if change), None)


def _closest(values: Iterable[int], to: int) -> Iterator[int]:
    return islice(iter(sorted(values, key=lambda value: (abs(value - to), value))), MOST_TRIES)


def _hours_up(seconds: int) -> int:
    return -(-seconds // SECONDS_PER_HOUR) * SECONDS_PER_HOUR


def _hours_down(seconds: int) -> int:
    return seconds // SECONDS_PER_HOUR * SECONDS_PER_HOUR


# Where it stands -----------------------------------------------------------------------------


def _position(book: Book, order: Order) -> Position:
    side = book.side(order.side)
    level = side.level(order.price_micros)
    better = takewhile(lambda each: each is not level, side)
    counted = list(islice(better, MOST_ORDERS + 1))
    earlier = takewhile(lambda each: each is not order, level.orders.values())
    ahead = [each.remaining for each in islice(earlier, MOST_ORDERS + 1)]
    return Position(
        level=Amount(len(level.orders), level.quantity),
        ahead=Amount(len(ahead), sum(ahead)),
        better=_count(counted)[0],
        better_levels=len(counted),
        smallest_incoming=_smallest_incoming(book, level, order),
        is_all=len(counted) <= MOST_ORDERS and len(ahead) <= MOST_ORDERS,
    )


def _smallest_incoming(book: Book, level: Level, order: Order) -> int:
    """What must come so that the order has a share of at least its minimum (A1 to A3)."""
    first = next(iter(level.orders.values()))
    if book.top and order is first:
        return 1
    step = min(book.top, first.remaining)
    minimum = max(book.book_minimum, min(order.min_fill, order.remaining), 1)
    shared = -(-minimum * (level.quantity - step) // order.remaining)
    return min(step + shared, level.quantity)


def _count(levels: Iterable[Level]) -> tuple[Amount, bool]:
    """What rests at the first of these levels, and whether that is all."""
    counted = list(islice(levels, MOST_ORDERS + 1))
    orders = sum(len(level.orders) for level in counted)
    return Amount(orders, sum(level.quantity for level in counted)), len(counted) <= MOST_ORDERS


def _sum(one: Amount, other: Amount) -> Amount:
    return Amount(one.orders + other.orders, one.quantity + other.quantity)
