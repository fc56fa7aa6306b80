"""What people write on a command line, read into what the API takes.

Only the writing is read here: whether a price or a quantity is acceptable is the market's answer.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from cli.errors import BadUsage

_HOURS = {"": 1, "h": 1, "d": 24, "w": 168}
_DURATION = re.compile(r"([0-9]{1,9})([hdw]?)")


def hours(text: str) -> int:
    """A duration in whole hours: `24`, `24h`, `7d` or `2w`.

    Raises:
        BadUsage: it is none of these.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise BadUsage(
            f"a duration is whole hours, days or weeks such as 24h, 7d, 2w; was {text!r}"
        )
    return int(match[1]) * _HOURS[match[2]]


def price(text: str) -> str:
    """A price in USD per GPU-hour as the API takes it: a decimal as text, never a float.

    Raises:
        BadUsage: it is not a decimal number.
    """
    plain = text.strip().removeprefix("$")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BadUsage(f"a price is USD per GPU-hour such as 2.50; was {text!r}")
    return f"{number:f}"


def moment(text: str, now: datetime | None = None) -> str:
    """A time as RFC 3339: given as one, or as a duration from now such as `6h`.

    Raises:
        BadUsage: it is neither, or says nothing about its time zone.
    """
    try:
        if _DURATION.fullmatch(text.strip().lower()):
            return _rfc3339((now or datetime.now(UTC)) + timedelta(hours=hours(text)))
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return _rfc3339(at)
    except (ValueError, OverflowError):
        pass
    raise BadUsage(f"a time is RFC 3339 with a zone, or from now such as 6h; was {text!r}")


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Fields written as `name=value`.

    Raises:
        BadUsage: one has no name or no equals sign.
    """
    return dict(_pair(text) for text in texts)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise BadUsage(f"a field is written name=value; was {text!r}")
    return name, value
