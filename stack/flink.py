"""The Flink cluster: a JobManager and a TaskManager of the distribution inside the PyFlink wheel.

Each runs in the foreground under the supervisor. When the JobManager dies, the jobs are deployed
anew, on the TaskManager that was there: to start it takes longer than all else (decision 0043).
Python runs inside it (thread mode), and its modules outlive a job: other code needs another one, so
a market whose code changed is to be stopped and started.
"""

import json
import re
import shutil
import sys
import sysconfig
from pathlib import Path
from threading import Lock

from schemas.settings import Settings
from stack import artifacts, java, state
from stack.program import ROOT, Program, StackError, answers, bare_environment, installed

SLOTS = 8
JOBMANAGER = "flink-jobmanager"
TASKMANAGER = "flink-taskmanager"
JOBMANAGER_MEMORY = "1024m"
TASKMANAGER_MEMORY = "3072m"
MANAGED_MEMORY = "512m"
"""Of it for RocksDB and for records that wait for their windows; what it has more is heap, where
the rollup job keeps the readings of a minute."""
CALM = "-Dpekko.scheduler.tick-duration=50ms"
"""Flink's messaging looks for what is due twenty times a second, for heartbeats and timeouts of
seconds, and not a hundred times in each of four threads."""
SITE_PACKAGES = Path(sysconfig.get_paths()["purelib"])
_PREPARING = Lock()
"""The JobManager and whoever submits jobs need the same files, at the same time."""
LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c{1} %x - %m%n
logger.pekko.name = org.apache.pekko
logger.pekko.level = WARN
logger.kafka.name = org.apache.kafka
logger.kafka.level = WARN
logger.netty.name = org.jboss.netty.channel.DefaultChannelPipeline
logger.netty.level = OFF
"""


def jobmanager(settings: Settings) -> Program:
    """The JobManager with REST API and web page."""
    port = settings.port("FLINK_PORT")
    return Program(
        name=JOBMANAGER,
        command=_command("jobmanager.sh"),
        environment=_environment(settings),
        folder=home(settings),
        ports=(port, settings.port("FLINK_RPC_PORT")),
        ready=answers(f"{url(settings)}/overview"),
        prepare=lambda: _prepare_jobmanager(settings),
    )


def taskmanager(settings: Settings) -> Program:
    """The TaskManager, ready once the JobManager counts its slots."""
    return Program(
        name=TASKMANAGER,
        command=_command("taskmanager.sh", f"-Dio.tmp.dirs={_of_taskmanager(settings)}"),
        needs=(JOBMANAGER,),
        environment=_environment(settings),
        folder=home(settings),
        ready=answers(f"{url(settings)}/overview", _has_slots),
        prepare=lambda: _empty(_of_taskmanager(settings)),
    )


def url(settings: Settings) -> str:
    """The base of Flink's REST API, and its web page."""
    return f"http://{settings.text('HOST')}:{settings.port('FLINK_PORT')}"


def home(settings: Settings) -> Path:
    """Flink's part of the state folder: configuration, checkpoints, savepoints, scratch."""
    return settings.path("HOME") / "flink"


def checkpoints(settings: Settings) -> Path:
    """Where the jobs keep their checkpoints."""
    return home(settings) / "checkpoints"


def configuration(settings: Settings, java_options: str) -> dict[str, str | int | bool]:
    """What config.yaml says, as flat keys."""
    host, folder = settings.text("HOST"), home(settings)
    return {
        "env.java.opts.all": f"{java_options} {java.scratch(settings)} {CALM}",
        "env.java.opts.jobmanager": " ".join(
            (*java.SMALL, *java.shared_archive(settings, JOBMANAGER))
        ),
        # Its heap is for the windows of many GPUs; until there are, it stays small (the last -Xms
        # counts, and Flink's own is as large as -Xmx).
        "env.java.opts.taskmanager": "-XX:+UseParallelGC -Xms384m -XX:GCTimeRatio=19",
        "jobmanager.rpc.address": host,
        "jobmanager.rpc.port": settings.port("FLINK_RPC_PORT"),
        "jobmanager.bind-host": host,
        "jobmanager.memory.process.size": JOBMANAGER_MEMORY,
        "taskmanager.host": host,
        "taskmanager.bind-host": host,
        "taskmanager.numberOfTaskSlots": SLOTS,
        "taskmanager.memory.process.size": TASKMANAGER_MEMORY,
        "taskmanager.memory.managed.size": MANAGED_MEMORY,
        "parallelism.default": settings.number("PARALLELISM"),
        "rest.address": host,
        "rest.bind-address": host,
        "rest.port": settings.port("FLINK_PORT"),
        # The web page shows the TaskManager's log as the supervisor writes it.
        "taskmanager.log.path": str(state.logs(settings.path("HOME")) / f"{TASKMANAGER}.log"),
        "web.tmpdir": str(folder / "scratch"),
        "io.tmp.dirs": str(folder / "scratch"),
        # Python inside the TaskManager, with the project itself on its path.
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "python.execution-mode": "thread",
        "python.pythonpath": f"{SITE_PACKAGES}:{ROOT}",
        "state.backend.type": "rocksdb",
        "state.backend.rocksdb.timer-service.factory": "HEAP",
        "state.backend.rocksdb.compression.per.level": "NO_COMPRESSION",
        "execution.checkpointing.incremental": True,
        "execution.checkpointing.interval": f"{settings.number('CHECKPOINT_INTERVAL_MS')} ms",
        "execution.checkpointing.dir": checkpoints(settings).as_uri(),
        "execution.checkpointing.savepoint-dir": (folder / "savepoints").as_uri(),
        "execution.checkpointing.num-retained": 3,
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "500 ms",
        "restart-strategy.exponential-delay.max-backoff": "10 s",
        "restart-strategy.exponential-delay.reset-backoff-threshold": "1 min",
        # A TaskManager that outlives its JobManager looks for the next one so often, and keeps the
        # slots of the jobs that it knew for so long.
        "cluster.registration.error-delay": "500 ms",
        "taskmanager.slot.timeout": "1 s",
        "heartbeat.interval": "1 s",
        "heartbeat.timeout": "5 s",
        "web.submit.enable": False,
        "rest.flamegraph.enabled": True,
    }


