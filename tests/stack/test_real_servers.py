"""The servers themselves: what `up`, `status` and `down` promise, on real processes."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

import stack
from schemas.settings import Settings, from_environment
from stack import disk, processes, state
from tests.stack_fixture import real_stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]


def quiet(line: str) -> None:
    pass


def belongs_to(home: Path) -> list[psutil.Process]:
    """Every process whose command line names the state folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(home) in part for part in process.info["cmdline"] or ())
    ]


def test_all_servers_come_up_are_told_of_and_leave_no_process(tmp_path: Path) -> None:
    with real_stack(tmp_path, "servers") as settings:
        rows = stack.status(settings)
        assert {row.name: row.state for row in rows} == dict.fromkeys(
            (row.name for row in rows), state.READY
        )
        assert len(rows) == 7
        assert all(row.memory_bytes > 1 << 20 and row.uptime_seconds > 0 for row in rows)
        assert sum(row.memory_bytes for row in rows) < 4 << 30
        overview = httpx.get(f"{settings.text('FLINK_URL')}/overview").json()
        assert overview["slots-available"] == 8
        identities = state.left(state.read(tmp_path))
        assert all(processes.family(each) for each in identities)
    assert not any(processes.family(each) for each in identities)
    assert belongs_to(tmp_path) == []
    assert {row.state for row in stack.status(settings)} == {state.DOWN}


def test_a_second_up_says_so_and_a_wider_one_is_refused(tmp_path: Path) -> None:
    said: list[str] = []
    with real_stack(tmp_path, ["redis"]) as settings:
        pids = [row.pid for row in stack.status(settings)]
        stack.up(settings, ["redis"], said.append)
        assert said[0] == "already running"
        assert [row.pid for row in stack.status(settings)] == pids
        with pytest.raises(stack.StackError, match="the stack runs without kafka"):
            stack.up(settings, ["kafka"], quiet)


