"""Order to trade on a running market: POST /orders to the trade's fact in Kafka.

    python -m tests.bench.latency --rate 1000 --seconds 60 [--warm-up 10]
    python -m tests.bench.latency --rates 500,1000,1500,2000 --seconds 20 --write PAGE

Open loop: every order has a time at which it is due, and all latencies count from there, so that a
stall shows in each order that it delayed. A bid is for one GPU and meets a listed ask at once; asks
enough for all bids, one for each node and each at a price of its own, are listed before. With
`--asks 0.5` every second order is an ask for one GPU that rests behind those: a market in which
supply comes as fast as demand, so that two orders make one trade; with `--asks 0`, the default,
every order trades. The trade counts as made when a consumer of orders.matched in another process
has it.
"""

import argparse
import asyncio
import json
import math
import multiprocessing
import secrets
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import psutil
import uvloop

import stack
from cli import clickhouse
from cli.client import Client
from cli.commands.node import node_body
from cli.demo.progress import percentile
from cli.errors import Refused
from cli.log import connect, located
from cli.session import Session
from schemas.settings import Settings, from_environment
from tests.bench.report import machine, say, write
from tests.bench.wire import Outcome, Pool, open_pool, request, send_all, send_on_schedule
from udfs.ids import order_id
from udfs.money import limit_usd

TYPES = ("H100", "H200", "B200", "MI300X", "L40S", "L4", "A10", "T4")
PRODUCT = "reserved"
REGION = "us-west-2"
SELLERS = 8
BUYERS = 16
CONNECTIONS = 64
FIRST_ASK_MICROS = 100_000
BID_MICROS = 2_000_000
TRADE_SECONDS = 15.0
VIEW_SECONDS = 60.0
START, END = "<!-- bench-latency:start -->", "<!-- bench-latency:end -->"


