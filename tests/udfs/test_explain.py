# ruff: noqa: N802
"""Why an order rests, rule by rule; and that what is said to fill does fill."""

import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import ALICE, BOB, BOOK, CAROL, HOUR_S, Market, amend, ask, bid, named
from tests.differential import stream
from udfs import explain as explaining
from udfs.book import Book, Order
from udfs.explain import Amount, Change, Explanation, explain
from udfs.matching import MACHINE

NONE = Amount(0, 0)
TERMS = ("as_it_is", "price", "quantity", "min_fill", "duration", "region")
LENGTH = 80


def explained(market: Market, account_id: str, key: str, later_ms: int = 0) -> Explanation:
    found = explain(market.book, named(account_id, key), market.at_ms + later_ms)
    assert found is not None
    return found


def apart(found: Explanation) -> dict[str, tuple[Amount, Amount]]:
    """The reasons that keep anything apart, with what they do in all and alone."""
    return {
        reason: (each.every, each.alone)
        for reason, each in found.excluded.items()
        if each.every != NONE
    }


def one(quantity: int) -> tuple[Amount, Amount]:
    """One order, kept apart by this reason alone."""
    return Amount(1, quantity), Amount(1, quantity)


def test_an_order_that_does_not_rest_is_not_explained() -> None:
    assert explain(Market().book, named(ALICE, "b"), 5) is None


def test_an_empty_side_is_no_reason() -> None:
    found = explained(Market().after(bid(ALICE, "b", 4, 1_000)), ALICE, "b")
    assert (found.seen, apart(found), found.is_all) == (NONE, {}, True)
    assert found.nearest == explaining.Nearest()


def test_a_price_that_does_not_cross() -> None:
    market = Market().after(
        ask(BOB, "a1", 2, 1_200), ask(BOB, "a2", 3, 1_100), bid(ALICE, "b", 4, 1_000)
    )
    found = explained(market, ALICE, "b")
    assert found.seen == Amount(2, 5)
    assert apart(found) == {"price": (Amount(2, 5), Amount(2, 5))}
    assert found.nearest.price == Change({"price_micros": 1_100}, "amend", 3)
    of_ask = explained(market, BOB, "a1")
    assert of_ask.nearest.price == Change({"price_micros": 1_000}, "amend", 2)


def test_E1_a_duration_that_is_not_sold() -> None:
    market = Market().after(
        ask(BOB, "long", 2, 1_000, min_duration_seconds=10 * HOUR_S),
        ask(BOB, "short", 3, 1_000, duration_seconds=HOUR_S),
        bid(ALICE, "b", 4, 1_000, duration_seconds=4 * HOUR_S),
    )
    found = explained(market, ALICE, "b")
    assert apart(found) == {"duration": (Amount(2, 5), Amount(2, 5))}
    assert found.nearest.duration == Change({"duration_seconds": HOUR_S}, "new_order", 3)
    assert found.nearest.price is None
    of_long = explained(market, BOB, "long")
    terms = {"min_duration_seconds": 4 * HOUR_S}
    assert of_long.nearest.duration == Change(terms, "new_order", 2)
    of_short = explained(market, BOB, "short")
    assert of_short.nearest.duration == Change({"duration_seconds": 4 * HOUR_S}, "new_order", 3)


def test_E2_another_region() -> None:
    market = Market().after(
        ask(BOB, "a1", 2, 1_000, region="us-west-2"),
        ask(BOB, "a2", 3, 1_100, region="us-west-2"),
        bid(ALICE, "b", 4, 1_000, region="us-east-1"),
    )
    found = explained(market, ALICE, "b")
    assert apart(found) == {
        "price": (Amount(1, 3), NONE),
        "region": (Amount(2, 5), Amount(1, 2)),
    }
    assert found.nearest.region == Change({"region": "us-west-2"}, "new_order", 2)
    assert found.nearest.price is None
    assert explained(market, BOB, "a1").nearest.region is None


def test_E3_gpus_that_must_be_back_before() -> None:
    until_ms = 1_000 + 3 * HOUR_S * 1000
    market = Market().after(
        ask(BOB, "a", 2, 1_000, available_until_ms=until_ms),
        bid(ALICE, "b", 4, 1_000, duration_seconds=5 * HOUR_S),
    )
    found = explained(market, ALICE, "b")
    assert apart(found) == {"availability": one(2)}
    assert found.nearest.duration == Change({"duration_seconds": 2 * HOUR_S}, "new_order", 2)
    assert explained(market, BOB, "a").nearest.duration is None


