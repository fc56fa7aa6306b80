"""The ClickHouse service, as `clickhouse_connect` and plain HTTP see it."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import clickhouse_connect
import httpx
import pandas
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from schemas.settings import Settings
from tests.stack_fixture import real_stack

pytestmark = pytest.mark.stack

COLUMNS = ["id", "name", "price", "at"]
AT = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
ROWS = [[1, "it's", Decimal("2.500000"), AT], [2, "b\\n\n", Decimal("0.000001"), AT]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with real_stack(tmp_path_factory.mktemp("clickhouse"), ["clickhouse"]) as running:
        yield running


def connect(settings: Settings, user: str, **options: object) -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1",
        port=settings.port("CLICKHOUSE_PORT"),
        username=settings.text(f"CLICKHOUSE_{user}USER"),
        password=settings.text(f"CLICKHOUSE_{user}PASSWORD"),
        tz_mode="aware",
        **options,
    )


@pytest.fixture
def writer(settings: Settings) -> Iterator[Client]:
    client = connect(settings, "")
    client.command("DROP TABLE IF EXISTS t")
    client.command(
        "CREATE TABLE t (id UInt32, name String, price Decimal(18, 6), at DateTime64(3, 'UTC'))"
        " ENGINE = MergeTree ORDER BY id"
    )
    yield client
    client.close()


@pytest.fixture
def analyst(settings: Settings, writer: Client) -> Iterator[Client]:
    client = connect(settings, "ANALYST_")
    yield client
    client.close()


def read(client: Client) -> list[list[object]]:
    return [list(row) for row in client.query("SELECT * FROM t ORDER BY id").result_rows]


@pytest.mark.parametrize("compression", [False, "gzip", "lz4", "zstd"])
def test_what_is_inserted_is_read_back(
    settings: Settings, writer: Client, compression: str
) -> None:
    client = connect(settings, "", compress=compression)
    summary = client.insert("t", ROWS * 1000, column_names=COLUMNS)
    assert summary.written_rows == 2000
    assert read(client)[::1000] == ROWS
    client.close()


def test_parameters_are_data_and_never_text(writer: Client) -> None:
    writer.insert("t", ROWS, column_names=COLUMNS)
    for row in ROWS:
        found = writer.query(
            "SELECT id FROM t WHERE name = {name:String} AND price = {price:Decimal(18, 6)}",
            parameters={"name": row[1], "price": row[2]},
        )
        assert found.result_rows == [(row[0],)]
    evil = {"name": "' OR 1=1 --"}
    assert not writer.query("SELECT id FROM t WHERE name = {name:String}", evil).result_rows


def test_data_frames_go_in_and_out(writer: Client) -> None:
    frame = pandas.DataFrame(ROWS, columns=COLUMNS)
    writer.insert_df("t", frame)
    found = writer.query_df("SELECT * FROM t ORDER BY id")
    assert list(found["name"]) == ["it's", "b\\n\n"]
    assert writer.query_arrow("SELECT id FROM t").num_rows == 2


@pytest.mark.parametrize(
    ("format_name", "data"),
    [
        ("JSONEachRow", b'{"id":7,"name":"x","price":"1.25","at":"2026-11-01 12:30:00.000"}\n'),
        ("CSV", b'7,"x",1.25,2026-11-01 12:30:00.000\n'),
        (
            "RowBinary",
            (7).to_bytes(4, "little")
            + b"\x01x"
            + (1_250_000).to_bytes(8, "little")
            + int(AT.timestamp() * 1000).to_bytes(8, "little"),
        ),
    ],
)
def test_raw_inserts_are_read_in_their_format(
    writer: Client, format_name: str, data: bytes
) -> None:
    writer.raw_insert("t", COLUMNS, data, fmt=format_name)
    assert read(writer) == [[7, "x", Decimal("1.250000"), AT]]


def test_an_insert_that_cannot_be_read_writes_nothing(writer: Client) -> None:
    with pytest.raises(DatabaseError, match="Code: 27"):
        writer.raw_insert("t", ["id"], b'{"id":1}\n{"id":"x"}\n', fmt="JSONEachRow")
    assert read(writer) == []
    assert writer.query("SELECT 1").result_rows == [(1,)]


def test_settings_hold_for_one_statement(writer: Client) -> None:
    asked = "SELECT getSetting('max_threads')"
    before = writer.query(asked).result_rows
    assert writer.query(asked, settings={"max_threads": 3}).result_rows == [(3,)]
    assert writer.query(asked).result_rows == before


def http(settings: Settings, user: str = "", **request: object) -> httpx.Response:
    method = "POST" if "content" in request else "GET"
    auth = (settings.text(f"CLICKHOUSE_{user}USER"), settings.text(f"CLICKHOUSE_{user}PASSWORD"))
    url = settings.text("CLICKHOUSE_URL") + "/"
    return httpx.request(method, url, auth=auth, **request)  # type: ignore[arg-type]


def test_the_interface_of_curl(settings: Settings, writer: Client) -> None:
    assert httpx.get(settings.text("CLICKHOUSE_URL") + "/ping").text == "Ok.\n"
    assert http(settings, params={"query": "SELECT 1"}).text == "1\n"
    assert http(settings, content="SELECT 1 FORMAT JSONEachRow").json() == {"1": 1}
    answer = http(settings, params={"default_format": "CSV"}, content="SELECT 'a', 2")
    assert answer.text == '"a",2\n'
    assert answer.headers["x-clickhouse-format"] == "CSV"
    assert answer.headers["x-clickhouse-timezone"] == "UTC"
    packed = gzip.compress(b"INSERT INTO t (id) FORMAT TSV\n5\n6\n")
    answer = http(settings, content=packed, headers={"content-encoding": "gzip"})
    assert '"written_rows": "2"' in answer.headers["x-clickhouse-summary"]
    assert http(settings, params={"query": "SELECT id FROM t ORDER BY id"}).text == "5\n6\n"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"content": "SELEC 1"}, 400, 62),
        ({"content": "SELECT 1; SELECT 2"}, 400, 62),
        ({"content": "SELECT * FROM nowhere"}, 404, 60),
        ({"content": "SELECT nothing"}, 404, 47),
        ({"content": "SELECT 1", "params": {"no_such_setting": "1"}}, 404, 115),
        ({"content": "SELECT throwIf(1)"}, 500, 395),
        ({"content": b"\xff\xfe"}, 400, 62),
        ({"content": b"SELECT 1", "headers": {"content-encoding": "gzip"}}, 400, 271),
    ],
)
def test_errors_are_told_as_clickhouse_tells_them(
    settings: Settings, request_: dict[str, object], status: int, code: int
) -> None:
    answer = http(settings, **request_)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (
        status,
        str(code),
    )
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


def test_who_cannot_prove_who_they_are_is_refused(settings: Settings) -> None:
    url = settings.text("CLICKHOUSE_URL") + "/?query=SELECT+1"
    name, password = settings.text("CLICKHOUSE_USER"), settings.text("CLICKHOUSE_PASSWORD")
    good = {"X-ClickHouse-User": name, "X-ClickHouse-Key": password}
    assert httpx.get(url, headers=good).text == "1\n"
    assert httpx.get(f"{url}&user={name}&password={password}").text == "1\n"
    for refused in (
        httpx.get(url),
        httpx.get(url, headers={**good, "X-ClickHouse-Key": "wrong"}),
        httpx.get(url, headers={**good, "X-ClickHouse-User": "nobody"}),
        httpx.get(url, auth=(name, "")),
        httpx.get(url, headers={"Authorization": "Basic %%%"}),
    ):
        assert (refused.status_code, refused.headers["x-clickhouse-exception-code"]) == (403, "516")


def test_an_analyst_reads(writer: Client, analyst: Client) -> None:
    writer.insert("t", ROWS, column_names=COLUMNS)
    assert read(analyst) == ROWS
    assert analyst.command("EXISTS TABLE t") == 1
    assert "t" in analyst.query("SHOW TABLES").result_columns[0]
    with_parameter = "WITH x AS (SELECT {n:UInt8} AS n) SELECT n FROM x"
    assert analyst.query(with_parameter, parameters={"n": 3}).result_rows == [(3,)]


@pytest.mark.parametrize("user", ["", "ANALYST_"])
def test_a_failed_statement_leaves_nothing_in_the_next_answer(
    settings: Settings, user: str
) -> None:
    late = "SELECT throwIf(number = 300000) FROM numbers(400000)"
    for _ in range(2):  # once for each of the analysts' sessions
        assert http(settings, user, content=late).headers["x-clickhouse-exception-code"] == "395"
        assert http(settings, user, content="SELECT 1").text == "1\n"


def test_a_slow_analyst_holds_up_neither_writer_nor_ping(settings: Settings) -> None:
    slow = "SELECT count() FROM numbers(2000000000) WHERE number % 7 = 3"
    with pytest.raises(httpx.ReadTimeout):
        http(settings, "ANALYST_", content=slow, timeout=0.2)
    assert http(settings, content="SELECT 1", timeout=2).text == "1\n"
    assert httpx.get(settings.text("CLICKHOUSE_URL") + "/ping", timeout=1).text == "Ok.\n"
