"""Looking: thin functions that observe one thing each, bounded in time, and judge nothing."""

import re
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

import stack
from cli.doctor import stuck
from cli.doctor.judgement import IS_UP
from cli.doctor.observations import (
    Job,
    Lag,
    Letter,
    Letters,
    Observations,
    Resources,
    Server,
    Service,
    Snapshots,
    Unseen,
)
from cli.log import connect, located, places_of
from schemas import contract, names
from schemas.settings import Settings, variable
from stack import survey

PATIENCE_SECONDS: Final = 8.0
"""On a machine that is busy, which is when people ask, an answer may take seconds."""
LETTERS_READ: Final = 500
GONE_JOBS: Final = frozenset({"FINISHED", "CANCELED", "CANCELLING"})

Look = Callable[[], Any]
Place = tuple[str, int]
"""Topic and partition."""


def observe(settings: Settings) -> Observations:
    """Everything that can be seen from here, now; what fails to be looked at is told so."""
    market = overall(settings)
    is_up = market in IS_UP
    addressed = located(settings) if is_up else settings
    seen, unseen = _looked(_here(addressed, market))
    if is_up:
        found, blind = _looked({"services": lambda: services(addressed)})
        answering = {each.name for each in found.get("services", ()) if each.error is None}
        more, blinder = _looked(_there(addressed, answering))
        seen, unseen = seen | found | more, [*unseen, *blind, *blinder]
    return Observations(
        now_ms=time.time_ns() // 1_000_000,
        market=market,
        checkpoint_interval_ms=addressed.number("CHECKPOINT_INTERVAL_MS"),
        unseen=tuple(unseen),
        **seen,
    )


def overall(settings: Settings) -> str:
    """The state of the local stack, or `remote` if the settings name servers elsewhere."""
    told = survey.overall(settings)
    elsewhere = variable("KAFKA_BOOTSTRAP") in settings.values
    return "remote" if told == "never started" and elsewhere else told


def _here(settings: Settings, market: str) -> dict[str, Look]:
    """What can be looked at whether the market runs or not."""
    room = {"resources": lambda: resources(settings)}
    if market == "remote":
        return room
    return room | {
        "servers": lambda: servers(settings),
        "ports": lambda: survey.taken_ports(settings),
        "births_moved_seconds": lambda: survey.births_moved_seconds(settings),
    }


def _there(settings: Settings, answering: set[str]) -> dict[str, Look]:
    """What can be asked of the servers that answer."""
    looks: dict[str, Look] = {}
    if "flink-jobmanager" in answering:
        looks["jobs"] = lambda: jobs(settings)
    if "kafka" in answering:
        looks |= {
            "lags": lambda: lags(settings),
            "newest_append_at_ms": lambda: newest_append_at_ms(settings),
        }
    if "market-data" in answering:
        looks["snapshots"] = lambda: snapshots(settings)
    if {"kafka", "registry"} <= answering:
        looks["letters"] = lambda: letters(settings)
        looks["stuck"] = lambda: stuck.find(settings)
    return looks


def _looked(looks: Mapping[str, Look]) -> tuple[dict[str, Any], list[Unseen]]:
    """What each look saw, all at the same time; and those that failed, with the reason."""
    seen: dict[str, Any] = {}
    unseen = []
    with ThreadPoolExecutor(max(len(looks), 1)) as threads:
        started = {name: threads.submit(look) for name, look in looks.items()}
    for name, look in started.items():
        if error := look.exception():
            unseen.append(Unseen(name.replace("_", " "), f"{type(error).__name__}: {error}"))
        else:
            seen[name] = look.result()
    return seen, unseen


# On this machine


def servers(settings: Settings) -> list[Server]:
    """The programs of the local stack."""
    return [Server(row.name, row.state, row.message) for row in stack.status(settings)]


def resources(settings: Settings) -> Resources:
    """Free disk where the state is, and memory."""
    home = settings.path("HOME")
    folder = next(each for each in (home, *home.parents) if each.exists())
    return Resources(str(home), shutil.disk_usage(folder).free, psutil.virtual_memory().available)


# Servers


