"""Tests of the page in Chromium. Without Chromium they are left out, and that is said loudly.

Playwright runs an event loop in this thread until it is stopped, in which nobody else could run
one: so each module of tests has a browser of its own.
"""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from stack import page as build
from tests.browser import chromium
from tests.browser.driving import Served, Watched, launched, market_in_memory, opened

API_PORT, FEEDS_PORT = 28114, 28115
LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what nobody can run here."""
    if chromium.found() is not None:
        return
    out = [item for item in items if item.get_closest_marker("browser")]
    config.stash[LEFT_OUT] = len(out)
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so where everybody looks."""
    if left_out := terminalreporter.config.stash.get(LEFT_OUT, 0):
        words = f"{left_out} BROWSER TESTS WERE NOT RUN: Chromium is not installed"
        terminalreporter.write_line(words, red=True, bold=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where CI runs, what was left out counts as red, as a skipped test does."""
    if os.environ.get("CI") and session.config.stash.get(LEFT_OUT, 0):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, to look at a page that is built from the sources as they are."""
    assert build.is_built(build.FRONTEND, build.digest_of(build.FRONTEND)), "run `make frontend`"
    with sync_playwright() as playwright:
        browser = launched(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A market in memory with three clusters, trades, and a present."""
    with market_in_memory(API_PORT, FEEDS_PORT) as served:
        yield served


@pytest.fixture
def watched(browser: Browser, served: Served) -> Iterator[Watched]:
    """A new visitor of the market in memory; nothing may go wrong on the page."""
    watched = opened(browser, served)
    yield watched
    watched.page.context.close()
    assert watched.trouble == []
