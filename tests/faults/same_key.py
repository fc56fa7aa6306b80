"""Equal requests at once with one Idempotency-Key: one order, however many come (rule O2).

    python -m tests.faults.same_key [--rounds 1000] [--at-once 50]

The market must run (`gpubroker up`). In each round so many connections send the same order at
once, and each waits until the book has told of it. All must be answered with the same order; at
the end the API must list as many orders as there were rounds, and the log must tell of each that it
was created once and refused never. The exit code is 1 if something did not hold.
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

import uvloop

from cli.client import AsyncClient
from cli.demo import play
from cli.log import Log, connect, located
from cli.session import Session
from schemas.names import FACT_TOPICS
from schemas.settings import from_environment
from tests.bench.wire import Pool, open_pool, request, send_all
from udfs.ids import order_id

CREATED: Final = FACT_TOPICS["order_created"]
REJECTED: Final = FACT_TOPICS["order_rejected"]
BODY: Final = {
    "type": "bid",
    "gpu_type": "G3",
    "product": "reserved",
    "quantity": 3,
    "price": "0.0100",
    "duration_hours": 1,
}
LISTED_SECONDS: Final = 20.0
"""Until when the list of orders, a view, must have all of them."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of all rounds."""

    rounds: int
    requests: int
    seconds: float
    wrong: list[str]


async def play_rounds(opened: Session, log: Log, rounds: int, at_once: int) -> Result:
    """So many rounds, one after another, for a new account."""
    since = log.ends([CREATED, REJECTED])
    pool = await open_pool(opened.url(), at_once)
    async with AsyncClient(opened.url(), 1) as api:
        run = play.Run(api, opened.key("admin", "admin"))
        await play.open_accounts(run, 0, 1)
        (party,) = run.consumers
        began = time.monotonic()
        try:
            wrong = [
                text
                for number in range(rounds)
                if (text := await _round(pool, party, f"same-{number}", at_once))
            ]
        finally:
            pool.close()
        seconds = time.monotonic() - began
        ids = [order_id(party.account_id, f"same-{number}") for number in range(rounds)]
        wrong += await _listed(api, party.key, rounds)
        told = await asyncio.to_thread(_told, log, since, party.account_id)
        wrong += _differences(told, ids)
    return Result(rounds, rounds * at_once, seconds, wrong)


async def _round(pool: Pool, party: play.Party, key: str, at_once: int) -> str:
    """What is wrong with the answers; empty for nothing."""
    headers = f"Idempotency-Key: {key}\r\nPrefer: wait=5\r\n"
    sent = request("http://market", party.key, "POST", "/orders", BODY, headers)
    answers = Counter(
        (outcome.status, _id(outcome.body)) for outcome in await send_all(pool, [sent] * at_once)
    )
    expected = order_id(party.account_id, key)
    is_one = all(status in (200, 202) and told == expected for status, told in answers)
    return "" if is_one else f"{key} was answered {dict(answers)}"


def _id(body: bytes) -> str:
    told = json.loads(body or b"{}")
    return str(told.get("id") or told.get("order_id") or told.get("code"))


def _told(log: Log, since: dict[tuple[str, int], int], account_id: str) -> Counter[tuple[str, str]]:
    """How often the log tells of each order of the account, by topic."""
    return Counter(
        (entry.topic, entry.record["order_id"])
        for entry in log.read([CREATED, REJECTED], since=since)
        if entry.record["account_id"] == account_id
    )


def _differences(told: Counter[tuple[str, str]], ids: list[str]) -> list[str]:
    expected = {(CREATED, each): 1 for each in ids}
    keys = sorted({*told, *expected})
    return [
        f"{topic} tells of {each} {told[topic, each]} times"
        for topic, each in keys
        if told[topic, each] != expected.get((topic, each), 0)
    ]


async def _listed(api: AsyncClient, key: str, rounds: int) -> list[str]:
    deadline = time.monotonic() + LISTED_SECONDS
    total = -1
    while total != rounds and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        total = (await api.call(key, "GET", "/orders", params={"limit": 1}))["total"]
    return [] if total == rounds else [f"the API lists {total} orders, not {rounds}"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.same_key", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1_000)
    parser.add_argument("--at-once", type=int, default=50)
    options = parser.parse_args()
    opened = Session(located(from_environment()))
    with connect(opened.settings) as log:
        result = uvloop.run(play_rounds(opened, log, options.rounds, options.at_once))
    for text in result.wrong[:10]:
        print(text)
    print(
        f"{result.requests} requests in {result.rounds} rounds, {result.seconds:.0f} s: "
        f"{len(result.wrong)} wrong"
    )
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
