"""How a browser is driven: Chromium, a market in memory to look at, a page that is watched."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request

from tests.browser import chromium

ROOT: Final = Path(__file__).resolve().parents[2]
SCREENSHOTS: Final = Path(__file__).parent / "screenshots"
PATIENCE_SECONDS: Final = 15.0
SIZE: Final = {"width": 1440, "height": 900}
AXE: Final = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


def launched(playwright: Playwright) -> Browser:
    """Chromium, as the tests use it: as root it cannot have its own sandbox."""
    path = chromium.found()
    assert path is not None, "Chromium is not installed"
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    return playwright.chromium.launch(executable_path=path, args=arguments)


@dataclass(frozen=True)
class Served:
    """A market that serves its page, and a key of each kind of caller."""

    url: str
    keys: dict[str, str]


@contextmanager
def market_in_memory(api_port: int, feeds_port: int, *options: str) -> Iterator[Served]:
    """A market of its own in memory (tests/browser/market.py), gone when the block ends."""
    ports = ("--api-port", str(api_port), "--feeds-port", str(feeds_port))
    command = [sys.executable, "-m", "tests.browser.market", *ports, *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told: dict[str, str] = json.loads(process.stdout.readline())
            yield Served(told.pop("url"), told)
        finally:
            process.terminate()
            process.wait(10)


@dataclass
class Watched:
    """A page and what went wrong on it: errors, broken policy, requests to anybody else."""

    page: Page
    hosts: frozenset[str]
    trouble: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", self._asked)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc not in self.hosts:
            self.trouble.append(f"asked {request.url}")


def opened(browser: Browser, served: Served, **options: Any) -> Watched:
    """An empty page of a new visitor."""
    context = browser.new_context(**{"viewport": SIZE, "locale": "en-GB", **options})
    context.set_default_timeout(15_000)
    watched = Watched(context.new_page(), frozenset({urlsplit(served.url).netloc}))
    watched.watch()
    return watched


def sign_in(page: Page, served: Served, role: str) -> None:
    """Sign in as people do, by typing the key."""
    page.goto(f"{served.url}/login")
    page.get_by_label("API key").fill(served.keys[role])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: not url.endswith("/login"))


def await_usable(page: Page) -> None:
    """Return once the view says that it can be used, and its feeds are live."""
    await_view(page)
    page.wait_for_selector("[data-feed=live]")


def await_view(page: Page) -> None:
    """Return once the view says that it can be used.

    It is asked again and again from here: Playwright's own way evaluates text in the page, which
    the page's policy forbids.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate("() => performance.getEntriesByName('usable').length"):
        assert time.monotonic() < deadline, "the view is not usable"
        page.wait_for_timeout(20)


def axe_violations(page: Page) -> list[str]:
    """What axe-core has against the page as it is now, one line each."""
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    )
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


def snap(page: Page, name: str) -> None:
    """Keep a picture for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
