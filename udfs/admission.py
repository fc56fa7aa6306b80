"""The account's machine: who may order what, and which GPUs stand behind it.

One record of the account's log goes through `apply`. What a rule refuses becomes the fact
`order_rejected`; what it admits is handed to the book; what a book did comes back as a copy of its
fact (market-rules.md K5) and moves GPUs. Nothing is freed before the book's fact says so, so no
GPU can be sold twice (K3).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, NamedTuple, get_args

from schemas.bounds import MAX_NODE_GPUS
from schemas.names import BOOKS_COMMANDS, NODES_COMMANDS, Health, RejectCode
from schemas.records import DEFAULTS
from udfs.account import (
    HEADER,
    NODE,
    ORDER,
    REMEMBERED,
    SOURCE,
    TERMS,
    Account,
    Amend,
    Order,
    Standing,
    header_row,
    load_account,
    node_row,
    order_row,
    remembered_row,
    source_row,
    weight,
)
from udfs.ids import check_account_id, event_id
from udfs.ids import order_id as named_order
from udfs.inventory import LOST, USABLE, Node
from udfs.machine import Command, Fact, Machine, Outgoing, Step
from udfs.money import (
    MAX_PRICE_MICROS,
    MAX_QUANTITY,
    MIN_PRICE_MICROS,
    SECONDS_PER_HOUR,
    TICK_MICROS,
    divided_half_even,
    trade_usd,
)

Body = Mapping[str, Any]


class _Refusal(NamedTuple):
    code: RejectCode
    detail: str


@dataclass(slots=True)
class _Turn:
    """One record on its way through the machine."""

    account: Account
    kind: str
    command_id: str
    source: str
    source_seq: int
    step: Step


def apply(account: Account, command: Command, at_ms: int) -> Step:
    """What one record of the account's log does.

    A repeat from a numbered source does nothing, not even move time (B5). Wants to be woken when
    the next lease ends (K7).

    Raises:
        KeyError, ValueError, AssertionError: the record is not one that the API or a book sends;
            the state is void then.
    """
    step = Step()
    source = command.get("source", "")
    if source and command["source_seq"] <= account.sources.get(source, 0):
        step.wake_at_ms = account.inventory.next_end_ms()
        return step
    account.now_ms = max(account.now_ms, at_ms)
    kind = command["kind"]
    numbered = source, command.get("source_seq", 0)
    turn = _Turn(account, kind, command.get("command_id", ""), *numbered, step)
    rule = _RULES.get(kind)
    if rule is None:
        raise ValueError(f"an account has no command {kind!r}, only {', '.join(_RULES)}")
    rule(turn, command.get(kind) or {})
    if source:
        account.sources[source] = command["source_seq"]
        step.writes[f"{SOURCE}:{source}"] = source_row(command["source_seq"])
    _finish(turn)
    return step


def _finish(turn: _Turn) -> None:
    """Tell of the nodes that changed, forget old orders, and write the header."""
    account, step = turn.account, turn.step
    for _, node in sorted(account.inventory.changed.items()):
        _tell_node(turn, node)
    account.inventory.changed.clear()
    for order_id in account.forget():
        step.writes[f"{REMEMBERED}:{order_id}"] = None
    step.writes[HEADER] = header_row(account)
    step.wake_at_ms = account.inventory.next_end_ms()


# Orders: what clients want


def _place(turn: _Turn, body: Body) -> None:
    """O2, then K1: hold what the order needs and hand it to its book, or refuse it."""
    _validate_order(body)
    account, order_id, digest = turn.account, body["order_id"], body.get("digest", "")
    known = account.digest(order_id)
    if known is not None:
        if known != digest:
            _refuse(turn, order_id, _reused(order_id))
        return
    refusal = _placement_refusal(account, body)
    if refusal:
        _remember(turn, order_id, digest)
        _refuse(turn, order_id, refusal)
        return
    if account.remembered.pop(order_id, None):
        turn.step.writes[f"{REMEMBERED}:{order_id}"] = None
    order = _opened(body)
    account.orders[order_id] = order
    if order.side == "ask":
        account.inventory.hold(order_id, order.gpu_type, order.region, order.quantity)
    _hand_on(turn, order.book_id, "place_order", body)
    _write(turn, order)


def _cancel(turn: _Turn, body: Body) -> None:
    """K6: always allowed while the order is open."""
    order = turn.account.orders.get(body["order_id"])
    if order is None:
        _refuse(turn, body["order_id"], _not_open(body["order_id"]))
        return
    _hand_on(turn, order.book_id, "cancel_order", body)


def _amend(turn: _Turn, body: Body) -> None:
    """K6: reserve what an increase needs and hand the amend on, or refuse it."""
    _validate_amend(body)
    account = turn.account
    order = account.orders.get(body["order_id"])
    refusal = _standing_refusal(account, order.side if order else "")
    if order is None or refusal:
        _refuse(turn, body["order_id"], refusal or _not_open(body["order_id"]))
        return
    refusal = _busy(order) if order.amend else _reserve(turn, order, body)
    if refusal:
        _refuse(turn, order.order_id, refusal)
        return
    _hand_on(turn, order.book_id, "amend_order", body)
    _write(turn, order)


def _reserve(turn: _Turn, order: Order, body: Body) -> _Refusal | None:
    """K6: GPUs of an ask, notional of a bid, that an amend needs beyond what the order has."""
    account = turn.account
    total = body.get("quantity") or order.quantity - order.withdrawing
    price_micros = body.get("price_micros") or order.price_micros
    gpus = max(0, total - (order.quantity - order.withdrawing)) if order.side == "ask" else 0
    refusal = _capacity(account, order.gpu_type, order.region, gpus)
    if refusal:
        return refusal
    order.amend = Amend(turn.command_id, total, price_micros, gpus)
    refusal = _notional(account, order.notional() - order.counted)
    if refusal:
        order.amend = None
        return refusal
    if gpus:
        account.inventory.hold(order.order_id, order.gpu_type, order.region, gpus)
    return None


def _opened(body: Body) -> Order:
    return Order(
        order_id=body["order_id"],
        side=intern(body["side"]),
        book_id=intern(body["book_id"]),
        region=intern(body.get("region", "")),
        digest=body.get("digest", ""),
        duration_seconds=body["duration_seconds"],
        price_micros=body["price_micros"],
        quantity=body["quantity"],
        remaining=body["quantity"],
        terms=_terms(body) if body["side"] == "ask" else {},
    )


def _terms(body: Body) -> dict[str, Any]:
    """What else an ask says, for when it is listed anew (K4); only what is not the default."""
    defaults = DEFAULTS["PlaceOrder"]
    return {name: body[name] for name in TERMS if body.get(name, defaults[name]) != defaults[name]}


# Copies: what books did (K5)


def _matched(turn: _Turn, fact: Body) -> None:
    """K3: a trade; the machine may be its buyer's or its seller's."""
    account = turn.account
    if fact["seller_id"] == account.account_id:
        order = account.orders[fact["ask_order_id"]]
        order.remaining = fact["ask_remaining"]
        ends_at_ms = fact["occurred_at_ms"] + fact["duration_seconds"] * 1000
        account.inventory.allocate(order.order_id, fact["trade_id"], ends_at_ms, fact["quantity"])
        _settle(turn, order)
    if fact["buyer_id"] == account.account_id:
        order = account.orders[fact["bid_order_id"]]
        order.remaining = fact["bid_remaining"]
        _settle(turn, order)


def _amended(turn: _Turn, fact: Body) -> None:
    """C2, C3: the order's new total; it answers the amend or the first withdrawal on its way."""
    order = turn.account.orders[fact["order_id"]]
    if _answers_amend(order, fact):
        order.amend = None
    else:
        order.withdrawing -= order.remaining - fact["remaining"]
    order.quantity = fact["quantity"]
    order.price_micros = fact["price_micros"]
    order.remaining = fact["remaining"]
    _settle(turn, order, withdrawn=fact["command"] == "withdraw")


