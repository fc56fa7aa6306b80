"""When a market is healthy again after something was done to it."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx
from confluent_kafka import Consumer, KafkaException, TopicPartition

from cli.errors import CommandError
from cli.log import Log, Place, Tail
from schemas import names
from schemas.settings import Settings
from stack import state

POLL_SECONDS: Final = 0.25
COMMITTED_SECONDS: Final = 15.0
VIEWS: Final = ("projection-clickhouse", "projection-redis")
"""Consumer groups of the projection."""
FACTS: Final = tuple(names.FACT_TOPICS.values())


@dataclass(slots=True)
class Healing:
    """How long after the fault each thing was well again, seconds; None if it never was."""

    process: float | None = None
    """All programs run, those that were killed as other processes."""
    api: float | None = None
    """/health says healthy."""
    trades: float | None = None
    """A bid that was first sent after the fault has traded."""
    views: float | None = None
    """The projection has written all that the log held when the others were well."""

    @property
    def seconds(self) -> float | None:
        """All of it."""
        parts = (self.process, self.api, self.trades, self.views)
        return max(part for part in parts if part is not None) if None not in parts else None


class Trades(threading.Thread):
    """Follows the trades and knows when the newest of the traded bids was first sent."""

    def __init__(self, tail: Tail, first_sent_at: Mapping[str, float]) -> None:
        """Follow this tail; `first_sent_at` grows as orders are sent."""
        super().__init__(name="trades", daemon=True)
        self.newest_sent_at = 0.0
        self._tail = tail
        self._first_sent_at = first_sent_at
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            entry = self._tail.poll(0.2)
            if entry:
                sent_at = self._first_sent_at.get(entry.record["bid_order_id"], 0.0)
                self.newest_sent_at = max(self.newest_sent_at, sent_at)
        self._tail.close()

    def stop(self) -> None:
        self._stopped.set()
        self.join()


class Watch:
    """Looks at a market from outside."""

    def __init__(self, settings: Settings, log: Log, trades: Trades) -> None:
        """Watch the market of these settings, its log and its trades."""
        self._settings = settings
        self._log = log
        self._trades = trades
        self._api = httpx.Client(base_url=settings.text("API_URL"), timeout=3.0)
        brokers = {"bootstrap.servers": settings.text("KAFKA_BOOTSTRAP"), "log_level": 0}
        self._groups = [Consumer(brokers | {"group.id": group}) for group in VIEWS]
        self.away = ""
        """What /health told last to be away; empty for nothing since the last fault."""

    def close(self) -> None:
        self._api.close()
        for group in self._groups:
            group.close()

    def heal(self, killed: Mapping[str, int], began: float, limit_seconds: float) -> Healing:
        """Wait until all is well, noting when each thing was, or until the limit.

        Args:
            killed: processes that must be others, by program.
            began: when the fault was over, on the monotonic clock.
            limit_seconds: how long is waited.
        """
        healing, self.away = Healing(), ""
        goal: dict[Place, int] | None = None
        while time.monotonic() - began < limit_seconds and healing.views is None:
            now = time.monotonic() - began
            if healing.process is None and self._all_run(killed):
                healing.process = now
            if healing.api is None and healing.process and self._is_healthy():
                healing.api = time.monotonic() - began
            if healing.trades is None and self._trades.newest_sent_at > began:
                healing.trades = now
            if healing.process and healing.api and healing.trades and goal is None:
                goal = self._ends()
            if goal is not None and self._views_reached(goal):
                healing.views = time.monotonic() - began
            time.sleep(POLL_SECONDS)
        return healing

    def _all_run(self, killed: Mapping[str, int]) -> bool:
        told = state.read(self._settings.path("HOME"))
        if told is None or not told.supervisor.find():
            return False
        well = all(each.is_up for each in told.programs)
        return well and all(each.pid != killed.get(each.name) for each in told.programs if each.pid)

    def _is_healthy(self) -> bool:
        try:
            told = self._api.get("/health").json()
            away = [name for name, state in told["dependencies"].items() if state != "connected"]
            self.away = ", ".join(away) or self.away
            return bool(told["status"] == "healthy")
        except (httpx.HTTPError, ValueError, KeyError) as error:
            self.away = f"the API ({type(error).__name__})"
            return False

    def _ends(self) -> dict[Place, int] | None:
        try:
            return self._log.ends(FACTS)
        except CommandError:
            return None

    def _views_reached(self, goal: Mapping[Place, int]) -> bool:
        places = [TopicPartition(*place) for place, end in goal.items() if end]
        try:
            return all(
                each.offset >= goal[each.topic, each.partition]
                for group in self._groups
                for each in group.committed(places, timeout=COMMITTED_SECONDS)
            )
        except KafkaException:
            return False
