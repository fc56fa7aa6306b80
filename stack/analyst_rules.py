"""What an analyst's statement may hold: an allow-list over the tree that the engine's parser made.

Pure functions of that tree, as `parseQueryToJSON` tells it. What is not named here is refused, by
name and with the rule that it breaks; nested statements are held to the same rules, and so are the
statements of views.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

Node = dict[str, Any]
Table = tuple[str, str]
"""Database and name."""

SYSTEM_TABLES: Final = frozenset(
    {
        "aggregate_function_combinators",
        "columns",
        "data_type_families",
        "databases",
        "formats",
        "functions",
        "numbers",
        "numbers_mt",
        "one",
        "parts",
        "parts_columns",
        "settings",
        "table_functions",
        "tables",
        "time_zones",
        "zeros",
        "zeros_mt",
    }
)
SCHEMA_TABLES: Final = frozenset({"columns", "schemata", "tables", "views"})
SYSTEM_DATABASES: Final = frozenset({"system", "information_schema"})
DATABASE_ENGINES: Final = frozenset({"Atomic", "Memory", "Overlay"})
TABLE_ENGINES: Final = re.compile(r"\w*MergeTree|Memory|Log|TinyLog|StripeLog|View")
TABLE_FUNCTIONS: Final = frozenset(
    {
        "SQLStandardValues",
        "generateRandom",
        "generateSeries",
        "generate_series",
        "null",
        "numbers",
        "numbers_mt",
        "primes",
        "values",
        "view",
    }
)
# Those whose first argument may be a structure, which can hold expressions (`b String ALIAS f(a)`):
# then it is written out, and nothing but names and types.
STRUCTURED: Final = frozenset({"generateRandom", "null", "values"})
_INSIDE = r"[\w\s,]|'[\w/]+'"
_TYPE = rf"\w+(\(({_INSIDE}|\(({_INSIDE}|\(({_INSIDE})*\))*\))*\))?"
STRUCTURE: Final = re.compile(rf"\s*\w+\s+{_TYPE}\s*(,\s*\w+\s+{_TYPE}\s*)*")
FORMATS: Final = re.compile(
    r"(JSON\w*|NDJSON|PrettyNDJSON|CSV\w*|TSV\w*|TabSeparated\w*|TSKV|RowBinary\w*|Native|Parquet"
    r"|Arrow|ArrowStream|ORC|Avro|MsgPack|BSONEachRow|Npy|Pretty\w*|Vertical|Values|XML|Markdown|MD"
    r"|SQLInsert|Raw\w*|LineAsString\w*|Null|Hash)"
)
RULES: Final = {
    "statements": "an analyst may SELECT, SHOW, DESCRIBE, EXISTS, and EXPLAIN a SELECT",
    "tables": "an analyst reads the market's tables and views, INFORMATION_SCHEMA's "
    f"{', '.join(sorted(SCHEMA_TABLES))}, and of system {', '.join(sorted(SYSTEM_TABLES))}",
    "table functions": f"allowed are {', '.join(sorted(TABLE_FUNCTIONS))}; a structure is names "
    "and types, written out",
    "functions": "allowed are those that work on their arguments alone, and their aliases; "
    "stack/analyst_functions.txt lists them",
    "settings": "an analyst changes none: limits and formats are the same for all",
    "output": "an answer goes to who asked, in a format that only writes rows",
    "parameters": "a parameter is a value, never a name",
    "size": "a statement has at most 1 MiB, and comes as it is, not compressed",
    "constructs": "what these rules do not know is refused",
}

_SELECTS = frozenset({"SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery"})
_EXPLAINED = frozenset(
    {
        "EXPLAIN",
        "EXPLAIN AST",
        "EXPLAIN SYNTAX",
        "EXPLAIN QUERY TREE",
        "EXPLAIN PIPELINE",
        "EXPLAIN ESTIMATE",
    }
)
_SHOWN = frozenset({"ShowTablesQuery", "ShowColumnsQuery", "ShowIndexesQuery"})
_NOT_SHOWN = frozenset({"cluster", "clusters", "caches", "merges"})
_CONSTRUCTS = frozenset(
    {
        "ArrayJoin",
        "Asterisk",
        "ColumnsApplyTransformer",
        "ColumnsExceptTransformer",
        "ColumnsListMatcher",
        "ColumnsRegexpMatcher",
        "ColumnsReplaceTransformer",
        "ColumnsReplaceTransformerReplacement",
        "ColumnsTransformerList",
        "ExpressionList",
        "Identifier",
        "InterpolateElement",
        "OrderByElement",
        "QualifiedAsterisk",
        "QualifiedColumnsListMatcher",
        "QualifiedColumnsRegexpMatcher",
        "SampleRatio",
        "Subquery",
        "TableJoin",
        "TablesInSelectQuery",
        "TablesInSelectQueryElement",
        "WindowDefinition",
        "WindowListElement",
        "WithElement",
        *_SELECTS,
    }
)
# Functions to the parser only, or parts of the language in a function's clothes.
_LANGUAGE = frozenset({"exists", "grouping", "lambda", "untuple"})
_IN = re.compile(r"(global)?(not)?(null)?in(ignoreset)?", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Refused(Exception):
    """An analyst may not run this; the message names what, and the rule."""

    def __init__(self, what: str, rule: str) -> None:
        super().__init__(f"{what} is refused by the rule of {rule}: {RULES[rule]}")
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Stored:
    """A table of the market: its engine and, of a view, the tree of its statement."""

    engine: str
    tree: Node | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the market has: databases with their engines, and its tables."""

    databases: Mapping[str, str]
    tables: Mapping[Table, Stored]


