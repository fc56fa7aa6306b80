"""kill -9, one after another, of everything that the market runs on, under load; then the proof.

    python -m tests.faults.kills [--rounds 3] [--rate 200] [--only api,kafka] [--seed 1]

The market must run (`gpubroker up`). Clients place orders all the while, again with the same key
until a 2xx. After each kill it is measured how long all takes to be well again; after the
supervisor was killed, `gpubroker up` is called, nothing else. At the end of each round the load
rests, and log, API and ClickHouse must agree: every order that got a 2xx is in exactly one state,
each trade is once in every view, no GPU is in two places, and every book recomputed from its log is
the running one. The exit code is 1 if something did not hold.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import uvloop
from rich.console import Console

from cli import clickhouse
from cli.commands.replay import recomputed
from cli.demo import play
from cli.demo.checks import Check, Evidence, judge
from cli.demo.evidence import TRADES, gather, quoted
from cli.demo.progress import Progress
from cli.demo.trace import Supply, TraceNode
from cli.errors import CommandError
from cli.log import FACTS_OF_BOOKS, Log, Offsets, connect, located
from cli.meter import Meter
from cli.recompute import KINDS
from cli.session import Session
from schemas.names import DEAD_LETTERS
from schemas.settings import from_environment
from stack import state
from stack.program import ROOT, python_environment
from tests.bench.wire import open_pool
from tests.faults.health import Healing, Trades, Watch
from tests.faults.load import ASK_SHARE, CONNECTIONS, PRODUCT, REGION, TYPES, Load, PatientClient
from tests.faults.states import State, from_facts, once_each, one_state

VICTIMS: Final = (
    "api",
    "relay",
    "projection",
    "market-data",
    "flink-taskmanager",
    "flink-jobmanager",
    "kafka",
    "registry",
    "redis",
    "postgres",
    "clickhouse",
    "supervisor",
)
PROVIDERS: Final = 4
CONSUMERS: Final = 12
GPUS_PER_NODE: Final = 8
LEAD_SECONDS: Final = 5.0
"""Load before the first kill of a round, and between two."""
UP_SECONDS: Final = 240.0


@dataclass(frozen=True, slots=True)
class Round:
    """One round's outcome."""

    number: int
    healings: list[Healing]
    checks: list[Check]


def main() -> None:
    options = _options()
    opened = Session(located(from_environment()))
    with connect(opened.settings) as log:
        rounds = uvloop.run(_run(opened, log, options))
    print(report(rounds, options.limit))
    if not is_well(rounds, options.limit):
        sys.exit(1)


async def _run(opened: Session, log: Log, options: argparse.Namespace) -> list[Round]:
    since = log.ends([*FACTS_OF_BOOKS, DEAD_LETTERS])
    victims = options.only.split(",") if options.only else VICTIMS
    pool = await open_pool(opened.url(), CONNECTIONS)
    async with PatientClient(opened.url(), play.CONCURRENCY) as api:
        run = play.Run(api, opened.key("admin", "admin"))
        longest_seconds = options.rounds * len(victims) * (2 * options.limit + LEAD_SECONDS)
        await _prepare(run, int(longest_seconds * options.rate * ASK_SHARE))
        load = Load(pool, run, options.rate, options.seed)
        trades = Trades(log.follow(TRADES), load.sent.first_sent_at)
        trades.start()
        harness = Harness(opened, log, run, load, Watch(opened.settings, log, trades), since)
        try:
            return [
                await harness.round(number + 1, victims, options.limit)
                for number in range(options.rounds)
            ]
        finally:
            trades.stop()
            harness.watch.close()
            pool.close()


