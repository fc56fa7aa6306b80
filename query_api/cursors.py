"""Cursors of lists: opaque to clients, checked when they come back."""

import base64
import binascii
import json
import re
from typing import Any, Final

from query_api.problems import FieldError, invalid

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{0,64}")


def write(*place: int | str) -> str:
    """The cursor for what comes after this place."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read(cursor: str | None, *types: type) -> Any:
    """The place in a cursor, None for no cursor; a tuple of these types, alone if it is one.

    Raises:
        Problem: 422, it is not a cursor of this list.
    """
    if cursor is None:
        return None
    place = _decoded(cursor)
    if not isinstance(place, list) or not _is_place(place, types):
        raise invalid([FieldError("/cursor", cursor, "next_cursor of this list's page before")])
    return place[0] if len(types) == 1 else tuple(place)


def _is_place(place: list[Any], types: tuple[type, ...]) -> bool:
    return [type(part) for part in place] == list(types) and all(
        0 <= part < 2**63 if isinstance(part, int) else _is_name(part) for part in place
    )


def _is_name(part: str) -> bool:
    """Whether a list of ours has such a place: ids, and names of the catalogue."""
    return _NAME.fullmatch(part) is not None


def _decoded(cursor: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
