"""A real stack for tests: own state folder, own free ports, gone when the block ends."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import stack
from schemas.settings import Settings, from_environment


@contextmanager
def own_home() -> Iterator[Path]:
    """A state folder that is gone when the block ends.

    It is not pytest's: that one's root is closed to others whenever another pytest starts, and a
    PostgreSQL that runs as another user then loses its files.
    """
    with TemporaryDirectory(prefix="gpubroker-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o755)
        yield Path(home)


@contextmanager
def real_stack(
    home: Path,
    only: str | Collection[str] | None = None,
    progress: Callable[[str], object] = print,
    **settings_of_its_own: str,
) -> Iterator[Settings]:
    """Starts the stack, or the part that is named; the settings have all addresses."""
    told = from_environment().with_values(**settings_of_its_own)
    settings = stack.on_free_ports(told, home)
    try:
        yield stack.up(settings, only, progress=progress)
    finally:
        stack.down(settings, progress=progress)
