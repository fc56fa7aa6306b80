"""The table of everything that runs."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from schemas.settings import Settings
from stack import plan, with_addresses
from stack.program import Program, StackError


@pytest.fixture
def programs(tmp_path: Path) -> tuple[Program, ...]:
    return plan.whole(with_addresses(Settings({}).with_values(HOME=str(tmp_path))))


def test_every_need_is_in_the_plan_and_none_goes_round(programs: tuple[Program, ...]) -> None:
    order = list(TopologicalSorter({p.name: p.needs for p in programs}).static_order())
    assert sorted(order) == sorted(p.name for p in programs)


def test_no_two_programs_share_a_port(programs: tuple[Program, ...]) -> None:
    ports = [port for program in programs for port in program.ports]
    assert len(ports) == len(set(ports))


def test_the_servers_need_no_worker(programs: tuple[Program, ...]) -> None:
    assert {p.name for p in plan.cut(programs, "servers")} == plan.SERVER_NAMES


def test_a_cut_brings_what_it_needs_in_the_plans_order(programs: tuple[Program, ...]) -> None:
    assert [p.name for p in plan.cut(programs, ["migrate"])] == [
        "kafka",
        "registry",
        "postgres",
        "topics",
        "migrate",
    ]


def test_an_unknown_program_is_named(programs: tuple[Program, ...]) -> None:
    with pytest.raises(StackError, match="unknown program 'kafak'; known are kafka"):
        plan.cut(programs, "kafak")


def test_workers_are_told_where_everything_is(programs: tuple[Program, ...]) -> None:
    (projection,) = [p for p in programs if p.name == "projection"]
    for name in ("KAFKA_BOOTSTRAP", "REGISTRY_URL", "CLICKHOUSE_URL", "REDIS_URL", "POSTGRES_DSN"):
        assert projection.environment[f"GPUBROKER_{name}"]
    assert projection.command[1:] == ("-m", "jobs", "projection")
