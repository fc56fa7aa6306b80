"""The jobs, the projection and the follower on the real servers."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
import redis
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

import stack
from cli.errors import Unreachable
from cli.log import places_of
from jobs import contract as servers
from jobs import kafka, rows
from jobs.cluster import Cluster
from query_api.adapters.kafka import ends_of
from schemas import contract, names, registry, views
from schemas.settings import Settings
from stack.flink import client_environment
from stack.program import python_environment
from tests.builders import ALICE, ask, bid, command, named, tick
from tests.jobs.test_views import redis_rows, scenario
from udfs.replay import replay_book

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
DEADLINE_SECONDS = 40.0
JOBS = 5
"""How many Flink runs; to import `jobs.deployment` warns of what PyFlink itself uses."""
T = TypeVar("T")
Found = dict[str, Any]
BOOKS = (f"PAIR{number}.reserved" for number in itertools.count(1))
"""Of types that no catalogue has, so of nobody else; machines do not ask what a type is."""


def until(look: Callable[[], T], seconds: float = DEADLINE_SECONDS) -> T:
    """The first answer that is not empty; the last one, when time is over."""
    deadline = time.monotonic() + seconds
    while not (answer := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


class Wire:
    """The topics of a running market, to write to and to read from."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.registry = registry.connect(settings)
        self.codec = self.registry.codec()
        self.producer: Producer = kafka.producer(settings)
        self.reader: Consumer = kafka.consumer(settings, f"test-{uuid4()}")
        self.clickhouse = servers.clickhouse(settings)
        self.redis = redis.Redis.from_url(settings.text("REDIS_URL"), decode_responses=True)
        self.cluster = Cluster(settings.text("FLINK_URL"))
        self._found: defaultdict[str, list[tuple[Any, Found | None]]] = defaultdict(list)
        self._nexts: defaultdict[str, Counter[int]] = defaultdict(Counter)
        """The offset after the last that was read, by topic and partition."""

    def send(self, topic: str, key: str | None, *records: Found | bytes | None) -> list[Any]:
        """Append; answers the messages as the broker took them."""
        taken: list[Any] = []
        encode = self.codec.encoder(topic)
        for record in records:
            value = encode(record) if isinstance(record, dict) else record
            self.producer.produce(topic, value, key, on_delivery=lambda _, m: taken.append(m))
        self.producer.flush()
        return taken

    def read(self, topic: str) -> list[tuple[Any, Found | None]]:
        """All records of a topic, with what they say; None for what cannot be read.

        Each is read once, so that a look again costs what came meanwhile.
        """
        decode, found, nexts = self.codec.decoder(topic), self._found[topic], self._nexts[topic]
        watermarks = kafka.watermarks(self.reader, topic)
        ends = {p: end for p, (_, end) in watermarks.items() if end > nexts[p]}
        self.reader.assign([TopicPartition(topic, p, nexts[p]) for p in ends])
        while any(nexts[p] < end for p, end in ends.items()):
            message = self.reader.poll(1.0)
            if message is None or message.error():
                continue
            nexts[message.partition()] = message.offset() + 1
            try:
                found.append((message, decode(message.value())))
            except Exception:
                found.append((message, None))
        self.reader.unassign()
        return list(found)

    def facts(self, log: str, /, **fields: Any) -> list[Found]:
        """Records of a topic that hold these fields."""
        said = [record for _, record in self.read(log) if record]
        return [r for r in said if all(r.get(name) == value for name, value in fields.items())]

    def until_facts(self, log: str, /, **fields: Any) -> list[Found]:
        """As `facts`, once there is one."""
        return until(lambda: self.facts(log, **fields))

    def restarts(self) -> dict[str, int]:
        """How often Flink restarted each job, all of which it has."""
        counts = {}
        for job in self.cluster.jobs():
            url = f"{self.cluster.url}/jobs/{job.job_id}/metrics?get=numRestarts"
            counts[job.title] = sum(int(row["value"]) for row in httpx.get(url).json())
        assert len(counts) == JOBS
        return counts

    def until_rows(self, sql: str, count: int = 1) -> list[tuple[Any, ...]]:
        """Rows of a query, once there are so many."""

        def look() -> list[tuple[Any, ...]]:
            found = list(self.clickhouse.query(sql).result_rows)
            return found if len(found) >= count else []

        return until(look)


