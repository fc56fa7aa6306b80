"""How the servers are configured, without starting any."""

import os
import subprocess
from pathlib import Path

import psutil
import pytest

from schemas.settings import Settings
from stack import flink, kafka, ports, postgres, redis

SETTINGS = Settings({}).with_values(
    HOME="/srv/market", KAFKA_PORT="1092", KAFKA_BOOTSTRAP="127.0.0.1:3092"
)


def test_kafka_listens_on_loopback_alone_and_keeps_one_replica() -> None:
    lines = kafka.properties(SETTINGS, Path("/srv/market/kafka")).splitlines()
    assert "listeners=PLAINTEXT://127.0.0.1:1092,CONTROLLER://127.0.0.1:28093" in lines
    told = "advertised.listeners=PLAINTEXT://127.0.0.1:3092,CONTROLLER://127.0.0.1:28093"
    assert told in lines, "clients are told where the settings say that it is"
    assert "offsets.topic.replication.factor=1" in lines
    assert "auto.create.topics.enable=false" in lines


def test_flink_runs_python_in_the_taskmanager_and_keeps_its_checkpoints() -> None:
    values = flink.configuration(SETTINGS, "--add-opens=x")
    assert values["python.execution-mode"] == "thread"
    assert values["execution.checkpointing.dir"] == "file:///srv/market/flink/checkpoints"
    options = f"--add-opens=x -Djava.io.tmpdir=/srv/market/scratch {flink.CALM}"
    assert values["env.java.opts.all"] == options
    for program in (flink.jobmanager(SETTINGS), flink.taskmanager(SETTINGS)):
        # With it in the environment Flink's scripts would not read the options above.
        assert "FLINK_ENV_JAVA_OPTS" not in program.environment
    hosts = ("rest.bind-address", "jobmanager.bind-host", "taskmanager.bind-host")
    assert {values[key] for key in hosts} == {"127.0.0.1"}


def test_the_locks_of_a_dead_postgres_that_nobody_buried_are_removed(tmp_path: Path) -> None:
    locks = [tmp_path / name for name in ("postmaster.pid", postgres.SOCKET_LOCK)]
    with subprocess.Popen(["true"], cwd=tmp_path) as unburied:
        for lock in locks:
            lock.write_text(f"{unburied.pid}\n{tmp_path}\n")
        postgres.forget_dead(tmp_path, tmp_path, 5.0)
        os.kill(unburied.pid, 0)  # a zombie is there for whoever sends it a signal
        assert not any(lock.exists() for lock in locks)


def test_the_lock_stays_while_anybody_works_in_the_folder(tmp_path: Path) -> None:
    lock = tmp_path / "postmaster.pid"
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as worker:
        lock.write_text("1\n")
        postgres.forget_dead(tmp_path, tmp_path, 0.2)
        assert lock.exists()
        worker.kill()


def test_the_socket_of_postgres_stays_below_the_systems_limit() -> None:
    assert postgres.socket_folder(Path("/srv/market")) == Path("/srv/market/postgres-socket")
    deep = postgres.socket_folder(Path("/srv") / ("x" * 100))
    assert len(str(deep / ".s.PGSQL.5432")) <= 103
    assert deep != postgres.socket_folder(Path("/srv") / ("y" * 100))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64", (6, 2, 14)),
        ("Redis server v=7.0.15 sha=00000000:0", (7, 0, 15)),
        ("no such thing", ()),
    ],
)
def test_the_version_of_redis_is_read(answer: str, expected: tuple[int, ...]) -> None:
    assert redis.version(answer) == expected


def test_a_taken_port_is_named_with_its_owner() -> None:
    me = psutil.Process(os.getpid())
    text = ports.describe_taken("kafka", 28092, me)
    assert text.startswith(f"port 28092 of kafka is taken by process {me.pid} (")
    assert "cannot be seen" in ports.describe_taken("kafka", 28092, None)


def test_a_new_taskmanager_or_jobmanager_finds_nothing_of_one_that_was_killed(
    tmp_path: Path,
) -> None:
    settings = Settings({}).with_values(HOME=str(tmp_path))
    scratch = flink.home(settings) / "scratch"
    for folder in (scratch, scratch / "taskmanager"):
        (folder / "tm_127.0.0.1:4711-0a1b" / "tmp").mkdir(parents=True)
        (folder / "flink-rpc-akka-0a1b.jar").touch()
    assert f"-Dio.tmp.dirs={scratch / 'taskmanager'}" in flink.taskmanager(settings).command
    flink.taskmanager(settings).prepare()
    assert list((scratch / "taskmanager").iterdir()) == []
    assert len(list(scratch.iterdir())) == 3
    (scratch / "taskmanager" / "in use").touch()
    flink.jobmanager(settings).prepare()
    assert [left.name for left in scratch.iterdir()] == ["taskmanager"]
    assert [left.name for left in (scratch / "taskmanager").iterdir()] == ["in use"]
