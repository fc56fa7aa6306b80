"""What people ask of the stack, with a state file instead of a supervisor."""

import os
from pathlib import Path

import pytest

import stack
from schemas.settings import Settings
from stack import control, processes, state
from stack.addresses import (
    environment_path,
    read_environment,
    with_addresses,
    write_environment,
)
from stack.processes import Identity
from stack.program import StackError
from stack.state import ProgramState, StackState


def running(home: Path, *programs: ProgramState) -> Settings:
    """A stack whose supervisor is this process."""
    settings = Settings({}).with_values(HOME=str(home))
    write_environment(with_addresses(settings))
    me = processes.identify(os.getpid())
    state.write(home, StackState(state.RUNNING, me.pid, me.born, programs=list(programs)))
    return settings


def interrupt(seconds: float) -> None:
    """What a wait does when somebody presses Ctrl-C in it."""
    raise KeyboardInterrupt


def test_ctrl_c_in_a_second_up_leaves_the_market_of_the_first_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = running(tmp_path, ProgramState("redis", state.RESTARTING))
    said: list[str] = []
    monkeypatch.setattr(control.time, "sleep", interrupt)
    monkeypatch.setattr(control, "_take_down", lambda *_: pytest.fail("it was taken down"))
    with pytest.raises(KeyboardInterrupt):
        stack.up(settings, ["redis"], said.append)
    assert said == ["already running", "redis: restarting, "]


def test_ctrl_c_leaves_a_market_alone_that_another_up_started_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours was taken down; the one that lives now is another's."""

    settings = running(tmp_path, ProgramState("redis", state.RESTARTING))
    seen = iter([None, None])  # before the start; then there is another's
    monkeypatch.setattr(control, "_living", lambda home: next(seen, state.read(home)))
    monkeypatch.setattr(control, "_start", lambda *_: Identity(2**22 + 1, "long ago"))
    monkeypatch.setattr(control, "_take_down", lambda *_: pytest.fail("it was taken down"))
    monkeypatch.setattr(control.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        stack.up(settings, ["redis"], lambda _: None)


def test_a_running_stack_answers_as_it_was_started_whatever_is_asked_now(tmp_path: Path) -> None:
    settings = running(tmp_path, ProgramState("redis", state.READY))
    said: list[str] = []
    answered = stack.up(settings.with_values(REDIS_PORT="10999"), ["redis"], said.append)
    words = "it runs with other values of GPUBROKER_REDIS_PORT, GPUBROKER_REDIS_URL; to change them"
    assert said == ["already running", f"{words}, take it down", "redis: ready"]
    assert answered.port("REDIS_PORT") == settings.port("REDIS_PORT")
    assert stack.up(settings, ["redis"], said.append).text("REDIS_URL") == answered.text(
        "REDIS_URL"
    )


@pytest.mark.parametrize(
    "told",
    [
        "",
        "{",
        "[]",
        '{"state": "running"}',
        '{"state": "x", "pid": 1, "born": 1.5, "programs": []}',
    ],
)
def test_a_state_that_cannot_be_read_is_named_with_what_to_do(tmp_path: Path, told: str) -> None:
    """Of a disk that lost power, or of other code."""
    settings = Settings({}).with_values(HOME=str(tmp_path))
    state.path(tmp_path).write_text(told)
    for ask in (stack.up, stack.down, stack.status):
        with pytest.raises(StackError, match=r"stack\.json, which tells what runs, cannot be read"):
            ask(settings)


def test_a_state_of_other_code_that_stopped_well_is_none(tmp_path: Path) -> None:
    old = '{"state": "down", "pid": 7, "born": 1.5, "programs": [{"name": "redis", "pid": null}]}'
    state.path(tmp_path).write_text(old)
    assert stack.status(Settings({}).with_values(HOME=str(tmp_path))) == []


def test_a_torn_environment_is_written_anew_by_the_next_start(tmp_path: Path) -> None:
    settings = with_addresses(running(tmp_path))
    assert control._runs_with(settings)
    path = environment_path(settings)
    path.write_text(path.read_text()[:-20] + "\nGPUBROK")
    with pytest.raises(StackError, match="'GPUBROK' is not NAME=value; the next `up`"):
        read_environment(tmp_path)
    assert not control._runs_with(settings)


def test_a_stop_without_a_supervisor_says_that_there_is_no_savepoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = running(tmp_path, ProgramState("submit", state.DONE))
    jobs = ProgramState("submit", state.DONE)
    state.write(tmp_path, StackState(state.RUNNING, 2**22 + 1, "long ago", programs=[jobs]))
    monkeypatch.setattr(processes, "family", lambda identity: [object()])
    monkeypatch.setattr(processes, "end", lambda *_: None)
    said: list[str] = []
    stack.down(settings, said.append)
    assert said[1] == f"no savepoint, for their supervisor is dead: {state.CHECKPOINTED}"
