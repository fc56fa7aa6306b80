"""What each record of an order costs in process, stage by stage: no Flink, no Kafka.

    python -m tests.bench.stages [--nodes 4000]

Sellers list nodes of 8 GPUs, then buyers' bids for one GPU each meet them. Every command goes by
codec, machine, codec again and lane, and what it makes for another machine
follows at once, as over the logs: so the caches are as cold as one process can make them.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from jobs.lane import Lane
from schemas import codec as codecs
from schemas.codec import Bodies
from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, FACT_TOPICS
from schemas.records import DEFAULTS
from tests.bench.report import machine
from tests.builders import ask, bid, command
from udfs import admission, matching
from udfs.machine import Machine, Step

MACHINES: Final[dict[str, Machine[Any]]] = {
    ACCOUNTS_COMMANDS: admission.MACHINE,
    BOOKS_COMMANDS: matching.MACHINE,
}
TYPES: Final = ("H100", "H200", "B200", "MI300X", "L40S", "L4", "A10", "T4")
SELLERS: Final = [str(UUID(int=0xA000 + number, version=4)) for number in range(8)]
BUYERS: Final = [str(UUID(int=0xB000 + number, version=4)) for number in range(16)]
GPUS: Final = 8
REGION: Final = "us-west-2"
STAGES: Final = ("decode", "apply", "encode", "lane")
BATCH: Final = 10
"""Records that enter Python together."""
RIGHTS: Final = {**DEFAULTS["SetAccount"], "provider": True, "verified": True}


class Nowhere:
    """Flink's map state and timers, whose cost is not counted here."""

    def set_current_namespace(self, namespace: str) -> None:
        """Whose rows are meant makes no difference."""

    def items(self) -> tuple[()]:
        """Nothing was kept."""
        return ()

    def put_all(self, dict_value: dict[str, str]) -> None:
        """Keep nothing."""

    def remove(self, key: str) -> None:
        """Keep nothing."""

    def register_processing_time_timer(self, timestamp: int) -> None:
        """Nobody is woken."""

    def delete_processing_time_timer(self, timestamp: int) -> None:
        """Nobody was to be woken."""


@dataclass(slots=True)
class Market:
    """All machines, each record on its way through them."""

    codec: codecs.Codec = field(default_factory=codecs.offline)
    at_ms: int = 1_790_000_000_000
    states: dict[str, Any] = field(default_factory=dict)
    lanes: dict[str, Lane] = field(default_factory=dict)
    """Of each log."""
    spent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0] * 4))
    records: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    encoders: dict[str, Any] = field(default_factory=dict)
    decoders: dict[str, Any] = field(default_factory=dict)
    stepped: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Records of each log so far."""
    nowhere: Nowhere = field(default_factory=Nowhere)

    def send(self, account_id: str, sent: Mapping[str, Any]) -> None:
        """Append a command to an account's log."""
        self.at_ms += 1
        data = self._encoder(ACCOUNTS_COMMANDS)({**sent, "account_id": account_id})
        self._take(ACCOUNTS_COMMANDS, account_id, data)

    def _take(self, topic: str, key: str, data: bytes) -> None:
        if key not in self.states:
            self.states[key] = MACHINES[topic].empty(key)
        times = [time.perf_counter()]
        bodies: Bodies = {}
        record = self._decoder(topic)(data, bodies)
        times.append(time.perf_counter())
        step = MACHINES[topic].apply(self.states[key], record, self.at_ms)
        times.append(time.perf_counter())
        made = self._encoded(step, bodies)
        times.append(time.perf_counter())
        lane = self.lanes.get(topic) or self.lanes.setdefault(
            topic, Lane(self.nowhere, lambda: self.at_ms)
        )
        lane.add(key, step.writes, step.wake_at_ms)
        self.stepped[topic] += 1
        if self.stepped[topic] % BATCH == 0:
            lane.end_batch(self.nowhere)
        times.append(time.perf_counter())
        self._count(topic, key, record, times)
        for outgoing in made:
            if outgoing[0] in MACHINES:
                self._take(*outgoing)

    def _encoded(self, step: Step, bodies: Bodies) -> list[tuple[str, str, bytes]]:
        facts = [(FACT_TOPICS[kind], "", fact) for kind, fact in step.facts]
        return [
            (topic, key, self._encoder(topic)(record, bodies))
            for topic, key, record in (*facts, *step.commands)
        ]

    def _count(self, topic: str, key: str, record: Mapping[str, Any], times: list[float]) -> None:
        kind = record["kind"]
        side = "seller" if kind == "order_matched" and record[kind]["seller_id"] == key else "buyer"
        name = f"{topic} {kind}" + (f", the {side}'s copy" if kind == "order_matched" else "")
        self.records[name] += 1
        spent = self.spent[name]
        for stage in range(len(STAGES)):
            spent[stage] += times[stage + 1] - times[stage]

    def _encoder(self, topic: str) -> Any:
        return self.encoders.get(topic) or self.encoders.setdefault(
            topic, self.codec.encoder(topic)
        )

    def _decoder(self, topic: str) -> Any:
        return self.decoders.get(topic) or self.decoders.setdefault(
            topic, self.codec.decoder(topic)
        )


def fill(market: Market, nodes: int) -> None:
    """Accounts, nodes, and an ask for each node, each type's dearer than those before."""
    for account in (*SELLERS, *BUYERS):
        market.send(account, command("set_account", RIGHTS, source="registry", source_seq=1))
    for number in range(nodes):
        gpu_type, seller = TYPES[number % len(TYPES)], _seller(number)
        body = {
            **DEFAULTS["RegisterNode"],
            "node_id": str(UUID(int=number, version=4)),
            "gpu_type": gpu_type,
            "region": REGION,
            "gpu_count": GPUS,
        }
        registered = command("register_node", body, source="registry", source_seq=number + 2)
        market.send(seller, registered)
        price = 100_000 + number // len(TYPES) * 100
        book = f"{gpu_type}.reserved"
        listed = ask(seller, f"a{number}", GPUS, price, book_id=book, region=REGION)
        market.send(seller, listed)


def trade(market: Market, orders: int) -> None:
    """Bids that trade at once."""
    for number in range(orders):
        buyer = BUYERS[number // len(TYPES) % len(BUYERS)]
        book = f"{TYPES[number % len(TYPES)]}.reserved"
        market.send(buyer, bid(buyer, f"b{number}", 1, 2_000_000, book_id=book))


def _seller(number: int) -> str:
    return SELLERS[number // len(TYPES) % len(SELLERS)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=4_000, help="listed; 7 bids for each")
    nodes = parser.parse_args().nodes
    market = Market()
    fill(market, nodes)
    market.spent.clear()
    market.records.clear()
    trade(market, nodes * (GPUS - 1))
    print(f"{machine()}\n\nµs a record:\n\n| record | {' | '.join(STAGES)} | in all |")
    print(f"|---|{'---:|' * (len(STAGES) + 1)}")
    for name, spent in market.spent.items():
        micros = [1e6 * each / market.records[name] for each in spent]
        print(f"| {name} | {' | '.join(f'{each:.1f}' for each in (*micros, sum(micros)))} |")


if __name__ == "__main__":
    main()
