"""Every setting of GPUBroker, in one place: the only module that reads the environment.

A setting is an environment variable `GPUBROKER_<NAME>`. What has a sensible local default has it
here; what names another server has none, and asking for it when it is missing raises
`MissingSetting` with the name, the meaning and an example. The local stack fills in the addresses
of the servers that it starts; production points the same names at clusters, and no code asks which
of the two it is.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

PREFIX = "GPUBROKER_"
T = TypeVar("T")


class SettingError(Exception):
    """A setting is missing or unreadable; the message names it and says what to write."""


class MissingSetting(SettingError):
    """A setting without a default was asked for and is not set."""


class InvalidSetting(SettingError):
    """A setting is set to something that cannot be read."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: name without the prefix, meaning, default or an example."""

    name: str
    meaning: str
    default: str | None = None
    example: str = ""

    @property
    def variable(self) -> str:
        return PREFIX + self.name


TABLE = (
    Setting("HOME", "folder of all local state", default=".gpubroker"),
    Setting("HOST", "address that local servers bind to", default="127.0.0.1"),
    Setting(
        "ARTIFACTS",
        "folder of downloaded servers, shared by all state folders",
        default="~/.cache/gpubroker",
    ),
    # Ports of the local stack.
    Setting("API_PORT", "port of the HTTP API and web page", default="10355"),
    Setting("MARKET_DATA_PORT", "port of the market data service", default="28060"),
    Setting("FEEDS_PORT", "port of the WebSocket feeds", default="28050"),
    Setting("FLINK_PORT", "port of the Flink web UI and REST API", default="28081"),
    Setting("FLINK_RPC_PORT", "port between Flink's JobManager and TaskManager", default="28082"),
    Setting("REGISTRY_PORT", "port of the schema registry", default="28085"),
    Setting("KAFKA_PORT", "port of the Kafka broker", default="28092"),
    Setting("KAFKA_CONTROLLER_PORT", "port of the broker's own KRaft controller", default="28093"),
    Setting("CLICKHOUSE_PORT", "port of the ClickHouse HTTP interface", default="28123"),
    Setting("REDIS_PORT", "port of Redis", default="28379"),
    # Where the servers are.
    Setting("API_URL", "the HTTP API, for clients", default="http://127.0.0.1:10355"),
    Setting("FEEDS_URL", "the WebSocket feeds, for clients", default="ws://127.0.0.1:28050"),
    Setting("KAFKA_BOOTSTRAP", "Kafka bootstrap servers", example="127.0.0.1:28092"),
    Setting(
        "REGISTRY_URL",
        "schema registry, Confluent API",
        example="http://127.0.0.1:28085/apis/ccompat/v7",
    ),
    Setting("FLINK_URL", "Flink REST API", example="http://127.0.0.1:28081"),
    Setting("CLICKHOUSE_URL", "ClickHouse HTTP interface", example="http://127.0.0.1:28123"),
    Setting("CLICKHOUSE_USER", "ClickHouse user", example="gpubroker_writer"),
    Setting("CLICKHOUSE_PASSWORD", "password of the ClickHouse user"),
    Setting("CLICKHOUSE_ANALYST_USER", "read-only ClickHouse user", example="gpubroker_analyst"),
    Setting("CLICKHOUSE_ANALYST_PASSWORD", "password of the read-only ClickHouse user"),
    Setting("REDIS_URL", "Redis", example="redis://127.0.0.1:28379/0"),
    Setting("POSTGRES_DSN", "PostgreSQL", example="postgresql://gpubroker@/gpubroker?host=/run/pg"),
    Setting("MARKET_DATA_URL", "market data service", example="http://127.0.0.1:28060"),
    # How the parts behave.
    Setting("API_WORKERS", "uvicorn processes of the API", default="1"),
    Setting("API_MAX_IN_FLIGHT", "requests at once in one process of the API", default="2000"),
    Setting(
        "OVERLOAD_TARGET_MS",
        "ms from log to fact, beyond which orders are refused while they queue up",
        default="100",
    ),
    Setting(
        "FEEDS_ORIGINS",
        "origins whose pages may listen to the feeds, with commas; empty: the API's own and those"
        " of a page under development, on loopback",
        default="",
    ),
    Setting("FEEDS_KEEP_SECONDS", "how far back feeds can be resumed, s", default="300"),
    Setting("FEEDS_MAX_CONNECTIONS", "connections to the feeds at once", default="12000"),
    Setting(
        "FEEDS_QUEUE_BYTES",
        "what may wait for one connection to the feeds to read it, before it is closed",
        default="262144",
    ),
    Setting(
        "SPOT_PRICE_STEP_BPS",
        "the most that a spot price may change in 10 s, in basis points of it",
        default="2000",
    ),
    Setting("RATE_KEY_COMMANDS", "commands a second of one API key", default="500"),
    Setting("RATE_KEY_READS", "reads a second of one API key", default="500"),
    Setting("RATE_ACCOUNT_COMMANDS", "commands a second of one account", default="1000"),
    Setting("RATE_ACCOUNT_READS", "reads a second of one account", default="1000"),
    Setting(
        "RATE_WINDOW_SECONDS",
        "seconds over which these rates hold; so many seconds' worth may come at once",
        default="10",
    ),
    Setting(
        "PLATFORM_FEE_BPS",
        "the platform's share of what a lease costs, in basis points of it, 0 to 10000",
        default="0",
    ),
    Setting(
        "AGENTS_ORIGINS",
        "web origins whose pages may call /mcp, separated by commas; programs send none",
        default="http://127.0.0.1:10355,http://localhost:10355",
    ),
    Setting("PARALLELISM", "parallel subtasks of each Flink job", default="1"),
    Setting(
        "LANES",
        "into how many lanes a machine job divides its log's partitions: no more of its subtasks"
        " work at once; with another number it starts at the beginning of its log",
        default="1",
    ),
    Setting("CHECKPOINT_INTERVAL_MS", "time between Flink checkpoints, ms", default="10000"),
    Setting("REPLICATION", "replication factor of topics", default="1"),
    Setting(
        "MAX_PARTITIONS",
        "the most partitions of a topic, below what schemas/topics.toml gives it; as many or more"
        " for a cluster, few where one small machine does all (decision 0044)",
        default="1",
    ),
    Setting("API_KEY", "API key that the command line sends", default=""),
    Setting("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR", default="INFO"),
    Setting("OUTPUT_WIDTH", "width of tables on a terminal, 0 = as wide as it is", default="0"),
)
_BY_NAME = {setting.name: setting for setting in TABLE}


