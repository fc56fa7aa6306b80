"""A market under load, what is done to it, and what its auditor then says."""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from rich.console import Console

from cli.audit.auditing import Audit
from cli.client import AsyncClient
from cli.demo import play
from cli.demo.trace import Supply, TraceNode
from cli.log import Log, Offsets
from cli.meter import Meter
from schemas.names import DEAD_LETTERS, ORDERS_MATCHED
from tests.bench.wire import Pool, open_pool
from tests.faults.fault import Fault, NotPossible, Struck
from tests.faults.health import Healing, Trades, Watch
from tests.faults.load import ASK_SHARE, CONNECTIONS, REGION, TYPES, Load, PatientClient
from tests.faults.market import Market

PROVIDERS: Final = 4
CONSUMERS: Final = 12
GPUS_PER_NODE: Final = 8
LEAD_SECONDS: Final = 1.0
"""Load before a fault, and after all is well again."""
LASTS_SECONDS: Final = 45.0
"""Longer than a fault is there: for so long, and its limit, a client may have to ask."""
LIMIT_SECONDS: Final = 180.0
"""How long is waited for health at most."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one fault, once."""

    fault: str
    what: str
    run: int
    seed: int
    limit_seconds: float
    healing: Healing | None
    problems: tuple[str, ...]
    """Offences of the auditor and whatever else did not go as it must."""
    slowest_seconds: float = 0.0
    """The longest that a client had to ask for one order, the fault included."""
    note: str = ""
    skipped: str = ""
    """Why it could not be had here."""

    @property
    def is_survived(self) -> bool:
        """Well again in time, and nobody has anything to say."""
        return not self.problems and self.seconds is not None

    @property
    def is_lost(self) -> bool:
        """Whether the market did not come back, so that nothing more can be done to it."""
        return self.seconds is None and not self.skipped

    @property
    def seconds(self) -> float | None:
        """Until all was well."""
        return self.healing.seconds if self.healing else None


