"""The layout in which records cross between the JVM and Python."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.crossing import Record, packed, unpacked

FIELD = st.none() | st.binary(max_size=20)
NUMBER = st.integers(-(2**63), 2**63 - 1)


@st.composite
def records(draw: st.DrawFn) -> tuple[list[Record], int]:
    """Records with as many fields and numbers each, and how many of these are numbers."""
    fields, numbers = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    record = st.tuples(*[FIELD] * fields, *[NUMBER] * numbers)
    return draw(st.lists(record, max_size=8)), numbers


@given(records())
def test_what_is_packed_comes_out_again(some: tuple[list[Record], int]) -> None:
    told, numbers = some
    assert unpacked(packed(told, numbers)) == told


def test_the_layout_is_the_one_that_gather_and_scatter_know() -> None:
    told = [(b"key", None, 1), (b"", b"v", -1)]
    assert packed(told, numbers=1).hex(" ", 4) == (
        "00000002 00000002 00000001"
        " 00000003 ffffffff 00000000 00000001"
        " 00000000 00000001 ffffffff ffffffff"
        " 6b657976"
    )


def test_an_empty_batch_is_a_head_alone() -> None:
    assert packed([]) == bytes(12)
    assert unpacked(bytes(12)) == []
