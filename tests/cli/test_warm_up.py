"""A warm-up on a market that is busy already: what is refused for now ends nothing."""

from pathlib import Path
from typing import Any

import pytest

from cli.commands import warm_up
from cli.commands.warm_up import Keys
from cli.errors import Refused
from cli.session import Session
from schemas.settings import Settings


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    async def keys(*_: Any) -> Keys:
        return Keys("account", "key")

    monkeypatch.setattr(warm_up, "_keys", keys)
    monkeypatch.setattr(warm_up, "BUSY_SECONDS", 0.0)
    monkeypatch.setattr(warm_up, "MOST_ROUNDS", 30)
    return Session(Settings({}).with_values(HOME=str(tmp_path)))


async def test_what_is_refused_as_too_much_is_followed_by_another_round(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter([Refused({"status": 429, "code": "OVERLOADED"})] * 50)

    async def busy(*_: Any) -> float:
        if refusal := next(refusals, None):
            raise refusal
        return 1.0

    monkeypatch.setattr(warm_up, "_round", busy)
    rounds, p95_ms, _ = await warm_up._warm(session)
    assert (rounds >= 30, p95_ms) == (True, 1.0)


async def test_any_other_refusal_ends_it(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: Any) -> float:
        raise Refused({"status": 403, "code": "ACCOUNT_SUSPENDED"})

    monkeypatch.setattr(warm_up, "_round", refused)
    with pytest.raises(Refused, match="ACCOUNT_SUSPENDED"):
        await warm_up._warm(session)
