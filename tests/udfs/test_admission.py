"""The account machine, one test or more for each rule of market-rules.md that it keeps."""

from typing import Any

import pytest

from schemas.codec import offline
from schemas.names import FACT_TOPICS
from schemas.records import DEFAULTS
from tests.udfs.account_builders import (
    BOOK,
    BUYER,
    DAY_MS,
    EU,
    HOUR_MS,
    HOUR_S,
    NOON_MS,
    SELLER,
    US,
    Desk,
    codes,
    handed,
    only_command,
    only_fact,
    order,
    to_books,
)
from udfs.admission import MACHINE
from udfs.audit.states import state
from udfs.ids import event_id
from udfs.machine import Step
from udfs.money import cost_micros


@pytest.fixture
def desk() -> Desk:
    """A verified provider with two nodes of 8."""
    desk = Desk()
    desk.add_node("a")
    desk.add_node("b")
    return desk


def numbers(steps: list[Any]) -> list[int]:
    facts = [fact.record["account_seq"] for step in steps for fact in step.facts]
    commands = [out.record["source_seq"] for step in steps for out in to_books(step)]
    return sorted(facts + commands)


# B: one machine, one log


def test_b3_time_never_goes_back(desk: Desk) -> None:
    desk.at_ms = NOON_MS - 5_000
    assert only_fact(desk.send("cancel_order", {"order_id": "o"})).record["occurred_at_ms"] == (
        NOON_MS
    )


def test_b4_facts_and_handed_commands_share_one_count_from_1() -> None:
    desk = Desk()
    steps = [desk.add_node("a"), desk.ask("o", 4), desk.amend("o", price_micros=100)]
    steps += [desk.amend("o"), desk.send("cancel_order", {"order_id": "o"}), desk.closed("o")]
    assert numbers(steps) == list(range(1, 8))
    assert desk.account.seq == 7


def test_b4_an_events_id_is_a_function_of_machine_and_number() -> None:
    fact = only_fact(Desk().send("cancel_order", {"order_id": "o"})).record
    assert fact["event_id"] == event_id(SELLER, 1)
    assert (fact["account_id"], fact["account_seq"]) == (SELLER, 1)


def test_b5_a_repeat_does_nothing_at_all(desk: Desk) -> None:
    desk.ask("o", 4)
    desk.sold("o", 1, "lease")
    before = state(desk.account)
    desk.at_ms += 100 * DAY_MS
    fact = {"order_id": "o", "command": "cancel_order", "reason": "user", "remaining": 3}
    for seq in (1, 0):
        step = desk.send("order_closed", fact, source=BOOK, source_seq=seq)
        assert (step.facts, step.commands, step.writes) == ([], [], {})
        assert step.wake_at_ms == NOON_MS + HOUR_MS
    assert state(desk.account) == before


def test_b5_gaps_are_normal_and_sources_do_not_mix(desk: Desk) -> None:
    desk.send("tick", source="timer", source_seq=NOON_MS)
    desk.send("set_node_health", {"node_id": "a", "health": "offline"}, source="m", source_seq=70)
    assert desk.account.sources == {"registry": 3, "timer": NOON_MS, "m": 70}


def test_b5_a_refused_command_counts_as_applied(desk: Desk) -> None:
    header = {"source": "desk", "source_seq": 5}
    assert desk.send("cancel_order", {"order_id": "o"}, **header).facts
    assert not desk.send("cancel_order", {"order_id": "o"}, **header).facts


def test_b2_a_record_that_is_none_is_refused_by_name(desk: Desk) -> None:
    with pytest.raises(ValueError, match="no command 'buy_bananas'"):
        MACHINE.apply(desk.account, {"kind": "buy_bananas"}, NOON_MS)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"side": "both"}, "side must be bid or ask, was 'both'"),
        ({"quantity": 0}, "quantity must be 1 to 65536, was 0"),
        ({"quantity": 65_537}, "quantity must be 1 to 65536, was 65537"),
        ({"price_micros": 0}, "price_micros must be 100 to 1000000000, was 0"),
        ({"price_micros": 150}, "price_micros must be a multiple of 100 .U1., was 150"),
        ({"duration_seconds": 0}, "duration_seconds must be 1 or more, was 0"),
        ({"side": "ask", "region": ""}, "an ask must name the region"),
    ],
)
def test_b2_the_account_checks_what_its_book_will_trust(
    desk: Desk, fields: dict[str, Any], rule: str
) -> None:
    with pytest.raises(ValueError, match=rule):
        MACHINE.apply(
            desk.account, {"kind": "place_order", "place_order": order("o") | fields}, NOON_MS
        )


# O2: one key, one order


def test_o2_the_same_body_again_changes_nothing(desk: Desk) -> None:
    desk.place("o")
    before = desk.account.seq
    again = desk.place("o")
    assert (again.facts, again.commands) == ([], [])
    assert desk.account.seq == before


def test_o2_another_body_is_refused_and_leaves_the_first_as_it_is(desk: Desk) -> None:
    desk.place("o")
    fact = only_fact(desk.place("o", digest="ffff")).record
    assert (fact["code"], fact["command"]) == ("ORDER_KEY_REUSED", "place_order")
    assert desk.account.orders["o"].remaining == 4


