"""Sharing a quantity among the orders of one price level: integer pro-rata (market-rules.md A)."""

from collections.abc import Sequence
from typing import Protocol


class Claim(Protocol):
    """A resting order, as far as sharing goes."""

    @property
    def remaining(self) -> int:
        """Whole GPUs that are open, `rem_i`."""
        ...

    @property
    def min_fill(self) -> int:
        """The least that it accepts from one incoming order at one level."""
        ...


def allocate(
    quantity: int, resting: Sequence[Claim], top: int = 0, book_minimum: int = 1
) -> list[int]:
    """What each resting order gets (market-rules.md A1 to A4).

    Args:
        quantity: what the incoming order still wants, whole GPUs, at least 1.
        resting: the eligible orders of the level in time order, at least one.
        top: top step of the book, 0 for none (A1).
        book_minimum: the smallest pro-rata share (A3).

    Returns:
        Whole GPUs per resting order, in the same order. Their sum is at most `quantity`; it is less
        only where the level is too small or minimum fills leave a rest unplaced.
    """
    remaining = [claim.remaining for claim in resting]
    if quantity >= sum(remaining):  # A2; a top step would change nothing
        return remaining
    minimums = [min(claim.min_fill, claim.remaining) for claim in resting]
    first = min(top, quantity, remaining[0])  # A1
    remaining[0] -= first
    shares = _shares(quantity - first, remaining, minimums, book_minimum)
    remaining[0] += first
    shares[0] += first
    _hand_out(quantity - sum(shares), shares, remaining, minimums)
    return shares


def _shares(
    quantity: int, remaining: list[int], minimums: list[int], book_minimum: int
) -> list[int]:
    """The pro-rata shares, each 0 where it is too small (A3); quantity is less than the sum."""
    total = sum(remaining)
    shares = [open_ * quantity // total for open_ in remaining]
    return [
        share if share >= minimum and share >= book_minimum else 0
        for share, minimum in zip(shares, minimums, strict=True)
    ]


def _hand_out(leftover: int, shares: list[int], remaining: list[int], minimums: list[int]) -> None:
    """Add the leftover to the shares by time priority, never up to less than a minimum (A4)."""
    for index, share in enumerate(shares):
        if not leftover:
            return
        taken = min(leftover, remaining[index] - share)
        if share + taken >= minimums[index]:
            shares[index] += taken
            leftover -= taken
