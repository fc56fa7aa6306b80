# ruff: noqa: N802
"""Every rule of market-rules.md that a book decides, by its number."""

from typing import Any

import pytest

from tests.builders import (
    ALICE,
    BOB,
    BOOK,
    CAROL,
    DAVE,
    HOUR_S,
    Command,
    Market,
    amend,
    ask,
    bid,
    cancel,
    command,
    halt,
    named,
    resume,
    set_book,
    tick,
    withdraw,
)
from udfs.ids import event_id
from udfs.machine import texts
from udfs.matching import MACHINE, depth, preview

LOW, HIGH = 1_000, 1_200
MID = 1_100


@pytest.fixture
def market() -> Market:
    return Market()


def facts(market: Market) -> list[dict[str, Any]]:
    return [dict(fact.record) for fact in market.step.facts]


# U, B ----------------------------------------------------------------------------------------


def test_U1_a_midpoint_may_be_a_multiple_of_50(market: Market) -> None:
    market(ask(ALICE, "a", 1, 1_000))
    assert ("matched", "b", "a", 1, 1_050) in market(bid(BOB, "b", 1, 1_100))


def test_U2_the_largest_quantity_trades_whole(market: Market) -> None:
    market(ask(ALICE, "a", 65_536, LOW))
    assert ("matched", "b", "a", 65_536, LOW) in market(bid(BOB, "b", 65_536, LOW))


def test_U3_book_time_is_the_append_time_in_ms(market: Market) -> None:
    market(ask(ALICE, "a", 1, LOW), at_ms=1_700_000_000_123)
    assert facts(market)[0]["occurred_at_ms"] == 1_700_000_000_123


def test_B1_a_trade_names_what_was_sold() -> None:
    book = MACHINE.empty("H100-PCIE.spot")
    MACHINE.apply(book, ask(ALICE, "a", 1, LOW), 1)
    step = MACHINE.apply(book, bid(BOB, "b", 1, LOW), 2)
    record = step.facts[1].record
    assert (record["gpu_type"], record["product"]) == ("H100-PCIE", "spot")


def test_B2_set_book_sets_the_parameters_without_a_fact(market: Market) -> None:
    before = market.book.state_hash()
    assert market(set_book(top=10, book_minimum=2)) == []
    assert (market.book.top, market.book.book_minimum) == (10, 2)
    assert market.book.state_hash() != before
    assert market.step.writes.keys() == {"book"}


def test_B2_the_same_log_gives_the_same_facts_and_state() -> None:
    log = [ask(ALICE, "a", 8, LOW), bid(BOB, "b", 3, HIGH), cancel(ALICE, "a"), tick()]
    one, two = Market(), Market()
    assert [one(entry) for entry in log] == [two(entry) for entry in log]
    assert one.book.state_hash() == two.book.state_hash()


def test_B2_an_unknown_command_changes_nothing(market: Market) -> None:
    before = market.book.state_hash()
    with pytest.raises(ValueError, match="no command 'sell'"):
        market(command("sell", {}))
    with pytest.raises(ValueError, match="needs its body"):
        market(command("place_order"))
    assert market.book.state_hash() == before


def test_B3_time_never_goes_back(market: Market) -> None:
    market(ask(ALICE, "a", 1, LOW), at_ms=5_000)
    market(ask(ALICE, "b", 1, LOW), at_ms=4_000)
    assert facts(market)[0]["occurred_at_ms"] == 5_000


def test_B3_a_step_says_when_the_next_order_expires(market: Market) -> None:
    market(ask(ALICE, "a", 1, LOW))
    assert market.step.wake_at_ms is None
    market(ask(ALICE, "b", 1, LOW, expires_at_ms=9_000))
    market(ask(ALICE, "c", 1, LOW, expires_at_ms=8_000))
    assert market.step.wake_at_ms == 8_000
    market(cancel(ALICE, "c"))
    assert market.step.wake_at_ms == 9_000
    market(cancel(ALICE, "b"))
    assert market.step.wake_at_ms is None


def test_B3_a_timers_tick_expires_and_tells_nothing_else(market: Market) -> None:
    market(ask(ALICE, "a", 1, LOW, expires_at_ms=2_000))
    timer = tick(source="timer", source_seq=2_000)
    assert market(timer, at_ms=2_000) == [("closed", "a", "expired", 1)]


def test_B4_facts_are_numbered_without_gaps_and_named_by_their_number(market: Market) -> None:
    numbers = []
    for entry in (ask(ALICE, "a", 8, LOW), bid(BOB, "b", 3, LOW), cancel(BOB, "x"), halt()):
        market(entry)
        numbers += [fact["book_seq"] for fact in facts(market)]
        assert all(f["event_id"] == event_id(BOOK, f["book_seq"]) for f in facts(market))
    assert numbers == list(range(1, len(numbers) + 1)) == [1, 2, 3, 4, 5]


def test_B5_a_repeated_record_changes_nothing(market: Market) -> None:
    once = ask(ALICE, "a", 1, LOW, source=ALICE, source_seq=5)
    market.after(once, ask(BOB, "b", 1, LOW, expires_at_ms=3_000))
    before = market.book.state_hash()
    assert market(once, at_ms=9_000) == []  # not even time moves, and nothing expires
    assert market.book.state_hash() == before
    assert market.step.writes == {}
    assert market.step.commands == []
    assert market.step.wake_at_ms == 3_000


def test_B5_what_is_not_greater_is_dropped_and_gaps_are_normal(market: Market) -> None:
    assert market(ask(ALICE, "a", 1, LOW, source=ALICE, source_seq=5))
    assert market(ask(ALICE, "b", 1, LOW, source=ALICE, source_seq=4)) == []
    assert market(ask(ALICE, "c", 1, LOW, source=ALICE, source_seq=50))
    assert market(ask(BOB, "d", 1, LOW, source=BOB, source_seq=1))
    assert market.book.sources == {ALICE: 50, BOB: 1}
    assert texts(market.step.writes)[f"s:{BOB}"] == "[1,1]"


