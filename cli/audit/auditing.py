"""An audit of a running market: once, or again and again as its logs grow."""

import time
import uuid
from collections.abc import Collection, Mapping
from typing import Final

from cli.audit.agreement import Agreement
from cli.audit.reading import Reading
from cli.audit.views import Views
from cli.log import Log, Place, tick
from cli.meter import Meter
from cli.session import Session
from schemas.names import BOOKS_COMMANDS
from udfs.audit.auditor import Auditor, Finding

QUIET_SECONDS: Final = 3.0
"""A market whose logs have not grown for so long is at rest, if nothing waits for an answer."""
STILL_SECONDS: Final = 30.0
"""And if something does, it will not come after so long a silence."""
REST_SECONDS: Final = 60.0
"""How long is waited for rest."""


class Audit:
    """Reads on from where it was, and judges; what it found is in `findings`."""

    def __init__(
        self, session: Session, log: Log, meter: Meter, keys: Mapping[str, str] | None = None
    ) -> None:
        """Begin at the beginning of the logs.

        Args:
            session: the market.
            log: its logs.
            meter: is told how far a long reading is.
            keys: keys of accounts, by account, whose orders the API may be asked for.

        Raises:
            CannotTell: a log of commands has lost its beginning.
        """
        self._log = log
        self._meter = meter
        self._reading = Reading(log, meter)
        self.auditor = Auditor(self._reading.since_ms)
        self._agreement = Agreement(
            log,
            Views(session),
            self.auditor,
            self._reading.since_ms,
            self.catch_up,
            dict(keys or {}),
        )

    @property
    def findings(self) -> list[Finding]:
        """One for each promise."""
        self.auditor.count()
        return list(self.auditor.findings.values())

    def ends(self) -> dict[Place, int]:
        """Where the logs end now, for `catch_up`."""
        return self._reading.ends()

    def catch_up(self, ends: Mapping[Place, int] | None = None) -> None:
        """Read to these ends of the logs, without them to where they end now."""
        for entry in self._reading.until(ends or self.ends()):
            self.auditor.take(entry)
            self.auditor.forget()
        self._meter.end()

    def settle(self, seconds: float = REST_SECONDS) -> bool:
        """Wait until the market is at rest, reading on; whether it is."""
        ends = self.ends()
        since = began = time.monotonic()
        while True:
            self.catch_up(ends)
            later, now = self.ends(), time.monotonic()
            if later != ends:  # reading takes time, in which more may have come
                ends, since = later, now
            elif now - since >= (STILL_SECONDS if self.auditor.waiting() else QUIET_SECONDS):
                return True
            if now - began >= seconds and now - since < QUIET_SECONDS:
                return False
            time.sleep(0.5)

    def judge(self, *, at_rest: bool) -> list[Finding]:
        """All that is asked of the market at once: its machines, its views, its clients."""
        if at_rest:
            self.auditor.rest()
        else:
            self.auditor.rest(self.auditor.now_ms - int(STILL_SECONDS * 1000))
        self._agreement.compare(at_rest=at_rest)
        return self.findings

    def accept(self, order_ids: Collection[str]) -> None:
        """Clients were told that these orders are accepted."""
        self.auditor.accept(order_ids)

    def ask_hashes(self) -> None:
        """Have each book tell its hash, by one tick in its log (B3)."""
        for book_id in self.auditor.book_ids():
            self._log.append(BOOKS_COMMANDS, book_id, tick(str(uuid.uuid4())))
