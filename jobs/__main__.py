"""`python -m jobs`: topics, ddl, submit, stop, projection, rebuild, market-data.

A refusal is one line on the error output and exit code 1; only a fault of ours shows a trace.
"""

import argparse
import logging
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final

from jobs.refused import Refused
from jobs.saved_state import ACCEPTABLE
from schemas.registry import IncompatibleSchema
from schemas.settings import SettingError, Settings, from_environment

COMMANDS: Final = {
    "topics": "create the topics and register the schemas, or check those that are there",
    "ddl": "create the tables and views in ClickHouse",
    "submit": "submit the Flink jobs that are not running, each from its newest state",
    "stop": "stop the Flink jobs with a savepoint that `submit` resumes from",
    "projection": "write facts to ClickHouse and Redis until stopped",
    "rebuild": "write what the log holds to ClickHouse and Redis once more, then end",
    "market-data": "follow the books and serve depth and preview until stopped",
}
Command = Callable[..., None]


def main(arguments: list[str]) -> int:
    """Run one command; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m jobs", description="The market's jobs.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = {
        name: subparsers.add_parser(name, help=meaning, description=meaning)
        for name, meaning in COMMANDS.items()
    }
    parsers["submit"].add_argument(
        "--accept",
        action="append",
        choices=ACCEPTABLE,
        help="; ".join(f"{word}: {meaning}" for word, meaning in ACCEPTABLE.items()),
    )
    parsers["rebuild"].add_argument(
        "--yes",
        action="store_true",
        dest="accept_gaps",
        help="also where a table is empty although records left its topic",
    )
    options = vars(parser.parse_args(arguments))
    name = options.pop("command")
    try:
        settings = from_environment()
        _log_to_stderr(settings)
        _command(name)(settings, **{key: value for key, value in options.items() if value})
    except (SettingError, Refused, IncompatibleSchema) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


def _command(name: str) -> Command:
    """The command's function; imported only now, for PyFlink alone takes a second."""
    module, function = {
        "topics": ("jobs.contract", "create_topics"),
        "ddl": ("jobs.contract", "create_tables"),
        "submit": ("jobs.deployment", "submit"),
        "stop": ("jobs.deployment", "stop"),
        "projection": ("jobs.projection", "run"),
        "rebuild": ("jobs.rebuild", "run"),
        "market-data": ("jobs.market_data", "run"),
    }[name]
    command: Command = getattr(import_module(module), function)
    return command


def _log_to_stderr(settings: Settings) -> None:
    logging.basicConfig(
        level=settings.text("LOG_LEVEL"),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    for chatty in ("httpx", "httpx2", "httpcore", "py4j", "apache_beam"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