def test_B5_a_refused_command_counts_as_applied(market: Market) -> None:
    refused = cancel(ALICE, "x", source=ALICE, source_seq=1)
    assert market(refused) == [("rejected", "x", "ORDER_NOT_OPEN")]
    assert market(refused) == []


def test_B5_commands_without_a_source_are_not_dropped(market: Market) -> None:
    assert market(tick()) == market(tick()) == [("book_status", "open")]


def test_B6_an_administrators_tick_tells_the_hash_before_its_number(market: Market) -> None:
    market(ask(ALICE, "a", 1, LOW))
    twin = Market().after(ask(ALICE, "a", 1, LOW))
    twin(tick(source="timer", source_seq=1), at_ms=5_000)
    market(tick(source="timer", source_seq=1), at_ms=5_000)
    market(tick(want_hash=True), at_ms=5_000)
    assert facts(market)[-1]["hash"] == twin.book.state_hash()
    assert facts(market)[-1]["hash"] != market.book.state_hash()


# O -------------------------------------------------------------------------------------------


def test_O1_order_created_has_the_fields_of_the_order(market: Market) -> None:
    placed = ask(
        ALICE,
        "a",
        8,
        LOW,
        command_id="c1",
        time_in_force="GTD",
        expires_at_ms=10**12,
        min_fill=2,
        self_trade="cancel_oldest",
        post_only=True,
        min_duration_seconds=60,
        available_until_ms=10**13,
    )
    market(placed)
    body = {name: value for name, value in placed["place_order"].items() if name != "digest"}
    header = {
        "event_id": event_id(BOOK, 1),
        "book_seq": 1,
        "occurred_at_ms": market.at_ms,
        "command": "place_order",
        "command_id": "c1",
        "account_id": ALICE,
    }
    assert facts(market) == [{**body, **header}]


def test_O2_an_open_orders_id_is_refused(market: Market) -> None:
    market(ask(ALICE, "a", 8, LOW))
    assert market(ask(ALICE, "a", 9, LOW)) == [("rejected", "a", "ORDER_KEY_REUSED")]
    assert market.resting("ask") == [("a", 8)]


def test_O2_an_open_orders_id_is_told_as_reused_even_when_halted_or_expired(
    market: Market,
) -> None:
    # any other answer would make the views close an order that rests (F)
    market.after(ask(ALICE, "a", 8, LOW), halt())
    assert market(ask(ALICE, "a", 9, LOW)) == [("rejected", "a", "ORDER_KEY_REUSED")]
    market(resume())
    late = ask(ALICE, "a", 9, LOW, expires_at_ms=1)
    assert market(late) == [("rejected", "a", "ORDER_KEY_REUSED")]


def test_O2_a_closed_orders_id_may_come_again(market: Market) -> None:
    market.after(ask(ALICE, "a", 8, LOW), cancel(ALICE, "a"))
    assert market(ask(ALICE, "a", 8, LOW)) == [("created", "a")]


@pytest.mark.parametrize("side", [bid, ask])
def test_O3_absent_fields_have_their_defaults_and_nothing_is_stamped(
    market: Market, side: Any
) -> None:
    placed = side(ALICE, "a", 8, LOW)
    optional = ["time_in_force", "expires_at_ms", "post_only", "min_fill", "self_trade"]
    for name in [*optional, "region", "min_duration_seconds", "available_until_ms", "digest"]:
        del placed["place_order"][name]
    assert market(placed) == [("created", "a")]
    fact = facts(market)[0]
    assert (fact["time_in_force"], fact["expires_at_ms"], fact["min_fill"]) == ("", 0, 1)
    assert fact["self_trade"] == "cancel_newest"
    assert market.step.wake_at_ms is None  # it rests and never expires
    assert len(market.book.orders) == 1


def test_O4_filled_quantity_never_falls(market: Market) -> None:
    market.after(ask(ALICE, "a", 9, LOW), bid(BOB, "b", 4, LOW))
    assert facts(market)[1]["ask_filled"] == 4
    market.after(amend(ALICE, "a", quantity=20), bid(BOB, "c", 4, LOW))
    assert facts(market)[1]["ask_filled"] == 8


def test_O5_a_trade_sells_the_bids_duration(market: Market) -> None:
    market(bid(BOB, "b", 1, LOW, duration_seconds=2 * HOUR_S))
    market(ask(ALICE, "a", 1, LOW, duration_seconds=24 * HOUR_S))
    assert facts(market)[1]["duration_seconds"] == 2 * HOUR_S


# E -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["bid", "ask"])
@pytest.mark.parametrize(("length", "trades"), [(59, 0), (60, 1), (120, 1), (121, 0)])
def test_E1_the_bids_duration_is_within_the_asks(
    market: Market, first: str, length: int, trades: int
) -> None:
    pair = {
        "bid": bid(BOB, "b", 1, LOW, duration_seconds=length),
        "ask": ask(ALICE, "a", 1, LOW, duration_seconds=120, min_duration_seconds=60),
    }
    told = _both(market, pair, first)
    assert [fact[0] for fact in told].count("matched") == trades


@pytest.mark.parametrize("first", ["bid", "ask"])
@pytest.mark.parametrize(("wanted", "trades"), [("", 1), ("us-east-1", 1), ("us-west-2", 0)])
def test_E2_the_bids_region_is_empty_or_the_asks(
    market: Market, first: str, wanted: str, trades: int
) -> None:
    pair = {"bid": bid(BOB, "b", 1, LOW, region=wanted), "ask": ask(ALICE, "a", 1, LOW)}
    told = _both(market, pair, first)
    assert [fact[0] for fact in told].count("matched") == trades


