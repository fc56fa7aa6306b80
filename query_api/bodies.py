"""What clients send: one model a body, with the rule of each field in words.

The words of a field's `description` are its documentation in openapi.json and the `rule` of its
refusal alike. Models are strict: integers are JSON integers, unknown fields are refused.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo

from query_api import times
from query_api.kpis import DAY_MS, HOUR_MS, Grouping
from query_api.problems import FieldError
from udfs.money import MAX_PRICE_MICROS, MAX_QUANTITY, MICROS, MIN_PRICE_MICROS

MAX_HOURS = 8_760
MAX_GPUS = 1_024
MAX_LIST = 1_000
MAX_USD = 10**9
MAX_METRICS = 20_000
"""Readings of a batch: more than its largest body can hold of good ones."""
MAX_DETAILS = 16 * 1024
MAX_WORDS = 16
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")
"""The character U+0000 as JSON has it, after an even number of backslashes."""
_SHOWN = r"[^\x00-\x1f\x7f]"

Role = Literal["platform_admin", "provider", "consumer", "developer"]
Scope = Literal[
    "orders:read",
    "orders:write",
    "market:read",
    "providers:read",
    "providers:write",
    "keys:read",
    "keys:write",
    "telemetry:read",
    "telemetry:write",
    "nodes:enrol",
    "admin",
]
ROLES: tuple[Role, ...] = get_args(Role)
SCOPES: tuple[Scope, ...] = get_args(Scope)


def _usd_micros(value: Any) -> int:
    """A decimal in USD, number or string with at most 4 decimals, as micro-USD (U1, U3)."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise ValueError
    words = f"{value:f}" if isinstance(value, Decimal) and _is_plain(value) else value
    if not isinstance(words, int) and not _DECIMAL.fullmatch(str(words)):
        raise ValueError
    return int(Decimal(words) * MICROS)


