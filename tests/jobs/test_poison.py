"""A poison record on every topic that Python reads: set aside with its place, and nobody harmed."""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

import stack
from jobs import rows
from query_api.adapters.feed_log import FEEDS_ALONE
from schemas import contract, names, readings
from schemas.contract import Topic
from tests.builders import command
from tests.jobs.test_real_stack import Found, Pair, Wire, pair, until, wire

__all__ = ["pair", "wire"]
pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

LETTERS: Final = {
    "admission": {"admission"},
    "matching": {"matching"},
    "node_health": {"node_health"},
    "projection": {"projection-clickhouse", "projection-redis"},
    "spot_pricing": {"spot_pricing"},
    # These pass over what another reader of the topic sets aside.
    "market_data": set[str](),
    "query_api": set[str](),
}
"""The names under which a reader of topics.toml writes dead letters."""
OF_TELEMETRY: Final = {
    names.TELEMETRY_NODE: {"projection-telemetry-clickhouse", "projection-telemetry-redis"},
    names.TELEMETRY_ROLLUPS: {"projection-telemetry-clickhouse"},
    names.TELEMETRY_LATE: {"projection-telemetry-late"},
}
READ: Final = [
    topic
    for topic in contract.topics().values()
    if topic.readers
    and topic.name not in (names.BOOKS_SNAPSHOTS, names.TELEMETRY_GPU, *FEEDS_ALONE)
]
"""Snapshots are read at the start alone; tests/jobs/test_snapshots.py has their poison. Bytes on
telemetry.gpu stop the rollup job, which decodes in the JVM (docs/decisions/0015). What the feeds
alone read comes into no view; tests/api/test_feed_log.py has its poison."""
EXAMPLES: Final = Path(contract.__file__).parent / "examples"
NODE_COMMANDS: Final = {
    kind: json.loads((EXAMPLES / f"nodes.commands.{kind}.json").read_text())["record"]
    for kind in ("register_node", "gpu_status")
}
COMMANDS: Final = (names.ACCOUNTS_COMMANDS, names.BOOKS_COMMANDS)
BOOK: Final = "POISON.spot"
AWAY_SECONDS: Final = 8.0
METRICS_SECONDS: Final = 12.0


def example(topic: str) -> Found:
    """A golden record of a topic."""
    files = sorted(EXAMPLES.glob("*.json"))
    found = (json.loads(file.read_text()) for file in files)
    record: Found = next(each["record"] for each in found if each["topic"] == topic)
    return record


def poison(wire: Wire, topic: Topic) -> dict[str, bytes | None]:
    """Values that are no record of the topic, by what is wrong with them."""
    good = wire.codec.encoder(topic.name)(example(topic.name))
    other = "inventory.events" if topic.name != "inventory.events" else "orders.created"
    field, value = {
        names.ACCOUNTS_COMMANDS: ("source_seq", -1),
        names.BOOKS_COMMANDS: ("source_seq", -1),
        names.NODES_COMMANDS: ("source_seq", -1),
        names.TELEMETRY_NODE: ("timestamp", 2**62),
        names.TELEMETRY_LATE: ("timestamp", 2**62),
        names.TELEMETRY_ROLLUPS: ("window_start_ms", 2**62),
    }.get(topic.name, ("occurred_at_ms", 2**62))
    text = "region" if topic.name in (*OF_TELEMETRY, names.PRICING_UPDATES) else "command_id"
    far_out = {**example(topic.name), field: value}
    long = {**example(topic.name), text: "x" * 900_000}
    return {
        "unreadable": b"junk",
        "empty": b"",
        "tombstone": None,
        "of an unknown schema": b"\0\0\x0f\xff\xff1",
        "of another schema": wire.codec.encoder(other)(example(other)),
        "truncated": good[:-1],
        "with more behind it": good + b"x",
        "out of range": wire.codec.encoder(topic.name)(far_out),
        "oversized": wire.codec.encoder(topic.name)(long),
    }


@dataclass
class Neighbours:
    """What stands before and after the poison, and how to see that it took effect."""

    key: str
    send: Callable[[], Any]
    is_seen: Callable[[], bool]


def beside(wire: Wire, pair: Pair, topic: str) -> Neighbours:
    """Whoever shares the topic."""
    if topic in COMMANDS:
        return place_orders(wire, pair, topic)
    return signal_health(wire, pair) if topic == names.NODES_COMMANDS else tell_facts(wire, topic)


def place_orders(wire: Wire, pair: Pair, topic: str) -> Neighbours:
    """Orders of the pair: their commands go through both command topics."""
    sent: list[str] = []

    def send() -> None:
        sent.append(pair.bids(f"n{len(sent)}", 1, 1_000_000))
        until(lambda: wire.facts("orders.created", order_id=sent[-1]))

    def is_seen() -> bool:
        told = [fact["order_id"] for fact in wire.facts("orders.created", account_id=pair.buyer)]
        return told == sent

    return Neighbours(pair.buyer if topic == names.ACCOUNTS_COMMANDS else pair.book, send, is_seen)