def variable(name: str) -> str:
    """The environment variable of a setting; unknown names are an error, so typos do not pass."""
    return _BY_NAME[name].variable


@dataclass(frozen=True, slots=True)
class Settings:
    """A snapshot of the environment. Values are read, and complained about, when asked for."""

    values: Mapping[str, str]

    def text(self, name: str) -> str:
        """The setting's value; its default where it has one.

        Raises:
            MissingSetting: it has no default and is not set.
        """
        setting = _BY_NAME[name]
        value = self.values.get(setting.variable)
        if value is not None:
            return value
        if setting.default is not None:
            return setting.default
        example = f", for example {setting.example}" if setting.example else ""
        raise MissingSetting(f"{setting.variable} is not set: {setting.meaning}{example}")

    def number(self, name: str) -> int:
        """The setting as a whole number that is not negative."""
        return self._read(name, _whole_number, "a whole number that is not negative")

    def positive(self, name: str) -> int:
        """The setting as a whole number above 0."""
        return self._read(name, _positive_number, "a whole number above 0")

    def basis_points(self, name: str) -> int:
        """The setting as a share in basis points, at most a whole."""
        return self._read(name, _basis_points, "a whole number from 0 to 10000")

    def port(self, name: str) -> int:
        """The setting as a TCP port."""
        return self._read(name, _port, "a port from 1 to 65535")

    def words(self, name: str) -> tuple[str, ...]:
        """The setting as words separated by commas."""
        return tuple(word.strip() for word in self.text(name).split(",") if word.strip())

    def path(self, name: str) -> Path:
        """The setting as an absolute path."""
        return Path(self.text(name)).absolute()

    def _read(self, name: str, read: Callable[[str], T], rule: str) -> T:
        text = self.text(name)
        try:
            return read(text)
        except ValueError:
            raise InvalidSetting(f"{variable(name)} must be {rule}, was {text!r}") from None

    def with_values(self, **values: str) -> "Settings":
        """The same settings with some replaced, named without the prefix."""
        return Settings(
            {**self.values, **{variable(name): value for name, value in values.items()}}
        )

    def as_environment(self) -> dict[str, str]:
        """What to hand to a child process: only our own variables."""
        return {key: value for key, value in self.values.items() if key.startswith(PREFIX)}


def _whole_number(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _positive_number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _basis_points(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 10_000:
        raise ValueError(text)
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:
        raise ValueError(text)
    return number


def from_environment() -> Settings:
    """The settings of this process.

    Raises:
        InvalidSetting: a `GPUBROKER_` variable is set that no setting has; most often a typo.
    """
    values = {key: value for key, value in os.environ.items() if key.startswith(PREFIX)}
    known = {setting.variable for setting in TABLE}
    for key in sorted(values.keys() - known):
        raise InvalidSetting(f"{key} is not a setting; known are {', '.join(sorted(known))}")
    return Settings(values)


def process_environment() -> dict[str, str]:
    """The whole environment of this process, for handing on to child processes."""
    return dict(os.environ)
