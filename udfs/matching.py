"""The matching machine: one book, one log (docs/market-rules.md, B to H).

A command is handled in three moves: time passes and what has expired is closed (M1); what the
command would do is planned on the untouched book (M2 to M6, A, S); the plan is carried out fact by
fact in the order of M8. A refusal is decided before anything changes, so it leaves no trace but its
fact. The same plan, not carried out, is the preview.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from schemas.names import ACCOUNTS_COMMANDS, CloseReason, RejectCode, Side
from udfs.allocation import allocate
from udfs.book import (
    HEADER_KEY,
    Book,
    Level,
    Order,
    load,
    order_key,
    source_key,
    source_row,
    weight,
)
from udfs.ids import check_book_id, event_id
from udfs.machine import Command, Fact, Machine, Outgoing, Step

Body = Mapping[str, Any]


def apply(book: Book, command: Command, at_ms: int) -> Step:
    """Apply one record of the book's log (market-rules.md B2).

    Args:
        book: the state; it is changed.
        command: a `BookCommand`.
        at_ms: the record's append time.

    Raises:
        ValueError: the command's kind is unknown, or its body is missing; nothing has changed.
    """
    kind = command["kind"]
    handle = _HANDLERS.get(kind)
    if handle is None:
        raise ValueError(f"a book has no command {kind!r}, only {', '.join(_HANDLERS)}")
    body = command.get(kind)
    if body is None and kind not in _WITHOUT_BODY:
        raise ValueError(f"a {kind} record needs its body {kind}")
    turn = _Turn(book, command)
    if turn.starts(at_ms):
        turn.close_expired()
        handle(turn, body or {})
        turn.step.writes[HEADER_KEY] = book.header()
    first = book.next_to_expire()
    turn.step.wake_at_ms = first.expires_at_ms if first else None
    return turn.step


# What an incoming order would do -------------------------------------------------------------


class Plan(NamedTuple):
    """What an order does on entering, decided before anything changes (M6)."""

    fills: list[tuple[Order, int]]
    """Resting orders that trade and what they get, in the order of allocation."""
    own: list[Order]
    """Resting orders of the same account that are closed (S2)."""
    rest: int
    """What of the order is left after the fills."""
    reason: CloseReason | None
    """Why the rest is closed; None when it rests, or when there is none (M7)."""


def plan(book: Book, order: Order, now_ms: int, levels: Iterable[Level] | None = None) -> Plan:
    """The plan of an order that enters (M3 to M7).

    Args:
        book: the book, unchanged.
        order: what enters; its `remaining` is what it wants.
        now_ms: the book's time, or a later one to look ahead.
        levels: the levels that it crosses, best first, if not all that the book has.
    """
    if levels is None:
        levels = book.opposite(order.side).crossing(order.price_micros)
    fills, own, rest, stopped = _pass(book, order, now_ms, levels)
    if order.time_in_force == "FOK" and rest:
        return Plan([], [], order.remaining, "fok")
    if _misses_minimum(order, rest):
        fills, own, rest = [], [], order.remaining
    return Plan(fills, own, rest, _closing_reason(order, rest, stopped))


def _misses_minimum(order: Order, rest: int) -> bool:
    """Whether a pass trades less than the order accepts (M6); a minimum of 1 drops no plan."""
    accepted = min(order.min_fill, order.remaining)
    return order.min_fill > 1 and order.remaining - rest < accepted


def _closing_reason(order: Order, rest: int, stopped: bool) -> CloseReason | None:
    """What becomes of the rest (S2, M7)."""
    if not rest:
        return None
    if stopped:
        return "self_trade"
    return "ioc" if order.time_in_force == "IOC" else None


def _pass(
    book: Book, order: Order, now_ms: int, levels: Iterable[Level]
) -> tuple[list[tuple[Order, int]], list[Order], int, bool]:
    """One pass over the crossing levels, best first (M3, M5): fills, own orders, rest, stopped."""
    fills: list[tuple[Order, int]] = []
    own: list[Order] = []
    rest = order.remaining
    for eligible in _eligible_levels(book, order, now_ms, levels):
        mine = [other for other in eligible if other.account_id == order.account_id]
        if mine:
            if order.self_trade != "cancel_oldest":
                return fills, own, rest, True
            own += mine
            eligible = [other for other in eligible if other.account_id != order.account_id]
            if not eligible:
                continue
        shares = allocate(rest, eligible, book.top, book.book_minimum)
        fills += [pair for pair in zip(eligible, shares, strict=True) if pair[1]]
        rest -= sum(shares)
        if not rest:
            break
    return fills, own, rest, False


def _eligible_levels(
    book: Book, order: Order, now_ms: int, levels: Iterable[Level]
) -> Iterator[list[Order]]:
    """The eligible orders of each of these levels that has any (E, M3)."""
    eligible_at = _eligible_asks if order.side == "bid" else _eligible_bids
    for level in levels:
        eligible = eligible_at(level, order, now_ms)
        if now_ms > book.now_ms:  # looking ahead: what expires by then will be gone (M1)
            eligible = [other for other in eligible if not _is_expired(other, now_ms)]
        if eligible:
            yield eligible


def _eligible_asks(level: Level, bid: Order, now_ms: int) -> list[Order]:
    """The asks of a level that may sell to a bid (E1, E2, E3), by time priority."""
    duration, region = bid.duration_seconds, bid.region
    until_ms = now_ms + duration * 1000
    return [
        ask
        for ask in level.orders.values()
        if ask.min_duration_seconds <= duration <= ask.duration_seconds
        and (not region or ask.region == region)
        and (not ask.available_until_ms or until_ms <= ask.available_until_ms)
    ]


def _eligible_bids(level: Level, ask: Order, now_ms: int) -> list[Order]:
    """The bids of a level that may buy from an ask (E1, E2, E3), by time priority."""
    shortest, longest, region = ask.min_duration_seconds, ask.duration_seconds, ask.region
    if ask.available_until_ms:
        longest = min(longest, (ask.available_until_ms - now_ms) // 1000)
    return [
        bid
        for bid in level.orders.values()
        if shortest <= bid.duration_seconds <= longest and (not bid.region or bid.region == region)
    ]


def _would_trade(book: Book, order: Order, now_ms: int) -> bool:
    """Whether a post-only order meets a crossing eligible order, own ones included (M2)."""
    if not order.post_only:
        return False
    levels = book.opposite(order.side).crossing(order.price_micros)
    return any(_eligible_levels(book, order, now_ms, levels))


def _is_expired(order: Order, now_ms: int) -> bool:
    return 0 < order.expires_at_ms <= now_ms


# One command, carried out --------------------------------------------------------------------


class _Turn:
    """One command on its way through the book: what the rules' effects are made of.

    Each method changes the book, tells the fact, copies it to the accounts concerned (K5) and
    notes the rows that changed.
    """

    __slots__ = ("account_id", "book", "command", "command_id", "kind", "step")

    def __init__(self, book: Book, command: Command) -> None:
        self.book = book
        self.command = command
        self.kind: str = command["kind"]
        self.command_id: str = command.get("command_id", "")
        self.account_id: str = command.get("account_id", "")
        self.step = Step()

    @property
    def comes_from_machine(self) -> bool:
        """Whether a machine sent it, a timer included; the API and administrators name none."""
        return bool(self.command.get("source"))

    def starts(self, at_ms: int) -> bool:
        """Note source and time; False for a repeated record, which changes nothing (B3, B5)."""
        book, source = self.book, self.command.get("source")
        if source:
            seq = self.command["source_seq"]
            if seq <= book.sources.get(source, 0):
                return False
            book.sources[source] = seq
            self.step.writes[source_key(source)] = source_row(seq)
        if at_ms > book.now_ms:
            book.now_ms = at_ms
        return True

    def close_expired(self) -> None:
        """Close what rests and has expired (M1)."""
        book = self.book
        while (order := book.next_to_expire()) and order.expires_at_ms <= book.now_ms:
            self.close(order, "expired")

    def create(self, order: Order) -> None:
        """Tell that an order was taken in; its number is its priority."""
        fact = {
            **self._header(),
            "account_id": order.account_id,
            "order_id": order.order_id,
            "side": order.side,
            "quantity": order.remaining,
            "price_micros": order.price_micros,
            "duration_seconds": order.duration_seconds,
            "time_in_force": order.time_in_force,
            "expires_at_ms": order.expires_at_ms,
            "post_only": order.post_only,
            "min_fill": order.min_fill,
            "self_trade": order.self_trade,
            "region": order.region,
            "min_duration_seconds": order.min_duration_seconds,
            "available_until_ms": order.available_until_ms,
        }
        order.priority = self.book.seq
        self._tell("order_created", fact)

    def amend(self, order: Order) -> None:
        """Tell what an order is now."""
        fact = {
            **self._header(),
            "order_id": order.order_id,
            "account_id": order.account_id,
            "quantity": order.quantity,
            "price_micros": order.price_micros,
            "remaining": order.remaining,
        }
        self._tell("order_amended", fact, order.account_id)

    def enter(self, order: Order, planned: Plan) -> None:
        """Carry out an order's plan: trades, closings of own orders, then its rest (M7, M8)."""
        for resting, quantity in planned.fills:
            self._trade(order, resting, quantity)
        for own in planned.own:
            self.close(own, "self_trade")
        if planned.reason:
            self.tell_closed(order, planned.reason)
        elif order.remaining:
            self.book.add(order)
            self.keep(order)

    def close(self, order: Order, reason: CloseReason) -> None:
        """Take a resting order out and tell it."""
        self.take_out(order)
        self.tell_closed(order, reason)

    def take_out(self, order: Order) -> None:
        """Take a resting order out, silently."""
        self.book.remove(order)
        self.step.writes[order_key(order.order_id)] = None

    def keep(self, order: Order) -> None:
        """Note a resting order's row."""
        self.step.writes[order_key(order.order_id)] = order.row()

    def tell_closed(self, order: Order, reason: CloseReason) -> None:
        """Tell that an order is closed."""
        fact = {
            **self._header(),
            "order_id": order.order_id,
            "account_id": order.account_id,
            "reason": reason,
            "remaining": order.remaining,
        }
        self._tell("order_closed", fact, order.account_id)

    def reject(self, order_id: str, code: RejectCode, detail: str) -> None:
        """Tell the command's sender that it was refused."""
        fact = {
            **self._header(),
            "order_id": order_id,
            "account_id": self.account_id,
            "code": code,
            "detail": detail,
        }
        self._tell("order_rejected", fact, self.account_id)

    def tell_status(self, state_hash: str | None = None) -> None:
        """Tell the book's status (H1), with its hash where it was wanted (B6)."""
        status = "halted" if self.book.halted else "open"
        self._tell("book_status", {**self._header(), "status": status, "hash": state_hash})

    def _trade(self, order: Order, resting: Order, quantity: int) -> None:
        """Trade a quantity at the midpoint (M4); the resting order goes when it is filled."""
        bid, ask = (order, resting) if order.side == "bid" else (resting, order)
        price_micros = (bid.price_micros + ask.price_micros) // 2
        self._fill_resting(resting, quantity)
        order.remaining -= quantity
        for side in (bid, ask):
            side.filled += quantity
            side.filled_value_micros += quantity * price_micros
        if resting.remaining:
            self.keep(resting)
        self._tell_matched(bid, ask, quantity, price_micros, order.side)

    def _fill_resting(self, resting: Order, quantity: int) -> None:
        if quantity < resting.remaining:
            self.book.lower(resting, quantity)
        else:
            self.take_out(resting)
            resting.remaining = 0

    def _tell_matched(
        self, bid: Order, ask: Order, quantity: int, price_micros: int, aggressor: str
    ) -> None:
        header = self._header()
        fact = {
            **header,
            "trade_id": header["event_id"],
            "bid_order_id": bid.order_id,
            "ask_order_id": ask.order_id,
            "buyer_id": bid.account_id,
            "seller_id": ask.account_id,
            "gpu_type": self.book.gpu_type,
            "product": self.book.product,
            "quantity": quantity,
            "price_micros": price_micros,
            "bid_price_micros": bid.price_micros,
            "ask_price_micros": ask.price_micros,
            "duration_seconds": bid.duration_seconds,
            "region": ask.region,
            "aggressor": aggressor,
            "bid_remaining": bid.remaining,
            "ask_remaining": ask.remaining,
            "bid_filled": bid.filled,
            "ask_filled": ask.filled,
            "bid_filled_value_micros": bid.filled_value_micros,
            "ask_filled_value_micros": ask.filled_value_micros,
        }
        self._tell("order_matched", fact, bid.account_id, ask.account_id)

    def _header(self) -> dict[str, Any]:
        """The fields that every fact has; takes the next number (B4, F)."""
        book = self.book
        book.seq += 1
        return {
            "event_id": event_id(book.book_id, book.seq),
            "book_id": book.book_id,
            "book_seq": book.seq,
            "occurred_at_ms": book.now_ms,
            "command": self.kind,
            "command_id": self.command_id,
        }

    def _tell(self, kind: str, fact: Mapping[str, Any], *concerned: str) -> None:
        """Emit a fact, and its copy to each account that it concerns (K5)."""
        self.step.facts.append(Fact(kind, fact))
        for account_id in concerned:
            if not account_id:
                continue  # a command that named no account: there is nobody to tell
            copy = {
                "kind": kind,
                "account_id": account_id,
                "command_id": self.command_id,
                "source": self.book.book_id,
                "source_seq": fact["book_seq"],
                kind: fact,
            }
            self.step.commands.append(Outgoing(ACCOUNTS_COMMANDS, account_id, copy))


