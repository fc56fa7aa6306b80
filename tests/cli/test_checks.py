"""A run in which all agree, and what the checks say when one party tells otherwise."""

from dataclasses import replace
from typing import Any

import pytest

from cli.demo.checks import Deal, Evidence, Signals, judge, judge_signals
from cli.demo.telemetry import Outage

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


WELL = Signals(
    accepted=300,
    stored=300,
    rolled_up=240,
    in_windows=240,
    outage=Outage("node-7", 8, 3.2, 4.1),
    prices={"T4": (600_000, 650_000), "G2": (900_000,)},
    kpis={"gpu_utilization": {"value": 0.25}, "platform_revenue": {"value": "0.000000"}},
)


def test_telemetry_that_did_all_it_must_passes() -> None:
    checks = judge_signals(WELL)
    assert all(check.equal for check in checks)
    told = "\n".join(map(str, checks))
    assert "node-7, 8 GPUs: gone after 3.2 s, listed anew after 4.1 s" in told
    assert "1 of 2 types; T4 0.600000 → 0.650000" in told


@pytest.mark.parametrize(
    ("change", "unequal"),
    [
        ({"stored": 299}, "readings taken = stored = rolled up"),
        ({"accepted": 0, "stored": 0}, "readings taken = stored = rolled up"),
        ({"rolled_up": 239}, "readings taken = stored = rolled up"),
        ({"outage": None}, "a failing node out of the book and back"),
        ({"outage": Outage("n", 8, 10.5, 1.0)}, "a failing node out of the book and back"),
        ({"outage": Outage("n", 8, None, 1.0)}, "a failing node out of the book and back"),
        ({"outage": Outage("n", 8, 1.0, None)}, "a failing node out of the book and back"),
        ({"prices": {"T4": (600_000, 600_000)}}, "spot prices moved"),
        ({"prices": {}}, "spot prices moved"),
        ({"kpis": {}}, "key figures are all told"),
        ({"kpis": {"gpu_utilization": {"value": None}}}, "key figures are all told"),
    ],
)
def test_what_telemetry_did_not_bring_is_told(change: dict[str, Any], unequal: str) -> None:
    checks = judge_signals(replace(WELL, **change))
    assert [check.name for check in checks if not check.equal] == [unequal]
