"""Tells on standard error how far a long reading is: percent and records a second."""

import time
from collections.abc import Callable
from typing import Final

from rich.console import Console

ON_A_TERMINAL_SECONDS: Final = 0.5
IN_A_PIPE_SECONDS: Final = 10.0
"""How far apart two words are."""


class Meter:
    """One reading after another; quick ones are not worth a word."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        """Tell this console, which is best that of standard error."""
        self._console = console
        self._now = now
        self._every = ON_A_TERMINAL_SECONDS if console.is_terminal else IN_A_PIPE_SECONDS
        self._what = ""
        self._expected = self._read = 0
        self._began = self._told = now()

    def begin(self, what: str) -> "Meter":
        """What is read from now on."""
        self._what = what
        self._began = self._told = self._now()
        self._expected = self._read = 0
        return self

    def expect(self, records: int) -> None:
        """So many more are to be read."""
        self._expected += records

    def advance(self, records: int) -> None:
        """So many more are read."""
        self._read += records
        now = self._now()
        if now - self._told >= self._every:
            self._told = now
            self._say(self.line())

    def end(self) -> None:
        """Leave no trace on a terminal."""
        if self._console.is_terminal:
            self._say("")

    def line(self) -> str:
        """How far it is, in words."""
        percent = 100 * self._read / self._expected if self._expected else 100.0
        a_second = self._read / max(self._now() - self._began, 0.001)
        return (
            f"{self._what}: {percent:.0f} %, {self._read:,} of {self._expected:,} records,"
            f" {a_second:,.0f} a second"
        )

    def _say(self, line: str) -> None:
        if self._console.is_terminal:
            self._console.file.write(f"\r\x1b[2K{line}")
            self._console.file.flush()
        else:
            self._console.print(line)