def _closed(turn: _Turn, fact: Body) -> None:
    """K3: the order is gone, what it still held is free."""
    order = turn.account.orders[fact["order_id"]]
    order.remaining = 0
    # Not by the command: any withdrawal first closes whatever has expired (M1).
    _settle(turn, order, withdrawn=fact["reason"] == "capacity_lost")


def _rejected(turn: _Turn, fact: Body) -> None:
    """F: only a refused placement ends an order; a refused amend gives its reservation back."""
    order = turn.account.orders.get(fact["order_id"])
    if order is None:
        return
    if fact["command"] == "place_order" and fact["code"] != "ORDER_KEY_REUSED":
        order.remaining = 0
        _settle(turn, order)
    elif _answers_amend(order, fact):
        order.amend = None
        _settle(turn, order)


def _settle(turn: _Turn, order: Order, *, withdrawn: bool = False) -> None:
    """Free what the order holds beyond its need (K3); close it if nothing is open any more."""
    freed: list[tuple[Node, int]] = []
    account = turn.account
    if not order.remaining:
        order.amend = None
    if order.side == "ask":
        surplus = account.inventory.held(order.order_id) - order.need
        assert surplus >= 0, f"{order.order_id} is open for {-surplus} GPUs that it does not hold"
        if surplus:
            freed = account.inventory.release(order.order_id, surplus)
        _withdraw_lost(turn, order)
    _write(turn, order)
    if withdrawn:
        _keep_listings(turn, order, freed)