def services(settings: Settings) -> list[Service]:
    """Whether each server answers at its address."""
    asked: dict[str, tuple[str, Callable[[str], object]]] = {
        "kafka": ("KAFKA_BOOTSTRAP", _ping_kafka),
        "registry": ("REGISTRY_URL", lambda url: _get(f"{url}/subjects")),
        "flink-jobmanager": ("FLINK_URL", lambda url: _get(f"{url}/overview")),
        "clickhouse": ("CLICKHOUSE_URL", lambda url: _get(f"{url}/ping")),
        "redis": ("REDIS_URL", _ping_redis),
        "postgres": ("POSTGRES_DSN", _ping_postgres),
        "market-data": ("MARKET_DATA_URL", lambda url: _get(f"{url}/health")),
        "api": ("API_URL", lambda url: _get(f"{url}/health")),
        "feeds": ("FEEDS_URL", lambda url: _get(f"{url.replace('ws', 'http', 1)}/health")),
    }
    with ThreadPoolExecutor(len(asked)) as threads:
        started = [
            threads.submit(_service, settings, name, setting, ping)
            for name, (setting, ping) in asked.items()
        ]
    return [each.result() for each in started]


def _service(settings: Settings, name: str, setting: str, ping: Callable[[str], object]) -> Service:
    where = variable(setting)
    try:
        address = settings.text(setting)
        where = without_password(address)
        ping(address)
    except Exception as error:  # whatever a client raises, the server cannot be used
        return Service(name, where, f"{type(error).__name__}: {error}"[:300])
    return Service(name, where)


def without_password(address: str) -> str:
    """An address as it may be shown."""
    return re.sub(r"(?<=://)[^/@]*@", "", address)


def _get(url: str) -> httpx.Response:
    answer = httpx.get(url, timeout=PATIENCE_SECONDS)
    if not answer.is_success:
        raise ConnectionError(f"{answer.status_code} {answer.text[:200]}")
    return answer


def _ping_kafka(bootstrap: str) -> None:
    AdminClient(_client(bootstrap)).list_topics(timeout=PATIENCE_SECONDS)


def _ping_redis(url: str) -> None:
    from redis import Redis  # only this command needs it, and it takes long to import

    with Redis.from_url(url, socket_timeout=PATIENCE_SECONDS) as client:
        client.ping()


