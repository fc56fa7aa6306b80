"""Digests of checkpoints: of what is finished alone, and gone with it."""

import hashlib
import os
from pathlib import Path

import pytest

from stack import checkpoint_sums


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job with a whole checkpoint, one that is being made, and files shared between them."""
    job = tmp_path / "matching-1" / "code" / "id"
    for name, at in (
        ("shared/old", 100),
        ("chk-7/_metadata", 200),
        ("chk-7/private", 190),
        ("shared/new", 300),
        ("chk-8/private", 300),
    ):
        file = job / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        os.utime(file, (at, at))
    return job


def kept(job: Path) -> dict[str, str]:
    sums = job.with_name("id.sums")
    return {
        str(file.relative_to(sums)): file.read_text() for file in sums.rglob("*") if file.is_file()
    }


def test_what_is_finished_has_its_digest(job: Path) -> None:
    checkpoint_sums.keep(job.parents[2])
    assert kept(job) == {
        f"{name}.sha256": hashlib.sha256(name.encode()).hexdigest()
        for name in ("shared/old", "chk-7/_metadata", "chk-7/private")
    }


def test_metadata_that_may_still_be_written_have_none(job: Path) -> None:
    os.utime(job / "chk-7" / "_metadata")
    checkpoint_sums.keep(job.parents[2])
    assert kept(job) == {}


def test_a_digest_is_taken_once_and_is_not_changed_with_the_file(job: Path) -> None:
    checkpoint_sums.keep(job.parents[2])
    before = kept(job)
    (job / "chk-7" / "_metadata").write_text("damaged")
    os.utime(job / "chk-7" / "_metadata", (200, 200))
    checkpoint_sums.keep(job.parents[2])
    assert kept(job) == before


def test_a_digest_that_a_full_disk_cut_off_is_taken_again(job: Path) -> None:
    checkpoint_sums.keep(job.parents[2])
    before = kept(job)
    (job.with_name("id.sums") / "shared" / "old.sha256").write_text("")
    (job.with_name("id.sums") / "chk-7" / "private.sha256.partial").write_text("12")
    checkpoint_sums.keep(job.parents[2])
    assert kept(job) == before


def test_digests_go_with_their_files(job: Path) -> None:
    checkpoint_sums.keep(job.parents[2])
    (job / "chk-7" / "private").unlink()
    checkpoint_sums.keep(job.parents[2])
    assert set(kept(job)) == {"shared/old.sha256", "chk-7/_metadata.sha256"}
    for file in list(job.rglob("*")):
        if file.is_file():
            file.unlink()
    for folder in ("chk-7", "chk-8", "shared", "."):
        (job / folder).rmdir()
    checkpoint_sums.keep(job.parents[2])
    assert not job.with_name("id.sums").exists()
