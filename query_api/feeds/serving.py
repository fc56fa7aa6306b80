"""The feeds' server: uvicorn with sockets that can be written to directly, and room for many."""

import resource
from contextlib import suppress
from typing import Any

import uvicorn

from query_api.feeds.connection import MAX_MESSAGE
from query_api.feeds.socket import FeedSocket
from query_api.http_protocol import BoundedProtocol

PING_SECONDS = 20.0
BACKLOG = 4_096
"""Connections that may wait to be accepted: after a restart, all come at once."""


def feeds_server(application: Any, host: str, port: int, log_level: str) -> uvicorn.Server:
    """A server of this application, which is ready already."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedProtocol,
        ws=FeedSocket,
        ws_max_size=MAX_MESSAGE,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning" if log_level == "info" else log_level,
        backlog=BACKLOG,
        timeout_graceful_shutdown=5,
        server_header=False,
        proxy_headers=False,
    )
    return uvicorn.Server(config)


def open_as_many_files_as_may_be() -> None:
    """Raise this process's limit of file descriptors: each connection needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
