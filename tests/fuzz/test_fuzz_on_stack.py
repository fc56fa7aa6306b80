"""The fuzzer's short form at an API on real servers."""

import pytest

from cli.session import Session
from schemas.settings import Settings
from tests.fuzz.real import shoot_at

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_500_spoiled_bodies_find_no_fault(market: Settings) -> None:
    told = shoot_at(Session(market), seed=0, cases=500)
    assert told.flaws == []
    assert max(told.statuses) < 500
    assert sum(told.statuses[status] for status in (200, 201, 202)) > 50, "too little was taken"
