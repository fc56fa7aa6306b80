"""Which nodes of the demo report, and which container each of their GPUs plays."""

import gzip
from typing import cast

from cli.client import AsyncClient
from cli.demo import trace
from cli.demo.play import Party, Run
from cli.demo.telemetry import DUTY_CYCLES, chosen
from cli.demo.trace import Supply, TraceNode


def a_run(nodes: int) -> Run:
    run = Run(cast(AsyncClient, None), "key", "x", [Party("a", "k")], nodes=[])
    run.nodes = [f"n{number}" for number in range(nodes)]
    return run


def supply(gpu_type: str, gpus: int) -> Supply:
    return Supply(TraceNode(f"{gpu_type}-{gpus}", gpu_type, gpus), 0, "us-east-1", 1_000_000)


def test_nodes_of_each_type_report_by_turns_and_no_container_plays_twice() -> None:
    nodes = [supply("T4", 2), supply("T4", 4), supply("G2", 1), supply("G3", 8)]
    found = list(chosen(a_run(len(nodes)), nodes, 16))
    assert [(each.node_id, each.first) for each in found] == [
        ("n0", 0),
        ("n2", 2),
        ("n3", 3),
        ("n1", 11),
    ]


def test_no_node_reports_that_has_more_gpus_than_containers_are_left() -> None:
    nodes = [supply("T4", 2), supply("G2", 8)]
    assert [each.node_id for each in chosen(a_run(2), nodes, 9)] == ["n0"]


def test_every_type_of_the_trace_has_a_node_that_reports() -> None:
    nodes = trace.read_nodes()
    offered = trace.offer(nodes, trace.read_references(), 1, ["us-east-1"], 1)
    with gzip.open(DUTY_CYCLES, "rt") as file:
        containers = len({line.split(",")[1] for line in file}) - 1
    found = list(chosen(a_run(len(offered)), offered, containers))
    assert {each.supply.node.gpu_type for each in found} == {node.gpu_type for node in nodes}
    assert sum(each.supply.node.gpu_count for each in found) <= containers
