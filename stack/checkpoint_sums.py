"""Digests of the files of Flink's checkpoints, taken when they are new.

A local disk does not notice a byte that it turned over, and neither does Flink: what a checkpoint
holds is restored as it is read. Object stores check for themselves; here the supervisor keeps the
SHA-256 of every finished file beside the checkpoints of its job, as `<job id>.sums/<file>.sha256`,
and whoever starts a job compares (`jobs/checkpoint.py`).
"""

import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from stack import files

METADATA = "_metadata"
SUFFIX = ".sha256"
DIGITS = 64
SETTLED_SECONDS = 1.0
"""Metadata that are younger may still be being written."""


def keep(checkpoints: Path) -> None:
    """Digest what is finished and has no digest yet; forget those whose file is gone.

    Args:
        checkpoints: the folder of `<job>/<code>/<job id>/chk-<n>/` and `…/<job id>/shared/`.
    """
    for job in checkpoints.glob("*/*/*"):
        if job.is_dir() and not job.name.endswith(".sums"):
            _keep_job(job)
    for sums in checkpoints.glob("*/*/*.sums"):
        if not sums.with_suffix("").exists():
            shutil.rmtree(sums, ignore_errors=True)


def _keep_job(job: Path) -> None:
    sums = job.with_name(f"{job.name}.sums")
    for file in _finished(job):
        sum_file = sums / f"{file.relative_to(job)}{SUFFIX}"
        if not _is_digested(sum_file):
            sum_file.parent.mkdir(parents=True, exist_ok=True)
            files.replace(sum_file, hashlib.sha256(file.read_bytes()).hexdigest())
    for sum_file in list(sums.rglob("*")):
        if sum_file.is_file() and not (job / sum_file.relative_to(sums).with_suffix("")).exists():
            sum_file.unlink()


def _is_digested(sum_file: Path) -> bool:
    """Whether there is a whole digest: a full disk, or power that went, may leave part of one."""
    return sum_file.exists() and sum_file.stat().st_size == DIGITS


def _finished(job: Path) -> Iterator[Path]:
    """Files that no one writes to any more: of whole checkpoints, and shared ones before them.

    A checkpoint is whole when its metadata is there, which come last; what is shared is uploaded
    before, and never changed.
    """
    written = {file.parent: file.stat().st_mtime for file in job.glob(f"chk-*/{METADATA}")}
    settled = time.time() - SETTLED_SECONDS
    whole = {folder: at for folder, at in written.items() if at < settled}
    if not whole:
        return
    for folder in whole:
        yield from (file for file in folder.iterdir() if file.is_file())
    newest = max(whole.values())
    for file in (job / "shared").glob("*"):
        if file.is_file() and file.stat().st_mtime < newest:
            yield file
