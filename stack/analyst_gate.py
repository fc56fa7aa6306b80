"""The gate before analysts' statements: the engine's own parser reads them, our rules judge them.

What runs is never the text that came, but what the engine writes back from the tree that was
judged: comments, encodings and whatever a tree does not hold are gone by then.
"""

import json
import threading
from typing import Any, Final

from stack.analyst_rules import (
    Catalogue,
    Check,
    Functions,
    Node,
    Refused,
    Stored,
    check_format,
    check_settings,
    functions,
)
from stack.clickhouse_engine import EngineError, Lane, Query, escaped

ACCESS_DENIED: Final = 497
BAD_ARGUMENTS: Final = 36
# Statements around one table, which `parseQueryToJSON` does not take: the table is judged as that
# of a SELECT.
_FORMS: Final = "DESCRIBE TABLE |EXISTS (?:TABLE|VIEW) |SHOW CREATE (?:TABLE|VIEW) "
_SELECT: Final = "SELECT * FROM "
_PARSED: Final = f"""
    WITH formatQuerySingleLine({{statement:String}}) AS written,
        extract(written, '^(?:{_FORMS})') AS form,
        if(form = '', written, concat('{_SELECT}', substring(written, length(form) + 1))) AS read
    SELECT form, formatQueryFromJSON(parseQueryToJSON(read)) AS text, parseQueryToJSON(text) AS tree
"""
_FUNCTIONS: Final = "SELECT name, is_aggregate, case_insensitive, alias_to FROM system.functions"
_COMBINATORS: Final = "SELECT name FROM system.aggregate_function_combinators WHERE NOT is_internal"
_DATABASES: Final = "SELECT name, engine FROM system.databases"
_TABLES: Final = """
    SELECT database, name, engine, as_select FROM system.tables
    WHERE lower(database) NOT IN ('system', 'information_schema')
"""


class Gate:
    """The rules, and what they must know of the engine: its functions, databases and tables."""

    def __init__(self) -> None:
        self._functions: Functions | None = None
        self._catalogue: Catalogue | None = None
        self._age = 0
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Called when tables or views may have changed."""
        with self._lock:
            self._catalogue = None
            self._age += 1

    def passed(self, lane: Lane, query: Query) -> Query:
        """The statement as it may run; only from the lane's thread.

        Raises:
            EngineError: it cannot be parsed, or it is refused; the message names what and why.
        """
        try:
            check_settings(query.settings)
            check_format(query.format)
            text = self._judged(lane, query)
        except Refused as refused:
            raise denied(refused) from None
        except RecursionError:
            raise denied("the statement is nested too deeply") from None
        return Query(text, query.format, query.parameters, {}, query.database)

    def _judged(self, lane: Lane, query: Query) -> str:
        form, text, tree = _parse(lane, query.text, query.database)
        check = Check(self._market(lane), self._known_functions(lane), query.database)
        if not form:
            check.statement(tree)
            return text
        check.bare_table(tree)
        return form + text.removeprefix(_SELECT)

    def _known_functions(self, lane: Lane) -> Functions:
        if self._functions is None:
            combinators = (row["name"] for row in _rows(lane, _COMBINATORS))
            self._functions = functions(_rows(lane, _FUNCTIONS), combinators)
        return self._functions

    def _market(self, lane: Lane) -> Catalogue:
        with self._lock:
            known, age = self._catalogue, self._age
        if known is None:
            known = _catalogue(lane)
            with self._lock:
                # Kept only if nothing was made to be forgotten while it was read.
                self._catalogue = known if age == self._age else None
        return known


def _catalogue(lane: Lane) -> Catalogue:
    return Catalogue(
        databases={row["name"]: row["engine"] for row in _rows(lane, _DATABASES)},
        tables={(row["database"], row["name"]): _stored(lane, row) for row in _rows(lane, _TABLES)},
    )


def _stored(lane: Lane, row: dict[str, Any]) -> Stored:
    if row["engine"] != "View":
        return Stored(row["engine"])
    try:
        return Stored("View", _parse(lane, row["as_select"], row["database"])[2])
    except (EngineError, Refused):
        return Stored("View")


def _parse(lane: Lane, statement: str, database: str) -> tuple[str, str, Node]:
    """Its form if it has one, its text written back from its tree, and its tree; nothing runs."""
    try:
        row = _rows(lane, _PARSED, database, statement=statement)[0]
    except EngineError as error:
        if error.code == BAD_ARGUMENTS:
            raise Refused(_first_words(statement), "statements") from None
        raise EngineError(error.code, _without_ours(str(error))) from None
    return row["form"], row["text"], json.loads(row["tree"])


def _rows(
    lane: Lane, question: str, database: str = "default", **parameters: str
) -> list[dict[str, Any]]:
    values = {name: escaped(value) for name, value in parameters.items()}
    answer = lane.query(Query(question, "JSONEachRow", values, {}, database))
    return [json.loads(line) for line in answer.body.splitlines()]


def _without_ours(text: str) -> str:
    """A syntax error without the question of ours that it quotes."""
    told, _, rest = text.partition(": In scope ")
    return f"{told} {rest[rest.rindex('(') :]}" if "(" in rest else told


def _first_words(statement: str) -> str:
    return " ".join(statement.split()[:2])[:60].upper() or "nothing"


def denied(reason: Refused | str) -> EngineError:
    """A refusal as ClickHouse would tell it."""
    return EngineError(
        ACCESS_DENIED, f"Code: {ACCESS_DENIED}. DB::Exception: {reason}. (ACCESS_DENIED)"
    )
