"""Orders: placed, amended, cancelled. No market decision is made here: parse, stamp, append."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any
from uuid import uuid4

from query_api import answers, json_body, problems, times
from query_api.answers import told_order
from query_api.bodies import AmendOrder, PlaceOrder
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import Principal, Unavailable, Watch
from query_api.problems import FieldError, Problem
from query_api.queries.orders import find_own_order, own_order, wanted_order_id
from query_api.waiting_room import Full
from schemas import views
from schemas.names import ACCOUNTS_COMMANDS
from schemas.views import Order
from udfs import ids, money

GTD_MS = 24 * 3600 * 1000
"""How long a GTD order without expires_at rests (market-rules.md O3)."""
GTC_MS = 30 * GTD_MS
"""How long a GTC order rests at most (O3)."""
MAX_WAIT_SECONDS = 5.0
ANSWER_SECONDS = 2.0
"""How long a cancel or amend waits for the market's word."""
REFUSAL_SECONDS = 2.0
"""How long the refusal of a reused key may take, when a view tells another order under it."""
ASK_SECONDS = 0.25
"""How often ClickHouse is asked of an order that is waited for and that Redis does not know."""
MAX_IN_FLIGHT = 500
"""Commands of one account on their way into the log; beyond that it is told to slow down."""
_DEFAULTS = {"bid": "GTD", "ask": "GTC"}
_AT_ONCE = ("IOC", "FOK")
_SENT = (
    "side",
    "book_id",
    "quantity",
    "price_micros",
    "duration_seconds",
    "time_in_force",
    "post_only",
    "min_fill",
    "self_trade",
    "region",
    "min_duration_seconds",
    "available_until_ms",
)
"""Fields of an order that tell its body, but for its expiry, which may be stamped anew."""


async def place_order(call: Call) -> Answer:
    """Put an order into its account's log (market-rules.md O1 to O3)."""
    body: PlaceOrder = call.body
    require_seller(call)
    now_ms = call.ports.clock.now_ms()
    key = client_key(call)
    order_id = ids.order_id(call.principal.account_id, key or str(uuid4()))
    order = stamped(body, order_id, now_ms)
    require_affordable(call.principal, order)
    seconds = wait_seconds(call.headers)
    if seconds is not None:
        return await _place_and_wait(call, order, now_ms, seconds)
    held = await _append_order(call, order, str(uuid4()), now_ms)
    if held is None:
        return _placed(order_id, now_ms)
    return await _tell_again(call, order_id, now_ms, asks_history=bool(held))


async def amend_order(call: Call) -> Answer:
    """Change quantity or price of an open order (C2)."""
    body: AmendOrder = call.body
    if call.principal.max_order_cost_micros is not None:
        await _require_affordable_amend(call, body)
    amend = {"quantity": body.quantity or 0, "price_micros": body.price or 0}
    return await _change(call, "amend_order", amend)


async def cancel_order(call: Call) -> Answer:
    """Close an open order (C1)."""
    return await _change(call, "cancel_order", {})


def require_seller(call: Call) -> None:
    """Refuse an ask by a key without the role provider."""
    if call.body.type == "ask" and "provider" not in call.principal.roles:
        raise problems.forbidden("an ask needs the role provider, which this key has not")


def require_affordable(principal: Principal, order: Mapping[str, Any]) -> None:
    """Refuse a bid that costs more at its limit than those of this key may.

    Raises:
        Problem: 403 `LIMIT_KEY`.
    """
    most = principal.max_order_cost_micros
    if most is None or order["side"] != "bid":
        return
    terms = (order["price_micros"], order["quantity"], order["duration_seconds"])
    cost = money.cost_micros(*terms)
    if cost > most:
        raise problems.forbidden(
            f"a bid of this key costs at most {money.limit_usd(most)} USD at its limit, this one "
            f"{money.trade_usd(cost)} USD",
            "LIMIT_KEY",
        )


