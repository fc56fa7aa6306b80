"""Settings: defaults, and errors that name the variable."""

import pytest

from schemas import settings
from schemas.settings import InvalidSetting, MissingSetting, Settings


def test_a_default_is_used_when_nothing_is_set() -> None:
    assert Settings({}).port("API_PORT") == 10355


def test_a_missing_setting_is_named_with_an_example() -> None:
    with pytest.raises(MissingSetting, match="GPUBROKER_REDIS_URL is not set: Redis, for example"):
        Settings({}).text("REDIS_URL")


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "-1", "1.5"])
def test_an_unreadable_port_is_named_with_its_value(text: str) -> None:
    with pytest.raises(InvalidSetting, match="GPUBROKER_API_PORT must be a port"):
        Settings({"GPUBROKER_API_PORT": text}).port("API_PORT")


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "1.5"])
def test_a_limit_is_a_number_above_zero(text: str) -> None:
    with pytest.raises(InvalidSetting, match="GPUBROKER_RATE_KEY_READS must be a whole number ab"):
        Settings({"GPUBROKER_RATE_KEY_READS": text}).positive("RATE_KEY_READS")


def test_a_misspelt_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUBROKER_API_PROT", "1")
    with pytest.raises(InvalidSetting, match="GPUBROKER_API_PROT is not a setting"):
        settings.from_environment()


def test_children_get_our_variables_only() -> None:
    ours = Settings({"GPUBROKER_HOME": "h", "PATH": "p"}).with_values(API_PORT="5")
    assert ours.as_environment() == {"GPUBROKER_HOME": "h", "GPUBROKER_API_PORT": "5"}
