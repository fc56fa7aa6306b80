"""The analysts' gate on the real engine: attacks are refused, ordinary questions are answered."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from typer.testing import CliRunner

from cli.__main__ import app
from cli.session import Session
from schemas.settings import Settings
from tests.stack.analyst_attacks import ATTACKS, FORMATS, ORDINARY, Attack
from tests.stack_fixture import real_stack

pytestmark = pytest.mark.stack

SECRET = "gpk_canary_5f0c1d2e3b4a"
REFUSED = ("497", "62", "81", "167", "306", "115", "456")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with real_stack(tmp_path_factory.mktemp("analysts"), ["clickhouse"]) as running:
        yield running


@pytest.fixture(scope="module")
def key_file(settings: Settings) -> Path:
    """The key file of the running market, and what a careless writer left around it."""
    path = settings.path("HOME") / "credentials.json"
    user, password = (settings.text(f"CLICKHOUSE_ANALYST_{x}") for x in ("USER", "PASSWORD"))
    clickhouse = {"url": settings.text("CLICKHOUSE_URL")}
    clickhouse["analyst"] = {"user": user, "password": password}  # type: ignore[assignment]
    path.write_text(json.dumps({"url": "http://x", "admin": SECRET, "clickhouse": clickhouse}))
    make_tables(settings, path)
    return path


def make_tables(settings: Settings, path: Path) -> None:
    ddl = (ROOT / "schemas" / "ddl.sql").read_text()
    careless = f"""
        CREATE TABLE trades_copy (a Int32) ENGINE = MergeTree ORDER BY a;
        CREATE TABLE joined (a Int32, line String) ENGINE = Join(ANY, LEFT, a);
        CREATE TABLE outside (line String) ENGINE = File(LineAsString, '{path}');
        CREATE VIEW leaky AS SELECT * FROM file('{path}', 'LineAsString');
        CREATE VIEW over_leaky AS SELECT * FROM leaky;
        CREATE VIEW unlimited AS SELECT 1 SETTINGS max_result_rows = 0;
        CREATE VIEW asked AS SELECT {{path:String}} AS path;
        CREATE FUNCTION slurp AS (p) -> file(p);
        CREATE DATABASE folder ENGINE = Filesystem('{path.parent}');
        CREATE DICTIONARY keys (id UInt64, line String) PRIMARY KEY id
            SOURCE(FILE(path '{path}' FORMAT 'LineAsString')) LAYOUT(FLAT()) LIFETIME(0)
    """
    for statement in (*ddl.split(";\n"), *careless.split(";\n")):
        if statement.strip():
            answer = ask(settings, statement, user="")
            assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
def called() -> Iterator[tuple[str, list[str]]]:
    """A server that must never be called, and who called it."""
    callers: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def note() -> None:
            while True:
                try:
                    connection, caller = listener.accept()
                except OSError:
                    return
                callers.append(str(caller))
                connection.close()

        threading.Thread(target=note, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", callers
        listener.shutdown(socket.SHUT_RDWR)


def ask(
    settings: Settings,
    statement: str | bytes,
    *,
    user: str = "ANALYST_",
    parameters: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    auth = (settings.text(f"CLICKHOUSE_{user}USER"), settings.text(f"CLICKHOUSE_{user}PASSWORD"))
    return httpx.post(
        settings.text("CLICKHOUSE_URL"),
        content=statement,
        params=parameters,
        headers=headers,
        auth=auth,
        timeout=60,
    )


def filled(text: str, path: Path, url: str) -> str:
    return text.replace("{file}", str(path)).replace("{url}", url)


def test_there_are_many_attacks_each_with_a_name() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 80


def test_without_the_gate_the_key_file_would_be_read(settings: Settings, key_file: Path) -> None:
    for statement in (
        f"SELECT file('{key_file}')",
        f"SELECT * FROM `{key_file}`",
        "SELECT * FROM leaky",
        "SELECT * FROM outside",
        f"SELECT slurp('{key_file}')",
        f"SELECT * FROM folder.`{key_file.name}`",
    ):
        assert SECRET in ask(settings, statement, user="").text


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_is_refused(
    settings: Settings, key_file: Path, called: tuple[str, list[str]], attack: Attack
) -> None:
    url, callers = called
    statement = attack.statement
    if isinstance(statement, str):
        statement = filled(statement, key_file, url)
    parameters = {key: filled(value, key_file, url) for key, value in attack.parameters.items()}
    answer = ask(settings, statement, parameters=parameters, headers=attack.headers)
    assert answer.status_code in (400, 403, 404, 500), answer.text
    assert answer.headers["x-clickhouse-exception-code"] in REFUSED, answer.text
    assert attack.told in answer.text
    for form in (SECRET, SECRET[::-1], SECRET.encode().hex(), base64.b64encode(SECRET.encode())):
        assert (form if isinstance(form, bytes) else form.encode()) not in answer.content
    assert callers == []


def test_no_attack_changed_anything(settings: Settings, key_file: Path) -> None:
    assert SECRET in key_file.read_text()
    assert list((settings.path("HOME") / "clickhouse-empty").iterdir()) == []
    assert ask(settings, "SELECT count() FROM trades_copy").text == "0\n"
    tables = ask(settings, "SHOW TABLES").text.split()
    assert "trades_copy" in tables
    assert "u" not in tables


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_question_is_answered(settings: Settings, key_file: Path, name: str) -> None:
    parameters = {"param_n": "1", "param_g": "H100"} if name == "parameters" else {}
    answer = ask(settings, ORDINARY[name], parameters=parameters)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("form", FORMATS)
def test_an_answer_comes_in_a_format(settings: Settings, key_file: Path, form: str) -> None:
    in_text = ask(settings, f"SELECT 1 AS a, 'b' AS b FORMAT {form}")
    beside = ask(settings, "SELECT 1 AS a, 'b' AS b", parameters={"default_format": form})
    assert (in_text.status_code, beside.status_code) == (200, 200), in_text.text + beside.text
    assert (form == "Null") == (in_text.content == b"")
    assert in_text.headers["x-clickhouse-format"] == form


def test_the_python_client_asks_in_all_its_ways(settings: Settings, key_file: Path) -> None:
    client = clickhouse_connect.get_client(
        host="127.0.0.1",
        port=settings.port("CLICKHOUSE_PORT"),
        username=settings.text("CLICKHOUSE_ANALYST_USER"),
        password=settings.text("CLICKHOUSE_ANALYST_PASSWORD"),
    )
    three = "SELECT number FROM numbers({n:UInt8})"
    assert client.query(three, {"n": 3}).result_rows == [(0,), (1,), (2,)]
    assert list(client.query_df(three, {"n": 3})["number"]) == [0, 1, 2]
    assert client.query_arrow("SELECT 1 AS a, 'b' AS b").num_rows == 1
    assert client.command("SELECT count() FROM trades") == 0
    assert client.raw_query("SELECT 1", fmt="CSV") == b"1\n"
    with client.query_row_block_stream("SELECT number FROM numbers(5)") as blocks:
        assert sum(len(block) for block in blocks) == 5
    with pytest.raises(DatabaseError, match="rule of functions"):
        client.query(f"SELECT file('{key_file}')")
    client.close()


def test_the_command_line_asks(settings: Settings, key_file: Path) -> None:
    def run(*arguments: str) -> str:
        ended = CliRunner().invoke(app, ["sql", *arguments], obj=Session(settings))
        return ended.output

    assert "3" in run("select count() + 3 as three from trades")
    assert json.loads(run("show tables", "--json"))["rows"] > 5
    assert run("select 1 as a", "--csv") == '"a"\n1\n'
    told = run(f"select * from file('{key_file}', 'LineAsString')")
    assert "table function file is refused" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT number FROM numbers(6000000)", "396"),
        ("SELECT repeat(toString(number), 1000) FROM numbers(400000)", "396"),
        ("SELECT count() FROM numbers(20000000000)", "158"),
        ("SELECT repeat('a', 1000000) FROM numbers(1500)", "241"),
        ("SELECT groupArray(toString(number)) FROM numbers(100000000)", "241"),
    ],
    ids=["rows", "bytes", "rows read", "written", "memory"],
)
def test_an_answer_has_limits(
    settings: Settings, key_file: Path, statement: str, code: str
) -> None:
    answer = ask(settings, statement)
    assert answer.headers["x-clickhouse-exception-code"] == code, answer.text[:300]


def test_a_view_that_the_writer_changed_is_judged_anew(settings: Settings, key_file: Path) -> None:
    def replace(statement: str) -> None:
        made = ask(settings, f"CREATE OR REPLACE VIEW changing AS {statement}", user="")
        assert made.status_code == 200

    replace("SELECT 1 AS a")
    assert ask(settings, "SELECT * FROM changing").text == "1\n"
    replace(f"SELECT file('{key_file}') AS a")
    assert "function file is refused" in ask(settings, "SELECT * FROM changing").text