def client_key(call: Call) -> str | None:
    """The client's key of the order (O2), None if it gave none."""
    key: str | None = call.body.client_order_id
    return key or call.headers.get("idempotency-key")


def stamped(body: PlaceOrder, order_id: str, now_ms: int) -> dict[str, Any]:
    """The order as it goes into the log, with every default (O3)."""
    time_in_force = body.time_in_force or _DEFAULTS[body.type]
    return {
        "order_id": order_id,
        "side": body.type,
        "book_id": f"{body.gpu_type}.{body.product}",
        "quantity": body.quantity,
        "price_micros": body.price,
        "duration_seconds": body.duration_hours * 3600,
        "time_in_force": time_in_force,
        "expires_at_ms": _expires_at_ms(time_in_force, body.expires_at, now_ms),
        "post_only": body.post_only,
        "min_fill": body.min_fill,
        "self_trade": body.self_trade,
        "region": body.region or "",
        "min_duration_seconds": body.min_duration_hours * 3600,
        "available_until_ms": body.available_until or 0,
        "digest": digest(body),
    }


def digest(body: PlaceOrder) -> str:
    """Eight bytes over the parsed fields that the client sent, but for its key (O2)."""
    names = sorted(body.model_fields_set - {"client_order_id"})
    sent = json_body.write([(name, getattr(body, name)) for name in names])
    return sha256(sent).hexdigest()[:16]


def wait_seconds(headers: Mapping[str, str]) -> float | None:
    """N of `Prefer: wait=N`, at most 5; None if it is absent or unreadable."""
    for preference in headers.get("prefer", "").split(","):
        name, _, value = preference.partition("=")
        if name.strip().lower() == "wait" and value.strip().isdecimal():
            return min(float(value), MAX_WAIT_SECONDS)  # of a thousand digits it is infinite
    return None


async def check_order(call: Call, wrong: frozenset[str]) -> list[FieldError]:
    """Rules over several fields of an order, and against the catalogue."""
    sent = {
        name: value for name, value in call.sent.items() if name not in wrong and value is not None
    }
    found = [
        *_key_errors(sent, call.headers),
        *_time_errors(sent, call.ports.clock.now_ms()),
        *_side_errors(sent, wrong),
        *_size_errors(sent),
        *await _catalogue_errors(call, sent),
    ]
    if call.body is not None and [each.rule for each in found] == [_PAST]:
        return [] if await _is_repeat(call) else found
    return found


async def _require_affordable_amend(call: Call, body: AmendOrder) -> None:
    """The same for an order as it would be.

    Of the views only side and duration are believed, which no amend changes: they are a moment
    behind, and two amends in that moment could make a small order large, each with one half.

    Raises:
        Problem: 403 `LIMIT_KEY`; 404, no view knows the order; 409, it was refused; 422, a half is
            missing.
    """
    order = await own_order(call)
    if order["status"] == "rejected":  # of it no view tells more
        raise problems.conflict("ORDER_NOT_OPEN", f"order {order['order_id']} was refused")
    if order["side"] == "ask":
        return
    told = {"quantity": body.quantity, "price": body.price}
    rule = "required of a key with max_order_cost: an amend of it says quantity and price"
    if missing := [FieldError(f"/{name}", None, rule) for name in told if told[name] is None]:
        raise problems.invalid(missing)
    amended = {**order, "quantity": body.quantity, "price_micros": body.price}
    require_affordable(call.principal, amended)


def _expires_at_ms(time_in_force: str, given_ms: int | None, now_ms: int) -> int:
    if time_in_force in _AT_ONCE:
        return 0
    return now_ms + GTC_MS if time_in_force == "GTC" else given_ms or now_ms + GTD_MS


