"""What a record of a machine job costs inside Flink, without Kafka: shell, machine, state.

    python -m tests.bench.crossing [--commands 20000] [--batches 1,10,30] [--rounds 3]

A job of one task in a small cluster inside this process: placements for one book, half of which
trade, go in batches of so many through the keyed machine in thread mode into RocksDB state, and
what it makes is counted and dropped. The time is Flink's own of the whole job, less that of a job
with a tenth of the commands, so starting does not count. The sizes take turns.
"""

import argparse
import statistics
from collections.abc import Iterator
from random import Random

from pyflink.common import Configuration, Row, Types
from pyflink.datastream import DataStream, KeyedStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway

from jobs.crossing import Record, packed
from jobs.gather import BATCH, KEYED_BATCH, scattered
from jobs.keyed_machine import KeyedMachine
from jobs.matching import JOB
from schemas import codec as codecs
from schemas.names import BOOKS_COMMANDS
from stack import flink
from stack.program import ROOT
from tests.bench.report import machine
from tests.builders import ALICE, BOB, BOOK, ask, bid

SETTINGS = {
    "python.execution-mode": "thread",
    "python.pythonpath": f"{flink.SITE_PACKAGES}:{ROOT}",
    "parallelism.default": "1",
    "state.backend.type": "rocksdb",
    "pipeline.object-reuse": "true",
}


LANE = "0"


def batches(count: int, size: int) -> Iterator[Row]:
    """So many commands for a lane, in batches of this size."""
    records = list(commands(count))
    for start in range(0, count, size):
        yield Row(LANE, packed(records[start : start + size], numbers=3))


def commands(count: int) -> Iterator[Record]:
    """Asks and bids by turns, at prices where about every second one trades."""
    encode = codecs.offline().encoder(BOOKS_COMMANDS)
    random = Random(1)
    for number in range(count):
        place, account = ((ask, ALICE), (bid, BOB))[number % 2]
        price = 1_000_000 + 100 * random.randrange(-200, 200)
        value = encode(place(account, str(number), random.randrange(1, 9), price))
        yield BOOK.encode(), value, 1_000 + number, 0, number


def seconds(count: int, size: int) -> float:
    """Flink's time for a job of so many commands in batches of this size."""
    configuration = Configuration()
    for key, value in SETTINGS.items():
        configuration.set_string(key, value)
    environment = StreamExecutionEnvironment.get_execution_environment(configuration)
    source = environment.from_collection(list(batches(count, size)), type_info=KEYED_BATCH)
    selector = get_gateway().jvm.org.apache.flink.streaming.api.functions.python.KeyByKeySelector()
    key = Types.ROW([Types.STRING()]).get_java_type_info()
    stream = source._j_data_stream.keyBy(selector, key)
    keyed = KeyedStream(stream, BATCH, DataStream(source._j_data_stream))
    made = scattered(keyed.process(KeyedMachine(JOB, codecs.offline), output_type=BATCH))
    sinks = get_gateway().jvm.org.apache.flink.streaming.api.functions.sink.v2
    made._j_data_stream.sinkTo(sinks.DiscardingSink())
    return float(environment.execute("crossing").get_net_runtime()) / 1_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commands", type=int, default=20_000)
    parser.add_argument("--batches", default="1,10,30")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    few = options.commands // 10
    costs: dict[int, list[float]] = {int(size): [] for size in options.batches.split(",")}
    seconds(options.commands, 1)  # compiles what all of them need
    for _ in range(options.rounds):
        for size, each in costs.items():
            start, many = seconds(few, size), seconds(options.commands, size)
            each.append(1e6 * (many - start) / (options.commands - few))
    print(machine())
    for size, each in costs.items():
        told = f"{statistics.median(each):.0f} µs a record, least {min(each):.0f}"
        print(f"batches of {size}: {told}, most {max(each):.0f}")


if __name__ == "__main__":
    main()
