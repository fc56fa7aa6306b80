"""The health job: each node's machine over `nodes.commands`. Wiring only."""

from jobs.keyed_machine import MachineJob
from schemas.names import NODES_COMMANDS
from udfs.node_health import MACHINE

JOB = MachineJob(
    name="node_health",
    title="node_health: nodes.commands → nodes",
    machine=MACHINE,
    log=NODES_COMMANDS,
)
