"""The analysts' rules over trees as the engine's parser writes them, without an engine."""

from typing import Any

import pytest

from stack.analyst_rules import (
    RULES,
    Catalogue,
    Check,
    Functions,
    Node,
    Refused,
    Stored,
    allowed_names,
    check_format,
    check_settings,
    functions,
)


def row(name: str, alias_to: str = "", aggregate: int = 0, any_case: int = 0) -> dict[str, Any]:
    return {
        "name": name,
        "alias_to": alias_to,
        "is_aggregate": aggregate,
        "case_insensitive": any_case,
    }


KNOWN: Functions = functions(
    [
        row("plus"),
        row("in"),
        row("sum", aggregate=1, any_case=1),
        row("quantile", aggregate=1),
        row("median", "quantile", aggregate=1),
        row("substring", any_case=1),
        row("mid", "substring", any_case=1),
        row("file"),
        row("url_of_mine"),
        row("slurp", "file"),
    ],
    ["If", "State", "OrNull"],
)


def listed(*children: Node) -> Node:
    return {"type": "ExpressionList", "children": list(children)}


def word(name: str, *parts: str, kind: str = "Identifier") -> Node:
    return {"type": kind, "name": name, **({"name_parts": list(parts)} if parts else {})}


def call(name: str, *arguments: Node) -> Node:
    return {"type": "Function", "name": name, "arguments": listed(*arguments)}


def text(value: str) -> Node:
    return {"type": "Literal", "value": {"field_type": "String", "value": value}}


def table(expression: Node) -> Node:
    element = {"type": "TablesInSelectQueryElement", "table_expression": expression}
    return {"type": "TablesInSelectQuery", "children": [element]}


def from_table(*parts: str) -> Node:
    name = word(".".join(parts), *(parts if len(parts) > 1 else ()), kind="TableIdentifier")
    return table({"type": "TableExpression", "database_and_table_name": name})


def select(*columns: Node, **parts: Node) -> Node:
    return {"type": "SelectQuery", "select": listed(*columns or [text("a")]), **parts}


def union(*selects: Node, **parts: Node) -> Node:
    return {"type": "SelectWithUnionQuery", "list_of_selects": listed(*selects), **parts}


def named(name: str, inner: Node) -> Node:
    return {"type": "WithElement", "name": name, "subquery": subquery(inner)}


def subquery(inner: Node) -> Node:
    return {"type": "Subquery", "children": [inner]}


CATALOGUE = Catalogue(
    databases={"default": "Overlay", "system": "Memory", "folder": "Filesystem", "own": "Atomic"},
    tables={
        ("default", "facts"): Stored("ReplacingMergeTree"),
        ("default", "outside"): Stored("File"),
        ("default", "spread"): Stored("Distributed"),
        ("default", "good"): Stored("View", union(select(tables=from_table("facts")))),
        ("default", "leaky"): Stored("View", union(select(call("file", text("x"))))),
        ("default", "over"): Stored("View", union(select(tables=from_table("leaky")))),
        ("default", "circle"): Stored("View", union(select(tables=from_table("circle")))),
        ("default", "odd"): Stored("View"),
    },
)


def check(tree: Node, database: str = "default") -> None:
    Check(CATALOGUE, KNOWN, database).statement(tree)


def test_the_list_holds_names_and_no_doubts() -> None:
    names = allowed_names()
    assert {"plus", "arrayMap", "quantile", "toStartOfHour", "now", "rand"} <= names
    assert not names & {"file", "dictGet", "joinGet", "sleep", "hostName", "getMacro", "aiGenerate"}
    assert all(name.isidentifier() for name in names)


@pytest.mark.parametrize(
    "name",
    ["plus", "sum", "SUM", "sumIf", "sumIfOrNull", "quantileState", "medianIf", "MID", "lambda"],
)
def test_a_function_is_allowed_under_every_name_of_it(name: str) -> None:
    assert KNOWN.allow(name)


@pytest.mark.parametrize(
    "name", ["file", "slurp", "url_of_mine", "PLUS", "Quantile", "plusIf", "fileIf", "If", ""]
)
def test_no_other_function_is(name: str) -> None:
    assert not KNOWN.allow(name)


@pytest.mark.parametrize(
    "tree",
    [
        union(select(call("plus", word("a"), word("b")), tables=from_table("facts"))),
        union(select(tables=from_table("default", "facts"))),
        union(select(tables=from_table("good"))),
        union(select(tables=from_table("circle"))),
        union(select(tables=from_table("system", "tables"))),
        union(select(tables=from_table("x"), **{"with": listed(named("x", union(select())))})),
        union(
            select(**{"with": listed(named("x", union(select())))}),
            select(tables=from_table("x")),
        ),
        union(select(call("in", word("a"), word("b")))),
        union(select(call("in", word("a"), word("facts")))),
        union(select(text("file('/etc/passwd')"))),
        {"type": "ExplainQuery", "kind": "EXPLAIN", "query": union(select())},
        {"type": "ShowTablesQuery", "from": word("default")},
    ],
)
def test_what_reads_the_market_passes(tree: Node) -> None:
    check(tree)


