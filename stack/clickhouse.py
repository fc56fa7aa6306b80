"""ClickHouse: the engine as a service of our own, in a process of its own."""

from schemas.settings import Settings
from stack.program import OFF_THE_PATH, Program, answers, module

WRITER = "gpubroker_writer"
ANALYST = "gpubroker_analyst"


def program(settings: Settings) -> Program:
    """The service, ready once it answers `/ping`."""
    home = settings.path("HOME") / "clickhouse"
    command, environment = module(settings, "stack.clickhouse_service")
    return Program(
        name="clickhouse",
        command=command,
        environment=environment,
        ports=(settings.port("CLICKHOUSE_PORT"),),
        ready=answers(f"{url(settings)}/ping"),
        prepare=lambda: home.mkdir(parents=True, exist_ok=True),
        stop_seconds=30,
        niceness=OFF_THE_PATH,
    )


def url(settings: Settings) -> str:
    """The base of the HTTP interface."""
    return f"http://{settings.text('HOST')}:{settings.port('CLICKHOUSE_PORT')}"
