# ruff: noqa: N802
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs import money

prices = st.integers(1, 10_000_000).map(lambda ticks: ticks * money.TICK_MICROS)


@given(bid=prices, ask=prices)
def test_U1_the_midpoint_of_two_limits_is_exact(bid: int, ask: int) -> None:
    midpoint = (bid + ask) // 2
    assert 2 * midpoint == bid + ask
    assert midpoint % 50 == 0


def test_U1_U2_limits_of_prices_and_quantities() -> None:
    assert (money.TICK_MICROS, money.MIN_PRICE_MICROS) == (100, 100)
    assert money.MAX_PRICE_MICROS == 1_000_000_000
    assert money.MAX_QUANTITY == 65_536


@pytest.mark.parametrize(
    ("price_micros", "quantity", "seconds", "cost"),
    [
        (2_000_000, 8, 3_600, 16_000_000),
        (1, 1, 1_800, 0),  # 0.5 goes to the even 0
        (1, 3, 1_800, 2),  # 1.5 goes to the even 2
        (1, 1, 1_801, 1),
        (1, 1, 1_799, 0),
    ],
)
def test_U4_cost_is_rounded_half_to_even(
    price_micros: int, quantity: int, seconds: int, cost: int
) -> None:
    assert money.cost_micros(price_micros, quantity, seconds) == cost


@given(price=prices, quantity=st.integers(1, 65_536), cuts=st.lists(st.integers(0, 10**6)))
def test_U4_periods_sum_to_the_whole(price: int, quantity: int, cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), 10**6]
    costs = [money.cost_micros(price, quantity, end) for end in ends]
    charges = [later - earlier for earlier, later in pairwise(costs)]
    assert sum(charges) == money.cost_micros(price, quantity, 10**6)
    assert min(charges) >= 0


@given(amount=st.integers(-(10**20), 10**20), divisor=st.integers(1, 10**9))
def test_U4_division_is_that_of_fractions(amount: int, divisor: int) -> None:
    assert money.divided_half_even(amount, divisor) == round(Fraction(amount, divisor))


def test_U3_money_as_clients_see_it() -> None:
    assert money.limit_usd(2_000_100) == "2.0001"
    assert money.trade_usd(2_000_050) == "2.000050"
    assert money.average_usd(0, 0) is None
    assert money.average_usd(5, 2) == "0.000002"
    assert money.average_usd(7, 2) == "0.000004"
    assert money.average_usd(10**12, 1) == "1000000.000000"
