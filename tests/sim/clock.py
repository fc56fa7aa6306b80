"""Virtual time: it moves when the schedule says so, and nothing in a run knows another."""

from dataclasses import dataclass
from typing import Final

BEGIN_MS: Final = 1_790_000_000_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


@dataclass(slots=True)
class Clock:
    """The time of the world; each machine's own wall clock may be off by its skew."""

    time_ms: int = BEGIN_MS

    def now_ms(self) -> int:
        return self.time_ms

    def advance(self, ms: int) -> None:
        """Move on; never back."""
        self.time_ms += ms


@dataclass(frozen=True, slots=True)
class WallClock:
    """The clock of one machine."""

    clock: Clock
    skew_ms: int = 0

    def now_ms(self) -> int:
        return self.clock.time_ms + self.skew_ms
