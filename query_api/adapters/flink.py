"""The streaming jobs, as Flink's REST API tells them."""

from typing import cast

import httpx

from query_api.ports import Row, Unavailable

TIMEOUT_SECONDS = 1.5


class FlinkJobs:
    """The port `Jobs`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ping(self) -> None:
        """Raise if it cannot be used."""
        await self._jobs()

    async def states(self) -> list[Row]:
        """Of each name the job that began last: those before it were restarted."""
        newest: dict[str, Row] = {}
        for job in sorted(await self._jobs(), key=lambda job: int(job["start-time"])):
            newest[job["name"]] = {
                "name": job["name"],
                "state": job["state"],
                "started_at_ms": job["start-time"],
            }
        return list(newest.values())

    async def _jobs(self) -> list[Row]:
        try:
            reply = await self._client.get("/jobs/overview")
        except httpx.TransportError as error:
            raise Unavailable("flink") from error
        if not reply.is_success:
            raise Unavailable("flink")
        return cast(list[Row], reply.json()["jobs"])


def connect(url: str) -> httpx.AsyncClient:
    """A client of the REST API."""
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS)
