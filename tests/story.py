"""What tells a story: commands that are run, and answers that are waited for."""

import json
import time
from collections.abc import Callable
from typing import Any

from typer.testing import CliRunner

from cli.__main__ import app
from cli.session import Session
from schemas.settings import Settings

SECONDS = 20.0

Run = Callable[..., Any]


def runner(market: Settings) -> Run:
    """Runs `gpubroker … --json` on this market and answers what it printed."""

    def invoke(*arguments: str) -> Any:
        result = CliRunner().invoke(app, [*arguments, "--json"], obj=Session(market))
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return invoke


def eventually(look: Callable[[], Any], what: str = "it", seconds: float = SECONDS) -> Any:
    """The first answer that is not empty, looked for until a deadline."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not come in time"
        time.sleep(0.1)
    return found
