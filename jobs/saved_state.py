"""From which saved state a job starts (architecture.md, "The keyed machine").

A stop with savepoint leaves `HOME/flink/resume.json`; a job that just ran leaves checkpoints in
`<checkpoint folder>/<job>/<code version>/`. The newest of the two that is whole wins; a torn one is
named in the log and the one before it used. A machine is its log and its code (market-rules.md B2),
so a checkpoint of other code is refused: only a stop with savepoint, where nothing is in flight,
may change the code.
"""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from jobs.refused import Refused

METADATA: Final = "_metadata"
JUDGES: Final = "audit"
"""The part of `udfs` that looks on: no machine depends on it."""
ACCEPT_CODE: Final = "code"
ACCEPT_LOG: Final = "log"
ACCEPTABLE: Final = {
    ACCEPT_CODE: "a checkpoint that other code wrote",
    ACCEPT_LOG: "a log that lacks records which follow the state",
}
"""What is refused unless somebody says that it shall be accepted."""
_LOG = logging.getLogger(__name__)


class Torn(Exception):
    """A saved state cannot be restored; the message says what is wrong with it."""


Read = Callable[[Path], Mapping[int, int]]
"""Sees that a saved state is whole and tells the next offset of each partition of its log."""


class OtherCode(Refused):
    """The newest checkpoint was written by other code."""


class Unreadable(Refused):
    """The file that names the savepoints of the last stop is not what a stop wrote."""


class NotAFolder(Refused):
    """The cluster keeps its checkpoints where this module cannot look for them."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """A checkpoint or savepoint of a job, and where the job's log goes on from it."""

    folder: Path
    code: str | None
    """The version of the code that wrote it; None for a savepoint, which any code may take."""
    offsets: Mapping[int, int]

    @property
    def uri(self) -> str:
        return self.folder.as_uri()


@dataclass(frozen=True, slots=True)
class _Found:
    """What may be a saved state: it is there, but was not read."""

    folder: Path
    written_at: float
    code: str | None


def code_version() -> str:
    """A digest of what a machine's facts and stored rows depend on: code, shapes and bounds."""
    digest = hashlib.sha256()
    for package, suffix in (
        ("udfs", ".py"),
        ("schemas", ".avsc"),
        ("schemas", "bounds.py"),
        ("schemas", "codec.py"),
        ("schemas", "names.py"),
        ("jobs", "keyed_machine.py"),
        ("jobs", "lane.py"),
    ):
        for name, file in sorted(_files(resources.files(package), suffix)):
            digest.update(name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def checkpoint_folder(base_uri: str, job: str) -> Path:
    """Where a job of this code keeps its checkpoints, below the cluster's folder.

    Raises:
        NotAFolder: the cluster's is not a `file:` URI.
    """
    return _folder(base_uri) / job / code_version()


def newest(
    job: str, base_uri: str, resume: Path, read: Read, *, accept_code: bool = False
) -> SavedState | None:
    """The state that a job starts from, None to start at the beginning of its log.

    Args:
        job: its name.
        base_uri: the cluster's checkpoint folder.
        resume: the file that names the savepoints of the last stop.
        read: sees that a state is whole; raises `Torn`.
        accept_code: take a checkpoint of other code too.

    Raises:
        OtherCode: the newest is a checkpoint of other code.
        NotAFolder: the cluster's checkpoint folder is not a `file:` URI.
    """
    found = [*_checkpoints(_folder(base_uri) / job), *_savepoint(job, resume)]
    state = _newest_whole(job, found, read)
    if state and state.code not in (None, code_version()):
        complaint = (
            f"{job}: the newest checkpoint {state.folder} was written by code {state.code}, this "
            f"is {code_version()}"
        )
        if not accept_code:
            raise OtherCode(
                f"{complaint}; stop the old code with a savepoint (`gpubroker down`), then start "
                "the new one, or take the checkpoint all the same with `--accept code` "
                "(market-rules.md B2)"
            )
        _LOG.warning("%s; accepted", complaint)
    return state


def names(base_uri: str, resume: Path) -> set[str]:
    """The names under which anything is saved.

    Raises:
        NotAFolder: the cluster's checkpoint folder is not a `file:` URI.
    """
    checkpoints = _folder(base_uri).glob(f"*/*/*/chk-*/{METADATA}")
    return {each.parents[3].name for each in checkpoints} | {*_last(resume).get("savepoints", {})}


def _newest_whole(job: str, found: list[_Found], read: Read) -> SavedState | None:
    for each in sorted(found, key=lambda each: each.written_at, reverse=True):
        try:
            return SavedState(each.folder, each.code, read(each.folder))
        except Torn as torn:
            _LOG.warning("%s: %s is torn, looking for one before it: %s", job, each.folder, torn)
    return None


def write_resume(file: Path, savepoints: dict[str, str]) -> None:
    """Remember the savepoint of each job, whole or not at all.

    Those of the last stop stay as well, for whoever wants to go back; those of the one before it
    are removed, for each is as large as its job's state.
    """
    last = _last(file)
    remembered = {
        "code": code_version(),
        "stopped_at_s": int(time.time()),
        "savepoints": savepoints,
        "before": list(last.get("savepoints", {}).values()),
    }
    part = file.with_suffix(".part")
    part.write_text(json.dumps(remembered, indent=2) + "\n")
    part.replace(file)
    for uri in last.get("before", ()):
        shutil.rmtree(_folder(uri), ignore_errors=True)


def _checkpoints(folder: Path) -> Iterator[_Found]:
    for metadata in folder.glob(f"*/*/chk-*/{METADATA}"):
        code = metadata.relative_to(folder).parts[0]
        yield _Found(metadata.parent, metadata.stat().st_mtime, code)


def _savepoint(job: str, resume: Path) -> Iterator[_Found]:
    """The savepoint of the last stop; it stands at the time of the stop should it be gone."""
    if resume.exists() and (uri := _read(resume)["savepoints"].get(job)):
        metadata = _folder(uri) / METADATA
        written = metadata if metadata.exists() else resume
        yield _Found(metadata.parent, written.stat().st_mtime, None)


def _last(resume: Path) -> dict[str, Any]:
    """What the file says; nothing if it cannot be read, for the new savepoints must be kept."""
    try:
        return _read(resume) if resume.exists() else {}
    except Unreadable as error:
        _LOG.warning("%s", error)
        return {}


def _read(resume: Path) -> dict[str, Any]:
    """What a stop wrote.

    Raises:
        Unreadable: it is not that, or not any more.
    """
    try:
        remembered: dict[str, Any] = json.loads(resume.read_text())
        if not isinstance(remembered["savepoints"], dict):
            raise TypeError("savepoints are no object")
        return remembered
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable(
            f"{resume}, which names the savepoints of the last stop, cannot be read ({error!r}); "
            "without it jobs start from their newest checkpoints: remove it to do that"
        ) from None


def _folder(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise NotAFolder(f"saved states must be in a folder that is mounted here, were in {uri}")
    return Path(unquote(parts.path))


def _files(folder: Traversable, suffix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != JUDGES:
            yield from _files(entry, suffix)
        elif entry.name.endswith(suffix):
            yield entry.name, entry
