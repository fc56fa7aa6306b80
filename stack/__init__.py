"""The local stack: every server that the market needs, from packages, and what supervises them.

`up`, `down`, `status` and `logs` are the whole interface; `on_free_ports` is for a second stack
beside a running one.
"""

from stack.control import (
    NotStarted,
    Row,
    down,
    environment_path,
    logs,
    read_environment,
    status,
    up,
    with_addresses,
)
from stack.ports import PortTaken, on_free_ports
from stack.program import StackError

__all__ = [
    "NotStarted",
    "PortTaken",
    "Row",
    "StackError",
    "down",
    "environment_path",
    "logs",
    "on_free_ports",
    "read_environment",
    "status",
    "up",
    "with_addresses",
]
