"""Records in batches and out of them, by the Java steps as Flink compiles them, in this process."""

import json
from base64 import b64decode
from collections import defaultdict
from pathlib import Path
from typing import Any

from jobs.crossing import Record, packed, unpacked
from tests.jobs import flink_here

pytestmark = flink_here.MARKS
Batch = tuple[str, list[Record]]
MOST = 1_000
"""As in Gather.java."""


def batches(
    folder: Path, count: int, a_second: int, pause_ms: int, checkpoint_ms: int | None = None
) -> list[Batch]:
    """What is made of so many records in three groups, one after the other."""
    from pyflink.common import Types

    from jobs.gather import BYTES, gathered

    checkpoints = {"execution.checkpointing.interval": f"{checkpoint_ms} ms"}
    tables = flink_here.tables(checkpoints if checkpoint_ms else {})
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE log (n BIGINT) WITH (
            'connector' = 'datagen', 'rows-per-second' = '{a_second}',
            'fields.n.kind' = 'sequence', 'fields.n.start' = '0', 'fields.n.end' = '{count - 1}'
        )""")
    query = """
        SELECT CAST(MOD(n, 3) AS STRING), CAST(CAST(n AS STRING) AS BYTES),
            CASE WHEN MOD(n, 5) > 0 THEN CAST('value' AS BYTES) END, n * 1000, 7, n
        FROM log"""
    row = Types.ROW([Types.STRING(), BYTES, BYTES, Types.LONG(), Types.INT(), Types.LONG()])
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE made (batch STRING, records BYTES) WITH (
            'connector' = 'filesystem', 'format' = 'json', 'path' = '{folder}'
        )""")
    made = tables.from_data_stream(gathered(tables, query, row, pause_ms))
    made.execute_insert("made").wait()
    return [(row["batch"], unpacked(b64decode(row["records"]))) for row in written(folder)]


def written(folder: Path) -> list[Any]:
    """The rows that Flink wrote to files, in their order."""
    return [
        row
        for file in sorted(folder.iterdir(), key=lambda file: int(file.name.rpartition("-")[2]))
        for row in map(json.loads, file.read_text().splitlines())
    ]


def expected(count: int, group: int) -> list[Record]:
    return [
        (str(n).encode(), b"value" if n % 5 else None, n * 1000, 7, n)
        for n in range(group, count, 3)
    ]


def test_each_groups_records_come_in_their_order_in_batches(tmp_path: Path) -> None:
    made = batches(tmp_path, 10_000, a_second=1_000_000, pause_ms=4)
    by_group = defaultdict[str, list[Record]](list)
    for group, records in made:
        assert 0 < len(records) <= MOST
        by_group[group] += records
    assert by_group == {str(group): expected(10_000, group) for group in range(3)}
    assert len(made) < 10_000 / 10


def test_a_pause_lies_between_batches(tmp_path: Path) -> None:
    made = batches(tmp_path, 300, a_second=300, pause_ms=100)
    assert sum(len(records) for _, records in made) == 300
    assert len(made) < 300 / 2, "in about a second; without pauses each record would be one"


def test_before_a_checkpoint_each_group_that_had_records_gets_an_empty_batch(
    tmp_path: Path,
) -> None:
    made = batches(tmp_path, 600, a_second=300, pause_ms=4, checkpoint_ms=200)
    assert sum(len(records) for _, records in made) == 600
    had_records: set[str] = set()
    told = 0
    for group, records in made:
        if records:
            had_records.add(group)
        else:
            assert group in had_records, "a group without records is not told"
            had_records.discard(group)
            told += 1
    assert told >= 3, "each at least once in about two seconds"


def test_what_a_batch_made_is_taken_apart(tmp_path: Path) -> None:
    from pyflink.datastream import DataStream
    from pyflink.java_gateway import get_gateway

    from jobs.gather import BATCH, scattered

    outputs = [(b"orders.created", b"H100", b"\0\xff"), (b"a", b"", b"b"), (b"c", b"k", None)]
    tables = flink_here.tables({})
    batches = get_gateway().jvm.java.util.ArrayList()
    for batch in (outputs, outputs[:1]):
        batches.add(packed(batch))
    stream = tables._j_tenv.execEnv().fromData(batches, BATCH.get_java_type_info())
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE scattered (topic STRING, record_key BYTES, record_value BYTES) WITH (
            'connector' = 'filesystem', 'format' = 'json', 'path' = '{tmp_path}'
        )""")
    rows = tables.from_data_stream(scattered(DataStream(stream)))
    rows.execute_insert("scattered").wait()
    names = ("record_key", "record_value")
    assert [
        (row["topic"].encode(), *(row[name] and b64decode(row[name]) for name in names))
        for row in written(tmp_path)
    ] == [(topic, key or "", value) for topic, key, value in [*outputs, outputs[0]]]
