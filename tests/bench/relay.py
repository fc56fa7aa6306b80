"""A job's keyed function without its machine: what Flink leaves of the time.

A module of its own that imports little, for the TaskManager loads it.
"""

import pickle
from collections.abc import Sequence
from typing import Any

from pyflink.datastream import KeyedProcessFunction, RuntimeContext


class Relay(KeyedProcessFunction):
    """Answers each record with what the machine made of it once; decodes, does and keeps nothing.

    The outputs are in a file, by partition and offset of the record as they stand in its
    coordinates.
    """

    def __init__(self, file: str) -> None:
        self._file = file

    def open(self, runtime_context: RuntimeContext) -> None:
        with open(self._file, "rb") as file:
            self._made = pickle.load(file)

    def process_element(self, value: Sequence[Any], ctx: KeyedProcessFunction.Context) -> Any:
        outputs: list[Any] = []
        for _, _, coordinates in value:
            outputs += self._made[coordinates.partition(b" ")[2]]
        return [outputs] if outputs else []
