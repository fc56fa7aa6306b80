"""From facts to what the views store: pure functions, no client in reach.

A fact becomes one row of its ClickHouse table, and the folds that it means for rows in Redis
(`schemas.views` says what a row is). So does a reading of telemetry, of which Redis holds the
newest (`schemas.readings`).
"""

import functools
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from itertools import chain
from typing import Any, Final, NamedTuple

from schemas import contract, readings, views

Fact = Mapping[str, Any]
Columns = dict[str, list[Any]]
Tell = Callable[[Fact], list[str]]
"""From a fact to names of fields, each followed by its value."""


class Fold(NamedTuple):
    """Fields of one group of a row, taken if the stamp is newer than the group's."""

    key: str
    group: str
    stamp: str
    tell: Tell
    """Makes the fields of the fact; there is no need to if a newer fold takes this one's place."""
    fact: Fact

    @property
    def fields(self) -> dict[str, str]:
        """The fields and their values."""
        words = self.tell(self.fact)
        return dict(zip(words[::2], words[1::2], strict=True))


class Row(NamedTuple):
    """Folds of one row, one a group, that the script `views.FOLD` takes at once."""

    key: str
    folds: dict[str, Fold]
    """By group; of two that have a field in common the later one's stays."""

    def arguments(self) -> list[str | int]:
        """What the script wants of the row after all keys."""
        groups = self.folds.values()
        words = [[fold.group, fold.stamp, *fold.tell(fold.fact)] for fold in groups]
        return [len(words), *self.folds, *map(len, words), *chain.from_iterable(words)]


@functools.cache
def tables() -> dict[str, str]:
    """The ClickHouse table of each topic of facts or readings, as views.toml has them."""
    text = resources.files("schemas").joinpath("views.toml").read_text()
    return {table["topic"]: name for name, table in tomllib.loads(text)["tables"].items()}


@functools.cache
def column_names(topic: str) -> tuple[str, ...]:
    """The columns of a topic's table: the fields of its record."""
    record = contract.records()[contract.topics()[topic].record]
    return tuple(field["name"] for field in record["fields"])


def columns(topic: str, facts: Iterable[Fact]) -> Columns:
    """The facts of a topic as columns of its table."""
    facts = list(facts)
    return {name: [fact[name] for fact in facts] for name in column_names(topic)}


def folds(topic: str, fact: Fact) -> list[Fold]:
    """What a fact means for rows in Redis; most facts of books mean something, some nothing."""
    made = _FOLDS.get(topic)
    return made(fact) if made else []


def merged(folds: Iterable[Fold]) -> list[Row]:
    """Rows that, taken one after the other, leave what folds taken one by one would leave.

    Of a group the newest fold stands for all, and in its own place among the groups. But a second
    creation takes the API's fields out of a row (`views.FOLD`): it begins the row anew.
    """
    rows: list[Row] = []
    last: dict[str, dict[str, Fold]] = {}
    for fold in folds:
        held = last.get(fold.key, _NO_FOLDS)
        before = held.get(fold.group)
        if before is not None and fold.stamp <= before.stamp:
            continue
        if held is _NO_FOLDS or (before is not None and fold.group == "creation"):
            held = last[fold.key] = {}
            rows.append(Row(fold.key, held))
        elif before is not None:
            del held[fold.group]
        held[fold.group] = fold
    return rows


def newest(told: Iterable[Fact]) -> dict[str, dict[str, str]]:
    """What readings mean for rows in Redis: by key, the fields with the newest of each."""
    found: dict[str, dict[str, Fact]] = {}
    for reading in told:
        row = found.setdefault(readings.telemetry_key(reading["node_id"]), {})
        held = row.get(field := readings.field(reading))
        if held is None or held["timestamp"] < reading["timestamp"]:
            row[field] = reading
    return {
        key: {field: readings.text(reading) for field, reading in row.items()}
        for key, row in found.items()
    }


def _created(fact: Fact) -> list[Fold]:
    key, stamp = views.order_key(fact["order_id"]), _stamp(fact)
    return [
        Fold(key, "creation", stamp, _creation, fact),
        Fold(key, "total", stamp, _total, fact),
    ]


def _amended(fact: Fact) -> list[Fold]:
    return [_order(fact, "total", _total)]


def _closed(fact: Fact) -> list[Fold]:
    return [_order(fact, "closing", _closing)]


def _matched(fact: Fact) -> list[Fold]:
    stamp = _stamp(fact)
    return [
        Fold(views.order_key(fact["bid_order_id"]), "fills", stamp, _fills["bid"], fact),
        Fold(views.order_key(fact["ask_order_id"]), "fills", stamp, _fills["ask"], fact),
    ]


def _rejected(fact: Fact) -> list[Fold]:
    """Only a refused placement is about an order's status (rule F); its key reused is not."""
    if fact["command"] != "place_order" or fact["code"] == "ORDER_KEY_REUSED":
        return []
    return [_order(fact, "rejection", _rejection)]


def _node_changed(fact: Fact) -> list[Fold]:
    """The account's sequence alone orders these: one machine tells of a node."""
    stamp = views.stamp(0, fact["account_seq"])
    return [Fold(views.node_key(fact["node_id"]), "node", stamp, _node, fact)]


def _priced(fact: Fact) -> list[Fold]:
    """The newest of each product; a final result is older than the running one told before it."""
    key = views.price_key(fact["gpu_type"], fact["region"])
    return [Fold(key, fact["product"], views.stamp(fact["occurred_at_ms"], 0), _price, fact)]


def _order(fact: Fact, group: str, tell: Tell) -> Fold:
    return Fold(views.order_key(fact["order_id"]), group, _stamp(fact), tell, fact)


def _stamp(fact: Fact) -> str:
    return views.stamp(fact["occurred_at_ms"], fact.get("book_seq") or 0)


def _fields(*names: str, **others: str) -> Tell:
    """Tells fields of the fact, by their own names or by others, which stand before theirs."""
    sources = [*zip(names, names, strict=True), *others.items()]

    def tell(fact: Fact) -> list[str]:
        return [word for name, source in sources for word in (name, views.text(fact[source]))]

    return tell


def _node(fact: Fact) -> list[str]:
    return ["fact", _NODE_JSON.encode(fact)]


def _price(fact: Fact) -> list[str]:
    return [views.price_field(fact["product"]), _PRICE_JSON.encode(fact)]


_NO_FOLDS: Final[dict[str, Fold]] = {}
_NODE_JSON: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_PRICE_JSON: Final = json.JSONEncoder(separators=(",", ":"))
_creation = _fields(*views.CREATION)
_total = _fields("quantity", "price_micros")
_closing = _fields("reason")
_rejection = _fields("order_id", "account_id", "code", "detail")
_fills: Final = {
    side: _fields(
        filled_quantity=f"{side}_filled",
        filled_value_micros=f"{side}_filled_value_micros",
        remaining=f"{side}_remaining",
    )
    for side in ("bid", "ask")
}

_FOLDS: Final[dict[str, Callable[[Fact], list[Fold]]]] = {
    "orders.created": _created,
    "orders.amended": _amended,
    "orders.matched": _matched,
    "orders.cancelled": _closed,
    "orders.rejected": _rejected,
    "inventory.events": _node_changed,
    "pricing.updates": _priced,
}
