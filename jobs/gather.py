"""Batches before and behind Python: steps of Flink in Java, `Gather.java` and `Scatter.java`.

A step goes to the TaskManager as source code, as what Flink's SQL planner writes does, and is
compiled there: so a job in Python has operators of its own and nobody needs a JDK. Like
`environment`, this module uses classes that Flink does not promise to keep.
"""

from importlib import resources
from typing import Any

from pyflink.common import Configuration, TypeInformation, Types
from pyflink.datastream import DataStream
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
BATCH = BYTES
"""Records as `jobs.crossing` lays them out."""
KEYED_BATCH = Types.ROW_NAMED(["batch_key", "records"], [Types.STRING(), BATCH])
OUTPUT = Types.ROW_NAMED(["topic", "record_key", "record_value"], [Types.STRING(), BYTES, BYTES])


def gathered(
    tables: StreamTableEnvironment, query: str, row: TypeInformation, pause_ms: int
) -> DataStream:
    """A query's rows as a `KEYED_BATCH` of each group that came since the last ones.

    Before a checkpoint each group that had records since the last one gets an empty batch.

    Args:
        tables: the job's tables.
        query: of the group's name, then what its records have: bytes, then numbers.
        row: the query's types.
        pause_ms: batches are no nearer to each other, unless they are full or a checkpoint comes.
    """
    table = tables.sql_query(query)
    rows = tables._j_tenv.toAppendStream(table._j_table, row.get_java_type_info())
    return _through("Gather", rows, KEYED_BATCH, pause_ms)


def scattered(batches: DataStream) -> DataStream:
    """An `OUTPUT` of each record of a stream of `BATCH`."""
    return _through("Scatter", batches._j_data_stream, OUTPUT)


def _through(name: str, stream: Any, made: TypeInformation, *references: object) -> DataStream:
    """A stream behind the step of this name, and what that is told when it is made."""
    jvm = get_gateway().jvm
    told = get_gateway().new_array(jvm.Object, len(references))
    for place, reference in enumerate(references):
        told[place] = reference
    code = resources.files("jobs").joinpath(f"{name}.java").read_text()
    runtime = jvm.org.apache.flink.table.runtime
    compiled = runtime.generated.GeneratedOperator(
        name, code, told, Configuration()._j_configuration
    )
    step = jvm.org.apache.flink.streaming.api.transformations.OneInputTransformation(
        stream.getTransformation(),
        name.lower(),
        runtime.operators.CodeGenOperatorFactory(compiled),
        made.get_java_type_info(),
        stream.getParallelism(),
        False,
    )
    environment = stream.getExecutionEnvironment()
    environment.addOperator(step)
    return DataStream(jvm.org.apache.flink.streaming.api.datastream.DataStream(environment, step))
