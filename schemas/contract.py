"""The contract's data files, read: Avro schemas, topics, views, catalogue.

Everything here is a pure function of the files beside it; nothing is read before it is asked for.
"""

import functools
import json
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

Schema = dict[str, Any]
FOLDER = resources.files("schemas")
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of topics.toml."""

    name: str
    record: str
    key: str
    partitions: int
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    retention_days: int = 0
    retention_hours: int = 0
    log_append_time: bool = False

    def partitions_within(self, most: int) -> int:
        """How many it has in a market that gives no topic more than so many."""
        return min(self.partitions, most)

    @property
    def subject(self) -> str:
        """Its subject in the schema registry (Confluent's TopicNameStrategy)."""
        return f"{self.name}-value"

    @property
    def retention_ms(self) -> int:
        """How long its records are kept."""
        return (24 * self.retention_days + self.retention_hours) * HOUR_MS


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What can be traded (market-rules.md B1), and parameters of books that are not default."""

    gpu_types: tuple[str, ...]
    products: tuple[str, ...]
    regions: tuple[str, ...]
    books: dict[str, dict[str, int]]


@functools.cache
def topics() -> dict[str, Topic]:
    """All topics by name, in the order of topics.toml."""
    rows = _toml("topics.toml")["topics"]
    return {name: Topic(name=name, **_tuples(row)) for name, row in rows.items()}


@functools.cache
def catalogue() -> Catalogue:
    """The catalogue that a new market starts with."""
    return Catalogue(**{"books": {}, **_tuples(_toml("catalogue.toml"))})


@functools.cache
def records() -> dict[str, Schema]:
    """Every record's schema as written in avsc/, by name; references to other records are names."""
    files = sorted(
        (file for file in FOLDER.joinpath("avsc").iterdir() if file.name.endswith(".avsc")),
        key=lambda file: file.name,
    )
    schemas = [json.loads(file.read_text()) for file in files]
    return {schema["name"]: schema for schema in schemas}


def expanded(record: str) -> Schema:
    """The record's schema with every record that it refers to written out where it first occurs."""
    schema: Schema = _expand(records()[record], seen=set())
    return schema


def snake(record: str) -> str:
    """The kind that a record's name stands for: `PlaceOrder` is `place_order`."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in record).lstrip("_")


def _expand(schema: Any, seen: set[str]) -> Any:
    if isinstance(schema, str) and schema.startswith("gpubroker."):
        return schema if schema in seen else _expand(records()[schema.split(".")[1]], seen)
    if isinstance(schema, list):
        return [_expand(branch, seen) for branch in schema]
    if isinstance(schema, dict) and schema.get("type") == "record":
        seen.add(f"{schema['namespace']}.{schema['name']}")
        fields = [{**field, "type": _expand(field["type"], seen)} for field in schema["fields"]]
        return {**schema, "fields": fields}
    if isinstance(schema, dict) and schema.get("type") == "array":
        return {**schema, "items": _expand(schema["items"], seen)}
    return schema


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads(FOLDER.joinpath(name).read_text())


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
