"""Sends readings, and keeps those that could not be sent until they can."""

from collections import Counter, deque
from collections.abc import Iterable
from http import HTTPStatus

from cli.client import Client, Json
from cli.errors import OutcomeUnknown, Refused, Unreachable

BATCH = 1_000
"""Readings sent at once."""
MOST_KEPT = 20_000
"""Readings kept while the market is away; beyond that the oldest are given up."""


class Reporter:
    """Reports for one node. What is sent again counts once, so nothing is lost by trying."""

    def __init__(self, client: Client, node_id: str) -> None:
        self._client = client
        self._node_id = node_id
        self._kept: deque[Json] = deque()
        self.counts = Counter[str]()
        """Readings by what became of them: accepted, lost, or the code of their refusal."""
        self.last_refusal = ""

    def send(self, metrics: Iterable[Json]) -> bool:
        """Send these, after those that are kept; False if the market is away.

        Raises:
            Refused: the market takes no reading from us.
        """
        self._keep(metrics)
        while self._kept:
            batch = [self._kept[at] for at in range(min(BATCH, len(self._kept)))]
            try:
                body = {"node_id": self._node_id, "metrics": batch}
                answer = self._client.post("/telemetry/batch", body)
            except (OutcomeUnknown, Unreachable):
                return False
            except Refused as refusal:
                if refusal.problem.get("status") != HTTPStatus.TOO_MANY_REQUESTS:
                    raise
                return False  # it has too much to do, and takes them later
            self._count(answer)
            for _ in batch:
                self._kept.popleft()
        return True

    @property
    def kept(self) -> int:
        """Readings that wait for the market."""
        return len(self._kept)

    def _keep(self, metrics: Iterable[Json]) -> None:
        self._kept.extend(metrics)
        while len(self._kept) > MOST_KEPT:
            self._kept.popleft()
            self.counts["lost"] += 1

    def _count(self, answer: Json) -> None:
        self.counts["accepted"] += answer["accepted"]
        for refusal in answer["rejected"]:
            self.counts[refusal["code"]] += 1
            self.last_refusal = f"{refusal['code']}: {refusal['detail']}"
