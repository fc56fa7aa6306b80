"""How a demo ends."""

import asyncio

import pytest

from cli.commands.demo import one_error
from cli.errors import Unreachable


async def away() -> None:
    raise Unreachable("no market answers")


async def two_that_fail() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(away())
        tasks.create_task(away())


async def all_in_groups() -> None:
    with one_error():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(two_that_fail())


def test_a_demo_without_a_market_ends_for_one_reason_not_for_a_group() -> None:
    with pytest.raises(Unreachable, match="no market answers"):
        asyncio.run(all_in_groups())
