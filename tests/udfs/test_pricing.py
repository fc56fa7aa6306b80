"""Prices against a slow reference in fractions, and the rules that they keep."""

# ruff: noqa: N802
from collections.abc import Sequence
from fractions import Fraction
from math import isclose
from statistics import pstdev

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from udfs import money, pricing
from udfs.pricing import Supply, Trades

USD = money.MICROS
TICK = money.TICK_MICROS
counts = st.integers(0, 100_000)
ticks = st.integers(1, 10_000_000).map(lambda number: number * TICK)
trade_prices = st.integers(2, 20_000_000).map(lambda halves: halves * TICK // 2)
trades = st.lists(st.tuples(trade_prices, st.integers(1, 65_536)), min_size=1, max_size=40)
bases = st.lists(st.tuples(ticks, st.integers(1, 1_024)), min_size=1, max_size=10)


def to_tick(exact: Fraction) -> int:
    """The nearest multiple of the tick; `round` of a fraction goes half to even."""
    return TICK * round(exact / TICK)


def supply(allocated: int, held: int, available: int, asked: Sequence[tuple[int, int]]) -> Supply:
    value = sum(price * gpus for price, gpus in asked)
    return Supply(allocated, held, available, sum(gpus for _, gpus in asked), value)


def told(sold: Sequence[tuple[int, int]]) -> Trades:
    sums = Trades()
    for price, quantity in sold:
        sums = sums.with_more([price], [quantity])
    return sums


@pytest.mark.parametrize(
    ("allocated", "held", "available", "price"),
    [
        (0, 4, 4, 2 * USD),
        (4, 2, 2, 3 * USD),  # u = 1/2: 1 + 2/4
        (8, 0, 0, 6 * USD),
        (1, 0, 2, 2_444_400),  # u = 1/3: 2.4444...
        (2, 0, 1, 3_777_800),  # u = 2/3: 3.7777...
    ],
)
def test_K3_the_spot_price_rises_with_the_square_of_utilisation(
    allocated: int, held: int, available: int, price: int
) -> None:
    assert pricing.spot_price_micros(supply(allocated, held, available, [(2 * USD, 8)])) == price


def test_the_base_price_is_weighted_by_capacity() -> None:
    asked = [(1 * USD, 1), (2 * USD, 3)]
    assert pricing.base_price_micros(supply(0, 0, 4, asked)) == 1_750_000


@pytest.mark.parametrize(("first", "second", "average"), [(100, 200, 200), (200, 300, 200)])
def test_U1_halves_of_a_tick_go_to_the_even_one(first: int, second: int, average: int) -> None:
    assert pricing.base_price_micros(supply(0, 0, 2, [(first, 1), (second, 1)])) == average
    assert told([(first, 1), (second, 1)]).vwap_micros == average


def test_without_a_base_price_there_is_no_spot_price() -> None:
    assert pricing.spot_price_micros(Supply(allocated=3, available=1)) == 0
    assert pricing.base_price_micros(Supply(allocated=3, available=1)) == 0
    assert pricing.utilization(Supply()) == 0.0


def test_U1_a_spot_price_stays_in_the_range_of_prices() -> None:
    dear = supply(1, 0, 0, [(money.MAX_PRICE_MICROS, 1)])
    assert pricing.spot_price_micros(dear) == money.MAX_PRICE_MICROS


@given(allocated=counts, held=counts, available=counts, asked=bases)
def test_the_spot_price_is_that_of_fractions(
    allocated: int, held: int, available: int, asked: list[tuple[int, int]]
) -> None:
    assume(allocated + held + available)
    gpus = supply(allocated, held, available, asked)
    u = Fraction(allocated, allocated + held + available)
    base = Fraction(sum(p * g for p, g in asked), sum(g for _, g in asked))
    assert pricing.base_price_micros(gpus) == to_tick(base)
    wanted = to_tick(base * (1 + 2 * u * u))
    assert pricing.spot_price_micros(gpus) == min(wanted, money.MAX_PRICE_MICROS)
    assert isclose(pricing.utilization(gpus), float(u))


@given(allocated=st.integers(0, 1_000), more=st.integers(0, 1_000), asked=bases)
def test_the_spot_price_never_falls_when_more_is_allocated(
    allocated: int, more: int, asked: list[tuple[int, int]]
) -> None:
    free = supply(allocated, 0, 2_000 - allocated, asked)
    fuller = supply(allocated + more, 0, 2_000 - allocated - more, asked)
    low, high = pricing.spot_price_micros(free), pricing.spot_price_micros(fuller)
    assert pricing.base_price_micros(free) <= low <= high


@given(sold=trades)
def test_averages_are_those_of_fractions(sold: list[tuple[int, int]]) -> None:
    sums = told(sold)
    prices = [price for price, _ in sold]
    gpus = sum(quantity for _, quantity in sold)
    value = sum(price * quantity for price, quantity in sold)
    assert sums.vwap_micros == to_tick(Fraction(value, gpus))
    assert (sums.trade_count, sums.gpus, sums.value_micros) == (len(sold), gpus, value)
    assert (sums.min_micros, sums.max_micros) == (min(prices), max(prices))
    assert isclose(sums.stddev_micros, pstdev(prices), rel_tol=1e-9, abs_tol=1e-9)


@given(sold=trades)
def test_an_average_is_between_the_least_and_the_most_to_the_tick(
    sold: list[tuple[int, int]],
) -> None:
    sums = told(sold)
    assert sums.min_micros - TICK < sums.vwap_micros < sums.max_micros + TICK


def test_no_trade_has_no_average() -> None:
    assert (Trades().vwap_micros, Trades().stddev_micros) == (0, 0.0)


@pytest.mark.parametrize(
    ("wanted", "last", "limited"),
    [
        (6 * USD, 2 * USD, 2_400_000),
        (1 * USD, 2 * USD, 1_600_000),
        (2_100_000, 2 * USD, 2_100_000),
        (2 * USD, 0, 2 * USD),  # the first price
        (0, 2 * USD, 2 * USD),  # no base: the last is kept
        (0, 0, 0),
        (10_000, 100, 200),  # a fifth of a tick is none: one tick all the same
        (100, 200, 100),
    ],
)
def test_a_price_changes_by_a_fifth_a_step_at_most(wanted: int, last: int, limited: int) -> None:
    assert pricing.limited_micros(wanted, last, 2_000) == limited


@given(wanted=ticks, last=ticks, limit=st.integers(0, 20_000))
def test_U1_a_limited_price_is_within_its_limit_or_one_tick(
    wanted: int, last: int, limit: int
) -> None:
    price = pricing.limited_micros(wanted, last, limit)
    assert price % TICK == 0
    assert money.MIN_PRICE_MICROS <= price <= money.MAX_PRICE_MICROS
    assert abs(price - last) <= max(Fraction(last * limit, 10_000), TICK)
    assert min(wanted, last) <= price <= max(wanted, last)
    if abs(wanted - last) <= Fraction(last * limit, 10_000):
        assert price == wanted


@given(wanted=ticks, last=ticks)
def test_steps_lead_to_the_wanted_price(wanted: int, last: int) -> None:
    for _ in range(400):
        last = pricing.limited_micros(wanted, last, 2_000)
    assert last == wanted


@given(parts=st.lists(st.tuples(counts, counts, counts), max_size=8))
def test_supplies_add_up_and_come_apart(parts: list[tuple[int, int, int]]) -> None:
    whole = Supply()
    for part in parts:
        whole = whole.plus(Supply(*part))
    assert whole.gpus == sum(map(sum, parts))
    for part in parts:
        whole = whole.minus(Supply(*part))
    assert whole == Supply()