@pytest.mark.parametrize("first", ["bid", "ask"])
@pytest.mark.parametrize(
    ("until_ms", "trades"), [(0, 1), (61_999, 0), (62_000, 1), (62_001, 1), (1_000, 0)]
)
def test_E3_the_bids_end_by_the_books_time_is_within_the_asks_availability(
    market: Market, first: str, until_ms: int, trades: int
) -> None:
    pair = {
        "bid": bid(BOB, "b", 1, LOW, duration_seconds=60),
        "ask": ask(ALICE, "a", 1, LOW, available_until_ms=until_ms),
    }
    told = _both(market, pair, first, second_at_ms=2_000)
    assert [fact[0] for fact in told].count("matched") == trades


def test_E3_uses_the_books_time_not_an_earlier_append_time(market: Market) -> None:
    market(ask(ALICE, "a", 1, LOW, available_until_ms=62_000), at_ms=2_001)
    assert market(bid(BOB, "b", 1, LOW, duration_seconds=60), at_ms=1_500) == [("created", "b")]


def test_E1_E2_an_ineligible_order_keeps_its_place(market: Market) -> None:
    market.after(ask(ALICE, "far", 4, LOW, region="us-west-2"), ask(CAROL, "near", 4, LOW))
    east = bid(BOB, "b", 2, LOW, region="us-east-1")
    assert market(east)[1:] == [("matched", "b", "near", 2, LOW)]
    assert market.resting("ask") == [("far", 4), ("near", 2)]
    assert market(bid(BOB, "c", 1, LOW))[1:] == [("matched", "c", "far", 1, LOW)]


def _both(
    market: Market, pair: dict[str, Command], first: str, second_at_ms: int | None = None
) -> list[tuple[Any, ...]]:
    second = "ask" if first == "bid" else "bid"
    market(pair[first])
    return market(pair[second], second_at_ms)


# M -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "verb"),
    [
        (tick(), "book_status"),
        (halt(), "book_status"),
        (resume(), "book_status"),
        (cancel(ALICE, "x"), "rejected"),
        (amend(ALICE, "x", quantity=1), "rejected"),
        (withdraw(ALICE, "x", 1), "rejected"),
        (ask(ALICE, "y", 1, LOW), "created"),
        (set_book(), None),
    ],
)
def test_M1_every_command_first_closes_what_has_expired(
    market: Market, entry: Command, verb: str | None
) -> None:
    market(ask(ALICE, "a", 3, LOW, expires_at_ms=2_000))
    told = market(entry, at_ms=2_000)
    assert told[0] == ("closed", "a", "expired", 3)
    assert [fact[0] for fact in told[1:]] == ([verb] if verb else [])
    assert facts(market)[0]["command"] == entry["kind"]
    assert market.step.writes[f"o:{named(ALICE, 'a')}"] is None


def test_M1_expiries_come_by_time_then_priority(market: Market) -> None:
    market.after(
        ask(ALICE, "a", 1, LOW, expires_at_ms=1_900),
        bid(ALICE, "b", 1, 100, expires_at_ms=1_800),
        ask(ALICE, "c", 1, LOW, expires_at_ms=1_800),
        ask(ALICE, "d", 1, LOW, expires_at_ms=2_001),
        amend(ALICE, "b", price_micros=200),  # a new priority, behind c
    )
    told = market(tick(source="timer", source_seq=1), at_ms=2_000)
    assert [fact[1] for fact in told] == ["c", "b", "a"]


def test_M1_an_order_just_expired_is_not_open(market: Market) -> None:
    market(ask(ALICE, "a", 1, LOW, expires_at_ms=2_000))
    told = market(amend(ALICE, "a", quantity=5), at_ms=2_000)
    assert told == [("closed", "a", "expired", 1), ("rejected", "a", "ORDER_NOT_OPEN")]


def test_M1_an_order_expired_on_arrival_is_created_and_closed(market: Market) -> None:
    market(ask(ALICE, "a", 1, LOW))
    late = bid(BOB, "b", 1, LOW, expires_at_ms=2_000, post_only=True)  # no check, no trade
    assert market(late, at_ms=2_000) == [("created", "b"), ("closed", "b", "expired", 1)]
    assert market.resting("bid") == []


def test_M1_an_order_that_expires_later_trades(market: Market) -> None:
    market(ask(ALICE, "a", 1, LOW))
    told = market(bid(BOB, "b", 1, LOW, expires_at_ms=2_001), at_ms=2_000)
    assert told[1] == ("matched", "b", "a", 1, LOW)


def test_M2_post_only_that_would_trade_is_refused(market: Market) -> None:
    market(ask(ALICE, "a", 1, MID))
    refused = bid(BOB, "b", 1, MID, post_only=True)
    assert market(refused) == [("rejected", "b", "POST_ONLY_WOULD_TRADE")]
    assert market(bid(BOB, "c", 1, LOW, post_only=True)) == [("created", "c")]


def test_M2_only_eligible_orders_count_own_ones_too(market: Market) -> None:
    market(ask(ALICE, "a", 1, LOW, region="us-west-2"))
    east = bid(BOB, "b", 1, LOW, post_only=True, region="us-east-1")
    assert market(east) == [("created", "b")]
    own = bid(ALICE, "c", 1, LOW, post_only=True, self_trade="cancel_oldest")
    assert market(own) == [("rejected", "c", "POST_ONLY_WOULD_TRADE")]


def test_M3_best_level_first_then_time(market: Market) -> None:
    market.after(
        ask(ALICE, "dear", 2, HIGH),
        ask(ALICE, "first", 2, LOW),
        ask(CAROL, "second", 2, LOW),
        ask(CAROL, "between", 2, MID),
    )
    assert [fact[2:4] for fact in market(bid(BOB, "b", 7, HIGH))[1:]] == [
        ("first", 2),
        ("second", 2),
        ("between", 2),
        ("dear", 1),
    ]


def test_M3_an_ask_takes_the_highest_bids_first(market: Market) -> None:
    market.after(bid(BOB, "low", 2, LOW), bid(CAROL, "high", 2, HIGH))
    assert [fact[1:4] for fact in market(ask(ALICE, "a", 3, LOW))[1:]] == [
        ("high", "a", 2),
        ("low", "a", 1),
    ]


