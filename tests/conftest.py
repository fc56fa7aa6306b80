"""What all tests share: no sockets unless a test asks, and one stack for those that do."""

import logging
import os
from collections.abc import Generator, Iterator

import pytest
import pytest_socket
from typer.testing import CliRunner

from cli.__main__ import app
from cli.session import Session
from schemas.settings import Settings
from tests.stack_fixture import own_home, real_stack

for _client in ("httpx", "httpx2"):
    logging.getLogger(_client).setLevel(logging.WARNING)
"""They tell each request, and a failure would be reported with all of them."""


PARTITIONS = "3"
"""Of a topic, for with one nothing can be seen of two that overtake each other."""
UNCOVERED = ("tests/sim/", "tests/fuzz/", "tests/bench/", "tests/udfs/test_explain.py")
"""Tests that go the same ways thousands of times, which other tests have covered."""


SLOW = (
    "tests/sim/",
    "tests/fuzz/",
    "tests/bench/",
    "tests/api/test_openapi.py",
    "tests/api/test_kpis_in_clickhouse.py",
    "tests/stack/test_supervisor.py",
)
"""Tests that need no server but minutes: searches, benches, ClickHouse's engine, processes."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what is told apart by its place: what is slow, and where lines are not counted."""
    if item.nodeid.startswith(UNCOVERED):
        item.add_marker(pytest.mark.no_cover)
    if item.nodeid.startswith(SLOW):
        item.add_marker(pytest.mark.slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Cut unit tests off the network; Unix sockets stay, asyncio's loop is made of them."""
    if not any(map(item.get_closest_marker, ("stack", "browser"))):
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.enable_socket()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where CI runs, a skipped test counts as red: say so."""
    if os.environ.get("CI") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("skipped tests count as failed in CI", red=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what a failed test's market looked like: it is gone when someone reads of the failure."""
    report = yield
    market = getattr(item, "funcargs", {}).get("market")
    if report.failed and isinstance(market, Settings):
        looked = CliRunner().invoke(app, ["doctor"], obj=Session(market))
        report.sections.append(("the market, as doctor saw it", looked.output))
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where CI runs, a skipped test counts as red: fail the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if (
        os.environ.get("CI")
        and reporter
        and reporter.stats.get("skipped")
        and not session.exitstatus
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def market() -> Iterator[Settings]:
    """A whole running market of the tests' own: its settings, all addresses filled in."""
    with own_home() as home, real_stack(home, MAX_PARTITIONS=PARTITIONS) as settings:
        yield settings
