"""Everything that the stack runs, in one table: servers first, then the project's own workers.

Workers are named by their commands and never imported. What a program needs must be ready before
it starts; what does not depend on each other starts at the same time.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from schemas.settings import Settings
from stack import clickhouse, flink, kafka, postgres, redis, registry
from stack.program import (
    OFF_THE_PATH,
    Probe,
    Program,
    StackError,
    answers,
    at_once,
    module,
)

SERVERS: tuple[Callable[[Settings], Program], ...] = (
    kafka.program,
    registry.program,
    flink.jobmanager,
    flink.taskmanager,
    clickhouse.program,
    redis.program,
    postgres.program,
)
SERVER_NAMES = frozenset(
    {"kafka", "registry", flink.JOBMANAGER, flink.TASKMANAGER, "clickhouse", "redis", "postgres"}
)
SUBMIT = "submit"


def workers(settings: Settings, accepted: Iterable[str] = ()) -> tuple[Program, ...]:
    """The project's own processes; `accepted` is what `jobs submit` may pass over."""
    host = settings.text("HOST")
    api_port = settings.port("API_PORT")
    feeds_port = settings.port("FEEDS_PORT")
    market_data_port = settings.port("MARKET_DATA_PORT")

    accept = tuple(part for word in accepted for part in ("--accept", word))

    def once(name: str, *command: str, needs: tuple[str, ...]) -> Program:
        return _worker(settings, name, command, needs, once=True)

    def serve(
        name: str,
        *command: str,
        needs: tuple[str, ...],
        port: int | None = None,
        ready: Probe = at_once,
        niceness: int = 0,
    ) -> Program:
        return _worker(settings, name, command, needs, port=port, ready=ready, niceness=niceness)

    return (
        once("topics", "jobs", "topics", needs=("kafka", "registry")),
        once("ddl", "jobs", "ddl", needs=("clickhouse",)),
        once("migrate", "query_api", "migrate", needs=("postgres", "topics")),
        # A JobManager comes back without its jobs; a TaskManager's loss is Flink's own recovery.
        # What it needs of Flink it awaits itself: jobs are planned while the servers start.
        replace(
            once(SUBMIT, "jobs", "submit", *accept, needs=("topics",)),
            bound_to=(flink.JOBMANAGER,),
            prepare=lambda: flink.prepare(settings),
        ),
        serve(
            "projection",
            *("jobs", "projection"),
            needs=("topics", "ddl", "redis"),
            niceness=OFF_THE_PATH,
        ),
        serve(
            "market-data",
            *("jobs", "market-data"),
            needs=("topics",),
            port=market_data_port,
            ready=answers(f"http://{host}:{market_data_port}/health"),
            niceness=OFF_THE_PATH,
        ),
        serve("relay", "query_api", "relay", needs=("migrate",)),
        serve(
            "api",
            *("query_api", "serve"),
            needs=("migrate", "ddl", "redis"),
            port=api_port,
            ready=answers(f"http://{host}:{api_port}/health"),
        ),
        # It looks at the jobs, the views and market data when asked, and waits for none of them.
        serve(
            "feeds",
            *("query_api", "feeds"),
            needs=("migrate", "ddl", "redis"),
            port=feeds_port,
            ready=answers(f"http://{host}:{feeds_port}/health"),
            niceness=OFF_THE_PATH,
        ),
        once("bootstrap", "query_api", "bootstrap", needs=("relay",)),
        once(
            "warm-up",
            *("cli", "warm-up"),
            needs=("bootstrap", "api", SUBMIT, "projection"),
        ),
    )


def whole(settings: Settings, accepted: Iterable[str] = ()) -> tuple[Program, ...]:
    """Servers and workers, in the order in which `status` shows them."""
    return (*(make(settings) for make in SERVERS), *workers(settings, accepted))


def cut(programs: Iterable[Program], only: str | Collection[str] | None) -> tuple[Program, ...]:
    """The part of a plan that was asked for, with all that it needs, in the plan's order.

    `only` is None for everything, `servers`, or names of programs.

    Raises:
        StackError: a name is not in the plan.
    """
    programs = tuple(programs)
    if only is None:
        return programs
    wanted = SERVER_NAMES if only == "servers" else {only} if isinstance(only, str) else set(only)
    by_name = {program.name: program for program in programs}
    if unknown := sorted(wanted - by_name.keys()):
        raise StackError(f"unknown program {unknown[0]!r}; known are {', '.join(by_name)}, servers")
    kept: set[str] = set()
    left = list(wanted)
    while left:
        name = left.pop()
        if name not in kept:
            kept.add(name)
            left.extend(by_name[name].needs)
    return tuple(program for program in programs if program.name in kept)


def _worker(
    settings: Settings,
    name: str,
    command: tuple[str, ...],
    needs: tuple[str, ...],
    *,
    once: bool = False,
    port: int | None = None,
    ready: Probe = at_once,
    niceness: int = 0,
) -> Program:
    arguments, environment = module(settings, *command)
    if name == SUBMIT:
        environment |= flink.submit_environment(settings)
    return Program(
        name=name,
        command=arguments,
        environment=environment,
        needs=needs,
        once=once,
        ports=(port,) if port else (),
        ready=ready,
        niceness=niceness,
    )
