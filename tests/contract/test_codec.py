"""The codec: Confluent framing, golden examples, and a clear reason for what cannot be read."""

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from schemas import codec, contract
from schemas.codec import Bodies, UnreadableRecord

EXAMPLES = sorted((Path(contract.__file__).parent / "examples").glob("*.json"))
CODEC = codec.offline()
CANCEL = {"kind": "cancel_order", "account_id": "a", "cancel_order": {"order_id": "o"}}


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_golden_examples_are_written_and_read_as_ever(file: Path) -> None:
    example = json.loads(file.read_text())
    topic, record, data = example["topic"], example["record"], bytes.fromhex(example["bytes"])
    assert CODEC.encoder(topic)(record) == data
    assert CODEC.encoder(topic)(CODEC.decoder(topic)(data)) == data


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_command_written_in_parts_is_what_avro_makes_of_the_whole(file: Path) -> None:
    example = json.loads(file.read_text())
    record = contract.topics()[example["topic"]].record
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, contract.expanded(record), example["record"])
    assert CODEC.encoder(example["topic"])(example["record"])[5:] == buffer.getvalue()


def test_a_fact_and_its_copies_are_encoded_once() -> None:
    fact = _example("orders.matched")
    copy = {"kind": "order_matched", "account_id": "a", "order_matched": fact}
    known: Bodies = {}
    body = CODEC.encoder("orders.matched")(fact, known)[5:]
    assert known == {id(fact): body}
    known[id(fact)] = marked = b"\x02?" + body[2:]
    assert marked in CODEC.encoder("accounts.commands")(copy, known)
    assert CODEC.encoder("accounts.commands")(copy).count(body) == 1


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_body_is_handed_on_in_the_bytes_that_it_came_in(file: Path) -> None:
    example = json.loads(file.read_text())
    topic, data = example["topic"], bytes.fromhex(example["bytes"])
    known: Bodies = {}
    record = CODEC.decoder(topic)(data, known)
    body = record.get(record.get("kind", ""))
    if body is None:  # a fact, or an account's tick
        assert not known
        return
    assert list(known) == [id(body)]
    assert CODEC.encoder(topic)(record, known) == CODEC.encoder(topic)(record) == data
    known[id(body)] = marked = b"?" * len(known[id(body)])
    assert marked in CODEC.encoder(topic)(record, known)


def test_a_command_with_a_body_of_another_kind_is_read_whole() -> None:
    tick = {"kind": "cancel_order", "tick": {"want_hash": True}, "cancel_order": {"order_id": "o"}}
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, contract.expanded("BookCommand"), tick)
    framing = CODEC.encoder("books.commands")(tick)[:5]
    read = CODEC.decoder("books.commands")(framing + buffer.getvalue())
    assert read["tick"] == {"want_hash": True}
    assert read["cancel_order"] == {"order_id": "o"}


def test_a_kind_without_a_field_has_no_body() -> None:
    tick = {"kind": "tick", "source": "timer", "source_seq": 7, "tick": {"want_hash": False}}
    data = CODEC.encoder("accounts.commands")(tick)
    read = CODEC.decoder("accounts.commands")(data)
    assert (read["kind"], read["source"], read["source_seq"]) == ("tick", "timer", 7)
    assert "tick" not in read
    assert CODEC.encoder("books.commands")(tick) != data


def _example(topic: str) -> dict[str, Any]:
    examples = (json.loads(file.read_text()) for file in EXAMPLES)
    return next(example["record"] for example in examples if example["topic"] == topic)


def test_every_topic_has_an_example_and_every_body_of_a_command() -> None:
    examples = [json.loads(file.read_text()) for file in EXAMPLES]
    # A dead letter's bytes have no JSON form; the test of an older schema below holds its shape.
    assert {example["topic"] for example in examples} == set(contract.topics()) - {"dead.letters"}
    for topic in ("accounts.commands", "books.commands"):
        kinds = {e["record"]["kind"] for e in examples if e["topic"] == topic}
        schema = contract.records()[contract.topics()[topic].record]
        bodies = {field["name"] for field in schema["fields"] if isinstance(field["type"], list)}
        assert bodies <= kinds


