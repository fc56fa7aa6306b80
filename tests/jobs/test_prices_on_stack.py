"""Trades that come together reach the markets of their own GPU types, each once."""

import json
import time
from pathlib import Path
from uuid import uuid4

import pytest

from schemas import contract, names
from tests.jobs.test_real_stack import Wire, until, wire

__all__ = ["wire"]
pytestmark = pytest.mark.stack

EXAMPLE = Path(contract.__file__).parent / "examples" / f"{names.ORDERS_MATCHED}.json"
TYPES = contract.topics()[names.ORDERS_MATCHED].partitions + 2
"""More than partitions can be, so that some share one, and a batch."""
TRADES = 3


def test_trades_that_come_together_are_each_counted_where_they_belong(wire: Wire) -> None:
    trade = json.loads(EXAMPLE.read_text())["record"]
    batch = uuid4().hex[:6]
    types = [f"P{batch}{number}" for number in range(TYPES)]
    for gpu_type in types:
        mine = {**trade, "gpu_type": gpu_type, "book_id": f"{gpu_type}.ondemand"}
        mine |= {"product": "ondemand", "occurred_at_ms": time.time_ns() // 1_000_000}
        trades = [{**mine, "book_seq": seq, "quantity": seq} for seq in range(1, TRADES + 1)]
        wire.send(names.ORDERS_MATCHED, mine["book_id"], *trades)

    def counted() -> dict[str, tuple[int, int]]:
        """Greatest count and volume that a price update of each type told."""
        told: dict[str, tuple[int, int]] = {}
        for update in wire.facts(names.PRICING_UPDATES, region="", product="ondemand"):
            if update["gpu_type"] in types:
                now = update["trade_count"], update["volume_gpus"]
                told[update["gpu_type"]] = max(now, told.get(update["gpu_type"], (0, 0)))
        return told

    wanted = dict.fromkeys(types, (TRADES, sum(range(1, TRADES + 1))))
    until(lambda: counted() == wanted)
    assert counted() == wanted
