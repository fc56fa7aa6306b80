"""Room on the disk of the state folder."""

from pathlib import Path

import pytest

from stack import disk


def test_a_disk_with_room_is_passed(tmp_path: Path) -> None:
    disk.check(tmp_path)
    assert disk.describe_shortage(tmp_path) == ""


def test_a_full_disk_is_named_with_what_is_free_and_what_must_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = disk.shutil.disk_usage(tmp_path)._replace(free=12 << 20)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(disk.DiskFull) as refused:
        disk.check(tmp_path)
    assert f"the disk of {tmp_path} is full: 12 MB are free, at least 1024 MB" in str(refused.value)