def test_o2_a_closed_order_is_remembered_for_24_hours(desk: Desk) -> None:
    desk.place("o")
    desk.at_ms += HOUR_MS
    desk.closed("o")
    desk.at_ms += DAY_MS - 1
    assert not desk.place("o").commands
    assert codes(desk.place("o", digest="ffff")) == ["ORDER_KEY_REUSED"]
    desk.at_ms += 1
    assert handed(desk.place("o", digest="ffff")) == [("place_order", order("o", digest="ffff"))]


def test_o2_a_filled_order_is_remembered_too(desk: Desk) -> None:
    desk.place("o")
    desk.bought("o", 4)
    assert not desk.account.orders
    assert not desk.place("o").commands


def test_o2_a_refused_placement_is_final_and_told_again_as_it_was(desk: Desk) -> None:
    assert codes(desk.ask("o", 17)) == ["CAPACITY_INSUFFICIENT"]
    desk.add_node("c")
    again = desk.ask("o", 17)
    assert (again.facts, again.commands) == ([], [])
    assert codes(desk.ask("o", 17, digest="ffff")) == ["ORDER_KEY_REUSED"]
    desk.place("p")
    desk.rejected("p", "place_order", "BOOK_HALTED")
    assert not desk.place("p").commands


def test_o2_memory_is_given_back_a_little_with_each_record(desk: Desk) -> None:
    for n in range(40):
        desk.place(f"o{n}")
        desk.closed(f"o{n}")
    desk.at_ms += DAY_MS
    left = []
    for _ in range(4):
        desk.send("tick")
        left.append(len(desk.account.remembered))
    assert left == [24, 8, 0, 0]
    assert not [key for key in desk.rows if key.startswith("r:")]


def test_o2_a_key_used_anew_is_remembered_from_its_newest_closing(desk: Desk) -> None:
    keys = [f"o{n:02}" for n in range(40)]
    for key in keys:
        desk.place(key)
        desk.closed(key)
    desk.at_ms += DAY_MS
    desk.place("o39")
    desk.closed("o39")
    desk.at_ms += DAY_MS - 1
    desk.send("tick")
    assert desk.account.remembered == {"o39": ("0011223344556677", desk.at_ms + 1)}


def test_o2_memory_read_back_from_rows_ends_in_its_order(desk: Desk) -> None:
    for n in range(9):
        desk.place(f"o{n}")
        desk.closed(f"o{n}")
        desk.at_ms += 1_000
    rows = sorted(desk.rows.items(), reverse=True)
    loaded = MACHINE.load(SELLER, rows)
    MACHINE.apply(loaded, {"kind": "tick"}, NOON_MS + DAY_MS + 4_000)
    assert sorted(loaded.remembered) == ["o5", "o6", "o7", "o8"]


# C1: whose order it is


@pytest.mark.parametrize("kind", ["cancel_order", "amend_order"])
def test_c1_unknown_closed_and_foreign_get_the_same_answer(desk: Desk, kind: str) -> None:
    desk.place("closed")
    desk.closed("closed")
    for order_id in ("closed", "unknown"):
        fact = only_fact(desk.send(kind, {"order_id": order_id, "quantity": 3})).record
        assert (fact["code"], fact["account_id"]) == ("ORDER_NOT_OPEN", SELLER)
        assert (fact["order_id"], fact["command"]) == (order_id, kind)


# K1: who may order


def test_k1_an_unknown_account_places_and_amends_nothing() -> None:
    for kind, body in (("place_order", order("o")), ("amend_order", {"order_id": "o"})):
        step = MACHINE.apply(MACHINE.empty(BUYER), {"kind": kind, kind: body}, NOON_MS)
        assert codes(step) == ["ACCOUNT_UNKNOWN"]


def test_k1_a_suspended_account_may_only_cancel(desk: Desk) -> None:
    desk.ask("o", 4)
    step = desk.register("set_account", provider=True, verified=True, suspended=True)
    assert (step.facts, step.commands) == ([], [])
    assert codes(desk.place("p")) == ["ACCOUNT_SUSPENDED"]
    assert codes(desk.amend("o", quantity=2)) == ["ACCOUNT_SUSPENDED"]
    cancel = {"order_id": "o"}
    assert handed(desk.send("cancel_order", cancel)) == [("cancel_order", cancel)]
    desk.closed("o")
    assert desk.available() == 16


@pytest.mark.parametrize("standing", [{"provider": True}, {"verified": True}, {}])
def test_k1_only_a_verified_provider_sells(desk: Desk, standing: dict[str, bool]) -> None:
    desk.ask("o", 4)
    desk.register("set_account", **standing)
    assert codes(desk.ask("p", 4)) == ["PROVIDER_NOT_VERIFIED"]
    assert codes(desk.amend("o", price_micros=100)) == ["PROVIDER_NOT_VERIFIED"]
    assert handed(desk.place("q")), "whoever may not sell may buy"


def test_k1_open_orders_are_limited_until_the_book_closes_one() -> None:
    desk = Desk(max_open_orders=2)
    desk.place("o")
    desk.place("p")
    refused = desk.place("q")
    assert codes(refused) == ["LIMIT_OPEN_ORDERS"]
    assert only_fact(refused).record["detail"] == "2 orders are open, the limit is 2 (K1)"
    desk.bought("p", 4)
    assert handed(desk.place("r"))


def test_k1_ten_thousand_open_orders_is_the_default() -> None:
    desk = Desk()
    assert desk.account.standing is not None
    assert desk.account.standing.max_open_orders == 10_000


