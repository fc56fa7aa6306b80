"""A real stack for tests: own state folder, own free ports, gone when the block ends."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

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
