"""Where real servers are chosen: the only place that knows which adapter stands behind a port."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from quart import Quart

from query_api.adapters import (
    clickhouse,
    clickhouse_kpis,
    feed_log,
    flink,
    kafka,
    market_data,
    postgres,
    redis,
    telemetry_log,
)
from query_api.adapters.clock import SystemClock
from query_api.adapters.feed_log import KafkaFeedLog
from query_api.adapters.kafka import KafkaLog
from query_api.adapters.watches import Watches
from query_api.app import create_app
from query_api.direct import DirectRoute
from query_api.feeds.connection import FeedLimits
from query_api.feeds.feed import Keep
from query_api.feeds.log import decoders
from query_api.feeds.service import FeedService
from query_api.limits import Limits
from query_api.metrics import Metrics
from query_api.ports import Ports, Unavailable
from query_api.slots import SharedSlots
from schemas import registry
from schemas.settings import Settings, from_environment, process_environment

FRONTEND_PORT = 28100
"""Where a page under development is served."""
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client learns where several processes put their counts."""


@asynccontextmanager
async def open_ports(settings: Settings) -> AsyncIterator[Ports]:
    """The ports on the servers that the settings name.

    Raises:
        Unavailable: the log cannot be followed, so nothing could be answered.
        LookupError: the schemas are not registered.
    """
    clock = SystemClock()
    watches, placements = Watches(clock), Watches(clock)
    async with AsyncExitStack() as opened:
        enter = opened.enter_async_context
        codec = opened.enter_context(closing(registry.connect(settings))).codec()
        log = await enter(kafka.open_log(settings, codec))
        telemetry = await enter(telemetry_log.open_telemetry(settings, codec))
        admin = kafka.open_admin(settings)
        await enter(kafka.open_follower(settings, admin, codec, watches, kafka.OUTCOMES))
        await enter(kafka.open_follower(settings, admin, codec, placements, kafka.PLACEMENTS))
        store = postgres.Postgres(await enter(postgres.connect(settings.text("POSTGRES_DSN"))))
        live = redis.RedisViews(await enter(redis.connect(settings.text("REDIS_URL"))))
        opened.push_async_callback(live.pipe.aclose)
        history = clickhouse.ClickHouse(await enter(_clickhouse(settings)))
        market = market_data.MarketDataService(
            await enter(market_data.connect(settings.text("MARKET_DATA_URL")))
        )
        schemas_client = await enter(httpx.AsyncClient(base_url=settings.text("REGISTRY_URL")))
        yield Ports(
            clock=clock,
            log=log,
            telemetry=telemetry,
            facts=watches,
            live=live,
            history=history,
            kpis=clickhouse_kpis.ClickHouseKpis(history.rows),
            market_data=market,
            keys=store,
            registrations=store,
            quotas=live,
            slots=SharedSlots(live),
            samples=placements,
            limits=Limits.of(settings),
            feeds_url=settings.text("FEEDS_URL"),
            fee_basis_points=settings.basis_points("PLATFORM_FEE_BPS"),
            probes={
                "postgres": store.ping,
                "redis": live.ping,
                "kafka": lambda: kafka.ping(admin),
                "clickhouse": history.ping,
                "market_data": market.ping,
                "registry": lambda: _ping(schemas_client),
            },
            lags=lambda: kafka.lags(admin),
            queues={
                "watches": watches.__len__,
                "redis": live.pipe.__len__,
                "telemetry": telemetry.__len__,
            },
        )


@asynccontextmanager
async def open_log(settings: Settings, **more: Any) -> AsyncIterator[KafkaLog]:
    """The logs alone, for the relay and for migrations."""
    with closing(registry.connect(settings)) as schemas:
        async with kafka.open_log(settings, schemas.codec(), **more) as log:
            yield log


Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


@asynccontextmanager
async def open_feeds(settings: Settings) -> AsyncIterator[tuple[FeedService, KafkaFeedLog]]:
    """The feeds on the servers that the settings name, and the log that they follow.

    Raises:
        Unavailable: the log cannot be followed, or the catalogue cannot be read.
        LookupError: the schemas are not registered.
    """
    async with AsyncExitStack() as opened:
        enter = opened.enter_async_context
        ports = await enter(open_ports(settings))
        codec = opened.enter_context(closing(registry.connect(settings))).codec()
        admin = kafka.open_admin(settings)
        log = await enter(feed_log.open_feed_log(settings, admin, codec))
        jobs = flink.FlinkJobs(await enter(flink.connect(settings.text("FLINK_URL"))))
        service = FeedService(
            ports,
            log,
            jobs,
            decoders(codec, (*feed_log.FACTS, *feed_log.READINGS)),
            limits=FeedLimits(
                queue_bytes=settings.positive("FEEDS_QUEUE_BYTES"),
                connections=settings.positive("FEEDS_MAX_CONNECTIONS"),
            ),
            keep=Keep(seconds=settings.positive("FEEDS_KEEP_SECONDS")),
            origins=allowed_origins(settings),
        )
        await service.start()
        try:
            yield service, log
        finally:
            await service.stop()


def allowed_origins(settings: Settings) -> frozenset[str]:
    """The origins whose pages may listen: those of the settings, or the API's own on loopback."""
    named = settings.text("FEEDS_ORIGINS")
    if named:
        return frozenset(each.strip().rstrip("/") for each in named.split(",") if each.strip())
    port = urlsplit(settings.text("API_URL")).port
    hosts = ("127.0.0.1", "localhost")
    pages = (f"http://{host}:{number}" for host in hosts for number in (port, FRONTEND_PORT))
    return frozenset((settings.text("API_URL").rstrip("/"), *pages))


class Service:
    """The application as a server starts it: ports are opened before the first request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened = AsyncExitStack()
        self._app: Quart | None = None

    def refusal(self, method: bytes, target: bytes) -> bytes | None:
        """The whole response to a request that is refused unread, None if it is served."""
        return cast(DirectRoute, self._app.asgi_app).refusal(method, target) if self._app else None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            assert self._app is not None
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            ports = await self._opened.enter_async_context(open_ports(self._settings))
        except (Unavailable, LookupError) as error:
            await send({"type": "lifespan.startup.failed", "message": f"cannot start: {error}"})
            return
        metrics = Metrics(process_environment().get(METRICS_FOLDER))
        origins = self._settings.words("AGENTS_ORIGINS")
        self._app = create_app(ports, metrics, origins)
        watching = (metrics.keep_measuring(), ports.backlog.keep_time(ports.clock.sleep))
        tasks = [asyncio.create_task(each) for each in watching]
        with suppress(Unavailable):  # known from now on, should PostgreSQL go away
            await ports.catalogue.get()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await self._opened.aclose()
        await send({"type": "lifespan.shutdown.complete"})


def service() -> Service:
    """The service that the environment describes."""
    return Service(from_environment())


def _clickhouse(settings: Settings) -> httpx.AsyncClient:
    return clickhouse.connect(
        settings.text("CLICKHOUSE_URL"),
        settings.text("CLICKHOUSE_USER"),
        settings.text("CLICKHOUSE_PASSWORD"),
    )


async def _ping(client: httpx.AsyncClient) -> None:
    (await client.get("/subjects")).raise_for_status()
