"""The short form of `make same-key`, on a market of real servers."""

import pytest
import uvloop

from cli.log import connect
from cli.session import Session
from schemas.settings import Settings
from tests.faults.same_key import play_rounds

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_o2_fifty_equal_requests_at_once_are_one_order(market: Settings) -> None:
    with connect(market) as log:
        result = uvloop.run(play_rounds(Session(market), log, rounds=20, at_once=50))
    assert result.wrong == []
    assert result.requests == 1_000
