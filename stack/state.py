"""What the supervisor tells the world: one JSON file in the state folder, replaced whole.

It outlives the supervisor, so whoever comes next finds what was left running by identity.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any

from stack import files
from stack.processes import Identity
from stack.program import StackError

# Of the whole stack; it is `running` when all is ready.
STARTING, RUNNING, STOPPING, FAILED, DOWN = "starting", "running", "stopping", "failed", "down"
# Of one program, besides `starting`, `stopping`, `failed` and `down`.
WAITING, PREPARING, READY, DONE = "waiting", "preparing", "ready", "done"
RESTARTING = "restarting"
"""It died, and waits to be started again."""

CHECKPOINTED = (
    "the jobs go on from their newest checkpoints, which other code does not take; "
    "to change it, start this one once more and stop it"
)
"""What a stop without savepoints means (market-rules.md B2)."""


@dataclass(slots=True)
class ProgramState:
    """One program, as the supervisor last saw it."""

    name: str
    state: str = WAITING
    port: int | None = None
    pid: int | None = None
    born: str = ""
    """See `Identity`."""
    born_at: float = 0.0
    """The same by the clock as it was set then, seconds since the epoch."""
    message: str = ""
    """Why it failed, or was started again last."""
    restarts: int = 0

    @property
    def is_up(self) -> bool:
        return self.state in (READY, DONE)

    @property
    def identity(self) -> Identity | None:
        return Identity(self.pid, self.born) if self.pid else None


@dataclass(slots=True)
class StackState:
    """The whole stack, as its supervisor last saw it."""

    state: str
    pid: int
    born: str
    message: str = ""
    """Why it did not start, what is wrong while it runs, or what went wrong when it stopped."""
    programs: list[ProgramState] = field(default_factory=list)

    @property
    def supervisor(self) -> Identity:
        return Identity(self.pid, self.born)


def path(home: Path) -> Path:
    """Where the state is told."""
    return home / "stack.json"


def logs(home: Path) -> Path:
    """Where the logs are."""
    return home / "logs"


def write(home: Path, state: StackState) -> None:
    """Replaces what is told, so that a reader never sees half of it."""
    files.replace(path(home), json.dumps(asdict(state), indent=1))


def read(home: Path) -> StackState | None:
    """What was told last, by a supervisor that may be dead; None if there never was one.

    Nor was there one of other code, whose words this code does not know, if it stopped well.

    Raises:
        StackError: the file says nothing that this code can read.
    """
    try:
        told = json.loads(path(home).read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _unreadable(home, error) from None
    try:
        return _state_of(told)
    except (TypeError, KeyError, AttributeError) as error:
        if _is_at_rest(told):
            return None
        raise _unreadable(home, error) from None


def _state_of(told: dict[str, Any]) -> StackState:
    programs = [ProgramState(**program) for program in told["programs"]]
    whole = StackState(**{**told, "programs": programs})
    births = [whole.born, *(program.born for program in programs)]
    if not all(isinstance(born, str) for born in births):
        raise TypeError("a birth is no text")
    return whole


def _is_at_rest(told: Any) -> bool:
    """Whether it is the state of a stack of which nothing runs."""
    if not isinstance(told, dict) or told.get("state") != DOWN:
        return False
    return not any(program.get("pid") for program in told.get("programs", ()))


def _unreadable(home: Path, error: Exception) -> StackError:
    return StackError(
        f"{path(home)}, which tells what runs, cannot be read ({error}); end what still runs "
        "of the market with the code that started it, or by hand, then remove the file"
    )


def left(state: StackState | None) -> list[Identity]:
    """The identities that a state names, the supervisor's first."""
    if state is None:
        return []
    named = [program.identity for program in state.programs]
    return [state.supervisor, *(identity for identity in named if identity)]


@contextmanager
def launch_lock(home: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """One at a time looks what runs here and starts or ends it; `waiting` is called if we wait."""
    with (home / "launch.lock").open("w") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            waiting()
            flock(file, LOCK_EX)
        yield


@contextmanager
def supervisor_lock(home: Path) -> Iterator[bool]:
    """Whether we are the one supervisor of this state folder, for as long as the block lasts."""
    with (home / "supervisor.lock").open("w") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
