"""What no client should send and some do: for tests of every endpoint, and the fuzzer."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from query_api.json_body import MAX_DEPTH

NO_JSON: Final = {
    "nothing": b"",
    "cut off": b"{",
    "a list": b"[]",
    "a string": b'"text"',
    "a number": b"1",
    "null": b"null",
    "UTF-16": b"\xff\xfe{}",
    "bad UTF-8": b'{"a": "\xc3\x28"}',
    "an overlong slash": b'{"a": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"a": "\xed\xa0\x80"}',
    "beyond Unicode": b'{"a": "\xf5\x80\x80\x80"}',
    "a byte order mark": "\ufeff{}".encode(),
    "a lone surrogate": b'{"a": "\\ud800"}',
    "a lone surrogate as key": b'{"\\udfff": 1}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b'{"a": -Infinity}',
    "a zero in front": b'{"a": 01}',
    "a plus": b'{"a": +1}',
    "hexadecimal": b'{"a": 0x1}',
    "no digits before the point": b'{"a": .5}',
    "no digits after the point": b'{"a": 1.}',
    "no exponent": b'{"a": 1e}',
    "5,000 digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "single quotes": b"{'a': 1}",
    "a comma too many": b'{"a": 1,}',
    "a comment": b'{"a": 1 /* one */}',
    "something behind": b'{"a": 1} x',
    "two objects": b"{}{}",
    "a control character": b'{"a": "\x01"}',
    "NUL": b"{}\x00",
    "a key twice": b'{"a": 1, "a": 2}',
    "a key twice, once escaped": b'{"a": 1, "\\u0061": 1}',
    "a key twice within": b'{"a": {"b": 1, "b": 1}}',
    "one level too deep": b'{"a": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    "depth 10,000": b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "objects, depth 10,000": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "depth 100,000, cut off": b"[" * 100_000,
}
"""Bodies that are no JSON object as we read one: 400 `INVALID_JSON`, wherever a body is read."""

WRONG_NUMBERS: Final = (
    "-1",
    "-0.1",
    "1e308",
    "-1e308",
    "1e-308",
    "1e99999",
    "2." + "3" * 30,
    "123456789012345678901234567890",
    '"NaN"',
    '"Infinity"',
    '"1e1"',
    '"0x1"',
    '" 2"',
    '"+2"',
    '"2."',
    '"\\u0662"',
    '"\\uff12"',
    '"1,5"',
    '""',
    "true",
    "[]",
    "{}",
)
"""JSON that no field for a number takes: 422, with the field."""

MEASUREMENTS: Final = ("1e308", "-1e308", "1e-308", "-0.0", "2." + "3" * 30, "1e999", "-1e999")
"""Numbers in places where a JSON number is not asked for, of an endpoint that reads floats."""

HEADER_VALUES: Final = (
    "\x00",
    "a\x7fb",
    "%0d%0aX-Injected: 1",
    "\u0085X-Injected: 1",
    "é" * 10,
    "x" * 10_000,
    "",
    " ",
)
"""Values of headers that could break out of ours if we told them back; lines are on the wire."""

HEADER_LINES: Final = (
    b"Idempotency-Key: a\rX-Injected: 1\r\n",
    b"Idempotency-Key: a\r\n X-Injected: 1\r\n",
    b"Idempotency-Key: a\r\n\tX-Injected: 1\r\n",
    b"Idempotency-Key: a\x00b\r\n",
    b"Idempotency-Key : a\r\n",
    b"Idempotency Key: a\r\n",
    b"Idempotency-Key\r\n",
    b"\xc3\xa9: a\r\n",
    b": a\r\n",
)
"""Lines among the headers that are none (RFC 9112, 5): 400, and the connection ends."""

PATH_PARTS: Final = (
    "nonsense",
    "0",
    "%00",
    "%0d%0aX-Injected:%201",
    "%0aX-Injected:%201",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "%ff%fe",
    "%c0%af",
    "%EF%BC%90" * 8,
    "00000000-0000-4000-8000-00000000000",
    "{00000000-0000-4000-8000-000000000000}",
    "urn:uuid:00000000-0000-4000-8000-000000000000",
    "'%20OR%201=1--",
    "x" * 5_000,
)
"""Parts of a path that are no id: 404."""

_CONFUSABLE: Final = str.maketrans("ABCEHPTabceipox", "АВСЕНРТаЬсеірох")
"""Latin letters to Cyrillic ones that look like them (Unicode TR39)."""


def look_alikes(word: str) -> Iterator[str]:
    """Words that look like this one, are not it, and must not be taken for it."""
    full_width = "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in word)
    candidates = (
        word.translate(_CONFUSABLE),
        full_width,
        word.swapcase(),
        word.replace("-", "\u2010"),
        word.replace("1", "l"),
        f"{word}\u200b",
        f"\u202e{word}",
        f"{word} ",
        f" {word}",
        f"{word}\u0000",
        f"{word}\r\nX-Injected: 1",
        f"{word[:1]}\u0301{word[1:]}",
    )
    return (each for each in candidates if each != word)


BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "PlaceOrder": {
        "type": "ask",
        "gpu_type": "H100",
        "quantity": 2,
        "price": 2.5,
        "duration_hours": 100,
        "product": "ondemand",
        "region": "us-west-2",
        "time_in_force": "GTD",
        "expires_at": "2100-01-01T00:00:00Z",
        "post_only": False,
        "min_fill": 1,
        "self_trade": "cancel_oldest",
        "client_order_id": "mine",
        "available_until": "2100-01-01T00:00:00Z",
        "min_duration_hours": 1,
    },
    "AmendOrder": {"quantity": 3, "price": 2.25},
    "MatchBook": {"book_id": "H100.ondemand"},
    "TakeSnapshots": {"book_id": "H100.ondemand"},
    "CreateAccount": {
        "name": "someone",
        "role": "consumer",
        "limits": {"max_open_orders": 10, "max_notional": 1000.5},
    },
    "ChangeAccount": {
        "suspended": False,
        "limits": {"max_open_orders": 10, "max_notional": 1000.5},
    },
    "CreateProvider": {"name": "Blue", "company": "Blue Inc", "kyc_data": {"vat": ["1", 2.5]}},
    "ChangeProvider": {"status": "verified"},
    "CreateCluster": {"name": "west", "region": "us-west-2", "specs": {"fabric": {"ib": 400}}},
    "CreateNode": {
        "hostname": "n2",
        "ip_address": "10.0.0.2",
        "gpu_specs": [
            {"model": "H100", "vram_gb": 80, "cuda_version": "12.4", "pcie_slot": f"slot {slot}"}
            for slot in range(2)
        ],
    },
    "ChangeNode": {"hostname": "n3", "ip_address": "fe80::1", "status": "available"},
    "SetPricing": {"base_price": 2.5, "surge_enabled": True, "relist": True},
    "TelemetryBatch": {
        "node_id": "00000000-0000-4000-8000-000000000000",
        "metrics": [
            {
                "gpu_index": 0,
                "timestamp": "2026-01-05T08:00:00Z",
                "gpu_utilization": 0.5,
                "memory_utilization": 0.25,
                "temperature": 60.5,
                "power_draw": 400.0,
                "status": "healthy",
            },
            {
                "timestamp": 1767600000000,
                "cpu_utilization": 0.5,
                "memory_utilization": 0.5,
                "disk_utilization": 0.5,
                "network_receive_rate": 1e9,
                "network_send_rate": 1e9,
            },
        ],
    },
    "CalculatePrice": {
        "gpu_type": "H100",
        "quantity": 2,
        "duration_hours": 24,
        "product": "spot",
        "region": "us-west-2",
    },
    "CreateKey": {
        "name": "another",
        "roles": ["consumer"],
        "scopes": ["orders:read"],
        "expires_at": "2100-01-01T00:00:00Z",
        "account_id": "00000000-0000-4000-8000-000000000000",
        "max_order_cost": 100.5,
    },
}
"""A body with every field, by the name of its model."""
FREE: Final = frozenset({"metrics", "specs", "kyc_data"})
"""Fields whose insides the model leaves free."""

Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a body that is no object or list, and its place; not those of free fields."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in FREE:
                yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
    else:
        yield path, value


def pointer(path: Path) -> str:
    """The place as problems tell it (RFC 6901)."""
    return "".join(f"/{part}" for part in path)


class Raw(str):
    """JSON text, written as it is."""

    __slots__ = ()


class Twice(tuple[Any, ...]):
    """Values of a key that stands once for each of them."""

    __slots__ = ()


def written(value: Any) -> str:
    """A body as JSON text, also such as no encoder writes."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, Mapping):
        pairs = [
            f"{json.dumps(name)}: {written(each)}"
            for name, held in value.items()
            for each in (held if isinstance(held, Twice) else (held,))
        ]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return json.dumps(value)


def changed(value: Any, path: Path, new: Any) -> Any:
    """The body with another value at a place."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, list):
        return [
            changed(each, tuple(rest), new) if at == first else each
            for at, each in enumerate(value)
        ]
    return {**value, first: changed(value[first], tuple(rest), new)}