class Pair:
    """A verified seller with eight GPUs, a buyer, and a book that only they use."""

    def __init__(self, wire: Wire) -> None:
        self.wire, self.seller, self.buyer = wire, str(uuid4()), str(uuid4())
        self.book = next(BOOKS)
        rights = {"provider": True, "verified": True}
        gpus = {"gpu_type": self.book.split(".")[0], "region": "us-east-1", "gpu_count": 8}
        node = {"node_id": str(uuid4()), **gpus}
        self.account(self.seller, command("set_account", rights), command("register_node", node))
        self.account(self.buyer, command("set_account", {}))

    def account(self, account_id: str, *commands: Found) -> None:
        stamped = [{**each, "account_id": account_id} for each in commands]
        self.wire.send(names.ACCOUNTS_COMMANDS, account_id, *stamped)

    def asks(self, key: str, quantity: int, price_micros: int, **fields: Any) -> str:
        order = ask(self.seller, key, quantity, price_micros, book_id=self.book, **fields)
        self.account(self.seller, order)
        return named(self.seller, key)

    def bids(self, key: str, quantity: int, price_micros: int, **fields: Any) -> str:
        order = bid(self.buyer, key, quantity, price_micros, book_id=self.book, **fields)
        self.account(self.buyer, order)
        return named(self.buyer, key)


@pytest.fixture(scope="module")
def wire(market: Settings) -> Iterator[Wire]:
    wire = Wire(market)
    yield wire
    wire.reader.close()
    wire.registry.close()
    wire.clickhouse.close()
    wire.redis.close()
    wire.cluster.close()


@pytest.fixture
def pair(wire: Wire) -> Pair:
    return Pair(wire)


def test_an_order_goes_in_and_a_trade_comes_out_in_every_view(wire: Wire, pair: Pair) -> None:
    ask_id = pair.asks("a", 4, 2_000_000)
    bid_id = pair.bids("b", 3, 2_500_000)
    (trade,) = wire.until_facts("orders.matched", bid_order_id=bid_id)
    assert (trade["ask_order_id"], trade["quantity"], trade["price_micros"]) == (
        ask_id,
        3,
        2_250_000,
    )
    sql = f"SELECT quantity, price_micros FROM trades WHERE bid_order_id = '{bid_id}'"
    assert wire.until_rows(sql) == [(3, 2_250_000)]
    sql = "SELECT status, remaining FROM orders WHERE order_id = '{}'"
    assert wire.until_rows(sql.format(bid_id)) == [("filled", 0)]
    assert wire.until_rows(sql.format(ask_id)) == [("partial", 1)]
    order = until(lambda: views.read_order(wire.redis.hgetall(views.order_key(ask_id))))
    assert order
    assert (order["status"], order["filled_quantity"]) == ("partial", 3)
    sql = f"SELECT held, allocated FROM nodes WHERE account_id = '{pair.seller}' AND allocated > 0"
    assert wire.until_rows(sql) == [(1, 3)]
    url = f"{wire.settings.text('MARKET_DATA_URL')}/books/{pair.book}/depth"
    levels = until(lambda: httpx.get(url).json()["asks"])
    assert levels[0] == {"price_micros": 2_000_000, "quantity": 1, "orders": 1}