def _answers_amend(order: Order, fact: Body) -> bool:
    """K6: the fact with the amend's `command_id` settles its reservation."""
    return (
        order.amend is not None
        and fact["command"] == "amend_order"
        and fact.get("command_id", "") == order.amend.command_id
    )


# The registry: who the account is, what it owns


def _set_account(turn: _Turn, body: Body) -> None:
    """K1: replaces what was set before; suspension closes nothing."""
    fields = {**DEFAULTS["SetAccount"], **body}
    turn.account.standing = Standing(**{name: fields[name] for name in Standing._fields})


def _register_node(turn: _Turn, body: Body) -> None:
    """A new node, healthy and usable at once; one that is there already stays as it is."""
    inventory = turn.account.inventory
    _within("gpu_count", body["gpu_count"], 1, MAX_NODE_GPUS)
    if body["node_id"] in inventory.nodes:
        return
    inventory.add(
        Node(
            node_id=body["node_id"],
            gpu_type=intern(body["gpu_type"]),
            region=intern(body["region"]),
            gpu_count=body["gpu_count"],
            base_price_micros=body.get("base_price_micros", 0),
            surge_enabled=body.get("surge_enabled", False),
        )
    )
    _copy_to_node(turn, body)


def _set_node_pricing(turn: _Turn, body: Body) -> None:
    """What a node asks for by default, and whether it is listed anew (K4)."""
    relist = body.get("relist", False)
    prices = {name: body[name] for name in ("base_price_micros", "surge_enabled")}
    _change(turn, body["node_id"], **prices, relist=relist)
    node = turn.account.inventory.nodes.get(body["node_id"])
    if node and not relist:
        node.withdrawn.clear()


def _set_node_maintenance(turn: _Turn, body: Body) -> None:
    """K4: maintenance stands beside health, so leaving it returns the node to its health."""
    _change(turn, body["node_id"], maintenance=body["maintenance"])


def _set_node_health(turn: _Turn, body: Body) -> None:
    if body["health"] not in get_args(Health):
        raise ValueError(f"health must be one of {get_args(Health)}, was {body['health']!r}")
    _change(turn, body["node_id"], health=intern(body["health"]))


def _remove_node(turn: _Turn, body: Body) -> None:
    _change(turn, body["node_id"], removed=True)
    _copy_to_node(turn, body)


def _copy_to_node(turn: _Turn, body: Body) -> None:
    """Tell the node's own machine whose it is, or that it goes; numbered as it came (B5).

    What that machine says of the node's health therefore comes when the node is known here.
    """
    record = {
        "kind": turn.kind,
        "command_id": turn.command_id,
        "account_id": turn.account.account_id,
        "source": turn.source,
        "source_seq": turn.source_seq,
        turn.kind: body,
    }
    turn.step.commands.append(Outgoing(NODES_COMMANDS, body["node_id"], record))


def _change(turn: _Turn, node_id: str, **fields: Any) -> None:
    """K4: set fields of a node; if that loses it, its held GPUs are withdrawn from their asks.

    Once it can be used again, they are listed anew where its owner asked for that. An unknown node
    is not an error: its last lease may have ended while the record was on its way.
    """
    account = turn.account
    node = account.inventory.nodes.get(node_id)
    if node is None or not account.inventory.change(node, **fields):
        return
    if node.rank == USABLE:
        _list_anew(turn, node)
    if node.rank != LOST:
        return
    for order_id in sorted(node.held):
        order = account.orders[order_id]
        if _withdraw_lost(turn, order):
            _write(turn, order)


def _keep_listings(turn: _Turn, order: Order, freed: list[tuple[Node, int]]) -> None:
    """K4: remember what health took out of an ask, on nodes to be listed anew.

    The book's fact says how many GPUs those are. A node in maintenance or removed went by its
    owner's will. One that recovered meanwhile is listed at once.
    """
    for node, gpus in freed:
        if node.relist and not node.maintenance and not node.removed:
            listing = node.withdrawn.setdefault(order.order_id, {**order.ask(), "quantity": 0})
            listing["quantity"] += gpus
            if node.rank == USABLE:
                _list_anew(turn, node)


