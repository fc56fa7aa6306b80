"""A large market in the running jobs: a million resting orders, and an account with many nodes.

    python -m tests.bench.size [--orders 1000000 --accounts 50000 --nodes 100000] [--write PAGE]

Commands are written straight to the accounts' log, in bulk, as the API would make them; the jobs
take it from there. Then: what a burst costs beside the same burst with a thousand resting orders,
what the TaskManager holds, how large and slow a checkpoint is, how long `down` and `up` take, and
how long the first command of a large book and of a large account takes after it. It needs a market
of its own (`gpubroker up` with an empty state folder), which is the fuller for it afterwards.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx
import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

import stack
from cli.log import located
from schemas import contract, names, registry
from schemas.codec import Codec
from schemas.settings import Settings, from_environment
from stack.flink import TASKMANAGER
from tests.bench.report import machine, write

BOOKS: Final = tuple(
    f"{gpu_type}.{product}"
    for product in ("ondemand", "spot")
    for gpu_type in ("A10", "B200", "G2", "G3", "H100", "H200", "L4", "L40S", "MI300X", "T4")
)
MIDDLE_MICROS: Final = 500_000_000
PER_LEVEL: Final = 20
SMALL: Final = 1_000
BURSTING: Final = 1_000
"""Accounts whose commands come in a burst."""
FILL_SECONDS: Final = 1_800.0
ANSWER_SECONDS: Final = 120.0
CHECKPOINT_SECONDS: Final = 120.0
SELLER: Final = str(UUID(int=0xA5, version=4))
REGION: Final = "us-west-2"
YEAR_MS: Final = 365 * 86_400_000
MARKERS: Final = ("<!-- bench-size:start -->", "<!-- bench-size:end -->")
Command = dict[str, Any]


@dataclass(slots=True)
class Wire:
    """The market's topics and its cluster, and how many commands were sent."""

    settings: Settings
    codec: Codec
    producer: Producer
    reader: Consumer
    flink: httpx.Client
    sent: int = 0
    encoders: dict[str, Any] = field(default_factory=dict)

    def send(self, topic: str, key: str, record: Command) -> None:
        """Append, waiting while too much is on its way."""
        encode = self.encoders.setdefault(topic, self.codec.encoder(topic))
        value = encode(record)
        while True:
            try:
                self.producer.produce(topic, value, key)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.sent += 1
        if not self.sent % 1_000:
            self.producer.poll(0)

    def ends(self, *topics: str) -> int:
        """How many records the topics hold."""
        return sum(
            self.reader.get_watermark_offsets(place, timeout=10.0)[1] for place in _places(*topics)
        )

    def await_records(self, topic: str, count: int, seconds: float) -> float:
        """Seconds until a topic holds so many."""
        self.producer.flush()
        began = time.monotonic()
        while self.ends(topic) < count:
            if time.monotonic() - began > seconds:
                raise SystemExit(f"{topic} holds {self.ends(topic):,} of {count:,} records")
            time.sleep(0.05)
        return time.monotonic() - began


def main() -> None:
    options = _options()
    settings = located(from_environment())
    wire = _connect(settings)
    figures: dict[str, str] = {}
    try:
        measure(wire, options, figures)
    finally:
        print(report(figures))
    text = report(figures)
    if options.write:
        write(options.write, text, MARKERS, "A large market")


def measure(wire: Wire, options: argparse.Namespace, figures: dict[str, str]) -> None:
    """All figures in their order."""
    open_accounts(wire, options.accounts)
    fill(wire, range(SMALL), options.accounts)
    few = [burst(wire, options, number) for number in range(options.bursts)]
    figures[f"µs a command in a burst, {SMALL:,} resting"] = f"{min(few):.0f}"
    seconds = fill(wire, range(SMALL, options.orders), options.accounts)
    figures[f"{options.orders:,} bids of {options.accounts:,} accounts, s"] = f"{seconds:.0f}"
    figures[f"{options.nodes:,} nodes of one account, s"] = f"{register(wire, options.nodes):.0f}"
    many = [burst(wire, options, options.bursts + number) for number in range(options.bursts)]
    figures[f"µs a command in a burst, {options.orders:,} resting"] = f"{min(many):.0f}"
    figures["ratio"] = f"{min(many) / min(few):.2f}"
    figures["an ask of the account with all nodes, ms"] = _spread(wire, ask_latency)
    figures["TaskManager, MB RSS"] = f"{taskmanager_bytes(wire.settings) / 1e6:,.0f}"
    figures |= checkpoints(wire)
    figures |= restart(wire)
    figures[f"first command of a book of {options.orders // len(BOOKS):,}, ms"] = (
        f"{book_latency(wire, 0):,.0f}"
    )
    figures["second, ms"] = f"{book_latency(wire, 1):,.0f}"
    figures[f"first command of the account with {options.nodes:,} nodes, ms"] = (
        f"{account_latency(wire, 0):,.0f}"
    )
    figures["its second, ms"] = f"{account_latency(wire, 1):,.0f}"
    figures["TaskManager after the restore, MB RSS"] = (
        f"{taskmanager_bytes(wire.settings) / 1e6:,.0f}"
    )