@pytest.mark.parametrize(
    ("topic", "reader"),
    [(names.ACCOUNTS_COMMANDS, "admission"), (names.BOOKS_COMMANDS, "matching")],
)
def test_poison_becomes_dead_letters_and_the_job_is_unharmed(
    wire: Wire, pair: Pair, topic: str, reader: str
) -> None:
    before = wire.restarts()
    key = pair.buyer if reader == "admission" else pair.book
    poison = wire.send(
        topic, key, b"junk", None, b"\0\0\x0f\xff\xff1", command("no_such_kind"), bytes(900_000)
    )
    poison += wire.send(topic, None, command("tick"))

    def letters() -> list[Found]:
        places = {(message.partition(), message.offset()) for message in poison}
        told = wire.facts(names.DEAD_LETTERS, topic=topic, reader=reader)
        return [each for each in told if (each["partition"], each["offset"]) in places]

    until(lambda: len(letters()) >= len(poison))
    by_place = {(letter["partition"], letter["offset"]): letter for letter in letters()}
    assert len(by_place) == len(poison)
    for message in poison:
        letter = by_place[message.partition(), message.offset()]
        assert letter["reason"]
        assert letter["value"] == (message.value() and message.value()[:524_288])
        assert letter["occurred_at_ms"] == message.timestamp()[1]
    pair.asks("a", 1, 2_000_000)
    assert wire.until_facts("orders.matched", bid_order_id=pair.bids("b", 1, 2_000_000))
    assert wire.restarts() == before


@pytest.mark.parametrize("name", ["admission", "matching", "node_health", "spot pricing"])
def test_a_job_of_one_subtask_a_step_runs_in_one_thread(wire: Wire, name: str) -> None:
    url = wire.settings.text("FLINK_URL")
    (job,) = (each for each in wire.cluster.jobs() if each.title.startswith(name))
    steps = httpx.get(f"{url}/jobs/{job.job_id}").json()["vertices"]
    assert [(step["parallelism"], "Source: " in step["name"]) for step in steps] == [(1, True)]


def test_b5_repeated_commands_have_no_second_effect(wire: Wire, pair: Pair) -> None:
    order = bid(pair.buyer, "again", 2, 1_000_000, book_id=pair.book)
    for _ in range(3):
        pair.account(pair.buyer, order)
    order_id = named(pair.buyer, "again")
    wire.until_facts("orders.created", order_id=order_id)
    (handed_on,) = wire.facts(names.BOOKS_COMMANDS, source=pair.buyer)
    wire.send(names.BOOKS_COMMANDS, pair.book, handed_on, handed_on)
    marker = pair.bids("marker", 1, 1_000_000)
    wire.until_facts("orders.created", order_id=marker)
    assert len(wire.facts("orders.created", order_id=order_id)) == 1
    assert wire.facts("orders.rejected", order_id=order_id) == []


def test_b3_the_timer_expires_an_order_in_a_quiet_book(wire: Wire, pair: Pair) -> None:
    expires_at_ms = time.time_ns() // 1_000_000 + 3_000
    order_id = pair.bids("short", 2, 1_000_000, expires_at_ms=expires_at_ms)
    (closed,) = wire.until_facts("orders.cancelled", order_id=order_id)
    assert (closed["reason"], closed["command"]) == ("expired", "tick")
    assert 0 <= closed["occurred_at_ms"] - expires_at_ms < 5_000
    ticks = wire.facts(names.BOOKS_COMMANDS, kind="tick", source=names.TIMER)
    assert ticks
    assert all(each["source_seq"] > 0 for each in ticks)