# The commands --------------------------------------------------------------------------------


def _place(turn: _Turn, body: Body) -> None:
    """A new order (M). Its key is checked first, so that an open order is never told rejected."""
    book, order = turn.book, Order.placed(turn.account_id, body)
    refusal = _placement_refusal(book, order, book.now_ms)
    if refusal:
        turn.reject(order.order_id, *refusal)
    elif _is_expired(order, book.now_ms):  # M1
        turn.create(order)
        turn.tell_closed(order, "expired")
    else:
        planned = plan(book, order, book.now_ms)
        turn.create(order)
        turn.enter(order, planned)


def _placement_refusal(book: Book, order: Order, now_ms: int) -> tuple[RejectCode, str] | None:
    """Why a book refuses an order: its key (O2), a halt (H1), post-only (M2)."""
    same = book.orders.get(order.order_id)
    if same is not None and not _is_expired(same, now_ms):
        return "ORDER_KEY_REUSED", f"order {order.order_id} is open in {book.book_id} (O2)"
    if book.halted:
        return _halted(book)
    if not _is_expired(order, now_ms) and _would_trade(book, order, now_ms):
        return _post_only(order)
    return None


def _cancel(turn: _Turn, body: Body) -> None:
    """Close an own open order (C1)."""
    order = _own_open(turn, body)
    if order is None:
        _refuse_not_open(turn, body)
    else:
        turn.close(order, "user")