@dataclass(frozen=True, slots=True)
class Party:
    """An account of this run and its key."""

    account_id: str
    key: str


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of one rate; latencies in ms."""

    rate: int
    asks: float
    """Share of the orders that were asks and had to rest."""
    seconds: float
    sent: int
    accepted: int
    errors: dict[str, int]
    api_p50: float
    api_p95: float
    api_p99: float
    trades: int
    trade_p50: float
    trade_p95: float
    trade_p99: float
    trade_max: float
    resting: int
    """Accepted, not traded, but resting in its book."""
    lost: int
    """Accepted, and neither."""
    send_lag_p99: float
    """How late the generator itself was."""
    cpu_percent: dict[str, float]
    """Of one core, by process."""


def main() -> None:
    options = _options()
    opened = Session(located(from_environment()))
    results = uvloop.run(measure(opened, options))
    told = {"machine": machine(), "results": [asdict(result) for result in results]}
    if options.json:
        print(json.dumps(told, indent=2))
    else:
        print(report(results))
    if options.write:
        write(options.write, report(results), (START, END), "Order to trade")
    if any(result.lost or result.errors for result in results):
        sys.exit(1)


async def measure(opened: Session, options: argparse.Namespace) -> list[Result]:
    """All rates, one after the other, on capacity listed beforehand."""
    rates = [int(rate) for rate in options.rates.split(",")] if options.rates else [options.rate]
    needed = int(sum(rates) * options.seconds + rates[0] * options.warm_up)
    pool = await open_pool(opened.url(), CONNECTIONS)
    market = Market(opened, pool, options.gpus_per_node, options.asks)
    try:
        await market.prepare(needed)
        if options.warm_up:
            await market.run(rates[0], options.warm_up)
        return [await market.run(rate, options.seconds) for rate in rates]
    finally:
        pool.close()


@dataclass(slots=True)
class Phase:
    """One rate for so long, and what became of its orders."""

    rate: int
    asks: float
    """Share of the orders that are asks."""
    seconds: float
    bid_ids: Sequence[str]
    """Of each order; empty for an ask."""
    outcomes: Sequence[Outcome]
    cpu_percent: dict[str, float]
    accepted: dict[str, Outcome] = field(init=False)
    traded_at: dict[str, float] = field(default_factory=dict)
    fates: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        sent = zip(self.bid_ids, self.outcomes, strict=True)
        self.accepted = {bid: each for bid, each in sent if bid and _is_accepted(each)}

    @property
    def accepted_asks(self) -> int:
        """How many asks are in the log."""
        return sum(map(_is_accepted, self.outcomes)) - len(self.accepted)

    def told(self) -> Result:
        """Its figures."""
        trades_ms = [(at - self.accepted[bid].due) * 1000 for bid, at in self.traded_at.items()]
        return result(
            self.rate,
            self.asks,
            self.seconds,
            self.outcomes,
            trades_ms,
            self.fates,
            self.cpu_percent,
        )


class Market:
    """The accounts of a run, and what they send."""

    def __init__(self, opened: Session, pool: Pool, gpus_per_node: int, asks: float) -> None:
        self._opened = opened
        self._url = opened.url()
        self._pool = pool
        self._gpus_per_node = gpus_per_node
        self._asks = asks
        self._name = secrets.token_hex(3)
        self._buyers: list[Party] = []
        self._sellers: list[Party] = []
        self._listed = 0
        self._told_asks = 0
        self._runs = 0

    async def prepare(self, orders: int) -> None:
        """Sellers with nodes and asks for the bids among this many orders, spread over the books.

        For the asks among them there are nodes alone.
        """
        with self._opened.client("admin", "admin") as admin:
            self._sellers = [self._open(admin, "provider", number) for number in range(SELLERS)]
            self._buyers = [self._open(admin, "consumer", number) for number in range(BUYERS)]
            clusters = [self._open_cluster(admin, seller) for seller in self._sellers]
        listed = self._nodes_for(orders * (1 - self._asks))
        nodes = listed + self._nodes_for(orders * self._asks)
        say(f"{nodes:,} nodes of {self._gpus_per_node} GPUs, {listed:,} of them listed")
        await self._send([self._node(clusters, number) for number in range(nodes)], "nodes")
        asks = [self._ask(self._gpus_per_node) for _ in range(listed)]
        await self._send(asks, "asks")
        self._told_asks = listed
        await asyncio.sleep(2)

    def _nodes_for(self, gpus: float) -> int:
        """Nodes with this many GPUs, equally many for each type and seller."""
        once_round = len(TYPES) * SELLERS
        return math.ceil(gpus / self._gpus_per_node / once_round) * once_round

    async def run(self, rate: int, seconds: float) -> Result:
        """Orders at this rate for so long, and what became of them."""
        [result] = await self.run_phases([(rate, seconds)])
        return result.told()

    async def run_phases(self, phases: Sequence[tuple[int, float]]) -> list[Phase]:
        """Several rates without a pause between them."""
        pipe, recorder = _record_trades(self._opened.settings)
        run = [await self._send_phase(rate, seconds) for rate, seconds in phases]
        accepted = set().union(*(phase.accepted for phase in run))
        traded_at = await _traded(pipe, recorder, accepted)
        for phase in run:
            phase.traded_at = {key: at for key, at in traded_at.items() if key in phase.accepted}
            phase.fates = self._fates(phase)
        run[-1].fates["lost"] += await self._lost_asks(sum(phase.accepted_asks for phase in run))
        return run

    async def _send_phase(self, rate: int, seconds: float) -> Phase:
        self._runs += 1
        orders = [self._order(number) for number in range(int(rate * seconds))]
        say(f"{rate} orders/s for {seconds:g} s")
        before, began = cpu_seconds(self._opened.settings), time.monotonic()
        outcomes = await send_on_schedule(self._pool, [sent for _, sent in orders], rate)
        after, ended = cpu_seconds(self._opened.settings), time.monotonic()
        bid_ids = [bid_id for bid_id, _ in orders]
        cpu_percent = load(before, after, ended - began)
        return Phase(rate, self._asks, seconds, bid_ids, outcomes, cpu_percent)

    def _order(self, number: int) -> tuple[str, bytes]:
        """The next order of a run: a bid's id and its request, or an ask's request alone."""
        return ("", self._ask(1)) if self._is_ask(number) else self._bid(number)

    def _open(self, admin: Client, role: str, number: int) -> Party:
        name = f"bench {self._name} {role} {number}"
        account = admin.post("/accounts", {"name": name, "role": role})["account_id"]
        key = admin.post("/auth/api-keys", {"name": name, "roles": [role], "account_id": account})[
            "key"
        ]
        return Party(account, key)

    def _open_cluster(self, admin: Client, seller: Party) -> tuple[Party, str]:
        with Client(self._url, seller.key) as client:
            body = {"name": self._name, "company": "Bench", "kyc_data": {}}
            provider = client.post("/providers", body)["provider_id"]
            admin.call("PATCH", f"/providers/{provider}", body={"status": "verified"})
            place = {"name": self._name, "region": REGION, "specs": {}}
            return seller, client.post(f"/providers/{provider}/clusters", place)["cluster_id"]

    def _node(self, clusters: Sequence[tuple[Party, str]], number: int) -> bytes:
        seller, cluster = clusters[_seller(number)]
        body = node_body(
            f"bench-{number}",
            f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            TYPES[number % len(TYPES)],
            self._gpus_per_node,
            80,
            "12.8",
        )
        return request(self._url, seller.key, "POST", f"/clusters/{cluster}/nodes", body)

    def _ask(self, gpus: int) -> bytes:
        """The next ask: round the types, then the sellers, each dearer than those before."""
        number, self._listed = self._listed, self._listed + 1
        body = {
            "type": "ask",
            "gpu_type": TYPES[number % len(TYPES)],
            "product": PRODUCT,
            "quantity": gpus,
            "price": limit_usd(FIRST_ASK_MICROS + number // len(TYPES) * 100),
            "duration_hours": 24,
            "region": REGION,
        }
        return request(self._url, self._sellers[_seller(number)].key, "POST", "/orders", body)

    def _is_ask(self, number: int) -> bool:
        """Whole rounds of types, spread evenly."""
        rounds = number // len(TYPES)
        return int((rounds + 1) * self._asks) > int(rounds * self._asks)

    def _bid(self, number: int) -> tuple[str, bytes]:
        """A bid's id, which follows from its key (market-rules.md O2), and its request."""
        buyer = self._buyer(number)
        key = f"bench-{self._name}-{self._runs}-{number}"
        body = {
            "type": "bid",
            "gpu_type": TYPES[number % len(TYPES)],
            "product": PRODUCT,
            "quantity": 1,
            "price": limit_usd(BID_MICROS),
            "duration_hours": 1,
        }
        headers = f"Idempotency-Key: {key}\r\n"
        sent = request(self._url, buyer.key, "POST", "/orders", body, headers)
        return order_id(buyer.account_id, key), sent

    def _buyer(self, number: int) -> Party:
        return self._buyers[number // len(TYPES) % BUYERS]

    async def _send(self, requests: list[bytes], what: str) -> None:
        began = time.monotonic()
        outcomes = await send_all(self._pool, requests)
        statuses = Counter(outcome.status for outcome in outcomes)
        say(f"{what}: {dict(statuses)} in {time.monotonic() - began:.1f} s")
        bad = next((each for each in outcomes if not 200 <= each.status < 300), None)
        if bad is not None:
            raise SystemExit(f"preparing {what} failed: {bad.status} {bad.body.decode()}")

    async def _lost_asks(self, accepted: int) -> int:
        """How many accepted asks of the last run no book has told of, given time."""
        if not accepted:
            return 0
        self._told_asks += accepted
        sellers = ", ".join(f"'{seller.account_id}'" for seller in self._sellers)
        sql = f"SELECT uniqExact(order_id) AS n FROM orders_created WHERE account_id IN ({sellers})"
        deadline = time.monotonic() + VIEW_SECONDS
        while True:
            missing = self._told_asks - int(clickhouse.rows(self._opened, sql)[0]["n"])
            if missing <= 0 or time.monotonic() > deadline:
                return missing
            await asyncio.sleep(1)

    def _fates(self, phase: Phase) -> Counter[str]:
        """What the API says of accepted orders whose trade was not seen."""
        with ExitStack() as opened:
            clients = {
                buyer: opened.enter_context(Client(self._url, buyer.key)) for buyer in self._buyers
            }
            return Counter(
                _fate(clients[self._buyer(number)], bid_id)
                for number, bid_id in enumerate(phase.bid_ids)
                if bid_id in phase.accepted and bid_id not in phase.traded_at
            )


def _fate(client: Client, bid_id: str) -> str:
    try:
        order: dict[str, Any] = client.get(f"/orders/{bid_id}")
    except Refused:
        return "lost"
    decided = order["status"] != "pending" or order["book_seq"] is not None
    return "resting" if decided else "lost"


def result(
    rate: int,
    asks: float,
    seconds: float,
    outcomes: Sequence[Outcome],
    trades_ms: Sequence[float],
    fates: Counter[str],
    cpu_percent: dict[str, float],
) -> Result:
    """The figures of one run; every latency counts from when the order was due."""
    accepted = [each for each in outcomes if _is_accepted(each)]
    refused = [each for each in outcomes if not _is_accepted(each)]
    api_ms = [(each.done - each.due) * 1000 for each in accepted]
    return Result(
        rate=rate,
        asks=asks,
        seconds=seconds,
        sent=len(outcomes),
        accepted=len(accepted),
        errors=dict(Counter(str(each.status or "no answer") for each in refused)),
        api_p50=percentile(api_ms, 50),
        api_p95=percentile(api_ms, 95),
        api_p99=percentile(api_ms, 99),
        trades=len(trades_ms),
        trade_p50=percentile(trades_ms, 50),
        trade_p95=percentile(trades_ms, 95),
        trade_p99=percentile(trades_ms, 99),
        trade_max=max(trades_ms, default=0.0),
        resting=fates["resting"],
        lost=fates["lost"],
        send_lag_p99=percentile([(each.sent - each.due) * 1000 for each in outcomes], 99),
        cpu_percent=cpu_percent,
    )


def report(results: Sequence[Result]) -> str:
    """The figures as Markdown."""
    lines = [
        machine(),
        "",
        "| orders/s | asks | s | order to trade p50 | p95 | p99 | max | API p50 | p95 | p99"
        " | sent | traded | errors | lost |",
        "|---:" * 14 + "|",
    ]
    lines += [_line(each) for each in results]
    lines += ["", "Latencies in ms, from when the order was due. CPU, per cent of one core:", ""]
    lines += [f"- {each.rate}/s: {_shares(each.cpu_percent)}" for each in results]
    return "\n".join(lines)


def cpu_seconds(settings: Settings) -> dict[str, float]:
    """CPU time so far of each server with its children, and of this process."""
    used = {
        row.name: _family_seconds(row.pid) for row in stack.status(settings) if row.pid is not None
    }
    return {**used, "load generator": _family_seconds(psutil.Process().pid)}


def load(before: dict[str, float], after: dict[str, float], seconds: float) -> dict[str, float]:
    """Use of each process between two looks, per cent of one core."""
    return {
        name: round(100 * (used - before.get(name, 0.0)) / seconds, 1)
        for name, used in after.items()
    }


def record(pipe: Pipe, settings: Settings) -> None:
    """The other process: notes when each bid's first trade came, until it is asked for them.

    It decodes when it is asked: meanwhile it takes as little of the cores as it can.
    """
    came: list[tuple[float, bytes]] = []
    with connect(settings) as log:
        tail = log.follow("orders.matched")
        decode = log.codec.decoder("orders.matched")
        pipe.send("ready")
        while True:
            message = tail.poll_bytes(0.05)
            if message is not None:
                came.append((time.monotonic(), message.value() or b""))
            elif pipe.poll():
                if pipe.recv() == "stop":
                    return
                pipe.send({decode(value)["bid_order_id"]: at for at, value in reversed(came)})


def _record_trades(settings: Settings) -> tuple[Pipe, multiprocessing.process.BaseProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=record, args=(theirs, settings), daemon=True)
    process.start()
    assert ours.recv() == "ready"
    return ours, process


async def _traded(
    pipe: Pipe, recorder: multiprocessing.process.BaseProcess, wanted: Any
) -> dict[str, float]:
    """When each bid's trade came; waits for the last ones within bounds."""
    deadline = time.monotonic() + TRADE_SECONDS
    while True:
        pipe.send("tell")
        seen: dict[str, float] = pipe.recv()
        if wanted <= seen.keys() or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.5)
    pipe.send("stop")
    recorder.join(5)
    return {bid_id: at for bid_id, at in seen.items() if bid_id in wanted}


