"""The logs of the programs: their output, copied from pipes into files that rotate."""

import os
import selectors
import threading
from pathlib import Path
from typing import BinaryIO

LIMIT_BYTES = 50 << 20
KEPT = 2
CHUNK_BYTES = 1 << 16


class RotatingFile:
    """A file that moves to `.1`, and that to `.2`, when it would grow past its limit."""

    def __init__(self, path: Path, limit_bytes: int = LIMIT_BYTES, kept: int = KEPT) -> None:
        self._path, self._limit_bytes, self._kept = path, limit_bytes, kept
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open()

    def write(self, data: bytes) -> None:
        """Appends; a single write is never split over two files."""
        if self._size and self._size + len(data) > self._limit_bytes:
            self._rotate()
        self._file.write(data)
        self._size += len(data)

    def close(self) -> None:
        self._file.close()

    def _open(self) -> BinaryIO:
        file = self._path.open("ab", buffering=0)
        self._size = file.tell()
        return file

    def _rotate(self) -> None:
        self._file.close()
        names = [
            self._path,
            *(self._path.with_name(f"{self._path.name}.{n + 1}") for n in range(self._kept)),
        ]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)
        self._file = self._open()


class Pump(threading.Thread):
    """One thread that copies every program's output into its log."""

    def __init__(self) -> None:
        super().__init__(name="logs", daemon=True)
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe()
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)

    def open(self, path: Path) -> int:
        """A new log; answers the descriptor to write to, which the caller closes once handed on."""
        reader, writer = os.pipe()
        self._selector.register(reader, selectors.EVENT_READ, RotatingFile(path))
        os.write(self._wake_writer, b"+")
        return writer

    def run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(key.fd, CHUNK_BYTES)
                else:
                    self._copy(key.fd, key.data)

    def _copy(self, reader: int, file: RotatingFile) -> None:
        data = os.read(reader, CHUNK_BYTES)
        if data:
            file.write(data)
        else:
            self._selector.unregister(reader)
            os.close(reader)
            file.close()


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log; none if there is no log."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(max(0, size - lines * 1000))
        return file.read().decode("utf-8", "replace").splitlines()[-lines:]