@dataclass(slots=True)
class Harness:
    """Strikes one fault after another."""

    market: Market
    log: Log
    run: play.Run
    load: Load
    watch: Watch
    audit: Audit
    pool: Pool
    _letters: Offsets = field(default_factory=dict)
    _accepted: set[str] = field(default_factory=set)

    async def strike(self, fault: Fault, number: int, seed: int) -> Result:
        """One fault under load, until all is well or the limit is reached.

        The auditor is asked apart (`audited`): it judges everything from the first record on, so
        of several runs in a row it is enough that it judges the last.
        """
        rng = Random(f"{fault.name} {seed}")
        self._letters = self.log.ends([DEAD_LETTERS])
        self.load.start()
        await asyncio.sleep(LEAD_SECONDS + rng.random())
        healing, struck, skipped = None, Struck(), ""
        try:
            struck = await asyncio.to_thread(fault.strike, self, rng)
            healing = await asyncio.to_thread(
                self.watch.heal, struck.killed, struck.over_at, LIMIT_SECONDS
            )
            await asyncio.sleep(LEAD_SECONDS)
        except NotPossible as reason:
            skipped = str(reason)
        except Exception as error:  # a market that cannot be brought back is what is looked for
            struck.problems.append(f"{type(error).__name__}: {error}")
        is_lost = not skipped and (healing is None or healing.seconds is None)
        await self.load.stop(at_once=is_lost)
        problems = list(struck.problems)
        if is_lost:
            problems.append(f"not well after {LIMIT_SECONDS:.0f} s: {healing}")
        else:
            problems += await asyncio.to_thread(self._judge, struck, healing, fault)
        return Result(
            *(fault.name, fault.what, number, seed, fault.limit_seconds),
            *(healing, tuple(problems if not skipped else ()), self.load.sent.slowest_seconds),
            *(struck.note, skipped),
        )

    async def audited(self, result: Result) -> Result:
        """The result with what the auditor has to say, once all that was sent is at rest."""
        found = await asyncio.to_thread(self._of_auditor)
        return replace(result, problems=(*result.problems, *found))

    # The judgement

    def _judge(self, struck: Struck, healing: Healing | None, fault: Fault) -> list[str]:
        """What the clients, the dead letters and the clock have to say."""
        problems = self._of_clients()
        letters = list(self.log.read([DEAD_LETTERS], since=self._letters))
        if len(letters) != struck.letters:
            reasons = "; ".join({entry.record["reason"] for entry in letters[:3]})
            problems.append(f"{len(letters)} dead letters, not {struck.letters}: {reasons}")
        seconds = healing.seconds if healing else None
        if seconds is None or seconds > fault.limit_seconds:
            after = "never" if seconds is None else f"after {seconds:.1f} s"
            away = f"; last away by /health: {self.watch.away}" if self.watch.away else ""
            problems.append(f"well {after}, not within {fault.limit_seconds:.0f} s{away}")
        slowest = self.load.sent.slowest_seconds
        if slowest > fault.limit_seconds + LASTS_SECONDS:
            problems.append(f"a client had to ask for {slowest:.0f} s for one order")
        return problems

    def _of_clients(self) -> list[str]:
        """Every order must be taken in the end, by who asks again with the same key."""
        sent = self.load.sent
        problems = [f"{order_id} was refused: {why}" for order_id, why in sent.refused.items()]
        problems += [f"{order_id} was never answered" for order_id in sent.given_up]
        sent.refused.clear()
        sent.given_up.clear()
        return problems[:3]

    def _of_auditor(self) -> list[str]:
        began = time.monotonic()
        at_rest = self.audit.settle()
        settled = time.monotonic()
        new = self.load.sent.accepted - self._accepted
        self._accepted |= new
        self.audit.accept(new)
        known = {each.rule: each.offences for each in self.audit.findings}
        findings = self.audit.judge(at_rest=at_rest)
        waited, judged = settled - began, time.monotonic() - settled
        print(f"  rest after {waited:.0f} s, judged in {judged:.0f} s", file=sys.stderr, flush=True)
        problems = [] if at_rest else ["the market does not come to rest"]
        for finding in findings:
            if finding.offences > known[finding.rule]:
                more = finding.offences - known[finding.rule]
                problems.append(f"{finding.latest} ({more} offences)")
            if finding.unknown:
                problems.append(f"{finding.rule}: {finding.unknown}")
        return problems


class Opened:
    """A harness on a market, for as long as the block runs."""

    def __init__(self, market: Market, log: Log, rate: int, seed: int, orders: int) -> None:
        """Prepare for so many orders at this rate."""
        self._market = market
        self._log = log
        self._rate = rate
        self._seed = seed
        self._orders = orders
        self._closing: list[Any] = []

    async def __aenter__(self) -> Harness:
        session = self._market.session
        pool = await open_pool(session.url(), CONNECTIONS)
        api = PatientClient(session.url(), play.CONCURRENCY)
        run = play.Run(api, session.key("admin", "admin"))
        await play.open_accounts(run, PROVIDERS, CONSUMERS)
        await play.register_supply(run, _supply(int(self._orders * ASK_SHARE)))
        load = Load(pool, run, self._rate, self._seed)
        trades = Trades(self._log.follow(ORDERS_MATCHED), load.sent.first_sent_at)
        trades.start()
        watch = Watch(self._market.settings, self._log, trades)
        keys = {party.account_id: party.key for party in run.parties}
        audit = Audit(session, self._log, Meter(Console(stderr=True)), keys)
        self._closing = [trades.stop, watch.close, pool.close]
        self._api: AsyncClient = api
        return Harness(self._market, self._log, run, load, watch, audit, pool)

    async def __aexit__(self, *error: object) -> None:
        for close in self._closing:
            close()
        await self._api.__aexit__(None, None, None)


def _supply(gpus: int) -> Sequence[Supply]:
    """Nodes for this many GPUs of the types that are traded."""
    return [
        Supply(
            TraceNode(f"faults-{number}", TYPES[number % len(TYPES)], GPUS_PER_NODE),
            number // len(TYPES) % PROVIDERS,
            REGION,
            0,
        )
        for number in range(-(-gpus // GPUS_PER_NODE))
    ]
