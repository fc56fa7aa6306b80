"""Readings of nodes that are not there, for benches: each GPU one in each slot of 5 s."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from udfs.telemetry import SLOT_MS

GPUS = 8
"""Of a node."""
CLUSTER_NODES, PROVIDER_NODES = 50, 200
REGIONS = ("us-west-2", "us-east-1")
TYPES = ("H100", "A10", "A100")


@dataclass(frozen=True, slots=True)
class Fleet:
    """So many nodes of eight GPUs."""

    nodes: int

    def readings(self, first_ms: int, count: int) -> Iterator[dict[str, Any]]:
        """So many readings in the order of time, from this moment on; the same ones every time."""
        chance = random.Random(5)
        gpus = self.nodes * GPUS
        for number in range(count):
            slot, gpu = divmod(number, gpus)
            node, index = divmod(gpu, GPUS)
            yield {
                "node_id": node_id(node),
                "cluster_id": f"6b1f3c52-8f0e-4c57-9a3f-{node // CLUSTER_NODES:012d}",
                "provider_id": f"6b1f3c52-8f0e-4c57-9a40-{node // PROVIDER_NODES:012d}",
                "region": REGIONS[node % len(REGIONS)],
                "gpu_type": TYPES[node % len(TYPES)],
                "gpu_index": index,
                "timestamp": first_ms + slot * SLOT_MS + gpu * SLOT_MS // gpus,
                "gpu_utilization": round(chance.random(), 2),
                "memory_utilization": round(chance.random(), 2),
                "temperature": float(chance.randrange(30, 90)),
                "power_draw": float(chance.randrange(60, 700)),
                "status": "healthy",
            }


def node_id(number: int) -> str:
    """The id of a node by its number."""
    return f"6b1f3c52-8f0e-4c57-9a3e-{number:012d}"
