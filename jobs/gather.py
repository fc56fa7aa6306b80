"""Records in batches: a step of Flink written in Java, `Gather.java`, which says what it does.

With `environment`, `checkpoint` and `lane_state` the only module that touches inner classes of
Flink. The step goes to the TaskManager as source code, as what Flink's SQL planner writes does, and
is compiled there: so a job in Python has an operator of its own and nobody needs a JDK.
"""

from importlib import resources
from typing import Final

from pyflink.common import Configuration, TypeInformation, Types
from pyflink.datastream import DataStream
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
RECORD = Types.OBJECT_ARRAY(BYTES)
BATCH = Types.OBJECT_ARRAY(RECORD)
"""Of each record what the query has behind the group as bytes, last its numbers as one text. An
array for each: for rows in an array the bridge to Python makes one over and over."""
KEYED_BATCH = Types.ROW_NAMED(["batch_key", "records"], [Types.STRING(), BATCH])
_CLASS: Final = "Gather"


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
    jvm = get_gateway().jvm
    references = get_gateway().new_array(jvm.Object, 1)
    references[0] = pause_ms
    code = resources.files("jobs").joinpath(f"{_CLASS}.java").read_text()
    runtime = jvm.org.apache.flink.table.runtime
    operator = runtime.operators.CodeGenOperatorFactory(
        runtime.generated.GeneratedOperator(
            _CLASS, code, references, Configuration()._j_configuration
        )
    )
    step = jvm.org.apache.flink.streaming.api.transformations.OneInputTransformation(
        rows.getTransformation(),
        "gather",
        operator,
        KEYED_BATCH.get_java_type_info(),
        rows.getParallelism(),
        False,
    )
    environment = rows.getExecutionEnvironment()
    environment.addOperator(step)
    return DataStream(jvm.org.apache.flink.streaming.api.datastream.DataStream(environment, step))
