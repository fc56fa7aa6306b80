"""Money as integers of micro-USD (market-rules.md U1 to U4); no float comes near it."""

from decimal import ROUND_HALF_EVEN, Decimal

from schemas.bounds import MAX_PRICE_MICROS as MAX_PRICE_MICROS
from schemas.bounds import MAX_QUANTITY as MAX_QUANTITY
from schemas.bounds import MIN_PRICE_MICROS as MIN_PRICE_MICROS
from schemas.bounds import TICK_MICROS as TICK_MICROS

MICROS = 1_000_000
"""Micro-USD in a USD."""
SECONDS_PER_HOUR = 3600
BASIS_POINTS = 10_000
"""Basis points in a whole."""


def cost_micros(price_micros: int, quantity: int, seconds: int) -> int:
    """What GPUs cost over a time, micro-USD, rounded once, half to even (U4).

    A period's charge is the difference of two of these, so any split of a lease sums to the total.
    """
    return divided_half_even(price_micros * quantity * seconds, SECONDS_PER_HOUR)


def fee_micros(cost_micros: int, basis_points: int) -> int:
    """The platform's share of what GPUs cost, micro-USD, rounded once, half to even.

    The fees of parts are differences of two of these, as in `cost_micros`.
    """
    return divided_half_even(cost_micros * basis_points, BASIS_POINTS)


def divided_half_even(amount: int, divisor: int) -> int:
    """`amount / divisor` as a whole number, halves to the even one; the divisor is positive."""
    quotient, rest = divmod(amount, divisor)
    if 2 * rest > divisor or (2 * rest == divisor and quotient % 2):
        quotient += 1
    return quotient


def limit_usd(price_micros: int) -> str:
    """A limit price as clients see it: USD with 4 decimals."""
    return f"{Decimal(price_micros) / MICROS:.4f}"


def trade_usd(price_micros: int) -> str:
    """A trade's price as clients see it: USD with 6 decimals."""
    return f"{Decimal(price_micros) / MICROS:.6f}"


def average_usd(value_micros: int, quantity: int) -> str | None:
    """The average price of fills, USD with 6 decimals, half to even; None when nothing filled."""
    if quantity == 0:
        return None
    average = Decimal(divided_half_even(value_micros, quantity)) / MICROS
    return f"{average.quantize(Decimal('0.000001'), ROUND_HALF_EVEN):f}"