def test_M4_every_pair_trades_at_its_midpoint(market: Market) -> None:
    market.after(ask(ALICE, "a", 1, 1_000), ask(ALICE, "b", 1, 1_100))
    told = market(bid(BOB, "c", 2, 1_200))
    assert told[1:] == [("matched", "c", "a", 1, 1_100), ("matched", "c", "b", 1, 1_150)]


def test_M5_it_ends_when_filled_before_it_meets_an_own_order(market: Market) -> None:
    market.after(ask(ALICE, "a", 2, LOW), ask(BOB, "own", 2, MID))
    assert market(bid(BOB, "b", 2, MID))[1:] == [("matched", "b", "a", 2, 1_050)]


def test_M5_it_ends_with_the_last_crossing_level(market: Market) -> None:
    market.after(ask(ALICE, "a", 2, LOW), ask(ALICE, "c", 2, HIGH))
    assert market(bid(BOB, "b", 4, MID))[1:] == [("matched", "b", "a", 2, 1_050)]
    assert market.resting("bid") == [("b", 2)]


def test_M5_what_cannot_be_placed_at_a_level_goes_on(market: Market) -> None:
    market.after(ask(ALICE, "picky", 8, LOW, min_fill=8), ask(ALICE, "next", 8, MID))
    assert market(bid(BOB, "b", 3, HIGH))[1:] == [("matched", "b", "next", 3, 1_150)]


def test_M6_nothing_trades_below_the_minimum(market: Market) -> None:
    market(ask(ALICE, "a", 4, LOW))
    assert market(bid(BOB, "b", 8, LOW, min_fill=5)) == [("created", "b")]
    assert market.resting("bid") == [("b", 8)]
    assert market.resting("ask") == [("a", 4)]
    ioc = bid(BOB, "c", 8, LOW, min_fill=5, time_in_force="IOC")
    assert market(ioc)[1:] == [("closed", "c", "ioc", 8)]


def test_M6_the_minimum_is_of_the_whole_pass(market: Market) -> None:
    market.after(ask(ALICE, "a", 4, LOW), ask(ALICE, "c", 1, MID))
    assert len(market(bid(BOB, "b", 8, MID, min_fill=5))) == 3


def test_M6_the_minimum_is_at_most_the_quantity(market: Market) -> None:
    market(ask(ALICE, "a", 2, LOW))
    assert market(bid(BOB, "b", 2, LOW, min_fill=9))[1:] == [("matched", "b", "a", 2, LOW)]


def test_M6_fok_is_all_or_nothing(market: Market) -> None:
    market(ask(ALICE, "a", 4, LOW))
    fok = {"time_in_force": "FOK"}
    assert market(bid(BOB, "b", 5, LOW, **fok))[1:] == [("closed", "b", "fok", 5)]
    assert market(bid(BOB, "c", 4, LOW, **fok))[1:] == [("matched", "c", "a", 4, LOW)]


@pytest.mark.parametrize("mode", ["cancel_newest", "cancel_oldest"])
@pytest.mark.parametrize("min_fill", [1, 3])
def test_M6_fok_is_decided_first_and_leaves_own_orders(
    market: Market, mode: str, min_fill: int
) -> None:
    market.after(ask(ALICE, "a", 1, LOW), ask(BOB, "own", 4, MID))
    fok = bid(BOB, "b", 3, MID, time_in_force="FOK", self_trade=mode, min_fill=min_fill)
    assert market(fok) == [("created", "b"), ("closed", "b", "fok", 3)]
    assert market.resting("ask") == [("a", 1), ("own", 4)]


def test_M6_a_minimum_of_1_drops_no_plan(market: Market) -> None:
    market(ask(BOB, "own", 4, LOW))
    told = market(bid(BOB, "b", 3, LOW, self_trade="cancel_oldest"))
    assert told == [("created", "b"), ("closed", "own", "self_trade", 4)]
    assert market.resting("bid") == [("b", 3)]


def test_M6_a_dropped_plan_closes_no_own_orders(market: Market) -> None:
    market.after(ask(BOB, "own", 4, LOW), ask(ALICE, "a", 1, LOW))
    told = market(bid(BOB, "b", 3, LOW, self_trade="cancel_oldest", min_fill=2))
    assert told == [("created", "b")]
    assert market.resting("ask") == [("own", 4), ("a", 1)]


def test_M6_a_dropped_plan_that_self_trade_stopped_closes_the_order(market: Market) -> None:
    market.after(ask(ALICE, "a", 1, LOW), ask(BOB, "own", 4, MID))
    told = market(bid(BOB, "b", 3, MID, min_fill=2))
    assert told == [("created", "b"), ("closed", "b", "self_trade", 3)]
    assert market.resting("ask") == [("a", 1), ("own", 4)]


def test_M6_the_quantity_of_an_amended_order_is_what_remains(market: Market) -> None:
    market.after(ask(ALICE, "a", 6, LOW), bid(BOB, "b", 8, LOW, min_fill=6))
    market(ask(ALICE, "c", 2, MID))
    told = market(amend(BOB, "b", price_micros=MID))  # 2 remain: 2 are enough
    assert told == [("amended", "b", 8, MID, 2), ("matched", "b", "c", 2, MID)]


def test_M6_a_minimum_above_an_amended_rest_of_1_still_drops_the_plan(market: Market) -> None:
    # chosen: "min_fill 1" is the order's own field, not what remains of it
    terms = {"min_fill": 6, "self_trade": "cancel_oldest"}
    market.after(ask(ALICE, "a", 6, LOW), bid(BOB, "b", 7, LOW, **terms), ask(BOB, "own", 1, HIGH))
    assert market(amend(BOB, "b", price_micros=HIGH)) == [("amended", "b", 7, HIGH, 1)]
    assert market.resting("ask") == [("own", 1)]


