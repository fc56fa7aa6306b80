"""Readings: each refused for its own reason, and none lost between accepted and refused."""

import asyncio
from collections import Counter
from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_api.slots import LocalSlots
from udfs import telemetry
from udfs.telemetry import CODES, NODE_ITSELF, SLOT_MS, Judged, Node, Reading

NOW_MS = 1_790_000_000_000
NODE = Node("n", "c", "p", "us-west-2", "H100", gpu_count=8)
GPU = {
    "gpu_index": 0,
    "timestamp": NOW_MS,
    "gpu_utilization": 0.5,
    "memory_utilization": 0.25,
    "temperature": 65,
    "power_draw": 350.5,
    "status": "healthy",
}
ITSELF = {
    "timestamp": NOW_MS,
    "cpu_utilization": 0.5,
    "memory_utilization": 0.5,
    "disk_utilization": 0.5,
    "network_receive_rate": 1e6,
    "network_send_rate": 0,
}
DAY_MS = 24 * 3600 * 1000


def read_time(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def judge(*metrics: Any, now_ms: int = NOW_MS) -> Judged:
    return telemetry.judge(NODE, metrics, now_ms, read_time)


def settled(metrics: list[Any], slots: LocalSlots, node: Node = NODE) -> Judged:
    """A batch as the API settles it."""
    readings, refusals = telemetry.judge(node, metrics, NOW_MS, read_time)
    places = [telemetry.place(reading) for reading in readings]
    taken = asyncio.run(slots.claim(node.node_id, places))
    refusals = refusals + telemetry.too_frequent(readings, taken)
    return Judged([each for at, each in enumerate(readings) if at not in taken], refusals)


def code(metric: Any) -> tuple[str, str]:
    readings, (refusal,) = judge(metric)
    assert not readings
    return refusal.code, refusal.detail


def taken(metric: Any) -> Reading:
    (reading,), refusals = judge(metric)
    assert not refusals
    return reading


def test_a_record_says_what_was_measured_and_whose_it_is() -> None:
    reading = taken(GPU)
    assert (reading.topic, reading.gpu_index, reading.timestamp) == ("telemetry.gpu", 0, NOW_MS)
    assert reading.record == {**NODE.labels(), **GPU}
    assert NODE.labels() == {
        "node_id": "n", "cluster_id": "c", "provider_id": "p", "region": "us-west-2",
        "gpu_type": "H100",
    }  # fmt: skip


def test_a_node_reports_of_itself() -> None:
    reading = taken(ITSELF)
    assert (reading.topic, reading.gpu_index) == ("telemetry.node", NODE_ITSELF)
    assert reading.record == {**NODE.labels(), **ITSELF}


def test_a_time_may_be_written_out() -> None:
    text = "2026-09-21T14:13:20.250+00:00"
    reading = taken({**GPU, "timestamp": text})
    assert reading.timestamp == reading.record["timestamp"] == read_time(text)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (7, "a reading must be an object, was 7"),
        (None, "was None"),
        ([GPU], "was [{"),
        ({}, "missing: gpu_index, gpu_utilization"),
        ({**GPU, "fan": 1}, "unknown: 'fan'"),
        ({**GPU, "node_id": "n"}, "unknown: 'node_id'"),
        ({name: GPU[name] for name in GPU if name != "status"}, "missing: status"),
        ({**ITSELF, "gpu_index": 0}, "unknown: 'gpu_index'"),
        ({**GPU, "gpu_index": 1.0}, "gpu_index must be a JSON integer, was 1.0"),
        ({**GPU, "gpu_index": True}, "gpu_index must be a JSON integer, was True"),
        ({**GPU, "gpu_index": "0"}, "gpu_index must be a JSON integer, was '0'"),
        ({**GPU, "timestamp": "yesterday"}, "timestamp must be ms since 1970"),
        ({**GPU, "timestamp": float(NOW_MS)}, "timestamp must be"),
        ({**GPU, "timestamp": True}, "was True"),
        ({**GPU, "timestamp": None}, "was None"),
        ({**GPU, "timestamp": 2**63}, "timestamp must be ms since 1970"),
        ({**ITSELF, "timestamp": -(2**63) - 1}, "timestamp must be ms since 1970"),
        ({**GPU, "timestamp": -int("9" * 4_300)}, "was -9999"),
        ({**GPU, "temperature": "hot"}, "temperature must be a number, was 'hot'"),
        ({**GPU, "power_draw": None}, "power_draw must be a number"),
        ({**GPU, "gpu_utilization": True}, "gpu_utilization must be a number"),
        ({**ITSELF, "cpu_utilization": []}, "cpu_utilization must be a number"),
        ({**GPU, "status": "fine"}, "status must be one of degraded, healthy, offline"),
        ({**GPU, "status": 1}, "was 1"),
        ({**GPU, "gpu_utilization": 2, "temperature": "hot"}, "temperature must be a number"),
    ],
)
def test_malformed(metric: Any, words: str) -> None:
    found, detail = code(metric)
    assert found == "MALFORMED"
    assert words in detail


