"""The processes of this package: `python -m query_api serve | feeds | relay | …`."""

import argparse
import asyncio
import logging
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import uvicorn
import uvloop

from query_api import bootstrap, first_keys, json_body, migrate, relay
from query_api.app import ENDPOINTS
from query_api.documentation import openapi
from query_api.feeds.serving import feeds_server, open_as_many_files_as_may_be
from query_api.http_protocol import PROTOCOL
from query_api.ports import Unavailable
from schemas.settings import SettingError, Settings, from_environment, process_environment


def serve(settings: Settings) -> None:
    """Serve HTTP until told to stop, in as many processes as API_WORKERS says."""
    workers = settings.number("API_WORKERS")
    if workers > 1:
        _share_metrics(settings)
    uvicorn.run(
        "query_api.bootstrap:service",
        factory=True,
        host=settings.text("HOST"),
        port=settings.port("API_PORT"),
        lifespan="on",
        log_level=settings.text("LOG_LEVEL").lower(),
        timeout_graceful_shutdown=5,
        workers=workers,
        **PROTOCOL,
    )


def _share_metrics(settings: Settings) -> None:
    """Start anew with an empty folder for metrics: they are told of it before they are imported."""
    environment = process_environment()
    if bootstrap.METRICS_FOLDER in environment:
        return
    folder = settings.path("HOME") / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "query_api", "serve"]
    os.execve(sys.executable, command, environment | {bootstrap.METRICS_FOLDER: str(folder)})


def serve_feeds(settings: Settings) -> None:
    """Serve the WebSocket feeds until told to stop."""
    open_as_many_files_as_may_be()
    # uvicorn shuts down on a signal and then raises it again, for whoever listened before it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # it tells of every connection
    uvloop.run(_feeds(settings))


async def _feeds(settings: Settings) -> None:
    async with bootstrap.open_feeds(settings) as (service, log):
        level = settings.text("LOG_LEVEL").lower()
        server = feeds_server(service, settings.text("HOST"), settings.port("FEEDS_PORT"), level)
        failing = asyncio.create_task(log.fail())

        def leave(_: object) -> None:
            server.should_exit = True

        failing.add_done_callback(leave)
        await server.serve()
        if failing.done():
            failing.result()
        failing.cancel()


def run_relay(settings: Settings) -> None:
    """Relay registrations until told to stop."""
    asyncio.run(_relay(settings))


def run_migrations(settings: Settings) -> None:
    """Bring PostgreSQL up to this code, once."""
    for name in asyncio.run(_migrate(settings)):
        print(f"applied {name}")


def make_first_keys(settings: Settings) -> None:
    """Make the first accounts and keys, once."""
    print(asyncio.run(_first_keys(settings)))


async def _relay(settings: Settings) -> None:
    task = asyncio.current_task()
    assert task is not None
    for stop in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(stop, task.cancel)
    with suppress(asyncio.CancelledError):
        # A record is given up by nobody: the order of an account's registrations hangs on it.
        async with bootstrap.open_log(settings, **{"message.timeout.ms": 0}) as log:
            await relay.run(settings.text("POSTGRES_DSN"), log)


async def _migrate(settings: Settings) -> list[str]:
    async with bootstrap.open_log(settings) as log:
        return await migrate.migrate(settings.text("POSTGRES_DSN"), log)


async def _first_keys(settings: Settings) -> str:
    async with bootstrap.open_ports(settings) as ports:
        return str(await first_keys.bootstrap(ports, settings))


def print_document(settings: Settings) -> None:
    """Write openapi.json to standard output."""
    sys.stdout.buffer.write(json_body.write(openapi(ENDPOINTS)))


COMMANDS: dict[str, Callable[[Settings], None]] = {
    "serve": serve,
    "feeds": serve_feeds,
    "relay": run_relay,
    "migrate": run_migrations,
    "bootstrap": make_first_keys,
    "openapi": print_document,
}


def main(arguments: list[str]) -> int:
    """Run one of the commands; 1 for what it refuses, with the reason in one line."""
    parser = argparse.ArgumentParser(prog="python -m query_api", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    command = parser.parse_args(arguments).command
    try:
        settings = from_environment()
        logging.basicConfig(level=settings.text("LOG_LEVEL"), format=LOG_FORMAT)
        for talker in ("httpx", "httpx2", "mcp"):  # they log every request
            logging.getLogger(talker).setLevel(logging.WARNING)
        COMMANDS[command](settings)
    except (SettingError, migrate.MigrationRefused, first_keys.NotRelayed, LookupError) as error:
        print(f"query_api {command}: {error}", file=sys.stderr)
        return 1
    except Unavailable as error:
        print(f"query_api {command}: {error.dependency} cannot be reached", file=sys.stderr)
        return 1
    return 0


LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
