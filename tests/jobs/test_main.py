"""The command line: named refusals, never a trace."""

import pytest

from jobs.__main__ import COMMANDS, _command, main
from jobs.kafka import WrongTopics, check_partition_counts
from schemas import contract

# PyFlink's table API warns of its own classes while it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.* has been deprecated since:DeprecationWarning")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP", "CLICKHOUSE_URL", "FLINK_URL", "REGISTRY_URL"):
        monkeypatch.delenv(f"GPUBROKER_{name}", raising=False)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_missing_setting_is_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"{name}: GPUBROKER_")
    assert "is not set" in told


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_there(name: str) -> None:
    assert callable(_command(name))


def test_only_what_is_known_can_be_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["submit", "--accept", "loss"])
    assert "invalid choice: 'loss' (choose from 'code', 'log')" in capsys.readouterr().err
    assert main(["submit", "--accept", "code", "--accept", "log"]) == 1
    assert "is not set" in capsys.readouterr().err


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fly"])
    assert "fly" in capsys.readouterr().err


def test_the_partitions_of_topics_toml_are_right() -> None:
    check_partition_counts({name: t.partitions for name, t in contract.topics().items()})


def test_other_partitions_are_refused_by_name() -> None:
    with pytest.raises(WrongTopics, match=r"books\.commands must have 10 partitions, has 3"):
        check_partition_counts({"books.commands": 3})


def test_a_missing_topic_is_refused_by_name() -> None:
    with pytest.raises(WrongTopics, match=r"orders\.created does not exist"):
        check_partition_counts({}, ["orders.created"])