@pytest.mark.parametrize("time_in_force", ["GTC", "GTD", ""])
def test_M7_a_rest_goes_to_the_end_of_its_level(market: Market, time_in_force: str) -> None:
    market.after(bid(BOB, "b", 1, LOW), ask(ALICE, "a", 2, MID))
    market(bid(CAROL, "c", 5, MID, time_in_force=time_in_force))
    market(bid(DAVE, "d", 1, MID))
    assert market.resting("bid") == [("c", 3), ("d", 1), ("b", 1)]


def test_M7_a_rest_of_an_ioc_is_closed(market: Market) -> None:
    market(ask(ALICE, "a", 2, LOW))
    told = market(bid(BOB, "b", 5, LOW, time_in_force="IOC"))
    assert told[1:] == [("matched", "b", "a", 2, LOW), ("closed", "b", "ioc", 3)]


def test_M8_facts_come_in_order(market: Market) -> None:
    market.after(
        ask(CAROL, "old", 1, HIGH, expires_at_ms=2_000),
        ask(BOB, "own2", 1, MID),
        ask(BOB, "own1", 1, LOW),
        ask(ALICE, "a2", 2, MID),
        ask(ALICE, "a1", 2, LOW),
    )
    mode = {"self_trade": "cancel_oldest", "time_in_force": "IOC"}
    assert market(bid(BOB, "b", 5, MID, **mode), at_ms=2_000) == [
        ("closed", "old", "expired", 1),
        ("created", "b"),
        ("matched", "b", "a1", 2, 1_050),
        ("matched", "b", "a2", 2, MID),
        ("closed", "own1", "self_trade", 1),
        ("closed", "own2", "self_trade", 1),
        ("closed", "b", "ioc", 1),
    ]


def test_M8_one_trade_for_top_step_share_and_leftover_together() -> None:
    market = Market(top=3)
    market.after(ask(ALICE, "a", 4, LOW), ask(ALICE, "c", 4, LOW))
    assert market(bid(BOB, "b", 6, LOW))[1:] == [
        ("matched", "b", "a", 4, LOW),
        ("matched", "b", "c", 2, LOW),
    ]


def test_M8_a_refused_order_is_not_created(market: Market) -> None:
    market(halt())
    assert market(bid(BOB, "b", 1, LOW)) == [("rejected", "b", "BOOK_HALTED")]


# A -------------------------------------------------------------------------------------------


def test_A1_the_top_step_applies_anew_at_every_level() -> None:
    market = Market(top=2)
    market.after(ask(ALICE, "a", 2, LOW), ask(ALICE, "b", 4, MID), ask(ALICE, "c", 4, MID))
    assert [fact[2:4] for fact in market(bid(BOB, "d", 6, MID))[1:]] == [
        ("a", 2),
        ("b", 3),
        ("c", 1),
    ]


def test_A3_A4_a_minimum_holds_again_after_an_earlier_fill(market: Market) -> None:
    market.after(ask(ALICE, "a", 10, LOW, min_fill=4), ask(ALICE, "c", 10, LOW))
    assert market(bid(BOB, "b", 8, LOW))[1:] == [
        ("matched", "b", "a", 4, LOW),
        ("matched", "b", "c", 4, LOW),
    ]
    assert market(bid(BOB, "d", 3, LOW))[1:] == [("matched", "d", "c", 3, LOW)]


def test_A5_vectors_through_the_book() -> None:
    market = Market(top=10, book_minimum=2)
    for key, quantity in zip("abcde", [10, 5, 20, 50, 75], strict=True):
        market(ask(ALICE, key, quantity, LOW))
    told = market(bid(BOB, "in", 60, LOW))
    assert [fact[3] for fact in told[1:]] == [10, 3, 6, 16, 25]


# S -------------------------------------------------------------------------------------------


def test_S1_one_account_never_trades_with_itself(market: Market) -> None:
    market(ask(ALICE, "a", 4, LOW))
    assert market(bid(ALICE, "b", 4, LOW)) == [("created", "b"), ("closed", "b", "self_trade", 4)]


def test_S1_an_own_order_that_is_not_eligible_stops_nothing(market: Market) -> None:
    market.after(ask(BOB, "own", 4, LOW, region="us-west-2"), ask(ALICE, "a", 4, LOW))
    east = bid(BOB, "b", 4, LOW, region="us-east-1")
    assert market(east)[1:] == [("matched", "b", "a", 4, LOW)]


def test_S2_cancel_newest_stops_at_the_level_and_better_trades_stand(market: Market) -> None:
    market.after(ask(ALICE, "a", 2, LOW), ask(ALICE, "c", 2, MID), ask(BOB, "own", 2, MID))
    assert market(bid(BOB, "b", 5, HIGH))[1:] == [
        ("matched", "b", "a", 2, 1_100),
        ("closed", "b", "self_trade", 3),
    ]
    assert market.resting("ask") == [("c", 2), ("own", 2)]


def test_S2_cancel_oldest_closes_own_orders_and_the_level_is_allocated(market: Market) -> None:
    market.after(ask(BOB, "own", 2, LOW), ask(ALICE, "a", 2, LOW))
    assert market(bid(BOB, "b", 2, LOW, self_trade="cancel_oldest"))[1:] == [
        ("matched", "b", "a", 2, LOW),
        ("closed", "own", "self_trade", 2),
    ]


def test_S2_the_incoming_orders_mode_decides(market: Market) -> None:
    market(ask(BOB, "own", 2, LOW, self_trade="cancel_oldest"))
    assert market(bid(BOB, "b", 2, LOW))[1:] == [("closed", "b", "self_trade", 2)]


def test_S2_self_trade_comes_before_ioc(market: Market) -> None:
    market(ask(BOB, "own", 2, LOW))
    told = market(bid(BOB, "b", 2, LOW, time_in_force="IOC"))
    assert told[1:] == [("closed", "b", "self_trade", 2)]


