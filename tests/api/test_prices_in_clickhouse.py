"""Prices in ClickHouse: what the API's queries tell of the table of ddl.sql, on the engine."""

import json
from collections.abc import Iterator
from typing import Any

import chdb.session
import httpx
import pytest

from jobs.contract import statements
from query_api.adapters.clickhouse import ClickHouse
from query_api.ports import PriceFilter
from schemas import contract, generate
from tests.api.test_pricing import update
from udfs.spot_market import WINDOW_MS

EVERY = PriceFilter("H100", "us-west-2", "spot", 0, 2**42, 100)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    session = chdb.session.Session(str(tmp_path_factory.mktemp("prices")))
    for statement in statements(generate.ddl_source()):
        if "EXISTS pricing_updates" in statement:
            # A test's prices may be of any time: nothing may end while it runs.
            session.query(statement.replace(" DAY\n", " YEAR\n"))
    yield session
    session.close()


@pytest.fixture
def history(session: Any) -> ClickHouse:
    session.query("TRUNCATE TABLE pricing_updates")

    def answer(request: httpx.Request) -> httpx.Response:
        sent = dict(request.url.params)
        values = {name[6:]: value for name, value in sent.items() if name.startswith("param_")}
        sql = request.content.decode().removesuffix(" FORMAT JSONEachRow")
        sql += " SETTINGS output_format_json_quote_64bit_integers = 0"
        return httpx.Response(200, content=session.query(sql, "JSONEachRow", params=values).bytes())

    return ClickHouse(httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://c"))


def insert(session: Any, *updates: dict[str, Any]) -> None:
    lines = "\n".join(json.dumps(each) for each in updates)
    session.query(f"INSERT INTO pricing_updates FORMAT JSONEachRow\n{lines}")


async def test_the_newest_minute_of_each_cluster(session: Any, history: ClickHouse) -> None:
    fields = contract.records()["TelemetryRollup"]["fields"]
    columns = ", ".join(f"{field['name']} {generate._column(field)}" for field in fields)
    session.query(
        f"CREATE TABLE telemetry_rollups ({columns}) ENGINE = ReplacingMergeTree(samples) "
        "ORDER BY (scope, scope_id, window_seconds, window_start_ms)"
    )
    minute = {"scope": "cluster", "scope_id": "c1", "window_seconds": 60, "samples": 5}
    told = [
        {**minute, "window_start_ms": 0, "gpu_utilization_mean": 0.1},
        {**minute, "window_start_ms": 60_000, "gpu_utilization_mean": 0.2},
        {**minute, "window_start_ms": 60_000, "gpu_utilization_mean": 0.3, "samples": 6},
        {**minute, "window_start_ms": 0, "gpu_utilization_mean": 0.4, "scope_id": "c2"},
        {**minute, "window_start_ms": 60_000, "gpu_utilization_mean": 0.5, "scope": "node"},
    ]
    lines = "\n".join(json.dumps(each) for each in told)
    session.query(f"INSERT INTO telemetry_rollups FORMAT JSONEachRow\n{lines}")
    assert await history.cluster_utilization(0) == {"c1": 0.3, "c2": 0.4}
    assert await history.cluster_utilization(60_000) == {"c1": 0.3}


async def test_final_windows_newest_first_each_as_it_was_told_last(
    session: Any, history: ClickHouse
) -> None:
    final = [update(number, is_final=True) for number in range(4)]
    insert(session, *final, update(4), update(1, is_final=True, product="ondemand"))
    corrected = update(1, is_final=True, trade_count=9)
    insert(session, corrected)
    rows, total = await history.prices(EVERY)
    assert total == 4
    assert rows == [final[3], final[2], corrected, final[0]]
    first = final[0]["window_start_ms"]
    page, total = await history.prices(
        EVERY._replace(from_ms=first + WINDOW_MS, before_ms=first + 3 * WINDOW_MS, limit=1)
    )
    assert (page, total) == ([final[2]], 3)
    assert await history.prices(EVERY._replace(region="")) == ([], 0)


async def test_the_newest_running_result_of_each_product(session: Any, history: ClickHouse) -> None:
    (now,) = json.loads(
        session.query("SELECT toUnixTimestamp64Milli(now64(3)) AS ms", "JSONEachRow").bytes()
    ).values()
    ago = {"window_start_ms": int(now) - WINDOW_MS}
    old, new = ({**ago, "occurred_at_ms": int(now) - age} for age in (20_000, 10_000))
    other = {**new, "product": "ondemand"}
    insert(session, update(0), update(0, **old), update(0, **new), update(0, **other))
    insert(session, update(0, **ago, is_final=True), update(0, **new, gpu_type="T4"))
    rows = await history.newest_prices(["H100", "L4"], "us-west-2")
    told = {each["product"]: each for each in rows}
    assert told == {"spot": update(0, **new), "ondemand": update(0, **other)}


def test_running_results_end_after_ninety_days_and_final_ones_after_two_years(
    session: Any, history: ClickHouse
) -> None:
    ddl = generate.ddl_source().split("EXISTS pricing_updates (")[1].split(";")[0]
    assert "INTERVAL if(is_final, 730, 90) DAY\nSETTINGS ttl_only_drop_parts = 1" in ddl
    session.query(f"CREATE TABLE of_now ({ddl}")
    (now,) = session.query("SELECT toUnixTimestamp64Milli(now64(3))", "TSV").bytes().split()
    for age_days, is_final in ((89, 0), (91, 0), (91, 1), (700, 1), (800, 1)):
        at_ms = int(now) - age_days * 24 * 3_600_000
        session.query(
            f"INSERT INTO of_now (window_start_ms, is_final) VALUES ({at_ms}, {is_final})"
        )
    session.query("OPTIMIZE TABLE of_now FINAL")
    kept = session.query("SELECT is_final, count() FROM of_now GROUP BY ALL ORDER BY ALL", "TSV")
    assert kept.bytes() == b"false\t1\ntrue\t2\n"


@pytest.mark.parametrize("region", ["a\\b", "a\tb", "a\nb", "a'b\\", "a\u2028b", "\\N"])
async def test_any_text_is_a_value_and_comes_back_as_it_is(
    session: Any, history: ClickHouse, region: str
) -> None:
    insert(session, update(0, is_final=True, region=region))
    rows, total = await history.prices(EVERY._replace(region=region))
    assert ([row["region"] for row in rows], total) == ([region], 1)
