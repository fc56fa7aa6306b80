"""Times as clients write them: RFC 3339 outside, integer milliseconds inside (U3)."""

import re
from datetime import UTC, datetime, timedelta

from schemas.bounds import MAX_AT_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE = _EPOCH.replace(tzinfo=None)
_MS = timedelta(milliseconds=1)
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def read_ms(text: str) -> int:
    """Milliseconds since the epoch; what is finer is dropped.

    Raises:
        ValueError: not an RFC 3339 time with an offset, or in UTC before 1970 or after 9999.
    """
    if not _RFC_3339.fullmatch(text):
        raise ValueError("not an RFC 3339 time")
    try:
        at_ms = (datetime.fromisoformat(text.upper()) - _EPOCH) // _MS
    except OverflowError:
        raise ValueError("out of range") from None
    return within_range(at_ms)


def within_range(at_ms: int) -> int:
    """A time that can be told again.

    Raises:
        ValueError: before 1970 or after 9999.
    """
    if not 0 <= at_ms <= MAX_AT_MS:
        raise ValueError("before 1970 or after 9999")
    return at_ms


def told(at_ms: int) -> str:
    """The time as RFC 3339 in UTC, with milliseconds."""
    return (_EPOCH_WITHOUT_ZONE + at_ms * _MS).isoformat(timespec="milliseconds") + "Z"


def told_if_set(at_ms: int | None) -> str | None:
    """The same; None for none or 0, which means never."""
    return told(at_ms) if at_ms else None
