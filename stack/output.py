"""The logs of the programs: files that they write to themselves, and that rotate.

A program holds its log open and appends, so its log goes on when the supervisor dies, and a log
that cannot grow, because the disk is full, stops nobody.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

LIMIT_BYTES = 50 << 20
KEPT = 2


def open_log(path: Path) -> int:
    """A descriptor that appends to a log; the caller closes it once it is handed on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def rotate(path: Path, limit_bytes: int = LIMIT_BYTES, kept: int = KEPT) -> None:
    """Moves what a log holds to `.1`, and that to `.2`, when it has grown past its limit.

    The file itself stays, for its program has it open: it is copied, then emptied. What is written
    between the two is lost; so is all of it where the disk has no room for the copy.
    """
    if not path.exists() or path.stat().st_size <= limit_bytes:
        return
    older = [path.with_name(f"{path.name}.{number + 1}") for number in range(kept)]
    for newer, oldest in zip(reversed(older[:-1]), reversed(older[1:]), strict=True):
        if newer.exists():
            newer.replace(oldest)
    try:
        shutil.copyfile(path, older[0])
    except OSError:
        with suppress(FileNotFoundError):
            older[0].unlink()
    os.truncate(path, 0)


def tail(path: Path, lines: int, from_bytes: int = 0) -> list[str]:
    """The last lines of a log, but none from before some place in it; none if there is no log."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        begin = from_bytes if from_bytes <= size else 0  # it has rotated since
        file.seek(max(begin, size - lines * 1000))
        return file.read().decode("utf-8", "replace").splitlines()[-lines:]
