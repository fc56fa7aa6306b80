"""Facts to rows: pure functions."""

import json
from importlib import resources
from typing import Any

import pytest

from jobs import projection, rows
from schemas import contract, generate, names, readings, views

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


TOPICS = {
    *names.FACT_TOPICS.values(),
    *projection.READINGS,
    names.TELEMETRY_ROLLUPS,
    names.PRICING_UPDATES,
}


def test_every_topic_of_facts_or_readings_has_a_table() -> None:
    assert set(rows.tables()) == TOPICS


@pytest.mark.parametrize("topic", sorted(TOPICS))
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


LABELS = {"cluster_id": "c", "provider_id": "p", "region": "r", "gpu_type": "H100"}


def reading(node_id: str, timestamp: int, **own: Any) -> dict[str, Any]:
    return {"node_id": node_id, **LABELS, "timestamp": timestamp, **own}


def test_of_readings_the_newest_of_each_gpu_goes_to_redis() -> None:
    told = [
        reading("n", 5_000, gpu_index=0, power_draw=1.0),
        reading("n", 15_000, gpu_index=0, power_draw=3.0),
        reading("n", 10_000, gpu_index=0, power_draw=2.0),
        reading("n", 5_000, gpu_index=1, power_draw=4.0),
        reading("n", 5_000, cpu_utilization=0.5),
        reading("m", 5_000, gpu_index=0, power_draw=5.0),
    ]
    found = rows.newest(told)
    assert {key: sorted(fields) for key, fields in found.items()} == {
        "telemetry:n": ["0", "1", "node"],
        "telemetry:m": ["0"],
    }
    of_n = readings.read_row(found["telemetry:n"])
    assert of_n[0] == {"gpu_index": 0, "timestamp": 15_000, "power_draw": 3.0}
    assert of_n[2] == {"timestamp": 5_000, "cpu_utilization": 0.5}


def test_readings_as_text_sort_as_they_were_measured() -> None:
    times = (0, 9_999, 10_000, 999_999_999_999, 1_790_000_000_000)
    texts = [readings.text(reading("n", at, gpu_index=0)) for at in times]
    assert texts == sorted(texts)


def test_a_reading_again_within_a_batch_is_the_first_of_them() -> None:
    told = [reading("n", 5, gpu_index=0, power_draw=watts) for watts in (1.0, 2.0)]
    (row,) = rows.newest(told).values()
    assert readings.read_row(row)[0]["power_draw"] == 1.0


def test_the_newest_price_of_each_product_is_kept_by_type_and_region() -> None:
    file = resources.files("schemas") / "examples" / "pricing.updates.json"
    update = json.loads(file.read_text())["record"]
    (fold,) = rows.folds("pricing.updates", update)
    assert fold.key == "price:H100:us-west-2"
    assert (fold.group, fold.stamp) == ("spot", views.stamp(update["occurred_at_ms"], 0))
    assert views.read_prices({fold.group: fold.stamp, **fold.fields}) == [update]
