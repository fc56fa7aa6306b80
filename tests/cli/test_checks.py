"""A run in which all agree, and what the checks say when one party tells otherwise."""

from dataclasses import replace
from typing import Any

import pytest

from cli.demo.checks import Deal, Evidence, judge

ASK = {
    "type": "ask",
    "quantity": 4,
    "status": "partial",
    "filled_quantity": 3,
    "remaining": 1,
    "book_seq": 1,
}
FILLED = {
    "type": "bid",
    "quantity": 2,
    "status": "filled",
    "filled_quantity": 2,
    "remaining": 0,
    "book_seq": 3,
}
CLOSED = {
    "type": "bid",
    "quantity": 5,
    "status": "cancelled",
    "filled_quantity": 1,
    "remaining": 0,
    "book_seq": 5,
}
DEALS = frozenset({Deal("t1", 2, 100), Deal("t2", 1, 150)})
GOOD = Evidence(
    accepted=("ask", "filled", "closed"),
    orders={"ask": ASK, "filled": FILLED, "closed": CLOSED},
    history={"partial": 1, "filled": 1, "cancelled": 1},
    log_trades={
        "t1": {
            "trade_id": "t1",
            "quantity": 2,
            "price_micros": 100,
            "bid_order_id": "filled",
            "ask_order_id": "ask",
        },
        "t2": {
            "trade_id": "t2",
            "quantity": 1,
            "price_micros": 150,
            "bid_order_id": "closed",
            "ask_order_id": "ask",
        },
    },
    history_trades=DEALS,
    tape=DEALS,
    log_tape=DEALS,
    sampled={"filled": frozenset({Deal("t1", 2, 100)})},
    slots={
        "n1": ("allocated:t1", "allocated:t1", "allocated:t2:impaired"),
        "n2": ("held:ask", "available"),
    },
    gpus=5,
)
NAMES = [check.name for check in judge(GOOD)]
ACCOUNTED, HISTORY, PLACE, TRADES, TAPE = NAMES


def test_all_is_equal_when_all_agree() -> None:
    assert [str(check) for check in judge(GOOD) if not check.equal] == []
    assert str(judge(GOOD)[0]) == (
        "every accepted order accounted for: equal"
        " (1 filled + 1 open + 1 closed + 0 rejected = 3, accepted 3)"
    )


@pytest.mark.parametrize(
    ("change", "unequal"),
    [
        ({"accepted": ("ask", "filled", "closed", "gone")}, {ACCOUNTED}),
        (
            {
                "orders": {
                    **GOOD.orders,
                    "closed": {**CLOSED, "status": "pending", "book_seq": None},
                }
            },
            {ACCOUNTED, HISTORY},
        ),
        ({"orders": {**GOOD.orders, "filled": {**FILLED, "filled_quantity": 1}}}, {ACCOUNTED}),
        ({"orders": {**GOOD.orders, "ask": {**ASK, "remaining": 2}}}, {ACCOUNTED, PLACE}),
        ({"history": {"partial": 1, "filled": 2}}, {HISTORY}),
        ({"history_trades": frozenset({Deal("t1", 2, 100)})}, {TRADES}),
        ({"history_trades": frozenset({Deal("t1", 2, 101), Deal("t2", 1, 150)})}, {TRADES}),
        ({"sampled": {"filled": frozenset()}}, {TRADES}),
        ({"tape": frozenset({Deal("t1", 2, 100)})}, {TAPE}),
        ({"slots": {**GOOD.slots, "n2": ("held:ask", "held:ask")}}, {PLACE}),
        ({"slots": {**GOOD.slots, "n2": ("held:ask", "allocated:t1")}}, {PLACE}),
        ({"slots": {"n1": GOOD.slots["n1"]}}, {PLACE}),
        ({"slots": {**GOOD.slots, "n2": ("held:ask",)}}, {PLACE}),
    ],
)
def test_the_check_concerned_tells_a_difference(change: dict[str, Any], unequal: set[str]) -> None:
    checks = judge(replace(GOOD, **change))
    assert {check.name for check in checks if not check.equal} == unequal
