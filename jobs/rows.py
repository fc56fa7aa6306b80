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
from typing import Any, Final, NamedTuple

from schemas import contract, readings, views

Fact = Mapping[str, Any]
Columns = dict[str, list[Any]]


class Fold(NamedTuple):
    """Fields of one group of a row, taken if the stamp is newer than the group's."""

    key: str
    group: str
    stamp: str
    fields: dict[str, str]

    def arguments(self) -> list[str]:
        """What the script `views.FOLD` wants after the key."""
        pairs = [text for field in self.fields.items() for text in field]
        return [self.group, self.stamp, *pairs]


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
    return [
        _order(fact, "creation", *views.CREATION),
        _order(fact, "total", "quantity", "price_micros"),
    ]


def _amended(fact: Fact) -> list[Fold]:
    return [_order(fact, "total", "quantity", "price_micros")]


def _closed(fact: Fact) -> list[Fold]:
    return [_order(fact, "closing", "reason")]


def _matched(fact: Fact) -> list[Fold]:
    return [_filled(fact, "bid"), _filled(fact, "ask")]


def _filled(fact: Fact, side: str) -> Fold:
    fields = {
        "filled_quantity": str(fact[f"{side}_filled"]),
        "filled_value_micros": str(fact[f"{side}_filled_value_micros"]),
        "remaining": str(fact[f"{side}_remaining"]),
    }
    return Fold(views.order_key(fact[f"{side}_order_id"]), "fills", _stamp(fact), fields)


def _rejected(fact: Fact) -> list[Fold]:
    """Only a refused placement is about an order's status (rule F); its key reused is not."""
    if fact["command"] != "place_order" or fact["code"] == "ORDER_KEY_REUSED":
        return []
    return [_order(fact, "rejection", "order_id", "account_id", "code", "detail")]


def _node_changed(fact: Fact) -> list[Fold]:
    """The account's sequence alone orders these: one machine tells of a node."""
    stamp = views.stamp(0, fact["account_seq"])
    text = json.dumps(fact, separators=(",", ":"), ensure_ascii=False)
    return [Fold(views.node_key(fact["node_id"]), "node", stamp, {"fact": text})]


def _priced(fact: Fact) -> list[Fold]:
    """The newest of each product; a final result is older than the running one told before it."""
    key = views.price_key(fact["gpu_type"], fact["region"])
    text = json.dumps(fact, separators=(",", ":"))
    fields = {views.price_field(fact["product"]): text}
    return [Fold(key, fact["product"], views.stamp(fact["occurred_at_ms"], 0), fields)]


def _order(fact: Fact, group: str, *names: str) -> Fold:
    fields = {name: views.text(fact[name]) for name in names}
    return Fold(views.order_key(fact["order_id"]), group, _stamp(fact), fields)


def _stamp(fact: Fact) -> str:
    return views.stamp(fact["occurred_at_ms"], fact.get("book_seq") or 0)


_FOLDS: Final[dict[str, Callable[[Fact], list[Fold]]]] = {
    "orders.created": _created,
    "orders.amended": _amended,
    "orders.matched": _matched,
    "orders.cancelled": _closed,
    "orders.rejected": _rejected,
    "inventory.events": _node_changed,
    "pricing.updates": _priced,
}
