"""Which saved state a job starts from."""

import json
import os
import shutil
from importlib import resources
from pathlib import Path

import pytest

from jobs import saved_state
from jobs.saved_state import (
    METADATA,
    NotAFolder,
    OtherCode,
    SavedState,
    Torn,
    Unreadable,
    code_version,
)


def read(folder: Path) -> dict[int, int]:
    """A reader to which only `whole` metadata is whole; the log goes on at 7."""
    metadata = folder / METADATA
    if not metadata.exists() or metadata.read_text() != "whole":
        raise Torn("cut off")
    return {0: 7}


def newest(job: str, base: str, resume: Path, *, accept_code: bool = False) -> SavedState | None:
    return saved_state.newest(job, base, resume, read, accept_code=accept_code)


def write(folder: Path, written_at: int, content: str = "whole") -> Path:
    folder.mkdir(parents=True)
    (folder / METADATA).write_text(content)
    os.utime(folder / METADATA, (written_at, written_at))
    return folder


def checkpoint(base: Path, number: int, written_at: int, **kwargs: str) -> Path:
    code = kwargs.get("code", code_version())
    content = kwargs.get("content", "whole")
    return write(base / "matching" / code / "0a1b" / f"chk-{number}", written_at, content)


@pytest.fixture
def resume(tmp_path: Path) -> Path:
    return tmp_path / "resume.json"


def test_a_new_job_starts_from_nothing(tmp_path: Path, resume: Path) -> None:
    assert newest("matching", tmp_path.as_uri(), resume) is None


def test_the_newest_checkpoint_wins(tmp_path: Path, resume: Path) -> None:
    checkpoint(tmp_path, 8, 100)
    expected = checkpoint(tmp_path, 9, 200)
    write(tmp_path / "admission" / code_version() / "0a1b" / "chk-12", 500)
    state = newest("matching", tmp_path.as_uri(), resume)
    assert state
    assert (state.folder, state.offsets) == (expected, {0: 7})
    assert state.uri == expected.as_uri()


def test_torn_ones_are_named_and_the_one_before_them_is_used(
    tmp_path: Path, resume: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = checkpoint(tmp_path, 9, 200)
    torn = checkpoint(tmp_path, 10, 300, content="wh")
    savepoint = write(tmp_path / "savepoints" / "savepoint-1", 400, "")
    saved_state.write_resume(resume, {"matching": savepoint.as_uri()})
    state = newest("matching", tmp_path.as_uri(), resume)
    assert state
    assert state.folder == expected
    assert [record.getMessage() for record in caplog.records] == [
        f"matching: {folder} is torn, looking for one before it: cut off"
        for folder in (savepoint, torn)
    ]


def test_the_savepoints_of_two_stops_are_kept_and_no_other_is_touched(
    tmp_path: Path, resume: Path
) -> None:
    folder = tmp_path / "savepoints"
    foreign = write(folder / "savepoint-of-an-operator", 50)
    made = [write(folder / f"savepoint-{number}", 100 * number) for number in range(1, 5)]
    for savepoint in made:
        saved_state.write_resume(resume, {"matching": savepoint.as_uri()})
    assert sorted(folder.iterdir()) == sorted([*made[2:], foreign])
    state = newest("matching", tmp_path.as_uri(), resume)
    assert state
    assert state.folder == made[-1]


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


def test_a_savepoint_that_is_gone_is_named(
    tmp_path: Path, resume: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved_state.write_resume(resume, {"matching": "file:/nowhere/savepoint-1"})
    assert newest("matching", tmp_path.as_uri(), resume) is None
    assert "/nowhere/savepoint-1 is torn" in caplog.text


def test_b2_a_checkpoint_of_other_code_can_be_accepted(
    tmp_path: Path, resume: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = checkpoint(tmp_path, 8, 100, code="0ther")
    state = newest("matching", tmp_path.as_uri(), resume, accept_code=True)
    assert state
    assert (state.folder, state.code) == (expected, "0ther")
    assert "written by code 0ther" in caplog.text


def test_b2_a_checkpoint_of_other_code_is_refused(tmp_path: Path, resume: Path) -> None:
    checkpoint(tmp_path, 8, 100, code="0ther")
    with pytest.raises(OtherCode, match=r"written by code 0ther.*`--accept code`"):
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


def test_the_code_of_those_who_only_look_on_is_not_a_machines() -> None:
    names = {name for name, _ in saved_state._files(resources.files("udfs"), ".py")}
    assert {"matching.py", "account.py"} <= names
    assert "auditor.py" not in names


def test_a_file_of_savepoints_that_cannot_be_read_is_named_and_written_anew(
    tmp_path: Path, resume: Path
) -> None:
    for torn in ("", "{", "[]", '{"code": "x"}'):
        resume.write_text(torn)
        with pytest.raises(Unreadable, match=r"resume\.json, which names the savepoints"):
            newest("matching", tmp_path.as_uri(), resume)
    saved_state.write_resume(resume, {"matching": "file:///savepoint"})
    assert json.loads(resume.read_text())["savepoints"] == {"matching": "file:///savepoint"}


@pytest.mark.parametrize(
    "file",
    [
        "udfs/matching.py",
        "schemas/avsc/place_order.avsc",
        "schemas/bounds.py",
        "schemas/codec.py",
        "schemas/names.py",
        "jobs/keyed_machine.py",
        "jobs/lane.py",
    ],
)
def test_b2_whatever_decides_facts_is_part_of_the_codes_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    for package in ("udfs", "schemas", "jobs"):
        shutil.copytree(Path(package), tmp_path / package)
    monkeypatch.setattr(saved_state.resources, "files", lambda package: tmp_path / package)
    before = code_version()
    with (tmp_path / file).open("a") as changed:
        changed.write("\n")
    assert code_version() != before
