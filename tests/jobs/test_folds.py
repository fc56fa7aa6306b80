"""The script that writes rows of facts, on a Redis of the test's own: merged is as one by one."""

import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import projection, rows
from jobs.projection import Fact
from jobs.rows import Fold, Row
from schemas import names, views
from stack.redis import executable
from tests.jobs.test_views import random_market, redis_rows, scenario

START_SECONDS: Final = 10.0
FIELDS: Final = {
    "creation": ("order_id", "account_id", "side"),
    "total": ("quantity",),
    "fills": ("remaining",),
    "closing": ("reason",),
    "rejection": ("order_id", "account_id", "code"),
}
"""Two groups have fields in common, as an order's have."""
Rows = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def client() -> Iterator["redis.Redis"]:
    """An empty Redis, which only this module can reach."""
    with TemporaryDirectory() as folder:
        socket = Path(folder) / "socket"
        words = ("--port", "0", "--unixsocket", str(socket), "--dir", folder, "--save", "")
        server = subprocess.Popen([executable(), *words], stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not socket.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            with redis.Redis(unix_socket_path=str(socket), decode_responses=True) as client:
                yield client
        finally:
            server.terminate()
            server.wait()


def fold(key: str, group: str, at: int, value: str) -> Fold:
    words = [word for name in FIELDS[group] for word in (name, f"{value} of {group}")]
    return Fold(key, group, views.stamp(at, 0), lambda _: words, {})


FOLDS = st.builds(
    fold,
    st.sampled_from(("order:a", "order:a", "order:b")),
    st.sampled_from(("creation", "creation", "rejection", *sorted(FIELDS))),
    st.integers(0, 4),
    st.sampled_from("xyz"),
)
PENDING: Final = {"digest": "d", "created_at_ms": "1", "order_id": "o", "side": "bid"}
"""What the API may have written before."""


def by_rule(held: Rows, folds: list[Fold]) -> None:
    """Take folds one by one as `views.FOLD` says, in a dict."""
    for each in folds:
        row = held.setdefault(each.key, {})
        if each.stamp > row.get(each.group, ""):
            if each.group == "creation" and row.get("creation"):
                row.pop("digest", None)
                row.pop("created_at_ms", None)
            row.update({each.group: each.stamp, **each.fields})


def take(client: "redis.Redis", told: list[Row]) -> None:
    words = [word for row in told for word in row.arguments()]
    client.register_script(views.FOLD)(keys=[row.key for row in told], args=words)


def held_in(client: "redis.Redis") -> Rows:
    return {key: client.hgetall(key) for key in client.keys("order:*")}


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    is_pending=st.booleans(),
    before=st.lists(FOLDS, max_size=3),
    folds=st.lists(FOLDS, min_size=2, max_size=12),
)
def test_merged_folds_leave_what_they_leave_one_by_one(
    client: "redis.Redis", is_pending: bool, before: list[Fold], folds: list[Fold]
) -> None:
    expected: Rows = {"order:a": dict(PENDING)} if is_pending else {}
    by_rule(expected, [*before, *folds])
    for is_merged in (False, True):
        client.flushall()
        if is_pending:
            client.hset("order:a", mapping=PENDING)
        for each in before if is_merged else [*before, *folds]:
            take(client, [Row(each.key, {each.group: each})])
        if is_merged:
            take(client, rows.merged(folds))
        assert held_in(client) == expected


def test_folds_of_a_row_are_taken_at_once() -> None:
    told = [fold("order:a", group, at, "x") for at in (1, 3, 2) for group in sorted(FIELDS)]
    first, *others = rows.merged(each for each in told if each.group != "creation")
    assert others == []
    assert {each.stamp for each in first.folds.values()} == {views.stamp(3, 0)}
    assert len(first.folds) == len(FIELDS) - 1


def test_of_facts_that_another_one_replaces_no_fields_are_made() -> None:
    def fail(_: Any) -> list[str]:
        raise AssertionError("made")

    older, newer = fold("order:a", "total", 1, "x"), fold("order:a", "total", 2, "y")
    for folds in ([older._replace(tell=fail), newer], [newer, older._replace(tell=fail)]):
        (row,) = rows.merged(folds)
        assert row.arguments() == [1, "total", 4, "total", newer.stamp, "quantity", "y of total"]


def written(client: "redis.Redis", facts: list[Any], size: int) -> None:
    """Write facts of machines in batches of so many."""
    store = projection.Redis(client)
    told = [Fact(names.FACT_TOPICS[kind], record) for kind, record in facts]
    for start in range(0, len(told), size):
        store.write(told[start : start + size])


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_batches_of_any_size_tell_the_same_orders(client: "redis.Redis", size: int) -> None:
    for facts in (scenario().facts, random_market(random.Random(size)).facts):
        client.flushall()
        written(client, facts, size)
        assert held_in(client) == redis_rows(facts)


def test_more_rows_than_go_into_one_call_are_all_written(
    client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "MOST_ROWS", 2)
    client.flushall()
    facts = scenario().facts
    written(client, facts, len(facts))
    assert held_in(client) == redis_rows(facts)


def test_a_redis_that_forgot_the_script_is_told_it_again(client: "redis.Redis") -> None:
    client.flushall()
    facts = scenario().facts
    written(client, facts[:9], 9)
    client.script_flush()
    written(client, facts[9:], 1_000)
    assert held_in(client) == redis_rows(facts)