def test_k1_notional_is_price_times_remaining_times_duration_unrounded() -> None:
    exact = {"price_micros": 100, "quantity": 1, "duration_seconds": 3601}
    assert cost_micros(price_micros=100, quantity=1, seconds=3601) == 100
    desk = Desk(max_notional_micros=100)
    assert codes(desk.place("o", **exact)) == ["LIMIT_NOTIONAL"]
    desk.register("set_account", max_notional_micros=101)
    assert handed(desk.place("p", **exact))


def test_k1_notional_falls_with_fills_and_closings() -> None:
    desk = Desk(max_notional_micros=8_000_000)
    desk.place("o", quantity=4)
    refused = only_fact(desk.place("p", quantity=1)).record
    assert refused["code"] == "LIMIT_NOTIONAL"
    assert refused["detail"] == (
        "open bids would come to 10.000000 USD, over the limit of 8.000000 USD (K1)"
    )
    desk.bought("o", 1)
    assert handed(desk.place("q", quantity=1))
    desk.closed("o")
    assert handed(desk.place("r", quantity=3))


def test_k1_no_limit_of_notional_unless_one_is_set() -> None:
    desk = Desk()
    assert handed(desk.place("o", quantity=65_536, price_micros=10**9, duration_seconds=31_536_000))


def test_k1_asks_do_not_count_as_notional() -> None:
    desk = Desk(max_notional_micros=1)
    desk.add_node("a")
    assert handed(desk.ask("o", 8))


def test_k1_checks_come_in_the_order_of_the_rule() -> None:
    everything_wrong = {"max_open_orders": 0, "max_notional_micros": 1}
    desk = Desk()
    desk.register("set_account", suspended=True, **everything_wrong)
    assert codes(desk.ask("1", 4)) == ["ACCOUNT_SUSPENDED"]
    desk.register("set_account", **everything_wrong)
    assert codes(desk.ask("2", 4)) == ["PROVIDER_NOT_VERIFIED"]
    assert codes(desk.place("3")) == ["LIMIT_OPEN_ORDERS"]
    desk.register("set_account", provider=True, verified=True, max_open_orders=0)
    assert codes(desk.ask("4", 4)) == ["LIMIT_OPEN_ORDERS"]


def test_k1_a_pass_is_handed_on_as_it_came_with_the_next_number() -> None:
    desk = Desk()
    body = {**order("o"), "min_fill": 2, "self_trade": "cancel_oldest"}
    outgoing = only_command(desk.send("place_order", body))
    assert (outgoing.topic, outgoing.key) == ("books.commands", BOOK)
    assert outgoing.record == {
        "kind": "place_order",
        "command_id": "c2",
        "account_id": SELLER,
        "source": SELLER,
        "source_seq": 1,
        "place_order": body,
    }


# K2: what stands behind an ask


def test_k2_an_ask_holds_exactly_its_quantity_before_it_is_listed(desk: Desk) -> None:
    step = desk.ask("o", 5)
    assert desk.slots("a") == ["held:o"] * 5 + ["available"] * 3
    assert only_fact(step).record["slots"] == desk.slots("a")
    assert handed(step) == [("place_order", order("o", "ask", quantity=5))]


def test_k2_too_few_says_how_many_there_are(desk: Desk) -> None:
    desk.ask("o", 13)
    refused = only_fact(desk.ask("p", 8)).record
    assert refused["code"] == "CAPACITY_INSUFFICIENT"
    assert refused["detail"] == "3 of the 8 H100 GPUs wanted are free in us-west-2 (K2)"
    assert desk.available() == 3


def test_k2_another_type_or_region_does_not_count(desk: Desk) -> None:
    assert codes(desk.ask("o", 1, region=EU)) == ["CAPACITY_INSUFFICIENT"]
    assert codes(desk.ask("p", 1, book_id="A10.spot")) == ["CAPACITY_INSUFFICIENT"]
    assert handed(desk.ask("q", 1, book_id="H100.spot"))


@pytest.mark.parametrize("health", ["degraded", "unknown", "offline"])
def test_k2_only_healthy_nodes_back_a_new_ask(desk: Desk, health: str) -> None:
    for node_id in ("a", "b"):
        desk.send("set_node_health", {"node_id": node_id, "health": health})
    assert codes(desk.ask("o", 1)) == ["CAPACITY_INSUFFICIENT"]


def test_k2_a_node_is_usable_as_soon_as_it_is_registered() -> None:
    desk = Desk()
    fact = only_fact(desk.add_node("a", base_price_micros=100, surge_enabled=True)).record
    assert (fact["health"], fact["available"], fact["slots"]) == ("healthy", 8, ["available"] * 8)
    assert (fact["base_price_micros"], fact["surge_enabled"]) == (100, True)
    assert handed(desk.ask("o", 8))


def test_k2_a_node_registered_again_stays_as_it_is(desk: Desk) -> None:
    desk.ask("o", 8)
    assert not desk.add_node("a", 16).facts
    assert desk.slots("a") == ["held:o"] * 8


# K3: what a GPU is doing


def test_k3_a_trade_moves_exactly_its_quantity_to_a_lease(desk: Desk) -> None:
    desk.ask("o", 5)
    fact = only_fact(desk.sold("o", 2, "lease")).record
    assert fact["slots"] == ["allocated:lease"] * 2 + ["held:o"] * 3 + ["available"] * 3
    assert (fact["available"], fact["held"], fact["allocated"]) == (3, 3, 2)
    assert fact["command"] == "order_matched"