def tell_facts(wire: Wire, topic: str) -> Neighbours:
    """Facts of a book that is no other test's, or readings, each of an order or node of its own."""
    sent: list[Found] = []

    def send() -> None:
        record = example(topic)
        fresh = {name: str(uuid4()) for name in record if name in FRESH}
        if record.get("book_id"):
            fresh |= {"book_id": BOOK, "book_seq": time.time_ns() // 1_000_000}
        if topic == names.PRICING_UPDATES:
            fresh |= {"gpu_type": str(uuid4())}
        if topic in (names.TELEMETRY_NODE, names.TELEMETRY_LATE):
            fresh |= {"timestamp": time.time_ns() // 1_000_000}
        sent.append({**record, **fresh})
        wire.send(topic, BOOK, sent[-1])

    def is_seen() -> bool:
        return all(
            in_clickhouse(wire, topic, fact) and in_redis(wire, topic, fact) for fact in sent
        )

    return Neighbours(BOOK, send, is_seen)


def signal_health(wire: Wire, pair: Pair) -> Neighbours:
    """Signals of one node's health, each of which its owner's account is told of."""
    node, status = str(uuid4()), cycle(["degraded", "healthy"])
    sent: list[str] = []
    registered = command("register_node", account_id=pair.seller, source="registry", source_seq=1)
    body = {**NODE_COMMANDS["register_node"]["register_node"], "node_id": node, "gpu_count": 8}

    def send() -> None:
        if not sent:
            wire.send(names.NODES_COMMANDS, node, {**registered, "register_node": body})
        sent.append(next(status))
        at_ms = time.time_ns() // 1_000_000
        signal = {**NODE_COMMANDS["gpu_status"], "source_seq": at_ms}
        told = {**signal["gpu_status"], "status": sent[-1], "measured_at_ms": at_ms}
        wire.send(names.NODES_COMMANDS, node, {**signal, "gpu_status": told})

    def is_seen() -> bool:
        told = wire.facts(names.ACCOUNTS_COMMANDS, kind="set_node_health")
        bodies = [each["set_node_health"] for each in told]
        return [body["health"] for body in bodies if body["node_id"] == node] == sent

    return Neighbours(node, send, is_seen)


FRESH: Final = {
    "scope_id",
    "event_id",
    "order_id",
    "bid_order_id",
    "ask_order_id",
    "node_id",
    "account_id",
}


def in_clickhouse(wire: Wire, topic: str, fact: Found) -> bool:
    table = rows.tables()[names.TELEMETRY_GPU if topic == names.TELEMETRY_LATE else topic]
    keys = ("event_id", "scope_id", "node_id", "gpu_type")
    column = next(name for name in keys if name in fact)
    sql = f"SELECT 1 FROM {table} WHERE {column} = '{fact[column]}'"
    return len(wire.clickhouse.query(sql).result_rows) == 1


def in_redis(wire: Wire, topic: str, fact: Found) -> bool:
    if topic == names.TELEMETRY_NODE:
        key = readings.telemetry_key(fact["node_id"])
        return bool(wire.redis.hexists(key, readings.field(fact)))
    return all(wire.redis.hget(fold.key, fold.group) for fold in rows.folds(topic, fact))


def letters(wire: Wire, messages: list[Any]) -> dict[tuple[str, int, int], str]:
    """Reasons of the letters about these records, by reader and place."""
    places = {(message.partition(), message.offset()) for message in messages}
    told = wire.facts(names.DEAD_LETTERS, topic=messages[0].topic())
    return {
        (letter["reader"], letter["partition"], letter["offset"]): letter["reason"]
        for letter in told
        if (letter["partition"], letter["offset"]) in places
    }


def processes(wire: Wire) -> dict[str, int | None]:
    """The process of every server and worker."""
    return {row.name: row.pid for row in stack.status(wire.settings)}


def readers(topic: Topic) -> set[str]:
    if topic.name in OF_TELEMETRY:
        return OF_TELEMETRY[topic.name]
    return set().union(*(LETTERS[reader] for reader in topic.readers))


@pytest.fixture(scope="module", autouse=True)
def told_restarts(wire: Wire) -> None:
    """Restarts that tests before these caused: Flink's metrics tell them some 10 s later."""
    told, since = wire.restarts(), time.monotonic()
    while time.monotonic() - since < METRICS_SECONDS:
        time.sleep(1.0)
        if (now := wire.restarts()) != told:
            told, since = now, time.monotonic()


@pytest.mark.parametrize("topic", READ, ids=lambda topic: topic.name)
def test_poison_is_set_aside_with_its_place_and_nobody_is_harmed(
    wire: Wire, pair: Pair, topic: Topic
) -> None:
    assert readers(topic), f"nobody sets poison of {topic.name} aside"
    neighbours = beside(wire, pair, topic.name)
    before = wire.restarts(), processes(wire)
    neighbours.send()
    bad = poison(wire, topic)
    sent = wire.send(topic.name, neighbours.key, *bad.values())
    if topic.name in COMMANDS:
        sent += wire.send(topic.name, neighbours.key, command("no_such_kind"))
        sent += wire.send(topic.name, None, command("tick"))
        sent += wire.send(topic.name, "not an id", command("tick"))
    neighbours.send()

    assert all(message.error() is None for message in sent)
    wanted = {(r, m.partition(), m.offset()) for r in readers(topic) for m in sent}
    until(lambda: letters(wire, sent).keys() >= wanted)
    told = letters(wire, sent)
    assert told.keys() == wanted
    assert all(told.values())
    assert until(neighbours.is_seen)
    assert (wire.restarts(), processes(wire)) == before


def test_an_unknown_schema_waits_for_a_registry_that_is_away(wire: Wire, pair: Pair) -> None:
    before = wire.restarts()
    registry = processes(wire)["registry"]
    assert registry
    os.kill(registry, signal.SIGSTOP)
    try:
        sent = wire.send(names.ACCOUNTS_COMMANDS, pair.buyer, b"\0\0\x0f\xff\xfe1")
        behind = pair.bids("behind", 1, 1_000_000)
        time.sleep(AWAY_SECONDS)
        assert letters(wire, sent) == {}
    finally:
        os.kill(registry, signal.SIGCONT)
    assert until(lambda: letters(wire, sent))
    assert wire.until_facts("orders.created", order_id=behind)
    assert wire.restarts() == before