def test_a_server_that_died_is_started_again_and_told_by_status(tmp_path: Path) -> None:
    with real_stack(tmp_path, ["redis", "postgres"]) as settings:
        before = stack.status(settings)
        pid = before[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while stack.status(settings)[0].pid in (pid, None) and time.monotonic() < deadline:
            time.sleep(0.05)
        stack.up(settings, ["redis", "postgres"], quiet)
        redis, postgres = stack.status(settings)
        assert (redis.state, redis.restarts) == (state.READY, 1)
        assert redis.message == "was ended by SIGKILL"
        assert (postgres.state, postgres.pid) == (state.READY, before[1].pid)


def test_a_port_that_was_taken_meanwhile_is_named_until_it_is_free(tmp_path: Path) -> None:
    with real_stack(tmp_path, ["redis"]) as settings:
        port = settings.port("REDIS_PORT")
        os.kill(stack.status(settings)[0].pid or 0, signal.SIGKILL)
        with _taken(port):
            deadline = time.monotonic() + 20
            while "is taken by" not in stack.status(settings)[0].message:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            row = stack.status(settings)[0]
            assert row.state == state.RESTARTING
            assert f"port {port} of redis is taken by process {os.getpid()} (" in row.message
        stack.up(settings, ["redis"], quiet)
        assert stack.status(settings)[0].state == state.READY


@contextmanager
def _taken(port: int) -> Iterator[None]:
    """Holds a port as soon as it is free."""
    while True:
        with suppress(OSError):
            held = socket.create_server(("127.0.0.1", port))
            break
    with held:
        yield


def leave_without_supervisor(settings: Settings) -> dict[str, int | None]:
    """Kills the supervisor; answers the processes that it leaves."""
    told = state.read(settings.path("HOME"))
    assert told is not None
    os.kill(told.pid, signal.SIGKILL)
    while told.supervisor.find():
        time.sleep(0.01)
    assert {row.state for row in stack.status(settings)} == {"orphan"}
    return {row.name: row.pid for row in stack.status(settings)}


def test_what_a_killed_supervisor_left_is_taken_over_by_the_next_up(tmp_path: Path) -> None:
    with real_stack(tmp_path, ["redis", "postgres"]) as settings:
        left = leave_without_supervisor(settings)
        stack.up(settings, ["redis", "postgres"], quiet)
        assert {row.name: row.pid for row in stack.status(settings)} == left
        assert {row.state for row in stack.status(settings)} == {state.READY}
    assert belongs_to(tmp_path) == []


def test_what_runs_with_other_settings_is_ended_by_the_next_up(tmp_path: Path) -> None:
    with real_stack(tmp_path, ["redis", "postgres"]) as settings:
        before = leave_without_supervisor(settings)
        stack.up(settings.with_values(LOG_LEVEL="DEBUG"), ["redis", "postgres"], quiet)
        after = {row.name: row.pid for row in stack.status(settings)}
        assert not set(before.values()) & set(after.values())
        assert not [pid for pid in before.values() if pid and _runs(pid)]


def test_down_ends_what_a_killed_supervisor_left(tmp_path: Path) -> None:
    with real_stack(tmp_path, ["redis", "postgres"]) as settings:
        before = leave_without_supervisor(settings)
        stack.down(settings, quiet)
        assert not [pid for pid in before.values() if pid and _runs(pid)]


def test_two_ups_at_once_start_one_stack(tmp_path: Path) -> None:
    settings = stack.on_free_ports(from_environment(), tmp_path)
    said: list[str] = []
    try:
        with ThreadPoolExecutor() as threads:
            ups = [threads.submit(stack.up, settings, ["redis"], said.append) for _ in range(2)]
            assert len({up.result().text("REDIS_URL") for up in ups}) == 1
        assert "already running" in said
        title = f"redis-server 127.0.0.1:{settings.port('REDIS_PORT')}"
        titles = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
        assert len([each for each in titles if title in each]) == 1
    finally:
        stack.down(settings, quiet)


def test_a_full_disk_is_named_and_nothing_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "LEAST_FREE_BYTES", 1 << 60)
    settings = stack.on_free_ports(from_environment(), tmp_path)
    with pytest.raises(stack.StackError, match=f"the disk of {tmp_path} is full"):
        stack.up(settings, ["redis"], quiet)
    assert stack.status(settings) == []


def test_a_taken_port_is_named_with_its_owner_and_nothing_starts(tmp_path: Path) -> None:
    settings = stack.on_free_ports(from_environment(), tmp_path)
    with socket.create_server(("127.0.0.1", settings.port("REDIS_PORT"))):
        with pytest.raises(stack.PortTaken) as refused:
            stack.up(settings, ["redis"], quiet)
        port = settings.port("REDIS_PORT")
        assert f"port {port} of redis is taken by process {os.getpid()} (" in str(refused.value)
    assert stack.status(settings) == []


def test_a_server_that_cannot_start_is_quoted_and_leaves_nothing(tmp_path: Path) -> None:
    settings = stack.on_free_ports(from_environment(), tmp_path)
    (tmp_path / "redis" / "appendonly.aof").mkdir(parents=True)
    with pytest.raises(
        stack.NotStarted, match=r"(?s)redis ended with exit code 1.*Can't open the append-only"
    ):
        stack.up(settings, ["redis", "postgres"], quiet)
    assert belongs_to(tmp_path) == []


def test_where_everything_is_is_told_to_the_owner_alone(tmp_path: Path) -> None:
    with real_stack(tmp_path, ["redis"]) as settings:
        path = stack.environment_path(settings)
        assert path.stat().st_mode & 0o777 == 0o600
        assert stack.read_environment(tmp_path).as_environment() == settings.as_environment()
        assert any("Ready to accept connections" in line for line in stack.logs(settings, "redis"))
        with pytest.raises(stack.StackError, match="no log of 'nope'; there are logs of redis"):
            list(stack.logs(settings, "nope"))


def _runs(pid: int) -> bool:
    """Whether a process lives; one that ended may wait for an init that is slow to collect it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
