"""A failing schedule made small: without every feature and move that the offence does not need."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from tests.sim.run import Outcome, run
from tests.sim.schedule import Schedule
from udfs.audit.offence import Offence

MOST_RUNS: Final = 400
"""Runs that shrinking may take, so that it ends within a minute."""


def kept(schedule: Schedule, places: Sequence[int], without: frozenset[str]) -> Schedule:
    """The schedule with only these of its moves, and without these features."""
    moves = tuple(schedule.moves[place] for place in places)
    return replace(schedule, moves=moves, on=schedule.on - without)


def shrunk(schedule: Schedule, outcome: Outcome) -> tuple[list[int], frozenset[str], Outcome]:
    """The places of the moves that are needed, the features that are not, and what comes of it."""
    search = _Search(schedule, outcome)
    search.drop_features()
    search.drop_moves()
    search.drop_features()
    return search.places, search.without, search.outcome


class _Search:
    """Tries smaller schedules and goes on from each that breaks the same rule."""

    def __init__(self, schedule: Schedule, outcome: Outcome) -> None:
        self._schedule = schedule
        self._runs = 0
        self._sign = _sign(outcome)
        self.outcome = outcome
        self.places = list(range(outcome.moves))
        self.without: frozenset[str] = frozenset()

    def drop_features(self) -> None:
        for name in sorted(self._schedule.on - self.without):
            self._try(self.places, self.without | {name})

    def drop_moves(self) -> None:
        """Chunks of them, then smaller ones, down to single moves."""
        size = max(1, len(self.places) // 2)
        while True:
            start = 0
            while start < len(self.places):
                fewer = self.places[:start] + self.places[start + size :]
                if not self._try(fewer, self.without):
                    start += size
            if size == 1:
                return
            size //= 2

    def _try(self, places: list[int], without: frozenset[str]) -> bool:
        if self._runs >= MOST_RUNS:
            return False
        self._runs += 1
        outcome = run(kept(self._schedule, places, without))
        if _sign(outcome) != self._sign:
            return False
        self.places, self.without, self.outcome = places, without, outcome
        return True


def _sign(outcome: Outcome) -> str:
    """What makes two offences the same: the rule, or the kind of error."""
    offence = outcome.offence
    return offence.rule if isinstance(offence, Offence) else type(offence).__name__


def first_failure(
    seeds: Iterable[int], schedule_of: Callable[[int], Schedule]
) -> tuple[Schedule, Outcome] | None:
    """The first of these seeds that fails, and how."""
    for seed in seeds:
        schedule = schedule_of(seed)
        outcome = run(schedule)
        if outcome.offence is not None:
            return schedule, outcome
    return None


def ranges(places: Sequence[int]) -> str:
    """Places in short: 0-3,7."""
    texts: list[str] = []
    start = last = None
    for place in [*places, None]:
        if start is not None and (place is None or place != last + 1):
            texts.append(f"{start}-{last}" if last != start else f"{start}")
            start = None
        if start is None:
            start = place
        last = place
    return ",".join(texts)


def read_ranges(text: str) -> list[int]:
    """What `ranges` wrote."""
    places: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        places += range(int(first), int(last or first) + 1)
    return places
