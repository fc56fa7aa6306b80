"""The judgement on what became of orders, without a market."""

from typing import Any

import pytest

from tests.faults.states import State, Told, from_facts, once_each, one_state


def fact(kind: str, number: int, **fields: Any) -> tuple[str, dict[str, Any]]:
    return kind, {"event_id": f"e{number}", "command": "place_order", "order_id": "o", **fields}


CREATED = fact("order_created", 1, quantity=3)
TRADE = fact("order_matched", 2, bid_order_id="o", ask_order_id="a", quantity=2)
CLOSED = fact("order_closed", 3)
REFUSED = fact("order_rejected", 4, code="LIMIT_NOTIONAL")


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([CREATED], State("pending", 0, 3)),
        ([CREATED, TRADE, TRADE], State("partial", 2, 1)),
        ([CREATED, TRADE, fact("order_matched", 9, bid_order_id="o", ask_order_id="a", quantity=1)],
         State("filled", 3, 0)),
        ([CREATED, TRADE, CLOSED, CLOSED], State("cancelled", 2, 0)),
        ([REFUSED], State("rejected", 0, 0)),
        ([CREATED, fact("order_rejected", 5, code="ORDER_KEY_REUSED")], State("pending", 0, 3)),
    ],
)  # fmt: skip
def test_facts_add_up_to_one_state_however_often_they_came(facts: Any, state: State) -> None:
    told = from_facts(facts, {"o"})
    assert told["o"].state() == state
    check = one_state({"o"}, told, {"API": {"o": state}})
    assert check.equal, check


@pytest.mark.parametrize(
    ("facts", "view", "problem"),
    [
        ([], {}, "1 lost in the log"),
        ([TRADE], {}, "begun more or less than once"),
        ([CREATED, fact("order_created", 7, quantity=3)], {}, "begun more or less than once"),
        ([CREATED, CLOSED, fact("order_closed", 8)], {}, "ended more than once"),
        ([CREATED], {}, "unknown to API"),
        ([CREATED], {"o": State("pending", 0, 2)}, "differ in API"),
    ],
)
def test_what_is_broken_is_named(facts: Any, view: dict[str, State], problem: str) -> None:
    check = one_state({"o"}, from_facts(facts, {"o"}), {"API": view})
    assert not check.equal
    assert problem in check.numbers


def test_other_orders_are_left_out() -> None:
    assert from_facts([CREATED, TRADE], {"a"}) == {"a": Told(filled=2)}


def test_a_trade_shown_twice_is_told() -> None:
    assert once_each(3, 3, 5, 5).equal
    assert not once_each(4, 3, 5, 5).equal
    assert not once_each(3, 3, 4, 5).equal
