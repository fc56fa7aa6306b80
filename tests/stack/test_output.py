"""Logs that rotate."""

import os
from pathlib import Path

import pytest

from stack import output
from stack.output import open_log, rotate, tail


def test_two_old_files_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    for number in range(5):
        log.write_text(f"line {number}\n")
        rotate(log, limit_bytes=6)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "a.log": "",
        "a.log.1": "line 4\n",
        "a.log.2": "line 3\n",
    }


def test_a_log_within_its_limit_stays(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    rotate(log)
    log.write_text("line\n")
    rotate(log, limit_bytes=5)
    assert [file.name for file in tmp_path.iterdir()] == ["a.log"]


def test_a_program_goes_on_writing_to_a_log_that_rotated(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.log"
    descriptor = open_log(log)
    os.write(descriptor, b"before\n")
    rotate(log, limit_bytes=1)
    os.write(descriptor, b"after\n")
    os.close(descriptor)
    assert log.read_text() == "after\n"
    assert log.with_name("a.log.1").read_text() == "before\n"


def test_a_reopened_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    for number in range(2):
        descriptor = open_log(tmp_path / "a.log")
        os.write(descriptor, f"line {number}\n".encode())
        os.close(descriptor)
    assert (tmp_path / "a.log").read_text() == "line 0\nline 1\n"


def test_where_a_copy_has_no_room_the_log_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(source: Path, target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output.shutil, "copyfile", no_room)
    (tmp_path / "a.log").write_text("much")
    rotate(tmp_path / "a.log", limit_bytes=1)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.log": ""}


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    assert tail(path, 3) == []
    path.write_text("".join(f"{number}\n" for number in range(1000)))
    assert tail(path, 3) == ["997", "998", "999"]


def test_the_tail_may_begin_at_a_place(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("old\nnew\n")
    assert tail(path, 3, from_bytes=4) == ["new"]
    assert tail(path, 3, from_bytes=100) == ["old", "new"]