async def _place_and_wait(
    call: Call, order: Mapping[str, Any], now_ms: int, seconds: float
) -> Answer:
    command_id = str(uuid4())
    applied = {"Preference-Applied": f"wait={seconds:.0f}"}
    async with call.ports.facts.watch(command_id) as watch:
        is_repeat = bool(await _append_order(call, order, command_id, now_ms))
        decided = await _decision(call, order, watch, seconds, is_repeat)
    if decided is not None:
        return Answer(200, told_order(decided), applied)
    answer = await _tell_again(call, order["order_id"], now_ms)
    return Answer(202, answer.body, {**answer.headers, **applied})


async def _decision(
    call: Call, placed: Mapping[str, Any], watch: Watch, seconds: float, is_repeat: bool
) -> Order | None:
    """The order once it is decided and a view tells all of it; None when the time is over.

    An order that is not as it was placed now has been amended since, or has another body under the
    same key: then the account's refusal is given some time to arrive.
    """
    clock = call.ports.clock
    started = clock.now_seconds()
    delay, waited, asking_at = 0.005, 0.0, ASK_SECONDS
    while True:
        _refuse_if_reused(watch)
        asks = waited >= asking_at
        asking_at = waited + ASK_SECONDS if asks else asking_at
        order = await find_own_order(call, placed["order_id"], asks_history=asks)
        waited = clock.now_seconds() - started
        is_believed = is_repeat or waited > REFUSAL_SECONDS or _is_as_placed(order, placed)
        if order is not None and is_believed and await _is_settled(call, order):
            return order
        if waited + delay > seconds:
            return None
        await clock.sleep(delay)
        delay = min(delay * 1.5, 0.02)


async def _is_settled(call: Call, order: Order) -> bool:
    """Whether an order is as its account or book has left it.

    A command's facts come over several topics, so a view may tell that an order was taken in a
    moment before it tells what it traded then. What of it rests, the follower of the books knows;
    where that is away, the view is believed.
    """
    if order["status"] not in ("pending", "partial"):
        return True
    if order["book_seq"] is None:
        return False
    try:
        told = await call.ports.market_data.resting(order["book_id"], order["order_id"])
    except Unavailable:
        return True
    return bool(told["book_seq"] >= order["book_seq"] and told["remaining"] == order["remaining"])


def _is_as_placed(order: Mapping[str, Any] | None, placed: Mapping[str, Any]) -> bool:
    """Whether a view tells the fields as they were sent; a rejection tells none."""
    if order is None or order["status"] == "rejected":
        return True
    return all(order[name] == placed[name] for name in _SENT)


def _refuse_if_reused(watch: Watch) -> None:
    fact = watch.arrived()
    if fact and fact.kind == "order_rejected" and fact.record["code"] == "ORDER_KEY_REUSED":
        raise problems.conflict("ORDER_KEY_REUSED", fact.record["detail"])


async def _append_order(
    call: Call, order: Mapping[str, Any], command_id: str, now_ms: int
) -> str | None:
    """Append it, show it as pending, and tell the digest that its row had before.

    So its key had placed it before. The row in Redis is asked after the append, so that no order
    waits for it; the account knows for certain, and makes no second order of a key (O2). Without
    Redis the order is in the log all the same.

    Returns:
        None without a row; the empty string for a row of facts alone: who placed it got no answer,
        or the machines were faster than this.

    Raises:
        Problem: 409 `ORDER_KEY_REUSED`, the key's order has another body.
    """
    room = call.ports.room
    try:
        async with room.order(command_id):
            await _append(call, "place_order", order, command_id)
    except Full:
        raise problems.overloaded() from None
    call.ports.on_order(order["side"])
    held = await _show_pending(call, order, now_ms)
    if not held:
        return held
    room.repeated(command_id)
    if held != order["digest"]:
        raise problems.conflict(
            "ORDER_KEY_REUSED",
            f"the key of order {order['order_id']} was used with another body before (O2)",
        )
    return held