# C -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        cancel(BOB, "a"),
        amend(BOB, "a", quantity=1),
        withdraw(BOB, "a", 1),
        cancel(BOB, "gone"),
        amend(BOB, "gone", quantity=1),
        withdraw(BOB, "gone", 1),
        cancel(BOB, "never"),
        amend(BOB, "never", quantity=1),
        withdraw(BOB, "never", 1),
    ],
)
def test_C1_unknown_closed_and_foreign_orders_get_one_answer(
    market: Market, change: Command
) -> None:
    body = change[change["kind"]]
    if body["order_id"] == named(BOB, "a"):
        body = {**body, "order_id": named(ALICE, "a")}
    market.after(ask(ALICE, "a", 4, LOW), ask(BOB, "gone", 1, LOW), cancel(BOB, "gone"))
    told = market({**change, change["kind"]: body})
    assert [fact[0::2] for fact in told] == [("rejected", "ORDER_NOT_OPEN")]
    fact = facts(market)[0]
    assert fact["account_id"] == BOB
    assert fact["detail"] == f"order {body['order_id']} is not an open order of yours (C1)"
    assert market.resting("ask") == [("a", 4)]


def test_C1_cancel_closes_an_own_order(market: Market) -> None:
    market.after(ask(ALICE, "a", 4, LOW), bid(BOB, "b", 1, LOW))
    assert market(cancel(ALICE, "a")) == [("closed", "a", "user", 3)]


@pytest.fixture
def queue() -> Market:
    """Two asks at a level, the first partly filled: 4 of 10 and 8."""
    market = Market().after(ask(ALICE, "a", 10, LOW), bid(BOB, "b", 4, LOW))
    return market.after(ask(CAROL, "c", 8, LOW))


def test_C2_a_lower_quantity_at_the_same_price_keeps_priority(queue: Market) -> None:
    assert queue(amend(ALICE, "a", quantity=7)) == [("amended", "a", 7, LOW, 3)]
    assert queue.resting("ask") == [("a", 3), ("c", 8)]
    assert queue(amend(ALICE, "a", quantity=6, price_micros=LOW)) == [("amended", "a", 6, LOW, 2)]
    assert queue.resting("ask") == [("a", 2), ("c", 8)]


def test_C2_a_higher_quantity_gets_a_new_priority(queue: Market) -> None:
    assert queue(amend(ALICE, "a", quantity=11)) == [("amended", "a", 11, LOW, 7)]
    assert queue.resting("ask") == [("c", 8), ("a", 7)]


def test_C2_another_price_gets_a_new_priority_even_there_and_back(queue: Market) -> None:
    assert queue(amend(ALICE, "a", price_micros=MID)) == [("amended", "a", 10, MID, 6)]
    assert queue.resting("ask") == [("c", 8), ("a", 6)]
    queue(amend(ALICE, "a", price_micros=LOW))
    assert queue.resting("ask") == [("c", 8), ("a", 6)]


def test_C2_a_lower_quantity_at_another_price_enters_again(queue: Market) -> None:
    queue(amend(CAROL, "c", quantity=7, price_micros=900))
    assert queue.resting("ask") == [("c", 7), ("a", 6)]


def test_C2_an_amended_order_may_match(queue: Market) -> None:
    queue(bid(BOB, "d", 3, 900))
    assert queue(amend(ALICE, "a", price_micros=900)) == [
        ("amended", "a", 10, 900, 6),
        ("matched", "d", "a", 3, 900),
    ]
    assert queue.resting("ask") == [("a", 3), ("c", 8)]
    fact = facts(queue)[1]
    assert (fact["aggressor"], fact["ask_filled"], fact["ask_remaining"]) == ("ask", 7, 3)


def test_C2_an_amended_order_may_be_filled_or_stopped(queue: Market) -> None:
    queue.after(bid(BOB, "d", 6, 900), bid(CAROL, "own", 1, 800))
    assert queue(amend(ALICE, "a", price_micros=900))[-1] == ("matched", "d", "a", 6, 900)
    assert queue.step.writes[f"o:{named(ALICE, 'a')}"] is None
    told = queue(amend(CAROL, "c", price_micros=800))
    assert told == [("amended", "c", 8, 800, 8), ("closed", "c", "self_trade", 8)]
    assert queue.resting("ask") == []


@pytest.mark.parametrize("quantity", [3, 4])
def test_C2_a_total_at_or_below_what_is_filled_closes_the_order(
    queue: Market, quantity: int
) -> None:
    both = amend(ALICE, "a", quantity=quantity, price_micros=500)  # the price is ignored
    assert queue(both) == [("closed", "a", "user", 6)]


@pytest.mark.parametrize(("quantity", "price_micros"), [(0, 0), (10, 0), (0, LOW), (10, LOW)])
def test_C2_no_change_at_all_is_refused(queue: Market, quantity: int, price_micros: int) -> None:
    same = amend(ALICE, "a", quantity=quantity, price_micros=price_micros)
    assert queue(same) == [("rejected", "a", "AMEND_NO_CHANGE")]
    assert queue.resting("ask") == [("a", 6), ("c", 8)]


def test_C2_absent_fields_are_as_they_are(queue: Market) -> None:
    body = {"order_id": named(ALICE, "a"), "quantity": 9}
    told = queue(command("amend_order", body, account_id=ALICE))
    assert told == [("amended", "a", 9, LOW, 5)]


def test_C2_M2_a_post_only_amend_that_would_trade_leaves_the_order_in_its_place(
    market: Market,
) -> None:
    market.after(
        ask(ALICE, "a", 5, HIGH, post_only=True), ask(CAROL, "c", 5, HIGH), bid(BOB, "b", 1, LOW)
    )
    before = market.book.orders[named(ALICE, "a")].row()
    refused = amend(ALICE, "a", quantity=3, price_micros=LOW)
    assert market(refused) == [("rejected", "a", "POST_ONLY_WOULD_TRADE")]
    assert market.book.orders[named(ALICE, "a")].row() == before
    assert market.resting("ask") == [("a", 5), ("c", 5)]