@dataclass(frozen=True, slots=True)
class Functions:
    """The allowed functions, by every name that the engine knows them under."""

    names: frozenset[str]
    lowered: frozenset[str]
    aggregates: frozenset[str]
    combinators: tuple[str, ...]

    def allow(self, name: str) -> bool:
        return name in _LANGUAGE or self._is_one(name) or self._is_combined(name)

    def _is_one(self, name: str) -> bool:
        return name in self.names or name.lower() in self.lowered

    def _is_combined(self, name: str) -> bool:
        """Whether it is an aggregate function with combinators, such as `sumIfOrNull`."""
        bases = [name.removesuffix(each) for each in self.combinators if name.endswith(each)]
        return any(
            base in self.aggregates or base.lower() in self.aggregates or self._is_combined(base)
            for base in bases
            if base
        )


def allowed_names() -> frozenset[str]:
    """The functions of the list, under ClickHouse's own names."""
    text = resources.files("stack").joinpath("analyst_functions.txt").read_text()
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(name for line in lines for name in line.split())


def functions(rows: Iterable[Mapping[str, Any]], combinators: Iterable[str]) -> Functions:
    """The allowed functions of an engine, from the rows of its `system.functions`."""
    listed = allowed_names()
    known = [row for row in rows if (row["alias_to"] or row["name"]) in listed]
    return Functions(
        names=frozenset(row["name"] for row in known),
        lowered=frozenset(row["name"].lower() for row in known if row["case_insensitive"]),
        aggregates=frozenset(
            name
            for row in known
            if row["is_aggregate"]
            for name in (row["name"], *([row["name"].lower()] * bool(row["case_insensitive"])))
        ),
        combinators=tuple(combinators),
    )


def check_format(name: str) -> None:
    """Refuses an output format that does more than write rows.

    Raises:
        Refused: it is none of the allowed.
    """
    if not FORMATS.fullmatch(name):
        raise Refused(f"format {name}", "output")


def check_settings(names: Iterable[str]) -> None:
    """Refuses settings that come beside a statement.

    Raises:
        Refused: there are any.
    """
    for name in names:
        raise Refused(f"setting {name}", "settings")


