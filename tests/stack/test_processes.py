"""Processes by identity."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stack import processes
from stack.processes import Identity
from stack.program import Program

# A leader that leaves a child behind, deaf to TERM, and dies at once.
ORPHANING = "trap '' TERM; sleep 300 & echo started"


@pytest.fixture
def output(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "output", os.O_WRONLY | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def shell(script: str, output: int) -> tuple[subprocess.Popen[bytes], Identity]:
    environment = {"PATH": os.defpath}
    process = processes.start(Program("p", ("sh", "-c", script), environment=environment), output)
    return process, processes.identify(process.pid)


def test_another_process_with_the_same_number_is_not_the_one_that_was_seen(output: int) -> None:
    process, identity = shell("sleep 300", output)
    assert identity.find() is not None
    assert Identity(identity.pid, f"{identity.born}1").find() is None
    processes.end([identity], 5)
    process.wait()
    assert identity.find() is None


def test_a_name_that_is_no_text_hides_nobody(output: int) -> None:
    """Linux keeps 15 bytes of a name, and may cut a letter in two."""
    script = "printf 'sleep-xxxxxxxx\\303' > /proc/self/comm; sleep 300; :"
    process, identity = shell(script, output)
    time.sleep(0.2)
    assert identity.find() is not None
    processes.end([identity], 5)
    process.wait()


def test_a_session_of_a_number_that_was_given_away_is_not_touched(output: int) -> None:
    """After a restart of the machine, a number in an old state file may be anybody's."""
    process, identity = shell("sleep 300", output)
    assert processes.family(Identity(identity.pid, f"{identity.born}1")) == []
    tick = identity.born.rpartition("/")[2]
    assert processes.family(Identity(identity.pid, f"another boot/{tick}")) == []
    processes.end([identity], 5)
    process.wait()


@pytest.mark.parametrize("moved_seconds", [3600, -3600])
def test_a_clock_that_is_set_makes_nobody_another(
    output: int, monkeypatch: pytest.MonkeyPatch, moved_seconds: int
) -> None:
    """Linux tells the time of its boot by the clock, so it moves with it."""
    process, identity = shell("sleep 300", output)
    boot = psutil.boot_time() + moved_seconds
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot)
    assert abs(psutil.Process(process.pid).create_time() - time.time()) > 3000
    assert identity.find() is not None
    assert process.pid in {each.pid for each in processes.family(identity)}
    processes.end([identity], 5)
    assert process.wait() == -signal.SIGTERM


def test_a_program_waits_for_its_turn(output: int) -> None:
    program = Program("p", ("sleep", "300"), environment={"PATH": os.defpath})
    process = processes.start(program, output)
    identity = processes.identify(process.pid)
    policy = os.sched_getscheduler(process.pid)
    processes.end([identity], 5)
    process.wait()
    assert policy == os.SCHED_BATCH


def test_a_program_gives_way_with_its_whole_session(output: int) -> None:
    autogroup = Path("/proc/self/autogroup")
    if not autogroup.exists():
        pytest.skip("this kernel has no autogroups")
    program = Program("p", ("sleep", "300"), environment={"PATH": os.defpath}, niceness=5)
    process = processes.start(program, output)
    identity = processes.identify(process.pid)
    told = Path(f"/proc/{process.pid}/autogroup").read_text()
    processes.end([identity], 5)
    process.wait()
    assert told.split()[-2:] == ["nice", "5"]


def test_what_a_dead_leader_left_behind_is_found_and_ended(output: int) -> None:
    process, identity = shell(ORPHANING, output)
    process.wait(5)
    assert len(processes.family(identity)) == 1
    processes.end([identity], 0.2)
    assert processes.family(identity) == []


def test_the_whole_group_gets_the_stop_signal(output: int) -> None:
    process, identity = shell("sleep 300 & sleep 300", output)
    deadline = time.monotonic() + 5
    while len(processes.family(identity)) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    processes.ask_to_end(identity, Program("p", ()).stop_signal)
    process.wait(5)
    while processes.family(identity) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert processes.family(identity) == []
