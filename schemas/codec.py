"""Records to bytes and back: Avro in Confluent's framing (0, schema id as 4 bytes, body).

Records are plain dicts of the shapes in `schemas.records`; times stay integer milliseconds. The
only module that knows fastavro.
"""

import functools
import io
import json
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol, cast

import fastavro

from schemas import bounds, contract

Record = Mapping[str, Any]
Bodies = dict[int, bytes]
"""What records were decoded from or encoded to, by their `id()`: while they live, their copies need
not be encoded again."""
_HEADER = struct.Struct(">bi")
_MAGIC: Final = b"Obj\x01"
"""Begins an Avro file."""
_SYNC: Final = b"gpubroker-record"
"""Ends each block of one; any 16 bytes will do."""
_ONE: Final = b"\x02"
"""A block's count of records, 1."""
_NULL: Final = b"\x00"
"""The first branch of a nullable field, which has no bytes of its own."""
_BODY: Final = b"\x02"
"""The second branch, before its bytes."""


class Encoder(Protocol):
    """Encodes records of one topic."""

    def __call__(self, value: Record, bodies: Bodies | None = None, /) -> bytes:
        """The record's bytes.

        Args:
            value: the record.
            bodies: bytes known already, added to; whoever passes it keeps all the records alive
                and unchanged as long as it is used.
        """
        ...


class Decoder(Protocol):
    """Decodes records of one topic."""

    def __call__(self, data: bytes | None, bodies: Bodies | None = None, /) -> dict[str, Any]:
        """The record.

        Args:
            data: its bytes.
            bodies: is told from which of them the body of a command of this code was decoded.

        Raises:
            UnreadableRecord: it is none, or has a value out of its bounds.
            SchemaUnavailable: that cannot be known now.
        """
        ...


class UnreadableRecord(Exception):
    """Bytes that are not a record of their topic; the message says why."""


class SchemaUnavailable(Exception):
    """Whether bytes are a record cannot be said now: their schema's registry does not answer.

    It is not the record's fault, so nobody sets a record aside for it: who reads waits.
    """


class Codec:
    """Encodes with the schemas of this code, decodes what any registered schema wrote."""

    def __init__(self, ids: Mapping[str, int], writer: Callable[[int], contract.Schema]) -> None:
        """Make a codec.

        Args:
            ids: the schema id of each topic's record, as the registry gave it.
            writer: fetches a schema by id, for records that other code wrote; raises `LookupError`
                for an unknown id, `SchemaUnavailable` when nobody answers.
        """
        self._ids = ids
        self._writer = writer

    def encoder(self, topic: str) -> Encoder:
        """The function that encodes records of this topic; get it once, outside the hot path."""
        record = contract.topics()[topic].record
        framing = self.framing(topic)
        written = (_layout(record) or _Shape.of(record)).written

        def encode(value: Record, bodies: Bodies | None = None, /) -> bytes:
            return framing + written(value, bodies)

        return encode

    def decoder(self, topic: str) -> Decoder:
        """The function that decodes records of this topic."""
        record = contract.topics()[topic].record
        check = bounds.check(record)
        layout, ours = _layout(record), parsed(contract.expanded(record))
        our_id = self._ids[topic]
        schemas = {our_id: ours}

        def decode(data: bytes | None, bodies: Bodies | None = None, /) -> dict[str, Any]:
            schema_id = _schema_id(data)
            if schema_id not in schemas:
                schemas[schema_id] = self._written(schema_id)
            quick = layout if schema_id == our_id else None
            value = _read(data or b"", schemas[schema_id], ours, quick, bodies)
            try:
                check(value)
            except bounds.OutOfBounds as error:
                raise UnreadableRecord(str(error)) from None
            return value

        return decode

    def field(self, topic: str, name: str) -> Callable[[bytes | None], Any]:
        """The function that tells one field of records of this topic.

        Of a record that this code wrote it reads the fields up to that one and judges nothing
        behind it, nor any bounds: whoever needs more than this field decodes the record. It raises
        as a decoder does.
        """
        framing, decode = self.framing(topic), self.decoder(topic)
        schema = contract.expanded(contract.topics()[topic].record)
        place = [field["name"] for field in schema["fields"]].index(name)
        beginning = _Shape({**schema, "fields": schema["fields"][: place + 1]})

        def tell(data: bytes | None) -> Any:
            if not data or not data.startswith(framing):
                return decode(data)[name]
            buffer = io.BytesIO(data)
            buffer.seek(_HEADER.size)
            try:
                return beginning.read(buffer)[name]
            except Exception as error:  # fastavro raises whatever its C code met
                raise _not_avro(error) from error

        return tell

    def framing(self, topic: str) -> bytes:
        """What stands before the body of a record that this code wrote to the topic."""
        return _HEADER.pack(0, self._ids[topic])

    def _written(self, schema_id: int) -> Any:
        try:
            schema = self._writer(schema_id)
        except LookupError:
            raise UnreadableRecord(f"schema id {schema_id} is not in the registry") from None
        try:
            return parsed(schema)
        except Exception as error:  # fastavro raises whatever it met
            raise UnreadableRecord(f"schema id {schema_id} is not Avro: {error}") from None


def offline() -> Codec:
    """A codec without a registry, for tests and golden examples; ids follow topics.toml."""

    def unknown(schema_id: int) -> contract.Schema:
        raise LookupError(schema_id)

    return Codec({name: index for index, name in enumerate(contract.topics(), 1)}, unknown)


def parsed(schema: contract.Schema) -> Any:
    """The schema as fastavro wants it, without logical types: times stay integers."""
    return fastavro.parse_schema(_without_logical_types(schema))