@dataclass(slots=True)
class Check:
    """One statement against the rules; tables without a database are of `database`."""

    catalogue: Catalogue
    functions: Functions
    database: str
    seen_views: set[Table] = field(default_factory=set)
    aliases: dict[str, list[Node]] = field(default_factory=lambda: defaultdict(list))

    def statement(self, tree: Node) -> None:
        """Refuses what is not on the lists.

        Raises:
            Refused: naming the first thing that is not.
        """
        if self.catalogue.databases.get(self.database) not in DATABASE_ENGINES:
            raise Refused(f"database {self.database}", "tables")
        self._note_aliases(tree)
        match tree["type"]:
            case kind if kind in _SELECTS:
                self._visit(tree, frozenset())
            case "ExplainQuery":
                self._explained(tree)
            case kind if kind in _SHOWN:
                self._shown(tree)
            case kind:
                raise Refused(_words(kind), "statements")

    def bare_table(self, tree: Node) -> None:
        """The same for what stands behind DESCRIBE and its like: one table and nothing else.

        Raises:
            Refused: naming the first thing that is not on the lists.
        """
        selects = tree["list_of_selects"]["children"]
        parts = {key for select in selects for key in select} - {"type", "select", "settings"}
        if len(selects) != 1 or parts != {"tables"}:
            raise Refused("more than one table", "statements")
        self.statement(tree)

    def _explained(self, tree: Node) -> None:
        inner = tree.get("query")
        if tree["kind"] not in _EXPLAINED or not inner or inner["type"] not in _SELECTS:
            of = f" of {_words(inner['type'])}" if inner else ""
            raise Refused(f"{tree['kind']}{of}", "statements")
        self._output(tree)
        self._visit(inner, frozenset())
        self._parts_but(tree, "query", "settings", "format_ast")

    def _parts_but(self, tree: Node, *keys: str) -> None:
        for key, child in _entries(tree):
            if key not in keys:
                self._visit(child, frozenset())

    def _shown(self, tree: Node) -> None:
        for key in _NOT_SHOWN & tree.keys():
            raise Refused(f"SHOW {key.upper()}", "statements")
        self._output(tree)
        self._parts_but(tree, "from", "format_ast")

    def _note_aliases(self, node: Node) -> None:
        """Which names stand for other names: the engine looks through them."""
        if node.get("type") == "Identifier" and "alias" in node:
            self.aliases[node["alias"]].append(node)
        for child in _children(node):
            self._note_aliases(child)

    # Each visit gets the names of the common table expressions (WITH) that can be seen there.

    def _visit(self, node: Node, scope: frozenset[str]) -> None:
        kind = str(node.get("type"))
        visit = _VISITS.get(kind)
        if visit is None:
            raise Refused(_words(kind), "constructs")
        visit(self, node, scope)

    def _literal(self, node: Node, scope: frozenset[str]) -> None:
        """A value: nothing in it is ever read as anything else."""

    def _parameter(self, node: Node, scope: frozenset[str]) -> None:
        if node["param_type"].strip().lower() == "identifier":
            raise Refused(f"parameter {node['name']} of type Identifier", "parameters")

    def _settings(self, node: Node, scope: frozenset[str]) -> None:
        check_settings(change["name"] for change in node["changes"])

    def _children(self, node: Node, scope: frozenset[str]) -> None:
        for child in _children(node):
            self._visit(child, scope)

    def _construct(self, node: Node, scope: frozenset[str]) -> None:
        if "func_name" in node:
            self._allowed(node["func_name"])
        self._children(node, scope)

    def _function(self, node: Node, scope: frozenset[str]) -> None:
        self._allowed(node["name"])
        if _IN.fullmatch(node["name"]):
            self._right_of_in(node, scope)
        self._children(node, scope)

    def _allowed(self, name: str) -> None:
        if not self.functions.allow(name):
            raise Refused(f"function {name}", "functions")

    def _right_of_in(self, node: Node, scope: frozenset[str]) -> None:
        """A name to the right of IN may be a table's: then it is one that may be read.

        A plain word may be a column's or an alias as well; as a table that is not in the catalogue
        it could only be a file in the engine's working folder, which is empty.
        """
        for right in node.get("arguments", {}).get("children", ())[1:]:
            for name in self._meant(right):
                if self._may_be_a_table(_parts(name)):
                    self._table(name, scope)

    def _meant(self, node: Node) -> list[Node]:
        """The name, if it is one, and the names that it may stand for."""
        found = [node] if node["type"] == "Identifier" else []
        for name in found:
            aliased = self.aliases.get(name["name"], ())
            found += [each for each in aliased if all(each is not known for known in found)]
        return found

    def _may_be_a_table(self, parts: tuple[str, ...]) -> bool:
        database = self.database if len(parts) == 1 else parts[0]
        return (
            not all(map(_WORD.fullmatch, parts))
            or (len(parts) > 1 and database in self.catalogue.databases.keys() | self.aliases)
            or database.lower() in SYSTEM_DATABASES
            or (database, parts[-1]) in self.catalogue.tables
        )

    def _table_expression(self, node: Node, scope: frozenset[str]) -> None:
        called = node.get("table_function")
        if called and called["name"] not in TABLE_FUNCTIONS:
            raise Refused(f"table function {called['name']}", "table functions")
        if called and called["name"] in STRUCTURED:
            _check_structure(called)
        for child in _children(node):
            if child is called:
                # What a table function is given, as `view(SELECT …)`, sees no names from around it.
                self._children(child, frozenset())
            else:
                self._visit(child, scope)

    def _table(self, node: Node, scope: frozenset[str]) -> None:
        self._children(node, scope)
        parts = _parts(node)
        if len(parts) == 1 and parts[0] in scope:
            return
        table = (self.database, *parts) if len(parts) == 1 else parts
        if len(table) != 2 or not self._may_be_read((table[0], table[1])):
            raise Refused(f"table {'.'.join(parts)}", "tables")

    def _may_be_read(self, table: Table) -> bool:
        database, name = table
        if database == "system":
            return name in SYSTEM_TABLES
        if database in ("INFORMATION_SCHEMA", "information_schema"):
            return name.lower() in SCHEMA_TABLES
        stored = self.catalogue.tables.get(table)
        if stored is None:
            return False
        if not TABLE_ENGINES.fullmatch(stored.engine):
            raise Refused(f"table {name}, of engine {stored.engine},", "tables")
        if stored.engine == "View":
            self._view(table, stored)
        return True

    def _view(self, table: Table, stored: Stored) -> None:
        """What a view reads is read by who reads the view."""
        if table in self.seen_views:
            return
        self.seen_views.add(table)
        if stored.tree is None:
            raise Refused(f"view {table[1]}, which cannot be parsed,", "tables")
        Check(self.catalogue, self.functions, table[0], self.seen_views).statement(stored.tree)

    def _select(self, node: Node, scope: frozenset[str]) -> None:
        self._output(node)
        for element in node.get("with", {}).get("children", ()):
            named = _named([element])
            own = self._no_tables(named) if node.get("recursive_with") else frozenset()
            self._visit(element, scope | own)
            scope |= named
        for key, child in _entries(node):
            if key != "with":
                self._visit(child, scope)

    def _no_tables(self, names: frozenset[str]) -> frozenset[str]:
        """Those that cannot be a table's: before its recursion a name means the table."""
        if self.database.lower() in SYSTEM_DATABASES:
            return frozenset()
        return frozenset(n for n in names if (self.database, n) not in self.catalogue.tables)

    def _union(self, node: Node, scope: frozenset[str]) -> None:
        """The names of the first SELECT's WITH can be seen in the others."""
        self._output(node)
        selects = node["list_of_selects"]["children"]
        for number, select in enumerate(selects):
            shared = _named(selects[0].get("with", {}).get("children", ())) if number else set()
            self._visit(select, scope | shared)
        for key, child in _entries(node):
            if key not in ("list_of_selects", "format_ast"):
                self._visit(child, scope)

    def _output(self, node: Node) -> None:
        if "out_file" in node:
            raise Refused("INTO OUTFILE", "output")
        if "format_ast" in node:
            check_format(node["format_ast"]["name"])