def _command(script: str, *properties: str) -> tuple[str, ...]:
    """Flink's script in the foreground; it computes the JVM's memory and becomes the JVM."""
    return ("bash", str(_distribution() / "bin" / script), "start-foreground", *properties)


def client_environment(settings: Settings) -> dict[str, str]:
    """What Flink's scripts and PyFlink's JVM need to find our class path and configuration.

    Without FLINK_HOME, PyFlink sets FLINK_LIB_DIR itself.
    """
    folder = home(settings)
    return {
        "JAVA_HOME": str(java.HOME),
        "FLINK_HOME": str(_distribution()),
        "FLINK_CONF_DIR": str(folder / "conf"),
        "FLINK_LIB_DIR": str(folder / "lib"),
        "FLINK_LOG_DIR": str(folder / "scratch"),
        "FLINK_PID_DIR": str(folder / "scratch"),
    }


def submit_environment(settings: Settings) -> dict[str, str]:
    """What PyFlink's JVM needs to submit jobs; it lives for seconds, so it compiles little."""
    return {
        **client_environment(settings),
        "JVM_ARGS": " ".join(java.SMALL),
    }


def _environment(settings: Settings) -> dict[str, str]:
    # Without FLINK_ENV_JAVA_OPTS: with it Flink's scripts would not read env.java.opts.all.
    return {
        **bare_environment(),
        **client_environment(settings),
        # Jobs must run the code beside this file, also where another checkout of the project is
        # installed in the environment: what is installed comes before `python.pythonpath`.
        "PYTHONPATH": str(ROOT),
    }


def _has_slots(body: bytes) -> bool:
    return int(json.loads(body)["slots-total"]) >= SLOTS


def prepare(settings: Settings) -> None:
    """Make the folders, the configuration and the class path; what is as it should be stays."""
    folder = home(settings)
    with _PREPARING:
        for name in ("conf", "checkpoints", "savepoints", "scratch", "lib"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        java.scratch_folder(settings).mkdir(exist_ok=True)
        values = configuration(settings, _shipped_java_options())
        text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())
        _write(folder / "conf" / "config.yaml", text)
        _write(folder / "conf" / "log4j-console.properties", LOGGING)
        _link_jars(settings, folder / "lib")


def _write(file: Path, text: str) -> None:
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


def _of_taskmanager(settings: Settings) -> Path:
    """Its part of the scratch folder: a TaskManager that starts may live beside a JobManager."""
    return home(settings) / "scratch" / "taskmanager"


def _prepare_jobmanager(settings: Settings) -> None:
    _empty(home(settings) / "scratch", besides=_of_taskmanager(settings))
    prepare(settings)


def _empty(folder: Path, besides: Path | None = None) -> None:
    """Remove what one that was killed left: libraries that it unpacked, a copy of its state."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        if left.is_dir() and left != besides:
            shutil.rmtree(left, ignore_errors=True)
        elif left.is_file():
            left.unlink(missing_ok=True)


def _link_jars(settings: Settings, lib: Path) -> None:
    """A class path of our own: the distribution, the connectors, and flink-python.

    Without flink-python here, a TaskManager's second Python job fails on Java 17 and later.
    """
    distribution = _distribution()
    jars = {
        jar.name: jar
        for jar in (
            *distribution.glob("lib/*.jar"),
            *distribution.glob("opt/flink-python-*.jar"),
            *artifacts.paths(settings, "flink"),
        )
    }
    for link in lib.iterdir():
        if link.name not in jars or link.resolve() != jars[link.name].resolve():
            link.unlink()
    for name, jar in jars.items():
        if not (lib / name).is_symlink():
            (lib / name).symlink_to(jar)


def _shipped_java_options() -> str:
    """The module openings that the distribution's own configuration asks for."""
    shipped = (_distribution() / "conf" / "config.yaml").read_text()
    found = re.search(r"^ +all: (--add.*)$", shipped, re.MULTILINE)
    if not found:
        raise StackError("the shipped config.yaml of apache-flink has no env.java.opts.all")
    return found[1]


def _distribution() -> Path:
    return installed("pyflink")
