"""Records to bytes and back: Avro in Confluent's framing (0, schema id as 4 bytes, body).

Records are plain dicts of the shapes in `schemas.records`; times stay integer milliseconds. The
only module that knows fastavro.
"""

import io
import struct
from collections.abc import Callable, Mapping
from typing import Any, cast

import fastavro

from schemas import contract

Record = Mapping[str, Any]
Encoder = Callable[[Record], bytes]
Decoder = Callable[[bytes | None], dict[str, Any]]
_HEADER = struct.Struct(">bI")


class UnreadableRecord(Exception):
    """Bytes that are not a record of their topic; the message says why."""


class Codec:
    """Encodes with the schemas of this code, decodes what any registered schema wrote."""

    def __init__(self, ids: Mapping[str, int], writer: Callable[[int], contract.Schema]) -> None:
        """Make a codec.

        Args:
            ids: the schema id of each topic's record, as the registry gave it.
            writer: fetches a schema by id, for records that other code wrote; raises `LookupError`
                for an unknown id.
        """
        self._ids = ids
        self._writer = writer

    def encoder(self, topic: str) -> Encoder:
        """The function that encodes records of this topic; get it once, outside the hot path."""
        record = contract.topics()[topic].record
        schema = parsed(contract.expanded(record))
        header = _HEADER.pack(0, self._ids[topic])
        wrap = _tagged if record.endswith("Command") else _as_it_is

        def encode(value: Record) -> bytes:
            buffer = io.BytesIO()
            buffer.write(header)
            fastavro.schemaless_writer(buffer, schema, wrap(value))
            return buffer.getvalue()

        return encode

    def decoder(self, topic: str) -> Decoder:
        """The function that decodes records of this topic.

        It raises `UnreadableRecord` for whatever is not one.
        """
        ours = parsed(contract.expanded(contract.topics()[topic].record))
        schemas = {self._ids[topic]: ours}

        def decode(data: bytes | None) -> dict[str, Any]:
            schema_id = _schema_id(data)
            if schema_id not in schemas:
                schemas[schema_id] = self._written(schema_id)
            return _read(data or b"", schemas[schema_id], ours)

        return decode

    def _written(self, schema_id: int) -> Any:
        try:
            return parsed(self._writer(schema_id))
        except LookupError:
            raise UnreadableRecord(f"schema id {schema_id} is not in the registry") from None


def offline() -> Codec:
    """A codec without a registry, for tests and golden examples; ids follow topics.toml."""

    def unknown(schema_id: int) -> contract.Schema:
        raise LookupError(schema_id)

    return Codec({name: index for index, name in enumerate(contract.topics(), 1)}, unknown)


def parsed(schema: contract.Schema) -> Any:
    """The schema as fastavro wants it, without logical types: times stay integers."""
    return fastavro.parse_schema(_without_logical_types(schema))


def _read(data: bytes, schema: Any, ours: Any) -> dict[str, Any]:
    buffer = io.BytesIO(data)
    buffer.seek(_HEADER.size)
    try:
        record = fastavro.schemaless_reader(buffer, schema, None if schema is ours else ours)
    except Exception as error:  # fastavro raises whatever its C code met
        raise UnreadableRecord(
            f"not Avro of its schema: {error or type(error).__name__}"
        ) from error
    if buffer.tell() != len(data):
        raise UnreadableRecord(f"{len(data) - buffer.tell()} bytes after the record's end")
    return cast(dict[str, Any], record)


def _schema_id(data: bytes | None) -> int:
    if data is None:
        raise UnreadableRecord("no value")
    if len(data) < _HEADER.size:
        raise UnreadableRecord(f"{len(data)} bytes are too few for a schema id")
    magic, schema_id = _HEADER.unpack_from(data)
    if magic != 0:
        raise UnreadableRecord(f"first byte must be 0, was {magic}")
    return int(schema_id)


def _tagged(command: Record) -> Record:
    """The command with its body named, which spares fastavro from trying it against the union."""
    kind = command["kind"]
    body = command.get(kind)
    return command if body is None else {**command, kind: (_BODY_NAMES[kind], body)}


def _as_it_is(record: Record) -> Record:
    return record


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_logical_types(branch) for branch in schema]
    if isinstance(schema, dict):
        return {
            key: _without_logical_types(value)
            for key, value in schema.items()
            if key not in ("logicalType", "doc")
        }
    return schema


_BODY_NAMES = {contract.snake(name): f"gpubroker.{name}" for name in contract.records()}