def _is_plain(value: Decimal) -> bool:
    """Whether writing it out takes few digits: 1e308 does not."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and -4 <= exponent <= 12


def _time_ms(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError
    return times.read_ms(value)


def _address(value: Any) -> str:
    if not isinstance(value, str) or "%" in value:  # a zone is a name of one machine's interface
        raise ValueError
    return str(ip_address(value))


def _details(value: dict[str, Any]) -> dict[str, Any]:
    """As it can be kept and told back: numbers as doubles, and no NUL, which jsonb has not."""
    text = json.dumps(value, default=float, allow_nan=False)
    if len(text) > MAX_DETAILS or _kept_length(text) > MAX_DETAILS or _NUL.search(text):
        raise ValueError
    read: dict[str, Any] = json.loads(text)
    return read


def _kept_length(text: str) -> int:
    """Characters of JSON as PostgreSQL writes it: its numbers without exponents."""
    fractions: list[str] = []
    json.loads(text, parse_float=fractions.append)
    return len(text) + sum(len(f"{Decimal(word):f}") - len(word) for word in fractions)


def _reading_time(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError
    is_number = re.fullmatch(r"[0-9]{1,15}", value)
    return times.within_range(int(value)) if is_number else times.read_ms(value)


def _query_int(value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError
    return int(value)


def _usd_schema(most_usd: int) -> dict[str, Any]:
    digits = len(str(most_usd)) - 1
    return {
        "anyOf": [
            {"type": "string", "pattern": rf"^(0|[1-9][0-9]{{0,{digits}}})(\.[0-9]{{1,4}})?$"},
            {"type": "number", "minimum": 0, "maximum": most_usd},
        ]
    }


_TIME_SCHEMA = {"type": "string", "format": "date-time"}

PriceMicros = Annotated[
    int,
    Field(ge=MIN_PRICE_MICROS, le=MAX_PRICE_MICROS),
    BeforeValidator(_usd_micros),
    WithJsonSchema(_usd_schema(MAX_PRICE_MICROS // MICROS)),
]
AmountMicros = Annotated[
    int,
    Field(ge=0, le=MAX_USD * MICROS),
    BeforeValidator(_usd_micros),
    WithJsonSchema(_usd_schema(MAX_USD)),
]
TimeMs = Annotated[int, BeforeValidator(_time_ms), WithJsonSchema(_TIME_SCHEMA)]
Address = Annotated[
    str,
    BeforeValidator(_address),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=f"^{_SHOWN}*$")]
Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:\-]+$")]
Details = Annotated[dict[str, Any], AfterValidator(_details)]
Hours = Annotated[int, Field(ge=1, le=MAX_HOURS)]
Quantity = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]

DETAILS = (
    f"an object of at most {MAX_DETAILS} characters as JSON with its numbers written out, without "
    "the character U+0000 and numbers beyond a double"
)
NAME = "1 to 128 characters, no control characters"
PRICE = (
    "USD per GPU-hour, a decimal as number or string with at most 4 decimals, 0.0001 to 1000 (U1)"
)
QUANTITY = f"whole GPUs, a JSON integer from 1 to {MAX_QUANTITY} (U2)"
TIME = "a time as RFC 3339 with its offset"


class Body(BaseModel):
    """A JSON object that a client sends."""

    model_config = ConfigDict(strict=True, extra="forbid")


class PlaceOrder(Body):
    """An order to place (market-rules.md O1)."""

    type: Literal["bid", "ask"] = Field(description="bid or ask")
    gpu_type: Word = Field(description="a gpu_type of the catalogue (B1)")
    quantity: Quantity = Field(description=QUANTITY)
    price: PriceMicros = Field(description=PRICE)
    duration_hours: Hours = Field(description=f"a JSON integer from 1 to {MAX_HOURS} (U3)")
    product: Literal["ondemand", "spot", "reserved"] = Field(
        "ondemand", description="ondemand, spot or reserved (B1)"
    )
    region: Word | None = Field(
        None, description="a region of the catalogue; an ask must name one (O1)"
    )
    time_in_force: Literal["GTC", "GTD", "IOC", "FOK"] | None = Field(
        None, description="GTC, GTD, IOC or FOK; GTD for a bid and GTC for an ask if absent (O3)"
    )
    expires_at: TimeMs | None = Field(
        None, description=f"{TIME}, in the future; only with GTD, 24 h if absent (O3)"
    )
    post_only: bool = Field(False, description="true or false; not with IOC or FOK (M2)")
    min_fill: Quantity = Field(
        1, description=f"whole GPUs, a JSON integer from 1 to {MAX_QUANTITY}, at most quantity (M6)"
    )
    self_trade: Literal["cancel_newest", "cancel_oldest"] = Field(
        "cancel_newest", description="cancel_newest or cancel_oldest (S2)"
    )
    client_order_id: Name | None = Field(
        None, description=f"{NAME}; the same as Idempotency-Key if both are given (O2)"
    )
    available_until: TimeMs | None = Field(
        None, description=f"{TIME}, when an ask's GPUs must be back; not for a bid (E3)"
    )
    min_duration_hours: Annotated[int, Field(ge=0, le=MAX_HOURS)] = Field(
        0,
        description=f"a JSON integer from 0 to {MAX_HOURS}, at most duration_hours; "
        "the shortest that an ask sells, not for a bid (E1)",
    )


class AmendOrder(Body):
    """What to change of an open order (market-rules.md C2)."""

    quantity: Quantity | None = Field(
        None, description=f"the new total, fills included: {QUANTITY}"
    )
    price: PriceMicros | None = Field(None, description=PRICE)


class MatchBook(Body):
    """The book to send a tick to."""

    book_id: Word = Field(description="a book of the catalogue, as gpu_type.product (B1)")


class TakeSnapshots(Body):
    """The book to take a snapshot of."""

    book_id: Word | None = Field(
        None, description="a book of the catalogue, as gpu_type.product (B1); absent for every book"
    )


class Limits(Body):
    """What an account may have open at once (market-rules.md K1)."""

    max_open_orders: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="open orders, a JSON integer from 0 to 1000000 (K1)"
    )
    max_notional: AmountMicros | None = Field(
        None,
        description="open notional of bids in USD, a decimal with at most 4 decimals, "
        "0 (for none) to 10^9 (K1)",
    )


class CreateAccount(Body):
    """An account to open."""

    name: Name = Field(description=NAME)
    role: Literal["consumer", "provider"] = Field(description="consumer or provider")
    limits: Limits | None = Field(None, description="an object with max_open_orders, max_notional")


class ChangeAccount(Body):
    """What to change of an account."""

    suspended: bool | None = Field(None, description="true or false")
    limits: Limits | None = Field(None, description="an object with max_open_orders, max_notional")


class CreateProvider(Body):
    """A provider to register."""

    name: Name = Field(description=NAME)
    company: Name = Field(description=NAME)
    kyc_data: Details = Field(description=f"{DETAILS}; kept for the check of identity")


class ChangeProvider(Body):
    """The outcome of an administrator's check."""

    status: Literal["verified", "suspended"] = Field(description="verified or suspended")


