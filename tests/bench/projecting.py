"""The projection into ClickHouse beside a bulk insert of rows that are columns already.

    python -m tests.bench --only projection

A ClickHouse service of the bench's own, with the market's tables. The projection's own functions
read facts from their bytes and write them in batches; the bulk insert hands over the same rows in
batches of the same size. What the tables hold then is compared.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from jobs import contract, projection, rows
from schemas import codec as codecs
from tests.bench.kpi import Service
from tests.bench.report import Section, in_turns
from tests.bench.views import CLICKHOUSE_BATCH, Told, facts, parts

BULK: Final = "a bulk insert"
PROJECTION: Final = "the projection"
Columns = list[list[Any]]


class Bench:
    """The facts of so many orders that trade, and the service that they go to."""

    def __init__(self, service: Service, orders: int) -> None:
        contract.create_tables(service.settings)
        self.client = contract.clickhouse(service.settings)
        self.connect = partial(contract.clickhouse, service.settings)
        _, self.told = facts(orders)
        self.topics = sorted({topic for topic, *_ in self.told})
        self.batches = [_columns(batch) for batch in parts(self.told, CLICKHOUSE_BATCH)]
        self.inserts = {topic: self._insert_into(topic) for topic in self.topics}
        self.held: dict[str, list[Any]] = {}
        """What the tables held after each way's last round."""

    def projected(self) -> float:
        """Microseconds a row, from the facts' bytes."""
        codec = codecs.offline()
        store = projection.ClickHouse(self.connect, self.topics)
        readers = {topic: store.reader(codec, topic) for topic in self.topics}
        self._empty()
        began = time.perf_counter()
        for batch in parts(self.told, CLICKHOUSE_BATCH):
            store.write([projection.Fact(topic, readers[topic](data)) for topic, _, data in batch])
        return self._ended(PROJECTION, began)

    def inserted(self) -> float:
        """Microseconds a row, from columns."""
        self._empty()
        began = time.perf_counter()
        for batch in self.batches:
            for topic, columns in batch.items():
                self.inserts[topic].data = columns
                self.client.insert(context=self.inserts[topic])
        return self._ended(BULK, began)

    def _insert_into(self, topic: str) -> Any:
        table, names = rows.tables()[topic], rows.column_names(topic)
        return self.client.create_insert_context(table, names, column_oriented=True)

    def _ended(self, way: str, began: float) -> float:
        micros = (time.perf_counter() - began) * 1e6 / len(self.told)
        hashed = "SELECT count(), sum(cityHash64(*)) FROM {} FINAL"
        tables = [rows.tables()[topic] for topic in self.topics]
        self.held[way] = [self.client.query(hashed.format(each)).result_rows for each in tables]
        return micros

    def _empty(self) -> None:
        for topic in self.topics:
            self.client.command(f"TRUNCATE TABLE {rows.tables()[topic]}")


def _columns(batch: Sequence[Told]) -> dict[str, Columns]:
    codec = codecs.offline()
    by_topic: dict[str, list[Any]] = defaultdict(list)
    for topic, _, data in batch:
        by_topic[topic].append(codec.decoder(topic)(data))
    return {topic: list(rows.columns(topic, each).values()) for topic, each in by_topic.items()}


def measure(quick: bool) -> Section:
    """Both ways, in turns."""
    orders, rounds = (100, 1) if quick else (7_000, 5)
    with TemporaryDirectory(ignore_cleanup_errors=True) as home:
        service = Service(Path(home))
        try:
            bench = Bench(service, orders)
            bench.inserted()
            told = in_turns({PROJECTION: bench.projected, BULK: bench.inserted}, rounds)
            unequal = [] if bench.held[PROJECTION] == bench.held[BULK] else ["rows in the tables"]
            bench.client.close()
        finally:
            service.close()
    micros = {way: median for way, (median, _) in told.items()}
    return Section(
        title="Projection",
        text=(
            f"The {len(bench.told):,} facts of {orders:,} orders that trade at once, from their"
            " bytes into the tables of a ClickHouse service of the bench's own, by the projection's"
            " functions in batches of a second at 1,000 orders/s; beside it the same rows, columns"
            " already, in inserts of the same size. Count and hash of what the tables then hold"
            f" were compared. Median of {rounds}, in turns."
        ),
        packages=("chdb-core", "clickhouse-connect"),
        head=["way", "rows/s", "µs a row", "rows/s to the bulk insert's"],
        rows=[
            [way, f"{1e6 / took:,.0f}", f"{took:.1f}", f"{micros[BULK] / took:.2f}"]
            for way, took in micros.items()
        ],
        figures={f"{way}, rows/s": 1e6 / took for way, took in micros.items()},
        unequal=unequal,
    )
