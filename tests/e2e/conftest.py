"""What user stories share: the command line on a running market, and capacity to buy."""

from collections.abc import Iterator
from typing import Any

import pytest

from schemas.settings import Settings
from tests.story import Run, runner


@pytest.fixture
def run(market: Settings) -> Run:
    return runner(market)


@pytest.fixture
def region() -> str:
    return "eu-central-1"


@pytest.fixture
def listed_ask(run: Run, region: str) -> Iterator[dict[str, Any]]:
    """An ask of the demo provider for 4 of 8 GPUs of a new node, gone when the story is told."""
    provider_id = run("provider", "show")["id"]
    run("provider", "verify", provider_id)
    cluster = run("cluster", "create", "story", "--region", region)["cluster_id"]
    run(
        *("node", "register", cluster, "--hostname", "story", "--ip", "10.1.2.3"),
        *("--gpu", "B200", "--count", "8", "--vram", "180"),
    )
    ask: dict[str, Any] = run(
        *("order", "place", "ask", "B200", "--quantity", "4", "--price", "2.40"),
        *("--duration", "7d", "--region", region),
    )
    assert ask["book_seq"] is not None
    yield ask
    if run("order", "show", ask["id"], "--as", "provider")["status"] in ("pending", "partial"):
        run("order", "cancel", ask["id"], "--as", "provider")
