"""The log as the API appends to it, on a producer that keeps what it is given to itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from query_api.adapters import kafka
from query_api.adapters.kafka import KafkaLog
from query_api.ports import OutcomeUnknown
from schemas.names import ACCOUNTS_COMMANDS

NO_CODEC = SimpleNamespace(encoder=lambda topic: bytes)


class SilentProducer:
    """Tells of a delivery only when it is asked to."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def produce(self, topic: str, value: bytes, key: str, on_delivery: Any) -> None:
        self.sent.append(on_delivery)

    def poll(self, seconds: float) -> None:
        time.sleep(0.01)

    def flush(self, seconds: float) -> int:
        return 0


@asynccontextmanager
async def opened(producer: SilentProducer) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(producer, NO_CODEC)  # type: ignore[arg-type]
    running = asyncio.create_task(asyncio.to_thread(log.run))
    yield log
    log.close()
    await running


def append(log: KafkaLog) -> "asyncio.Task[None]":
    return asyncio.create_task(log.append(ACCOUNTS_COMMANDS, "a", {}))


async def test_an_append_that_nobody_tells_of_is_given_up_and_others_are_not() -> None:
    producer = SilentProducer()
    with mock.patch.object(kafka, "APPEND_SECONDS", 0.3):
        async with opened(producer) as log:
            told, lost = append(log), append(log)
            await asyncio.sleep(0.1)
            later = append(log)
            await asyncio.sleep(0)
            producer.sent[0](None, None)
            await told
            with pytest.raises(OutcomeUnknown):
                await lost
            assert not later.done()
            producer.sent[2](None, None)
            await later
            with pytest.raises(OutcomeUnknown):  # the timer that had ended begins anew
                await append(log)


async def test_a_delivery_that_is_told_too_late_changes_nothing() -> None:
    producer = SilentProducer()
    with mock.patch.object(kafka, "APPEND_SECONDS", 0.05):
        async with opened(producer) as log:
            with pytest.raises(OutcomeUnknown):
                await append(log)
            producer.sent[0](None, None)
            again = append(log)
            await asyncio.sleep(0)
            producer.sent[1](None, None)
            await again
