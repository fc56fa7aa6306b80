"""A command line whose market is a function: what the API would answer, and what it was asked."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.session import Session
from schemas.settings import Settings

CREDENTIALS = {
    "url": "http://market.test",
    "admin": "key-of-admin",
    "provider": "key-of-provider",
    "consumer": "key-of-consumer",
    "clickhouse": {
        "url": "http://clickhouse.test",
        "writer": {"user": "w", "password": "wp"},
        "analyst": {"user": "a", "password": "ap"},
    },
}


@dataclass
class Fake:
    """Answers by method and path; keeps every request."""

    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        found = self.answers[request.method, request.url.path]
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    @property
    def last(self) -> httpx.Request:
        return self.requests[-1]

    @property
    def body(self) -> Any:
        return json.loads(self.last.content)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "credentials.json").write_text(json.dumps(CREDENTIALS))
    return tmp_path


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def run(home: Path, fake: Fake) -> Run:
    """Runs `gpubroker` with these arguments against the fake market."""

    def invoke(*arguments: str, **values: str) -> Ended:
        settings = Settings({}).with_values(HOME=str(home), **values)
        session = Session(settings, httpx.MockTransport(fake))
        result = CliRunner().invoke(app, list(arguments), obj=session)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)

    return invoke