def test_defaults_fill_what_a_writer_leaves_out() -> None:
    data = CODEC.encoder("accounts.commands")(CANCEL)
    read = CODEC.decoder("accounts.commands")(data)
    assert read["source"] == ""
    assert read["source_seq"] == 0
    assert read["place_order"] is None
    assert read["cancel_order"] == {"order_id": "o"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "no value"),
        (b"", "too few"),
        (b"\x00\x00", "too few"),
        (b"\x01\x00\x00\x00\x01", "first byte must be 0, was 1"),
        (b"\x00\x00\x00\x03\xe7abc", "schema id 999 is not in the registry"),
        (CODEC.encoder("accounts.commands")(CANCEL)[:-3], "not Avro of its schema"),
        (CODEC.encoder("accounts.commands")(CANCEL) + b"x", "1 bytes after the record's end"),
    ],
)
def test_what_cannot_be_read_is_told(data: bytes | None, reason: str) -> None:
    with pytest.raises(UnreadableRecord, match=reason):
        CODEC.decoder("accounts.commands")(data)


def test_an_older_schema_is_read_into_todays_record() -> None:
    today = contract.expanded("DeadLetter")
    older = {**today, "fields": [f for f in today["fields"] if f["name"] != "key"]}
    ids = dict.fromkeys(contract.topics(), 1)
    both = codec.Codec(ids, {2: older}.__getitem__)
    letter = {
        "reader": "matching", "topic": "t", "partition": 0, "offset": 7, "value": b"v",
        "reason": "r", "occurred_at_ms": 5,
    }  # fmt: skip
    old_codec = codec.Codec(dict.fromkeys(ids, 2), {}.__getitem__)
    data = old_codec.encoder("dead.letters")({**letter, "key": b"k"})
    assert both.decoder("dead.letters")(_without_key(data)) == {**letter, "key": None}


def _without_key(data: bytes) -> bytes:
    """The record as a writer that knew no `key` wrote it: without the bytes of ["k" of 1 byte]."""
    return data.replace(b"\x02\x02k", b"", 1)


def test_bodies_in_a_file_are_the_records_and_a_broken_one_shifts_no_other() -> None:
    record = {
        **dict.fromkeys(("node_id", "cluster_id", "provider_id", "region", "gpu_type"), "w" * 40),
        **dict.fromkeys(
            ("gpu_utilization", "memory_utilization", "temperature", "power_draw"), 0.5
        ),
        "gpu_index": 1,
        "timestamp": 1_790_000_000_000,
        "status": "healthy",
    }
    wire = codec.offline()
    topic, begin = "telemetry.gpu", len(wire.framing("telemetry.gpu"))
    bodies = [wire.encoder(topic)(record | {"gpu_index": gpu})[begin:] for gpu in range(3)]

    def read(told: list[bytes]) -> list[int]:
        file = io.BytesIO(codec.file_of("GpuReading", told))
        return [each["gpu_index"] for each in fastavro.reader(file)]  # type: ignore[index, call-overload]

    assert read(bodies) == [0, 1, 2]
    assert read([]) == []
    with pytest.raises((EOFError, IndexError, ValueError)):
        read([bodies[0], bodies[1][:-1], bodies[2]])


def test_a_field_is_told_without_what_stands_behind_it() -> None:
    fact = _example("inventory.events")
    data = CODEC.encoder("inventory.events")(fact)
    tell = CODEC.field("inventory.events", "gpu_type")
    assert tell(data) == tell(data[:-9]) == tell(data + b"x") == fact["gpu_type"]


@pytest.mark.parametrize("topic", sorted({json.loads(f.read_text())["topic"] for f in EXAMPLES}))
def test_every_field_is_told_as_the_decoder_tells_it(topic: str) -> None:
    data = CODEC.encoder(topic)(_example(topic))
    for name, value in CODEC.decoder(topic)(data).items():
        assert CODEC.field(topic, name)(data) == value


def test_a_field_that_another_schema_wrote_is_told_by_its_name() -> None:
    today = contract.expanded("NodeChanged")
    other = {**today, "fields": today["fields"][::-1]}
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, other, _example("inventory.events"))
    both = codec.Codec(dict.fromkeys(contract.topics(), 1), {2: other}.__getitem__)
    tell = both.field("inventory.events", "gpu_type")
    assert tell(b"\0\0\0\0\2" + buffer.getvalue()) == _example("inventory.events")["gpu_type"]


@pytest.mark.parametrize("data", [None, b"", b"junk", b"\x00\x00\x00\x03\xe7abc"])
def test_a_field_of_what_cannot_be_read_is_not_told(data: bytes | None) -> None:
    begun = CODEC.encoder("inventory.events")(_example("inventory.events"))[:20]
    for each in (data, begun):
        with pytest.raises(UnreadableRecord):
            CODEC.field("inventory.events", "gpu_type")(each)
