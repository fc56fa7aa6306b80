"""The local stack: every server that the market needs, from packages, and what supervises them.

`up`, `down`, `status`, `trouble`, `logs` and `run` are the whole interface; `on_free_ports` is for
a second stack beside a running one.
"""

from stack.addresses import environment_path, read_environment, with_addresses
from stack.control import NotStarted, Row, down, logs, run, status, trouble, up
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
    "run",
    "status",
    "trouble",
    "up",
    "with_addresses",
]
