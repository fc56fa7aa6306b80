"""What the values of a record may be, beyond their Avro types.

Whoever reads a record through the codec gets it within these bounds or not at all, so the jobs, the
views, the follower and a replay judge alike, and no reader meets a value that it cannot store,
number or encode again. A rule stands for a field's name, for one thing has one name everywhere;
where a record differs, it has its own. A new word for a field is told to its readers before its
writers use it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, get_args

from schemas import contract
from schemas.names import (
    AuditOutcome,
    CloseReason,
    Health,
    Product,
    ReadingStatus,
    RejectCode,
    RollupScope,
    SelfTrade,
    Side,
    TimeInForce,
)

Record = Mapping[str, Any]
Check = Callable[[Record], None]

MAX_QUANTITY: Final = 65_536
"""market-rules.md U2."""
TICK_MICROS: Final = 100
"""The tick size: limits are multiples of it (market-rules.md U1)."""
MIN_PRICE_MICROS: Final = TICK_MICROS
MAX_PRICE_MICROS: Final = 1_000_000_000
MAX_NODE_GPUS: Final = 1_024
MAX_SEQ: Final = 10**15 - 1
"""Of a machine's or sender's sequence; the views' stamps have room for so many digits."""
MAX_WHOLE: Final = 10**18
MAX_AT_MS: Final = 253_402_300_799_999
"""The end of the year 9999, the last that RFC 3339 can write."""
MAX_OCCURRED_AT_MS: Final = 9_999_999_999_999
"""In the year 2286; ClickHouse's DateTime64 ends in 2299."""
MAX_WORD: Final = 128
"""Characters of an id or a name. A node tells the orders and leases of up to 1,024 GPUs in one
fact, which must fit into a record of the log."""
MAX_TEXT: Final = 4_096
MAX_BYTES_PER_SECOND: Final = 10**12

MEASURED: Final = {
    "gpu_utilization": (0, 1),
    "memory_utilization": (0, 1),
    "temperature": (-50, 150),
    "power_draw": (0, 5_000),
    "cpu_utilization": (0, 1),
    "disk_utilization": (0, 1),
    "network_receive_rate": (0, MAX_BYTES_PER_SECOND),
    "network_send_rate": (0, MAX_BYTES_PER_SECOND),
}
"""The least and the most that a reading of telemetry may say, by what was measured."""

ROLLED_UP: Final = ("gpu_utilization", "memory_utilization", "temperature", "power_draw")
"""What windows of a GPU's readings tell the statistics of."""
STATISTICS: Final = ("mean", "p95", "max")


class OutOfBounds(ValueError):
    """A field's value is not what its rule says; the message names all three."""


class Rule(NamedTuple):
    """What a field's value must be."""

    test: str
    """A Python expression, `{}` standing for the value. A record's tests become one expression:
    called one by one they would cost half of what decoding costs."""
    words: str
    """For people."""


def _whole(least: int = 0, most: int = MAX_WHOLE, step: int = 1) -> Rule:
    """A whole number in a range."""
    words = f"a whole number from {least} to {most}"
    if step == 1:
        return Rule(f"{least} <= {{0}} <= {most}", words)
    return Rule(f"{least} <= {{0}} <= {most} and not {{0}} % {step}", f"{words} by {step}s")


def _measured(least: float, most: float) -> Rule:
    """A number in a range, with a fraction or without; NaN is in none."""
    return Rule(f"{least} <= {{0}} <= {most}", f"a number from {least} to {most}")


def _text(least: int = 0, most: int = MAX_WORD) -> Rule:
    """So many characters."""
    return Rule(f"{least} <= len({{0}}) <= {most}", f"{least} to {most} characters long")


def _one_of(*words: str) -> Rule:
    return Rule(f"{{0}} in {words!r}", f"one of {', '.join(word or repr(word) for word in words)}")


_WHOLE: Final = _whole()
_WORD: Final = _text()
_ID: Final = _text(least=1)
_SEQ: Final = _whole(0, MAX_SEQ)
_AT_MS: Final = _whole(0, MAX_AT_MS)
_QUANTITY: Final = _whole(1, MAX_QUANTITY)
_PRICE: Final = _whole(MIN_PRICE_MICROS, MAX_PRICE_MICROS, TICK_MICROS)

