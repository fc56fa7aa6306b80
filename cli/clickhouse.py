"""Questions to ClickHouse over its HTTP interface, as the read-only analyst."""

import json

import httpx

from cli.client import START_ONE, Json
from cli.errors import Refused, Unreachable
from cli.session import Session

TIMEOUT_SECONDS = 60.0


def ask(session: Session, sql: str, form: str) -> str:
    """The answer to a query in one of ClickHouse's formats; a FORMAT in the query goes first.

    Raises:
        Refused: ClickHouse will not run it; the message is ClickHouse's.
        Unreachable: it does not answer.
    """
    credentials = session.credentials()
    headers = {
        "X-ClickHouse-User": credentials.analyst.name,
        "X-ClickHouse-Key": credentials.analyst.password,
    }
    try:
        with httpx.Client(transport=session.transport, timeout=TIMEOUT_SECONDS) as http:
            response = http.post(
                credentials.clickhouse_url,
                params={"default_format": form},
                content=sql.encode(),
                headers=headers,
            )
    except httpx.HTTPError as error:
        raise Unreachable(
            f"ClickHouse does not answer at {credentials.clickhouse_url}"
            f" ({type(error).__name__}); {START_ONE}"
        ) from error
    if not response.is_success:
        raise Refused({"code": "SQL_REFUSED", "detail": response.text.strip()})
    return response.text


def rows(session: Session, sql: str) -> list[Json]:
    """The rows of an answer as JSON objects; 64-bit integers stay numbers."""
    answer = ask(session, sql, "JSONEachRow")
    return [json.loads(line, parse_float=str) for line in answer.splitlines()]
