"""Where the local servers are: their addresses as settings, and the file that tells them."""

import json
import secrets
from pathlib import Path

from schemas.settings import Settings
from stack import clickhouse, files, flink, postgres, registry
from stack.program import StackError


def with_addresses(settings: Settings) -> Settings:
    """The settings with the addresses of the local servers, and passwords made at first use."""
    home, host = settings.path("HOME"), settings.text("HOST")
    writer, analyst = _passwords(home)
    return settings.with_values(
        HOME=str(home),
        FEEDS_URL=f"ws://{host}:{settings.port('FEEDS_PORT')}",
        API_URL=f"http://{host}:{settings.port('API_PORT')}",
        KAFKA_BOOTSTRAP=f"{host}:{settings.port('KAFKA_PORT')}",
        REGISTRY_URL=registry.url(settings),
        FLINK_URL=flink.url(settings),
        CLICKHOUSE_URL=clickhouse.url(settings),
        CLICKHOUSE_USER=clickhouse.WRITER,
        CLICKHOUSE_PASSWORD=writer,
        CLICKHOUSE_ANALYST_USER=clickhouse.ANALYST,
        CLICKHOUSE_ANALYST_PASSWORD=analyst,
        REDIS_URL=f"redis://{host}:{settings.port('REDIS_PORT')}/0",
        POSTGRES_DSN=postgres.dsn(settings),
        MARKET_DATA_URL=f"http://{host}:{settings.port('MARKET_DATA_PORT')}",
    )


def environment_path(settings: Settings) -> Path:
    """The file that says where everything is, one `NAME=value` a line, for its owner alone."""
    return settings.path("HOME") / "environment"


def write_environment(settings: Settings) -> None:
    """Writes that file."""
    lines = [f"{name}={value}" for name, value in sorted(settings.as_environment().items())]
    _write_private(environment_path(settings), "\n".join([*lines, ""]))


def read_environment(home: Path) -> Settings:
    """The settings of the stack whose state folder this is; it must have been up before."""
    path = home / "environment"
    if not path.exists():
        raise StackError(f"{path} does not exist: the stack was never up here")
    lines = path.read_text().splitlines()
    if wrong := next((line for line in lines if "=" not in line), None):
        raise StackError(
            f"{path} cannot be read: {wrong[:40]!r} is not NAME=value; the next `up` of a market "
            "that is down writes it anew"
        )
    return Settings(dict(line.split("=", 1) for line in lines))


def _passwords(home: Path) -> tuple[str, str]:
    path = home / "clickhouse-passwords.json"
    if not path.exists():
        made = {"writer": secrets.token_urlsafe(24), "analyst": secrets.token_urlsafe(24)}
        _write_private(path, json.dumps(made))
    try:
        passwords = json.loads(path.read_text())
        return passwords["writer"], passwords["analyst"]
    except (ValueError, TypeError, KeyError) as error:
        raise StackError(
            f"{path} cannot be read ({error}); remove it, and the next start makes new passwords"
        ) from None


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    files.replace(path, text, 0o600)
