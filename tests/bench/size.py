"""A large market in the running jobs: a million resting orders, and an account with many nodes.

    python -m tests.bench --only size

Commands are written straight to the accounts' log, in bulk, as the API would make them; the jobs
take it from there. Then: what a burst costs beside the same burst with a thousand resting orders,
how long an order takes from POST to trade meanwhile, what the TaskManager holds, how large and slow
a checkpoint is, how long `down` and `up` take, and how long the first command of a large book and
of a large account takes after it. The market is the bench's own.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx
import psutil
import uvloop
from confluent_kafka import Consumer, Producer, TopicPartition

import stack
from cli.session import Session
from jobs import kafka
from schemas import names, registry
from schemas.codec import Codec
from schemas.settings import Settings
from stack.flink import TASKMANAGER
from tests.bench import latency
from tests.bench.report import Goal, Section, say
from tests.stack_fixture import own_home, real_stack

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
ON_TOP: Final = 500
"""Orders a second by HTTP, whose trades are timed while all others rest."""
MOST_TIMES, MOST_MB, MOST_UP_SECONDS, MOST_MS = 2.0, 3_000.0, 90.0, 50.0
"""What binds: a command's time to that of a small market, the TaskManager's memory, the time until
all is restored and ready, order to trade's p95."""
RATIO, MEMORY, READY = "a command's time to that", "TaskManager, MB", "up and ready, s"
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

    def close(self) -> None:
        self.reader.close()
        self.flink.close()

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
            self.reader.get_watermark_offsets(place, timeout=10.0)[1]
            for place in _places(self.reader, *topics)
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


@dataclass(frozen=True, slots=True)
class Size:
    """How large a market."""

    orders: int = 1_000_000
    """That rest."""
    accounts: int = 50_000
    nodes: int = 100_000
    """Of one more account."""
    burst: int = 10_000
    """Commands at once."""
    bursts: int = 5
    """So often; the best counts."""
    seconds: float = 20.0
    """Of orders by HTTP."""


TINY: Final = Size(2_000, BURSTING, 100, 200, 1, 1.0)


def measure(quick: bool) -> Section:
    """Fill a market, measure it, stop it and start it again."""
    size = TINY if quick else Size()
    with (
        own_home() as home,
        real_stack(home, progress=say) as settings,
        closing(_connect(settings)) as wire,
    ):
        return _section(size, _measured(wire, size))


def _measured(wire: Wire, size: Size) -> dict[str, float]:
    """All figures in their order."""
    told: dict[str, float] = {}
    open_accounts(wire, size.accounts)
    fill(wire, range(SMALL), size.accounts)
    few = min(burst(wire, size, number) for number in range(size.bursts))
    told[f"µs a command in a burst, {SMALL:,} resting"] = few
    seconds = fill(wire, range(SMALL, size.orders), size.accounts)
    told[f"{size.orders:,} bids of {size.accounts:,} accounts rest after, s"] = seconds
    told[f"{size.nodes:,} nodes of one account, s"] = register(wire, size.nodes)
    many = min(burst(wire, size, size.bursts + number) for number in range(size.bursts))
    told[f"µs a command in a burst, {size.orders:,} resting"] = many
    told[RATIO] = many / few
    asks = sorted(ask_latency(wire, number) for number in range(20))
    told["an ask of the account with all nodes, median, ms"] = asks[10]
    told["greatest of 20, ms"] = asks[-1]
    on_top = latency_on_top(wire.settings, size.seconds)
    told |= {f"order to trade at {ON_TOP}/s, {name}, ms": ms for name, ms in on_top.items()}
    told[MEMORY] = taskmanager_bytes(wire.settings) / 1e6
    told["all processes, MB"] = sum(each.memory_bytes for each in stack.status(wire.settings)) / 1e6
    told |= checkpoints(wire)
    told |= restart(wire)
    told[f"first command of a book of {size.orders // len(BOOKS):,}, ms"] = book_latency(wire, 0)
    told["its second, ms"] = book_latency(wire, 1)
    told[f"first command of the account of {size.nodes:,} nodes, ms"] = account_latency(wire, 0)
    told["the account's second, ms"] = account_latency(wire, 1)
    told["TaskManager after the restore, MB"] = taskmanager_bytes(wire.settings) / 1e6
    return told


