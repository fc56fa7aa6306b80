"""Bytes that are no records, among good ones, in the logs that machines read."""

import time
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from uuid import uuid4

from confluent_kafka import Producer

from schemas.codec import UnreadableRecord
from schemas.names import ACCOUNTS_COMMANDS
from tests.faults.fault import Struck
from tests.faults.harness import Harness

GOOD: Final = 50_000
SHARE: Final = 100
"""One in so many is poison."""


@dataclass(frozen=True, slots=True)
class Poison:
    """Good commands as the API appends them, and one in a hundred that nobody can read."""

    good: int = GOOD
    name: str = "poison"
    limit_seconds: float = 120.0

    @property
    def what(self) -> str:
        return (
            f"{self.good // SHARE:,} unreadable records among {self.good:,} good ones in"
            f" {ACCOUNTS_COMMANDS}; no restart, a dead letter each"
        )

    def strike(self, harness: Harness, rng: Random) -> Struck:
        jobs, programs = _readers(harness), harness.market.program_restarts()
        letters = self._send(harness, rng)
        harness.watch.heal({}, time.monotonic(), self.limit_seconds)
        problems = []
        if (now := _readers(harness)) != jobs:
            problems.append(f"jobs were started again: {now}, before {jobs}")
        if (now := harness.market.program_restarts()) != programs:
            problems.append(f"programs were started again: {now}, before {programs}")
        return Struck(letters=letters, problems=problems, note=f"{letters:,} letters")

    def _send(self, harness: Harness, rng: Random) -> int:
        """Cancels of orders that nobody placed, each refused by a fact; how many were poison."""
        encode = harness.log.codec.encoder(ACCOUNTS_COMMANDS)
        producer = Producer(
            {
                "bootstrap.servers": harness.market.settings.text("KAFKA_BOOTSTRAP"),
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 20,
                "queue.buffering.max.messages": 2_000_000,
            }
        )
        accounts = [party.account_id for party in harness.run.consumers]
        poisonous = 0
        for number in range(self.good):
            account_id = rng.choice(accounts)
            value = encode(_cancel(account_id))
            producer.produce(ACCOUNTS_COMMANDS, value, account_id.encode())
            if number % SHARE == 0:
                bad = _spoiled(harness, value, rng)
                producer.produce(ACCOUNTS_COMMANDS, bad, account_id.encode())
                poisonous += 1
            producer.poll(0)
        producer.flush(self.limit_seconds)
        return poisonous


def _readers(harness: Harness) -> dict[str, int]:
    """How often the jobs were started again that read what commands become."""
    restarts = harness.market.job_restarts()
    return {name: count for name, count in restarts.items() if ".commands → " in name}


def _cancel(account_id: str) -> dict[str, Any]:
    body = {"order_id": str(uuid4())}
    return {
        "kind": "cancel_order",
        "command_id": str(uuid4()),
        "account_id": account_id,
        "cancel_order": body,
    }


def _spoiled(harness: Harness, value: bytes, rng: Random) -> bytes:
    """A value that the codec refuses: cut off, another schema's, or noise."""
    decode = harness.log.codec.decoder(ACCOUNTS_COMMANDS)
    while True:
        spoiled = rng.choice(
            (
                value[: rng.randrange(len(value))],
                b"\1" + value[1:],
                rng.randbytes(rng.randrange(1, 200)),
            )
        )
        try:
            decode(spoiled)
        except UnreadableRecord:
            return spoiled
        except Exception:  # an id of a schema that nobody knows takes the registry to tell
            continue


FAULTS = (Poison(), Poison(1_000_000, "poison-million", 600.0))
