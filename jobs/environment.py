"""Flink as the machine jobs need it, built through classes that PyFlink does not promise to keep.

With `gather`, `checkpoint` and `lane_state` the only module that touches inner classes of PyFlink
and Flink: they are pinned to one minor version (`SUPPORTED`). What it does that the public API
cannot: several jobs from one driver to a remote cluster, each from its own saved state; the keys of
batches taken in the JVM, for a call into Python costs more than what it carries; the log's
coordinates and append time beside each record's raw bytes; one sink to many topics; an explicit uid
on every operator, so that saved state finds its place again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

from pyflink.common import Configuration, Types
from pyflink.datastream import (
    DataStream,
    FlatMapFunction,
    KeyedProcessFunction,
    KeyedStream,
    StreamExecutionEnvironment,
)
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment

from jobs.gather import BATCH, BYTES, KEYED_BATCH, gathered, scattered
from jobs.keyed_machine import KeyedMachine, MachineJob
from jobs.refused import Refused
from jobs.sql_job import SqlJob
from jobs.streaming_job import StreamingJob
from jobs.windowed_job import WindowedJob

SUPPORTED: Final = "2.3."
_OF_MACHINES: Final = {"SourceTransformation": 7, "SinkTransformation": 3}
_OF_WINDOWED: Final = {"SourceTransformation": 8, "SinkTransformation": 4}
"""The numbers in the uids of the steps that have state. They are those that the steps had when
such states were first saved, and stay, whatever stands between them now."""
_COORDINATE_TYPES = [Types.LONG(), Types.INT(), Types.LONG()]
LOGGED = Types.ROW([Types.STRING(), BYTES, BYTES, *_COORDINATE_TYPES])
"""Lane or topic, key, value, and coordinates (append time, partition, offset) of each record."""
LANE_PAUSE_MS: Final = 4
"""Batches of records of machines enter Python no nearer to each other."""
BATCH_PAUSE_MS: Final = 500
"""Nor do those of a windowed job."""
PATIENCE_MS: Final = 250
"""For so long the broker may gather them too."""
MOST_AWAITED_BYTES: Final = 65_536


class UnsupportedFlink(Refused):
    """The installed apache-flink is not the one that this module was written for."""


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A job whose graph is made; for that no cluster is needed."""

    title: str
    environment: StreamExecutionEnvironment

    def start(self, settings: Mapping[str, str]) -> str:
        """Hand it to the cluster and return Flink's id of it.

        Args:
            settings: Flink's configuration for this job, on top of what it was planned with.
        """
        self.environment.configure(_configuration(settings))
        return str(self.environment.execute_async(self.title).get_job_id())


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes the graphs of jobs."""

    flink_url: str
    """Flink's REST API."""
    kafka: str
    """Kafka's bootstrap servers."""
    registry: str
    """The schema registry's URL."""
    settings: Mapping[str, str]
    """Flink's configuration for every job, on top of the cluster's."""

    def machine(self, job: MachineJob, function: KeyedMachine) -> PlannedJob:
        """Plan a machine job around its keyed function.

        Raises:
            UnsupportedFlink: another version of apache-flink is installed.
        """
        environment, tables = self._tables(self.settings)
        log = _log(tables, job, self.kafka)
        batches = gathered(tables, _lanes(log, job.lanes), LOGGED, LANE_PAUSE_MS)
        outputs = (
            _keyed(batches)
            .process(function, output_type=BATCH)
            .name(f"{job.name} machine")
            .uid(f"{job.name}/machine")
        )
        _attach_sink(tables, outputs, job, self.kafka)
        return self._in_one_thread(_planned(environment, job, job.log, _OF_MACHINES))

    def sql(self, job: SqlJob) -> PlannedJob:
        """Plan a job of SQL statements.

        Raises:
            UnsupportedFlink: another version of apache-flink is installed.
        """
        environment, tables = self._tables({**self.settings, **job.flink_settings})
        for statement in job.tables(self.kafka, self.registry, job.group):
            tables.execute_sql(statement)
        statements = tables.create_statement_set()
        for insert in job.inserts:
            statements.add_insert_sql(insert)
        statements.attach_as_datastream()
        return _planned(environment, job, job.log, {})

    def windowed(
        self, job: WindowedJob, keys: FlatMapFunction, function: KeyedProcessFunction
    ) -> PlannedJob:
        """Plan a job over several topics.

        Args:
            job: what to run.
            keys: divides a batch of records, behind the name of their topic, by their keys.
            function: the job's keyed function.

        Raises:
            UnsupportedFlink: another version of apache-flink is installed.
        """
        environment, tables = self._tables(self.settings)
        log = _log(tables, job, self.kafka, PATIENCE_MS)
        batches = gathered(tables, _topics(log, job.wanted), LOGGED, BATCH_PAUSE_MS)
        keyed = (
            batches.flat_map(keys, output_type=KEYED_BATCH)
            .name(f"{job.name} keys")
            .uid(f"{job.name}/keys")
        )
        outputs = (
            _keyed(keyed)
            .process(function, output_type=BATCH)
            .name(f"{job.name} windows")
            .uid(f"{job.name}/windows")
        )
        _attach_sink(tables, outputs, job, self.kafka)
        source = f"{job.name} inputs"
        return self._in_one_thread(_planned(environment, job, source, _OF_WINDOWED))

    def _in_one_thread(self, planned: PlannedJob) -> PlannedJob:
        """The job without the exchanges between its steps, where each step is one subtask.

        All keys are that subtask's then, and Flink chains steps that hand over directly; it cannot
        know that nothing is to be divided. An exchange serializes, and wakes a thread.
        """
        if int(self.settings["parallelism.default"]) == 1:
            forward = get_gateway().jvm.org.apache.flink.streaming.runtime.partitioner
            for step in _transformations(planned.environment):
                if step.getClass().getSimpleName() == "PartitionTransformation":
                    _set(step, "partitioner", forward.ForwardPartitioner())
        return planned

    def _tables(
        self, settings: Mapping[str, str]
    ) -> tuple[StreamExecutionEnvironment, StreamTableEnvironment]:
        _check_version()
        environment = _remote(self.flink_url, settings)
        return environment, StreamTableEnvironment.create(environment)


