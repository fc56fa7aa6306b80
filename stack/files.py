"""Files that are replaced whole."""

import os
from pathlib import Path


def replace(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a file anew, so that a reader never sees half of it, nor does who comes after a crash.

    Args:
        path: the file.
        text: what it says from now on.
        mode: who may read it, less what the process's umask takes away; at no time others.

    Raises:
        OSError: it cannot be written, and says what it said before.
    """
    partial = path.with_name(f".{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # else the power may go with the new name and without the content
    partial.replace(path)