def test_E3_gpus_that_must_be_back_just_then_are_sold() -> None:
    market = Market().after(
        ask(BOB, "a", 2, 1_100, available_until_ms=2_000 + HOUR_S * 1000), bid(ALICE, "b", 4, 1_000)
    )
    in_time = explained(market, ALICE, "b", later_ms=2_000 - market.at_ms)
    assert apart(in_time) == {"price": one(2)}
    late = explained(market, ALICE, "b", later_ms=2_001 - market.at_ms)
    assert apart(late) == {"price": (Amount(1, 2), NONE), "availability": (Amount(1, 2), NONE)}


def test_S2_what_stands_behind_an_own_order() -> None:
    market = Market().after(
        bid(ALICE, "b", 1, 1_000),
        ask(ALICE, "own", 5, 900, min_fill=5, self_trade="cancel_oldest"),
        ask(BOB, "behind", 5, 950, min_fill=5),
    )
    assert apart(explained(market, ALICE, "b")) == {"own_account": (Amount(2, 10), Amount(2, 10))}


def test_S1_own_orders() -> None:
    market = Market().after(
        ask(ALICE, "own", 2, 1_100), ask(BOB, "a", 2, 1_200), bid(ALICE, "b", 4, 1_000)
    )
    found = explained(market, ALICE, "b")
    assert apart(found) == {
        "price": (Amount(2, 4), Amount(1, 2)),
        "own_account": (Amount(1, 2), NONE),
    }
    assert found.nearest.price is None  # on the way there it would meet its own ask and be closed
    market(bid(ALICE, "c", 4, 1_000, self_trade="cancel_oldest"))
    assert explained(market, ALICE, "c").nearest.price == Change(
        {"price_micros": 1_200}, "amend", 2
    )


def test_M1_what_has_expired_and_not_been_closed_yet() -> None:
    market = Market().after(
        ask(BOB, "a", 2, 1_100, expires_at_ms=2_000),
        bid(ALICE, "b", 4, 1_000),
        bid(ALICE, "old", 4, 1_000, expires_at_ms=2_000),
    )
    found = explained(market, ALICE, "b", later_ms=2_000 - market.at_ms)
    assert apart(found) == {"price": (Amount(1, 2), NONE), "expired": (Amount(1, 2), NONE)}
    assert found.nearest.price is None
    old = explained(market, ALICE, "old", later_ms=2_000 - market.at_ms)
    assert (old.is_expired, old.nearest) == (True, explaining.Nearest())


def test_M6_its_own_minimum() -> None:
    market = Market().after(ask(BOB, "a", 3, 1_000), ask(BOB, "b", 3, 1_100))
    market(bid(ALICE, "b", 8, 1_000, min_fill=5))
    found = explained(market, ALICE, "b")
    assert apart(found) == {"price": one(3), "min_fill": one(3)}
    assert found.eligible == NONE
    assert found.nearest.min_fill == Change({"min_fill": 3}, "new_order", 3)
    assert found.nearest.quantity == Change({"quantity": 3, "min_fill": 3}, "new_order", 3)
    assert found.nearest.price == Change({"price_micros": 1_100}, "amend", 6)


def test_A4_a_minimum_of_the_other_side() -> None:
    market = Market().after(ask(BOB, "a", 8, 1_000, min_fill=5), bid(ALICE, "b", 3, 1_000))
    found = explained(market, ALICE, "b")
    assert apart(found) == {"min_fill": one(8)}
    assert found.nearest.quantity == Change({"quantity": 5}, "amend", 5)
    assert found.nearest.min_fill is None


def test_M2_a_post_only_order_must_be_placed_anew() -> None:
    market = Market().after(ask(BOB, "a", 2, 1_100), bid(ALICE, "b", 4, 1_000, post_only=True))
    terms = {"price_micros": 1_100, "post_only": False}
    assert explained(market, ALICE, "b").nearest.price == Change(terms, "new_order", 2)


def test_C3_what_fits_since_the_other_side_was_lowered() -> None:
    market = Market().after(ask(BOB, "a", 8, 1_000, min_fill=5), bid(ALICE, "b", 3, 1_000))
    market(amend(BOB, "a", quantity=3))
    found = explained(market, ALICE, "b")
    assert (found.eligible, apart(found)) == (Amount(1, 3), {})
    assert found.nearest == explaining.Nearest(Change({}, "new_order", 3))


def test_position_in_its_level_and_behind_better_prices() -> None:
    market = Market().after(
        bid(BOB, "best", 9, 1_200),
        bid(BOB, "better", 1, 1_100),
        bid(BOB, "first", 6, 1_000),
        bid(ALICE, "b", 2, 1_000),
        bid(CAROL, "last", 4, 1_000),
    )
    position = explained(market, ALICE, "b").position
    assert (position.level, position.ahead) == (Amount(3, 12), Amount(1, 6))
    assert (position.better, position.better_levels) == (Amount(2, 10), 2)
    assert (position.smallest_incoming, position.is_all) == (6, True)


