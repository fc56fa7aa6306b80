"""Logs that rotate."""

import os
import time
from pathlib import Path

from stack.output import Pump, RotatingFile, tail


def test_two_old_files_are_kept(tmp_path: Path) -> None:
    log = RotatingFile(tmp_path / "a.log", limit_bytes=10, kept=2)
    for number in range(5):
        log.write(f"line {number}\n".encode())
    log.close()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "a.log": "line 4\n",
        "a.log.1": "line 3\n",
        "a.log.2": "line 2\n",
    }


def test_a_reopened_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    for number in range(3):
        log = RotatingFile(tmp_path / "a.log", limit_bytes=15, kept=2)
        log.write(f"line {number}\n".encode())
        log.close()
    assert (tmp_path / "a.log").read_text() == "line 2\n"
    assert (tmp_path / "a.log.1").read_text() == "line 0\nline 1\n"


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    assert tail(path, 3) == []
    path.write_text("".join(f"{number}\n" for number in range(1000)))
    assert tail(path, 3) == ["997", "998", "999"]


def test_the_pump_copies_what_is_written_to_a_pipe(tmp_path: Path) -> None:
    pump = Pump()
    pump.start()
    descriptors = [pump.open(tmp_path / f"{name}.log") for name in "ab"]
    for descriptor, text in zip(descriptors, (b"to a\n", b"to b\n"), strict=True):
        os.write(descriptor, text)
        os.close(descriptor)
    deadline = time.monotonic() + 5
    while (tmp_path / "b.log").read_text() != "to b\n" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (tmp_path / "a.log").read_text() == "to a\n"
    assert (tmp_path / "b.log").read_text() == "to b\n"
