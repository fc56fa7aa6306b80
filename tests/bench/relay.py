"""A job's keyed function without its machine: what Flink leaves of the time.

A module of its own that imports little, for the TaskManager loads it.
"""

import pickle

from pyflink.datastream import KeyedProcessFunction, RuntimeContext

from jobs.crossing import Crossing, Output, handed_back, unpacked


class Relay(KeyedProcessFunction):
    """Answers each record with what the machine made of it once; decodes, does and keeps nothing.

    The outputs are in a file, by partition and offset of the record.
    """

    def __init__(self, file: str) -> None:
        self._file = file

    def open(self, runtime_context: RuntimeContext) -> None:
        with open(self._file, "rb") as file:
            self._made = pickle.load(file)

    def process_element(self, value: bytes, ctx: KeyedProcessFunction.Context) -> Crossing:
        outputs: list[Output] = []
        for _, _, _, *place in unpacked(value):
            outputs += self._made[tuple(place)]
        return handed_back(outputs)