def _planned(
    environment: StreamExecutionEnvironment,
    job: StreamingJob,
    source: str,
    numbers: Mapping[str, int],
) -> PlannedJob:
    """The job; `source` is its source's name for people, `numbers` are those kept in uids."""
    _name_operators(environment, job.name, source, numbers)
    return PlannedJob(job.title, environment)


def _check_version() -> None:
    installed = version("apache-flink")
    if not installed.startswith(SUPPORTED):
        raise UnsupportedFlink(
            f"apache-flink must be {SUPPORTED}x, was {installed}: jobs/environment.py uses inner "
            "classes of that version; adapt and try it before changing the pin"
        )


def _configuration(settings: Mapping[str, str]) -> Configuration:
    configuration = Configuration()
    for key, value in settings.items():
        configuration.set_string(key, value)
    return configuration


def _remote(flink_url: str, settings: Mapping[str, str]) -> StreamExecutionEnvironment:
    """A remote environment; the public API only knows the one of `flink run`."""
    gateway = get_gateway()
    address = urlsplit(flink_url)
    no_jars = gateway.new_array(gateway.jvm.String, 0)
    configuration = _configuration(settings)
    remote = gateway.jvm.org.apache.flink.streaming.api.environment.RemoteStreamEnvironment(
        address.hostname, address.port or 80, configuration._j_configuration, no_jars
    )
    return StreamExecutionEnvironment(remote)


