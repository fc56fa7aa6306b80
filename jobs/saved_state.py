"""From which saved state a job starts (architecture.md, "The keyed machine").

A stop with savepoint leaves `HOME/flink/resume.json`; a job that just ran leaves checkpoints in
`<checkpoint folder>/<job>/<code version>/`. The newest readable one of the two wins. A machine is
its log and its code (market-rules.md B2), so a checkpoint of other code is refused: only a stop
with savepoint, where nothing is in flight, may change the code.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from jobs.refused import Refused

METADATA: Final = "_metadata"
MAGIC: Final = bytes.fromhex("4960672d")
"""The first bytes of Flink's checkpoint metadata."""


class OtherCode(Refused):
    """The newest checkpoint was written by other code."""


class NotAFolder(Refused):
    """The cluster keeps its checkpoints where this module cannot look for them."""


@dataclass(frozen=True, slots=True)
class SavedState:
    """A checkpoint or savepoint of a job."""

    folder: Path
    written_at: float
    code: str | None
    """The version of the code that wrote it; None for a savepoint, which any code may take."""

    @property
    def uri(self) -> str:
        return self.folder.as_uri()


def code_version() -> str:
    """A digest of what a machine's facts and rows depend on: its code and the record shapes."""
    digest = hashlib.sha256()
    for package, suffix in (("udfs", ".py"), ("schemas", ".avsc")):
        for name, file in sorted(_files(resources.files(package), suffix)):
            digest.update(name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def checkpoint_folder(base_uri: str, job: str) -> Path:
    """Where a job of this code keeps its checkpoints, below the cluster's folder.

    Raises:
        NotAFolder: the cluster's is not a `file:` URI.
    """
    return _folder(base_uri) / job / code_version()


def newest(job: str, base_uri: str, resume: Path) -> SavedState | None:
    """The state that a job starts from, None to start at the beginning of its log.

    Raises:
        OtherCode: the newest is a checkpoint of other code.
        NotAFolder: the cluster's checkpoint folder is not a `file:` URI.
    """
    found = [*_checkpoints(_folder(base_uri) / job), *_savepoint(job, resume)]
    state = max(found, key=lambda each: each.written_at, default=None)
    if state and state.code not in (None, code_version()):
        raise OtherCode(
            f"{job}: the newest checkpoint {state.folder} was written by code {state.code}, this "
            f"is {code_version()}; run the old code and stop it with `python -m jobs stop`, then "
            "start the new one (market-rules.md B2)"
        )
    return state


def write_resume(file: Path, savepoints: dict[str, str]) -> None:
    """Remember the savepoint of each job, whole or not at all."""
    text = json.dumps(
        {"code": code_version(), "stopped_at_s": int(time.time()), "savepoints": savepoints},
        indent=2,
    )
    part = file.with_suffix(".part")
    part.write_text(text + "\n")
    part.replace(file)


def _checkpoints(folder: Path) -> Iterator[SavedState]:
    for metadata in folder.glob(f"*/*/chk-*/{METADATA}"):
        if _is_readable(metadata):
            code = metadata.relative_to(folder).parts[0]
            yield SavedState(metadata.parent, metadata.stat().st_mtime, code)


def _savepoint(job: str, resume: Path) -> Iterator[SavedState]:
    if resume.exists():
        uri = _read(resume)["savepoints"].get(job)
        metadata = _folder(uri) / METADATA if uri else None
        if metadata and _is_readable(metadata):
            yield SavedState(metadata.parent, metadata.stat().st_mtime, None)


def _read(resume: Path) -> dict[str, Any]:
    remembered: dict[str, Any] = json.loads(resume.read_text())
    return remembered


def _is_readable(metadata: Path) -> bool:
    try:
        with metadata.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def _folder(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.scheme != "file":
        raise NotAFolder(f"saved states must be in a folder that is mounted here, were in {uri}")
    return Path(unquote(parts.path))


def _files(folder: Traversable, suffix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, suffix)
        elif entry.name.endswith(suffix):
            yield entry.name, entry
