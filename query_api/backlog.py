"""How many orders are on their way to the machines' word, and how many may be.

Orders are answered 202 when the log has them, so the queue that matters is behind the API: log,
admission, matching. It is measured end to end on a sample of orders, from sending one to the fact
that it was created or rejected, and bounded by a window as TCP bounds what is in the network:

- A sample's fact says that everything sent before it is done too (a cumulative acknowledgement),
  so a few samples tell how many orders wait, and machines that slow down close the window at once.
- The window shrinks in proportion when the *least* delay of an interval is above the target, which
  is CoDel's sign of a queue that stands rather than of a burst, and grows by a step when it was in
  the way while the delay was fine.

It shrinks likewise when this process's event loop is late: then requests wait before anyone sees
them, and refusing, which is cheap, must come before taking orders, which is not.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

FIRST_WINDOW = 200.0
LEAST_WINDOW = 32.0
MOST_WINDOW = 20_000.0
STEP = 16.0
"""Orders by which the window grows in an interval."""
SAMPLES = 16
"""Samples in a window that is full."""
INTERVAL_SECONDS = 0.1
"""How long delays are looked at before the window is changed; at least one delay long."""
ENOUGH = 3
"""Delays that an interval must have seen: one may be a stall of its own."""
LATE_SECONDS = 0.05
"""What the event loop may be late, at the least in an interval."""
BEAT_SECONDS = 0.02
"""How often that is looked at."""
LATEST = 50
"""Looks that are kept."""
LOST_SECONDS = 5.0
"""After so long without a fact, what was sent is not waited for any longer."""


class Samples(Protocol):
    """Tells when a command was answered by a fact."""

    def listen(self, command_id: str, told: Callable[[], None]) -> bool:
        """Call back at the command's first fact; False while nothing can be heard."""
        ...

    def ignore(self, command_id: str) -> None:
        """Do not call back any more."""
        ...


class _Sample(NamedTuple):
    sent_at_seconds: float
    after: int
    """Orders that were in the log when it was sent."""


class Backlog:
    """The orders of this process between the log and the machines' word."""

    def __init__(
        self, samples: Samples, now_seconds: Callable[[], float], target_seconds: float
    ) -> None:
        self._samples = samples
        self._now_seconds = now_seconds
        self._target_seconds = target_seconds
        self.window = FIRST_WINDOW
        self.sending = 0
        """Orders that the log has not acknowledged."""
        self._appended = 0
        self._heard = 0
        """Of those appended, how many are known to be done."""
        self._heard_at_seconds = 0.0
        self._listening: dict[str, _Sample] = {}
        self._until_sample = 0
        self._interval_ends_at_seconds = 0.0
        self._delays_seconds: list[float] = []
        self._late_seconds: deque[float] = deque(maxlen=LATEST)
        self._was_full = False
        self.opened: Callable[[], object] = bool
        """Told when there may be places again."""

    @property
    def waiting(self) -> int:
        """Orders in the log that the machines have not answered, as far as is known."""
        return self._appended - self._heard

    def is_full(self) -> bool:
        """Whether one more order would have to wait too long."""
        if self.sending + self._appended - self._heard < self.window:
            return False
        if self._is_deaf():
            return False
        self._was_full = True
        return True

    def take_place(self) -> bool:
        """Whether one more order may be sent; then it must be told as appended or failed."""
        if self.is_full():
            return False
        self.sending += 1
        return True

    def appended(self) -> None:
        """An order that was let in is in the log."""
        self.sending -= 1
        self._appended += 1

    def failed(self) -> None:
        """An order that was let in did not come into the log, as far as is known."""
        self.sending -= 1
        self.opened()

    def repeated(self, command_id: str) -> None:
        """An order that was appended had been placed before: no fact will be told of it."""
        self._heard = min(self._heard + 1, self._appended)
        if command_id in self._listening:
            self._forget(command_id)
        self.opened()

    async def keep_time(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Look how late the event loop is, until cancelled."""
        while True:
            due_seconds = self._now_seconds() + BEAT_SECONDS
            await sleep(BEAT_SECONDS)
            self._late_seconds.append(self._now_seconds() - due_seconds)

    def sample(self, command_id: str) -> None:
        """Listen for the fact of an order that is about to be sent, if it is time for a sample."""
        self._until_sample -= 1
        if self._until_sample >= 0:
            return
        self._drop_lost()
        if len(self._listening) >= 2 * SAMPLES:
            return
        if self._samples.listen(command_id, lambda: self._hear(command_id)):
            self._listening[command_id] = _Sample(self._now_seconds(), self._appended)
            self._until_sample = int(self.window) // SAMPLES - 1

    def _hear(self, command_id: str) -> None:
        """The fact of a sample has come."""
        sample = self._listening.pop(command_id, None)
        if sample is None:
            return
        now = self._heard_at_seconds = self._now_seconds()
        self._heard = max(self._heard, sample.after)
        self._delays_seconds.append(now - sample.sent_at_seconds)
        if now >= self._interval_ends_at_seconds and len(self._delays_seconds) >= ENOUGH:
            self._adapt(now)
        self.opened()

    def _adapt(self, now: float) -> None:
        least = min(self._delays_seconds)
        late = min(self._late_seconds, default=0.0)
        excess = max(least / self._target_seconds, late / LATE_SECONDS)
        self._delays_seconds.clear()
        self._late_seconds.clear()
        self._interval_ends_at_seconds = now + max(INTERVAL_SECONDS, least)
        if excess > 1:
            self.window = max(LEAST_WINDOW, self.window / min(excess, 2.0))
        elif self._was_full:
            self.window = min(MOST_WINDOW, self.window + STEP)
        self._was_full = False

    def _drop_lost(self) -> None:
        """Stop listening for samples whose fact does not come though others do."""
        lost_before = self._now_seconds() - LOST_SECONDS
        while oldest := next(iter(self._listening), ""):
            if self._listening[oldest].sent_at_seconds > lost_before:
                break
            self._forget(oldest)

    def _forget(self, command_id: str) -> None:
        del self._listening[command_id]
        self._samples.ignore(command_id)

    def _is_deaf(self) -> bool:
        """Whether nothing is heard at all; then counting starts anew.

        With samples out, machines stand still or facts were lost: few orders are let in, to see.
        Without any, nobody can listen, and the window means nothing.
        """
        now = self._now_seconds()
        oldest = next(iter(self._listening.values()), None)
        if oldest is not None:
            if now - max(self._heard_at_seconds, oldest.sent_at_seconds) < LOST_SECONDS:
                return False
            self.window = LEAST_WINDOW
        for command_id in list(self._listening):
            self._forget(command_id)
        self._heard, self._until_sample = self._appended, 0
        return True
