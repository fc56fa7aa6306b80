"""Whether a job's log and its saved state meet."""

from pathlib import Path

import pytest

from jobs import continuity
from jobs.continuity import LogCutOff, OtherLog
from jobs.saved_state import SavedState
from schemas.names import BOOKS_COMMANDS

Marks = dict[int, tuple[int, int]]


def check_log(marks: Marks, start: SavedState | None, *, accept_cut: bool = False) -> None:
    continuity.check_log("matching", BOOKS_COMMANDS, marks, start, accept_cut=accept_cut)


def state(**offsets: int) -> SavedState:
    by_partition = {int(name[1:]): offset for name, offset in offsets.items()}
    return SavedState(Path("/saved/chk-9"), None, by_partition)


def test_a_log_that_holds_what_follows_the_state_is_whole() -> None:
    check_log({0: (5, 9), 1: (0, 0)}, state(p0=5, p1=0))
    check_log({0: (5, 9), 1: (0, 0)}, state(p0=9, p1=0))


def test_a_log_that_begins_after_the_state_is_refused_and_can_be_accepted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    marks = {0: (5, 9), 1: (0, 0)}
    with pytest.raises(LogCutOff, match=r"partition 0 holds offsets 5 to 9.*from 3 on: 2 records"):
        check_log(marks, state(p0=3, p1=0))
    check_log(marks, state(p0=3, p1=0), accept_cut=True)
    assert "2 records are gone; accepted" in caplog.text


@pytest.mark.parametrize("start", [None, SavedState(Path("/saved/chk-1"), None, {})])
def test_a_start_from_the_beginning_needs_the_first_record(start: SavedState | None) -> None:
    check_log({0: (0, 9)}, start)
    with pytest.raises(LogCutOff, match=r"partition 0 holds offsets 1 to 9.*from 0 on"):
        check_log({0: (1, 9)}, start)


def test_a_log_that_ends_before_the_state_is_another_log() -> None:
    with pytest.raises(OtherLog, match=r"holds offsets 0 to 9.*ends at 12; restore the topic"):
        check_log({0: (0, 9)}, state(p0=12), accept_cut=True)


def test_another_number_of_partitions_is_refused_by_name() -> None:
    with pytest.raises(OtherLog, match=r"books\.commands has 2 partitions, .*/saved/chk-9 .* 1;"):
        check_log({0: (0, 9), 1: (0, 9)}, state(p0=5), accept_cut=True)