def test_b6_replay_of_the_log_gives_every_fact_and_the_hash(wire: Wire, pair: Pair) -> None:
    pair.asks("a", 5, 2_000_000)
    pair.bids("b", 3, 2_000_000)
    pair.bids("c", 9, 1_500_000)
    asked = str(uuid4())
    until(lambda: wire.facts("orders.created", order_id=named(pair.buyer, "c")))
    wire.send(names.BOOKS_COMMANDS, pair.book, tick(want_hash=True, command_id=asked))
    (status,) = wire.until_facts("market.status", command_id=asked)
    assert len(status["hash"]) == 64
    log = [
        (message.timestamp()[1], record)
        for message, record in wire.read(names.BOOKS_COMMANDS)
        if message.key() == pair.book.encode() and record and record["kind"] != "no_such_kind"
    ]
    facts, book = replay_book(pair.book, log)
    told = {
        record["book_seq"]: record
        for topic in set(names.FACT_TOPICS.values()) - {"inventory.events"}
        for record in wire.facts(topic, book_id=pair.book)
    }
    for fact in facts:
        assert told[fact.record["book_seq"]].items() >= dict(fact.record).items()
    assert facts[-1].record["hash"] == status["hash"]
    url = f"{wire.settings.text('MARKET_DATA_URL')}/books/{pair.book}/hash"
    assert until(lambda: httpx.get(url).json()["hash"] == book.state_hash())


def test_poison_among_facts_is_set_aside_by_both_groups(wire: Wire, pair: Pair) -> None:
    (poison,) = wire.send("orders.created", pair.book, b"junk")

    def readers() -> set[str]:
        place = {"partition": poison.partition(), "offset": poison.offset()}
        letters = wire.facts(names.DEAD_LETTERS, topic="orders.created", **place)
        return {letter["reader"] for letter in letters}

    until(lambda: len(readers()) == 2)
    assert readers() == {"projection-clickhouse", "projection-redis"}
    order_id = pair.bids("after", 1, 1_000_000)
    assert wire.until_rows(f"SELECT 1 FROM orders WHERE order_id = '{order_id}'")


