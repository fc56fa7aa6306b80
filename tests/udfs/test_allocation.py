# ruff: noqa: N802
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.allocation import allocate


class Claim(NamedTuple):
    remaining: int
    min_fill: int = 1


def shares(
    quantity: int, resting: list[int | Claim], top: int = 0, book_minimum: int = 1
) -> list[int]:
    claims = [claim if isinstance(claim, Claim) else Claim(claim) for claim in resting]
    return allocate(quantity, claims, top, book_minimum)


@pytest.mark.parametrize(
    ("quantity", "resting", "top", "book_minimum", "expected"),
    [
        (50, [5, 9, 57, 4, 28, 300], 0, 2, [3, 0, 7, 0, 3, 37]),
        (60, [10, 5, 20, 50, 75], 10, 2, [10, 3, 6, 16, 25]),
        (12, [8, 8, 4, 4], 0, 1, [4, 4, 2, 2]),
        (7, [8, 8, 8], 0, 1, [3, 2, 2]),
        (10, [Claim(8, 8), 8, 4], 0, 1, [0, 8, 2]),
        (20, [8, 4], 0, 1, [8, 4]),
    ],
)
def test_A5_vectors(
    quantity: int, resting: list[int | Claim], top: int, book_minimum: int, expected: list[int]
) -> None:
    assert shares(quantity, resting, top, book_minimum) == expected


def test_A1_top_step_goes_to_the_first_before_the_rest_is_shared() -> None:
    assert shares(10, [4, 20, 20]) == [2, 4, 4]
    assert shares(10, [4, 20, 20], top=3) == [4, 3, 3]
    assert shares(2, [4, 20, 20], top=3) == [2, 0, 0]
    assert shares(10, [4, 20, 20], top=100) == [4, 3, 3]


def test_A1_top_step_ignores_the_minimum_fill() -> None:
    assert shares(3, [Claim(10, 8), 10], top=2) == [2, 1]


def test_A1_minimum_fill_is_taken_before_the_top_step() -> None:
    # after the top step of 3 a rest of 3 is open, but the minimum stays 6: 3 + 1 is too few
    assert shares(4, [Claim(6, 6), 10], top=3) == [3, 1]


def test_A1_A3_the_minimum_is_held_against_the_share_alone() -> None:
    # after a top step of 4 the first's share of 2 is below 5 and becomes 0; the leftover is 3
    assert shares(10, [Claim(10, 5), 10], top=4) == [7, 3]


def test_A1_A4_the_minimum_is_held_against_top_share_and_leftover_together() -> None:
    # top 4, share floor(6*6/16)=2 becomes 0, leftover 6-3=3: 4+3 reaches 6
    assert shares(10, [Claim(10, 6), 10], top=4) == [7, 3]
    # one more is asked for than 4+3: the leftover passes on
    assert shares(10, [Claim(10, 8), 10], top=4) == [4, 6]


def test_A2_all_fill_when_enough_is_wanted() -> None:
    assert shares(12, [Claim(8, 8), 4]) == [8, 4]
    assert shares(12, [8, 4], top=3, book_minimum=5) == [8, 4]
    assert shares(100, [8, 4]) == [8, 4]


def test_A3_a_share_below_the_books_minimum_becomes_0() -> None:
    assert shares(10, [4, 8, 8], book_minimum=1) == [2, 4, 4]
    assert shares(10, [8, 8, 4], book_minimum=3) == [6, 4, 0]


def test_A3_a_share_below_its_own_minimum_becomes_0() -> None:
    assert shares(10, [8, Claim(8, 5), 4]) == [8, 0, 2]


def test_A3_the_minimum_of_an_order_is_at_most_what_remains() -> None:
    assert shares(9, [8, Claim(2, 50)]) == [8, 0]
    assert shares(6, [Claim(2, 50), 8]) == [2, 4]


def test_A4_the_leftover_goes_by_time_priority() -> None:
    assert shares(2, [8, 8, 8]) == [2, 0, 0]
    assert shares(5, [1, 8, 8]) == [1, 2, 2]


def test_A4_nobody_is_left_with_less_than_its_minimum() -> None:
    assert shares(2, [Claim(8, 3), 8]) == [0, 2]
    assert shares(2, [Claim(8, 3), Claim(8, 3)]) == [0, 0]


def test_A4_a_leftover_may_be_smaller_than_the_books_minimum() -> None:
    assert shares(1, [8, 8], book_minimum=4) == [1, 0]


claims = st.lists(
    st.builds(Claim, st.integers(1, 400), st.sampled_from([1, 1, 2, 5, 500])), min_size=1
)


@given(st.integers(1, 4_000), claims, st.integers(0, 50), st.integers(1, 8))
def test_A4_totals(quantity: int, resting: list[Claim], top: int, book_minimum: int) -> None:
    got = allocate(quantity, resting, top, book_minimum)
    assert len(got) == len(resting)
    assert all(0 <= share <= claim.remaining for share, claim in zip(got, resting, strict=True))
    assert sum(got) <= min(quantity, sum(claim.remaining for claim in resting))
    for index, (share, claim) in enumerate(zip(got, resting, strict=True)):
        least = min(claim.min_fill, claim.remaining)
        stepped = index == 0 and share == min(top, quantity, claim.remaining)
        assert share == 0 or share >= least or stepped


@given(st.integers(1, 4_000), st.lists(st.integers(1, 400), min_size=1), st.integers(0, 50))
def test_A4_without_minimum_fills_everything_is_placed(
    quantity: int, remaining: list[int], top: int
) -> None:
    got = allocate(quantity, [Claim(open_) for open_ in remaining], top, book_minimum=3)
    assert sum(got) == min(quantity, sum(remaining))
