"""Room on the disk of the state folder: without it servers break in ways that they cannot tell."""

import shutil
from pathlib import Path

from stack.program import StackError

LEAST_FREE_BYTES = 1 << 30
"""Enough for some segments of the logs and some checkpoints, until somebody has made room."""


class DiskFull(StackError):
    """The disk of the state folder has too little room; the message says how much, and where."""


def check(home: Path) -> None:
    """Refuses to start servers where they would soon find no room.

    Raises:
        DiskFull: less than the least is free.
    """
    if shortage := describe_shortage(home):
        raise DiskFull(shortage)


def describe_shortage(home: Path) -> str:
    """What is missing, for people; empty while there is room."""
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free_bytes = shutil.disk_usage(place).free
    if free_bytes >= LEAST_FREE_BYTES:
        return ""
    return (
        f"the disk of {home} is full: {free_bytes >> 20} MB are free, at least "
        f"{LEAST_FREE_BYTES >> 20} MB must be; make room there, or set GPUBROKER_HOME to a folder "
        "on another disk"
    )