def _amend(turn: _Turn, body: Body) -> None:
    """Change an own open order's total or price (C2); a halted book changes none (H1)."""
    book, order = turn.book, _own_open(turn, body)
    if book.halted:
        turn.reject(body["order_id"], *_halted(book))
    elif order is None:
        _refuse_not_open(turn, body)
    else:
        quantity = body.get("quantity", 0) or order.quantity
        price_micros = body.get("price_micros", 0) or order.price_micros
        _change(turn, order, quantity, price_micros)


def _change(turn: _Turn, order: Order, quantity: int, price_micros: int) -> None:
    """Give an open order a total and a price, checked in the order of C2."""
    same_price = price_micros == order.price_micros
    if same_price and quantity == order.quantity:
        detail = f"quantity {quantity} and price {price_micros} micro-USD are as they were (C2)"
        turn.reject(order.order_id, "AMEND_NO_CHANGE", detail)
    elif quantity <= order.filled:
        turn.close(order, "user")
    elif same_price and quantity < order.quantity:
        _lower(turn, order, order.quantity - quantity)
    else:
        _enter_again(turn, order, quantity - order.filled, price_micros)


def _enter_again(turn: _Turn, order: Order, remaining: int, price_micros: int) -> None:
    """Take an order out and let it enter anew, with a new priority (C2, M2 to M7)."""
    book = turn.book
    entrant = replace(order, remaining=remaining, price_micros=price_micros)
    if _would_trade(book, entrant, book.now_ms):
        turn.reject(order.order_id, *_post_only(entrant))
        return
    planned = plan(book, entrant, book.now_ms)
    turn.take_out(order)
    turn.amend(entrant)
    entrant.priority = book.seq
    turn.enter(entrant, planned)