RANGES = [
    (GPU, "gpu_utilization", 0, 1),
    (GPU, "memory_utilization", 0, 1),
    (GPU, "temperature", -50, 150),
    (GPU, "power_draw", 0, 5_000),
    (ITSELF, "cpu_utilization", 0, 1),
    (ITSELF, "memory_utilization", 0, 1),
    (ITSELF, "disk_utilization", 0, 1),
    (ITSELF, "network_receive_rate", 0, 10**12),
    (ITSELF, "network_send_rate", 0, 10**12),
]


@pytest.mark.parametrize(("metric", "name", "least", "most"), RANGES)
def test_out_of_range(metric: dict[str, Any], name: str, least: int, most: int) -> None:
    for edge in (least, most, float(least), float(most)):
        assert taken({**metric, name: edge}).record[name] == edge
    for outside in (least - 1e-3, most + 1e-3, least - 1, most + 1, 10**300, float("inf")):
        found, detail = code({**metric, name: outside})
        assert found == "OUT_OF_RANGE"
        assert f"{name} must be {least} to {most}, was " in detail
    assert code({**metric, name: float("nan")})[0] == "OUT_OF_RANGE"


@pytest.mark.parametrize("index", [-1, -2, 8, 9, 10**30])
def test_unknown_gpu(index: int) -> None:
    found, detail = code({**GPU, "gpu_index": index})
    assert (found, "0 to 7" in detail, len(detail) < 150) == ("UNKNOWN_GPU", True, True)
    assert taken({**GPU, "gpu_index": 7}).gpu_index == 7