def test_k3_a_closing_frees_what_is_still_held(desk: Desk) -> None:
    desk.ask("o", 5)
    desk.sold("o", 2, "lease")
    desk.closed("o", "ioc")
    assert desk.slots("a") == ["allocated:lease"] * 2 + ["available"] * 6


def test_k3_a_refused_placement_frees_all(desk: Desk) -> None:
    desk.ask("o", 5)
    desk.rejected("o", "place_order", "POST_ONLY_WOULD_TRADE")
    assert desk.available() == 16
    assert not desk.account.orders


def test_f_a_placement_refused_for_its_key_leaves_the_open_order(desk: Desk) -> None:
    desk.ask("o", 5)
    desk.rejected("o", "place_order", "ORDER_KEY_REUSED")
    assert desk.available() == 11


def test_k3_nothing_is_freed_by_asking_for_it(desk: Desk) -> None:
    desk.ask("o", 16)
    desk.send("cancel_order", {"order_id": "o"})
    desk.amend("o", quantity=1)
    assert desk.available() == 0


def test_k3_a_filled_ask_leaves_with_its_last_trade(desk: Desk) -> None:
    desk.ask("o", 2)
    desk.sold("o", 2, "lease")
    assert not desk.account.orders
    assert desk.slots("a")[:3] == ["allocated:lease", "allocated:lease", "available"]


def test_k3_healthy_gpus_are_sold_first(desk: Desk) -> None:
    desk.ask("o", 16)
    desk.send("set_node_health", {"node_id": "a", "health": "degraded"})
    desk.sold("o", 3, "lease")
    assert desk.slots("b")[:4] == ["allocated:lease"] * 3 + ["held:o"]


def test_k3_an_account_never_sells_what_it_does_not_hold(desk: Desk) -> None:
    desk.ask("o", 2)
    with pytest.raises(AssertionError, match="holds 2 GPUs, not 3"):
        desk.sold("o", 3, "lease")


# K4: what is lost


@pytest.mark.parametrize(
    ("kind", "fields", "idle"),
    [
        ("set_node_health", {"health": "offline"}, "offline"),
        ("set_node_maintenance", {"maintenance": True}, "maintenance"),
        ("remove_node", {}, "offline"),
    ],
)
def test_k4_free_gpus_go_at_once_held_ones_are_withdrawn(
    desk: Desk, kind: str, fields: dict[str, Any], idle: str
) -> None:
    desk.ask("p", 2)
    desk.ask("o", 3)
    step = desk.send(kind, {"node_id": "a", **fields})
    assert handed(step) == [
        ("withdraw", {"order_id": "o", "quantity": 3}),
        ("withdraw", {"order_id": "p", "quantity": 2}),
    ]
    assert desk.slots("a") == ["held:p"] * 2 + ["held:o"] * 3 + [idle] * 3
    assert {out.record["command_id"] for out in to_books(step)} == {
        only_fact(step).record["command_id"]
    }
    assert desk.available() == 8


@pytest.mark.parametrize("health", ["degraded", "unknown"])
def test_k4_a_degraded_node_keeps_what_is_held(desk: Desk, health: str) -> None:
    desk.ask("o", 3)
    step = desk.send("set_node_health", {"node_id": "a", "health": health})
    assert not step.commands
    assert desk.slots("a") == ["held:o"] * 3 + ["available"] * 5


def test_k4_only_the_asks_share_on_the_node_is_withdrawn(desk: Desk) -> None:
    desk.ask("o", 12)
    step = desk.send("set_node_health", {"node_id": "a", "health": "offline"})
    assert handed(step) == [("withdraw", {"order_id": "o", "quantity": 8})]


def test_k4_held_gpus_leave_when_the_book_says_so(desk: Desk) -> None:
    desk.ask("o", 12)
    desk.send("set_node_maintenance", {"node_id": "a", "maintenance": True})
    desk.amended("o", quantity=4, remaining=4, command="withdraw", command_id="c4")
    assert desk.slots("a") == ["maintenance"] * 8
    assert desk.slots("b") == ["held:o"] * 4 + ["available"] * 4
    assert desk.account.orders["o"].withdrawing == 0


def test_k4_an_ask_wholly_withdrawn_is_closed(desk: Desk) -> None:
    desk.ask("o", 3)
    desk.send("set_node_health", {"node_id": "a", "health": "offline"})
    desk.told("order_closed", "withdraw", order_id="o", reason="capacity_lost", remaining=3)
    assert desk.slots("a") == ["offline"] * 8


def test_k4_a_trade_that_crossed_the_withdrawal_is_honoured_and_impaired(desk: Desk) -> None:
    desk.ask("o", 12)
    desk.send("set_node_health", {"node_id": "a", "health": "offline"})
    desk.sold("o", 3, "sound")
    desk.sold("o", 2, "crossed")
    assert desk.slots("b")[:4] == ["allocated:sound"] * 3 + ["allocated:crossed:impaired"]
    assert desk.slots("a") == ["allocated:crossed:impaired"] + ["held:o"] * 7
    desk.told("order_closed", "withdraw", order_id="o", reason="capacity_lost", remaining=7)
    assert desk.slots("a") == ["allocated:crossed:impaired"] + ["offline"] * 7


