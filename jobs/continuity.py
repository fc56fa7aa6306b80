"""Whether a job's log goes on where its saved state ends."""

import logging
from collections.abc import Mapping
from typing import Final

from jobs.refused import Refused
from jobs.saved_state import SavedState

START_ANEW: Final = "restore the topic as it was, or start anew with an empty GPUBROKER_HOME"
_LOG = logging.getLogger(__name__)


class LogCutOff(Refused):
    """A log does not hold the records that follow a job's state."""


class OtherLog(Refused):
    """A log is not the one that a job's state was made from."""


def check_log(
    job: str,
    log: str,
    marks: Mapping[int, tuple[int, int]],
    state: SavedState | None,
    *,
    accept_cut: bool = False,
) -> None:
    """See that the job's log is whole from where it will be read.

    A start from nothing needs the log from its first record, a start from a saved state from the
    offsets in that state, and these to be there.

    Args:
        job: its name.
        log: the topic that it reads.
        marks: the first offset and the one after the last of each partition.
        state: what the job starts from.
        accept_cut: go on although the first records that it needs are gone.

    Raises:
        LogCutOff: these records are gone; the message names the partition.
        OtherLog: it ends before the state does, or has other partitions.
    """
    if state and state.offsets and state.offsets.keys() != marks.keys():
        raise OtherLog(
            f"{job}: {log} has {len(marks)} partitions, the job's state {state.folder} "
            f"was made from {len(state.offsets)}; {START_ANEW}"
        )
    needed = state.offsets if state and state.offsets else dict.fromkeys(marks, 0)
    for partition, offset in sorted(needed.items()):
        _check_partition(job, log, partition, marks[partition], offset, accept_cut)


def _check_partition(
    job: str, log: str, partition: int, mark: tuple[int, int], offset: int, accept_cut: bool
) -> None:
    first, end = mark
    held = f"{job}: {log} partition {partition} holds offsets {first} to {end}, but "
    if offset > end:
        raise OtherLog(f"{held}the job's state ends at {offset}; {START_ANEW}")
    if offset >= first:
        return
    cut = f"{held}the job needs it from {offset} on"
    if not accept_cut:
        raise LogCutOff(
            f"{cut}: {first - offset} records are gone; restore the log, or go on without them "
            "with `--accept log` (orders in them are lost)"
        )
    _LOG.warning("%s: %d records are gone; accepted", cut, first - offset)
