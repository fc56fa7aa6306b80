"""The Kafka broker: one node that is its own KRaft controller, run from its Maven artifacts."""

import subprocess
from pathlib import Path

from schemas.settings import Settings
from stack import artifacts, java
from stack.program import Program, StackError, bare_environment, listens

HEAP = ("-Xms256m", "-Xmx512m", "-XX:+UseParallelGC")
LOGGING = """\
status = warn
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


def program(settings: Settings) -> Program:
    """The broker; formats its log folder at the first start."""
    home = settings.path("HOME") / "kafka"
    options = (
        *HEAP,
        *java.shared_archive(settings, "kafka"),
        java.scratch(settings),
        f"-Dlog4j2.configurationFile={home / 'log4j2.properties'}",
    )
    classpath = artifacts.paths(settings, "kafka")
    return Program(
        name="kafka",
        command=(*java.run(options, classpath, "kafka.Kafka"), str(home / "server.properties")),
        environment=bare_environment(),
        ports=(settings.port("KAFKA_PORT"), settings.port("KAFKA_CONTROLLER_PORT")),
        ready=listens(settings.text("HOST"), settings.port("KAFKA_PORT")),
        prepare=lambda: _prepare(settings, home),
        stop_seconds=30,
    )


def properties(settings: Settings, home: Path) -> str:
    """The broker's configuration: one replica of everything, loopback only.

    Clients are told the address that the settings name, which may be that of a link to it.
    """
    host = settings.text("HOST")
    port, controller = settings.port("KAFKA_PORT"), settings.port("KAFKA_CONTROLLER_PORT")
    listeners = f"PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}"
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"{host}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": listeners,
        "advertised.listeners": f"PLAINTEXT://{settings.text('KAFKA_BOOTSTRAP')},"
        f"CONTROLLER://{host}:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(home / "data"),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "10",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "10",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Hundreds of partitions on one small disk: small segments, few threads.
        "log.segment.bytes": str(64 << 20),
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
        "num.network.threads": "1",
        "num.io.threads": "2",
        "num.recovery.threads.per.data.dir": "2",
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


def _prepare(settings: Settings, home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    java.scratch_folder(settings).mkdir(exist_ok=True)
    (home / "server.properties").write_text(properties(settings, home))
    (home / "log4j2.properties").write_text(LOGGING)
    if not (home / "data" / "meta.properties").exists():
        _format(settings, home)


def _format(settings: Settings, home: Path) -> None:
    tool = java.run(
        ("-Xmx128m", "-XX:TieredStopAtLevel=1"),
        artifacts.paths(settings, "kafka"),
        "kafka.tools.StorageTool",
    )
    cluster = _run(*tool, "random-uuid").strip().splitlines()[-1]
    _run(*tool, "format", "--standalone", "-t", cluster, "-c", str(home / "server.properties"))


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=bare_environment())
    if done.returncode != 0:
        raise StackError(f"kafka's storage tool failed: {done.stdout}{done.stderr}".strip())
    return done.stdout