def test_k4_a_node_back_in_time_keeps_the_withdrawal_that_is_on_its_way(desk: Desk) -> None:
    desk.ask("o", 12)
    desk.send("set_node_health", {"node_id": "a", "health": "offline"})
    desk.send("set_node_health", {"node_id": "a", "health": "healthy"})
    assert not desk.send("set_node_health", {"node_id": "a", "health": "offline"}).commands
    desk.send("set_node_health", {"node_id": "a", "health": "healthy"})
    desk.amended("o", quantity=4, remaining=4, command="withdraw")
    assert desk.available() == 12


def test_k4_what_is_on_its_way_is_not_withdrawn_twice(desk: Desk) -> None:
    desk.ask("o", 12)
    desk.send("set_node_health", {"node_id": "a", "health": "offline"})
    step = desk.send("remove_node", {"node_id": "b"})
    assert handed(step) == [("withdraw", {"order_id": "o", "quantity": 4})]


def test_k4_a_withdrawal_waits_for_the_amend_before_it(desk: Desk) -> None:
    desk.ask("o", 12)
    desk.amend("o", quantity=4)
    assert not desk.send("set_node_health", {"node_id": "a", "health": "offline"}).commands
    step = desk.amended("o", quantity=4, remaining=4)
    assert not step.commands, "the amend freed the lost ones"
    assert desk.slots("b")[:5] == ["held:o"] * 4 + ["available"]


def test_k4_a_withdrawal_goes_when_the_amend_before_it_is_refused(desk: Desk) -> None:
    desk.ask("o", 12)
    desk.amend("o", quantity=4)
    desk.send("set_node_health", {"node_id": "a", "health": "offline"})
    step = desk.rejected("o", "amend_order", "BOOK_HALTED", command_id="amend")
    assert handed(step) == [("withdraw", {"order_id": "o", "quantity": 8})]


def test_k4_a_refused_withdrawal_of_a_closed_ask_changes_nothing(desk: Desk) -> None:
    desk.ask("o", 3)
    desk.send("set_node_health", {"node_id": "a", "health": "offline"})
    desk.closed("o")
    step = desk.rejected("o", "withdraw", "ORDER_NOT_OPEN")
    assert (step.facts, step.commands) == ([], [])


def test_k4_maintenance_returns_a_node_to_its_health(desk: Desk) -> None:
    desk.send("set_node_maintenance", {"node_id": "a", "maintenance": True})
    desk.send("set_node_health", {"node_id": "a", "health": "degraded"})
    assert desk.slots("a") == ["maintenance"] * 8
    fact = only_fact(desk.send("set_node_maintenance", {"node_id": "a", "maintenance": False}))
    assert (fact.record["health"], fact.record["available"]) == ("degraded", 8)
    assert desk.available() == 8, "b alone"


def test_k4_a_removed_nodes_row_goes_with_its_last_lease(desk: Desk) -> None:
    desk.ask("o", 2)
    desk.sold("o", 2, "lease")
    fact = only_fact(desk.send("remove_node", {"node_id": "a"})).record
    assert (fact["removed"], fact["allocated"], fact["offline"]) == (True, 2, 6)
    assert "n:a" in desk.rows
    fact = only_fact(desk.tick(NOON_MS + HOUR_MS)).record
    assert (fact["removed"], fact["offline"]) == (True, 8)
    assert "n:a" not in desk.rows


def test_k4_a_removed_node_is_offline_even_from_maintenance(desk: Desk) -> None:
    desk.ask("o", 2)
    desk.sold("o", 2, "lease")
    desk.send("set_node_maintenance", {"node_id": "a", "maintenance": True})
    desk.send("remove_node", {"node_id": "a"})
    assert desk.slots("a") == ["allocated:lease"] * 2 + ["offline"] * 6


def test_k4_an_idle_node_goes_as_it_is_removed(desk: Desk) -> None:
    assert only_fact(desk.send("remove_node", {"node_id": "a"})).record["removed"]
    assert list(desk.account.inventory.nodes) == ["b"]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("set_node_health", {"health": "healthy"}),
        ("set_node_maintenance", {"maintenance": False}),
        ("set_node_pricing", {"base_price_micros": 0, "surge_enabled": False}),
    ],
)
def test_k4_a_node_that_is_so_already_or_unknown_tells_nothing(
    desk: Desk, kind: str, fields: dict[str, Any]
) -> None:
    for node_id in ("a", "unknown"):
        step = desk.send(kind, {"node_id": node_id, **fields})
        assert (step.facts, step.commands) == ([], [])


def test_k4_an_unheard_of_health_is_refused_by_name(desk: Desk) -> None:
    with pytest.raises(ValueError, match="was 'sleepy'"):
        desk.send("set_node_health", {"node_id": "a", "health": "sleepy"})


def test_f_a_nodes_price_is_told(desk: Desk) -> None:
    body = {"node_id": "a", "base_price_micros": 1_500_000, "surge_enabled": True}
    fact = only_fact(desk.send("set_node_pricing", body)).record
    assert (fact["base_price_micros"], fact["surge_enabled"]) == (1_500_000, True)
    assert (fact["node_id"], fact["gpu_type"], fact["region"]) == ("a", "H100", US)