def _withdraw(turn: _Turn, body: Body) -> None:
    """Lower an own open ask by GPUs that were lost (C3)."""
    order, quantity = _own_open(turn, body), body["quantity"]
    if order is None or order.side != "ask":
        _refuse_not_open(turn, body)
    elif not quantity:
        turn.reject(order.order_id, "AMEND_NO_CHANGE", "a withdrawal of 0 changes nothing (C3)")
    elif quantity >= order.remaining:
        turn.close(order, "capacity_lost")
    else:
        _lower(turn, order, quantity)


def _set_book(turn: _Turn, body: Body) -> None:
    """Set the book's parameters (B2), without a fact."""
    turn.book.top = body.get("top", 0)
    turn.book.book_minimum = body.get("book_minimum", 1)


def _tick(turn: _Turn, body: Body) -> None:
    """Time has passed; an administrator's tick is answered with the status (B3, B6)."""
    if not turn.comes_from_machine:
        turn.tell_status(turn.book.state_hash() if body.get("want_hash") else None)


def _halt(turn: _Turn, _: Body) -> None:
    """Take no orders and no amends until it is resumed (H1)."""
    turn.book.halted = True
    turn.tell_status()


def _resume(turn: _Turn, _: Body) -> None:
    """Take orders again (H1)."""
    turn.book.halted = False
    turn.tell_status()


