"""Random streams against the referee (the long run is `python -m tests.differential`)."""

import random

import pytest

from tests import differential
from tests.differential import Comparison, stream
from udfs import allocation


@pytest.mark.parametrize("seed", range(40))
def test_streams_equal_the_referee(seed: int) -> None:
    Comparison(seed).run(stream(random.Random(seed), 500))


def test_a_wrong_rule_is_found_and_the_stream_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: a leftover handed out backwards shows within a stream or two."""
    hand_out = allocation._hand_out

    def backwards(leftover: int, *lists: list[int]) -> None:
        for values in lists:
            values.reverse()
        hand_out(leftover, *lists)
        for values in lists:
            values.reverse()

    monkeypatch.setattr(allocation, "_hand_out", backwards)
    seed, entries = next(
        (seed, entries)
        for seed in range(10)
        if differential.difference(entries := stream(random.Random(seed), 300), seed)
    )
    short = differential.shrunk(entries, seed)
    assert len(short) <= 5
    assert "order_matched" in str(differential.difference(short, seed))