def test_C2_is_checked_in_order_open_change_total_post_only(market: Market) -> None:
    market.after(
        ask(ALICE, "a", 5, LOW, post_only=True),
        bid(BOB, "b", 2, LOW),
        bid(BOB, "low", 1, 500),
    )
    close = amend(ALICE, "a", quantity=2, price_micros=500)  # closes before M2 is looked at
    assert market(close) == [("closed", "a", "user", 3)]
    assert market(amend(ALICE, "a")) == [("rejected", "a", "ORDER_NOT_OPEN")]


def test_C3_a_withdrawal_lowers_in_place(queue: Market) -> None:
    assert queue(withdraw(ALICE, "a", 2)) == [("amended", "a", 8, LOW, 4)]
    assert queue.resting("ask") == [("a", 4), ("c", 8)]


@pytest.mark.parametrize("quantity", [6, 7, 10_000])
def test_C3_a_withdrawal_of_all_closes_the_ask(queue: Market, quantity: int) -> None:
    assert queue(withdraw(ALICE, "a", quantity)) == [("closed", "a", "capacity_lost", 6)]


def test_C3_of_a_bid_or_of_nothing_is_refused(market: Market) -> None:
    market.after(bid(ALICE, "b", 5, LOW), ask(ALICE, "a", 5, HIGH))
    assert market(withdraw(ALICE, "b", 1)) == [("rejected", "b", "ORDER_NOT_OPEN")]
    assert market(withdraw(ALICE, "b", 0)) == [("rejected", "b", "ORDER_NOT_OPEN")]
    assert market(withdraw(ALICE, "a", 0)) == [("rejected", "a", "AMEND_NO_CHANGE")]


# H -------------------------------------------------------------------------------------------


def test_H1_a_halted_book_refuses_places_and_amends(market: Market) -> None:
    market.after(ask(ALICE, "a", 5, LOW), halt())
    assert market(bid(BOB, "b", 5, LOW)) == [("rejected", "b", "BOOK_HALTED")]
    assert market(amend(ALICE, "a", quantity=1)) == [("rejected", "a", "BOOK_HALTED")]
    assert market(amend(ALICE, "x", quantity=1)) == [("rejected", "x", "BOOK_HALTED")]
    assert market.resting("ask") == [("a", 5)]


def test_H1_an_order_expired_on_arrival_is_refused_while_halted(market: Market) -> None:
    # chosen: a halt refuses every place; M1's "without further checks" is about what follows
    market(halt())
    late = bid(BOB, "b", 5, LOW, expires_at_ms=1)
    assert market(late) == [("rejected", "b", "BOOK_HALTED")]


def test_H1_cancel_withdraw_and_tick_work_while_halted(market: Market) -> None:
    market.after(ask(ALICE, "a", 5, LOW), ask(ALICE, "c", 5, LOW, expires_at_ms=2_000), halt())
    assert market(withdraw(ALICE, "a", 1)) == [("amended", "a", 4, LOW, 4)]
    assert market(cancel(ALICE, "a")) == [("closed", "a", "user", 4)]
    told = market(tick(), at_ms=2_000)
    assert told == [("closed", "c", "expired", 5), ("book_status", "halted")]


def test_H1_resumed_it_takes_orders_again(market: Market) -> None:
    assert market(halt()) == [("book_status", "halted")]
    assert market(halt()) == [("book_status", "halted")]
    assert market(resume()) == [("book_status", "open")]
    assert market(bid(BOB, "b", 5, LOW)) == [("created", "b")]


# K5, F ---------------------------------------------------------------------------------------


def test_K5_copies_go_to_the_accounts_concerned(market: Market) -> None:
    market(ask(ALICE, "a", 5, LOW, command_id="c1"))
    assert market.step.commands == []  # the account knows what it handed on
    market(bid(BOB, "b", 2, LOW, command_id="c2"))
    fact = market.step.facts[1]
    assert [(out.topic, out.key) for out in market.step.commands] == [
        ("accounts.commands", BOB),
        ("accounts.commands", ALICE),
    ]
    assert market.step.commands[1].record == {
        "kind": "order_matched",
        "account_id": ALICE,
        "command_id": "c2",
        "source": BOOK,
        "source_seq": fact.record["book_seq"],
        "order_matched": fact.record,
    }


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (cancel(ALICE, "a"), "order_closed"),
        (amend(ALICE, "a", quantity=2), "order_amended"),
        (amend(ALICE, "a"), "order_rejected"),
        (bid(ALICE, "b", 1, LOW, time_in_force="IOC"), "order_closed"),
    ],
)
def test_K5_closings_amends_and_refusals_are_copied(
    market: Market, entry: Command, kind: str
) -> None:
    market(ask(ALICE, "a", 5, LOW))
    market(entry)
    assert [(out.key, out.record["kind"]) for out in market.step.commands] == [(ALICE, kind)]


def test_K5_status_and_refusals_of_nobody_are_not_copied(market: Market) -> None:
    market(tick())
    assert market.step.commands == []
    market(command("cancel_order", {"order_id": named(ALICE, "a")}))
    assert len(market.step.facts) == 1
    assert market.step.commands == []


def test_F_order_matched_tells_both_sides_cumulatively(market: Market) -> None:
    market.after(ask(ALICE, "a", 10, 1_000), bid(BOB, "b", 3, 1_000))
    market(bid(BOB, "c", 4, 1_200, command_id="c9", duration_seconds=60))
    seq = market.book.seq
    assert facts(market)[1] == {
        "event_id": event_id(BOOK, seq),
        "trade_id": event_id(BOOK, seq),
        "book_id": BOOK,
        "book_seq": seq,
        "occurred_at_ms": market.at_ms,
        "command": "place_order",
        "command_id": "c9",
        "bid_order_id": named(BOB, "c"),
        "ask_order_id": named(ALICE, "a"),
        "buyer_id": BOB,
        "seller_id": ALICE,
        "gpu_type": "H100",
        "product": "ondemand",
        "quantity": 4,
        "price_micros": 1_100,
        "bid_price_micros": 1_200,
        "ask_price_micros": 1_000,
        "duration_seconds": 60,
        "region": "us-east-1",
        "aggressor": "bid",
        "bid_remaining": 0,
        "ask_remaining": 3,
        "bid_filled": 4,
        "ask_filled": 7,
        "bid_filled_value_micros": 4_400,
        "ask_filled_value_micros": 7_400,
    }


