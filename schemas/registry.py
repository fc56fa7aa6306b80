"""The schema registry: registers the contract's schemas and makes codecs from their ids."""

import functools
import json
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas import contract
from schemas.codec import Codec
from schemas.settings import Settings

T = TypeVar("T")
COMPATIBILITY = "FULL_TRANSITIVE"


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

    def codec(self) -> Codec:
        """A codec with the ids of schemas that are registered already.

        Raises:
            LookupError: a topic's schema is not registered.
        """
        ids = {name: self._id(topic) for name, topic in contract.topics().items()}
        return Codec(ids, functools.cache(self._schema))

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

    def _schema(self, schema_id: int) -> contract.Schema:
        found = self._lookup(lambda: self._client.get_schema(schema_id), f"schema id {schema_id}")
        schema: contract.Schema = json.loads(found.schema_str or "null")
        return schema

    def _lookup(self, ask: Callable[[], T], what: str) -> T:
        try:
            return ask()
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                raise LookupError(what) from None
            raise


def connect(settings: Settings) -> Registry:
    """The registry that the settings name."""
    return Registry(SchemaRegistryClient({"url": settings.text("REGISTRY_URL")}))


def _schema_of(topic: contract.Topic) -> Schema:
    return Schema(json.dumps(contract.expanded(topic.record)), "AVRO")
