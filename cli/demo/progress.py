"""What the demo knows while it runs: what it sent, what it saw traded, and how fast that was."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from cli.log import Tail

LATEST: Final = 2000
"""Latencies of so many newest trades make the percentiles shown."""


@dataclass(slots=True)
class Progress:
    """Counts of one run, written by the sender and by the tape's reader."""

    phase: str = "starting"
    to_send: int = 0
    sent: int = 0
    """Bids sent."""
    accepted: set[str] = field(default_factory=set)
    """Order ids of bids and asks that the market took."""
    refusals: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    gpus_wanted: int = 0
    gpus_filled: int = 0
    trades: int = 0
    began: float = field(default_factory=time.monotonic)
    sent_at: dict[str, float] = field(default_factory=dict)
    """When each bid was sent, by order id."""
    latencies_ms: list[float] = field(default_factory=list)
    """Bid sent to trade seen, of the first trade of each bid that traded on arrival."""
    books: list[dict[str, Any]] = field(default_factory=list)
    """As the API tells them."""

    def note_trade(self, trade: dict[str, Any], now: float) -> None:
        """Count a trade if its bid is of this run."""
        sent_at = self.sent_at.get(trade["bid_order_id"])
        if sent_at is None:
            return
        self.trades += 1
        self.gpus_filled += trade["quantity"]
        first = trade["bid_filled"] == trade["quantity"]
        if trade["aggressor"] == "bid" and first:
            self.latencies_ms.append((now - sent_at) * 1000)

    @property
    def fill_percent(self) -> float:
        """GPUs bought of GPUs wanted."""
        return 100 * self.gpus_filled / self.gpus_wanted if self.gpus_wanted else 0.0

    def latency_ms(self, percent: int) -> float:
        """A percentile of the newest latencies, by nearest rank; 0 when there are none."""
        return percentile(self.latencies_ms[-LATEST:], percent)


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed; 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(int(rank), 1) - 1]


class Tape(threading.Thread):
    """Reads new trades off Kafka and notes them, until it is stopped."""

    def __init__(self, tail: Tail, progress: Progress) -> None:
        """Read this tail."""
        super().__init__(name="tape", daemon=True)
        self._tail = tail
        self._progress = progress
        self._stopped = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        while not self._stopped.is_set():
            entry = self._tail.poll(0.2)
            if entry:
                self._progress.note_trade(entry.record, time.monotonic())
        self._tail.close()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopped.set()
        self.join()