def _ping_postgres(dsn: str) -> None:
    """Whether it accepts connections; its protocol is the API's business."""
    parts = urlsplit(dsn)
    folder = parse_qs(parts.query).get("host", [""])[0]
    port = parts.port or 5432
    if folder.startswith("/"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect(f"{folder}/.s.PGSQL.{port}")
    else:
        socket.create_connection((parts.hostname or folder, port), PATIENCE_SECONDS).close()


# Kafka


def lags(settings: Settings) -> list[Lag]:
    """Every partition in which a consumer group has records to read."""
    admin = _admin(settings)
    groups = admin.list_consumer_groups(request_timeout=PATIENCE_SECONDS).result().valid
    committed = {
        (group.group_id, (place.topic, place.partition)): place.offset
        for group in groups
        for place in _committed(admin, group.group_id)
    }
    places = {place for _, place in committed}
    ends = _offsets(admin, places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    begins = _offsets(admin, places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
    behind = {
        (group, place): offset
        for (group, place), offset in committed.items()
        if offset < ends[place].offset
    }
    starts = {(p, max(o, begins[p].offset)) for (_, p), o in behind.items()}
    times = _append_times_ms(settings, starts)
    return [
        Lag(
            *(group, *place, ends[place].offset - offset),
            oldest_at_ms=times.get((place, max(offset, begins[place].offset))),
            aged_out=max(0, begins[place].offset - offset),
        )
        for (group, place), offset in sorted(behind.items())
    ]


def newest_append_at_ms(settings: Settings) -> int | None:
    """The latest append time in the logs of commands, None while they are empty."""
    logs = [topic.name for topic in contract.topics().values() if topic.log_append_time]
    admin = _admin(settings)
    newest = _offsets(admin, set(places_of(admin, logs)), OffsetSpec.max_timestamp())  # type: ignore[no-untyped-call]
    return max((each.timestamp for each in newest.values() if each.timestamp > 0), default=None)


def snapshots(settings: Settings) -> Snapshots:
    """When the newest snapshot of each book was written, as the service that writes them knows."""
    told = _get(f"{settings.text('MARKET_DATA_URL')}/snapshots").json()["snapshots"]
    return Snapshots({each["book_id"]: each["written_at_ms"] for each in told})


def letters(settings: Settings) -> Letters:
    """How many dead letters there are, and the newest of them."""
    topic = names.DEAD_LETTERS
    with connect(settings) as log:
        ends = log.ends([topic])
        since = {place: max(0, end - LETTERS_READ) for place, end in ends.items()}
        newest = [entry.record for entry in log.read([topic], since=since)]
    shown = [
        Letter(
            reader=each["reader"],
            topic=each["topic"],
            partition=each["partition"],
            offset=each["offset"],
            reason=each["reason"],
            at_ms=each["occurred_at_ms"],
        )
        for each in newest
    ]
    aged_out = 0 if len(shown) == LETTERS_READ else sum(ends.values()) - len(shown)
    return Letters(sum(ends.values()) - aged_out, shown)


def _append_times_ms(settings: Settings, starts: set[tuple[Place, int]]) -> dict[Any, int]:
    """When each of these records was appended, as far as they can be read in time."""
    consumer = Consumer(
        _client(settings.text("KAFKA_BOOTSTRAP"))
        | {"group.id": "gpubroker-doctor", "enable.auto.commit": False}
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    times = {}
    try:
        for place, offset in starts:
            consumer.assign([TopicPartition(*place, offset)])
            message = consumer.poll(max(0.1, deadline - time.monotonic()))
            if message is not None and not message.error():
                times[place, offset] = message.timestamp()[1]
    finally:
        consumer.close()
    return times


def _committed(admin: AdminClient, group: str) -> list[TopicPartition]:
    asked = [ConsumerGroupTopicPartitions(group)]
    told = admin.list_consumer_group_offsets(asked, request_timeout=PATIENCE_SECONDS)
    places = told[group].result().topic_partitions
    return [each for each in places if each.topic in contract.topics() and each.offset >= 0]


def _offsets(admin: AdminClient, places: set[Place], spec: OffsetSpec) -> dict[Place, Any]:
    if not places:
        return {}
    asked = {TopicPartition(*place): spec for place in places}
    told = admin.list_offsets(asked, request_timeout=PATIENCE_SECONDS)
    return {(each.topic, each.partition): found.result() for each, found in told.items()}


def _admin(settings: Settings) -> AdminClient:
    return AdminClient(_client(settings.text("KAFKA_BOOTSTRAP")))


def _client(bootstrap: str) -> dict[str, Any]:
    return {"bootstrap.servers": bootstrap, "client.id": "gpubroker-doctor", "log_level": 0}


# Flink


def jobs(settings: Settings, transport: httpx.BaseTransport | None = None) -> list[Job]:
    """The newest job of each name, with its last failure and checkpoint."""
    url = settings.text("FLINK_URL")
    with httpx.Client(base_url=url, timeout=PATIENCE_SECONDS, transport=transport) as flink:
        listed = _ask(flink, "/jobs/overview")["jobs"]
        newest = {job["name"]: job for job in sorted(listed, key=lambda job: job["start-time"])}
        return [_job(flink, job) for job in newest.values()]


def _job(flink: httpx.Client, job: dict[str, Any]) -> Job:
    if job["state"] in GONE_JOBS:
        return Job(job["name"], job["state"], job["start-time"])
    path = f"/jobs/{job['jid']}"
    failures = _ask(flink, f"{path}/exceptions")["exceptionHistory"]["entries"]
    restarts = _ask(flink, f"{path}/metrics?get=numRestarts")
    latest = _ask(flink, f"{path}/checkpoints")["latest"]
    completed, failed = latest["completed"] or {}, latest["failed"] or {}
    is_news = failed.get("failure_timestamp", 0) > completed.get("latest_ack_timestamp", 0)
    return Job(
        name=job["name"],
        state=job["state"],
        started_at_ms=job["start-time"],
        restarts=int(restarts[0]["value"]) if restarts else 0,
        failure=failures[0]["stacktrace"] if failures else None,
        failed_at_ms=failures[0]["timestamp"] if failures else None,
        checkpoint_at_ms=completed.get("latest_ack_timestamp"),
        checkpoint_failure=failed.get("failure_message") if is_news else None,
    )


def _ask(flink: httpx.Client, path: str) -> Any:
    answer = flink.get(path)
    answer.raise_for_status()
    return answer.json()
