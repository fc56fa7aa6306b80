"""Which saved state a job starts from."""

import json
import os
from pathlib import Path

import pytest

from jobs import saved_state
from jobs.saved_state import MAGIC, METADATA, NotAFolder, OtherCode, code_version, newest


def write(folder: Path, written_at: int, content: bytes = MAGIC + b"rest") -> Path:
    folder.mkdir(parents=True)
    (folder / METADATA).write_bytes(content)
    os.utime(folder / METADATA, (written_at, written_at))
    return folder


def checkpoint(base: Path, number: int, written_at: int, **kwargs: str) -> Path:
    code = kwargs.get("code", code_version())
    return write(base / "matching" / code / "0a1b" / f"chk-{number}", written_at)


@pytest.fixture
def resume(tmp_path: Path) -> Path:
    return tmp_path / "resume.json"


def test_a_new_job_starts_from_nothing(tmp_path: Path, resume: Path) -> None:
    assert newest("matching", tmp_path.as_uri(), resume) is None


def test_the_newest_readable_checkpoint_wins(tmp_path: Path, resume: Path) -> None:
    checkpoint(tmp_path, 8, 100)
    expected = checkpoint(tmp_path, 9, 200)
    write(tmp_path / "matching" / code_version() / "0a1b" / "chk-10", 300, b"")
    write(tmp_path / "matching" / code_version() / "0a1b" / "chk-11", 400, b"cut off")
    write(tmp_path / "admission" / code_version() / "0a1b" / "chk-12", 500)
    state = newest("matching", tmp_path.as_uri(), resume)
    assert state
    assert state.folder == expected
    assert state.uri == expected.as_uri()


def test_a_savepoint_wins_until_a_newer_checkpoint_stands(tmp_path: Path, resume: Path) -> None:
    savepoint = write(tmp_path / "savepoints" / "savepoint-1", 200)
    saved_state.write_resume(resume, {"matching": savepoint.as_uri()})
    checkpoint(tmp_path, 8, 100)
    state = newest("matching", tmp_path.as_uri(), resume)
    assert state
    assert (state.folder, state.code) == (savepoint, None)
    later = checkpoint(tmp_path, 9, 300)
    state = newest("matching", tmp_path.as_uri(), resume)
    assert state
    assert state.folder == later


def test_a_savepoint_that_is_gone_is_passed_over(tmp_path: Path, resume: Path) -> None:
    saved_state.write_resume(resume, {"matching": "file:/nowhere/savepoint-1"})
    assert newest("matching", tmp_path.as_uri(), resume) is None


def test_b2_a_checkpoint_of_other_code_is_refused(tmp_path: Path, resume: Path) -> None:
    checkpoint(tmp_path, 8, 100, code="0ther")
    with pytest.raises(OtherCode, match="written by code 0ther"):
        newest("matching", tmp_path.as_uri(), resume)


def test_b2_a_stop_with_savepoint_may_change_the_code(tmp_path: Path, resume: Path) -> None:
    checkpoint(tmp_path, 8, 100, code="0ther")
    savepoint = write(tmp_path / "savepoints" / "savepoint-1", 200)
    saved_state.write_resume(resume, {"matching": savepoint.as_uri()})
    state = newest("matching", tmp_path.as_uri(), resume)
    assert state
    assert state.folder == savepoint


def test_checkpoints_elsewhere_than_in_a_folder_are_refused_by_name(resume: Path) -> None:
    with pytest.raises(NotAFolder, match="s3://bucket"):
        newest("matching", "s3://bucket/checkpoints", resume)


def test_resume_names_the_code_and_leaves_no_part_behind(tmp_path: Path, resume: Path) -> None:
    saved_state.write_resume(resume, {"matching": "file:/a"})
    assert json.loads(resume.read_text())["code"] == code_version()
    assert list(tmp_path.iterdir()) == [resume]
