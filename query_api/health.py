"""/health and /metrics: which servers can be used, and what the API counted."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from quart import Quart, Response

from query_api import json_body, times
from query_api.metrics import Metrics
from query_api.ports import Cached, Lag, Ports, Probe
from query_api.version import VERSION

PROBE_SECONDS = 1.5
"""How long a server may take to say that it is there."""
FRESH_SECONDS = 1.0
"""How long an answer about the servers is used again."""
LOOKED_UP_SECONDS = 5.0
"""How long trades, lags and utilisation are used again."""
UTILIZATION_MS = 300_000
"""How far back a cluster's newest minute may be."""
ESSENTIAL = ("kafka",)
"""Without these nothing can be ordered: the market is down, not degraded."""


def add_to(app: Quart, ports: Ports, metrics: Metrics) -> None:
    """Serve /health and /metrics."""
    started = time.monotonic()
    states = Cached(lambda: probed(ports.probes), FRESH_SECONDS, ports.clock)
    trades = Cached(ports.history.trades_count, LOOKED_UP_SECONDS, ports.clock)
    clusters = Cached(lambda: _cluster_utilization(ports), LOOKED_UP_SECONDS, ports.clock)
    lags = Cached(ports.lags or _no_lags, LOOKED_UP_SECONDS, ports.clock)

    async def show_health() -> Response:
        dependencies = await states.get()
        status = status_of(dependencies)
        body = {
            "status": status,
            "timestamp": times.told(ports.clock.now_ms()),
            "uptime_seconds": int(time.monotonic() - started),
            "version": VERSION,
            "dependencies": dependencies,
        }
        code = 503 if status == "down" else 200
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return Response(json_body.write(body), code, headers)

    async def show_metrics() -> Response:
        metrics.looked_up.trades = await _or_none(trades)
        metrics.looked_up.lags = await _or_none(lags) or ()
        metrics.looked_up.clusters = await _or_none(clusters) or {}
        return Response(metrics.text(), 200, {"Content-Type": CONTENT_TYPE_LATEST})

    app.add_url_rule("/health", "health", show_health, provide_automatic_options=False)
    app.add_url_rule("/metrics", "metrics", show_metrics, provide_automatic_options=False)


def status_of(dependencies: Mapping[str, str]) -> str:
    """Healthy, degraded, or down when something essential is away."""
    away = [name for name, state in dependencies.items() if state != "connected"]
    if any(name in ESSENTIAL for name in away):
        return "down"
    return "degraded" if away else "healthy"


async def probed(probes: Mapping[str, Probe]) -> dict[str, str]:
    """Each server's state: connected, or unreachable."""
    states = await asyncio.gather(*(_state(probe) for probe in probes.values()))
    return dict(zip(probes, states, strict=True))


async def _state(probe: Probe) -> str:
    try:
        await asyncio.wait_for(probe(), PROBE_SECONDS)
    except Exception:  # whatever a client raises, the server cannot be used
        return "unreachable"
    return "connected"


async def _or_none(cached: Cached[Any]) -> Any:
    """What is known; a metric that cannot be looked up is left out."""
    try:
        return await asyncio.wait_for(cached.get(), PROBE_SECONDS)
    except Exception:  # metrics must be told whatever is away
        return None


async def _cluster_utilization(ports: Ports) -> Mapping[str, float]:
    from_ms = ports.clock.now_ms() - UTILIZATION_MS
    return await ports.history.cluster_utilization(from_ms)


async def _no_lags() -> tuple[Lag, ...]:
    return ()
