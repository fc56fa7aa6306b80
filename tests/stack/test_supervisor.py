"""The supervisor with small programs instead of servers."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import stack
from schemas.settings import Settings
from stack import processes, state
from stack.program import Program
from stack.state import ProgramState, StackState
from stack.supervisor import Supervisor, telling_lines

ENVIRONMENT = {"PATH": os.defpath}


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The supervisor takes the process's signals; give them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def shell(name: str, script: str, **fields: object) -> Program:
    return Program(name, ("sh", "-c", script), environment=ENVIRONMENT, **fields)  # type: ignore[arg-type]


def supervise(home: Path, *programs: Program) -> StackState:
    """Runs a plan to its end; what was told last."""
    settings = Settings({}).with_values(HOME=str(home))
    Supervisor(settings, programs).run()
    told = state.read(home)
    assert told is not None
    return told


def stop_when_running(home: Path, then: Callable[[], None] = lambda: None) -> None:
    """Asks this process to stop, as `down` would, once all is ready and something was done."""

    def act() -> None:
        await_state(home, lambda told: told.state == state.RUNNING)
        then()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=act, daemon=True).start()


def await_state(home: Path, wanted: Callable[[StackState], bool]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told = state.read(home)
        if told and wanted(told):
            return
        time.sleep(0.02)


def diary(home: Path, name: str, *needs: str) -> Program:
    """A program that writes down when it starts and when it is asked to end."""
    script = (
        f"trap 'echo -{name} >> order; exit' TERM; echo {name} >> order; touch {name};"
        " while :; do sleep 0.02; done"
    )
    return shell(name, script, needs=needs, folder=home, ready=(home / name).exists)


def test_programs_start_after_what_they_need_and_end_before_it(tmp_path: Path) -> None:
    once = shell("once", "sleep 0.3; echo once >> order", needs=("a",), folder=tmp_path, once=True)
    stop_when_running(tmp_path)
    told = supervise(tmp_path, diary(tmp_path, "b", "once"), once, diary(tmp_path, "a"))
    assert (tmp_path / "order").read_text().split() == ["a", "once", "b", "-b", "-a"]
    assert told.state == state.DOWN
    assert {program.state for program in told.programs} == {state.DOWN}


def test_a_program_that_fails_is_quoted_and_all_others_end(tmp_path: Path) -> None:
    good = shell("good", "sleep 300")
    bad = shell("bad", "echo starting; echo 'FATAL: no room'; exit 3", needs=("good",), once=True)
    told = supervise(tmp_path, good, bad)
    assert told.state == state.FAILED
    assert "bad ended with exit code 3" in told.message
    assert "FATAL: no room" in told.message
    assert all(not processes.family(each) for each in state.left(told)[1:])


def test_a_program_that_never_becomes_ready_is_given_up(tmp_path: Path) -> None:
    program = shell("slow", "sleep 300", ready=lambda: False, start_seconds=0.3)
    assert "slow was not ready within 0 s" in supervise(tmp_path, program).message


def test_a_program_that_cannot_be_prepared_or_started_is_named(tmp_path: Path) -> None:
    def refuse() -> None:
        raise stack.StackError("disk is full")

    told = supervise(tmp_path, shell("p", "true", prepare=refuse))
    assert "p could not be prepared: disk is full" in told.message
    told = supervise(tmp_path, Program("q", ("/no/such/program",)))
    assert "q could not be started" in told.message


def test_a_program_that_dies_later_is_told_as_failed(tmp_path: Path) -> None:
    script = "while [ ! -e die ]; do sleep 0.02; done; kill -9 $$"

    def let_it_die() -> None:
        (tmp_path / "die").touch()
        await_state(tmp_path, lambda told: told.programs[0].state == state.FAILED)

    stop_when_running(tmp_path, let_it_die)
    told = supervise(tmp_path, shell("dying", script, folder=tmp_path))
    assert told.state == state.DOWN
    (dying,) = told.programs
    assert (dying.state, dying.message) == (state.FAILED, "was ended by SIGKILL")


def test_the_first_trouble_is_what_a_log_is_quoted_from() -> None:
    lines = ["up", "java.net.BindException: in use", *(f"  at {n}" for n in range(30))]
    assert telling_lines(lines)[0] == "java.net.BindException: in use"
    assert len(telling_lines(lines)) == 15
    assert telling_lines(["a", "b"]) == ["a", "b"]
    assert telling_lines([]) == ["(nothing was logged)"]


def test_status_does_not_believe_what_a_dead_supervisor_told(tmp_path: Path) -> None:
    settings = Settings({}).with_values(HOME=str(tmp_path))
    assert stack.status(settings) == []
    gone = ProgramState("kafka", state.READY, 28092, pid=2**22 + 1, born=1.0)
    me = processes.identify(os.getpid())
    orphan = ProgramState("redis", state.READY, 28379, me.pid, me.born)
    state.write(tmp_path, StackState(state.RUNNING, 2**22 + 1, 1.0, programs=[gone, orphan]))
    kafka, redis = stack.status(settings)
    assert (kafka.state, kafka.pid, kafka.memory_bytes) == (state.DOWN, None, 0)
    assert (redis.state, redis.pid) == ("orphan", me.pid)
    assert redis.memory_bytes > 1 << 20
