"""A real stack for tests: own state folder, own free ports, gone when the block ends."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

import stack
from schemas.settings import Settings, from_environment


@contextmanager
def real_stack(
    home: Path,
    only: str | Collection[str] | None = None,
    progress: Callable[[str], object] = print,
) -> Iterator[Settings]:
    """Starts the stack, or the part that is named; the settings have all addresses."""
    settings = stack.on_free_ports(from_environment(), home)
    try:
        yield stack.up(settings, only, progress=progress)
    finally:
        stack.down(settings, progress=progress)


def belongs_to(home: Path) -> list[psutil.Process]:
    """Every process whose command line names the state folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(home) in part for part in process.info["cmdline"] or ())
    ]
