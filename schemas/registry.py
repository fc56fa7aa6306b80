"""The schema registry: registers the contract's schemas and makes codecs from their ids."""

import functools
import json
import time
from collections.abc import Callable
from typing import Final, TypeVar

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas import contract
from schemas.codec import Codec, SchemaUnavailable
from schemas.settings import Settings

T = TypeVar("T")
COMPATIBILITY = "FULL_TRANSITIVE"
PATIENCE_SECONDS: Final = 60.0
"""How long a reader that must read every record waits for a registry that is away: longer than a
supervisor takes to bring it back, shorter than a job may take to be cancelled (180 s)."""
PAUSE_SECONDS: Final = 0.5
ANSWER_SECONDS: Final = 5.0
_NOT_THERE: Final = (400, 404, 422)
"""What the registry says of an id or schema that it does not hold, or that cannot be."""


class IncompatibleSchema(Exception):
    """A schema of this code cannot read, or be read by, one that is registered already."""


class Registry:
    """The subjects of our topics in a registry that speaks Confluent's API."""

    def __init__(self, client: SchemaRegistryClient) -> None:
        """Use this client."""
        self._client = client

    def register(self) -> dict[str, int]:
        """Register every topic's record and return the schema ids; registering again is harmless.

        Raises:
            IncompatibleSchema: the registry refused one; the message names topic and reason.
        """
        return {name: self._register(topic) for name, topic in contract.topics().items()}

    def codec(self, patience_seconds: float = 0.0) -> Codec:
        """A codec with the ids of schemas that are registered already.

        Args:
            patience_seconds: how long its decoders may wait for the registry when a record names
                a schema that they have not met.

        Raises:
            LookupError: a topic's schema is not registered.
        """
        ids = {name: self._id(topic) for name, topic in contract.topics().items()}
        return Codec(ids, functools.partial(self._patiently, patience_seconds))

    def close(self) -> None:
        """Close its connections; its codecs then know only the schemas that they have met."""
        self._client.close()

    def _register(self, topic: contract.Topic) -> int:
        if topic.subject not in self._client.get_subjects():
            schema_id = self._client.register_schema(topic.subject, _schema_of(topic))
            self._client.set_compatibility(subject_name=topic.subject, level=COMPATIBILITY)
            return schema_id
        self._check(topic)
        return self._client.register_schema(topic.subject, _schema_of(topic))

    def _check(self, topic: contract.Topic) -> None:
        if not self._client.test_compatibility(topic.subject, _schema_of(topic)):
            raise IncompatibleSchema(
                f"{topic.name}: {topic.record} is not {COMPATIBILITY} with what is registered; "
                "add fields with defaults only, and remove none without one"
            )

    def _id(self, topic: contract.Topic) -> int:
        schema_id = self._lookup(
            lambda: self._client.lookup_schema(topic.subject, _schema_of(topic)).schema_id,
            f"{topic.name}: its schema is not registered; run `python -m jobs topics`",
        )
        assert schema_id is not None
        return schema_id

    def _patiently(self, seconds: float, schema_id: int) -> contract.Schema:
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self._schema(schema_id)
            except LookupError:
                raise
            except Exception as error:  # its client raises what its own HTTP library does
                if time.monotonic() >= deadline:
                    raise SchemaUnavailable(f"schema id {schema_id}: {error}") from error
            time.sleep(PAUSE_SECONDS)

    def _schema(self, schema_id: int) -> contract.Schema:
        found = self._lookup(lambda: self._client.get_schema(schema_id), f"schema id {schema_id}")
        if found.schema_type != "AVRO":
            raise LookupError(f"schema id {schema_id} is {found.schema_type}")
        schema: contract.Schema = json.loads(found.schema_str or "null")
        return schema

    def _lookup(self, ask: Callable[[], T], what: str) -> T:
        try:
            return ask()
        except SchemaRegistryError as error:
            if error.http_status_code in _NOT_THERE:
                raise LookupError(what) from None
            raise


def connect(settings: Settings) -> Registry:
    """The registry that the settings name."""
    url = settings.text("REGISTRY_URL")
    return Registry(SchemaRegistryClient({"url": url, "timeout": ANSWER_SECONDS}))


def _schema_of(topic: contract.Topic) -> Schema:
    return Schema(json.dumps(contract.expanded(topic.record)), "AVRO")
