"""PostgreSQL's adapter: which of its errors mean that it cannot be used now."""

from contextlib import asynccontextmanager

import asyncpg
import pytest

from query_api.adapters.postgres import Postgres
from query_api.ports import Unavailable


class Failing:
    """A pool whose connections fail at each statement."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    @asynccontextmanager
    async def acquire(self, timeout: float):
        yield self

    async def execute(self, sql: str):
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.TooManyConnectionsError,
        asyncpg.DiskFullError,
        asyncpg.OutOfMemoryError,
        asyncpg.DeadlockDetectedError,
        asyncpg.SerializationError,
        asyncpg.ReadOnlySQLTransactionError,
        asyncpg.CannotConnectNowError,
        asyncpg.QueryCanceledError,
        ConnectionResetError,
    ],
)
async def test_what_passes_is_told_as_unavailable(error):
    with pytest.raises(Unavailable, match="postgres"):
        await Postgres(Failing(error("now"))).ping()


@pytest.mark.parametrize("error", [asyncpg.UndefinedColumnError, asyncpg.UniqueViolationError])
async def test_what_does_not_pass_is_told_as_it_is(error):
    with pytest.raises(error):
        await Postgres(Failing(error("always"))).ping()