async def _prepare(run: play.Run, gpus: int) -> None:
    """Accounts, and nodes for this many GPUs of the types that are traded."""
    await play.open_accounts(run, PROVIDERS, CONSUMERS)
    count = -(-gpus // GPUS_PER_NODE)
    supply = [
        Supply(
            TraceNode(f"faults-{number}", TYPES[number % len(TYPES)], GPUS_PER_NODE),
            number // len(TYPES) % PROVIDERS,
            REGION,
            0,
        )
        for number in range(count)
    ]
    began = time.monotonic()
    await play.register_supply(run, supply)
    _say(f"{count:,} nodes registered in {time.monotonic() - began:.0f} s")


@dataclass(slots=True)
class Harness:
    """A market under load, and what is done to it."""

    opened: Session
    log: Log
    run: play.Run
    load: Load
    watch: Watch
    since: Offsets

    async def round(self, number: int, victims: Sequence[str], limit_seconds: float) -> Round:
        """Kill each, wait until all is well after each, then check everything."""
        self.load.start()
        healings = []
        for victim in victims:
            await asyncio.sleep(LEAD_SECONDS)
            healing = await self._kill(victim, 2 * limit_seconds)
            _say(f"round {number}: {_line(healing)}; {dict(self.load.sent.answers)}")
            healings.append(healing)
        await asyncio.sleep(LEAD_SECONDS)
        await self.load.stop()
        checks = await self._checks()
        for check in checks:
            _say(f"round {number}: {check}")
        return Round(number, healings, checks)

    async def _kill(self, victim: str, limit_seconds: float) -> Healing:
        pid = self._pid(victim)
        healing = Healing(victim)
        if pid is None:
            return healing
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        if victim == "supervisor":
            await asyncio.to_thread(self._up)
        await asyncio.to_thread(self.watch.heal, healing, pid, began, limit_seconds)
        return healing

    def _pid(self, victim: str) -> int | None:
        if victim != "supervisor":
            return self.watch.pid(victim)
        told = state.read(self.opened.settings.path("HOME"))
        return told.supervisor.pid if told else None

    def _up(self) -> None:
        command = (sys.executable, "-m", "cli", "up")
        environment = python_environment(self.opened.settings)
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=UP_SECONDS
        )
        if done.returncode:
            _say(f"gpubroker up ended with {done.returncode}: {done.stdout}{done.stderr}")

    # After a round

    async def _checks(self) -> list[Check]:
        sent = self.load.sent
        progress = Progress(accepted=sent.accepted)
        try:
            evidence = await gather(self.opened, self.log, self.run, progress, self.since)
            return [
                self._all_taken(),
                *judge(evidence),
                await asyncio.to_thread(self._one_state, evidence),
                await asyncio.to_thread(self._once_each, evidence),
                *[await asyncio.to_thread(self._replayed, book_id) for book_id in self._books()],
                await asyncio.to_thread(self._no_letters),
            ]
        except CommandError as error:
            return [Check("evidence", False, str(error))]

    def _all_taken(self) -> Check:
        """No order met an answer that patience does not help against."""
        sent = self.load.sent
        count = len(sent.first_sent_at)
        numbers = f"{count:,} sent, {len(sent.accepted):,} taken, {len(sent.given_up):,} given up"
        if sent.refused:
            numbers += (
                f", {len(sent.refused):,} refused, such as {next(iter(sent.refused.values()))}"
            )
        return Check("every order taken in the end", len(sent.accepted) == count, numbers)

    def _one_state(self, evidence: Evidence) -> Check:
        accepted = self.load.sent.accepted
        facts = (
            (KINDS[entry.topic], entry.record)
            for entry in self.log.read(FACTS_OF_BOOKS, since=self.since)
        )
        views = {"API": _told_by_api(evidence), "ClickHouse": self._told_by_clickhouse()}
        return one_state(accepted, from_facts(facts, accepted), views)

    def _told_by_clickhouse(self) -> dict[str, State]:
        found = clickhouse.rows(
            self.opened,
            "SELECT order_id, status, toUInt32(filled_quantity) AS filled,"
            " toUInt32(remaining) AS remaining FROM orders"
            f" WHERE account_id IN ({quoted(self.run.account_ids)})",
        )
        return {
            row["order_id"]: State(row["status"], row["filled"], row["remaining"]) for row in found
        }

    def _once_each(self, evidence: Evidence) -> Check:
        accounts = quoted(self.run.account_ids)
        (row,) = clickhouse.rows(
            self.opened,
            "SELECT toUInt32(count()) AS rows, toUInt32(uniqExact(trade_id)) AS trades,"
            " toUInt32(sum(quantity)) AS gpus FROM trades"
            f" WHERE buyer_id IN ({accounts}) OR seller_id IN ({accounts})",
        )
        sold = sum(trade["quantity"] for trade in evidence.log_trades.values())
        return once_each(row["rows"], row["trades"], row["gpus"], sold)

    def _books(self) -> list[str]:
        return [f"{gpu_type}.{PRODUCT}" for gpu_type in TYPES]

    def _replayed(self, book_id: str) -> Check:
        told = recomputed(self.log, book_id, Meter(Console(stderr=True)))
        numbers = f"{told.commands:,} commands, {told.facts:,} facts, {told.compared:,} compared"
        if told.first_difference:
            numbers += f"; {told.first_difference}"
        return Check(f"replay of {book_id} = running book", told.equal, numbers)

    def _no_letters(self) -> Check:
        found = list(self.log.read([DEAD_LETTERS], since=self.since))
        reasons = "; ".join({entry.record["reason"] for entry in found[:3]})
        return Check("no dead letters", not found, f"{len(found)} {reasons}".strip())


def _told_by_api(evidence: Evidence) -> dict[str, State]:
    return {
        order_id: State(order["status"], order["filled_quantity"], order["remaining"])
        for order_id, order in evidence.orders.items()
    }


def is_well(rounds: Sequence[Round], limit_seconds: float) -> bool:
    """Whether every kill was healed in time and every check came out equal."""
    healed = all(
        healing.seconds is not None and healing.seconds <= limit_seconds
        for each in rounds
        for healing in each.healings
    )
    return healed and all(check.equal for each in rounds for check in each.checks)


def report(rounds: Sequence[Round], limit_seconds: float) -> str:
    """A table of all kills, the checks of each round, and the verdict, as Markdown."""
    lines = [
        "| round | killed | process | API healthy | trades | views | all, s |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for each in rounds:
        for healing in each.healings:
            parts = (healing.process, healing.api, healing.trades, healing.views, healing.seconds)
            cells = " | ".join(_seconds(part) for part in parts)
            lines.append(f"| {each.number} | {healing.victim} | {cells} |")
    lines += ["", *(f"- round {each.number}: {check}" for each in rounds for check in each.checks)]
    verdict = "well" if is_well(rounds, limit_seconds) else "BROKEN"
    lines += [
        "",
        f"Verdict: {verdict} (each kill healed within {limit_seconds:.0f} s, checks equal)",
    ]
    return "\n".join(lines)


def _line(healing: Healing) -> str:
    return (
        f"{healing.victim} killed, process {_seconds(healing.process)}, API"
        f" {_seconds(healing.api)}, trades {_seconds(healing.trades)}, views"
        f" {_seconds(healing.views)}"
    )


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.kills", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=200, help="orders a second")
    parser.add_argument("--seed", type=int, default=1, help="what is drawn, is drawn from this")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds to be well again in")
    parser.add_argument("--only", default="", help=f"some of {','.join(VICTIMS)}")
    options = parser.parse_args()
    if unknown := set(filter(None, options.only.split(","))) - set(VICTIMS):
        parser.error(f"--only: no victim {', '.join(sorted(unknown))}; known: {', '.join(VICTIMS)}")
    return options


if __name__ == "__main__":
    main()