@pytest.mark.parametrize("seed", range(3))
def test_the_fold_script_gives_the_same_row_in_any_order(wire: Wire, seed: int) -> None:
    facts = scenario().facts
    expected = redis_rows(facts)
    chance = random.Random(seed)
    fold = wire.redis.register_script(views.FOLD)
    for kind, record in chance.sample(facts, len(facts)) + chance.sample(facts, len(facts) // 2):
        for each in rows.folds(names.FACT_TOPICS[kind], record):
            row = rows.Row(f"test:{seed}:{each.key}", {each.group: each})
            fold(keys=[row.key], args=row.arguments())
    for key, row in expected.items():
        told = wire.redis.hgetall(f"test:{seed}:{key}")
        assert views.read_order(told) == views.read_order(row)
        wire.redis.delete(f"test:{seed}:{key}")


class TestPlaceScript:
    """What the API writes once a command is in the log."""

    NOW_MS = 1_900_000_000_000
    ORDER = bid(ALICE, "k", 8, 1_000_000, digest="d1")["place_order"]

    @pytest.fixture
    def key(self, wire: Wire) -> Iterator[str]:
        key = f"test:{uuid4()}"
        yield key
        wire.redis.delete(key)

    def place(self, wire: Wire, key: str, digest: str) -> Any:
        order = {**self.ORDER, "digest": digest}
        row = views.pending_row(ALICE, order, self.NOW_MS)
        pairs = [text for field in row.items() for text in field]
        before = views.forgotten_before(self.NOW_MS)
        return wire.redis.eval(views.PLACE, 1, key, before, *pairs)

    def fold(self, wire: Wire, key: str, group: str, at_ms: int, **fields: str) -> None:
        words = [word for field in fields.items() for word in field]
        told = rows.Fold(key, group, views.stamp(at_ms, 1), lambda _: words, {})
        wire.redis.eval(views.FOLD, 1, key, *rows.Row(key, {group: told}).arguments())

    def test_a_new_row(self, wire: Wire, key: str) -> None:
        assert self.place(wire, key, "d1") is None
        order = views.read_order(wire.redis.hgetall(key))
        assert order
        assert (order["status"], order["quantity"]) == ("pending", 8)

    def test_a_repeat_tells_the_digest_and_changes_nothing(self, wire: Wire, key: str) -> None:
        self.place(wire, key, "d1")
        assert self.place(wire, key, "d2") == "d1"
        assert wire.redis.hget(key, "digest") == "d1"

    def test_a_row_that_the_projection_began_is_completed(self, wire: Wire, key: str) -> None:
        self.fold(wire, key, "fills", self.NOW_MS, filled_quantity="3", remaining="5")
        assert self.place(wire, key, "d1") == ""
        order = views.read_order(wire.redis.hgetall(key))
        assert order
        assert (order["status"], order["filled_quantity"], order["quantity"]) == ("partial", 3, 8)

    @pytest.mark.parametrize(
        ("group", "fields"),
        [
            ("closing", {"reason": "user"}),
            ("rejection", {"code": "LIMIT_NOTIONAL"}),
            ("fills", {"filled_quantity": "8", "remaining": "0"}),
        ],
    )
    def test_o2_an_order_closed_a_day_ago_is_forgotten(
        self, wire: Wire, key: str, group: str, fields: dict[str, str]
    ) -> None:
        self.place(wire, key, "d1")
        self.fold(wire, key, group, self.NOW_MS - views.FORGOTTEN_AFTER_MS + 10, **fields)
        assert self.place(wire, key, "d2") == "d1"
        wire.redis.delete(key)
        self.place(wire, key, "d1")
        self.fold(wire, key, group, self.NOW_MS - views.FORGOTTEN_AFTER_MS - 10, **fields)
        assert self.place(wire, key, "d2") is None
        assert wire.redis.hget(key, "digest") == "d2"
        assert wire.redis.hget(key, group) is None


def run_jobs(settings: Settings, name: str) -> None:
    environment = {**python_environment(settings), **client_environment(settings)}
    subprocess.run([sys.executable, "-m", "jobs", name], env=environment, check=True, timeout=400)


def checkpoints_of(wire: Wire, job_id: str) -> Any:
    """What Flink tells of a job's checkpoints and savepoints."""
    return httpx.get(f"{wire.cluster.url}/jobs/{job_id}/checkpoints").json()


def test_a_stop_with_savepoint_and_a_submit_go_on_where_they_were(wire: Wire, pair: Pair) -> None:
    resting = pair.asks("a", 5, 2_000_000)
    (created,) = wire.until_facts("orders.created", order_id=resting)
    running = wire.cluster.jobs()
    run_jobs(wire.settings, "stop")
    assert wire.cluster.jobs() == []
    for job in running:
        savepoint = checkpoints_of(wire, job.job_id)["latest"]["savepoint"]
        assert savepoint["savepointFormat"] == "NATIVE"
    in_between = pair.bids("b", 2, 2_000_000)
    run_jobs(wire.settings, "submit")
    jobs = wire.cluster.jobs()
    assert {job.title.split(":")[0] for job in jobs} == {
        "admission",
        "matching",
        "node_health",
        "spot pricing",
        "telemetry_rollup",
    }
    for job in jobs:
        assert checkpoints_of(wire, job.job_id)["counts"]["restored"] == 1
    (trade,) = wire.until_facts("orders.matched", bid_order_id=in_between)
    assert trade["ask_order_id"] == resting
    assert trade["book_seq"] == created["book_seq"] + 2
    assert len(wire.facts("orders.created", order_id=resting)) == 1


def test_a_second_submit_changes_nothing(wire: Wire) -> None:
    before = wire.cluster.jobs()
    run_jobs(wire.settings, "submit")
    assert wire.cluster.jobs() == before


def test_topics_and_ddl_may_be_repeated(wire: Wire) -> None:
    servers.create_topics(wire.settings)
    servers.create_tables(wire.settings)
    counts = kafka.partition_counts(kafka.admin(wire.settings))
    most = wire.settings.number("MAX_PARTITIONS")
    assert {name: counts[name] for name in contract.topics()} == {
        name: topic.partitions_within(most) for name, topic in contract.topics().items()
    }


def test_a_topic_that_is_not_there_is_refused_and_not_read_as_empty(wire: Wire) -> None:
    admin = kafka.admin(wire.settings)
    with pytest.raises(KafkaException, match="UNKNOWN_TOPIC"):
        kafka.partitions(wire.reader, "no.such.topic")
    with pytest.raises(KafkaException, match=r"no\.such\.topic"):
        ends_of(admin, [names.ORDERS_MATCHED, "no.such.topic"])
    with pytest.raises(Unreachable, match=r"no topic no\.such\.topic"):
        places_of(admin, [names.ORDERS_MATCHED, "no.such.topic"])


def test_command_topics_are_stamped_by_the_broker(wire: Wire, pair: Pair) -> None:
    for topic in (names.ACCOUNTS_COMMANDS, names.BOOKS_COMMANDS):
        (message,) = wire.send(topic, pair.buyer, b"junk")
        assert message.timestamp()[0] == 2, "LogAppendTime"


@pytest.mark.parametrize("name", ["projection", "market-data"])
def test_a_consumer_ends_soon_when_told_to(wire: Wire, name: str) -> None:
    settings = stack.on_free_ports(wire.settings, wire.settings.path("HOME"))
    port = settings.text("MARKET_DATA_PORT")
    environment = python_environment(wire.settings.with_values(MARKET_DATA_PORT=port))
    process = subprocess.Popen([sys.executable, "-m", "jobs", name], env=environment)
    time.sleep(5)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=30) == 0


