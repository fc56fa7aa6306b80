"""Facts to rows: pure functions."""

import json
from typing import Any

import pytest

from jobs import rows
from schemas import contract, generate, names, views

CREATED = {
    **dict.fromkeys(rows.column_names("orders.created"), ""),
    "book_id": "H100.ondemand",
    "book_seq": 7,
    "occurred_at_ms": 1000,
    "order_id": "o1",
    "account_id": "a1",
    "quantity": 8,
    "price_micros": 2_000_000,
    "post_only": True,
}
REJECTED = {
    "order_id": "o1",
    "account_id": "a1",
    "command": "place_order",
    "code": "LIMIT_NOTIONAL",
    "detail": "too much",
    "occurred_at_ms": 1000,
    "book_id": None,
    "book_seq": None,
    "account_seq": 3,
}


def test_every_topic_of_facts_has_a_table() -> None:
    assert set(rows.tables()) == set(names.FACT_TOPICS.values())


@pytest.mark.parametrize("topic", sorted(names.FACT_TOPICS.values()))
def test_columns_are_those_of_the_table(topic: str) -> None:
    ddl = generate.ddl_source().split(f"CREATE TABLE IF NOT EXISTS {rows.tables()[topic]} (")[1]
    for name in rows.column_names(topic):
        assert f"\n    {name} " in ddl.split("ENGINE")[0]


def test_columns_hold_one_entry_a_fact_in_order() -> None:
    facts = [{**CREATED, "book_seq": seq} for seq in (1, 2, 3)]
    columns = rows.columns("orders.created", facts)
    assert columns["book_seq"] == [1, 2, 3]
    assert list(columns) == [f["name"] for f in contract.records()["OrderCreated"]["fields"]]


def test_a_created_order_tells_creation_and_total() -> None:
    creation, total = rows.folds("orders.created", CREATED)
    assert (creation.key, creation.group, creation.stamp) == (
        "order:o1",
        "creation",
        views.stamp(1000, 7),
    )
    assert creation.fields["post_only"] == "1"
    assert total.fields == {"quantity": "8", "price_micros": "2000000"}
    assert total.arguments()[:4] == ["total", total.stamp, "quantity", "8"]


def test_a_trade_tells_both_orders() -> None:
    fact: dict[str, Any] = {"occurred_at_ms": 5, "book_seq": 9}
    for side, filled in (("bid", 3), ("ask", 4)):
        fact |= {
            f"{side}_order_id": side,
            f"{side}_filled": filled,
            f"{side}_filled_value_micros": filled * 10,
            f"{side}_remaining": filled * 100,
        }
    bid, ask = rows.folds("orders.matched", fact)
    assert (bid.key, ask.key) == ("order:bid", "order:ask")
    assert bid.fields == {
        "filled_quantity": "3",
        "filled_value_micros": "30",
        "remaining": "300",
    }


def test_f_only_a_refused_placement_touches_the_order() -> None:
    assert len(rows.folds("orders.rejected", REJECTED)) == 1
    for change in (
        {"command": "amend_order"},
        {"command": "cancel_order"},
        {"code": "ORDER_KEY_REUSED"},
    ):
        assert rows.folds("orders.rejected", {**REJECTED, **change}) == []


def test_a_node_is_ordered_by_its_accounts_sequence_alone() -> None:
    older = {"node_id": "n", "account_seq": 3, "occurred_at_ms": 9}
    newer = {"node_id": "n", "account_seq": 20, "occurred_at_ms": 5}
    (first,), (second,) = (rows.folds("inventory.events", fact) for fact in (older, newer))
    assert first.stamp < second.stamp
    assert views.read_node({"node": second.stamp, **second.fields}) == newer
    assert json.loads(second.fields["fact"]) == newer


def test_book_status_is_history_only() -> None:
    assert rows.folds("market.status", {"book_id": "b"}) == []