def test_F_order_rejected_names_sender_code_and_reason(market: Market) -> None:
    market(cancel(ALICE, "x", command_id="c1"))
    assert facts(market) == [
        {
            "event_id": event_id(BOOK, 1),
            "book_id": BOOK,
            "book_seq": 1,
            "occurred_at_ms": market.at_ms,
            "command": "cancel_order",
            "command_id": "c1",
            "order_id": named(ALICE, "x"),
            "account_id": ALICE,
            "code": "ORDER_NOT_OPEN",
            "detail": f"order {named(ALICE, 'x')} is not an open order of yours (C1)",
        }
    ]


def test_F_book_status_is_the_last_fact_of_halt_resume_and_administrators_tick(
    market: Market,
) -> None:
    for entry, status in ((halt(), "halted"), (tick(), "halted"), (resume(), "open")):
        market(entry)
        assert (facts(market)[-1]["status"], facts(market)[-1]["hash"]) == (status, None)


# preview and depth ---------------------------------------------------------------------------


def body(sent: Command) -> dict[str, Any]:
    return dict(sent["place_order"])


def test_M6_preview_is_the_plan_without_its_effect(market: Market) -> None:
    market.after(ask(ALICE, "a", 4, 1_000), ask(ALICE, "c", 4, 1_100))
    before = market.book.state_hash()
    seen = preview(market.book, BOB, body(bid(BOB, "b", 10, 1_200)), market.at_ms)
    assert seen.fills == [(1_100, 4), (1_150, 4)]
    assert (seen.filled, seen.resting, seen.value_micros) == (8, 2, 9_000)
    assert (seen.refused, seen.reason) == (None, None)
    assert market.book.state_hash() == before


@pytest.mark.parametrize(
    ("order", "refused", "reason", "resting"),
    [
        (bid(BOB, "b", 9, LOW, time_in_force="FOK"), None, "fok", 0),
        (bid(BOB, "b", 9, 900, time_in_force="IOC"), None, "ioc", 0),
        (bid(ALICE, "b", 9, LOW), None, "self_trade", 0),
        (bid(BOB, "b", 9, LOW, post_only=True), "POST_ONLY_WOULD_TRADE", None, 0),
        (bid(BOB, "b", 9, LOW, expires_at_ms=5), None, "expired", 0),
        (bid(BOB, "b", 9, LOW, min_fill=9), None, None, 9),
        (ask(ALICE, "a", 4, LOW), "ORDER_KEY_REUSED", None, 0),
    ],
)
def test_M6_preview_tells_why_nothing_trades(
    market: Market, order: Command, refused: str | None, reason: str | None, resting: int
) -> None:
    market(ask(ALICE, "a", 4, LOW))
    seen = preview(market.book, order["account_id"], body(order), market.at_ms)
    assert (seen.fills, seen.filled, seen.resting) == ([], 0, resting)
    assert (seen.refused, seen.reason) == (refused, reason)


def test_M1_preview_takes_what_expires_by_then_as_gone(market: Market) -> None:
    market.after(ask(ALICE, "a", 4, LOW, expires_at_ms=5_000), ask(ALICE, "c", 1, LOW))
    order = body(bid(BOB, "b", 2, LOW))
    assert preview(market.book, BOB, order, 4_999).fills == [(LOW, 2)]
    assert preview(market.book, BOB, order, 5_000).fills == [(LOW, 1)]
    assert market.resting("ask") == [("a", 4), ("c", 1)]
    again = body(ask(ALICE, "a", 4, HIGH))
    assert preview(market.book, ALICE, again, 5_000).refused is None


def test_H1_preview_in_a_halted_book(market: Market) -> None:
    market(halt())
    order = body(bid(BOB, "b", 2, LOW))
    assert preview(market.book, BOB, order, 0).refused == "BOOK_HALTED"


def test_M3_depth_is_best_first(market: Market) -> None:
    market.after(
        ask(ALICE, "a", 4, MID),
        ask(ALICE, "b", 3, LOW),
        ask(BOB, "c", 2, MID),
        bid(BOB, "d", 1, 900),
    )
    market(bid(CAROL, "e", 1, MID))  # takes one of b
    assert depth(market.book, "ask", 10) == [(LOW, 2, 1), (MID, 6, 2)]
    assert depth(market.book, "ask", 1) == [(LOW, 2, 1)]
    assert depth(market.book, "bid", 10) == [(900, 1, 1)]


def test_E1_E2_E3_depth_for_a_duration_and_a_region(market: Market) -> None:
    market.after(
        ask(ALICE, "a", 1, LOW, duration_seconds=60),
        ask(ALICE, "b", 2, LOW, min_duration_seconds=120),
        ask(ALICE, "c", 4, MID, region="us-west-2"),
        ask(ALICE, "d", 8, MID, available_until_ms=90_000),
        bid(BOB, "e", 1, 900, duration_seconds=60, region="us-west-2"),
        bid(BOB, "f", 2, 900, duration_seconds=120),
    )
    assert depth(market.book, "ask", 9, 60) == [(LOW, 1, 1), (MID, 12, 2)]
    assert depth(market.book, "ask", 9, 120, "us-east-1") == [(LOW, 2, 1)]
    assert depth(market.book, "ask", 9, None, "us-west-2") == [(MID, 4, 1)]
    assert depth(market.book, "bid", 9, 60) == [(900, 1, 1)]
    assert depth(market.book, "bid", 9, 120, "us-east-1") == [(900, 2, 1)]
    assert depth(market.book, "bid", 9, None, "us-west-2") == [(900, 3, 2)]
