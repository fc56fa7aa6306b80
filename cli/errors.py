"""How a command ends: its exit codes, and the errors that lead to them.

The codes are stable; scripts may rely on them (`gpubroker --help` lists them).
"""

from typing import Any, Final

OK: Final = 0
REFUSED: Final = 1
"""The market refused what was asked."""
USAGE: Final = 2
"""The command line cannot be read."""
UNREACHABLE: Final = 3
"""No market answers, or it cannot be started, or there is no key for it."""
UNKNOWN: Final = 4
"""Sent, and whether it happened is not known; asking again with the same key is safe."""
CHECK_FAILED: Final = 5
"""A comparison came out unequal."""
CANNOT_TELL: Final = 6
"""A comparison could not be made; nothing is known to be wrong."""


class CommandError(Exception):
    """A command cannot do what was asked; the message is for people."""

    exit_code = REFUSED

    def as_json(self) -> dict[str, Any]:
        """The error for programs."""
        return {"detail": str(self)}


class Refused(CommandError):
    """The market said no; `problem` is its problem+json, field by field."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(described(problem))
        self.problem = problem

    def as_json(self) -> dict[str, Any]:
        return self.problem


class BadUsage(CommandError):
    """An argument that cannot be read; the message names value and rule."""

    exit_code = USAGE


class Unreachable(CommandError):
    """Nothing answers where the market should be, or there is no key for it."""

    exit_code = UNREACHABLE


class OutcomeUnknown(CommandError):
    """It was sent, but no answer came that tells what became of it."""

    exit_code = UNKNOWN


class CheckFailed(CommandError):
    """What had to be equal is not."""

    exit_code = CHECK_FAILED


class CannotTell(CommandError):
    """What had to be compared is not there."""

    exit_code = CANNOT_TELL


def described(problem: dict[str, Any]) -> str:
    """A problem as text: its code and detail, then a line for each offending field."""
    title = problem.get("detail") or problem.get("title") or "refused"
    head = f"{problem['code']}: {title}" if problem.get("code") else str(title)
    return "\n".join([head, *(_field(error) for error in problem.get("errors") or [])])


def _field(error: dict[str, Any]) -> str:
    name = str(error.get("pointer", "")).lstrip("#").lstrip("/") or "body"
    value = f", was {error['value']!r}" if "value" in error else ""
    return f"  {name}: {error.get('rule', 'not acceptable')}{value}"
