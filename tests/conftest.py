"""What all tests share: no sockets unless a test asks, and one stack for those that do."""

import os

import pytest
import pytest_socket


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Cut unit tests off the network; Unix sockets stay, asyncio's loop is made of them."""
    if item.get_closest_marker("stack") is None:
        pytest_socket.disable_socket(allow_unix_socket=True)
    else:
        pytest_socket.enable_socket()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where CI runs, a skipped test counts as red: say so."""
    if os.environ.get("CI") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("skipped tests count as failed in CI", red=True)


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