def test_f_what_goes_out_fits_its_topics_schema(desk: Desk) -> None:
    codec = offline()
    steps = [desk.ask("o", 4), desk.amend("o", quantity=5), desk.amend("o", "again", quantity=6)]
    steps += [desk.send("cancel_order", {"order_id": "o"}), desk.closed("o"), desk.ask("p", 8)]
    steps += [desk.send("remove_node", {"node_id": "a"})]
    out = [(FACT_TOPICS[fact.kind], fact.record) for step in steps for fact in step.facts]
    out += [(sent.topic, sent.record) for step in steps for sent in step.commands]
    for topic, record in out:
        read = codec.decoder(topic)(codec.encoder(topic)(record))
        assert {name: read[name] for name in record} == with_defaults(record)
    assert {record["kind"] for topic, record in out if topic == "books.commands"} == {
        "place_order",
        "amend_order",
        "cancel_order",
        "withdraw",
    }


def with_defaults(record: Any) -> dict[str, Any]:
    """The record as it is read: what its body left out has its default."""
    kind = record.get("kind", "")
    name = "".join(word.title() for word in kind.split("_"))
    return {**record, **({kind: {**DEFAULTS[name], **record[kind]}} if kind else {})}


# K4: listed anew

RELIST = {"node_id": "a", "base_price_micros": 0, "surge_enabled": False, "relist": True}


def set_health(desk: Desk, health: str, node_id: str = "a") -> Step:
    return desk.send("set_node_health", {"node_id": node_id, "health": health})


def lose(desk: Desk, order_id: str, gpus: int) -> None:
    """Node a goes offline, and the book withdraws the whole ask that it backs."""
    set_health(desk, "offline")
    fact = {"order_id": order_id, "reason": "capacity_lost", "remaining": gpus}
    desk.told("order_closed", "withdraw", **fact)


def anew(step: Step) -> list[dict[str, Any]]:
    return [body for kind, body in handed(step) if kind == "place_order"]


def test_k4_what_health_withdrew_is_listed_anew_if_the_owner_asked(desk: Desk) -> None:
    desk.send("set_node_pricing", RELIST)
    desk.ask("o", 3, price_micros=1_700_000, min_fill=2, min_duration_seconds=60)
    lose(desk, "o", 3)
    (listed,) = anew(set_health(desk, "healthy"))
    assert listed.pop("order_id") != "o"
    assert listed == {
        "side": "ask",
        "book_id": BOOK,
        "region": US,
        "quantity": 3,
        "price_micros": 1_700_000,
        "duration_seconds": HOUR_S,
        "min_fill": 2,
        "min_duration_seconds": 60,
    }
    assert desk.available() == 13


def test_k4_what_expired_is_not_listed_anew_whoever_withdrew_then(desk: Desk) -> None:
    """M1: a withdrawal, of another provider too, first closes what has expired in the book."""
    desk.send("set_node_pricing", RELIST)
    desk.ask("o", 3)
    fact = {"order_id": "o", "reason": "expired", "remaining": 3}
    assert not anew(desk.told("order_closed", "withdraw", **fact))
    assert desk.available() == 16


def test_k4_nothing_is_listed_anew_unless_the_owner_asked(desk: Desk) -> None:
    desk.ask("o", 3)
    lose(desk, "o", 3)
    assert not anew(set_health(desk, "healthy"))
    assert desk.available() == 16


@pytest.mark.parametrize("health", ["degraded", "unknown"])
def test_k4_nothing_is_listed_anew_before_the_node_is_healthy(desk: Desk, health: str) -> None:
    desk.send("set_node_pricing", RELIST)
    desk.ask("o", 3)
    lose(desk, "o", 3)
    assert not anew(set_health(desk, health))
    assert len(anew(set_health(desk, "healthy"))) == 1
    assert not anew(set_health(desk, "offline"))


def test_k4_a_recovery_before_the_books_word_lists_anew_with_that_word(desk: Desk) -> None:
    desk.send("set_node_pricing", RELIST)
    desk.ask("o", 3)
    set_health(desk, "offline")
    assert not anew(set_health(desk, "healthy"))
    fact = {"order_id": "o", "reason": "capacity_lost", "remaining": 3}
    step = desk.told("order_closed", "withdraw", **fact)
    assert [body["quantity"] for body in anew(step)] == [3]


def test_k4_what_was_sold_or_lies_elsewhere_is_not_listed_anew(desk: Desk) -> None:
    desk.send("set_node_pricing", RELIST)
    desk.ask("o", 12)
    set_health(desk, "offline")
    desk.sold("o", 6, "crossed")
    desk.told("order_closed", "withdraw", order_id="o", reason="capacity_lost", remaining=6)
    assert [body["quantity"] for body in anew(set_health(desk, "healthy"))] == [6]


def test_k4_what_maintenance_withdrew_is_not_listed_anew(desk: Desk) -> None:
    desk.send("set_node_pricing", RELIST)
    desk.ask("o", 3)
    desk.send("set_node_maintenance", {"node_id": "a", "maintenance": True})
    desk.told("order_closed", "withdraw", order_id="o", reason="capacity_lost", remaining=3)
    assert not anew(desk.send("set_node_maintenance", {"node_id": "a", "maintenance": False}))


def test_k4_who_changes_their_mind_is_not_listed_anew(desk: Desk) -> None:
    desk.send("set_node_pricing", RELIST)
    desk.ask("o", 3)
    lose(desk, "o", 3)
    desk.send("set_node_pricing", {**RELIST, "relist": False})
    desk.send("set_node_pricing", RELIST)
    assert not anew(set_health(desk, "healthy"))