def _list_anew(turn: _Turn, node: Node) -> None:
    """K4: place an ask for each that a node was withdrawn from, as its owner would, by K1 and K2.

    It is a new order under the terms that the ask had last; its id follows from the ask's and from
    the account's sequence (B4).
    """
    account = turn.account
    listings, node.withdrawn = node.withdrawn, {}
    for order_id, listing in sorted(listings.items()):
        anew = named_order(account.account_id, f"relist:{order_id}:{account.seq}")
        _place(turn, {**listing, "order_id": anew})


def _withdraw_lost(turn: _Turn, order: Order) -> bool:
    """K4: withdraw what the ask holds on lost nodes, as far as no withdrawal of it is on its way.

    While an amend is on its way this waits for its answer: what an amend frees comes from lost
    nodes first, so only the answer tells how much is left to withdraw.
    """
    lost = turn.account.inventory.lost(order.order_id) - order.withdrawing
    if order.amend or lost <= 0:
        return False
    order.withdrawing += lost
    body = {"order_id": order.order_id, "quantity": lost}
    _hand_on(turn, order.book_id, "withdraw", body)
    return True


def _tick(turn: _Turn, _: Body) -> None:
    """K7: leases that are over free their GPUs."""
    turn.account.inventory.end_leases(turn.account.now_ms)


# Refusals, in the order of K1


def _placement_refusal(account: Account, body: Body) -> _Refusal | None:
    refusal = _standing_refusal(account, body["side"]) or _open_orders(account)
    if refusal:
        return refusal
    if body["side"] == "bid":
        worth = body["price_micros"] * body["quantity"] * body["duration_seconds"]
        return _notional(account, worth)
    gpu_type = body["book_id"].rpartition(".")[0]
    return _capacity(account, gpu_type, body["region"], body["quantity"])


def _standing_refusal(account: Account, side: str) -> _Refusal | None:
    standing = account.standing
    if standing is None:
        detail = f"account {account.account_id} is not registered; register it first (K1)"
        return _Refusal("ACCOUNT_UNKNOWN", detail)
    if standing.suspended:
        detail = "the account is suspended: it may cancel, but neither place nor amend (K1)"
        return _Refusal("ACCOUNT_SUSPENDED", detail)
    if side == "ask" and not (standing.provider and standing.verified):
        known_as = "a provider not yet verified" if standing.provider else "not a provider"
        detail = f"only a verified provider may sell, this account is {known_as} (K1)"
        return _Refusal("PROVIDER_NOT_VERIFIED", detail)
    return None


def _open_orders(account: Account) -> _Refusal | None:
    limit = account.standing.max_open_orders if account.standing else 0
    if len(account.orders) < limit:
        return None
    detail = f"{len(account.orders)} orders are open, the limit is {limit} (K1)"
    return _Refusal("LIMIT_OPEN_ORDERS", detail)


def _notional(account: Account, increase: int) -> _Refusal | None:
    """K1: the limit is compared unrounded, in the unit of `Order.notional`; 0 is no limit."""
    limit_micros = account.standing.max_notional_micros if account.standing else 0
    total = account.notional + increase
    if not limit_micros or increase <= 0 or total <= limit_micros * SECONDS_PER_HOUR:
        return None
    total_usd = trade_usd(divided_half_even(total, SECONDS_PER_HOUR))
    limit_usd = trade_usd(limit_micros)
    detail = f"open bids would come to {total_usd} USD, over the limit of {limit_usd} USD (K1)"
    return _Refusal("LIMIT_NOTIONAL", detail)


def _capacity(account: Account, gpu_type: str, region: str, wanted: int) -> _Refusal | None:
    free = account.inventory.free(gpu_type, region)
    if wanted <= free:
        return None
    detail = f"{free} of the {wanted} {gpu_type} GPUs wanted are free in {region} (K2)"
    return _Refusal("CAPACITY_INSUFFICIENT", detail)


def _not_open(order_id: str) -> _Refusal:
    return _Refusal("ORDER_NOT_OPEN", f"this account has no open order {order_id} (C1)")


def _busy(order: Order) -> _Refusal:
    detail = f"an amend of {order.order_id} has no answer yet; one at a time (K6)"
    return _Refusal("ORDER_BUSY", detail)


def _reused(order_id: str) -> _Refusal:
    detail = (
        f"{order_id} was placed with another body; a key means one order until 24 h after it"
        " became final (O2)"
    )
    return _Refusal("ORDER_KEY_REUSED", detail)


# What goes out: commands to books, facts, rows