def _log(
    tables: StreamTableEnvironment,
    job: MachineJob | WindowedJob,
    kafka: str,
    patience_ms: int = 0,
) -> str:
    """Make a table of the job's topics and return its name.

    Args:
        tables: the job's tables.
        job: whose topics to read.
        kafka: Kafka's bootstrap servers.
        patience_ms: how long the broker may wait for more before it answers.
    """
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE log (
            topic STRING METADATA VIRTUAL,
            log_key STRING,
            log_value BYTES,
            append_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
            at_ms AS EXTRACT(EPOCH FROM append_time) * 1000
                + EXTRACT(MILLISECOND FROM append_time),
            log_partition INT METADATA FROM 'partition' VIRTUAL,
            log_offset BIGINT METADATA FROM 'offset' VIRTUAL
        ) WITH (
            'connector' = 'kafka',
            'topic' = '{";".join(job.inputs)}',
            'properties.bootstrap.servers' = '{kafka}',
            'properties.group.id' = '{job.group}',
            'properties.fetch.min.bytes' = '{MOST_AWAITED_BYTES if patience_ms else 1}',
            'properties.fetch.max.wait.ms' = '{patience_ms or 500}',
            'scan.startup.mode' = 'earliest-offset',
            'key.format' = 'raw',
            'key.fields' = 'log_key',
            'value.format' = 'raw',
            'value.fields-include' = 'EXCEPT_KEY'
        )""")
    return "log"


def _lanes(log: str, lanes: int) -> str:
    """Each record behind its lane.

    Args:
        log: the table of the log.
        lanes: how many lanes its partitions make.
    """
    return _grouped(log, f"CAST(MOD(log_partition, {lanes}) AS STRING)")


def _topics(log: str, wanted: str) -> str:
    """Each record behind its topic.

    Args:
        log: the table of the topics.
        wanted: which records to read, as SQL over `topic` and `log_key`.
    """
    return f"{_grouped(log, 'topic')} WHERE {wanted}"


def _grouped(log: str, group: str) -> str:
    """Each record of a log behind a group, as `LOGGED` has it."""
    key = "CAST(COALESCE(log_key, '') AS BYTES)"
    return f"SELECT {group}, {key}, log_value, at_ms, log_partition, log_offset FROM {log}"


def _keyed(batches: DataStream) -> KeyedStream:
    """Batches by their keys, taken in the JVM; PyFlink's own `key_by` runs Python."""
    selector = get_gateway().jvm.org.apache.flink.streaming.api.functions.python.KeyByKeySelector()
    key = Types.ROW([Types.STRING()]).get_java_type_info()
    return KeyedStream(batches._j_data_stream.keyBy(selector, key), BATCH, batches)


def _attach_sink(
    tables: StreamTableEnvironment,
    outputs: DataStream,
    job: MachineJob | WindowedJob,
    kafka: str,
) -> None:
    """One producer to all topics of the job; at least once, so nothing waits for a checkpoint."""
    tables.execute_sql(f"""
        CREATE TEMPORARY TABLE outputs (
            topic STRING METADATA,
            record_key BYTES,
            record_value BYTES
        ) WITH (
            'connector' = 'kafka',
            'topic' = '{";".join(job.outputs)}',
            'properties.bootstrap.servers' = '{kafka}',
            'key.format' = 'raw',
            'key.fields' = 'record_key',
            'value.format' = 'raw',
            'value.fields-include' = 'EXCEPT_KEY',
            'sink.delivery-guarantee' = 'at-least-once',
            'properties.acks' = 'all',
            'properties.linger.ms' = '1',
            'properties.enable.idempotence' = 'true'
        )""")
    statements = tables.create_statement_set()
    statements.add_insert("outputs", tables.from_data_stream(scattered(outputs)))
    statements.attach_as_datastream()


def _set(step: Any, name: str, value: Any) -> None:
    """Set a private field of one of Flink's objects."""
    field = step.getClass().getDeclaredField(name)
    field.setAccessible(True)
    field.set(step, value)


def _name_operators(
    environment: StreamExecutionEnvironment, name: str, source: str, numbers: Mapping[str, int]
) -> None:
    """Give source and sink names for people, and every operator a uid of its own."""
    readable = {"SourceTransformation": source, "SinkTransformation": f"{name} outputs"}
    for index, step in enumerate(_transformations(environment)):
        kind = step.getClass().getSimpleName()
        if kind in readable:
            step.setName(readable[kind])
        if kind != "PartitionTransformation" and step.getUid() is None:
            step.setUid(f"{name}/{numbers.get(kind, index)}-{kind}")


def _transformations(environment: StreamExecutionEnvironment) -> Iterator[Any]:
    """Every step of the job's graph, once, in an order that depends on its shape alone."""
    seen: set[int] = set()
    todo = list(environment._j_stream_execution_environment.getTransformations())
    while todo:
        step = todo.pop(0)
        if step.getId() not in seen:
            seen.add(step.getId())
            yield step
            todo += list(step.getInputs())
