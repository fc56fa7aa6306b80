"""The newest readings of a node in Redis: what a row holds, what writes it, and how to read it.

A row is a hash of a node: under each GPU's index, and under `node`, the newest reading with its
timestamp in front, so that a reading that comes again or late changes nothing. Redis keeps nothing
that was measured more than `LIVE_MS` ago; ClickHouse does.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

LIVE_MS: Final = 3_600_000
LABELS: Final = frozenset(("node_id", "cluster_id", "provider_id", "region", "gpu_type"))
"""What every reading of a node says of the node."""
_json: Final = json.JSONEncoder(separators=(",", ":")).encode
"""`json.dumps` would make its encoder anew for each reading."""
_STAMP: Final = 15
"""Digits of a timestamp, so that text sorts as time does."""

NEWEST: Final = """
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
local taken = 0
for i = 2, #ARGV, 2 do
    local stamp = string.sub(ARGV[i + 1], 1, 15)
    local held = redis.call('HGET', KEYS[1], ARGV[i])
    if tonumber(stamp) >= oldest and (not held or stamp > string.sub(held, 1, 15)) then
        redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
        taken = taken + 1
    end
end
if taken > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return taken
"""
"""Lua. KEYS: a node's row. ARGV: `LIVE_MS`, then fields and values, each taken if it is newer."""


def telemetry_key(node_id: str) -> str:
    """The key of a node's row."""
    return f"telemetry:{node_id}"


def field(reading: Mapping[str, Any]) -> str:
    """The field of a reading, whose newest one it holds."""
    return str(reading.get("gpu_index", "node"))


def text(reading: Mapping[str, Any]) -> str:
    """A reading as a row holds it: what was measured, without what is known of the node."""
    measured = {name: value for name, value in reading.items() if name not in LABELS}
    return f"{reading['timestamp']:0{_STAMP}d}{_json(measured)}"


def read_row(row: Mapping[str, str]) -> list[dict[str, Any]]:
    """The readings in a row; that of the node itself has no `gpu_index`."""
    return [json.loads(value[_STAMP:]) for value in row.values()]
