"""The registry's part in reading: schemas by id, and patience while it is away."""

from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas import contract, registry
from schemas.codec import Codec, SchemaUnavailable, UnreadableRecord
from schemas.registry import Registry

TOPIC = "books.commands"


class Client:
    """A registry that knows no schema but ours, and is away for the next so many questions."""

    def __init__(self, away: int = 0, foreign: Schema | None = None) -> None:
        self.away = away
        self.foreign = foreign
        self.asked = 0

    def lookup_schema(self, subject: str, schema: Schema) -> Any:
        return type(
            "Registered", (), {"schema_id": list(contract.topics()).index(subject[:-6]) + 1}
        )

    def get_schema(self, schema_id: int) -> Schema:
        self.asked += 1
        if self.asked <= self.away:
            raise ConnectionError("refused")
        if self.foreign:
            return self.foreign
        raise SchemaRegistryError(404, 40403, "not found")


def codec(client: Client, patience_seconds: float) -> Codec:
    return Registry(client).codec(patience_seconds)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PAUSE_SECONDS", 0.0)


UNKNOWN = b"\0\0\0\x0f\xff123"


def test_a_registry_that_comes_back_is_waited_for_and_then_the_record_is_judged() -> None:
    client = Client(away=5)
    with pytest.raises(UnreadableRecord, match="schema id 4095 is not in the registry"):
        codec(client, 60.0).decoder(TOPIC)(UNKNOWN)
    assert client.asked == 6


def test_a_registry_that_stays_away_makes_no_record_unreadable() -> None:
    client = Client(away=10**9)
    with pytest.raises(SchemaUnavailable, match="schema id 4095: refused"):
        codec(client, 0.01).decoder(TOPIC)(UNKNOWN)


def test_who_has_no_patience_asks_once() -> None:
    client = Client(away=10**9)
    with pytest.raises(SchemaUnavailable):
        codec(client, 0.0).decoder(TOPIC)(UNKNOWN)
    assert client.asked == 1


@pytest.mark.parametrize(
    ("foreign", "reason"),
    [
        (Schema("message A {}", "PROTOBUF"), "schema id 4095 is not in the registry"),
        (Schema('{"type": "nonsense"}', "AVRO"), "schema id 4095 is not Avro"),
    ],
)
def test_a_schema_that_is_not_avro_makes_a_record_unreadable(foreign: Schema, reason: str) -> None:
    with pytest.raises(UnreadableRecord, match=reason):
        codec(Client(foreign=foreign), 0.0).decoder(TOPIC)(UNKNOWN)


@pytest.mark.parametrize("schema_id", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\0\0\0"])
def test_an_id_that_cannot_be_is_not_asked_for(schema_id: bytes) -> None:
    client = Client()
    with pytest.raises(UnreadableRecord, match="schema id must be 1 or more"):
        codec(client, 0.0).decoder(TOPIC)(b"\0" + schema_id + b"abc")
    assert client.asked == 0