async def _show_pending(call: Call, order: Mapping[str, Any], now_ms: int) -> str | None:
    """Write the order's row in Redis if there is none; else the digest that it tells."""
    row = views.pending_row(call.principal.account_id, order, now_ms)
    with suppress(Unavailable):
        return await call.ports.live.place(order["order_id"], views.forgotten_before(now_ms), row)
    return None


async def _append(call: Call, kind: str, body: Mapping[str, Any], command_id: str) -> None:
    account_id = call.principal.account_id
    command = {
        "kind": kind,
        "command_id": command_id,
        "account_id": account_id,
        "source": "",
        "source_seq": 0,
        kind: body,
    }
    with _in_flight(call):
        await call.ports.log.append(ACCOUNTS_COMMANDS, account_id, command)


@contextmanager
def _in_flight(call: Call) -> Iterator[None]:
    in_flight, account_id = call.ports.in_flight, call.principal.account_id
    if in_flight[account_id] >= MAX_IN_FLIGHT:
        detail = f"this account has {MAX_IN_FLIGHT} commands on their way already"
        raise Problem(429, "TOO_MANY_REQUESTS", detail, headers={"Retry-After": "1"})
    in_flight[account_id] += 1
    try:
        yield
    finally:
        in_flight[account_id] -= 1


def _placed(order_id: str, created_at_ms: int) -> Answer:
    body: answers.PlacedOrder = {
        "order_id": order_id,
        "status": "pending",
        "created_at": times.told(created_at_ms),
    }
    return Answer(202, body, {"Location": f"{PREFIX}/orders/{order_id}"})


async def _tell_again(
    call: Call, order_id: str, now_ms: int, *, asks_history: bool = True
) -> Answer:
    """An order that a view knew before, with the status that it has by now."""
    answer = _placed(order_id, now_ms)
    with suppress(Unavailable):
        order = await find_own_order(call, order_id, asks_history=asks_history)
        if order is not None:
            created_at = times.told(order["created_at_ms"])
            told = {**answer.body, "status": order["status"], "created_at": created_at}
            return Answer(202, told, answer.headers)
    return answer


async def _held_digest(call: Call, order_id: str) -> str | None:
    before = views.forgotten_before(call.ports.clock.now_ms())
    try:
        return await call.ports.live.digest(order_id, before)
    except Unavailable:
        return None


async def _is_repeat(call: Call) -> bool:
    """Whether this very order was placed before: then it is told again though it has expired."""
    key = client_key(call)
    if key is None:
        return False
    order_id = ids.order_id(call.principal.account_id, key)
    return await _held_digest(call, order_id) == digest(call.body)


async def _change(call: Call, kind: str, body: Mapping[str, Any]) -> Answer:
    """Append a cancel or amend and wait for the market's word about it."""
    order_id = wanted_order_id(call)
    command_id = str(uuid4())
    async with call.ports.facts.watch(command_id) as watch:
        await _append(call, kind, {"order_id": order_id, **body}, command_id)
        code, detail = await _outcome(call, watch, order_id)
    if code == "ORDER_NOT_OPEN" and await find_own_order(call, order_id) is None:
        raise problems.not_found("order", order_id)
    if code is None:
        told: answers.Accepted = {"status": "pending", "detail": detail}
        return Answer(202, told, {"Location": f"{PREFIX}/orders/{order_id}"})
    if code:
        raise problems.conflict(code, detail)
    return Answer(200, {"success": True})


async def _outcome(call: Call, watch: Watch, order_id: str) -> tuple[str | None, str]:
    """The code of the refusal and its words; an empty code for done, None for not known yet.

    The command may also have closed what had expired, this order too (M1): that is not its outcome.
    Nor are its trades, which other accounts are told of as well, perhaps before this one's amend.
    """
    clock = call.ports.clock
    deadline = clock.now_seconds() + ANSWER_SECONDS
    while fact := await watch.next(deadline - clock.now_seconds()):
        record = fact.record
        if record.get("order_id") != order_id:
            continue
        if fact.kind == "order_rejected":
            return record["code"], record["detail"]
        if fact.kind == "order_amended" or record.get("reason") == "user":
            return "", ""
    return None, "it is in the log; the market has not answered yet"


