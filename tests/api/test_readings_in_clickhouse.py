"""Readings in ClickHouse: what the API's queries tell of the tables of ddl.sql, on the engine."""

import json
from collections.abc import Iterator
from typing import Any

import chdb.session
import httpx
import pytest

from jobs import rows
from jobs.contract import statements
from query_api.adapters.clickhouse import ClickHouse
from query_api.ports import ReadingFilter, WindowFilter
from schemas import generate
from schemas.bounds import ROLLED_UP, STATISTICS
from schemas.names import TELEMETRY_GPU, TELEMETRY_NODE

T0 = 1_790_000_000_000
LABELS = {"cluster_id": "c", "provider_id": "p", "region": "us-west-2", "gpu_type": "H100"}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    session = chdb.session.Session(str(tmp_path_factory.mktemp("readings")))
    for statement in statements(generate.ddl_source()):
        if "telemetry" in statement:
            # A test's readings may be of any time: nothing may end while it runs.
            session.query(statement.replace("INTERVAL 90 DAY", "INTERVAL 90 YEAR"))
    yield session
    session.close()


@pytest.fixture
def history(session: Any) -> ClickHouse:
    for topic in (TELEMETRY_GPU, TELEMETRY_NODE):
        session.query(f"TRUNCATE TABLE {rows.tables()[topic]}")

    def answer(request: httpx.Request) -> httpx.Response:
        sent = dict(request.url.params)
        values = {name[6:]: value for name, value in sent.items() if name.startswith("param_")}
        sql = request.content.decode().removesuffix(" FORMAT JSONEachRow")
        sql += " SETTINGS output_format_json_quote_64bit_integers = 0"
        return httpx.Response(200, content=session.query(sql, "JSONEachRow", params=values).bytes())

    return ClickHouse(httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://c"))


def insert(session: Any, topic: str, *readings: dict[str, Any]) -> None:
    lines = "\n".join(
        json.dumps({**each, "timestamp": each["timestamp"] / 1000}) for each in readings
    )
    session.query(f"INSERT INTO {rows.tables()[topic]} FORMAT JSONEachRow\n{lines}")


def gpu(at_ms: int, index: int = 0, node_id: str = "n", **fields: Any) -> dict[str, Any]:
    measured = {"gpu_utilization": 0.1, "memory_utilization": 1 / 3, "temperature": 65.5,
                "power_draw": 350.0, "status": "healthy"}  # fmt: skip
    return {"node_id": node_id, **LABELS, "gpu_index": index, "timestamp": at_ms, **measured,
            **fields}  # fmt: skip


def itself(at_ms: int, node_id: str = "n") -> dict[str, Any]:
    measured = dict.fromkeys(
        ("cpu_utilization", "memory_utilization", "disk_utilization", "network_receive_rate",
         "network_send_rate"), 0.25,
    )  # fmt: skip
    return {"node_id": node_id, **LABELS, "timestamp": at_ms, **measured}


def measured(reading: dict[str, Any]) -> dict[str, Any]:
    return {name: reading[name] for name in reading if name not in ("node_id", *LABELS)}


async def told(history: ClickHouse, **wanted: Any) -> list[tuple[int, int]]:
    every = {"node_id": "n", "topic": TELEMETRY_GPU, "from_ms": 0, "to_ms": 2**42, "limit": 100}
    found = await history.readings(ReadingFilter(**{**every, **wanted}))
    return [(each["timestamp"] - T0, each.get("gpu_index", -1)) for each in found]


async def test_a_reading_comes_back_as_it_was_measured(session: Any, history: ClickHouse) -> None:
    insert(session, TELEMETRY_GPU, gpu(T0 + 123, 7))
    insert(session, TELEMETRY_NODE, itself(T0 + 456))
    wanted = ReadingFilter("n", TELEMETRY_GPU, 0, 2**42, 10)
    assert await history.readings(wanted) == [measured(gpu(T0 + 123, 7))]
    assert await history.readings(wanted._replace(topic=TELEMETRY_NODE)) == [
        measured(itself(T0 + 456))
    ]


async def test_repeats_are_one_in_every_part(session: Any, history: ClickHouse) -> None:
    for _ in range(3):
        insert(session, TELEMETRY_GPU, gpu(T0), gpu(T0, 1), gpu(T0 + 5_000))
        insert(session, TELEMETRY_NODE, itself(T0), itself(T0))
    assert await told(history) == [(0, 0), (0, 1), (5_000, 0)]
    assert await told(history, topic=TELEMETRY_NODE) == [(0, -1)]


async def test_between_two_times_and_after_a_place(session: Any, history: ClickHouse) -> None:
    insert(session, TELEMETRY_GPU, *(gpu(T0 + at, index) for at in (0, 5, 10) for index in (1, 0)))
    insert(session, TELEMETRY_GPU, gpu(T0, node_id="other"))
    assert await told(history, from_ms=T0 + 5, to_ms=T0 + 10) == [(5, 0), (5, 1)]
    every = [(at, index) for at in (0, 5, 10) for index in (0, 1)]
    assert await told(history) == every
    for place, (at, index) in enumerate(every):
        after = (T0 + at, index)
        assert await told(history, after=after, limit=2) == every[place + 1 : place + 3]
    assert await told(history, node_id="nobody") == []


async def test_a_page_of_the_node_itself_goes_on_after_its_time(
    session: Any, history: ClickHouse
) -> None:
    insert(session, TELEMETRY_NODE, *(itself(T0 + at) for at in (0, 5, 10)))
    assert await told(history, topic=TELEMETRY_NODE, limit=2) == [(0, -1), (5, -1)]
    assert await told(history, topic=TELEMETRY_NODE, after=(T0 + 5, 0)) == [(10, -1)]


async def test_the_newest_of_each_gpu_and_of_the_node(session: Any, history: ClickHouse) -> None:
    insert(session, TELEMETRY_GPU, gpu(T0, 0), gpu(T0 + 5, 0), gpu(T0 - 90_000_000, 1))
    insert(session, TELEMETRY_GPU, gpu(T0 + 5, 0), gpu(T0 + 9, 2, node_id="other"))
    insert(session, TELEMETRY_NODE, itself(T0), itself(T0 - 5))
    found = await history.newest_readings("n")
    assert sorted((each.get("gpu_index", -1), each["timestamp"] - T0) for each in found) == [
        (-1, 0), (0, 5), (1, -90_000_000),
    ]  # fmt: skip


async def test_the_newest_are_found_without_sorting_the_nodes_history(
    session: Any, history: ClickHouse
) -> None:
    insert(session, TELEMETRY_GPU, *(gpu(T0 + at, at % 3) for at in range(300)))
    insert(session, TELEMETRY_NODE, *(itself(T0 + at) for at in range(300)))
    session.query("SET max_rows_to_sort = 20")
    try:
        found = await history.newest_readings("n")
    finally:
        session.query("SET max_rows_to_sort = 0")
    assert sorted(each["timestamp"] - T0 for each in found) == [297, 298, 299, 299]


async def test_of_each_window_the_result_with_most_samples(
    session: Any, history: ClickHouse
) -> None:
    session.query("TRUNCATE TABLE telemetry_rollups")
    numbers = {f"{name}_{each}": 0.5 for name in ROLLED_UP for each in STATISTICS}
    row = {"scope": "node", "scope_id": "n", "window_seconds": 10, "version": 0, **numbers}
    for start_ms, samples in ((T0, 3), (T0, 2), (T0 + 10_000, 1), (T0 + 10_000, 2)):
        window = json.dumps({**row, "window_start_ms": start_ms, "samples": samples})
        session.query(f"INSERT INTO telemetry_rollups FORMAT JSONEachRow\n{window}")
    every = WindowFilter("n", 10, T0, T0 + 20_000, 10)

    async def told_of(wanted: WindowFilter) -> list[tuple[int, int]]:
        found = await history.windows(wanted)
        return [(each["window_start_ms"] - T0, each["samples"]) for each in found]

    assert await told_of(every) == [(0, 3), (10_000, 2)]
    session.query("OPTIMIZE TABLE telemetry_rollups FINAL")
    assert await told_of(every) == [(0, 3), (10_000, 2)]
    assert await told_of(every._replace(limit=1)) == [(0, 3)]
    assert await told_of(every._replace(after_ms=T0)) == [(10_000, 2)]
    assert await told_of(every._replace(to_ms=T0 + 10_000)) == [(0, 3)]
    assert await told_of(every._replace(seconds=60)) == await told_of(every._replace(node_id="m"))
    first = (await history.windows(every))[0]
    assert {name: first[name] for name in numbers} == numbers


def test_readings_end_after_ninety_days_by_whole_days(session: Any, history: ClickHouse) -> None:
    for topic in (TELEMETRY_GPU, TELEMETRY_NODE):
        ddl = generate.ddl_source().split(f"EXISTS {rows.tables()[topic]} (")[1].split(";")[0]
        assert "TTL toDate(timestamp) + INTERVAL 90 DAY" in ddl
        assert "PARTITION BY toDate(timestamp)" in ddl
    insert(session, TELEMETRY_GPU, gpu(T0), gpu(T0 + 24 * 3_600_000))
    sql = "SELECT uniq(partition) FROM system.parts WHERE active AND table = 'providers_telemetry'"
    assert int(session.query(sql, "TSV").bytes()) == 2