def test_k4_listing_anew_asks_leave_like_any_ask(desk: Desk) -> None:
    desk.send("set_node_pricing", RELIST)
    desk.ask("o", 3)
    lose(desk, "o", 3)
    desk.send("set_account", {"provider": True, "verified": True, "suspended": True})
    assert codes(set_health(desk, "healthy")) == ["ACCOUNT_SUSPENDED"]


def test_k4_a_nodes_own_machine_learns_whose_it_is() -> None:
    desk = Desk()
    added = only_command(desk.add_node("a"))
    assert (added.topic, added.key) == ("nodes.commands", "a")
    assert (added.record["kind"], added.record["account_id"]) == ("register_node", SELLER)
    assert (added.record["source"], added.record["source_seq"]) == ("registry", 2)
    removed = only_command(desk.register("remove_node", node_id="a"))
    assert (removed.record["kind"], removed.record["source_seq"]) == ("remove_node", 3)


# K5: copies


def test_k5_a_buyers_copy_lowers_its_bid_and_holds_nothing() -> None:
    desk = Desk(BUYER)
    desk.place("o", quantity=4)
    step = desk.bought("o", 3)
    assert (step.facts, step.commands, step.wake_at_ms) == ([], [], None)
    assert desk.account.orders["o"].remaining == 1


def test_k5_copies_come_once(desk: Desk) -> None:
    desk.ask("o", 5)
    desk.sold("o", 2, "lease")
    desk._book_seqs[BOOK] -= 1
    assert not desk.sold("o", 2, "lease").facts
    assert desk.account.orders["o"].remaining == 3


# K6: cancel and amend


def test_k6_cancel_goes_to_the_book_of_the_order(desk: Desk) -> None:
    desk.ask("o", 4, book_id="H100.spot")
    assert only_command(desk.send("cancel_order", {"order_id": "o"})).key == "H100.spot"
    outgoing = only_command(desk.amend("o", price_micros=300))
    assert (outgoing.key, outgoing.record["kind"]) == ("H100.spot", "amend_order")


def test_k6_one_amend_at_a_time(desk: Desk) -> None:
    desk.ask("o", 4)
    desk.amend("o", quantity=5)
    assert codes(desk.amend("o", "second", quantity=6)) == ["ORDER_BUSY"]
    desk.amended("o", quantity=5, remaining=5)
    assert handed(desk.amend("o", "third", quantity=6))


def test_k6_an_asks_increase_is_held_beforehand(desk: Desk) -> None:
    desk.ask("o", 4)
    step = desk.amend("o", quantity=10)
    assert desk.available() == 6
    assert only_fact(step).record["node_id"] == "b", "the fewest free that hold 6 more"
    desk.amended("o", quantity=10, remaining=10)
    assert desk.available() == 6


def test_k6_a_refused_amend_gives_the_increase_back(desk: Desk) -> None:
    desk.ask("o", 4)
    desk.amend("o", quantity=10)
    desk.rejected("o", "amend_order", "POST_ONLY_WOULD_TRADE", command_id="amend")
    assert desk.available() == 12
    assert desk.account.orders["o"].amend is None


def test_k6_only_the_fact_with_the_amends_command_id_settles_it(desk: Desk) -> None:
    desk.ask("o", 4)
    desk.amend("o", quantity=10)
    desk.rejected("o", "amend_order", "BOOK_HALTED", command_id="another")
    desk.rejected("o", "cancel_order", "ORDER_NOT_OPEN", command_id="amend")
    assert desk.available() == 6


def test_k6_a_closing_gives_the_increase_back_too(desk: Desk) -> None:
    desk.ask("o", 4)
    desk.amend("o", quantity=10)
    desk.closed("o", "expired")
    assert desk.available() == 16
    assert not desk.rejected("o", "amend_order", "ORDER_NOT_OPEN", command_id="amend").facts


def test_k6_an_increase_that_cannot_be_held_is_refused(desk: Desk) -> None:
    desk.ask("o", 12)
    refused = only_fact(desk.amend("o", quantity=17)).record
    assert refused["code"] == "CAPACITY_INSUFFICIENT"
    assert refused["detail"] == "4 of the 5 H100 GPUs wanted are free in us-west-2 (K2)"
    assert handed(desk.amend("o", quantity=16)), "and it is not in flight"


def test_k6_a_decrease_frees_when_the_book_says_so(desk: Desk) -> None:
    desk.ask("o", 12)
    desk.amend("o", quantity=3)
    assert desk.available() == 4
    desk.amended("o", quantity=3, remaining=3)
    assert desk.available() == 13


def test_k6_fills_on_the_way_are_of_the_old_total(desk: Desk) -> None:
    desk.ask("o", 8)
    desk.amend("o", quantity=10)
    desk.sold("o", 3, "lease")
    assert desk.available() == 6
    desk.amended("o", quantity=10, remaining=7)
    assert desk.available() == 6
    assert desk.account.inventory.held("o") == 7


def test_k6_an_increase_counts_from_the_total_less_withdrawals_on_their_way(desk: Desk) -> None:
    desk.ask("o", 12)
    desk.send("set_node_health", {"node_id": "a", "health": "offline"})
    desk.add_node("c")
    desk.amend("o", quantity=10)
    assert desk.available() == 12 - 6
    desk.amended("o", quantity=4, remaining=4, command="withdraw")
    assert desk.account.inventory.held("o") == 10
    desk.amended("o", quantity=10, remaining=10)
    assert desk.slots("a") == ["offline"] * 8
    assert desk.account.inventory.held("o") == 10