def _lower(turn: _Turn, order: Order, quantity: int) -> None:
    """Lower what remains of a resting order in its place, and tell it (C2, C3)."""
    turn.book.lower(order, quantity)
    turn.keep(order)
    turn.amend(order)


def _own_open(turn: _Turn, body: Body) -> Order | None:
    """The sender's open order, None where it is unknown, closed or another's (C1)."""
    order = turn.book.orders.get(body["order_id"])
    return order if order and order.account_id == turn.account_id else None


def _refuse_not_open(turn: _Turn, body: Body) -> None:
    """The one answer for unknown, closed and foreign orders (C1)."""
    order_id = body["order_id"]
    turn.reject(order_id, "ORDER_NOT_OPEN", f"order {order_id} is not an open order of yours (C1)")


def _halted(book: Book) -> tuple[RejectCode, str]:
    return "BOOK_HALTED", f"{book.book_id} is halted, it takes no orders and no amends (H1)"


def _post_only(order: Order) -> tuple[RejectCode, str]:
    offer = f"a post-only {order.side} at {order.price_micros} micro-USD"
    return "POST_ONLY_WOULD_TRADE", f"{offer} would meet a resting order (M2)"


_HANDLERS: Final[dict[str, Callable[[_Turn, Body], None]]] = {
    "place_order": _place,
    "cancel_order": _cancel,
    "amend_order": _amend,
    "withdraw": _withdraw,
    "set_book": _set_book,
    "tick": _tick,
    "halt_book": _halt,
    "resume_book": _resume,
}
_WITHOUT_BODY: Final = frozenset({"tick", "halt_book", "resume_book"})

MACHINE: Final[Machine[Book]] = Machine("matching", Book, load, apply, check_book_id, weight)


# Looking without touching --------------------------------------------------------------------


class Preview(NamedTuple):
    """What an order would do now."""

    fills: list[tuple[int, int]]
    """Price in micro-USD and quantity of each trade, in order."""
    filled: int
    """Whole GPUs that would trade at once."""
    resting: int
    """Whole GPUs that would rest."""
    value_micros: int
    """Sum of quantity times price of the trades."""
    refused: RejectCode | None
    """The book's refusal."""
    reason: CloseReason | None
    """Why what does not trade would be closed instead of resting."""