class CreateCluster(Body):
    """A cluster of a provider."""

    name: Name = Field(description=NAME)
    region: Word = Field(description="a region of the catalogue")
    specs: Details = Field(default_factory=dict, description=f"{DETAILS}; told back as it is")


class GpuSpec(Body):
    """One GPU of a node."""

    model: Word = Field(description="a gpu_type of the catalogue, the same for all GPUs of a node")
    vram_gb: Annotated[int, Field(ge=1, le=4_096)] = Field(
        description="GB, a JSON integer from 1 to 4096"
    )
    cuda_version: Annotated[str, Field(min_length=1, max_length=32, pattern=f"^{_SHOWN}*$")] = (
        Field(description="1 to 32 characters")
    )
    pcie_slot: Annotated[str, Field(min_length=1, max_length=32, pattern=f"^{_SHOWN}*$")] = Field(
        description="1 to 32 characters, another one for each GPU of a node"
    )


class CreateNode(Body):
    """A node with its GPUs."""

    hostname: Name = Field(description=NAME)
    ip_address: Address = Field(description="an IPv4 or IPv6 address")
    gpu_specs: Annotated[list[GpuSpec], Field(min_length=1, max_length=MAX_GPUS)] = Field(
        description=f"a list of 1 to {MAX_GPUS} GPUs, one entry each"
    )


class ChangeNode(Body):
    """What to change of a node."""

    hostname: Name | None = Field(None, description=NAME)
    ip_address: Address | None = Field(None, description="an IPv4 or IPv6 address")
    status: Literal["maintenance", "available"] | None = Field(
        None, description="maintenance, or available to return to its health (K4)"
    )


class SetPricing(Body):
    """What a node asks for its GPUs by default."""

    base_price: PriceMicros = Field(description=PRICE)
    surge_enabled: bool = Field(False, description="true or false")
    relist: bool = Field(
        False,
        description="true or false: asks that its failing health was withdrawn from are listed "
        "anew once it is healthy (K4)",
    )


class TelemetryBatch(Body):
    """Readings of one node; each of them is judged by itself."""

    node_id: Word = Field(description="the node that reports")
    metrics: Annotated[list[Any], Field(min_length=1, max_length=MAX_METRICS)] = Field(
        description=f"a list of 1 to {MAX_METRICS} readings: of a GPU (gpu_index, timestamp, "
        "gpu_utilization, memory_utilization, temperature, power_draw, status) or of the node "
        "itself (timestamp, cpu_utilization, memory_utilization, disk_utilization, "
        "network_receive_rate, network_send_rate)"
    )


class CalculatePrice(Body):
    """GPUs that somebody thinks of renting."""

    gpu_type: Word = Field(description="a gpu_type of the catalogue (B1)")
    quantity: Quantity = Field(description=QUANTITY)
    duration_hours: Hours = Field(description=f"a JSON integer from 1 to {MAX_HOURS} (U3)")
    product: Literal["ondemand", "spot", "reserved"] = Field(
        "ondemand", description="ondemand, spot or reserved (B1)"
    )
    region: Word | None = Field(None, description="a region of the catalogue, absent for any")