def file_of(record: str, bodies: Iterable[bytes]) -> bytes:
    """An Avro file of records whose bodies are known already.

    Each stands in a block of its own (Avro 1.12, "Object Container Files"), so that none that is
    broken shifts those behind it.
    """
    schema = json.dumps(contract.expanded(record)).encode()
    header = (_MAGIC, _long(1), _sized(b"avro.schema"), _sized(schema), _long(0), _SYNC)
    blocks = (part for body in bodies for part in (_ONE, _long(len(body)), body, _SYNC))
    return b"".join((*header, *blocks))


def _sized(data: bytes) -> bytes:
    return _long(len(data)) + data


@functools.cache
def _long(value: int) -> bytes:
    """A whole number that is not negative as Avro writes it, in as few bytes as it needs."""
    left, written = value << 1, bytearray()
    while left > 0x7F:
        written.append(left & 0x7F | 0x80)
        left >>= 7
    written.append(left)
    return bytes(written)


class _CommandLayout:
    """A command's bytes in parts: its header, then its body between the nulls of the other kinds.

    Avro puts a record's fields one after the other, and before a nullable one the number of its
    branch (Avro 1.12, "Binary encoding"). So a body can be written on its own, or taken as it is
    from the fact of which it is a copy, and the nulls cost nothing.
    """

    def __init__(self, record: str) -> None:
        schema = contract.records()[record]
        bodies = {
            field["name"]: field["type"][1].removeprefix("gpubroker.")
            for field in schema["fields"]
            if isinstance(field["type"], list)
        }
        fields = schema["fields"][: -len(bodies)]
        assert not any(field["name"] in bodies for field in fields), f"{record}: bodies come last"
        self._header = _Shape({**schema, "fields": fields})
        self._nulls = dict.fromkeys(bodies)
        self._bodiless = _NULL * len(bodies)
        self._parts = {
            kind: (_NULL * before + _BODY, _Shape.of(body), _NULL * (len(bodies) - before - 1))
            for before, (kind, body) in enumerate(bodies.items())
        }

    def written(self, command: Record, bodies: Bodies | None = None, /) -> bytes:
        kind = command["kind"]
        body = command.get(kind)
        header = self._header.written(command)
        if body is None or kind not in self._parts:  # an account's tick has no body
            return header + self._bodiless
        before, shape, after = self._parts[kind]
        return header + before + shape.written(body, bodies) + after

    def read(self, buffer: io.BytesIO, bodies: Bodies | None = None) -> dict[str, Any] | None:
        """The command, None where its body is not the one of its kind and nothing else."""
        command = {**self._nulls, **self._header.read(buffer)}
        kind = command["kind"]
        if kind not in self._parts:
            return None
        before, shape, after = self._parts[kind]
        if buffer.read(len(before)) != before:
            return None
        start = buffer.tell()
        body = command[kind] = shape.read(buffer)
        end = buffer.tell()
        if buffer.read() != after:
            return None
        if bodies is not None:
            bodies[id(body)] = buffer.getvalue()[start:end]
        return command


class _Shape:
    """Writes and reads records of one schema, without framing."""

    def __init__(self, schema: contract.Schema) -> None:
        self._schema = parsed(schema)

    @classmethod
    def of(cls, record: str) -> "_Shape":
        return cls(contract.expanded(record))

    def written(self, value: Record, bodies: Bodies | None = None, /) -> bytes:
        data = bodies.get(id(value)) if bodies else None
        if data is None:
            buffer = io.BytesIO()
            fastavro.schemaless_writer(buffer, self._schema, value)
            data = buffer.getvalue()
            if bodies is not None:
                bodies[id(value)] = data
        return data

    def read(self, buffer: io.BytesIO) -> dict[str, Any]:
        return cast(dict[str, Any], fastavro.schemaless_reader(buffer, self._schema, None))


def _layout(record: str) -> _CommandLayout | None:
    return _CommandLayout(record) if record.endswith("Command") else None


def _read(
    data: bytes, schema: Any, ours: Any, layout: _CommandLayout | None, bodies: Bodies | None
) -> dict[str, Any]:
    buffer = io.BytesIO(data)
    try:
        if layout:
            buffer.seek(_HEADER.size)
            command = layout.read(buffer, bodies)
            if command is not None:
                return command
        buffer.seek(_HEADER.size)
        record = fastavro.schemaless_reader(buffer, schema, None if schema is ours else ours)
    except Exception as error:  # fastavro raises whatever its C code met
        raise _not_avro(error) from error
    if buffer.tell() != len(data):
        raise UnreadableRecord(f"{len(data) - buffer.tell()} bytes after the record's end")
    return cast(dict[str, Any], record)


def _not_avro(error: Exception) -> UnreadableRecord:
    return UnreadableRecord(f"not Avro of its schema: {error or type(error).__name__}")


def _schema_id(data: bytes | None) -> int:
    if data is None:
        raise UnreadableRecord("no value")
    if len(data) < _HEADER.size:
        raise UnreadableRecord(f"{len(data)} bytes are too few for a schema id")
    magic, schema_id = _HEADER.unpack_from(data)
    if magic != 0:
        raise UnreadableRecord(f"first byte must be 0, was {magic}")
    if schema_id < 1:
        raise UnreadableRecord(f"schema id must be 1 or more, was {schema_id}")
    return int(schema_id)


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_logical_types(branch) for branch in schema]
    if isinstance(schema, dict):
        kept = {
            key: _without_logical_types(value)
            for key, value in schema.items()
            if key not in ("logicalType", "doc")
        }
        return kept["type"] if list(kept) == ["type"] else kept
    return schema
