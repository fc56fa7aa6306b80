"""A long history of a market, generated inside the engine for `tests.bench.kpi`.

What the tables would hold after 30 days: trades, a tenth of them delivered twice; closings and
changes of nodes, a third as many each; and prices told every 10 s. Beside them readings of
telemetry, every GPU one each 10 s, for as long back as their number reaches, and the windows of
each node. Every insert is of a bounded number of rows, so memory does not grow with the history.
"""

import time
from collections.abc import Callable
from pathlib import Path

import chdb.session

from jobs.contract import statements
from query_api.kpis import DAY_MS
from schemas import generate
from schemas.bounds import ROLLED_UP, STATISTICS

DAYS = 30
PROVIDERS, CONSUMERS = 200, 5_000
NODES, GPUS = 500, 8
STEP_MS = 10_000
"""How far apart readings and prices are."""
TOUCHED_SECONDS = 31
"""After which no hour counts as touched any more, so that a refresh leaves nothing to be made."""
MERGED_SECONDS = 120
MADE = ("market_hours", "seller_days", "closing_hours", "capacity_hours")
_STEP = 2_000_000
"""Rows of an insert."""
_SETTINGS = f"SETTINGS max_insert_threads = 1, max_insert_block_size = {_STEP}"
_TYPES = "['H100', 'H200', 'B200', 'A100-80GB', 'MI300X', 'L40S', 'L4', 'T4']"
_REGIONS = "['us-west-2', 'us-east-1', 'eu-central-1', 'ap-southeast-1']"
_OF = "intHash32({of}) % {among} + 1"
_ID = "toString(reinterpretAsUUID(intHash64({})))"
_FLOATS = "gpu_utilization, memory_utilization, temperature, power_draw"
Put = Callable[[int, int, int], None]


