"""What the key figures cost with much history: `python -m tests.bench.kpi [--trades N] [--rows M]`.

An engine of its own, in this process and a temporary folder, is filled with generated facts over 30
days: N trades, with a tenth of them repeated, as many closings and changes of nodes as a third of
them, and M readings of telemetry. Then each query of the API's adapter is asked again and again.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from statistics import median, quantiles
from typing import Any

import chdb.session
import httpx

from jobs.contract import statements
from query_api.adapters.clickhouse import ClickHouse
from query_api.adapters.clickhouse_kpis import ClickHouseKpis
from query_api.kpis import DAY_MS, HOUR_MS, CapacityFilter, SoldFilter, day_of, hour_of
from schemas import generate

DAYS = 30
PROVIDERS, CONSUMERS, NODES = 200, 5_000, 500
SETTLE_SECONDS = 45
"""After which no hour counts as touched any more, so that what is measured are the questions."""
STEP = 1_000_000
"""Rows of an insert."""
_TYPES = "['H100', 'H200', 'B200', 'A100-80GB', 'MI300X', 'L40S', 'L4', 'T4']"
_REGIONS = "['us-west-2', 'us-east-1', 'eu-central-1', 'ap-southeast-1']"
_OF = "intHash32({of}) % {among} + 1"
Ask = Callable[[], Awaitable[Any]]


class Engine:
    """The engine with the tables of ddl.sql."""

    def __init__(self, folder: str, end_ms: int) -> None:
        """Open it; the generated history ends at this moment."""
        self._session = chdb.session.Session(folder)
        self._end_ms = end_ms
        for statement in statements(generate.ddl_source()):
            self.run(statement)

    def run(self, sql: str, **parameters: str) -> bytes:
        return bytes(self._session.query(sql, "JSONEachRow", params=parameters).bytes())

    def fill(self, trades: int, readings: int) -> None:
        """Put generated facts in."""
        _in_steps(trades, self._put_trades)
        self._put_trades(0, trades // 10)
        _in_steps(trades // 3, self._put_closings)
        _in_steps(trades // 3, self._put_changes)
        _in_steps(readings, self._put_readings)
        for table in ("market_hours", "seller_days", "closing_hours", "capacity_hours"):
            self.run(f"SYSTEM REFRESH VIEW {table}_refresh")
            self.run(f"SYSTEM WAIT VIEW {table}_refresh")

    def answer(self, request: httpx.Request) -> httpx.Response:
        """ClickHouse's HTTP interface, as much of it as the adapter uses."""
        sent = dict(request.url.params)
        values = {name[6:]: value for name, value in sent.items() if name.startswith("param_")}
        sql = request.content.decode().removesuffix(" FORMAT JSONEachRow")
        return httpx.Response(200, content=self.run(sql, **values))

    def close(self) -> None:
        self._session.close()

    def _at(self, number: str, count: int) -> str:
        """A time for a row, so that all of them spread evenly over the days."""
        return f"{self._end_ms - DAYS * DAY_MS} + intDiv({number} * {DAYS * DAY_MS}, {count})"

    def _put_trades(self, start: int, count: int, of: int = 0) -> None:
        """A seller has one GPU type in one region; two products."""
        seller = _OF.format(of="number + 1", among=PROVIDERS)
        self.run(
            f"""
            INSERT INTO orders_matched (trade_id, book_id, book_seq, occurred_at_ms, gpu_type,
                product, region, buyer_id, seller_id, quantity, price_micros, duration_seconds,
                bid_remaining, ask_remaining)
            WITH {seller} AS seller, {_TYPES}[seller % 8 + 1] AS type,
                if(number % 3 = 0, 'spot', 'ondemand') AS sold
            SELECT toString(generateUUIDv7()), type || '.' || sold, number,
                {self._at("number", of or count)}, type, sold, {_REGIONS}[seller % 4 + 1],
                toString(reinterpretAsUUID(intHash64({_OF.format(of="number", among=CONSUMERS)}))),
                toString(reinterpretAsUUID(intHash64(seller))),
                number % 8 + 1, 50 * (20000 + intHash32(number) % 60000), 3600 * (number % 48 + 1),
                number % 2, number % 3
            FROM numbers({start}, {count})
            """
        )

    def _put_closings(self, start: int, count: int, of: int) -> None:
        self.run(
            f"""
            INSERT INTO orders_cancelled (book_id, book_seq, occurred_at_ms, order_id, reason)
            SELECT {_TYPES}[number % 8 + 1] || '.ondemand', number, {self._at("number", of)},
                toString(generateUUIDv4()), if(number % 5 = 0, 'expired', 'user')
            FROM numbers({start}, {count})
            """
        )

    def _put_changes(self, start: int, count: int, of: int) -> None:
        self.run(
            f"""
            INSERT INTO inventory_events (account_id, account_seq, occurred_at_ms, node_id,
                gpu_type, region, health, available, held, allocated)
            WITH {_OF.format(of="number", among=NODES)} AS node
            SELECT toString(node % {PROVIDERS}), number, {self._at("number", of)}, toString(node),
                {_TYPES}[node % 8 + 1], {_REGIONS}[node % 4 + 1], 'healthy',
                2, number % 3, 6 - number % 3
            FROM numbers({start}, {count})
            """
        )

    def _put_readings(self, start: int, count: int, of: int) -> None:
        at = f"fromUnixTimestamp64Milli({self._at('number', of)}, 'UTC')"
        self.run(
            f"""
            INSERT INTO providers_telemetry (node_id, timestamp, gpu_index, gpu_utilization,
                memory_utilization, temperature, power_draw, status)
            SELECT toString(number % {NODES}), {at}, number % 8, (number % 101) / 100,
                (number % 97) / 100, 40 + number % 40, 100 + number % 500, 'healthy'
            FROM numbers({start}, {count})
            """
        )


