"""How rows of `schemas.views` are read beyond the order that they tell."""

from collections.abc import Mapping
from typing import Final

DIGEST_FIELDS: Final = ("digest", "closing", "rejection", "fills", "remaining", "creation")
"""What `digest_in` needs of a row."""


def digest_in(row: Mapping[str, str | None], forgotten: str) -> str | None:
    """The digest of the order's body.

    None for a row without one, and for an order that closed before the stamp `forgotten`: its key
    may be used with another body (market-rules.md O2).
    """
    return None if _is_forgotten(row, forgotten) else row.get("digest") or None


def held_digest(row: Mapping[str, str], forgotten: str) -> str | None:
    """What the script `PLACE` tells of the row that it met; empty for a row of facts alone."""
    return row.get("digest", "") if row and not _is_forgotten(row, forgotten) else None


def placed_over(
    row: Mapping[str, str], placed: Mapping[str, str], forgotten: str
) -> dict[str, str]:
    """The row after the script `PLACE`: what was absent is there, what is forgotten is gone."""
    return {**placed, **({} if _is_forgotten(row, forgotten) else row)}


def _is_forgotten(row: Mapping[str, str | None], forgotten: str) -> bool:
    filled = row.get("fills") or "" if row.get("remaining") == "0" else ""
    last = max(filled, row.get("closing") or "", row.get("rejection") or "")
    return "" < last < forgotten and last >= (row.get("creation") or "")
