"""What this machine measures of itself: processors, memory, disk, network."""

import time
from typing import Any

import psutil

from cli.client import Json


class Host:
    """The machine; rates are those since the last look."""

    def __init__(self, disk: str = "/") -> None:
        """Look at this file system."""
        self._disk = disk
        psutil.cpu_percent()  # the first answer counts from here on
        self._seen = self._network()

    def read(self, now_ms: int) -> Json:
        """A reading."""
        before, self._seen = self._seen, self._network()
        received, sent = (
            (now - then) / max(self._seen[0] - before[0], 0.001)
            for now, then in zip(self._seen[1:], before[1:], strict=True)
        )
        return {
            "timestamp": now_ms,
            "cpu_utilization": psutil.cpu_percent() / 100,
            "memory_utilization": psutil.virtual_memory().percent / 100,
            "disk_utilization": psutil.disk_usage(self._disk).percent / 100,
            "network_receive_rate": round(max(received, 0.0), 1),
            "network_send_rate": round(max(sent, 0.0), 1),
        }

    def _network(self) -> tuple[float, Any, Any]:
        """The time, and bytes received and sent until then."""
        counted = psutil.net_io_counters()
        return time.monotonic(), counted.bytes_recv, counted.bytes_sent