def _section(size: Size, told: dict[str, float]) -> Section:
    p95 = told[f"order to trade at {ON_TOP}/s, p95, ms"]
    return Section(
        title="A large market",
        text=(
            f"{size.orders:,} bids of {size.accounts:,} accounts rest in {len(BOOKS)} books; the"
            f" commands are appended in bulk to the accounts' log. A burst is {size.burst:,} bids"
            f" that come and go at once, the best of {size.bursts} counts; the first on a market of"
            f" {SMALL:,} resting orders. Order to trade is that of orders by HTTP in eight other"
            " books of the same jobs. `down` makes savepoints; `up` is over when all is ready."
        ),
        packages=("apache-flink",),
        head=["", "figure"],
        rows=[
            [name, f"{each:.2f}" if each < 10 else f"{each:,.0f}"] for name, each in told.items()
        ],
        goals=[
            Goal(RATIO, MOST_TIMES, told[RATIO], is_bound=True),
            Goal(MEMORY, MOST_MB, told[MEMORY], is_bound=True),
            Goal(READY, MOST_UP_SECONDS, told[READY], is_bound=True),
            Goal(f"order to trade at {ON_TOP}/s, p95, ms", MOST_MS, p95, is_bound=True),
        ],
        figures=dict(told),
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


def burst(wire: Wire, size: Size, number: int) -> float:
    """Microseconds a command of many sent at once through both jobs: bids that come and go.

    They are of so few accounts that all but the first burst find them in memory.
    """
    before = wire.ends("orders.cancelled")
    draw = Random(number)
    bids = [
        _bid(draw.randrange(SMALL))
        | {"order_id": _id(f"burst {number}", index), "time_in_force": "IOC"}
        for index in range(size.burst)
    ]
    began = time.monotonic()
    for body in bids:
        wire.send(*_account(account_id(draw.randrange(BURSTING)), "place_order", body))
    wire.await_records("orders.cancelled", before + size.burst, ANSWER_SECONDS)
    seconds = time.monotonic() - began
    return seconds * 1e6 / size.burst


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
    places = list(_places(wire.reader, topic))
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


def latency_on_top(settings: Settings, seconds: float) -> dict[str, float]:
    """Percentiles of order to trade by HTTP, ms; no order may be lost."""
    options = argparse.Namespace(
        rate=0, rates=str(ON_TOP), seconds=seconds, warm_up=seconds, gpus_per_node=8, asks=0.0
    )
    (told,) = uvloop.run(latency.measure(Session(settings), options))
    if told.lost:
        raise SystemExit(f"{told.lost} orders are lost")
    return {"p50": told.trade_p50, "p95": told.trade_p95, "p99": told.trade_p99}


def taskmanager_bytes(settings: Settings) -> int:
    """Resident memory of the TaskManager."""
    pid = next(row.pid for row in stack.status(settings) if row.name == TASKMANAGER)
    return int(psutil.Process(pid).memory_info().rss)


def checkpoints(wire: Wire) -> dict[str, float]:
    """The newest checkpoint of the large jobs that began after now: size and duration."""
    told: dict[str, float] = {}
    for job in wire.flink.get("/jobs/overview").json()["jobs"]:
        name = job["name"].split(":")[0]
        if name in ("admission", "matching"):
            newest = _checkpoint(wire, job["jid"])
            told[f"checkpoint of {name}, MB"] = newest["state_size"] / 1e6
            told[f"made in, ms ({name})"] = newest["end_to_end_duration"]
    return told


def _checkpoint(wire: Wire, job_id: str) -> dict[str, Any]:
    now_ms = time.time() * 1000
    deadline = time.monotonic() + CHECKPOINT_SECONDS
    while time.monotonic() < deadline:
        told = wire.flink.get(f"/jobs/{job_id}/checkpoints").json()["latest"]["completed"]
        if told and told["trigger_timestamp"] > now_ms:
            return dict(told)
        time.sleep(0.5)
    raise SystemExit(f"no checkpoint within {CHECKPOINT_SECONDS:.0f} s")


def restart(wire: Wire) -> dict[str, float]:
    """Seconds of `down` (with savepoints) and of `up` until all is ready."""
    began = time.monotonic()
    stack.down(wire.settings, progress=say)
    stopped = time.monotonic()
    stack.up(wire.settings, progress=say)
    ended = time.monotonic()
    return {"down, s": stopped - began, READY: ended - stopped}


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


def _places(reader: Consumer, *topics: str) -> Iterator[Any]:
    for topic in topics:
        for partition in kafka.partitions(reader, topic):
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