def _is_accepted(outcome: Outcome) -> bool:
    return 200 <= outcome.status < 300


def _seller(number: int) -> int:
    """Which seller owns this node: every seller sells every type."""
    return number // len(TYPES) % SELLERS


def _family_seconds(pid: int) -> float:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0.0
    total = 0.0
    for member in family:
        try:
            times = member.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def _line(each: Result) -> str:
    cells = (
        f"{each.rate:,}",
        f"{each.asks:.0%}",
        f"{each.seconds:g}",
        *(f"{ms:.1f}" for ms in (each.trade_p50, each.trade_p95, each.trade_p99, each.trade_max)),
        *(f"{ms:.1f}" for ms in (each.api_p50, each.api_p95, each.api_p99)),
        f"{each.sent:,}",
        f"{each.trades:,}",
        ", ".join(f"{count} × {status}" for status, count in each.errors.items()) or "0",
        f"{each.lost:,}",
    )
    return "| " + " | ".join(cells) + " |"


def _shares(cpu_percent: dict[str, float]) -> str:
    used = sorted(cpu_percent.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {percent:.0f}" for name, percent in used if percent >= 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency", description=__doc__)
    parser.add_argument("--rate", type=int, default=1000, help="orders a second")
    parser.add_argument("--rates", default="", help="several, such as 500,1000,1500,2000")
    parser.add_argument("--seconds", type=float, default=60, help="how long, each rate")
    parser.add_argument("--warm-up", type=float, default=10, help="seconds before, not measured")
    parser.add_argument("--asks", type=float, default=0, help="share of orders that list capacity")
    parser.add_argument("--gpus-per-node", type=int, default=8)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--write", type=Path, help="page whose marked section to renew")
    return parser.parse_args()


if __name__ == "__main__":
    main()
