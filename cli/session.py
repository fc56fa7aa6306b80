"""What every command starts from: the settings, the market's keys, and clients made of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx

from cli.client import START_ONE, Client
from cli.errors import Unreachable
from schemas import settings
from schemas.settings import Settings

Role = Literal["admin", "provider", "consumer"]
CREDENTIALS = "credentials.json"


@dataclass(frozen=True, slots=True)
class User:
    """A ClickHouse user."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What `up` left for us: addresses and first keys."""

    url: str
    keys: dict[str, str]
    clickhouse_url: str
    analyst: User


@dataclass(frozen=True, slots=True)
class Session:
    """Settings, and the transport that tests put in place of the network."""

    settings: Settings
    transport: httpx.BaseTransport | None = None

    def client(self, wanted: Role | None, default: Role) -> Client:
        """A client with the key of the role that was wanted.

        Without a wish it is GPUBROKER_API_KEY where that is set, else the default role's key.

        Raises:
            Unreachable: there is no such key.
        """
        return Client(self.url(), self.key(wanted, default), self.transport)

    def key(self, wanted: Role | None, default: Role) -> str:
        """The key to send; see `client`."""
        own = self.settings.text("API_KEY")
        if own and wanted is None:
            return own
        role = wanted or default
        key = self.credentials().keys.get(role)
        if not key:
            raise Unreachable(f"{self._file()} holds no key of role {role}")
        return key

    def url(self) -> str:
        """Where the API is: as the settings say, else where `up` put it."""
        if settings.variable("API_URL") in self.settings.values or not self._file().exists():
            return self.settings.text("API_URL")
        return self.credentials().url

    def credentials(self) -> Credentials:
        """The keys in the state folder.

        Raises:
            Unreachable: no market was ever started here, or the file cannot be read.
        """
        try:
            return _read(json.loads(self._file().read_text()))
        except FileNotFoundError:
            raise Unreachable(
                f"no market is running here ({self._file()} is not there); {START_ONE},"
                " or set GPUBROKER_API_URL and GPUBROKER_API_KEY"
            ) from None
        except OSError as error:
            raise Unreachable(f"{self._file()} cannot be read: {error.strerror}") from None
        except (ValueError, TypeError, KeyError) as error:
            raise Unreachable(
                f"{self._file()} cannot be read ({error!r}); `gpubroker down` and `gpubroker up` "
                "make new keys"
            ) from None

    def _file(self) -> Path:
        return self.settings.path("HOME") / CREDENTIALS


def _read(found: dict[str, Any]) -> Credentials:
    clickhouse = found["clickhouse"]
    analyst = clickhouse["analyst"]
    return Credentials(
        url=found["url"],
        keys={role: found[role] for role in ("admin", "provider", "consumer") if role in found},
        clickhouse_url=clickhouse["url"],
        analyst=User(analyst["user"], analyst["password"]),
    )
