"""What a fact means for the rows of orders (`schemas.views`), and how one is folded into a row."""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from query_api.ports import Row
from schemas import views

Fact = Mapping[str, Any]


def fold_fact(rows: Mapping[str, MutableMapping[str, str]], kind: str, fact: Fact) -> None:
    """Fold a fact into the rows of its orders, of those that are there."""
    for order_id, group, fields in groups(kind, fact):
        if order_id in rows:
            fold(rows[order_id], group, fact, fields)


def fold(row: MutableMapping[str, str], group: str, fact: Fact, fields: Row) -> None:
    """Take a group's fields from a fact if it is newer than the row's, as `views.FOLD` does."""
    stamp = views.stamp(fact["occurred_at_ms"], fact.get("book_seq") or 0)
    if stamp > row.get(group, ""):
        if group == "creation" and group in row:
            for name in ("digest", "created_at_ms"):  # of the order that had this key before
                row.pop(name, None)
        row.update({group: stamp} | {name: views.text(fields[name]) for name in fields})


def groups(kind: str, fact: Fact) -> Iterable[tuple[str, str, Row]]:
    """The groups of order rows that a fact changes (schemas.views): order, group, fields."""
    if kind == "order_created":
        creation = {name: fact[name] for name in views.CREATION}
        return [(fact["order_id"], "creation", creation), _total(fact)]
    if kind == "order_amended":
        return [_total(fact)]
    if kind == "order_matched":
        return [_fills(fact, side) for side in ("bid", "ask")]
    if kind == "order_closed":
        return [(fact["order_id"], "closing", {"reason": fact["reason"]})]
    if kind == "order_rejected" and is_rejection(fact):
        names = ("order_id", "account_id", "code", "detail")
        return [(fact["order_id"], "rejection", {name: fact[name] for name in names})]
    return []


def is_rejection(fact: Fact) -> bool:
    """Whether an order_rejected says what became of an order (rule F).

    A command on an order that is there already changes nothing when it is refused.
    """
    return bool(fact["command"] == "place_order" and fact["code"] != "ORDER_KEY_REUSED")


def _total(fact: Fact) -> tuple[str, str, Row]:
    return fact["order_id"], "total", {name: fact[name] for name in ("quantity", "price_micros")}


def _fills(fact: Fact, side: str) -> tuple[str, str, Row]:
    fields = {
        "filled_quantity": fact[f"{side}_filled"],
        "filled_value_micros": fact[f"{side}_filled_value_micros"],
        "remaining": fact[f"{side}_remaining"],
    }
    return fact[f"{side}_order_id"], "fills", fields
