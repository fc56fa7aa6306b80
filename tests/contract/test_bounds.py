"""Bounds: what a record's values may be, told by field, rule and value."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas import bounds, codec, contract
from schemas.bounds import OutOfBounds
from schemas.codec import UnreadableRecord

EXAMPLES = {
    file.stem: json.loads(file.read_text())
    for file in (Path(contract.__file__).parent / "examples").glob("*.json")
}
CODEC = codec.offline()


def changed(name: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    """Topic and record of an example with other values, in its body where it has one."""
    topic, record = EXAMPLES[name]["topic"], EXAMPLES[name]["record"]
    kind = record.get("kind")
    if kind is None or fields.keys() <= record.keys():
        return topic, {**record, **fields}
    return topic, {**record, kind: {**record[kind], **fields}}


@pytest.mark.parametrize(
    ("example", "fields", "reason"),
    [
        ("books.commands.place_order", {"price_micros": 0}, "price_micros must be a whole number"),
        ("books.commands.place_order", {"price_micros": 150}, "1000000000 by 100s, was 150"),
        ("books.commands.place_order", {"quantity": -4}, "quantity must be .* was -4"),
        ("books.commands.place_order", {"quantity": 65_537}, "from 1 to 65536, was 65537"),
        (
            "books.commands.place_order",
            {"side": "both"},
            "side must be one of bid, ask, was 'both'",
        ),
        ("books.commands.place_order", {"time_in_force": "GTX"}, "GTC, GTD, IOC, FOK, ''"),
        ("books.commands.place_order", {"self_trade": "x"}, "self_trade must be one of"),
        ("books.commands.place_order", {"order_id": ""}, "order_id must be 1 to 128 characters"),
        ("books.commands.place_order", {"region": "r" * 900_000}, "region must be 0 to 128"),
        ("books.commands.place_order", {"expires_at_ms": -1}, "expires_at_ms must be"),
        ("books.commands.place_order", {"duration_seconds": 0}, "duration_seconds must be"),
        ("books.commands.withdraw", {"quantity": -1}, "quantity must be"),
        ("books.commands.set_book", {"top": -1}, "top must be"),
        ("books.commands.cancel_order", {"source_seq": -1}, "source_seq must be"),
        ("accounts.commands.amend_order", {"price_micros": -100}, "price_micros must be"),
        ("accounts.commands.register_node", {"gpu_count": 0}, "gpu_count must be .* 1 to 1024"),
        ("accounts.commands.set_node_health", {"health": "ill"}, "health must be one of"),
        ("accounts.commands.order_matched", {"quantity": -1}, "quantity must be"),
        ("accounts.commands.order_amended", {"remaining": -1}, "remaining must be"),
        ("orders.created", {"occurred_at_ms": 2**62}, "occurred_at_ms must be"),
        ("orders.created", {"book_seq": 10**15}, "book_seq must be"),
        ("orders.matched", {"aggressor": "x"}, "aggressor must be one of bid, ask"),
        ("orders.matched", {"price_micros": 120}, "by 50s"),
        ("orders.cancelled", {"reason": "bored"}, "reason must be one of"),
        ("orders.rejected.account", {"account_seq": -1}, "account_seq must be"),
        ("orders.rejected.book", {"code": "NO"}, "code must be one of"),
        ("market.status", {"status": "shut"}, "status must be one of"),
        ("inventory.events", {"held": -1}, "held must be"),
        ("inventory.events", {"slots": ["available", "x" * 300]}, "slots must be"),
    ],
)
def test_a_value_out_of_bounds_makes_a_record_unreadable(
    example: str, fields: Mapping[str, Any], reason: str
) -> None:
    topic, record = changed(example, **fields)
    data = CODEC.encoder(topic)(record)
    with pytest.raises(UnreadableRecord, match=reason):
        CODEC.decoder(topic)(data)


@pytest.mark.parametrize(
    ("example", "fields"),
    [
        ("accounts.commands.amend_order", {"price_micros": 0, "quantity": 0}),
        ("books.commands.place_order", {"time_in_force": "", "account_id": ""}),
        ("orders.matched", {"price_micros": 150}),
        ("orders.rejected.account", {"book_seq": None, "book_id": None}),
        ("inventory.events", {"slots": []}),
    ],
)
def test_what_the_market_sends_is_within_bounds(example: str, fields: Mapping[str, Any]) -> None:
    topic, record = changed(example, **fields)
    bounds.check(contract.topics()[topic].record)(record)


def test_every_rule_stands_for_a_field_that_there_is() -> None:
    records = contract.records().items()
    fields = {f"{name}.{field['name']}" for name, record in records for field in record["fields"]}
    there = fields | {field.partition(".")[2] for field in fields}
    assert bounds.RULES.keys() <= there


def test_every_whole_number_has_bounds() -> None:
    check = bounds.check("Tick")
    check({"want_hash": True})
    with pytest.raises(OutOfBounds, match="top must be a whole number from 0 to"):
        bounds.check("SetBook")({"top": -1, "book_minimum": 1})


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_truncated_record_is_unreadable_wherever_it_ends(name: str) -> None:
    decode = CODEC.decoder(EXAMPLES[name]["topic"])
    data = bytes.fromhex(EXAMPLES[name]["bytes"])
    for length in range(len(data)):
        with pytest.raises(UnreadableRecord):
            decode(data[:length])


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_record_of_another_topics_schema_is_unreadable(name: str) -> None:
    topics = contract.topics()
    ids = {topic: number for number, topic in enumerate(topics, 1)}
    schemas = {ids[name]: contract.expanded(topic.record) for name, topic in topics.items()}
    reader = codec.Codec(ids, schemas.__getitem__)
    example, data = EXAMPLES[name], bytes.fromhex(EXAMPLES[name]["bytes"])
    record = topics[example["topic"]].record
    for topic in (each.name for each in topics.values() if each.record != record):
        with pytest.raises(UnreadableRecord):
            reader.decoder(topic)(data)
