"""What a run is stopped by: a rule that does not hold, with the evidence."""

from typing import Any, NoReturn


class Offence(Exception):
    """A promise of the market is broken; `rule` names it (INV1 to INV10, or a rule's number)."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


def offend(rule: str, text: str) -> NoReturn:
    """Stop the run."""
    raise Offence(rule, text)


def equal(rule: str, what: str, found: Any, expected: Any) -> None:
    """Stop the run unless both are equal; the evidence is what differs."""
    if found == expected:
        return
    if isinstance(found, dict) and isinstance(expected, dict):
        names = sorted(found.keys() | expected.keys(), key=str)
        differing = [name for name in names if found.get(name) != expected.get(name)]
        pairs = [f"{name}: {found.get(name)!r}, not {expected.get(name)!r}" for name in differing]
        offend(rule, f"{what} differs at {'; '.join(pairs[:3])}")
    offend(rule, f"{what} is {found!r}, not {expected!r}")
