"""Facts as topics hold them, and their numbers."""

from collections.abc import Mapping
from typing import Any

Fact = dict[str, Any]
Number = tuple[str, int]
"""A machine and its sequence."""


def number_of(fact: Mapping[str, Any]) -> Number:
    """The machine that told a fact, and its sequence (B4)."""
    if fact.get("book_id"):
        return fact["book_id"], fact["book_seq"]
    return fact["account_id"], fact["account_seq"]


def places_anew(kind: str, fact: Mapping[str, Any]) -> bool:
    """Whether it is the refusal of a placement, with which an order begins and ends (F)."""
    return (
        kind == "order_rejected"
        and fact["command"] == "place_order"
        and fact["code"] != "ORDER_KEY_REUSED"
    )


def orders_of(kind: str, fact: Mapping[str, Any]) -> tuple[str, ...]:
    """The orders whose state a fact tells or changes."""
    if kind == "order_matched":
        return fact["bid_order_id"], fact["ask_order_id"]
    if kind in ("order_created", "order_amended", "order_closed") or places_anew(kind, fact):
        return (fact["order_id"],)
    return ()
