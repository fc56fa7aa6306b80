"""JSON of clients: read strictly, so that no two readers can understand one body differently."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

from query_api.problems import invalid_json

MAX_DEPTH = 16
Decode = Callable[[str], Any]


def read_object(body: bytes, *, is_measured: bool = False) -> dict[str, Any]:
    """The JSON object in a body, numbers with a fraction or exponent as decimals.

    Args:
        body: the bytes.
        is_measured: numbers with a fraction or exponent become floats instead.

    Raises:
        Problem: 400 `INVALID_JSON` for bad UTF-8, duplicate keys, NaN, trailing data, lone
            surrogates, nesting deeper than `MAX_DEPTH`, or anything but an object.
    """
    value = _parse(_decoded(body), _MEASURED if is_measured else _DECODE)
    if not isinstance(value, dict):
        raise invalid_json(f"the body must be a JSON object, was {_kind(value)}")
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    if b"\\u" in body:
        _check_surrogates(value)
    return value


def write(value: Any) -> bytes:
    """JSON as we answer it."""
    return _ENCODE(value).encode()


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise invalid_json(f"byte {error.start} is not UTF-8") from None


def _parse(text: str, decode: Decode) -> Any:
    try:
        return decode(text)
    except json.JSONDecodeError as error:
        raise invalid_json(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise invalid_json(f"nested deeper than {MAX_DEPTH}") from None
    except (ArithmeticError, ValueError):
        raise invalid_json("a number has too many digits or too great an exponent") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid_json(f"the key {twice[:64]!a} is there twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise invalid_json(f"{name} is not JSON")


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise invalid_json(f"nested deeper than {MAX_DEPTH}")
        level = [inner for outer in level for inner in _inner(outer)]


def _inner(value: Any) -> list[Any]:
    values = value.values() if isinstance(value, dict) else value
    return [each for each in values if isinstance(each, dict | list)]


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise invalid_json("a lone surrogate is not a character") from None


def _kind(value: Any) -> str:
    return {list: "a list", str: "a string", type(None): "null", bool: "a boolean"}.get(
        type(value), "a number"
    )


def _decoder(read_fraction: Callable[[str], Any]) -> Decode:
    return json.JSONDecoder(
        object_pairs_hook=_unique, parse_float=read_fraction, parse_constant=_refuse_constant
    ).decode


_DECODE = _decoder(Decimal)
_MEASURED = _decoder(float)
_ENCODE: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