RULES: Final[dict[str, Rule]] = {
    "event_id": _ID,
    "order_id": _ID,
    "bid_order_id": _ID,
    "ask_order_id": _ID,
    "trade_id": _ID,
    "book_id": _ID,
    "node_id": _ID,
    "account_id": _WORD,
    "buyer_id": _WORD,
    "seller_id": _WORD,
    "command_id": _WORD,
    "kind": _WORD,
    "command": _WORD,
    "source": _WORD,
    "digest": _WORD,
    "gpu_type": _WORD,
    "region": _WORD,
    "hash": _WORD,
    "slots": _text(0, 2 * MAX_WORD),
    "detail": _text(0, MAX_TEXT),
    "side": _one_of(*get_args(Side)),
    "aggressor": _one_of(*get_args(Side)),
    "product": _one_of(*get_args(Product)),
    "time_in_force": _one_of(*get_args(TimeInForce), ""),
    "self_trade": _one_of(*get_args(SelfTrade)),
    "health": _one_of(*get_args(Health)),
    "OrderClosed.reason": _one_of(*get_args(CloseReason)),
    "OrderRejected.code": _one_of(*get_args(RejectCode)),
    "BookStatus.status": _one_of("open", "halted"),
    "audit_id": _ID,
    "actor": _ID,
    "key_id": _WORD,
    "action": _ID,
    "subject": _WORD,
    "outcome": _one_of(*get_args(AuditOutcome)),
    "AuditEntry.code": _WORD,
    "source_seq": _SEQ,
    "prev_seq": _SEQ,
    "last_seq": _SEQ,
    "book_seq": _SEQ,
    "account_seq": _SEQ,
    "occurred_at_ms": _whole(0, MAX_OCCURRED_AT_MS),
    "expires_at_ms": _AT_MS,
    "available_until_ms": _AT_MS,
    "quantity": _QUANTITY,
    "AmendOrder.quantity": _whole(0, MAX_QUANTITY),
    "Withdraw.quantity": _WHOLE,
    "price_micros": _PRICE,
    "bid_price_micros": _PRICE,
    "ask_price_micros": _PRICE,
    "AmendOrder.price_micros": _whole(0, MAX_PRICE_MICROS, TICK_MICROS),
    "OrderMatched.price_micros": _whole(MIN_PRICE_MICROS, MAX_PRICE_MICROS, TICK_MICROS // 2),
    "duration_seconds": _whole(1),
    "gpu_count": _whole(1, MAX_NODE_GPUS),
    "cluster_id": _ID,
    "provider_id": _ID,
    "scope": _one_of(*get_args(RollupScope)),
    "scope_id": _text(1, 2 * MAX_WORD + 1),
    "window_start_ms": _whole(0, MAX_OCCURRED_AT_MS),
    "TelemetryRollup.window_seconds": Rule("{0} in (10, 60)", "10 or 60"),
    "TelemetryRollup.node_id": _WORD,
    "TelemetryRollup.cluster_id": _WORD,
    "TelemetryRollup.provider_id": _WORD,
    "gpu_index": _whole(0, MAX_NODE_GPUS - 1),
    "timestamp": _whole(0, MAX_OCCURRED_AT_MS),
    "GpuReading.status": _one_of(*get_args(ReadingStatus)),
    "GpuStatus.status": _one_of(*get_args(ReadingStatus)),
    "measured_at_ms": _AT_MS,
    "heard_at_ms": _AT_MS,
    **{name: _measured(*bounds) for name, bounds in MEASURED.items()},
    **{
        f"{name}_{statistic}": _measured(*MEASURED[name])
        for name in ROLLED_UP
        for statistic in STATISTICS
    },
    "utilization": _measured(0, 1),
    "telemetry_utilization": _measured(-1, 1),
    "stddev_micros": _measured(0, MAX_PRICE_MICROS),
    "DeadLetter.partition": _whole(-1),
    "DeadLetter.offset": _whole(-1),
}
"""By `Record.field`, else by `field`; a whole number without a rule is not negative."""


def check(record: str) -> Check:
    """The function that checks the fields of a record; a command's with those of its body.

    It raises `OutOfBounds`.
    """
    fields = contract.records()[record]["fields"]
    bodies = {field["name"]: name for field in fields if (name := _body(field))}
    own = _own(record, [field for field in fields if field["name"] not in bodies])
    inner = {kind: check(body) for kind, body in bodies.items()}
    return _whole_command(own, inner) if inner else own


def _whole_command(header: Check, bodies: Mapping[str, Check]) -> Check:
    def check_command(command: Record) -> None:
        header(command)
        kind = command["kind"]
        body = command.get(kind)
        if body is not None and kind in bodies:
            bodies[kind](body)

    return check_command


def _own(record: str, fields: Iterable[Mapping[str, Any]]) -> Check:
    tests = {
        field["name"]: (rule, _test(rule, field))
        for field in fields
        if (rule := _rule(record, field))
    }
    within = _compiled(" and ".join(f"({test})" for _, test in tests.values()) or "True")

    def check_fields(value: Record) -> None:
        if not within(value):
            name = next(name for name, (_, test) in tests.items() if not _compiled(test)(value))
            was = repr(value[name])[:MAX_WORD]
            raise OutOfBounds(f"{name} must be {tests[name][0].words}, was {was}")

    return check_fields


def _compiled(test: str) -> Callable[[Record], bool]:
    """The function of a record that an expression over our own rules and names stands for."""
    function: Callable[[Record], bool] = eval(f"lambda record: {test}", {"all": all, "len": len})
    return function


def _test(rule: Rule, field: Mapping[str, Any]) -> str:
    """The rule's test of a field in `record`: of all items of an array, of what is not null."""
    value = f"record[{field['name']!r}]"
    if "array" in _types(field["type"]):
        return f"all({rule.test.format('item')} for item in {value})"
    test = rule.test.format(value)
    return f"{value} is None or {test}" if "null" in _types(field["type"]) else test


def _rule(record: str, field: Mapping[str, Any]) -> Rule | None:
    name = field["name"]
    rule = RULES.get(f"{record}.{name}") or RULES.get(name)
    return rule or (_WHOLE if {"int", "long"} & _types(field["type"]) else None)


def _types(schema: Any) -> set[str]:
    """The names of a field's types, whichever way they are written."""
    if isinstance(schema, list):
        return {name for branch in schema for name in _types(branch)}
    return _types(schema["type"]) if isinstance(schema, dict) else {schema}


def _body(field: Mapping[str, Any]) -> str | None:
    """The record that a nullable field of a command holds."""
    names = [name for name in _types(field["type"]) if name.startswith("gpubroker.")]
    return names[0].removeprefix("gpubroker.") if names else None