class CreateKey(Body):
    """An API key to make; it never grants more than the caller has."""

    name: Name = Field(description=NAME)
    roles: Annotated[list[Role], Field(max_length=MAX_WORDS)] | None = Field(
        None, description=f"a list of at most {MAX_WORDS}, each {', '.join(ROLES)}"
    )
    scopes: Annotated[list[Scope], Field(max_length=MAX_WORDS)] | None = Field(
        None, description=f"a list of at most {MAX_WORDS}, each {', '.join(SCOPES)}"
    )
    expires_at: TimeMs | None = Field(None, description=f"{TIME}, in the future")
    account_id: Word | None = Field(None, description="an account; for administrators only")
    max_order_cost: Annotated[AmountMicros, Field(ge=100)] | None = Field(
        None,
        description="USD that a bid of this key may cost at its limit, a decimal with at most 4 "
        "decimals, 0.0001 to 10^9; any amount if absent",
    )


class Query(BaseModel):
    """Parameters of a query string."""

    model_config = ConfigDict(extra="forbid")


Limit = Annotated[
    int, BeforeValidator(_query_int), Field(ge=1, le=MAX_LIST), WithJsonSchema({
        "type": "integer", "minimum": 1, "maximum": MAX_LIST,
    }),
]  # fmt: skip
ReadingTime = Annotated[
    int,
    BeforeValidator(_reading_time),
    WithJsonSchema({"anyOf": [_TIME_SCHEMA, {"type": "integer", "minimum": 0}]}),
]
READING_TIME = "RFC 3339 with its offset, or ms since 1970"
LIMIT = f"an integer from 1 to {MAX_LIST}"
CURSOR = "next_cursor of the page before"


class NoQuery(Query):
    """No parameters."""


class Page(Query):
    """Which page of a list."""

    limit: Limit = Field(50, description=LIMIT)
    cursor: Annotated[str, Field(max_length=256)] | None = Field(None, description=CURSOR)


OrderStatus = Literal["active", "pending", "partial", "filled", "cancelled", "rejected"]


class OrderPage(Page):
    """Which orders."""

    status: OrderStatus | None = Field(
        None,
        description="active (pending and partial), pending, partial, filled, cancelled, rejected",
    )


ProviderStatus = Literal["pending_kyc", "verified", "suspended"]


class ProviderPage(Page):
    """Which providers."""

    status: ProviderStatus | None = Field(None, description="pending_kyc, verified, suspended")


class ClusterPage(Page):
    """Which clusters."""

    gpu_type: Word | None = Field(None, description="a gpu_type of the catalogue (B1)")
    region: Word | None = Field(None, description="a region of the catalogue")


class NodePage(Page):
    """Which nodes."""

    cluster_id: Word | None = Field(None, description="a cluster of the caller")


class ReadingPage(Page):
    """Which readings of a node."""

    from_: ReadingTime | None = Field(
        None, alias="from", description=f"{READING_TIME}; an hour before `to` if absent"
    )
    to: ReadingTime | None = Field(None, description=f"{READING_TIME}, not included; now if absent")
    kind: Literal["gpu", "node"] = Field("gpu", description="gpu, or node for those of itself")
    step: Literal["raw", "10s", "1m", "auto"] = Field(
        "raw",
        description="raw for single readings, 10s or 1m for windows of all GPUs together, auto for "
        "the one that fits the time between `from` and `to`; of the node itself only raw",
    )


class PriceQuery(Query):
    """Whose price."""

    gpu_type: Word | None = Field(
        None, description="a gpu_type of the catalogue (B1); absent for every one"
    )
    region: Word | None = Field(
        None, description="a region of the catalogue; absent for all of them together"
    )


class PricePage(Page):
    """Which windows of which index."""

    gpu_type: Word = Field(description="a gpu_type of the catalogue (B1)")
    region: Word | None = Field(
        None, description="a region of the catalogue; absent for all of them together"
    )
    product: Literal["ondemand", "spot", "reserved"] = Field(
        "spot", description="ondemand, spot or reserved (B1)"
    )
    from_: ReadingTime | None = Field(
        None, alias="from", description=f"{READING_TIME}; a day before `to` if absent"
    )
    to: ReadingTime | None = Field(None, description=f"{READING_TIME}, not included; now if absent")


