"""The contract brought to the servers: topics, schemas, tables."""

import logging
import re
from collections.abc import Iterator
from contextlib import closing
from importlib import resources
from typing import Any, Final
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from jobs import kafka
from jobs.codecs import unreachable
from jobs.refused import Refused
from schemas import registry
from schemas.settings import Settings

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 60
_LOG = logging.getLogger(__name__)


class ClickHouseRefused(Refused):
    """ClickHouse does not answer, or refuses a statement."""


def create_topics(settings: Settings) -> None:
    """Create missing topics, check the others, and register every schema; harmless to repeat.

    Raises:
        KafkaUnreachable: no broker answers.
        WrongTopics: a topic has another number of partitions than topics.toml says.
        RegistryRefused: the registry does not answer.
        IncompatibleSchema: a schema cannot live with what is registered.
    """
    created = kafka.create_topics(settings)
    _LOG.info("topics created: %s", ", ".join(created) or "none, all were there")
    try:
        with closing(registry.connect(settings)) as schemas:
            ids = schemas.register()
    except registry.IncompatibleSchema:
        raise
    except Exception as error:  # its client raises what its own HTTP library does
        raise unreachable(settings, error) from None
    _LOG.info("%d schemas are registered", len(ids))


def create_tables(settings: Settings) -> None:
    """Create the tables and views of ddl.sql; harmless to repeat.

    Raises:
        ClickHouseRefused: ClickHouse does not answer, or refuses a statement.
    """
    script = resources.files("schemas").joinpath("ddl.sql").read_text()
    try:
        with closing(clickhouse(settings)) as client:
            for statement in statements(script):
                client.command(statement)
    except ClickHouseError as error:
        url = settings.text("CLICKHOUSE_URL")
        raise ClickHouseRefused(f"ClickHouse at {url}: {error}") from None
    _LOG.info("tables and views are there")


def clickhouse(settings: Settings) -> Any:
    """A client of ClickHouse with the writer's credentials; it connects at once."""
    address = urlsplit(settings.text("CLICKHOUSE_URL"))
    return clickhouse_connect.get_client(
        host=address.hostname or "",
        port=address.port or 0,
        interface="https" if address.scheme == "https" else "http",
        username=settings.text("CLICKHOUSE_USER"),
        password=settings.text("CLICKHOUSE_PASSWORD"),
        connect_timeout=CONNECT_SECONDS,
        send_receive_timeout=ANSWER_SECONDS,
        autogenerate_session_id=False,
        compress=False,
    )


def statements(script: str) -> Iterator[str]:
    """The statements of a script, without the comment lines between them."""
    for text in re.split(r";\s*\n", script):
        lines = [line for line in text.splitlines() if not line.startswith("--")]
        if statement := "\n".join(lines).strip():
            yield statement
