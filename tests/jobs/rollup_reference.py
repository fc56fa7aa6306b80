"""Windows of telemetry the slow and obvious way, and readings to compare others with it on."""

import csv
import gzip
import random
from collections import defaultdict
from collections.abc import Iterable
from math import floor, fsum
from pathlib import Path
from typing import Any

Found = dict[str, Any]
Key = tuple[str, str, int, int]
"""Scope, id, seconds and start of a window."""
MEASURES = ("gpu_utilization", "memory_utilization", "temperature", "power_draw")
DATA = Path(__file__).resolve().parents[2] / "data" / "gpu_duty_cycle.csv.gz"
T0 = 1_790_000_000_000


def windows(readings: Iterable[Found]) -> dict[Key, Found]:
    """Every window of these readings, by its key; copies of a reading count once."""
    once = {(each["node_id"], each["gpu_index"], each["timestamp"]): each for each in readings}
    inside: dict[Key, list[Found]] = defaultdict(list)
    for reading in once.values():
        for key in windows_of(reading):
            inside[key].append(reading)
    return {key: _rollup(key, told) for key, told in inside.items()}


def windows_of(reading: Found) -> list[Key]:
    """The four windows that a reading is in."""
    ten, minute = (reading["timestamp"] // ms * ms for ms in (10_000, 60_000))
    market = f"{reading['gpu_type']}/{reading['region']}"
    return [
        ("node", reading["node_id"], 10, ten),
        ("node", reading["node_id"], 60, minute),
        ("cluster", reading["cluster_id"], 60, minute),
        ("market", market, 60, minute),
    ]


def key_of(rollup: Found) -> Key:
    return tuple(
        rollup[name] for name in ("scope", "scope_id", "window_seconds", "window_start_ms")
    )  # type: ignore[return-value]


def _rollup(key: Key, readings: list[Found]) -> Found:
    scope, one = key[0], readings[0]
    known = {
        "node": ("gpu_type", "region", "cluster_id", "provider_id", "node_id"),
        "cluster": ("region", "cluster_id", "provider_id"),
        "market": ("gpu_type", "region"),
    }[scope]
    labels = {name: one[name] if name in known else "" for name in
              ("gpu_type", "region", "cluster_id", "provider_id", "node_id")}  # fmt: skip
    told: Found = {"samples": len(readings), **labels}
    for measure in MEASURES:
        values = sorted(each[measure] for each in readings)
        told[f"{measure}_mean"] = fsum(values) / len(values)
        told[f"{measure}_p95"] = _percentile(values, 0.95)
        told[f"{measure}_max"] = values[-1]
    return told


def _percentile(values: list[float], part: float) -> float:
    """Between the two nearest of the sorted values, in proportion."""
    place = part * (len(values) - 1)
    below = floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def random_readings(seed: int) -> list[Found]:
    """A day's trouble in ten minutes, in the order of the log.

    Of all readings 30 % are appended long after they were measured, 30 % within the five seconds
    that are allowed, and 30 % come again.
    """
    chance = random.Random(seed)
    readings = []
    for node in range(12):
        gpu_type, region = ("H100", "A10")[node % 2], ("us-west-2", "us-east-1")[node // 6]
        labels = {"node_id": f"node-{node}", "cluster_id": f"cluster-{node // 3}",
                  "provider_id": f"provider-{node // 6}", "region": region,
                  "gpu_type": gpu_type}  # fmt: skip
        for gpu_index in range(2):
            for slot in range(120):
                at_ms = T0 + slot * 5_000 + chance.randrange(5_000)
                readings.append({**labels, "gpu_index": gpu_index, "timestamp": at_ms,
                                 "gpu_utilization": chance.random(),
                                 "memory_utilization": chance.choice((0.0, 0.5, 1.0)),
                                 "temperature": chance.uniform(-50, 150),
                                 "power_draw": float(chance.randrange(5_000)),
                                 "status": "healthy"})  # fmt: skip
    return _troubled(readings, chance)


def duty_cycle_readings(hours: int, seed: int) -> list[Found]:
    """Real readings of the first hours, one a minute, in an order with the same trouble."""
    with gzip.open(DATA, "rt") as file:
        rows = [row for row in csv.DictReader(file) if int(row["offset_s"]) < hours * 3600]
    readings = [_duty_cycle_reading(row) for row in rows]
    return _troubled(readings, random.Random(seed))


def _duty_cycle_reading(row: dict[str, str]) -> Found:
    number = int(row["node"][1:])
    duty = float(row["gpu_duty_cycle_pct"]) / 100
    return {"node_id": f"node-{number // 8}", "cluster_id": f"cluster-{number // 32}",
            "provider_id": "provider", "region": "us-west-2", "gpu_type": "A10",
            "gpu_index": number % 8, "timestamp": T0 + 1000 * int(row["offset_s"]),
            "gpu_utilization": duty, "memory_utilization": duty / 2,
            "temperature": 30 + 50 * duty, "power_draw": 60 + 240 * duty,
            "status": "healthy"}  # fmt: skip


def _troubled(readings: list[Found], chance: random.Random) -> list[Found]:
    log = []
    for reading in readings:
        fate = chance.random()
        delay_ms = chance.randrange(100)
        if fate < 0.3:
            delay_ms = chance.randrange(6_000, 200_000)
        elif fate < 0.6:
            delay_ms = chance.randrange(5_000)
        log.append({**reading, "append_time": reading["timestamp"] + delay_ms})
        if chance.random() < 0.3:
            again_ms = log[-1]["append_time"] + chance.randrange(100_000)
            log.append({**reading, "append_time": again_ms})
    return sorted(log, key=lambda each: each["append_time"])