class History:
    """The engine with the tables of ddl.sql in a folder, to be filled."""

    def __init__(self, folder: Path, end_ms: int) -> None:
        """Open it; the generated history ends at this moment."""
        self._session = chdb.session.Session(str(folder))
        self._end_ms = end_ms
        for statement in statements(generate.ddl_source()):
            self._run(statement)

    def fill(self, trades: int, readings: int) -> None:
        """Put generated facts in, and make the aggregates of them."""
        for view in MADE:
            self._run(f"SYSTEM STOP VIEW {view}_refresh")
        _in_steps(trades, self._put_trades)
        _in_steps(trades // 3, self._put_closings)
        _in_steps(trades // 3, self._put_changes)
        began = time.monotonic()
        _in_steps(readings, self._put_readings)
        _in_steps(readings // GPUS, self._put_windows)
        _in_steps(8 * 5 * DAYS * DAY_MS // STEP_MS, self._put_prices)
        time.sleep(max(0.0, TOUCHED_SECONDS - (time.monotonic() - began)))
        for view in MADE:
            for verb in ("START", "REFRESH", "WAIT"):
                self._run(f"SYSTEM {verb} VIEW {view}_refresh")
        self._wait_for_merges()

    def close(self) -> None:
        self._session.close()

    def _wait_for_merges(self) -> None:
        """What is asked next should not wait for what is merged after a flood of inserts."""
        deadline = time.monotonic() + MERGED_SECONDS
        while time.monotonic() < deadline and self._run("SELECT count() FROM system.merges") != "0":
            time.sleep(1)

    def _run(self, sql: str) -> str:
        return str(self._session.query(sql, "TabSeparated")).strip()

    def _at(self, count: int) -> str:
        """When row `number` of so many is, so that all of them spread evenly over the days."""
        return f"{self._end_ms - DAYS * DAY_MS} + intDiv(number * {DAYS * DAY_MS}, {count})"

    def _back(self, at_a_time: int, of: int) -> str:
        """When row `number` of so many is, if so many come at a time and the last one now."""
        steps = f"intDiv({of} - 1 - number, {at_a_time})"
        return f"{self._end_ms - self._end_ms % STEP_MS} - {steps} * {STEP_MS}"

    def _put_trades(self, start: int, count: int, of: int) -> None:
        """A seller has one GPU type in one region; two products; the first tenth comes twice."""
        for rows in (count, count // 10):
            self._run(f"{trades(start, rows, self._at(of))} {_SETTINGS}")

    def _put_closings(self, start: int, count: int, of: int) -> None:
        self._run(
            f"""
            INSERT INTO orders_cancelled (book_id, book_seq, occurred_at_ms, order_id, reason)
            SELECT {_TYPES}[number % 8 + 1] || '.ondemand', number, {self._at(of)},
                {_ID.format("number")}, if(number % 5 = 0, 'expired', 'user')
            FROM numbers({start}, {count})
            {_SETTINGS}
            """
        )

    def _put_changes(self, start: int, count: int, of: int) -> None:
        self._run(f"{changes(start, count, self._at(of))} {_SETTINGS}")

    def _put_readings(self, start: int, count: int, of: int) -> None:
        at = f"fromUnixTimestamp64Milli({self._back(NODES * GPUS, of)}, 'UTC')"
        self._run(
            f"""
            INSERT INTO providers_telemetry
                (node_id, cluster_id, region, gpu_type, gpu_index, timestamp, status, {_FLOATS})
            WITH intDiv(number, {GPUS}) % {NODES} AS node, intHash32(number) AS chance
            SELECT {_ID.format("node")}, toString(node % 20), {_REGIONS}[node % 4 + 1],
                {_TYPES}[node % 8 + 1], number % {GPUS}, {at}, 'healthy', chance % 1001 / 1000,
                chance % 997 / 1000, 40 + chance % 400 / 10, 100 + chance % 5000 / 10
            FROM numbers({start}, {count})
            {_SETTINGS}
            """
        )

    def _put_windows(self, start: int, count: int, of: int) -> None:
        """Of ten seconds, and each sixth time also of a minute."""
        statistics = [f"{name}_{each}" for name in ROLLED_UP for each in STATISTICS]
        self._run(
            f"""
            INSERT INTO telemetry_rollups (scope, scope_id, node_id, window_start_ms,
                window_seconds, samples, {", ".join(statistics)})
            WITH number % {NODES} AS node, {self._back(NODES, of)} AS at
            SELECT 'node', {_ID.format("node")} AS id, id, at, seconds, {GPUS},
                {", ".join(f"intHash32(number + {i}) % 1001 / 1000" for i in range(12))}
            FROM numbers({start}, {count})
            ARRAY JOIN if(at % 60000 = 0, [10, 60], [10]) AS seconds
            {_SETTINGS}
            """
        )

    def _put_prices(self, start: int, count: int, of: int) -> None:
        """Of spot GPUs of 8 types, in 4 regions and in all of them."""
        self._run(
            f"""
            INSERT INTO pricing_updates (gpu_type, region, product, window_start_ms,
                window_seconds, occurred_at_ms, is_final, spot_price_micros, allocated, available)
            WITH {self._back(40, of)} AS at, arrayConcat({_REGIONS}, ['']) AS regions
            SELECT {_TYPES}[number % 8 + 1], regions[intDiv(number, 8) % 5 + 1], 'spot',
                intDiv(at - 1, 300000) * 300000, 300, at, is_final,
                50 * (20000 + intHash32(number) % 60000), number % 100, 100
            FROM numbers({start}, {count})
            ARRAY JOIN if(at % 300000 = 0, [false, true], [false]) AS is_final
            {_SETTINGS}
            """
        )


def trades(start: int, count: int, at: str) -> str:
    """An insert of trades from this number on, at a time that is an expression of it."""
    seller = _OF.format(of="number + 1", among=PROVIDERS)
    return f"""
        INSERT INTO orders_matched (trade_id, book_id, book_seq, occurred_at_ms, gpu_type,
            product, region, bid_order_id, ask_order_id, buyer_id, seller_id, quantity,
            price_micros, duration_seconds, bid_remaining, ask_remaining)
        WITH {seller} AS seller, {_TYPES}[seller % 8 + 1] AS type,
            if(number % 3 = 0, 'spot', 'ondemand') AS sold
        SELECT {_ID.format("number")}, type || '.' || sold, number, {at}, type, sold,
            {_REGIONS}[seller % 4 + 1], {_ID.format("number + 1")}, {_ID.format("number + 2")},
            {_ID.format(_OF.format(of="number", among=CONSUMERS))}, {_ID.format("seller")},
            number % 8 + 1, 50 * (20000 + intHash32(number) % 60000), 3600 * (number % 48 + 1),
            number % 2, number % 3
        FROM numbers({start}, {count})
    """


def changes(start: int, count: int, at: str) -> str:
    """The same of changes of nodes."""
    return f"""
        INSERT INTO inventory_events (account_id, account_seq, occurred_at_ms, node_id,
            gpu_type, region, health, available, held, allocated)
        WITH {_OF.format(of="number", among=NODES)} AS node
        SELECT toString(node % {PROVIDERS}), number, {at}, {_ID.format("node")},
            {_TYPES}[node % 8 + 1], {_REGIONS}[node % 4 + 1], 'healthy',
            2, number % 3, 6 - number % 3
        FROM numbers({start}, {count})
    """


def _in_steps(count: int, put: Put) -> None:
    for start in range(0, count, _STEP):
        put(start, min(_STEP, count - start), count)