_VISITS: Final[Mapping[str, Callable[[Check, Node, frozenset[str]], None]]] = {
    **dict.fromkeys(_CONSTRUCTS, Check._construct),
    "Function": Check._function,
    "Literal": Check._literal,
    "QueryParameter": Check._parameter,
    "SelectQuery": Check._select,
    "SelectWithUnionQuery": Check._union,
    "SetQuery": Check._settings,
    "TableExpression": Check._table_expression,
    "TableIdentifier": Check._table,
}


def _parts(node: Node) -> tuple[str, ...]:
    """The parts of a dotted name."""
    return tuple(node.get("name_parts") or [node["name"]])


def _check_structure(called: Node) -> None:
    first = next(iter(called.get("arguments", {}).get("children", ())), None)
    if first is None or (called["name"] == "values" and first.get("name") == "tuple"):
        return
    value = first.get("value", {})
    is_text = value.get("field_type") == "String"
    if first["type"] != "Literal" or (is_text and not STRUCTURE.fullmatch(value["value"])):
        raise Refused(f"this first argument of table function {called['name']}", "table functions")


def _named(elements: Iterable[Node]) -> frozenset[str]:
    """The names that stand for common table expressions; what could be a path is none."""
    names = (each["name"] for each in elements if each["type"] == "WithElement")
    return frozenset(name for name in names if name.isidentifier())


def _entries(node: Node) -> Iterator[tuple[str, Node]]:
    """The nodes right below, each with the key that it stands under."""
    for key, value in node.items():
        left = [value]
        for each in left:
            if isinstance(each, dict):
                yield key, each
            elif isinstance(each, list):
                left += each


def _children(node: Node) -> Iterator[Node]:
    return (child for _, child in _entries(node))


def _words(kind: str) -> str:
    """A node's type for people: `DropQuery` is DROP."""
    words = re.findall(r"[A-Z][a-z]*|[A-Z]+(?![a-z])", kind.removesuffix("Query")) or [kind]
    return " ".join(words).upper()
