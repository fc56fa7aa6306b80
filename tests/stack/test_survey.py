"""What is told of a stack from outside, by the state file and living processes."""

import os
import socket
from pathlib import Path

import pytest

from schemas.settings import Settings
from stack import processes, state, survey
from stack.state import ProgramState, StackState

DEAD = (999_999_999, "long ago")


def told(home: Path, supervisor: tuple[int, str], *programs: ProgramState) -> Settings:
    state.write(home, StackState(state.RUNNING, *supervisor, programs=list(programs)))
    return Settings({}).with_values(HOME=str(home))


def own() -> tuple[int, str]:
    """This process."""
    return os.getpid(), processes.identify(os.getpid()).born


def program(name: str, pid: int, born: str, moved_seconds: float = 0.0) -> ProgramState:
    """A program as it was noted when the clock said something else."""
    at = processes.born_at(os.getpid()) - moved_seconds
    return ProgramState(name, state.READY, pid=pid, born=born, born_at=at)


def test_the_state_of_a_stack(tmp_path: Path) -> None:
    assert survey.overall(Settings({}).with_values(HOME=str(tmp_path))) == "never started"
    assert survey.overall(told(tmp_path, own())) == "running"
    assert survey.overall(told(tmp_path, DEAD)) == "down"
    assert survey.overall(told(tmp_path, DEAD, program("redis", *DEAD))) == "down"
    assert survey.overall(told(tmp_path, DEAD, program("redis", *own()))) == "unsupervised"


def test_births_move_when_the_clock_is_set(tmp_path: Path) -> None:
    settings = told(
        *(tmp_path, own()),
        program("redis", *own(), 60.0),
        program("kafka", *own()),
        program("gone", *DEAD),
        ProgramState("waiting"),
    )
    moved = survey.births_moved_seconds(settings)
    assert moved == {"redis": pytest.approx(60.0), "kafka": pytest.approx(0.0)}


@pytest.mark.stack
def test_a_taken_port_is_told_with_its_holder_and_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        settings = Settings({}).with_values(HOME=str(tmp_path), KAFKA_PORT=str(number))
        found = [port for port in survey.taken_ports(settings) if port.number == number]
    assert [(port.program, port.setting) for port in found] == [("kafka", "GPUBROKER_KAFKA_PORT")]
    assert f"process {os.getpid()}" in found[0].holder