def preview(book: Book, account_id: str, order: Body, at_ms: int) -> Preview:
    """What the book would do with an order at a time; the book is unchanged.

    Args:
        book: the book as its log left it.
        account_id: whose order it would be (S).
        order: the fields of a `PlaceOrder`.
        at_ms: the time; the book's own where that is later.
    """
    now_ms = max(book.now_ms, at_ms)
    entrant = Order.placed(account_id, order)
    refusal = _placement_refusal(book, entrant, now_ms)
    if refusal:
        return Preview([], 0, 0, 0, refusal[0], None)
    if _is_expired(entrant, now_ms):
        return Preview([], 0, 0, 0, None, "expired")
    return _previewed(entrant, plan(book, entrant, now_ms))


def _previewed(entrant: Order, planned: Plan) -> Preview:
    fills = [
        ((entrant.price_micros + resting.price_micros) // 2, quantity)
        for resting, quantity in planned.fills
    ]
    filled = entrant.remaining - planned.rest
    value_micros = sum(price_micros * quantity for price_micros, quantity in fills)
    resting = 0 if planned.reason else planned.rest
    return Preview(fills, filled, resting, value_micros, None, planned.reason)


class DepthLevel(NamedTuple):
    """One price of a side."""

    price_micros: int
    quantity: int
    """Whole GPUs at this price."""
    orders: int
    """How many orders they are of."""


def depth(
    book: Book,
    side: Side,
    levels: int,
    duration_seconds: int | None = None,
    region: str | None = None,
) -> list[DepthLevel]:
    """The best price levels of a side, best first.

    With a duration or region, only what an order of the other side with these could meet at the
    book's time: asks that sell the duration in the region to a bid that wants them, bids that an
    ask which offers at most the duration, in the region, could serve (market-rules.md E1 to E3).
    """
    found: list[DepthLevel] = []
    for level in book.side(side):
        if len(found) == levels:
            break
        row = _depth_level(book, side, level, duration_seconds, region)
        if row.orders:
            found.append(row)
    return found


def resting(book: Book, order_id: str) -> int | None:
    """The GPUs of an order that rest in a book; None if it does not rest there."""
    order = book.orders.get(order_id)
    return order.remaining if order else None


def depth_changes(book: Book) -> list[tuple[Side, DepthLevel]]:
    """The levels that changed since this was called last, as they are now; those gone are 0.

    The first call begins: it tells none.
    """
    sides: tuple[Side, Side] = ("bid", "ask")
    return [
        (side, _level_at(book, side, price_micros))
        for side in sides
        for price_micros in book.side(side).take_touched()
    ]


def _level_at(book: Book, side: Side, price_micros: int) -> DepthLevel:
    try:
        level = book.side(side).level(price_micros)
    except KeyError:
        return DepthLevel(price_micros, 0, 0)
    return DepthLevel(price_micros, level.quantity, len(level.orders))


def _depth_level(
    book: Book, side: Side, level: Level, duration_seconds: int | None, region: str | None
) -> DepthLevel:
    if not duration_seconds and not region:
        return DepthLevel(level.price_micros, level.quantity, len(level.orders))
    meets = _ask_meets if side == "ask" else _bid_meets
    met = [
        order.remaining
        for order in level.orders.values()
        if meets(order, duration_seconds, region, book.now_ms)
    ]
    return DepthLevel(level.price_micros, sum(met), len(met))


def _ask_meets(ask: Order, duration_seconds: int | None, region: str | None, now_ms: int) -> bool:
    if region and ask.region != region:
        return False
    if not duration_seconds:
        return True
    in_time = not ask.available_until_ms or (
        now_ms + duration_seconds * 1000 <= ask.available_until_ms
    )
    return in_time and ask.min_duration_seconds <= duration_seconds <= ask.duration_seconds


def _bid_meets(bid: Order, duration_seconds: int | None, region: str | None, _: int) -> bool:
    short_enough = not duration_seconds or bid.duration_seconds <= duration_seconds
    return short_enough and (not region or bid.region in ("", region))