# Health


def reading(node_id: str, at_ms: int, status: str = "healthy") -> Found:
    return {
        "node_id": node_id,
        "cluster_id": "c",
        "provider_id": "p",
        "region": "us-east-1",
        "gpu_type": "G2",
        "gpu_index": 0,
        "timestamp": at_ms,
        "status": status,
        "gpu_utilization": 0.5,
        "memory_utilization": 0.5,
        "temperature": 50.0,
        "power_draw": 200.0,
    }


def test_k4_a_node_silent_or_offline_is_out_of_the_book_and_back_after_recovery(
    wire: Wire,
) -> None:
    pair, node_id, other = Pair(wire), str(uuid4()), str(uuid4())
    gpus = {"gpu_type": pair.book.split(".")[0], "region": "eu-central-1", "gpu_count": 4}
    pricing = {"base_price_micros": 0, "surge_enabled": False, "relist": True}
    pair.account(
        pair.seller,
        command("register_node", {"node_id": node_id, **gpus}),
        command("set_node_pricing", {"node_id": node_id, **pricing}),
    )
    order_id = pair.asks("health", 4, 2_000_000, region="eu-central-1")
    assert wire.until_facts("orders.created", order_id=order_id)

    def says(seconds_ago: float, status: str = "healthy", who: str = node_id) -> None:
        at_ms = time.time_ns() // 1_000_000 - round(1000 * seconds_ago)
        wire.send(names.TELEMETRY_GPU, who, reading(who, at_ms, status))

    says(150)
    time.sleep(1)  # it is read before the next one makes it late

    def gone() -> list[Found]:
        says(0, who=other)  # others' readings move the time by which a node is silent
        return wire.facts("orders.cancelled", order_id=order_id)

    (closed,) = until(gone)
    assert (closed["reason"], closed["remaining"]) == ("capacity_lost", 4)
    healths = [fact["health"] for fact in wire.facts("inventory.events", node_id=node_id)]
    assert healths[-1] == "offline"

    says(0)
    asks = until(lambda: anew(wire, pair.seller, order_id))
    assert [(ask["quantity"], ask["price_micros"]) for ask in asks] == [(4, 2_000_000)]

    says(-1, "offline")
    assert wire.until_facts("orders.cancelled", order_id=asks[0]["order_id"])


def anew(wire: Wire, seller: str, before: str) -> list[Found]:
    """The asks that a seller has placed beside this one."""
    created = wire.facts("orders.created", account_id=seller)
    return [fact for fact in created if fact["order_id"] != before]
