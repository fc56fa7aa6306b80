"""What a keyed machine is: a state, one input log, and a pure step from a record to its effects.

A machine reads nothing but the records of its own log (market-rules.md B2) and changes nothing but
the state that it was handed. The shell (`jobs/keyed_machine.py`) loads the state, applies, writes
the changed rows through, and sends the facts and commands on. Whoever replays the log (the market
data service, `udfs.replay`, the tests) calls the same functions.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

Command = Mapping[str, Any]
"""A decoded `BookCommand` or `AccountCommand`: a header, and the body under its kind's name."""
Rows = Iterable[tuple[str, str]]
"""A state's rows as they are stored: key and JSON text."""
MACHINE_ROWS: Final = 4
"""What an empty state of ours takes in memory, in rows."""


class Fact(NamedTuple):
    """Something that happened; `names.FACT_TOPICS[kind]` is its topic, the machine's id its key."""

    kind: str
    record: Mapping[str, Any]


class Outgoing(NamedTuple):
    """A command for another machine: the topic of its log, its key, the record."""

    topic: str
    key: str
    record: Mapping[str, Any]


class Row(NamedTuple):
    """What a row of a state says now; most rows are changed again before their text is wanted."""

    write: Callable[..., str]
    """Makes the text from the values."""
    values: tuple[Any, ...]
    """None of them is ever changed."""

    def text(self) -> str:
        """The row as it is stored."""
        return self.write(*self.values)


def truth(value: bool) -> str:
    """A flag as a row's text has it."""
    return "true" if value else "false"


Writes = Mapping[str, Row | None]
"""Changed rows of a state by their keys; None removes the row."""


def texts(writes: Writes) -> dict[str, str | None]:
    """The same with the texts of the rows."""
    return {key: row.text() if row else None for key, row in writes.items()}


@dataclass(slots=True)
class Step:
    """What one record did."""

    facts: list[Fact] = field(default_factory=list)
    """In the order of market-rules.md M8."""
    commands: list[Outgoing] = field(default_factory=list)
    """For other machines, in order."""
    writes: dict[str, Row | None] = field(default_factory=dict)
    """Changed rows of the state; None removes the row."""
    wake_at_ms: int | None = None
    """When the machine wants its next tick at the latest, None for never (B3)."""


class State(Protocol):
    """What the shell may know of a machine's state."""

    @property
    def sources(self) -> Mapping[str, int]:
        """The last sequence applied of each source (B5)."""
        ...


S = TypeVar("S", bound=State)


def decoded(rows: Rows) -> Iterator[tuple[str, Any]]:
    """Key and value of each row.

    All texts are decoded as one: a call for each would be half of the time that a load takes.
    """
    rows = list(rows)
    values = json.loads(f"[{','.join([text for _, text in rows])}]")
    return zip([key for key, _ in rows], values, strict=True)


def any_id(machine_id: str) -> None:
    """The check of machines that may have any id."""


def one_row(state: object) -> int:
    """The weight of a state that is always small."""
    return 1


@dataclass(frozen=True, slots=True)
class Machine(Generic[S]):
    """The functions of one kind of machine; the string is the machine's id, its log's key."""

    name: str
    empty: Callable[[str], S]
    """The state of a machine whose log is empty."""
    load: Callable[[str, Rows], S]
    """The state from the rows that its steps wrote, in any order."""
    apply: Callable[[S, Command, int], Step]
    """One record and its append time in ms. If it raises, the state is void: load it again."""
    check_id: Callable[[str], None] = any_id
    """Raises `ValueError` for a key that can be no machine's id, so that none comes to be."""
    weight: Callable[[S], int] = one_row
    """What a state takes in memory, in rows of about half a kilobyte; quick to tell."""
