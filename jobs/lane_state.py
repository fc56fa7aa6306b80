"""Flink's state of a lane, by machine: one more level of keys, as Flink's windows have it.

Flink calls that level a namespace: RocksDB keeps the rows of a namespace beside each other, so a
machine is loaded without a look at the others of its lane. PyFlink's public API has it for windows
alone, so, like `environment`, this module uses classes that nobody promises to keep.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from pyflink.common import Types
from pyflink.datastream import RuntimeContext
from pyflink.datastream.state import MapStateDescriptor

STATE: Final = "machines"
_STRINGS: Final = "org.apache.flink.api.common.typeutils.base.StringSerializer"


class Rows(Protocol):
    """Rows of the machine in use, of the lane in use; a call of these costs one into the JVM."""

    def set_current_namespace(self, namespace: str) -> None: ...
    def items(self) -> Iterable[tuple[str, str]]: ...
    def put_all(self, dict_value: dict[str, str]) -> None: ...
    def remove(self, key: str) -> None: ...


def of_machines(context: RuntimeContext) -> Rows:
    """The state of a function that Flink runs in thread mode."""
    from pemja import findClass  # inside a TaskManager alone
    from pyflink.fn_execution.embedded.converters import IdentityDataConverter
    from pyflink.fn_execution.embedded.state_impl import KeyedStateBackend

    backend = context.get_keyed_state_backend()
    by_machine = KeyedStateBackend(
        backend._function_context,
        backend._keyed_state_backend,
        findClass(_STRINGS).INSTANCE,
        IdentityDataConverter(),
    )
    rows: Rows = by_machine.get_map_state(MapStateDescriptor(STATE, Types.STRING(), Types.STRING()))
    return rows