def _in_steps(count: int, put: Callable[[int, int, int], None]) -> None:
    for start in range(0, count, STEP):
        put(start, min(STEP, count - start), count)


def questions(kpis: ClickHouseKpis, now_ms: int) -> dict[str, Ask]:
    """What the endpoints ask, as they ask it by default and over the longest spans."""
    end_ms = hour_of(now_ms) + HOUR_MS
    month_ms, week_ms = end_ms - DAYS * DAY_MS, end_ms - 7 * DAY_MS
    tomorrow_ms = day_of(now_ms) + DAY_MS

    async def dashboard() -> None:
        for at_ms in (now_ms, now_ms - DAY_MS):
            await kpis.value_micros(at_ms - HOUR_MS, at_ms)
            await kpis.activity(hour_of(at_ms) + HOUR_MS - DAY_MS, hour_of(at_ms) + HOUR_MS)
            await kpis.capacity(hour_of(at_ms) + HOUR_MS)

    def used(from_ms: int, step_ms: int) -> Ask:
        return lambda: kpis.capacities(CapacityFilter(from_ms, end_ms, step_ms))

    def sold(by: Any, seller_id: str = "") -> Ask:
        return lambda: kpis.sold(
            SoldFilter(tomorrow_ms - DAYS * DAY_MS, tomorrow_ms, by, seller_id)
        )

    return {
        "dashboard, all six queries": dashboard,
        "utilisation, 7 days by hour": used(week_ms, HOUR_MS),
        "utilisation, 30 days by hour": used(month_ms, HOUR_MS),
        "utilisation, 30 days by day": used(month_ms, DAY_MS),
        "revenue, 30 days by day": sold("day"),
        "revenue, 30 days by provider": sold("provider"),
        "revenue, 30 days by GPU type": sold("gpu_type"),
        "one provider's revenue, 30 days by day": sold("day", "nobody"),
    }


async def measure(ask: Ask, rounds: int) -> tuple[list[float], float]:
    """Milliseconds of each round, and the CPU milliseconds of one on average."""
    taken, began_cpu = [], time.process_time()
    for _ in range(rounds):
        began = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - began) * 1_000)
    return taken, (time.process_time() - began_cpu) * 1_000 / rounds


def memory_mb() -> int:
    """Resident memory of this process at its greatest so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_000


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kpi", description=__doc__)
    parser.add_argument("--trades", type=int, default=10_000_000)
    parser.add_argument("--rows", type=int, default=100_000_000, help="readings of telemetry")
    parser.add_argument("--rounds", type=int, default=100)
    wanted = parser.parse_args()
    now_ms = time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(folder, now_ms)
        began = time.perf_counter()
        engine.fill(wanted.trades, wanted.rows)
        print(
            f"{wanted.trades:,} trades and {wanted.rows:,} readings were put in and aggregated in"
        )
        time.sleep(SETTLE_SECONDS)
        print(f"{time.perf_counter() - began:.0f} s, rest included;", end=" ")
        print(f"memory at its greatest {memory_mb():,} MB\n")
        http = httpx.AsyncClient(
            transport=httpx.MockTransport(engine.answer), base_url="http://clickhouse"
        )
        kpis = ClickHouseKpis(ClickHouse(http).rows)
        print("| question | p50 ms | p95 ms | CPU ms |\n|---|---:|---:|---:|")
        for name, ask in questions(kpis, now_ms).items():
            taken, cpu = asyncio.run(measure(ask, wanted.rounds))
            print(
                f"| {name} | {median(taken):.1f} | {quantiles(taken, n=20)[-1]:.1f} | {cpu:.1f} |"
            )
        print(f"\nmemory at its greatest, in all: {memory_mb():,} MB")
        engine.close()


if __name__ == "__main__":
    main()
