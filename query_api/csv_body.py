"""Tables as CSV (RFC 4180), for who asks for it by `Accept: text/csv`."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

CONTENT_TYPE: Final = "text/csv; charset=utf-8"
_KINDS: Final = ("application/json", "text/csv")


def is_wanted(accept: str) -> bool:
    """Whether this header would rather have CSV than JSON."""
    return parse_accept_header(accept, MIMEAccept).best_match(_KINDS) == "text/csv"


def write(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows below a line of their names; nothing for no rows."""
    if not rows:
        return b""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