def _key_errors(sent: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[FieldError]:
    header, field = headers.get("idempotency-key"), sent.get("client_order_id")
    if header is None:
        return
    if not (0 < len(header) <= 128 and header.isprintable()):
        yield FieldError("/Idempotency-Key", header, "1 to 128 characters, no control characters")
    elif field is not None and field != header:
        yield FieldError("/client_order_id", field, "the same as Idempotency-Key if both are given")


def _time_errors(sent: Mapping[str, Any], now_ms: int) -> Iterator[FieldError]:
    time_in_force = sent.get("time_in_force") or _DEFAULTS.get(str(sent.get("type")))
    if sent.get("post_only") and time_in_force in _AT_ONCE:
        yield FieldError("/post_only", True, f"not with {time_in_force} (M2)")
    if "expires_at" not in sent:
        return
    expires_at = sent["expires_at"]
    if time_in_force not in (None, "GTD"):
        yield FieldError("/expires_at", expires_at, f"only with GTD, not with {time_in_force} (O3)")
    elif times.read_ms(expires_at) <= now_ms:
        yield FieldError("/expires_at", expires_at, _PAST)


def _side_errors(sent: Mapping[str, Any], wrong: frozenset[str]) -> Iterator[FieldError]:
    if sent.get("type") == "bid":
        for name in ("available_until", "min_duration_hours"):
            if name in sent:
                yield FieldError(f"/{name}", sent[name], "only for an ask (O1)")
    if sent.get("type") == "ask" and "region" not in sent and "region" not in wrong:
        yield FieldError("/region", None, "an ask must name its region (O1)")


def _size_errors(sent: Mapping[str, Any]) -> Iterator[FieldError]:
    if sent.get("min_fill", 0) > sent.get("quantity", float("inf")):
        rule = f"at most quantity, which is {sent['quantity']} (M6)"
        yield FieldError("/min_fill", sent["min_fill"], rule)
    shortest = sent.get("min_duration_hours", 0)
    if sent.get("type") != "bid" and shortest > sent.get("duration_hours", float("inf")):
        rule = f"at most duration_hours, which is {sent['duration_hours']} (E1)"
        yield FieldError("/min_duration_hours", shortest, rule)


async def _catalogue_errors(call: Call, sent: Mapping[str, Any]) -> list[FieldError]:
    known = await call.ports.catalogue.get()
    return [
        FieldError(f"/{name}", sent[name], f"one of the catalogue: {', '.join(allowed)}")
        for name, allowed in (("gpu_type", known.gpu_types), ("region", known.regions))
        if name in sent and sent[name] not in allowed
    ]


_PAST = "in the future (O3)"
_CHANGED = {200: answers.Success, 202: answers.Accepted}
ENDPOINTS = (
    Endpoint(
        "POST",
        f"{PREFIX}/orders",
        place_order,
        "Place an order",
        "orders:write",
        {200: answers.ToldOrder, 202: answers.PlacedOrder},
        body=PlaceOrder,
        check=check_order,
        refusals=(409,),
        urgency="later",
        headers={
            "Idempotency-Key": "the client's key of this order: sent again, it is the same order",
            "Prefer": "wait=N: answer with the decision, waiting at most N (up to 5) seconds",
        },
    ),
    Endpoint(
        "PATCH",
        f"{PREFIX}/orders/{{order_id}}",
        amend_order,
        "Amend an order's quantity or price",
        "orders:write",
        _CHANGED,
        body=AmendOrder,
        refusals=(404, 409),
        urgency="now",
    ),
    Endpoint(
        "DELETE",
        f"{PREFIX}/orders/{{order_id}}",
        cancel_order,
        "Cancel an order",
        "orders:write",
        _CHANGED,
        refusals=(404, 409),
        urgency="now",
    ),
)
