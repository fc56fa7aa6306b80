"""What an audit costs in time and memory, in process: a market of many days, an order a second.

    python -m tests.bench.audit [--orders 200000]

Accounts place bids that come and go at once, so nothing stays open: what memory grows by is what is
kept of what is over. Every order is five records (its command in two logs, two facts, a copy).
"""

import argparse
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import psutil

from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, FACT_TOPICS
from tests.bench.report import machine
from udfs import admission, matching
from udfs.audit.auditor import Auditor
from udfs.ids import order_id
from udfs.replay import Rerun

ACCOUNTS: Final = [f"00000000-0000-4000-8000-{number:012d}" for number in range(16)]
BOOK: Final = "H100.ondemand"
BEGIN_MS: Final = 1_790_000_000_000
STEP_MS: Final = 1_000
LOOKS: Final = 8


class Entry(NamedTuple):
    """A record, as `cli.log.Log` reads it."""

    topic: str
    key: str
    at_ms: int
    record: dict[str, Any]
    where: str = ""


def entries(orders: int) -> Iterator[Entry]:
    """The logs and facts that the machines make of so many orders."""
    accounts = {name: Rerun(admission.MACHINE, name) for name in ACCOUNTS}
    book = Rerun(matching.MACHINE, BOOK)
    for name in ACCOUNTS:
        body = {"provider": False, "verified": False, "suspended": False}
        body |= {"max_open_orders": 10_000, "max_notional_micros": 0}
        yield from _command(accounts, book, BEGIN_MS, name, "set_account", body)
    for number in range(orders):
        name, at_ms = ACCOUNTS[number % len(ACCOUNTS)], BEGIN_MS + number * STEP_MS
        yield from _command(accounts, book, at_ms, name, "place_order", _bid(name, number))


def _bid(account_id: str, number: int) -> dict[str, Any]:
    return {
        "order_id": order_id(account_id, str(number)),
        "side": "bid",
        "book_id": BOOK,
        "quantity": 1,
        "price_micros": 1_000_000,
        "duration_seconds": 3600,
        "time_in_force": "IOC",
        "expires_at_ms": 0,
        "post_only": False,
        "min_fill": 1,
        "self_trade": "cancel_newest",
        "region": "",
        "min_duration_seconds": 0,
        "available_until_ms": 0,
        "digest": "0011223344556677",
    }


def _command(
    accounts: dict[str, Any], book: Any, at_ms: int, name: str, kind: str, body: dict[str, Any]
) -> Iterator[Entry]:
    """A client's command, and all that follows from it."""
    record = {"kind": kind, "command_id": "c", "account_id": name, kind: body}
    record |= {"source": "", "source_seq": 0}
    waiting = [(ACCOUNTS_COMMANDS, name, record)]
    while waiting:
        topic, key, record = waiting.pop(0)
        yield Entry(topic, key, at_ms, record)
        rerun = accounts[key] if topic == ACCOUNTS_COMMANDS else book
        step = rerun.step(record, at_ms)
        for fact in step.facts:
            yield Entry(FACT_TOPICS[fact.kind], key, at_ms, dict(fact.record))
        waiting += [
            (each.topic, each.key, dict(each.record))
            for each in step.commands
            if each.topic in (ACCOUNTS_COMMANDS, BOOKS_COMMANDS)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.audit", description=__doc__)
    parser.add_argument("--orders", type=int, default=200_000)
    orders = parser.parse_args().orders
    auditor, process = Auditor(), psutil.Process()
    print(machine())
    print("\n| days of orders | records | records/s | memory, MB |\n|---:|---:|---:|---:|")
    spent, look = 0.0, 5 * orders // LOOKS
    began_bytes = process.memory_info().rss
    for entry in entries(orders):
        began = time.perf_counter()
        auditor.take(entry)
        if auditor.records % 40_000 == 0:
            auditor.forget()
        spent += time.perf_counter() - began
        if auditor.records % look == 0:
            days = (auditor.now_ms - BEGIN_MS) / 86_400_000
            grown = (process.memory_info().rss - began_bytes) >> 20
            rate = auditor.records / spent
            print(f"| {days:.2f} | {auditor.records:,} | {rate:,.0f} | {grown:,} |", flush=True)
    auditor.rest()
    broken = [each.first for each in auditor.findings.values() if each.first]
    print("\nsilent" if not broken else "\n".join(broken))


if __name__ == "__main__":
    main()
