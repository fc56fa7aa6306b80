"""The market data service, over HTTP."""

from collections.abc import Mapping
from typing import Any, cast

import httpx

from query_api import json_body
from query_api.ports import Row, Unavailable

TIMEOUT_SECONDS = 2.0


class MarketDataService:
    """The port `MarketData`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ping(self) -> None:
        """Raise if it cannot be used."""
        await self._ask("GET", "/health")

    async def books(self) -> list[Row]:
        return cast(list[Row], (await self._ask("GET", "/books"))["books"])

    async def depth(
        self, book_id: str, levels: int, duration_seconds: int | None, region: str | None
    ) -> Row:
        wanted = {"levels": levels, "duration_seconds": duration_seconds, "region": region}
        params = {name: str(value) for name, value in wanted.items() if value is not None}
        return await self._ask("GET", f"/books/{book_id}/depth", params=params)

    async def preview(self, book_id: str, account_id: str, order: Mapping[str, Any]) -> Row:
        body = json_body.write({"account_id": account_id, "order": order})
        return await self._ask("POST", f"/books/{book_id}/preview", content=body)

    async def resting(self, book_id: str, order_id: str) -> Row:
        return await self._ask("GET", f"/books/{book_id}/orders/{order_id}")

    async def explain(self, book_id: str, order_id: str) -> Row:
        return await self._ask("GET", f"/books/{book_id}/orders/{order_id}/explanation")

    async def take_snapshots(self, book_id: str | None) -> Row:
        return await self._ask("POST", "/snapshots", content=json_body.write({"book_id": book_id}))

    async def snapshots(self) -> list[Row]:
        return cast(list[Row], (await self._ask("GET", "/snapshots"))["snapshots"])

    async def _ask(self, method: str, path: str, **sent: Any) -> Row:
        try:
            reply = await self._client.request(method, path, headers=_HEADERS, **sent)
        except httpx.TransportError as error:
            raise Unavailable("market_data") from error
        if not reply.is_success:
            raise Unavailable("market_data")
        return cast(Row, reply.json())


def connect(url: str) -> httpx.AsyncClient:
    """A client of the service."""
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS)


_HEADERS = {"Content-Type": "application/json"}
