"""The fuzzer's short form, and that it can find something."""

from decimal import Decimal
from typing import Any

import pytest

from query_api import problems
from query_api.endpoint import PREFIX
from query_api.serving import Server
from tests.fuzz import __main__ as command_line
from tests.fuzz.run import shot


@pytest.mark.timeout(300)
def test_1000_cases_find_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    code = command_line.main(["--cases", "1000"])
    told = capsys.readouterr().out
    assert code == 0, told
    assert ": 0 answers of 500 or more, 0 flaws" in told


def test_a_value_that_cannot_be_told_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it once was with fractions, where readings are told."""
    shortened = problems.shortened

    def faulty(value: object) -> Any:
        assert not isinstance(value, Decimal)
        return shortened(value)

    monkeypatch.setattr(problems, "shortened", faulty)
    told = shot("bodies", seed=0, cases=300)
    assert told.statuses[500] > 0 or any("raised" in flaw for flaw in told.flaws), told
    assert any("Decimal" in flaw or "500: /api" in flaw for flaw in told.flaws), told


@pytest.mark.parametrize("kind", ["documented", "sequences"])
def test_a_failing_server_is_found(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Server._answer

    async def failing(self: Server, endpoint: Any, *others: Any) -> Any:
        if endpoint.method == "GET" and endpoint.path != f"{PREFIX}/nodes":
            raise ZeroDivisionError
        return await answer(self, endpoint, *others)

    monkeypatch.setattr(Server, "_answer", failing)
    told = shot(kind, seed=0, cases=100)
    assert told.statuses[500] > 0
    assert any("answered 500" in flaw for flaw in told.flaws), told
    assert any("Server error" in flaw for flaw in told.flaws), told