@pytest.mark.parametrize("metric", [GPU, ITSELF])
def test_stale_and_future(metric: dict[str, Any]) -> None:
    for timestamp in (NOW_MS - DAY_MS, NOW_MS + 5_000):
        assert taken({**metric, "timestamp": timestamp}).timestamp == timestamp
    for timestamp in (NOW_MS - DAY_MS - 1, NOW_MS // 1000, 0, -1, -(2**63)):
        assert code({**metric, "timestamp": timestamp})[0] == "STALE"
    for timestamp in (NOW_MS + 5_001, 2**63 - 1):
        assert code({**metric, "timestamp": timestamp})[0] == "FUTURE"


def at(timestamp: int, **fields: Any) -> dict[str, Any]:
    return {**GPU, "timestamp": timestamp, **fields}


def codes(judged: Judged) -> list[tuple[int, str]]:
    return [(refusal.position, refusal.code) for refusal in judged.refusals]


def test_a_second_reading_in_a_slot_is_too_frequent() -> None:
    slot = NOW_MS - NOW_MS % SLOT_MS
    batch = [at(slot - 1), at(slot), at(slot + 4_999), at(slot + 5_000)]
    assert codes(settled(batch, LocalSlots())) == [(2, "TOO_FREQUENT")]
    assert codes(settled([at(slot + 1), at(slot)], LocalSlots())) == [(1, "TOO_FREQUENT")]


def test_slots_are_of_one_gpu_or_the_node_itself() -> None:
    batch = [at(NOW_MS, gpu_index=gpu) for gpu in range(8)] + [ITSELF]
    slots = LocalSlots()
    assert codes(settled(batch, slots)) == []
    assert codes(settled([{**ITSELF, "timestamp": NOW_MS + 1}], slots)) == [(0, "TOO_FREQUENT")]
    assert codes(settled([at(NOW_MS + 1)], slots, NODE._replace(node_id="m"))) == []


def test_the_same_reading_again_is_taken_again() -> None:
    slots = LocalSlots()
    assert codes(settled([at(NOW_MS), at(NOW_MS)], slots)) == []
    assert codes(settled([at(NOW_MS), at(NOW_MS + 1), at(NOW_MS)], slots)) == [(1, "TOO_FREQUENT")]


def test_what_is_refused_for_another_reason_takes_no_slot() -> None:
    batch = [at(NOW_MS, temperature=200), at(NOW_MS + 1)]
    assert codes(settled(batch, LocalSlots())) == [(0, "OUT_OF_RANGE")]


def test_slots_are_told_apart_through_a_whole_day() -> None:
    slots = LocalSlots()
    first = [at(NOW_MS - 1 - slot * SLOT_MS) for slot in range(DAY_MS // SLOT_MS)]
    assert codes(settled(first, slots)) == []
    again = [at(metric["timestamp"] - 1) for metric in first]
    assert len(settled(again, slots).refusals) == DAY_MS // SLOT_MS
    assert codes(settled(first, slots)) == []


def test_of_too_many_pages_the_first_is_forgotten() -> None:
    slots = LocalSlots(most=2)
    for gpu in (0, 1, 2):
        settled([at(NOW_MS, gpu_index=gpu)], slots)
    refused = [codes(settled([at(NOW_MS + 1, gpu_index=gpu)], slots)) for gpu in (2, 1, 0)]
    assert refused == [[(0, "TOO_FREQUENT")], [(0, "TOO_FREQUENT")], []]


def test_a_batch_may_be_judged_in_parts() -> None:
    part = telemetry.judge(NODE, [7, GPU], NOW_MS, read_time, first=250)
    assert [each.position for each in part.refusals] == [250]
    assert [each.position for each in part.readings] == [251]


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([])
)
GOOD = st.builds(
    lambda gpu, back, use: at(NOW_MS - back, gpu_index=gpu, gpu_utilization=use),
    st.integers(0, 7),
    st.integers(0, 30_000),
    st.floats(0, 1),
)
METRICS = st.lists(
    st.one_of(
        GOOD,
        st.builds(lambda metric, name, value: {**metric, name: value}, GOOD,
                  st.sampled_from([*GPU, "extra"]), ODD),
        st.builds(lambda name, value: {**ITSELF, name: value}, st.sampled_from([*ITSELF]), ODD),
        st.dictionaries(st.text(max_size=3), ODD, max_size=2),
        ODD,
    ),
    max_size=40,
)  # fmt: skip


@given(METRICS)
@settings(max_examples=200, deadline=None)
def test_every_reading_is_accepted_or_refused_at_its_own_place(metrics: list[Any]) -> None:
    judged = settled(metrics, LocalSlots())
    accepted = [reading.position for reading in judged.readings]
    refused = [refusal.position for refusal in judged.refusals]
    assert sorted(accepted + refused) == list(range(len(metrics)))
    assert accepted == sorted(accepted)
    assert {refusal.code for refusal in judged.refusals} <= set(CODES)
    for reading in judged.readings:
        assert reading.record.items() >= {**metrics[reading.position]}.items()
    held = {(each.gpu_index, each.timestamp // SLOT_MS): each.timestamp for each in judged.readings}
    for each in judged.readings:
        assert held[each.gpu_index, each.timestamp // SLOT_MS] == each.timestamp


@given(METRICS)
@settings(max_examples=50, deadline=None)
def test_a_batch_sent_again_is_answered_as_before(metrics: list[Any]) -> None:
    slots = LocalSlots()
    first = settled(metrics, slots)
    assert codes(settled(metrics, slots)) == codes(first)


def test_a_hundred_thousand_mixed_readings_are_counted_exactly() -> None:
    """Of which kind each is, is drawn; what must become of it is known from how it was made."""
    chance, slots = Random(7), LocalSlots()
    wrong = {
        "MALFORMED": lambda metric: chance.choice(
            [None, {**metric, "status": "odd"}, {**metric, "x": 1}, {**metric, "temperature": "1"}]
        ),
        "OUT_OF_RANGE": lambda metric: {**metric, "power_draw": chance.choice([-0.5, 5_001])},
        "UNKNOWN_GPU": lambda metric: {**metric, "gpu_index": chance.choice([-1, 8])},
        "STALE": lambda metric: {**metric, "timestamp": NOW_MS - DAY_MS - chance.randint(1, 9)},
        "FUTURE": lambda metric: {**metric, "timestamp": NOW_MS + chance.randint(5_001, 9_999)},
    }
    expected, found = Counter[str](), Counter[str]()
    for number in range(100):
        node, metrics = NODE._replace(node_id=f"n{number}"), []
        for slot in range(1_000):
            start = (NOW_MS // SLOT_MS - 1 - slot // 8) * SLOT_MS
            metric = at(start + chance.randrange(2_500), gpu_index=slot % 8)
            kind = chance.choice(["accepted", "repeat", "TOO_FREQUENT", *wrong])
            if kind in wrong:
                metrics.append(wrong[kind](metric))
                expected[kind] += 1
                continue
            metrics.append(metric)
            expected["accepted"] += 1
            if kind == "repeat":
                metrics.append(dict(metric))
                expected["accepted"] += 1
            elif kind == "TOO_FREQUENT":
                metrics.append({**metric, "timestamp": metric["timestamp"] + 2_500})
                expected["TOO_FREQUENT"] += 1
        judged = settled(metrics, slots, node)
        found.update(refusal.code for refusal in judged.refusals)
        found["accepted"] += len(judged.readings)
    assert found == expected
    assert expected.total() > 100_000
    assert set(expected) == {"accepted", *CODES}
