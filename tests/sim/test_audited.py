"""The auditor on the simulator's markets: silent where all is well, else it names what is wrong."""

import copy
from collections.abc import Callable
from functools import cache
from random import Random

import pytest

from cli.log import Entry
from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, FACT_TOPICS
from tests.sim.api import ids_of
from tests.sim.audited import audited, entries
from tests.sim.run import come_to_rest
from tests.sim.schedule import schedule
from tests.sim.watcher import Watcher
from tests.sim.world import World
from udfs.audit.auditor import Auditor

MATCHED = FACT_TOPICS["order_matched"]
CREATED = FACT_TOPICS["order_created"]
CLOSED = FACT_TOPICS["order_closed"]
NODES = FACT_TOPICS["node_changed"]
SEED = 5
Plant = Callable[[list[Entry]], str]


@cache
def played(seed: int) -> tuple[Entry, ...]:
    """The logs of a seed's market, which came to rest."""
    with ids_of(Random(seed)):
        world = World(schedule(seed), Watcher())
        world.begin()
        for move in world.schedule.moves:
            world.move(move)
        come_to_rest(world)
    return tuple(entries(world.broker))


@pytest.mark.parametrize("seed", range(12))
def test_it_is_silent_where_all_is_well(seed: int) -> None:
    """Repeats, crashes and late arrivals included."""
    auditor = audited(list(played(seed)))
    assert {each.first for each in auditor.findings.values()} == {None}
    assert auditor.waiting() == 0
    assert auditor.pairs.compared > 0


def first_of(found: list[Entry], topic: str, wanted: Callable[[Entry], bool] = bool) -> int:
    return next(i for i, each in enumerate(found) if each.topic == topic and wanted(each))


def changed(found: list[Entry], index: int, **fields: object) -> str:
    """Give a fact other values, in this and every repeat; what the offence must name."""
    was = found[index]
    for i, each in enumerate(found):
        if each.topic == was.topic and each.record["event_id"] == was.record["event_id"]:
            found[i] = each._replace(record={**copy.deepcopy(each.record), **fields})
    return was.where


def short_fill(found: list[Entry]) -> str:
    index = first_of(found, MATCHED)
    return changed(found, index, bid_filled=found[index].record["bid_filled"] + 1)


def sold_twice(found: list[Entry]) -> str:
    index = first_of(found, MATCHED)
    return changed(found, index, quantity=found[index].record["quantity"] + 10_000)


def leased_for_nothing(found: list[Entry]) -> str:
    def leases(each: Entry) -> bool:
        return any(slot.startswith("allocated:") for slot in each.record["slots"])

    index = first_of(found, NODES, leases)
    slots = found[index].record["slots"]
    changed(found, index, slots=[slot.replace("allocated:", "allocated:9") for slot in slots])
    return "allocated:9"


def off_midpoint(found: list[Entry]) -> str:
    index = first_of(found, MATCHED)
    return changed(found, index, price_micros=found[index].record["price_micros"] + 50)


def beyond_limits(found: list[Entry]) -> str:
    index = first_of(found, MATCHED)
    return changed(found, index, price_micros=found[index].record["bid_price_micros"] + 100)


def fact_lost(found: list[Entry]) -> str:
    """A fact is in no topic, nor are its repeats."""
    gone = found[first_of(found, CLOSED)].record["event_id"]
    found[:] = [each for each in found if each.record.get("event_id") != gone]
    return "never told"


def told_otherwise(found: list[Entry]) -> str:
    """A repeat with another word in it."""
    was = found[first_of(found, CREATED)]
    found.append(was._replace(record={**was.record, "region": "elsewhere"}, offset=99_999))
    return f"{CREATED}[{was.partition}]@99999"


def ends_twice(found: list[Entry]) -> str:
    """One more closing of an order that was closed, under a number of its own."""
    was = found[first_of(found, CLOSED)]
    seqs = [each.record["book_seq"] for each in found if each.record.get("book_id") == was.key]
    numbers = [seq for seq in seqs if isinstance(seq, int)]
    more = {"book_seq": max(numbers) + 1, "event_id": "another"}
    found.append(was._replace(record={**was.record, **more}, offset=99_999))
    return was.record["order_id"]


def never_begun(found: list[Entry]) -> str:
    """An account's log holds an order of which nobody ever heard again."""
    nobody = "11111111-1111-4111-8111-111111111111"

    def places(each: Entry) -> bool:
        return each.record["kind"] == "place_order"

    index = first_of(found, ACCOUNTS_COMMANDS, places)
    order_id = found[index].record["place_order"]["order_id"]
    for i, each in enumerate(found):
        if each.topic == ACCOUNTS_COMMANDS and places(each):
            body = each.record["place_order"]
            if body["order_id"] == order_id:
                placed = {**body, "order_id": nobody}
                found[i] = each._replace(record={**each.record, "place_order": placed})
    return nobody


def not_handed_on(found: list[Entry]) -> str:
    index = first_of(
        found,
        BOOKS_COMMANDS,
        lambda each: each.record["kind"] == "place_order" and bool(each.record["source"]),
    )
    was = found[index]
    found[:] = [
        each
        for each in found
        if each.topic != BOOKS_COMMANDS
        or (each.record["source"], each.record["source_seq"])
        != (was.record["source"], was.record["source_seq"])
    ]
    return f"{was.record['source_seq']} of {was.record['source']}"


@pytest.mark.parametrize(
    ("rule", "plant"),
    [
        ("INV1", short_fill),
        ("INV3", sold_twice),
        ("INV3", leased_for_nothing),
        ("INV5", off_midpoint),
        ("INV5", beyond_limits),
        ("INV6", fact_lost),
        ("INV6", told_otherwise),
        ("INV9", ends_twice),
        ("INV10", never_begun),
        ("INV10", not_handed_on),
    ],
)
def test_what_is_planted_is_named_with_its_evidence(rule: str, plant: Plant) -> None:
    found = list(played(SEED))
    evidence = plant(found)
    finding = audited(found).findings[rule]
    assert finding.verdict == "BROKEN"
    assert finding.first is not None
    assert evidence in finding.first


def test_a_lease_whose_trade_may_be_on_its_way_is_not_named_yet() -> None:
    """Who reads a market in motion can meet a lease before its trade."""
    found = list(played(SEED))
    lease_id = leased_for_nothing(found)
    auditor = Auditor()
    for entry in found:
        auditor.take(entry)
    told_ms = min(
        each.record["occurred_at_ms"]
        for each in found
        if each.topic == NODES and any(lease_id in slot for slot in each.record["slots"])
    )
    auditor.rest(told_ms)
    assert auditor.findings["INV3"].first is None
    auditor.rest(told_ms + 1)
    assert lease_id in str(auditor.findings["INV3"].first)


def test_an_accepted_order_without_a_fact_is_named() -> None:
    auditor = audited(list(played(SEED)))
    known = next(each.record["order_id"] for each in played(SEED) if each.topic == CREATED)
    auditor.accept([known])
    auditor.rest()
    assert auditor.findings["INV10"].first is None
    auditor.accept(["22222222-2222-4222-8222-222222222222"])
    auditor.rest()
    assert "22222222-2222" in str(auditor.findings["INV10"].first)
