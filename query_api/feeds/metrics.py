"""What Prometheus reads of the feeds."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from query_api.feeds.connection import Tally
from query_api.feeds.log import FeedLog
from query_api.feeds.switchboard import Switchboard


class FeedMetrics(Collector):
    """Counters that the feeds keep anyway, told when asked."""

    def __init__(self, tally: Tally, switchboard: Switchboard, log: FeedLog) -> None:
        self._tally = tally
        self._switchboard = switchboard
        self._log = log

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        listening = GaugeMetricFamily(
            "gpubroker_feeds_connections", "connections that are told something", labels=["feed"]
        )
        kept = GaugeMetricFamily(
            "gpubroker_feeds_kept_bytes", "what is kept for who comes back", labels=["feed"]
        )
        for kind, count in self._switchboard.counts().items():
            listening.add_metric([kind], count)
        for kind, feed in self._switchboard.feeds.items():
            kept.add_metric([kind], feed.archive.bytes)
        yield listening
        yield kept
        yield CounterMetricFamily(
            "gpubroker_feeds_writes", "writes to connections", value=self._tally.sent
        )
        yield CounterMetricFamily(
            "gpubroker_feeds_too_slow",
            "connections closed because they did not read",
            value=self._tally.too_slow,
        )
        behind_ms = self._log.behind_ms()
        if behind_ms is not None:
            yield GaugeMetricFamily(
                "gpubroker_feeds_behind_seconds",
                "age of the newest record that is told, while there are others after it",
                value=behind_ms / 1000,
            )