def _span_time(value: Any) -> int:
    """A time as that of a reading is written, or a day: 2026-11-24 is its beginning, UTC."""
    is_day = isinstance(value, str) and _DAY.fullmatch(value)
    return times.read_ms(f"{value}T00:00:00Z") if is_day else _reading_time(value)


def _whole(unit_ms: int) -> BeforeValidator:
    """Such a time, of whole hours or days."""

    def read(value: Any) -> int:
        at_ms = _span_time(value)
        if at_ms % unit_ms:
            raise ValueError
        return at_ms

    return BeforeValidator(read)


_SPAN_SCHEMA = WithJsonSchema(
    {"anyOf": [_TIME_SCHEMA, {"type": "string", "format": "date"}, {"type": "integer"}]}
)
HourTime = Annotated[int, _whole(HOUR_MS), _SPAN_SCHEMA]
DayTime = Annotated[int, _whole(DAY_MS), _SPAN_SCHEMA]
HOUR_TIME = f"a whole hour: {READING_TIME}, or a day such as 2026-11-24, which begins at 0 h UTC"
DAY_TIME = f"a whole day: such as 2026-11-24, or its beginning, 0 h UTC, in {READING_TIME}"


class UtilizationQuery(Query):
    """Which hours or days, and which GPUs; of the last 7 days if nobody says."""

    from_: HourTime | None = Field(None, alias="from", description=HOUR_TIME)
    to: HourTime | None = Field(
        None, description=f"{HOUR_TIME}; not included; the end of the running hour if absent"
    )
    step: Literal["hour", "day"] = Field("hour", description="hour or day")
    gpu_type: Word | None = Field(None, description="a GPU type of the catalogue")
    region: Word | None = Field(None, description="a region of the catalogue")


class RevenueQuery(Query):
    """Which days, and by what; of the last 30 days if nobody says."""

    from_: DayTime | None = Field(None, alias="from", description=DAY_TIME)
    to: DayTime | None = Field(
        None, description=f"{DAY_TIME}; not included; the end of the running day if absent"
    )
    by: Grouping = Field("day", description="day, provider or gpu_type")


class DepthQuery(Query):
    """Which part of a book."""

    levels: Limit = Field(20, description=LIMIT)
    duration_hours: Annotated[
        int, BeforeValidator(_query_int), Field(ge=1, le=MAX_HOURS),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_HOURS}),
    ] | None = Field(None, description=f"an integer from 1 to {MAX_HOURS}")  # fmt: skip
    region: Word | None = Field(None, description="a region of the catalogue")


def errors_of(error: ValidationError, model: type[BaseModel]) -> Iterator[FieldError]:
    """The offending fields that pydantic found, each once, with the rule of its description."""
    seen = set()
    for found in error.errors(include_url=False, include_context=False):
        if found["loc"] not in seen:
            seen.add(found["loc"])
            yield _field_error(found["type"], found["loc"], found["input"], model)


def _field_error(
    kind: str, path: tuple[int | str, ...], value: Any, model: type[BaseModel]
) -> FieldError:
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)
    if kind == "extra_forbidden":
        return FieldError(pointer, value, "UNKNOWN_FIELD: there is no such field")
    rule = _rule(path, model)
    if kind == "missing":
        return FieldError(pointer, None, f"required: {rule}")
    return FieldError(pointer, value, rule)


def _rule(path: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """The words of the innermost field on the path; places in lists have none."""
    rule = ""
    inner: type[BaseModel] | None = model
    for part in path:
        field = _field_of(inner, part) if inner and isinstance(part, str) else None
        if field is not None:
            rule, inner = field.description or "", _model_in(field.annotation)
    return rule


def _field_of(model: type[BaseModel], name: str) -> FieldInfo | None:
    """The field of this name, as clients write it."""
    fields = model.model_fields
    return fields.get(name) or next((f for f in fields.values() if f.alias == name), None)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, alone, optional or in a list."""
    candidates = (annotation, *get_args(annotation))
    models = (each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel))
    return next(models, None)
