"""What the gate before analysts' statements costs: `python -m tests.bench.gate`, in process.

Each statement is run by turns with and without the gate, on a table of 100,000 trades.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from stack.analyst_gate import Gate
from stack.clickhouse_engine import Engine, Lane, Query

DDL = Path(__file__).parents[2] / "schemas" / "ddl.sql"
TRADES = """
    INSERT INTO orders_matched (book_id, book_seq, trade_id, gpu_type, quantity, price_micros)
    SELECT 'H100.ondemand', number, toString(number), ['H100', 'T4'][number % 2 + 1], 1, number
    FROM numbers(100000)
"""
STATEMENTS = {
    "SELECT 1": "SELECT 1",
    "group by over 100,000 trades": "SELECT gpu_type, count() AS trades, sum(quantity) AS gpus"
    " FROM trades GROUP BY gpu_type",
    "window over 100,000 trades": "SELECT max(p) FROM (SELECT avg(price_micros) OVER (PARTITION BY"
    " gpu_type ORDER BY book_seq ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS p FROM trades)",
    "one account's orders": "SELECT * FROM orders WHERE account_id = 'a' LIMIT 10",
}


def main() -> None:
    """Prints a table of medians in ms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    with TemporaryDirectory() as folder:
        engine = Engine(Path(folder))
        for statement in (*DDL.read_text().split(";\n"), TRADES):
            if statement.strip():
                engine.write.query(asked(statement))
        print("| statement | bare, ms | gated, ms | ratio |\n|---|---:|---:|---:|")
        for name, statement in STATEMENTS.items():
            bare_ms, gated_ms = measure(engine.analyst, statement, rounds)
            print(f"| {name} | {bare_ms:.1f} | {gated_ms:.1f} | {gated_ms / bare_ms:.2f} |")
        engine.close()


def measure(lane: Lane, statement: str, rounds: int) -> tuple[float, float]:
    """Medians of the statement alone and of the statement behind the gate, by turns, in ms."""
    gate, query = Gate(), asked(statement)
    gate.passed(lane, query)
    bare, gated = [], []
    for _ in range(rounds):
        bare.append(timed(lambda: lane.query(query)))
        gated.append(timed(lambda: lane.query(gate.passed(lane, query))))
    return median(bare), median(gated)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that something takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def asked(statement: str) -> Query:
    """The statement as the service would ask it."""
    return Query(statement, "TabSeparated", {}, {}, "default")


if __name__ == "__main__":
    main()
