"""100,000 readings, good and bad: each is taken or refused by its own, and no job minds."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from schemas.settings import Settings
from tests.jobs.test_real_stack import Wire, until, wire
from tests.story import Run
from udfs.telemetry import CODES, SLOT_MS

__all__ = ["wire"]
pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

READINGS = 100_000
BATCH = 5_000
GPUS = 64
AGE_MS = 2 * 3600 * 1000
"""So far back the slots of good readings begin."""
BAD_PERCENT = 5
"""Of each kind."""
KINDS = (*CODES, "repeat", "good")
Found = dict[str, Any]


def mixed(now_ms: int) -> Iterator[tuple[str, Any]]:
    """Readings of one node, each behind its kind; the good ones have slots of their own."""
    chance = random.Random(11)
    weights = [BAD_PERCENT] * (len(KINDS) - 1) + [100 - BAD_PERCENT * (len(KINDS) - 1)]
    first_slot = (now_ms - AGE_MS) // SLOT_MS
    good: list[Found] = [_reading(first_slot, 0, chance)]
    yield "good", good[0]
    for kind in chance.choices(KINDS, weights, k=READINGS - 1):
        if kind == "good":
            slot, gpu_index = divmod(len(good), GPUS)
            good.append(_reading(first_slot + slot, gpu_index, chance))
            yield kind, good[-1]
        else:
            yield kind, _other(kind, chance.choice(good), now_ms, chance)


def _reading(slot: int, gpu_index: int, chance: random.Random) -> Found:
    """A good reading in the first half of a slot, so that a second one has room behind it."""
    return {
        "gpu_index": gpu_index,
        "timestamp": slot * SLOT_MS + chance.randrange(SLOT_MS // 2),
        "gpu_utilization": chance.random(),
        "memory_utilization": chance.random(),
        "temperature": chance.randrange(30, 90),
        "power_draw": chance.randrange(60, 700),
        "status": "healthy",
    }


def _other(kind: str, good: Found, now_ms: int, chance: random.Random) -> Any:
    """The same reading again, or what is refused with this code."""
    hour_ms = 3600 * 1000
    return {
        "repeat": good,
        "TOO_FREQUENT": good | {"timestamp": good["timestamp"] + SLOT_MS // 2},
        "STALE": good | {"timestamp": now_ms - 25 * hour_ms},
        "FUTURE": good | {"timestamp": now_ms + hour_ms},
        "UNKNOWN_GPU": good | {"gpu_index": GPUS + chance.randrange(GPUS)},
        "OUT_OF_RANGE": good | {"temperature": 151 + chance.randrange(1_000)},
        "MALFORMED": chance.choice((None, "junk", {}, good | {"power_draw": "1"}, good | {"x": 1})),
    }[kind]


def test_each_is_taken_or_refused_by_its_own(run: Run, market: Settings, wire: Wire) -> None:
    cluster = run("cluster", "create", "mixed", "--region", "us-east-1")["cluster_id"]
    node = run(
        *("node", "register", cluster, "--hostname", "m", "--ip", "10.1.2.5"),
        *("--gpu", "A10", "--count", str(GPUS), "--vram", "24"),
    )
    node_id = node["node_id"]
    key = run("agent", "enrol", node_id, node["onboarding_token"])["key"]
    before = wire.restarts()

    sent = list(mixed(time.time_ns() // 1_000_000))
    told: Counter[str] = Counter()
    with httpx.Client(base_url=market.text("API_URL"), timeout=30.0) as api:
        for first in range(0, READINGS, BATCH):
            part = sent[first : first + BATCH]
            body = {"node_id": node_id, "metrics": [reading for _, reading in part]}
            headers = {"Authorization": f"Bearer {key}"}
            reply = api.post("/api/v2/telemetry/batch", json=body, headers=headers)
            assert reply.status_code == 202, reply.text
            refused = {each["index"]: each["code"] for each in reply.json()["rejected"]}
            wanted = {at: kind for at, (kind, _) in enumerate(part) if kind in CODES}
            assert refused == wanted
            told.update(refused.values(), accepted=reply.json()["accepted"])

    kinds = Counter(kind for kind, _ in sent)
    assert told == {"accepted": kinds["good"] + kinds["repeat"]} | {c: kinds[c] for c in CODES}
    query = f"SELECT count() FROM providers_telemetry FINAL WHERE node_id = '{node_id}'"

    def stored() -> int:
        return int(wire.clickhouse.query(query).first_row[0])

    assert until(lambda: stored() == kinds["good"])
    assert wire.restarts() == before
