"""The Java servers and libraries, fetched by Maven coordinates and checked against a lock file.

`artifacts.toml` names what the stack runs; `artifacts.lock` pins every file that this resolves to,
dependencies included, with its SHA-256. Starting the stack reads the lock alone: a file that is
there and matches costs one hash, anything else is fetched, once again if it comes out wrong.
`python -m stack relock` writes the lock anew from `artifacts.toml`.
"""

import hashlib
import os
import shutil
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

import requests
from jgo.maven import Dependency, MavenContext

from schemas.settings import Settings
from stack.program import StackError

WANTED = Path(__file__).with_name("artifacts.toml")
LOCK = Path(__file__).with_name("artifacts.lock")
TIMEOUT_SECONDS = 60
ATTEMPTS = 3

Progress = Callable[[str], None]


class ArtifactError(StackError):
    """A server could not be fetched, or what came is not what the lock file pins."""


@dataclass(frozen=True, slots=True, order=True)
class Artifact:
    """One file of a Maven repository, and what it must hash to."""

    group: str
    name: str
    version: str
    classifier: str
    packaging: str
    sha256: str

    @property
    def coordinate(self) -> str:
        parts = (self.group, self.name, self.version, self.classifier, self.packaging)
        return ":".join(part for part in parts if part)

    @property
    def path(self) -> Path:
        """Where the file is, below the cache folder: the layout of every Maven repository."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        file = f"{self.name}-{self.version}{suffix}.{self.packaging}"
        return Path(*self.group.split("."), self.name, self.version, file)


Lock = dict[str, tuple[Artifact, ...]]


def read_lock(text: str) -> Lock:
    """The lock file's groups, such as `kafka`, each with its artifacts.

    Raises:
        ArtifactError: a line does not consist of a coordinate and a SHA-256.
    """
    lock: Lock = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line and not line.startswith("#"):
            group, artifact = _read_line(number, line)
            lock[group] = (*lock.get(group, ()), artifact)
    return lock


def write_lock(lock: Lock) -> str:
    """The text of a lock file, sorted, one artifact a line."""
    lines = [
        f"{group} {a.group}:{a.name}:{a.version}:{a.classifier}:{a.packaging} sha256:{a.sha256}"
        for group in sorted(lock)
        for a in sorted(lock[group])
    ]
    return "\n".join(["# Written by `python -m stack relock`; do not edit.", *lines, ""])


def _read_line(number: int, line: str) -> tuple[str, Artifact]:
    try:
        group, coordinate, digest = line.split(" ")
        parts = coordinate.split(":")
        algorithm, value = digest.split(":")
        if algorithm != "sha256" or len(bytes.fromhex(value)) != 32:
            raise ValueError(digest)
        organisation, name, version, classifier, packaging = parts
    except ValueError:
        raise ArtifactError(
            f"{LOCK.name} line {number} must be `group g:a:v:classifier:packaging sha256:…`,"
            f" was {line!r}"
        ) from None
    return group, Artifact(organisation, name, version, classifier, packaging, value)


def locked() -> Lock:
    """The lock file of this version of the project."""
    return read_lock(LOCK.read_text())


def paths(settings: Settings, group: str) -> tuple[Path, ...]:
    """The files of a group, in the lock file's order; fetched before by `fetch`."""
    return tuple(folder(settings) / "maven" / artifact.path for artifact in locked()[group])


def folder(settings: Settings) -> Path:
    """Where downloads are kept, shared by all state folders of this user."""
    return Path(settings.text("ARTIFACTS")).expanduser().absolute()


def fetch(settings: Settings, progress: Progress) -> None:
    """Makes sure that every pinned file is there and is what the lock file says.

    Raises:
        ArtifactError: a file cannot be fetched, or hashes to something else twice.
    """
    cache = folder(settings)
    with _alone(cache):
        artifacts = [artifact for group in locked().values() for artifact in group]
        missing = [a for a in artifacts if not _matches(cache, a)]
        for number, artifact in enumerate(missing, start=1):
            progress(f"fetching {artifact.path.name} ({number} of {len(missing)})")
            _fetch_checked(cache, artifact)