# Filling


def open_accounts(wire: Wire, count: int) -> None:
    """So many consumers, and the seller."""
    rights = {"max_open_orders": 1_000_000}
    for number in range(count):
        wire.send(*_account(account_id(number), "set_account", rights))
    seller = rights | {"provider": True, "verified": True}
    wire.send(*_account(SELLER, "set_account", seller))
    wire.producer.flush()


def fill(wire: Wire, numbers: range, accounts: int) -> float:
    """Bids that rest, spread over books and accounts; seconds until all rest."""
    before = wire.ends("orders.created")
    began = time.monotonic()
    for number in numbers:
        wire.send(*_account(account_id(number % accounts), "place_order", _bid(number)))
    wire.await_records("orders.created", before + len(numbers), FILL_SECONDS)
    return time.monotonic() - began


def register(wire: Wire, nodes: int) -> float:
    """Nodes of eight GPUs for the seller; seconds until all are known."""
    before = wire.ends("inventory.events")
    began = time.monotonic()
    for number in range(nodes):
        body = {"node_id": _id("node", number), "gpu_type": "H100", "region": REGION}
        wire.send(*_account(SELLER, "register_node", body | {"gpu_count": 8}))
    wire.await_records("inventory.events", before + nodes, FILL_SECONDS)
    return time.monotonic() - began


# Measuring


def burst(wire: Wire, options: argparse.Namespace, number: int) -> float:
    """Microseconds a command of many sent at once through both jobs: bids that come and go.

    They are of so few accounts that all but the first burst find them in memory.
    """
    before = wire.ends("orders.cancelled")
    draw = Random(number)
    bids = [
        _bid(draw.randrange(SMALL))
        | {"order_id": _id(f"burst {number}", index), "time_in_force": "IOC"}
        for index in range(options.burst)
    ]
    began = time.monotonic()
    for body in bids:
        wire.send(*_account(account_id(draw.randrange(BURSTING)), "place_order", body))
    wire.await_records("orders.cancelled", before + options.burst, ANSWER_SECONDS)
    seconds = time.monotonic() - began
    return seconds * 1e6 / int(options.burst)


def ask_latency(wire: Wire, number: int) -> float:
    """Milliseconds from an ask's append to its acceptance by the book."""
    body = _bid(number) | {
        "order_id": _id("ask", number),
        "side": "ask",
        "book_id": "H100.reserved",
        "region": REGION,
        "quantity": 8,
        "time_in_force": "GTC",
    }
    return _until_told(wire, "orders.created", _account(SELLER, "place_order", body))


def book_latency(wire: Wire, number: int) -> float:
    """Milliseconds until a book refuses a cancel of nothing."""
    command = _command("", "cancel_order", {"order_id": _id("none", number)})
    return _until_told(wire, "orders.rejected", (names.BOOKS_COMMANDS, BOOKS[0], command))


def account_latency(wire: Wire, number: int) -> float:
    """Milliseconds until the seller's account refuses a cancel of nothing."""
    body = {"order_id": _id("nothing", number)}
    return _until_told(wire, "orders.rejected", _account(SELLER, "cancel_order", body))


def _until_told(wire: Wire, topic: str, sent: tuple[str, str, Command]) -> float:
    """Milliseconds from sending a command to a fact more in a topic."""
    places = list(_places(topic))
    for place in places:
        place.offset = wire.reader.get_watermark_offsets(place, timeout=10.0)[1]
    wire.reader.assign(places)
    wire.reader.poll(1.0)  # fetches from now on
    began = time.monotonic()
    wire.send(*sent)
    wire.producer.flush()
    told = wire.reader.poll(ANSWER_SECONDS)
    if told is None or told.error():
        raise SystemExit(f"{topic}: no fact within {ANSWER_SECONDS:.0f} s")
    return (time.monotonic() - began) * 1000