@pytest.mark.parametrize(
    ("tree", "what", "rule"),
    [
        ({"type": "DropQuery", "table": "facts"}, "DROP", "statements"),
        ({"type": "InsertQuery", "table": word("facts")}, "INSERT", "statements"),
        (
            {"type": "ExplainQuery", "kind": "EXPLAIN AST", "query": {"type": "DropQuery"}},
            "EXPLAIN AST of DROP",
            "statements",
        ),
        ({"type": "ShowTablesQuery", "clusters": True}, "SHOW CLUSTERS", "statements"),
        (union(select(call("file", text("x")))), "function file", "functions"),
        (union(select(call("plus", call("file", text("x"))))), "function file", "functions"),
        (union(select(tables=from_table("/etc/passwd"))), "table /etc/passwd", "tables"),
        (union(select(tables=from_table("outside"))), "of engine File", "tables"),
        (union(select(tables=from_table("spread"))), "of engine Distributed", "tables"),
        (union(select(tables=from_table("leaky"))), "function file", "functions"),
        (union(select(tables=from_table("over"))), "function file", "functions"),
        (union(select(tables=from_table("odd"))), "view odd", "tables"),
        (union(select(tables=from_table("system", "users"))), "table system.users", "tables"),
        (union(select(tables=from_table("a", "b", "c"))), "table a.b.c", "tables"),
        (union(select(call("in", word("a"), word("/x")))), "table /x", "tables"),
        (union(select(call("IN", word("a"), word("b")))), "function IN", "functions"),
        (union(select(call("in", word("a"), word("leaky")))), "function file", "functions"),
        (
            union(select(call("in", word("a"), word("folder.x", "folder", "x")))),
            "table folder.x",
            "tables",
        ),
        (
            union(select(tables=table({"type": "TableExpression", "table_function": call("url")}))),
            "table function url",
            "table functions",
        ),
        (
            union(select(), settings_ast={"type": "SetQuery", "changes": [{"name": "readonly"}]}),
            "setting readonly",
            "settings",
        ),
        (union(select(), out_file=text("x")), "INTO OUTFILE", "output"),
        (union(select(), format_ast=word("Template")), "format Template", "output"),
        (
            union(select({"type": "QueryParameter", "name": "p", "param_type": "Identifier"})),
            "parameter p",
            "parameters",
        ),
        (union(select({"type": "BrandNewThing"})), "BRAND NEW THING", "constructs"),
        (
            union(select({"type": "ColumnsApplyTransformer", "func_name": "file"})),
            "function file",
            "functions",
        ),
        (
            union(
                select(
                    tables=from_table("x"),
                    **{"with": listed(named("x", union(select(tables=from_table("x")))))},
                )
            ),
            "table x",
            "tables",
        ),
        (
            union(
                select(
                    subquery(union(select(**{"with": listed(named("x", union(select())))}))),
                    tables=from_table("x"),
                )
            ),
            "table x",
            "tables",
        ),
    ],
)
def test_what_does_not_is_refused_by_name_and_rule(tree: Node, what: str, rule: str) -> None:
    with pytest.raises(Refused) as refused:
        check(tree)
    assert what in str(refused.value)
    assert (refused.value.rule, RULES[rule] in str(refused.value)) == (rule, True)


@pytest.mark.parametrize("database", ["folder", "nowhere"])
def test_a_database_of_files_is_refused(database: str) -> None:
    with pytest.raises(Refused, match=f"database {database}"):
        check(union(select()), database)


@pytest.mark.parametrize(
    ("structure", "passes"),
    [
        ("a Int8", True),
        ("a Int8, b Array(Tuple(x Decimal(18, 4), y DateTime('Europe/Berlin')))", True),
        ("a Int8, b String ALIAS file('/x')", False),
        ("a DEFAULT 1", False),
        ("a Int8 -- ", False),
        ("a Int8/**/, b String", False),
        ("a Enum8('(' = 1), b String ALIAS file('/x') --)", False),
        ("a Int8, `b` String", False),
        ("auto", False),
    ],
)
def test_a_structure_is_names_and_types(structure: str, passes: bool) -> None:
    rows = call("values", text(structure), text("1"))
    tree = union(select(tables=table({"type": "TableExpression", "table_function": rows})))
    if passes:
        check(tree)
    else:
        with pytest.raises(Refused, match="first argument of table function values"):
            check(tree)


def test_behind_describe_stands_one_table() -> None:
    Check(CATALOGUE, KNOWN, "default").bare_table(union(select(tables=from_table("facts"))))
    for tree in (
        union(select(tables=from_table("facts"), where=text("a"))),
        union(select(tables=from_table("facts")), select(tables=from_table("facts"))),
    ):
        with pytest.raises(Refused, match="more than one table"):
            Check(CATALOGUE, KNOWN, "default").bare_table(tree)


def test_formats_and_settings_beside_the_statement() -> None:
    check_format("JSONEachRow")
    check_settings([])
    with pytest.raises(Refused, match="format Protobuf"):
        check_format("Protobuf")
    with pytest.raises(Refused, match="setting readonly"):
        check_settings(["readonly"])