def test_k6_price_alone_reserves_no_gpus(desk: Desk) -> None:
    desk.ask("o", 12)
    desk.send("set_node_health", {"node_id": "a", "health": "offline"})
    assert handed(desk.amend("o", price_micros=300))
    assert desk.account.inventory.held("o") == 12


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({"quantity": 5}, True),
        ({"quantity": 6}, False),
        ({"price_micros": 2_500_000}, True),
        ({"price_micros": 2_500_100}, False),
        ({"quantity": 8, "price_micros": 1_250_000}, True),
        ({"quantity": 3, "price_micros": 3_400_000}, False),
        ({"quantity": 1}, True),
    ],
)
def test_k6_a_bids_increase_is_counted_beforehand(change: dict[str, int], accepted: bool) -> None:
    desk = Desk(max_notional_micros=10_000_000)
    desk.place("o", quantity=4, price_micros=2_000_000)
    step = desk.amend("o", **change)
    assert codes(step) == ([] if accepted else ["LIMIT_NOTIONAL"])
    assert (desk.account.orders["o"].amend is not None) == accepted


def test_k6_a_bids_reservation_stands_until_it_is_answered() -> None:
    desk = Desk(max_notional_micros=10_000_000)
    desk.place("o", quantity=4, price_micros=2_000_000)
    desk.amend("o", quantity=5)
    assert codes(desk.place("p", quantity=1)) == ["LIMIT_NOTIONAL"]
    desk.rejected("o", "amend_order", "POST_ONLY_WOULD_TRADE", command_id="amend")
    assert handed(desk.place("q", quantity=1))


def test_k6_a_lowered_bid_counts_less_only_once_the_book_says_so() -> None:
    desk = Desk(max_notional_micros=8_000_000)
    desk.place("o", quantity=4, price_micros=2_000_000)
    desk.amend("o", price_micros=1_000_000)
    assert codes(desk.place("p", quantity=1)) == ["LIMIT_NOTIONAL"]
    desk.amended("o", quantity=4, remaining=4, price_micros=1_000_000)
    assert handed(desk.place("q", quantity=2))


def test_k6_a_lowering_is_allowed_above_a_lowered_limit() -> None:
    desk = Desk()
    desk.place("o", quantity=4)
    desk.register("set_account", max_notional_micros=1)
    assert handed(desk.amend("o", quantity=3))


@pytest.mark.parametrize("change", [{"quantity": -1}, {"quantity": 65_537}, {"price_micros": 150}])
def test_k6_an_amend_the_api_would_not_send_is_not_applied(
    desk: Desk, change: dict[str, int]
) -> None:
    desk.ask("o", 4)
    with pytest.raises(ValueError, match="was "):
        desk.amend("o", **change)


# K7: leases


def test_k7_a_lease_runs_from_its_trade_and_the_tick_frees_it(desk: Desk) -> None:
    desk.ask("o", 5)
    step = desk.sold("o", 2, "lease", duration_seconds=2 * HOUR_S, occurred_at_ms=NOON_MS - 300)
    end_ms = NOON_MS - 300 + 2 * HOUR_MS
    assert step.wake_at_ms == end_ms
    early = desk.tick(end_ms - 1)
    assert (early.facts, early.wake_at_ms) == ([], end_ms)
    late = desk.tick(end_ms)
    assert only_fact(late).record["slots"] == ["available"] * 2 + ["held:o"] * 3 + ["available"] * 3
    assert late.wake_at_ms is None


@pytest.mark.parametrize(
    ("kind", "fields", "idle"),
    [
        ("set_node_health", {"health": "offline"}, "offline"),
        ("set_node_maintenance", {"maintenance": True}, "maintenance"),
        ("set_node_health", {"health": "degraded"}, "available"),
    ],
)
def test_k7_a_leases_gpus_return_to_the_state_of_their_node(
    desk: Desk, kind: str, fields: dict[str, Any], idle: str
) -> None:
    desk.ask("o", 8)
    desk.sold("o", 8, "lease")
    desk.send(kind, {"node_id": "a", **fields})
    assert desk.slots("a") == ["allocated:lease"] * 8
    desk.tick(NOON_MS + HOUR_MS)
    assert desk.slots("a") == [idle] * 8


def test_k7_a_lease_over_several_nodes_ends_everywhere(desk: Desk) -> None:
    desk.ask("o", 16)
    desk.sold("o", 16, "lease")
    step = desk.tick(NOON_MS + HOUR_MS)
    assert [fact.record["node_id"] for fact in step.facts] == ["a", "b"]
    assert desk.available() == 16


# K8: rows


def test_k8_a_command_writes_only_the_rows_it_touches(desk: Desk) -> None:
    for n in range(20):
        desk.place(f"bid{n}")
        desk.add_node(f"n{n}")
    desk.ask("o", 8)
    assert set(desk.sold("o", 2, "lease").writes) == {"a", "o:o", "n:a", f"s:{BOOK}"}
    assert set(desk.place("p").writes) == {"a", "o:p"}


def test_k8_rows_of_another_version_are_refused(desk: Desk) -> None:
    with pytest.raises(ValueError, match="version 2, not 1"):
        MACHINE.load(SELLER, {**desk.rows, "a": "[2,0,0,null]"}.items())
