"""What is told about a ClickHouse statement without running it."""

import pytest

from stack.clickhouse_text import (
    Insert,
    is_read,
    is_single,
    output_format,
    split_insert,
)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            b"INSERT INTO t (a, b) FORMAT Native\n\x01\x02FORMAT;",
            Insert("INSERT INTO t (a, b)", "Native", b"\x01\x02FORMAT;"),
        ),
        (
            b'insert into `my format` format JSONEachRow {"a":1}',
            Insert("insert into `my format`", "JSONEachRow", b'{"a":1}'),
        ),
        (
            b"-- FORMAT no\nINSERT INTO t SETTINGS async_insert = 0 FORMAT CSV \r\n1\n",
            Insert(
                "-- FORMAT no\nINSERT INTO t SETTINGS async_insert = 0",
                "CSV",
                b"1\n",
            ),
        ),
        (b"INSERT INTO t FORMAT RowBinary\n\n\n", Insert("INSERT INTO t", "RowBinary", b"\n\n")),
    ],
)
def test_an_inserts_data_begins_behind_its_format(statement: bytes, expected: Insert) -> None:
    assert split_insert(statement) == expected


@pytest.mark.parametrize(
    "statement",
    [
        b"SELECT 1 FORMAT Native",
        b"INSERT INTO t VALUES ('FORMAT CSV')",
        b"INSERT INTO t SELECT 1 FORMAT Null",
        b"INSERT INTO t (a) VALUES (1)",
        b"",
    ],
)
def test_other_statements_have_no_data(statement: bytes) -> None:
    assert split_insert(statement) is None


@pytest.mark.parametrize(
    ("statement", "single"),
    [
        (b"SELECT 1", True),
        (b"SELECT 1; -- done\n", True),
        (b"SELECT ';'", True),
        (b"SELECT `;`, $$;$$", True),
        (b"SELECT 1; DROP TABLE t", False),
        (b"SELECT 1 /* ; */; SELECT 2", False),
    ],
)
def test_a_second_statement_is_seen(statement: bytes, single: bool) -> None:
    assert is_single(statement) is single


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (b"SELECT 1 FORMAT JSON", "JSON"),
        (b"SELECT 1 format `CSV` SETTINGS a = 1", "CSV"),
        (b"SELECT 'x FORMAT CSV'", None),
        (b"SELECT * FROM (SELECT 1 AS format)", None),
        (b"SELECT format('{}', 1)", None),
    ],
)
def test_the_output_format_is_the_statements_own(statement: bytes, found: str | None) -> None:
    assert output_format(statement) == found


def test_reads_are_told_from_writes() -> None:
    assert is_read(b" /* a */ (SELECT 1) UNION ALL (SELECT 2)")
    assert is_read(b"with x as (select 1) select * from x")
    assert not is_read(b"CREATE TABLE t AS SELECT 1")
