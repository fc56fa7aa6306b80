"""The administrators' channel: how the system is, and what administrators did."""

import asyncio
from collections.abc import Callable, Mapping

from query_api import times
from query_api.feeds import rpc, told
from query_api.feeds.archive import Mark
from query_api.feeds.feed import Keep, Plain
from query_api.feeds.log import Record
from query_api.health import probed, status_of
from query_api.ports import Clock, Jobs, Ports, Unavailable

CHANNEL = "control"
LOOK_SECONDS = 2.0


class ControlFeed(Plain):
    """The feed `/ws/admin/control`; it has one channel."""

    kind = "admin"

    def __init__(
        self,
        clock: Clock,
        keep: Keep,
        ports: Ports,
        jobs: Jobs,
        counts: Callable[[], Mapping[str, int]],
    ) -> None:
        """Look at these ports and jobs; `counts` tells how many listen to each kind of feed."""
        super().__init__(clock, keep)
        self._ports = ports
        self._jobs = jobs
        self._counts = counts
        self._last: told.ControlState | None = None
        """What all who listen were told last."""

    def take(self, record: Record, mark: Mark) -> None:
        self.tell(CHANNEL, (mark,), "control.audit", told.told_audit(record.fact))

    async def snapshot(self, name: str) -> bytes:
        return rpc.opened("control.state", await self._tell_state())

    async def look(self) -> None:
        """Tell how the system is, if that has changed and somebody listens."""
        if self.comers:
            await self._tell_state()

    async def _tell_state(self) -> told.ControlState:
        """How the system is; if that has changed, all who listen are told."""
        state = await self._state()
        if self._last is None or {**state, "at": ""} != {**self._last, "at": ""}:
            self._last = state
            self.publish(CHANNEL, rpc.opened("control.state", state))
        return state

    async def _state(self) -> told.ControlState:
        dependencies, jobs, books = await asyncio.gather(
            probed({**self._ports.probes, "flink": self._jobs.ping}),
            self._job_states(),
            self._book_states(),
        )
        counts = self._counts()
        return {
            "at": times.told(self._clock.now_ms()),
            "status": status_of(dependencies),  # type: ignore[typeddict-item]
            "dependencies": dependencies,  # type: ignore[typeddict-item]
            "jobs": jobs,
            "books": books,
            "connections": {"total": sum(counts.values()), "channels": dict(counts)},
        }

    async def _job_states(self) -> list[told.JobState] | None:
        try:
            jobs = await self._jobs.states()
        except Unavailable:
            return None
        return [
            {
                "name": job["name"],
                "state": job["state"],
                "started_at": times.told_if_set(job["started_at_ms"]),
            }
            for job in sorted(jobs, key=lambda job: str(job["name"]))
        ]

    async def _book_states(self) -> list[told.BookState] | None:
        try:
            books = await self._ports.market_data.books()
        except Unavailable:
            return None
        return [
            {
                "book_id": book["book_id"],
                "status": "halted" if book["halted"] else "open",
                "resting": book["resting"],
                "book_seq": book["book_seq"],
            }
            for book in sorted(books, key=lambda book: str(book["book_id"]))
        ]
