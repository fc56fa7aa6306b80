"""Views filled anew from the log: every record to both stores, and what is gone is said first."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import OperationalError

from jobs import rebuild
from jobs.projection import Fact
from jobs.rebuild import Gap, HistoryMissing
from schemas.settings import Settings
from tests.jobs.test_projection import CODEC, Message, status

TOPIC = "market.status"


class Store:
    """Remembers its batches."""

    name = "store"
    topics = (TOPIC,)

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def write(self, facts: list[Fact]) -> None:
        assert {fact.topic for fact in facts} <= {TOPIC}
        self.batches.append([fact.record["book_seq"] for fact in facts])


def read(*values: bytes) -> Any:
    def messages(topic: str) -> Iterator[Message]:
        assert topic == TOPIC
        return (Message(value, offset) for offset, value in enumerate(values))

    return messages


def test_every_record_goes_to_both_stores_and_progress_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rebuild, "BATCH_RECORDS", 2)
    stores, told = (Store(), Store()), []
    rebuild.write(stores, CODEC, read(*map(status, (1, 2, 3))), told.append)  # type: ignore[arg-type]
    assert [store.batches for store in stores] == [[[1, 2], [3]]] * 2
    assert told == ["market.status: 2 records", "market.status: 3 records"]


def test_what_cannot_be_read_is_passed_over_by_name(caplog: pytest.LogCaptureFixture) -> None:
    stores = (Store(), Store())
    rebuild.write(stores, CODEC, read(status(1), b"junk", status(3)), print)  # type: ignore[arg-type]
    assert stores[0].batches == [[1, 3]]
    assert "passed over market.status 4@1: 4 bytes are too few" in caplog.text


def test_an_empty_topic_writes_nothing() -> None:
    stores = (Store(), Store())
    rebuild.write(stores, CODEC, read(), print)  # type: ignore[arg-type]
    assert stores[0].batches == stores[1].batches == []


def test_a_store_that_fails_is_a_refusal_not_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(rebuild.servers, "create_tables", away)
    with pytest.raises(rebuild.StoreFailed, match="connection refused; what was written"):
        rebuild.run(Settings({}))


def test_a_table_that_lost_what_the_log_no_longer_holds_is_refused_by_name() -> None:
    found = [Gap("orders.matched", 1_204, 0), Gap("orders.created", 7, 9)]
    with pytest.raises(HistoryMissing) as refused:
        rebuild.check(found, accept_gaps=False)
    assert str(refused.value).startswith(
        "orders.matched keeps 7 days, 1,204 older records are gone from it; its table has 0 rows. "
    )
    assert "orders.created" not in str(refused.value)
    assert "--yes" in str(refused.value)
    rebuild.check(found, accept_gaps=True)


def test_what_a_table_still_has_is_told_to_stay(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        rebuild.check([Gap("orders.created", 7, 9)], accept_gaps=False)
    assert "7 older records are gone from it; its table has 9 rows, which stay" in caplog.text
