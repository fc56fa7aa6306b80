"""The auditor and five faults on the market that the user stories before them have used.

The folder's name puts it right after them, and before the tests that write to logs by hand.
"""

import asyncio
from dataclasses import replace
from typing import Final

import pytest

from cli.log import connect
from schemas.settings import Settings
from tests.faults.damage import FAULTS as DAMAGES
from tests.faults.fault import Fault
from tests.faults.harness import Harness, Opened
from tests.faults.kill import SUPERVISOR, Kill
from tests.faults.market import Market
from tests.faults.wipe import WipeRedis
from tests.story import Run, runner

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]
RATE: Final = 50
HEALED_SECONDS: Final = 120.0
"""Twice the promise: machines that run tests are busy."""
FAULTS: Final[tuple[Fault, ...]] = (
    Kill("projection", HEALED_SECONDS),
    WipeRedis(limit_seconds=HEALED_SECONDS),
    Kill(SUPERVISOR, HEALED_SECONDS),
    Kill("clickhouse", HEALED_SECONDS),
    replace(DAMAGES[0], limit_seconds=HEALED_SECONDS),
)


@pytest.fixture
def run(market: Settings) -> Run:
    return runner(market)


def test_what_the_user_stories_left_behind_is_as_promised(run: Run) -> None:
    promises = run("audit", "--ask-hash")["promises"]
    assert {each["rule"]: each["first"] for each in promises} == {
        f"INV{number}": None for number in (1, 3, 4, 5, 6, 9, 10)
    }
    assert {each["verdict"] for each in promises} == {"holds"}
    counted = {each["rule"]: each["counted"] for each in promises}
    assert not counted["INV1"].startswith("0 orders")


async def look_at_a_market_in_motion(harness: Harness) -> list[str]:
    """As `audit --follow` does; what it has to say while orders come and trade."""
    harness.load.start()
    found: list[str] = []
    for _ in range(2):
        await asyncio.sleep(2)
        await asyncio.to_thread(harness.audit.catch_up)
        findings = await asyncio.to_thread(harness.audit.judge, at_rest=False)
        found = [each.first or each.unknown or "" for each in findings]
    await harness.load.stop()
    return [text for text in found if text]


def test_five_faults_under_load_are_survived(market: Settings) -> None:
    async def strike() -> list[str]:
        with connect(market) as log:
            orders = RATE * 60 * len(FAULTS)
            async with Opened(Market(market, False), log, RATE, 1, orders) as harness:
                in_motion = await look_at_a_market_in_motion(harness)
                results = [
                    await harness.audited(await harness.strike(fault, 1, 1)) for fault in FAULTS
                ]
        return in_motion + [f"{e.fault}: {e.problems}" for e in results if not e.is_survived]

    assert asyncio.run(strike()) == []
