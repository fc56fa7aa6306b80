"""An explanation of an order in plain words, the reasons first."""

from collections.abc import Iterator
from typing import Any, Literal, cast

from query_api.answers import Amount, Change, Excluded, Explanation, Opposite, Position, ToldOrder

Side = Literal["bid", "ask"]
_OTHER: dict[Side, Side] = {"bid": "ask", "ask": "bid"}
_CLOSED = {
    "user": "it was cancelled, or amended to no more than was filled",
    "expired": "its time was over",
    "ioc": "it was IOC, and so much did not trade at once",
    "fok": "it was FOK, and could not be filled at once",
    "self_trade": "it met an order of its own account",
    "capacity_lost": "the GPUs behind it were lost",
}
_APART: dict[str, dict[Side, str]] = {
    "price": {"bid": "above its limit of {price} USD", "ask": "below its limit of {price} USD"},
    "duration": {
        "bid": "not sold for {duration_hours} h (E1)",
        "ask": "for a duration that it does not sell (E1)",
    },
    "region": {"bid": "not in {region} (E2)", "ask": "for another region than {region} (E2)"},
    "availability": {
        "bid": "of GPUs that must be back before {duration_hours} h are over (E3)",
        "ask": "for longer than its GPUs are available (E3)",
    },
    "own_account": dict.fromkeys(_OTHER, "of its own account, or behind one that is (S1)"),
    "expired": dict.fromkeys(_OTHER, "expired, about to be closed (M1)"),
    "min_fill": dict.fromkeys(_OTHER, "kept apart by a minimum fill, theirs or its own (M6, A4)"),
}
_WAYS = {"amend": "amend it", "new_order": "cancel it and place it anew"}


def sentences(told: Explanation, order: ToldOrder) -> list[str]:
    """What the figures of an explanation say; the order is as GET tells it."""
    return list(_resting(told, order)) if told["rests"] else [_gone(told)]


def _gone(told: Explanation) -> str:
    if told["status"] == "filled":
        return "The order is filled, so nothing of it rests."
    if told["status"] == "cancelled":
        return f"The order is closed, so it rests no more: {_CLOSED[told['reason'] or 'user']}."
    if told["status"] == "rejected":
        return f"The order was refused, so it never rested. {told['code']}: {told['detail']}."
    return "The order is on its way into its book, or has just left it; ask again."


def _resting(told: Explanation, order: ToldOrder) -> Iterator[str]:
    side: Side = order["type"] or "bid"
    yield f"The {side} rests in {told['book_id']} with {_gpus(told['remaining'])} open."
    if told["book_status"] == "halted":
        yield "The book is halted: nothing trades until it is resumed (H1)."
    yield from _against(cast(Opposite, told["opposite"]), order, side)
    yield from _changes(cast(dict[str, Change | None], told["nearest"]))
    yield from _place(cast(Position, told["position"]), told["remaining"])


def _against(opposite: Opposite, order: ToldOrder, side: Side) -> Iterator[str]:
    """What stands opposite, a sentence for each rule that keeps any of it apart."""
    other = _OTHER[side]
    if not opposite["orders"]:
        yield f"There is no {other} in the book."
        return
    yield f"Opposite {_are(opposite, opposite['at_least'], other)}."
    for reason, excluded in cast(dict[str, Excluded], opposite["excluded"]).items():
        if excluded["orders"]:
            words = _APART[reason][side].format(**cast(dict[str, Any], order))
            yield f"Of them {_are(excluded, opposite['at_least'])} {words}{_alone(excluded)}."


def _alone(excluded: Excluded) -> str:
    alone = excluded["alone"]["orders"]
    return f", {alone} for no other reason" if alone else ""


def _changes(nearest: dict[str, Change | None]) -> Iterator[str]:
    found = [change for change in nearest.values() if change]
    for change in found:
        terms = ", ".join(f"{name} {value}" for name, value in change["terms"].items())
        fills = f"it would fill {_gpus(change['filled'])} at once"
        yield f"With {terms or 'the terms that it has'} {fills}: {_WAYS[change['by']]}."
    if not found:
        yield "No change of one of its terms alone was found that would fill it now."


def _place(position: Position, remaining: int) -> Iterator[str]:
    better, least = position["better"], "at least " if position["at_least"] else ""
    if better["orders"]:
        yield (
            f"Better prices are served first: {least}{_counted(better['orders'], 'order')} with "
            f"{_gpus(better['quantity'])}."
        )
    yield (
        f"At its price {_are({'orders': position['orders'], 'quantity': position['quantity']})}, "
        f"{least}{position['orders_ahead']} of them before it. What comes is shared in proportion: "
        f"its {remaining} are {position['share']:.1%} of the level, so it has a share, rounded "
        f"down, of orders that bring {_gpus(position['smallest_incoming'])} or more; what is left "
        "over goes to those before others (A)."
    )


def _are(amount: Amount, at_least: bool = False, what: str = "") -> str:
    """`are at least 3 asks with 12 GPUs`."""
    verb = "is" if amount["orders"] == 1 and not at_least else "are"
    orders = _counted(amount["orders"], what) if what else str(amount["orders"])
    return f"{verb} {'at least ' if at_least else ''}{orders} with {_gpus(amount['quantity'])}"


def _gpus(quantity: int) -> str:
    return _counted(quantity, "GPU")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
