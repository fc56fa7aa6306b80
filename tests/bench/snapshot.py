"""What a snapshot costs in process, and how long it keeps the follower from its next record.

    python -m tests.bench.snapshot --orders 1000000

A thread applies commands to a book of so many orders under the follower's lock, as the tail does,
while the snapshot is copied, cut and encoded; then it is joined, checked and loaded.
"""

import argparse
import resource
import threading
import time
from typing import Any

from jobs.follower import Follower, Partition
from jobs.snapshots import Writer
from schemas import codec
from schemas.names import BOOKS_COMMANDS, BOOKS_SNAPSHOTS
from tests.bench.book import BACKGROUND, Bench, filled
from tests.builders import BOOK, amend
from tests.jobs.log_builders import ENCODE, Message
from udfs import snapshot

CODEC = codec.offline()
PAUSE_SECONDS = 0.002


class Sink:
    """A producer that keeps the bytes."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def produce(self, topic: str, value: bytes, *_: Any, **__: Any) -> None:
        self.values.append(value)

    def flush(self, _: float) -> int:
        return 0


class Load(threading.Thread):
    """Applies a command every few milliseconds and notes how long each one took to get through."""

    def __init__(self, bench: Bench, follower: Follower) -> None:
        super().__init__()
        self._bench = bench
        self._follower = follower
        self.ended = threading.Event()
        self.waits_ms: list[float] = []

    def run(self) -> None:
        offset = 0
        while not self.ended.wait(PAUSE_SECONDS):
            index = self._bench.any_background()
            record = ENCODE(amend(BACKGROUND, f"b{index}", quantity=7 + offset % 2))
            began = time.perf_counter()
            with self._follower.lock:
                self._follower.apply(Message(record, offset, BOOK))  # type: ignore[arg-type]
            self.waits_ms.append((time.perf_counter() - began) * 1000)
            offset += 1


def loaded(bench: Bench, seconds: float) -> tuple[Load, Follower]:
    follower = Follower(CODEC.decoder(BOOKS_COMMANDS))
    follower.partitions[1] = Partition(1, books={BOOK: bench.book})
    load = Load(bench, follower)
    load.start()
    time.sleep(seconds)
    return load, follower


def told(name: str, waits_ms: list[float]) -> str:
    ordered = sorted(waits_ms)
    p99, most = ordered[int(len(ordered) * 0.99)], ordered[-1]
    return f"{name}: {len(ordered):,} commands, p99 {p99:.1f} ms, longest {most:.1f} ms"


class Span:
    """How long something took, by the wall clock and of the processor."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def __str__(self) -> str:
        wall, cpu = time.monotonic() - self._wall, time.process_time() - self._cpu
        return f"{wall:.1f} s ({cpu:.1f} s of CPU)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.snapshot")
    parser.add_argument("--orders", type=int, default=50_000)
    bench = filled(parser.parse_args().orders, seed=1)
    before_mb = memory_mb()
    load, follower = loaded(bench, 3)
    print(told("without a snapshot", load.waits_ms), flush=True)
    values = taken(load, follower)
    print(f"memory {before_mb:.0f} to {memory_mb():.0f} MB")
    span = Span()
    found = snapshot.newest(map(CODEC.decoder(BOOKS_SNAPSHOTS), values)).newest[BOOK]
    print(f"joined and checked in {span}")
    span = Span()
    book = found.book()
    print(f"loaded in {span}")
    span = Span()
    assert book.state_hash() == found.head.hash
    print(f"hash of the book in one go in {span}")


def taken(load: Load, follower: Follower) -> list[bytes]:
    """The records of a snapshot that is taken under load."""
    load.waits_ms = []
    sink = Sink()
    writer = Writer(follower, lambda: True, sink, CODEC, lambda: None)  # type: ignore[arg-type]
    writer.ask([BOOK])
    span = Span()
    writer._write_wanted()
    print(f"taken in {span}, commands included")
    load.ended.set()
    load.join()
    print(told("while it is taken", load.waits_ms))
    size_mb, longest = sum(map(len, sink.values)) / 1e6, max(map(len, sink.values))
    print(f"{len(sink.values)} parts, {size_mb:.0f} MB, the longest {longest:,} bytes")
    return sink.values


def memory_mb() -> float:
    """The most that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
