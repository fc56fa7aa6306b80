"""Signals of health the slow and obvious way, and readings of nodes that fail and fall silent."""

import random
from typing import Any, Final, NamedTuple

from jobs.rollup_sql import OUT_OF_ORDER_SECONDS
from udfs.node_health import SILENCES, UNKNOWN_SECONDS, gpu_health

Found = dict[str, Any]
T0: Final = 1_790_000_000_000
ALMOST_SILENT_MS: Final = 1000 * UNKNOWN_SECONDS - 1000
STATUSES: Final = ("healthy",) * 12 + ("degraded", "offline")
CELSIUS: Final = (50.0,) * 12 + (90.0, 106.5)


class Signal(NamedTuple):
    """What a signal is about; the rest of it is in the reading that it names."""

    node_id: str
    source: str
    seq: int


def signals(log: list[Found]) -> set[Signal]:
    """All signals of a log that ended: its last sessions too."""
    return changes(log) | {each for seconds in SILENCES for each in silences(log, seconds)}


def changes(log: list[Found]) -> set[Signal]:
    found = set()
    newest: dict[tuple[str, int], Found] = {}
    for reading, watermark in zip(log, watermarks(log), strict=True):
        gpu, at_ms = (reading["node_id"], reading["gpu_index"]), reading["timestamp"]
        before = newest.get(gpu)
        if at_ms <= watermark - ALMOST_SILENT_MS or (before and at_ms < before["timestamp"]):
            continue
        if (
            before is None
            or health(before) != health(reading)
            or max(at_ms, watermark) - before["timestamp"] >= ALMOST_SILENT_MS
        ):
            found.add(Signal(gpu[0], f"gpu:{gpu[1]}", at_ms))
        newest[gpu] = reading
    return found


def health(reading: Found) -> str:
    return gpu_health(reading["status"], reading["temperature"])


def silences(log: list[Found], seconds: int) -> set[Signal]:
    """The last readings of sessions; one that the watermark has passed takes no more readings."""
    found = set()
    gap_ms = 1000 * seconds
    open_sessions: dict[str, list[tuple[int, int]]] = {}
    for reading, watermark in zip(log, watermarks(log), strict=True):
        for node_id, sessions in open_sessions.items():
            over = [each for each in sessions if each[1] + gap_ms - 1 <= watermark]
            found |= {Signal(node_id, f"silence:{seconds}", last) for _, last in over}
            open_sessions[node_id] = [each for each in sessions if each not in over]
        sessions = open_sessions.setdefault(reading["node_id"], [])
        at_ms = reading["timestamp"]
        near = [s for s in sessions if s[0] - gap_ms <= at_ms <= s[1] + gap_ms]
        first = min([at_ms, *(each[0] for each in near)])
        last = max([at_ms, *(each[1] for each in near)])
        if last + gap_ms - 1 > watermark:
            kept = [each for each in sessions if each not in near]
            open_sessions[reading["node_id"]] = [*kept, (first, last)]
    for node_id, sessions in open_sessions.items():
        found |= {Signal(node_id, f"silence:{seconds}", last) for _, last in sessions}
    return found


def watermarks(log: list[Found]) -> list[int]:
    """The watermark when each reading came: that of the readings before it."""
    passed, greatest = [], 0
    for reading in log:
        passed.append(greatest)
        time = min(reading["timestamp"], reading["append_time"])
        greatest = max(greatest, time - 1000 * OUT_OF_ORDER_SECONDS)
    return passed


def troubled_nodes(seed: int) -> list[Found]:
    """Ten minutes of ten nodes that fail, overheat, pause, and send what they kept all at once.

    In the order of the log; a third of the readings come late, a third again.
    """
    chance = random.Random(seed)
    log = [each for node in range(10) for each in _node(node, chance)]
    return sorted(log, key=lambda each: each["append_time"])


def _node(node: int, chance: random.Random) -> list[Found]:
    labels = {"node_id": f"node-{node}", "cluster_id": "c", "provider_id": "p",
              "region": "us-west-2", "gpu_type": "H100"}  # fmt: skip
    log = []
    at_ms, cut_off_until_ms = T0 + chance.randrange(60_000), 0
    while at_ms < T0 + 600_000:
        for gpu_index in range(2):
            status, celsius = chance.choice(STATUSES), chance.choice(CELSIUS)
            reading = {**labels, "gpu_index": gpu_index, "timestamp": at_ms, "status": status,
                       "temperature": celsius, "gpu_utilization": 0.5,
                       "memory_utilization": 0.5, "power_draw": 300.0}  # fmt: skip
            arrives_ms = max(at_ms + _delay_ms(chance), cut_off_until_ms)
            copies = 1 + (chance.random() < 0.3)
            log += [{**reading, "append_time": arrives_ms + n * 7_000} for n in range(copies)]
        at_ms += chance.choice((5_000,) * 12 + (5_003, 29_500, 30_000, 31_000, 90_000, 130_000))
        if chance.random() < 0.03:
            cut_off_until_ms = at_ms + chance.randrange(150_000)
    return log


def _delay_ms(chance: random.Random) -> int:
    fate = chance.random()
    if fate < 0.1:
        return chance.randrange(5_000, 90_000)
    return chance.randrange(5_000) if fate < 0.4 else chance.randrange(100)
