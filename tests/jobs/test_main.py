"""The command line: named refusals, never a trace."""

import pytest

from jobs.__main__ import COMMANDS, _command, main
from jobs.kafka import WrongTopics, refuse_other_counts
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
    refuse_other_counts({name: t.partitions for name, t in contract.topics().items()}, 32)


def test_other_partitions_are_refused_by_name() -> None:
    with pytest.raises(WrongTopics, match=r"books\.commands must have 10 partitions, has 3"):
        refuse_other_counts({"books.commands": 3}, 32)


def test_no_topic_has_more_partitions_than_the_market_allows() -> None:
    refuse_other_counts({"books.commands": 2, "dead.letters": 1}, 2)
    with pytest.raises(WrongTopics, match=r"must have 2 .*, has 10 .*MAX_PARTITIONS=2;"):
        refuse_other_counts({"books.commands": 10}, 2)


def test_a_missing_topic_is_refused_by_name() -> None:
    with pytest.raises(WrongTopics, match=r"orders\.created does not exist"):
        refuse_other_counts({}, 2, ["orders.created"])
