"""What can be told of a local stack from outside, whether it runs or not."""

from dataclasses import dataclass

import psutil

from schemas.settings import Settings, variable
from stack import control, plan, ports, state

UNSUPERVISED = "unsupervised"


@dataclass(frozen=True, slots=True)
class TakenPort:
    """A port that a program of ours needs and another process has.

    `setting` is the environment variable that changes it, `holder` the process in words.
    """

    program: str
    number: int
    setting: str
    holder: str


def overall(settings: Settings) -> str:
    """The state of the whole stack as its supervisor tells it.

    It is `never started` if there never was one. If it is dead, it is `unsupervised` while programs
    live, else `down`.
    """
    told = state.read(settings.path("HOME"))
    if told is None:
        return "never started"
    if told.supervisor.find():
        return told.state
    return UNSUPERVISED if any(each.find() for each in state.left(told)) else state.DOWN


def taken_ports(settings: Settings) -> list[TakenPort]:
    """Ports of programs that do not run, and that could not start, as another process has them."""
    host = settings.text("HOST")
    alive = {row.name for row in control.status(settings) if row.pid}
    names = {settings.port(name): variable(name) for name in ports.SETTINGS}
    return [
        TakenPort(program.name, number, names.get(number, "its port"), _holder(number))
        for program in plan.whole(settings)
        if program.name not in alive
        for number in program.ports
        if not ports.is_free(host, number)
    ]


def births_moved_seconds(settings: Settings) -> dict[str, float]:
    """For each living program, how far its time of birth moved since the supervisor noted it.

    Births are counted from the boot, whose time the system derives from the wall clock: they move
    only when the wall clock is set.
    """
    told = state.read(settings.path("HOME"))
    moved: dict[str, float] = {}
    for program in told.programs if told else ():
        if program.identity and (process := program.identity.find()):
            moved[program.name] = process.create_time() - program.born_at
    return moved


def _holder(port: int) -> str:
    process = ports.owner(port)
    if process is None:
        return "a process that cannot be seen from here"
    try:
        command = " ".join(process.cmdline()[:4]) or process.name()
    except psutil.Error:
        return f"process {process.pid}"
    return f"process {process.pid} ({command[:100]})"
