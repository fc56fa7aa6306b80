"""Readings to rollups on a market of their own: from the end of a window until its row can be read.

    python -m tests.bench.readings [--rate 20000 --seconds 60] [--write PAGE]

Readings of as many nodes as the rate stands for, encoded beforehand, are appended to telemetry.gpu
as the API appends them, when they are due, whatever the market does meanwhile. Of every window of
10 s of every node counts the time from the window's end, by the clock of the readings, until
ClickHouse answers with its row.
Then: whether each reading is in the raw table once, and in one window of 10 s.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from cli.demo.progress import percentile
from jobs.contract import clickhouse
from query_api.adapters.kafka import producer_settings
from query_api.adapters.telemetry_log import CONFIGURATION
from schemas import registry
from schemas.codec import Encoder
from schemas.names import TELEMETRY_GPU
from schemas.settings import Settings
from stack.flink import TASKMANAGER
from tests.bench.fleet import GPUS, Fleet
from tests.bench.latency import cpu_seconds, load
from tests.bench.report import machine, write
from tests.stack_fixture import real_stack
from udfs.telemetry import SLOT_MS

PROGRAMS = (TASKMANAGER, "submit", "projection", "market-data", "api")
MARKS = ("<!-- bench-readings:start -->", "<!-- bench-readings:end -->")
WINDOW_MS = 10_000
BOUND_SECONDS = 10.0
"""What must hold of 95 of 100 rows."""
LEAD_SECONDS, SETTLE_SECONDS, TAIL_SECONDS = 30, 30, 10
"""Load around the windows that count: a quarter of the nodes while a JVM that just started is slow,
all of them when their status is news, and all until the last window that counts has ended."""
PATIENCE_SECONDS = 45.0
LOOK_SECONDS = 0.5
TICK_SECONDS = 0.01
ENCODE_SECONDS = 15e-6
"""More than a reading takes to encode; all are before the first is due."""
CLOCK = "clock"
"""A node by whose readings time goes on when all others are silent."""
Record = tuple[bytes, bytes]
"""Key and value."""


@dataclass(slots=True)
class Windows:
    """What ClickHouse answered about the windows of 10 s of nodes, by their start."""

    client: Any
    begin_ms: int
    counted: range
    rows: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    """From its window's end, of each row that counts."""
    samples: int = 0
    """Of all windows together."""

    def look(self) -> None:
        """Ask once; what was not there the last time can be read since now."""
        found = self.client.query(
            "SELECT window_start_ms, count(), sum(samples) FROM telemetry_rollups FINAL "
            "WHERE scope = 'node' AND window_seconds = 10 "
            f"AND window_start_ms >= {self.begin_ms} AND scope_id != '{CLOCK}' "
            "GROUP BY window_start_ms"
        ).result_rows
        now_ms = time.time() * 1000
        for start_ms, rows, _ in found:
            if start_ms in self.counted:
                since_end = (now_ms - start_ms - WINDOW_MS) / 1000
                self.seconds += [since_end] * (rows - self.rows.get(start_ms, 0))
            self.rows[start_ms] = rows
        self.samples = sum(samples for _, _, samples in found)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured; all that was sent counts, but for time the windows that count."""

    rate: int
    sent: int
    sent_a_second: float
    """At the whole rate."""
    seconds_to_rows: list[float]
    """From the end of each window that counts until its row was there."""
    windows: int
    """How many count."""
    stored: int
    """Different readings in the raw table."""
    in_windows: int
    """Samples of all windows of 10 s."""
    cpu_percent: dict[str, float]
    """Of one core, by process, at the whole rate."""

    def holds(self) -> bool:
        """Whether nothing was lost, and rows could be read in time."""
        is_complete = self.sent == self.stored == self.in_windows
        is_told = len(self.seconds_to_rows) == self.windows
        return is_complete and is_told and percentile(self.seconds_to_rows, 95) < BOUND_SECONDS


def main() -> None:
    """Measure, print, and end with 1 if it does not hold."""
    options = _options()
    with (
        tempfile.TemporaryDirectory(prefix="readings-") as home,
        real_stack(Path(home), PROGRAMS) as settings,
    ):
        figures = measure(settings, options.rate, options.seconds)
    print(report(figures))
    if options.write:
        write(options.write, report(figures), MARKS, "Readings to rollups")
    if not figures.holds():
        sys.exit(1)


def measure(settings: Settings, rate: int, seconds: int) -> Figures:
    """Send, look at what can be read meanwhile and until all is there, and count."""
    with closing(registry.connect(settings)) as schemas:
        encode = schemas.codec().encoder(TELEMETRY_GPU)
    fleet = Fleet(nodes=rate * SLOT_MS // 1000 // GPUS)
    few = Fleet(nodes=fleet.nodes // 4)
    counts = (rate // 4 * LEAD_SECONDS, rate * (SETTLE_SECONDS + seconds + TAIL_SECONDS))
    count = sum(counts)
    begin_ms = _soon_ms(count)
    full_ms = begin_ms + 1000 * LEAD_SECONDS
    lead = list(_encoded(few.readings(begin_ms, counts[0]), encode))
    records = list(_encoded(fleet.readings(full_ms, counts[1]), encode))
    first_ms = full_ms + 1000 * SETTLE_SECONDS
    counted = range(first_ms, first_ms + 1000 * seconds, WINDOW_MS)
    producer = Producer(producer_settings(settings) | CONFIGURATION)
    with closing(clickhouse(settings)) as client:
        windows = Windows(client, begin_ms, counted)
        _sleep_until(begin_ms)
        send(producer, lead, rate // 4, windows.look)
        _sleep_until(full_ms)
        before, began = cpu_seconds(settings), time.monotonic()
        send(producer, records, rate, windows.look)
        sending_seconds = time.monotonic() - began
        cpu_percent = load(before, cpu_seconds(settings), sending_seconds)
        clock = next(fleet.readings(begin_ms, 1)) | {"node_id": CLOCK}
        await_windows(windows, count, lambda: _tick(producer, clock, encode))
        return Figures(
            rate=rate,
            sent=count,
            sent_a_second=len(records) / sending_seconds,
            seconds_to_rows=windows.seconds,
            windows=fleet.nodes * len(counted),
            stored=_stored(client, begin_ms),
            in_windows=windows.samples,
            cpu_percent=cpu_percent,
        )


def send(producer: Producer, records: list[Record], rate: int, look: Callable[[], None]) -> None:
    """Append each record when it is due, and look now and then."""
    began = time.monotonic()
    sent, look_at = 0, 0.0
    while sent < len(records):
        elapsed = time.monotonic() - began
        due = min(int(elapsed * rate), len(records))
        for key, value in records[sent:due]:
            producer.produce(TELEMETRY_GPU, value, key)
        sent = due
        producer.poll(0)
        if elapsed >= look_at:
            look()
            look_at = elapsed + LOOK_SECONDS
        time.sleep(TICK_SECONDS)
    if left := producer.flush(PATIENCE_SECONDS):
        raise SystemExit(f"the broker did not take {left:,} readings")


def await_windows(windows: Windows, count: int, tick: Callable[[], None]) -> None:
    """Look until all readings are in windows, or patience is over; time goes on by ticks."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while windows.samples < count and time.monotonic() < deadline:
        tick()
        time.sleep(LOOK_SECONDS)
        windows.look()


