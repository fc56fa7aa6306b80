"""What Prometheus reads, with the names of the requirements."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from query_api.ports import Lag

MEASURE_SECONDS = 1.0
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The API's own counters, and gauges of what it looks up when asked."""

    def __init__(self, folder: str | None = None) -> None:
        """Count.

        Args:
            folder: where several processes put their counts, for one of them to tell all.
        """
        self._folder = folder
        self.registry = CollectorRegistry()
        orders = Counter(
            "gpubroker_orders", "orders put into the log", ["type"], registry=self.registry
        )
        self._orders = {side: orders.labels(type=side) for side in ("bid", "ask")}
        self._latency = Histogram(
            "gpubroker_api_latency_seconds",
            "time from a request's headers to its answer",
            ["method", "path", "status"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._readings = Counter(
            "gpubroker_telemetry_readings",
            "readings of telemetry: accepted, or refused by their code",
            ["result"],
            registry=self.registry,
        )
        self._refusals = Counter(
            "gpubroker_api_refusals",
            "requests answered with 429, by the problem's code",
            ["code"],
            registry=self.registry,
        )
        self._lengths = Gauge(
            "gpubroker_api_queue_length",
            "what waits in this service: requests in flight, orders before the log, appends that"
            " it has not acknowledged, orders that the machines have not answered and the window"
            " for both, watches, commands to Redis",
            ["queue"],
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.queues: Mapping[str, Callable[[], int]] = {}
        """How long each queue is."""
        self._children: dict[tuple[str, str, int], Histogram] = {}
        self.looked_up = LookedUp()

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        self.measure()
        return self._counted() + generate_latest(_registry_of(self.looked_up))

    def _counted(self) -> bytes:
        if self._folder is None:
            return generate_latest(self.registry)
        every = CollectorRegistry()
        MultiProcessCollector(every, self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(every)

    def count_order(self, side: str) -> None:
        """Count an order that was put into the log."""
        self._orders[side].inc()

    def count_readings(self, counts: Mapping[str, int]) -> None:
        """Count readings of telemetry, by what became of them."""
        for result, count in counts.items():
            self._readings.labels(result=result).inc(count)

    def count_refusal(self, code: str) -> None:
        """Count a request that was too much."""
        self._refusals.labels(code=code).inc()

    def measure(self) -> None:
        """Look how long the queues are."""
        for name, length in self.queues.items():
            self._lengths.labels(queue=name).set(length())

    async def keep_measuring(self) -> None:
        """Look now and again, as another process may be the one that is asked."""
        while True:
            self.measure()
            await asyncio.sleep(MEASURE_SECONDS)

    def observe(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count an answered request; the path is its template."""
        key = (method, path, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._latency.labels(method, path, str(status))
        child.observe(seconds)


class LookedUp(Collector):
    """What other servers know: trades, how far readers are behind, how busy clusters are."""

    def __init__(self) -> None:
        self.trades: int | None = None
        self.lags: Sequence[Lag] = ()
        self.clusters: Mapping[str, float] = {}

    def collect(self) -> Iterator[Metric]:
        if self.trades is not None:
            yield CounterMetricFamily(
                "gpubroker_trades_executed", "trades in the history", value=self.trades
            )
        lag = GaugeMetricFamily(
            "gpubroker_kafka_lag",
            "records that a group has not read yet",
            labels=["topic", "partition", "group"],
        )
        for each in self.lags:
            lag.add_metric([each.topic, str(each.partition), each.group], each.records)
        yield lag
        utilization = GaugeMetricFamily(
            "gpubroker_gpu_utilization",
            "mean of what a cluster's GPUs measured in its newest minute, 0 to 1; one that has"
            " told nothing for five minutes is left out",
            labels=["cluster_id"],
        )
        for cluster_id, mean in self.clusters.items():
            utilization.add_metric([cluster_id], mean)
        yield utilization


def _registry_of(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry
