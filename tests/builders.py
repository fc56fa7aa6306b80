"""Commands of books with everything but the interesting part filled in."""

from typing import Any

from udfs.ids import order_id
from udfs.machine import Fact, Step
from udfs.matching import MACHINE

BOOK = "H100.ondemand"
HOUR_S = 3600
ALICE, BOB, CAROL, DAVE = (f"00000000-0000-4000-8000-00000000000{n}" for n in range(1, 5))

Command = dict[str, Any]
KEYS: dict[str, str] = {}
"""The client key of every order id that was made here."""


def command(
    kind: str,
    body: dict[str, Any] | None = None,
    *,
    account_id: str = "",
    source: str = "",
    source_seq: int = 0,
    command_id: str = "",
) -> Command:
    """A `BookCommand` as it comes from the log."""
    header = {"kind": kind, "command_id": command_id, "account_id": account_id}
    return {**header, "source": source, "source_seq": source_seq, kind: body}


def named(account_id: str, key: str) -> str:
    """The id of an account's order with this client key."""
    name = order_id(account_id, key)
    KEYS[name] = key
    return name


def place(
    account_id: str, key: str, side: str, quantity: int, price_micros: int, **fields: Any
) -> Command:
    """A new order; `fields` of O1 and of the command's header may be given."""
    header = {
        name: fields.pop(name) for name in ("source", "source_seq", "command_id") if name in fields
    }
    body = {
        "order_id": named(account_id, key),
        "side": side,
        "book_id": BOOK,
        "quantity": quantity,
        "price_micros": price_micros,
        "duration_seconds": HOUR_S if side == "bid" else 24 * HOUR_S,
        "time_in_force": "GTD" if side == "bid" else "GTC",
        "expires_at_ms": 0,
        "post_only": False,
        "min_fill": 1,
        "self_trade": "cancel_newest",
        "region": "" if side == "bid" else "us-east-1",
        "min_duration_seconds": 0,
        "available_until_ms": 0,
        "digest": "",
    }
    unknown = fields.keys() - body.keys()
    if unknown:
        raise TypeError(f"an order has no field {', '.join(sorted(unknown))}")
    return command("place_order", {**body, **fields}, account_id=account_id, **header)


def bid(account_id: str, key: str, quantity: int, price_micros: int, **fields: Any) -> Command:
    """A bid for an hour, anywhere."""
    return place(account_id, key, "bid", quantity, price_micros, **fields)


def ask(account_id: str, key: str, quantity: int, price_micros: int, **fields: Any) -> Command:
    """An ask of up to a day in us-east-1."""
    return place(account_id, key, "ask", quantity, price_micros, **fields)


def cancel(account_id: str, key: str, **header: Any) -> Command:
    body = {"order_id": named(account_id, key)}
    return command("cancel_order", body, account_id=account_id, **header)


def amend(
    account_id: str, key: str, *, quantity: int = 0, price_micros: int = 0, **header: Any
) -> Command:
    body = {
        "order_id": named(account_id, key),
        "quantity": quantity,
        "price_micros": price_micros,
    }
    return command("amend_order", body, account_id=account_id, **header)


def withdraw(account_id: str, key: str, quantity: int, **header: Any) -> Command:
    body = {"order_id": named(account_id, key), "quantity": quantity}
    return command("withdraw", body, account_id=account_id, **header)


def set_book(top: int = 0, book_minimum: int = 1) -> Command:
    return command("set_book", {"top": top, "book_minimum": book_minimum})


def tick(*, want_hash: bool = False, **header: Any) -> Command:
    return command("tick", {"want_hash": want_hash}, **header)


def halt() -> Command:
    return command("halt_book")


def resume() -> Command:
    return command("resume_book")


class Market:
    """A book that is handed commands and tells its facts in short words, a millisecond each."""

    def __init__(self, top: int = 0, book_minimum: int = 1, at_ms: int = 1_000) -> None:
        self.book = MACHINE.empty(BOOK)
        self.at_ms = at_ms
        self.step = Step()
        self(set_book(top, book_minimum))

    def __call__(self, sent: Command, at_ms: int | None = None) -> list[tuple[Any, ...]]:
        """What a command did, as `told` says it."""
        self.at_ms = self.at_ms + 1 if at_ms is None else at_ms
        self.step = MACHINE.apply(self.book, sent, self.at_ms)
        return [told(fact) for fact in self.step.facts]

    def after(self, *commands: Command) -> "Market":
        """The market after more commands."""
        for sent in commands:
            self(sent)
        return self

    def resting(self, side: str) -> list[tuple[str, int]]:
        """Key and remaining of what rests on a side, best first, by priority."""
        levels = self.book.side(side)
        orders = [order for level in levels for order in level.orders.values()]
        return [(KEYS[order.order_id], order.remaining) for order in orders]


def told(fact: Fact) -> tuple[Any, ...]:
    """A fact in short: its verb, keys instead of ids, and what matters of the rest."""
    kind, record = fact
    if kind == "order_matched":
        bid_key, ask_key = KEYS[record["bid_order_id"]], KEYS[record["ask_order_id"]]
        return ("matched", bid_key, ask_key, record["quantity"], record["price_micros"])
    verb = kind.removeprefix("order_")
    fields = {
        "created": (),
        "amended": ("quantity", "price_micros", "remaining"),
        "closed": ("reason", "remaining"),
        "rejected": ("code",),
        "book_status": ("status",),
    }[verb]
    key = (KEYS[record["order_id"]],) if "order_id" in record else ()
    return (verb, *key, *(record[name] for name in fields))


def spot_price(at_ms: int = 1_767_600_010_000, **more: Any) -> dict[str, Any]:
    """What `pricing.updates` tells of a type in a region at a time."""
    return {
        "gpu_type": "H100",
        "region": "us-west-2",
        "product": "spot",
        "window_start_ms": 1_767_600_000_000,
        "window_seconds": 300,
        "occurred_at_ms": at_ms,
        "is_final": False,
        "spot_price_micros": 2_410_000,
        "base_price_micros": 2_000_000,
        "vwap_micros": 2_405_000,
        "min_micros": 2_400_000,
        "max_micros": 2_410_000,
        "stddev_micros": 5_000.0,
        "volume_gpus": 16,
        "volume_micros": 38_480_000,
        "trade_count": 3,
        "allocated": 40,
        "held": 8,
        "available": 16,
        "utilization": 0.625,
        "telemetry_utilization": -1.0,
        "unchanged_since_ms": at_ms,
        "last_trade_at_ms": at_ms,
        **more,
    }