def _hand_on(turn: _Turn, book_id: str, kind: str, body: Body) -> None:
    """B4, B5: to the book, with the account's next number; the body as it came."""
    record = {
        "kind": kind,
        "command_id": turn.command_id,
        "account_id": turn.account.account_id,
        "source": turn.account.account_id,
        "source_seq": _next_seq(turn.account),
        kind: body,
    }
    turn.step.commands.append(Outgoing(BOOKS_COMMANDS, book_id, record))


def _refuse(turn: _Turn, order_id: str, refusal: _Refusal) -> None:
    _tell(turn, "order_rejected", order_id=order_id, code=refusal.code, detail=refusal.detail)


def _tell_node(turn: _Turn, node: Node) -> None:
    """K3: what the node's GPUs are doing now; a removed node goes when nothing is left on it."""
    if node.is_over:
        turn.account.inventory.drop(node)
    turn.step.writes[f"{NODE}:{node.node_id}"] = None if node.is_over else node_row(node)
    _tell(
        turn,
        "node_changed",
        node_id=node.node_id,
        gpu_type=node.gpu_type,
        region=node.region,
        health=node.health,
        maintenance=node.maintenance,
        removed=node.removed,
        base_price_micros=node.base_price_micros,
        surge_enabled=node.surge_enabled,
        **node.counts(),
        slots=node.states(),
    )


def _tell(turn: _Turn, kind: str, **fields: Any) -> None:
    """F: a fact with the account's next number."""
    account = turn.account
    seq = _next_seq(account)
    record = {
        "event_id": event_id(account.account_id, seq),
        "account_id": account.account_id,
        "account_seq": seq,
        "occurred_at_ms": account.now_ms,
        "command": turn.kind,
        "command_id": turn.command_id,
        **fields,
    }
    turn.step.facts.append(Fact(kind, record))


def _next_seq(account: Account) -> int:
    account.seq += 1
    return account.seq


def _write(turn: _Turn, order: Order) -> None:
    """The row of an order; one with nothing open leaves, and its id is remembered (O2)."""
    account = turn.account
    account.recount(order)
    if order.remaining:
        turn.step.writes[f"{ORDER}:{order.order_id}"] = order_row(order)
        return
    del account.orders[order.order_id]
    turn.step.writes[f"{ORDER}:{order.order_id}"] = None
    _remember(turn, order.order_id, order.digest)


def _remember(turn: _Turn, order_id: str, digest: str) -> None:
    """A placement that was refused is final too, so its key is remembered as well (O2, O4)."""
    turn.account.remember(order_id, digest)
    turn.step.writes[f"{REMEMBERED}:{order_id}"] = remembered_row(turn.account, order_id)


# What the API has checked already: a record that fails here was not sent by it


def _validate_order(body: Body) -> None:
    if body["side"] not in ("bid", "ask"):
        raise ValueError(f"side must be bid or ask, was {body['side']!r}")
    if body["side"] == "ask" and not body.get("region"):
        raise ValueError("an ask must name the region of its GPUs (E2)")
    _within("quantity", body["quantity"], 1, MAX_QUANTITY)
    _within("duration_seconds", body["duration_seconds"], 1)
    _validate_price(body["price_micros"])


def _validate_amend(body: Body) -> None:
    _within("quantity", body.get("quantity", 0), 0, MAX_QUANTITY)
    if body.get("price_micros"):
        _validate_price(body["price_micros"])


def _validate_price(price_micros: int) -> None:
    _within("price_micros", price_micros, MIN_PRICE_MICROS, MAX_PRICE_MICROS)
    if price_micros % TICK_MICROS:
        raise ValueError(f"price_micros must be a multiple of 100 (U1), was {price_micros}")


def _within(name: str, value: int, least: int, most: int | None = None) -> None:
    if value < least or (most is not None and value > most):
        limit = f"{least} or more" if most is None else f"{least} to {most}"
        raise ValueError(f"{name} must be {limit}, was {value}")


_RULES: dict[str, Callable[[_Turn, Body], None]] = {
    "place_order": _place,
    "cancel_order": _cancel,
    "amend_order": _amend,
    "order_matched": _matched,
    "order_amended": _amended,
    "order_closed": _closed,
    "order_rejected": _rejected,
    "set_account": _set_account,
    "register_node": _register_node,
    "set_node_pricing": _set_node_pricing,
    "set_node_maintenance": _set_node_maintenance,
    "set_node_health": _set_node_health,
    "remove_node": _remove_node,
    "tick": _tick,
}

MACHINE: Machine[Account] = Machine(
    "admission", Account, load_account, apply, check_account_id, weight
)
"""The machine of one account; its id is the `account_id`."""