def _tick(producer: Producer, reading: dict[str, Any], encode: Encoder) -> None:
    """A reading of no node, by which the job learns that it is later."""
    for key, value in _encoded([{**reading, "timestamp": time.time_ns() // 1_000_000}], encode):
        producer.produce(TELEMETRY_GPU, value, key)
    producer.poll(0)


def _encoded(readings: Iterable[dict[str, Any]], encode: Encoder) -> Iterator[Record]:
    for reading in readings:
        yield reading["node_id"].encode(), encode(reading)


def _soon_ms(count: int) -> int:
    """The begin of the first window before which so many readings can be encoded."""
    ready_ms = (time.time() + count * ENCODE_SECONDS) * 1000
    return (int(ready_ms) // WINDOW_MS + 1) * WINDOW_MS


def _sleep_until(begin_ms: int) -> None:
    left_seconds = begin_ms / 1000 - time.time()
    if left_seconds < -1:
        raise SystemExit(f"a reading was due {-left_seconds:.1f} s ago and is not sent yet")
    time.sleep(max(left_seconds, 0))


def _stored(client: Any, begin_ms: int) -> int:
    """Different readings in the raw table, those that tick not counted."""
    found = client.query(
        "SELECT uniqExact(node_id, gpu_index, timestamp) FROM providers_telemetry "
        f"WHERE timestamp >= fromUnixTimestamp64Milli({begin_ms}) AND node_id != '{CLOCK}'"
    )
    return int(found.first_row[0])


def report(figures: Figures) -> str:
    """The figures as Markdown."""
    seconds = figures.seconds_to_rows
    p50, p95 = (percentile(seconds, part) for part in (50, 95))
    shares = sorted(figures.cpu_percent.items(), key=lambda each: -each[1])
    return "\n".join(
        [
            machine(),
            "",
            "| readings/s | sent | sent a second | windows of 10 s | p50, s | p95, s | max, s"
            " | without a row | in windows | in the raw table |",
            "|---:" * 10 + "|",
            f"| {figures.rate:,} | {figures.sent:,} | {figures.sent_a_second:,.0f}"
            f" | {figures.windows:,} | {p50:.1f} | {p95:.1f} | {max(seconds, default=0):.1f}"
            f" | {figures.windows - len(seconds):,} | {figures.in_windows:,}"
            f" | {figures.stored:,} |",
            "",
            "CPU, per cent of one core: "
            + ", ".join(f"{name} {percent:.0f}" for name, percent in shares if percent >= 1),
        ]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.readings", description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000, help="readings a second")
    parser.add_argument("--seconds", type=int, default=60, help="of windows that count")
    parser.add_argument("--write", type=Path, help="page whose marked section to renew")
    return parser.parse_args()


if __name__ == "__main__":
    main()
