"""The supervisor with small programs instead of servers."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import IncompleteRead
from pathlib import Path

import pytest

import stack
from schemas.settings import Settings
from stack import child, disk, processes, state, supervisor
from stack.processes import Identity
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


def supervise(home: Path, *programs: Program, left: StackState | None = None) -> StackState:
    """Runs a plan to its end; what was told last."""
    settings = Settings({}).with_values(HOME=str(home))
    Supervisor(settings, programs, left).run()
    told = state.read(home)
    assert told is not None
    return told


def stop_when_running(home: Path, then: Callable[[], None] = lambda: None) -> None:
    """Asks this process to stop, as `down` would, once all is ready and something was done."""

    def act() -> None:
        try:
            await_state(home, lambda told: told.state == state.RUNNING and told.pid == os.getpid())
            then()
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=act, daemon=True).start()


def await_state(home: Path, wanted: Callable[[StackState], bool]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        told = state.read(home)
        if told and wanted(told):
            return
        time.sleep(0.02)
    raise AssertionError(f"it never came to that: {state.read(home)}")


def diary(home: Path, name: str, *needs: str, end_seconds: float = 0.0) -> Program:
    """A program that writes down when it starts and when it ends, so long after it was asked to."""
    script = (
        f"trap 'sleep {end_seconds}; echo -{name} >> order; exit' TERM;"
        f" echo {name} >> order; touch {name};"
        " while :; do sleep 0.02; done"
    )
    return shell(name, script, needs=needs, folder=home, ready=(home / name).exists)


def test_programs_start_after_what_they_need_and_end_before_it(tmp_path: Path) -> None:
    once = shell("once", "sleep 0.3; echo once >> order", needs=("a",), folder=tmp_path, once=True)
    stop_when_running(tmp_path)
    told = supervise(
        tmp_path, diary(tmp_path, "b", "once", end_seconds=0.3), once, diary(tmp_path, "a")
    )
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


def test_a_probe_that_raises_saw_nothing_and_is_asked_again(tmp_path: Path) -> None:
    """An answer that is cut off, no memory for a question: nothing that ends the supervisor."""
    seen = iter([IncompleteRead(b"half"), MemoryError(), None])

    def probe() -> bool:
        if error := next(seen):
            raise error
        return True

    stop_when_running(tmp_path)
    told = supervise(tmp_path, shell("a", "sleep 300", ready=probe))
    assert (told.state, told.message) == (state.DOWN, "")


def test_a_program_that_cannot_be_prepared_or_started_is_named(tmp_path: Path) -> None:
    def refuse() -> None:
        raise stack.StackError("disk is full")

    told = supervise(tmp_path, shell("p", "true", prepare=refuse))
    assert "p could not be prepared: disk is full" in told.message
    told = supervise(tmp_path, Program("q", ("/no/such/program",)))
    assert "q could not be started" in told.message


def mortal(home: Path, name: str, **fields: object) -> Program:
    """A program that counts its starts and dies when it finds `NAME-dies`, which it takes away."""
    wait = f"while ! rm {name}-dies 2>/dev/null; do sleep 0.02; done"
    script = f"echo {name} >> starts; {wait}; kill -9 $$"
    return shell(name, script, folder=home, **fields)


def starts(home: Path) -> list[str]:
    return (home / "starts").read_text().split()


def test_a_program_that_dies_is_started_again_and_what_needs_it_is_left_alone(
    tmp_path: Path,
) -> None:
    def let_it_die() -> None:
        (tmp_path / "a-dies").touch()
        await_state(tmp_path, lambda told: told.programs[0].restarts == 1)
        told = state.read(tmp_path)
        assert told
        assert told.programs[0].message == "was ended by SIGKILL"
        await_state(tmp_path, lambda told: all(program.is_up for program in told.programs))

    stop_when_running(tmp_path, let_it_die)
    told = supervise(tmp_path, mortal(tmp_path, "a"), mortal(tmp_path, "b", needs=("a",)))
    assert starts(tmp_path) == ["a", "b", "a"]
    assert [program.restarts for program in told.programs] == [1, 0]


def test_what_is_bound_to_a_program_starts_anew_with_it(tmp_path: Path) -> None:
    def let_it_die() -> None:
        (tmp_path / "a-dies").touch()
        await_state(tmp_path, lambda told: all(p.restarts == 1 and p.is_up for p in told.programs))

    stop_when_running(tmp_path, let_it_die)
    worker = mortal(tmp_path, "b", needs=("a",), bound_to=("a",))
    once = shell(
        "once",
        "echo once >> starts",
        folder=tmp_path,
        needs=("b",),
        bound_to=("a",),
        once=True,
    )
    told = supervise(tmp_path, mortal(tmp_path, "a"), worker, once)
    assert starts(tmp_path) == ["a", "b", "once"] * 2
    assert told.programs[1].message == "starts anew with a"


def test_children_of_a_program_that_died_do_not_live_beside_the_new_ones(tmp_path: Path) -> None:
    script = "sleep 300 & echo $! >> children; while ! rm die; do sleep 0.02; done; kill -9 $$"

    def first_child() -> Identity:
        while not (tmp_path / "children").exists():
            time.sleep(0.02)
        return processes.identify(int((tmp_path / "children").read_text().split()[0]))

    def let_it_die() -> None:
        child = first_child()
        (tmp_path / "die").touch()
        await_state(tmp_path, lambda told: told.programs[0].restarts == 1)
        await_state(tmp_path, lambda told: told.programs[0].is_up)
        assert not child.find()

    stop_when_running(tmp_path, let_it_die)
    supervise(tmp_path, shell("parent", script, folder=tmp_path))


def test_what_fails_while_it_is_healed_says_why_and_is_tried_again(tmp_path: Path) -> None:
    def let_it_die() -> None:
        (tmp_path / "refuse").touch()
        (tmp_path / "a-dies").touch()
        await_state(tmp_path, lambda told: "refused: no room" in told.programs[1].message)
        (tmp_path / "refuse").unlink()
        await_state(tmp_path, lambda told: all(program.is_up for program in told.programs))

    stop_when_running(tmp_path, let_it_die)
    script = "[ ! -e refuse ] || { echo refused: no room; exit 1; }"
    once = shell("once", script, folder=tmp_path, needs=("a",), bound_to=("a",), once=True)
    told = supervise(tmp_path, mortal(tmp_path, "a"), once)
    assert told.programs[1].restarts >= 2


def test_waits_double_up_to_a_longest() -> None:
    waits = [child.wait_seconds(failures) for failures in (1, 2, 3, 4, 5, 6, 60)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_minute_of_health_makes_the_next_death_the_first() -> None:
    each = child.new(shell("p", "true"))
    each.told.state, each.failures = state.READY, 5
    assert each.put_off() == 10.0
    each.since -= child.HEALTHY_SECONDS + 1
    assert each.put_off() == 0.5
    assert each.told.restarts == 2


def left_by(home: Path, *programs: ProgramState) -> StackState:
    """What a supervisor told that is dead now."""
    told = StackState(state.RUNNING, 2**22 + 1, "long ago", programs=list(programs))
    state.write(home, told)
    return told


@contextmanager
def orphan(home: Path, name: str, to: str = state.READY) -> Iterator[ProgramState]:
    """A program that some supervisor started."""
    output = os.open(os.devnull, os.O_WRONLY)
    process = processes.start(shell(name, "sleep 300", folder=home), output)
    identity = processes.identify(process.pid)
    try:
        yield ProgramState(name, to, pid=identity.pid, born=identity.born, restarts=3)
    finally:
        processes.end([identity], 5)
        process.wait()
        os.close(output)


def test_the_next_supervisor_takes_over_what_lives(tmp_path: Path) -> None:
    once = shell("once", "echo once >> starts", folder=tmp_path, needs=("a",), once=True)
    with orphan(tmp_path, "a") as before:
        left = left_by(tmp_path, before, ProgramState("once", state.DONE))
        stop_when_running(tmp_path, lambda: (tmp_path / "was-running").touch())
        told = supervise(tmp_path, mortal(tmp_path, "a"), once, left=left)
        assert not processes.Identity(before.pid or 0, before.born).find()
    assert (tmp_path / "was-running").exists()
    assert not (tmp_path / "starts").exists()
    assert [program.restarts for program in told.programs] == [3, 0]


def test_what_was_taken_over_is_healed_too(tmp_path: Path) -> None:
    with orphan(tmp_path, "a") as before:
        pid = before.pid or 0

        def kill() -> None:
            os.kill(pid, signal.SIGKILL)
            await_state(tmp_path, lambda told: told.programs[0].restarts == 4)
            await_state(tmp_path, lambda told: told.programs[0].is_up)

        stop_when_running(tmp_path, kill)
        supervise(tmp_path, mortal(tmp_path, "a"), left=left_by(tmp_path, before))
    assert starts(tmp_path) == ["a"]


def test_what_cannot_be_taken_over_is_ended_first(tmp_path: Path) -> None:
    """Bound to what died, still running once, or not in the plan: none may live beside ours."""
    with (
        orphan(tmp_path, "b") as bound,
        orphan(tmp_path, "once", state.STARTING) as running,
        orphan(tmp_path, "stranger") as stranger,
    ):
        left = left_by(
            tmp_path, ProgramState("a", state.READY, pid=2**22 + 2), bound, running, stranger
        )
        worker = mortal(tmp_path, "b", needs=("a",), bound_to=("a",))
        once = shell("once", "echo once >> starts", folder=tmp_path, needs=("b",), once=True)
        stop_when_running(tmp_path)
        supervise(tmp_path, mortal(tmp_path, "a"), worker, once, left=left)
    assert starts(tmp_path) == ["a", "b", "once"]


def test_what_ran_once_runs_again_when_something_that_it_needs_died(tmp_path: Path) -> None:
    left = left_by(
        tmp_path,
        ProgramState("a", state.READY, pid=2**22 + 2),
        ProgramState("once", state.DONE),
    )
    once = shell("once", "echo once >> starts", folder=tmp_path, needs=("a",), once=True)
    stop_when_running(tmp_path)
    supervise(tmp_path, mortal(tmp_path, "a"), once, left=left)
    assert starts(tmp_path) == ["a", "once"]


def test_a_disk_that_fills_up_during_the_start_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "LEAST_FREE_BYTES", 1 << 60)
    told = supervise(tmp_path, shell("p", "sleep 300"))
    assert told.state == state.FAILED
    assert f"the disk of {tmp_path} is full" in told.message
    assert all(not processes.family(each) for each in state.left(told)[1:])


def test_on_a_full_disk_nothing_is_started_again_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "HOUSEKEEPING_SECONDS", 0.0)
    least = disk.LEAST_FREE_BYTES

    def fill_and_kill() -> None:
        monkeypatch.setattr(disk, "LEAST_FREE_BYTES", 1 << 60)
        await_state(tmp_path, lambda told: "is full" in told.message)
        (tmp_path / "a-dies").touch()
        await_state(tmp_path, lambda told: told.programs[0].state == state.RESTARTING)
        time.sleep(2 * child.FIRST_WAIT_SECONDS)
        assert starts(tmp_path) == ["a"]
        monkeypatch.setattr(disk, "LEAST_FREE_BYTES", least)
        await_state(tmp_path, lambda told: told.programs[0].is_up and not told.message)

    stop_when_running(tmp_path, fill_and_kill)
    supervise(tmp_path, mortal(tmp_path, "a"))
    assert starts(tmp_path) == ["a", "a"]


def test_a_state_that_cannot_be_written_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, failures = state.write, iter(range(5))

    def write(home: Path, told: StackState) -> None:
        if next(failures, None) is not None:
            raise OSError(28, "No space left on device")
        written(home, told)

    monkeypatch.setattr(state, "write", write)
    stop_when_running(tmp_path)
    assert supervise(tmp_path, shell("p", "sleep 300")).state == state.DOWN


def test_the_first_trouble_is_what_a_log_is_quoted_from() -> None:
    lines = ["up", "java.net.BindException: in use", *(f"  at {n}" for n in range(30))]
    assert telling_lines(lines)[0] == "java.net.BindException: in use"
    assert len(telling_lines(lines)) == 15
    assert telling_lines(["a", "b"]) == ["a", "b"]
    assert telling_lines([]) == ["(nothing was logged)"]


def test_a_full_disk_is_told_even_if_the_supervisor_could_not_tell_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings({}).with_values(HOME=str(tmp_path))
    assert stack.trouble(settings) == ""
    me = processes.identify(os.getpid())
    state.write(tmp_path, StackState(state.RUNNING, me.pid, me.born))
    assert stack.trouble(settings) == ""
    monkeypatch.setattr(disk, "LEAST_FREE_BYTES", 1 << 60)
    assert f"the disk of {tmp_path} is full" in stack.trouble(settings)


def test_status_does_not_believe_what_a_dead_supervisor_told(tmp_path: Path) -> None:
    settings = Settings({}).with_values(HOME=str(tmp_path))
    assert stack.status(settings) == []
    gone = ProgramState("kafka", state.READY, 28092, pid=2**22 + 1, born="long ago")
    me = processes.identify(os.getpid())
    orphan = ProgramState("redis", state.READY, 28379, me.pid, me.born)
    state.write(tmp_path, StackState(state.RUNNING, 2**22 + 1, "long ago", programs=[gone, orphan]))
    kafka, redis = stack.status(settings)
    assert (kafka.state, kafka.pid, kafka.memory_bytes) == (state.DOWN, None, 0)
    assert (redis.state, redis.pid) == ("orphan", me.pid)
    assert redis.memory_bytes > 1 << 20