def unpacked(settings: Settings, group: str) -> Path:
    """The folder of a group that is one archive; unpacked at first use."""
    (archive,) = paths(settings, group)
    cache = folder(settings)
    target = cache / "unpacked" / archive.name.removesuffix(".tar.gz")
    with _alone(cache):
        if not target.exists():
            _unpack(archive, target)
    return target


def _unpack(archive: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with tarfile.open(archive) as opened:
            # Its bytes are the pinned ones; 3.11.2, which Debian has, knows no `filter` yet.
            opened.extractall(partial)
        os.replace(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Two stacks that start at once do not fetch into each other's files."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as file:
        flock(file, LOCK_EX)
        yield


def _matches(cache: Path, artifact: Artifact) -> bool:
    path = cache / "maven" / artifact.path
    return path.exists() and _sha256(path) == artifact.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_checked(cache: Path, artifact: Artifact) -> None:
    found = ""
    for _ in range(2):
        path = _fetch(cache, artifact)
        found = _sha256(path)
        if found == artifact.sha256:
            return
        path.unlink()
    raise ArtifactError(
        f"{artifact.coordinate} must have SHA-256 {artifact.sha256}, had {found} twice;"
        " nothing was kept"
    )


def _fetch(cache: Path, artifact: Artifact) -> Path:
    """Fetches over whatever is there; the network may fail a few times."""
    target = cache / "maven" / artifact.path
    for attempt in range(1, ATTEMPTS + 1):
        target.unlink(missing_ok=True)
        try:
            return _resolve(
                MavenContext(repo_cache=cache / "maven", timeout=TIMEOUT_SECONDS), artifact
            )
        except (requests.RequestException, RuntimeError, OSError) as error:
            if attempt == ATTEMPTS:
                raise ArtifactError(f"{artifact.coordinate} cannot be fetched: {error}") from error
    raise AssertionError("unreachable")


def _resolve(context: MavenContext, artifact: Artifact) -> Path:
    project = context.project(artifact.group, artifact.name)
    component = project.at_version(artifact.version)
    return Path(component.artifact(artifact.classifier, artifact.packaging).resolve())


def relock() -> None:
    """Resolves `artifacts.toml` with all dependencies; trusts what the repository serves today."""
    with tempfile.TemporaryDirectory() as fresh:
        context = MavenContext(repo_cache=Path(fresh), timeout=TIMEOUT_SECONDS)
        wanted = tomllib.loads(WANTED.read_text())
        lock = {group: _resolve_group(context, table) for group, table in wanted.items()}
    LOCK.write_text(write_lock(lock))


def _resolve_group(context: MavenContext, table: dict[str, list[str]]) -> tuple[Artifact, ...]:
    found = {_pin(context, *coordinate.split(":")) for coordinate in table.get("files", [])}
    chosen: dict[tuple[str, str], Dependency] = {}
    for root in table.get("with_dependencies", []):
        # One at a time, the earlier root's versions first: together, one root's managed versions
        # would replace the other's own.
        for dependency in _class_path(context, root):
            chosen.setdefault((dependency.groupId, dependency.artifactId), dependency)
    for each in chosen.values():
        found.add(
            _pin(context, each.groupId, each.artifactId, each.version, each.classifier, each.type)
        )
    return tuple(sorted(found))


def _class_path(context: MavenContext, root: str) -> list[Dependency]:
    direct, transitive = context.resolver.resolve([context.create_dependency(root)])
    return [
        dependency
        for dependency in (*direct, *transitive)
        if dependency.scope in (None, "compile", "runtime") and not dependency.optional
    ]


def _pin(
    context: MavenContext,
    group: str,
    name: str,
    version: str,
    classifier: str = "",
    packaging: str = "jar",
) -> Artifact:
    unpinned = Artifact(group, name, version, classifier, packaging, "")
    return Artifact(
        group, name, version, classifier, packaging, _sha256(_resolve(context, unpinned))
    )