@pytest.mark.parametrize(
    ("top", "book_minimum", "min_fill", "key", "smallest"),
    [(0, 1, 1, "b", 6), (0, 2, 1, "b", 12), (3, 1, 1, "b", 8), (3, 1, 1, "first", 1),
     (0, 1, 2, "b", 12), (0, 2, 1, "first", 4)],
)  # fmt: skip
def test_A3_the_smallest_incoming_order_that_its_share_sees(
    top: int, book_minimum: int, min_fill: int, key: str, smallest: int
) -> None:
    market = Market(top, book_minimum).after(
        bid(ALICE, "first", 6, 1_000),
        bid(ALICE, "b", 2, 1_000, min_fill=min_fill),
        bid(CAROL, "last", 4, 1_000),
    )
    assert explained(market, ALICE, key).position.smallest_incoming == smallest


def test_a_look_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "MOST_ORDERS", 3)
    market = Market().after(
        *(ask(BOB, f"a{n}", 1, 1_100 + 100 * n) for n in range(5)),
        *(bid(CAROL, f"c{n}", 1, 1_000) for n in range(5)),
        bid(ALICE, "b", 2, 1_000),
    )
    found = explained(market, ALICE, "b")
    assert (found.seen, found.is_all) == (Amount(4, 4), False)
    assert found.excluded["price"].alone == Amount(3, 3)
    assert found.nearest.price == Change({"price_micros": 1_100}, "amend", 1)
    assert (found.position.ahead, found.position.is_all) == (Amount(4, 4), False)


def test_nothing_is_told_that_an_unseen_order_could_undo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "MOST_ORDERS", 3)
    market = Market().after(
        *(ask(BOB, f"a{n}", 1, 900, region="us-west-2") for n in range(5)),
        ask(BOB, "a", 1, 1_100),
        bid(ALICE, "b", 2, 1_000, region="us-east-1"),
    )
    found = explained(market, ALICE, "b")
    assert apart(found) == {"price": one(1), "region": (Amount(3, 3), Amount(3, 3))}
    assert (found.nearest, found.is_all) == (explaining.Nearest(), False)


# Whatever the book is ------------------------------------------------------------------------


def books(seed: int) -> Book:
    """A book after a random log, halts lifted; its prices are far enough apart to rest."""
    rng = random.Random(seed)
    book = MACHINE.empty(BOOK)
    for at_ms, command in stream(rng, rng.randrange(LENGTH)):
        MACHINE.apply(book, command, at_ms)
    book.halted = False
    return book


seeds = st.integers(0, 2**32)


@settings(deadline=None, max_examples=150)
@given(seeds, st.sampled_from([0, 0, 5, 500]))
def test_what_is_said_to_fill_trades_so_much(seed: int, later_ms: int) -> None:
    book = books(seed)
    at_ms = book.now_ms + later_ms
    for order in list(book.orders.values()):
        before = book.state_hash()
        found = explain(book, order.order_id, at_ms)
        assert found is not None
        assert book.state_hash() == before
        for name in TERMS:
            change = getattr(found.nearest, name)
            if change is not None:
                assert traded(book, order, change, at_ms) == change.filled > 0, (name, change)


@settings(deadline=None, max_examples=150)
@given(seeds, st.integers(1, 6))
def test_what_a_look_that_was_cut_says_to_fill_trades_at_least_so_much(
    seed: int, most: int
) -> None:
    book = books(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explaining, "MOST_ORDERS", most)
        looks = [(order, explain(book, order.order_id, 0)) for order in book.orders.values()]
    for order, found in looks:
        assert found is not None
        for name in TERMS:
            change = getattr(found.nearest, name)
            if change is not None:
                assert traded(book, order, change, book.now_ms) >= change.filled > 0


@settings(deadline=None, max_examples=150)
@given(seeds)
def test_no_price_nearer_than_the_nearest_fills(seed: int) -> None:
    book = books(seed)
    for order in list(book.orders.values()):
        found = explain(book, order.order_id, book.now_ms)
        assert found is not None
        if found.nearest.as_it_is or order.post_only:
            continue
        nearest = found.nearest.price
        for level in book.opposite(order.side).beyond(order.price_micros):
            if nearest and level.price_micros == nearest.terms["price_micros"]:
                break
            change = Change({"price_micros": level.price_micros}, "amend", 0)
            assert traded(book, order, change, book.now_ms) == 0