def _spread(wire: Wire, latency: Callable[[Wire, int], float]) -> str:
    taken = sorted(latency(wire, number) for number in range(20))
    return f"median {taken[10]:.0f}, greatest {taken[-1]:.0f}"


def taskmanager_bytes(settings: Settings) -> int:
    """Resident memory of the TaskManager."""
    pid = next(row.pid for row in stack.status(settings) if row.name == TASKMANAGER)
    return int(psutil.Process(pid).memory_info().rss)


def checkpoints(wire: Wire) -> dict[str, str]:
    """The newest checkpoint of each job that began after now: size and duration."""
    return {
        f"checkpoint of {job['name'].split(':')[0]}": _checkpoint(wire, job["jid"])
        for job in wire.flink.get("/jobs/overview").json()["jobs"]
        if job["state"] == "RUNNING"
    }


def _checkpoint(wire: Wire, job_id: str) -> str:
    now_ms = time.time() * 1000
    deadline = time.monotonic() + CHECKPOINT_SECONDS
    while time.monotonic() < deadline:
        told = wire.flink.get(f"/jobs/{job_id}/checkpoints").json()["latest"]["completed"]
        if told and told["trigger_timestamp"] > now_ms:
            size_mb, written_mb = told["state_size"] / 1e6, told["checkpointed_size"] / 1e6
            return f"{size_mb:,.0f} MB, {written_mb:,.1f} written, {told['end_to_end_duration']} ms"
        time.sleep(0.5)
    return "none came"


def restart(wire: Wire) -> dict[str, str]:
    """Seconds of `down` (with savepoints) and of `up` until all is ready."""
    began = time.monotonic()
    stack.down(wire.settings, progress=_say)
    stopped = time.monotonic()
    stack.up(wire.settings, progress=_say)
    ended = time.monotonic()
    return {"down, s": f"{stopped - began:.0f}", "up and ready, s": f"{ended - stopped:.0f}"}


def report(figures: dict[str, str]) -> str:
    """The figures as Markdown."""
    lines = [
        machine().replace(" and the load generator on it", " on it"),
        "",
        "| | |",
        "|---|---:|",
    ]
    return "\n".join(lines + [f"| {name} | {figure} |" for name, figure in figures.items()])


# Commands


def account_id(number: int) -> str:
    """The account of this number."""
    return str(UUID(int=(0xACC << 64) + number, version=4))


def _bid(number: int) -> Command:
    level = number // len(BOOKS) // PER_LEVEL
    return {
        "order_id": _id("bid", number),
        "side": "bid",
        "book_id": BOOKS[number % len(BOOKS)],
        "quantity": 8,
        "price_micros": MIDDLE_MICROS - 100 * level,
        "duration_seconds": 3600,
        "time_in_force": "GTD",
        "expires_at_ms": time.time_ns() // 1_000_000 + YEAR_MS + number,
        "digest": f"{number:016x}",
    }


def _account(account: str, kind: str, body: Command) -> tuple[str, str, Command]:
    return names.ACCOUNTS_COMMANDS, account, _command(account, kind, body)


def _command(account: str, kind: str, body: Command) -> Command:
    return {"kind": kind, "account_id": account, kind: body}


def _id(what: str, number: int) -> str:
    return str(UUID(int=Random(f"{RUN}{what}{number}").getrandbits(128), version=4))


RUN: Final = str(time.time_ns())
"""Keeps the ids of runs on one market apart."""


def _places(*topics: str) -> Iterator[Any]:
    for topic in topics:
        for partition in range(contract.topics()[topic].partitions):
            yield TopicPartition(topic, partition)


def _connect(settings: Settings) -> Wire:
    bootstrap = settings.text("KAFKA_BOOTSTRAP")
    common = {"bootstrap.servers": bootstrap, "log_level": 0}
    producer = Producer(
        common | {"partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 5}
    )
    reader = Consumer(common | {"group.id": "bench-size", "enable.auto.commit": False})
    codec = registry.connect(settings).codec()
    flink = httpx.Client(base_url=settings.text("FLINK_URL"), timeout=15.0)
    return Wire(settings, codec, producer, reader, flink)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.size", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000_000, help="that rest")
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--nodes", type=int, default=100_000, help="of one more account")
    parser.add_argument("--burst", type=int, default=10_000, help="commands at once")
    parser.add_argument("--bursts", type=int, default=5, help="so often, the best counts")
    parser.add_argument("--write", type=Path, help="page whose marked section to renew")
    return parser.parse_args()


if __name__ == "__main__":
    main()