@settings(deadline=None, max_examples=100)
@given(seeds)
def test_no_quantity_fills_where_none_is_told(seed: int) -> None:
    """For orders that take any amount; for others the nearest that was found is told."""
    book = books(seed)
    for order in list(book.orders.values()):
        found = explain(book, order.order_id, book.now_ms)
        assert found is not None
        if order.min_fill > 1 or order.post_only or book.top or found.nearest.as_it_is:
            continue
        told = found.nearest.quantity
        most = told.terms["quantity"] - order.filled if told else 70
        for quantity in range(1, most):
            change = Change({"quantity": quantity}, "new_order", 0)
            assert traded(book, order, change, book.now_ms) == 0


@settings(deadline=None, max_examples=150)
@given(seeds, st.sampled_from([0, 0, 5, 500]))
def test_counts_are_those_of_a_count_by_hand(seed: int, later_ms: int) -> None:
    book = books(seed)
    at_ms = book.now_ms + later_ms
    for order in book.orders.values():
        found = explain(book, order.order_id, at_ms)
        assert found is not None
        others = [each for each in book.orders.values() if each.side != order.side]
        assert found.seen == amount(others)
        whys = [(by_hand(order, other, at_ms), other) for other in others]
        for reason in ("price", "duration", "region", "availability", "expired"):
            every = amount(other for why, other in whys if reason in why)
            alone = amount(other for why, other in whys if why == {reason})
            assert found.excluded[reason] == explaining.Excluded(every, alone)
        free = amount(other for why, other in whys if not why)
        kept = found.excluded["min_fill"].alone
        stopped = found.excluded["own_account"].alone
        own = amount(other for why, other in whys if why == {"own_account"})
        rest = Amount(stopped.orders - own.orders, stopped.quantity - own.quantity)
        assert free in (found.eligible, kept, rest)
        assert [found.eligible, kept, rest].count(NONE) >= 2


def amount(orders: Any) -> Amount:
    every = list(orders)
    return Amount(len(every), sum(order.remaining for order in every))


def by_hand(order: Order, other: Order, at_ms: int) -> set[str]:
    """The rules of market-rules.md E and S1, M1, that two orders break."""
    buyer, seller = (order, other) if order.side == "bid" else (other, order)
    ends_ms = at_ms + buyer.duration_seconds * 1000
    rules = {
        "price": buyer.price_micros >= seller.price_micros,
        "duration": seller.min_duration_seconds
        <= buyer.duration_seconds
        <= seller.duration_seconds,
        "region": buyer.region in ("", seller.region),
        "availability": not seller.available_until_ms or ends_ms <= seller.available_until_ms,
        "own_account": buyer.account_id != seller.account_id,
        "expired": not other.expires_at_ms or other.expires_at_ms > at_ms,
    }
    return {rule for rule, holds in rules.items() if not holds}


def traded(book: Book, order: Order, change: Change, at_ms: int) -> int:
    """What trades when the change is made on a copy of the book, by the machine itself."""
    twin = MACHINE.load(BOOK, list(book.rows()))
    header = {"command_id": "", "account_id": order.account_id, "source": "", "source_seq": 0}
    if change.by == "amend":
        body = {"order_id": order.order_id, "quantity": 0, "price_micros": 0, **change.terms}
        step = MACHINE.apply(twin, {"kind": "amend_order", **header, "amend_order": body}, at_ms)
        return matched(step.facts)
    cancel = {"kind": "cancel_order", **header, "cancel_order": {"order_id": order.order_id}}
    MACHINE.apply(twin, cancel, at_ms)
    place = {"kind": "place_order", **header, "place_order": placed(order, change.terms)}
    return matched(MACHINE.apply(twin, place, at_ms).facts)


def placed(order: Order, terms: Mapping[str, Any]) -> dict[str, Any]:
    """The order's terms with these instead, as a new order."""
    names = ("side", "price_micros", "duration_seconds", "time_in_force", "expires_at_ms",
             "post_only", "min_fill", "self_trade", "region", "min_duration_seconds",
             "available_until_ms")  # fmt: skip
    own = {name: getattr(order, name) for name in names}
    return {"order_id": "again", "quantity": order.remaining, **own, **terms}


def matched(facts: Any) -> int:
    return sum(fact.record["quantity"] for fact in facts if fact.kind == "order_matched")


def test_the_random_books_have_orders_with_a_change_of_each_term() -> None:
    found: set[str] = set()
    for seed in range(300):
        book = books(seed)
        for order in book.orders.values():
            told = explain(book, order.order_id, book.now_ms)
            assert told is not None
            found |= {name for name in TERMS if getattr(told.nearest, name)}
    assert found == set(TERMS)
