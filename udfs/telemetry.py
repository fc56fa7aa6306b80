"""Which readings of a node are taken, and what is recorded of them.

Pure: the time comes in, and so does who remembers which slots are taken (`place`). A reading is
judged by itself and refused by itself, with a code:

| code | refused because |
|---|---|
| MALFORMED | it is no object, a field is missing, unknown or of another type |
| OUT_OF_RANGE | a measured value cannot be |
| UNKNOWN_GPU | the node has no GPU of this index |
| STALE | it is older than 24 h |
| FUTURE | it is more than 5 s ahead |
| TOO_FREQUENT | another reading of this GPU has its slot of 5 s |

The first that holds, from the top, is told. A reading's identity is node, GPU and timestamp: what
comes again with the same one is a repeat, and is taken.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from schemas import names
from schemas.bounds import MEASURED
from schemas.names import ReadingStatus

Code = Literal["MALFORMED", "OUT_OF_RANGE", "UNKNOWN_GPU", "STALE", "FUTURE", "TOO_FREQUENT"]
CODES: Final[tuple[Code, ...]] = get_args(Code)
SLOT_MS: Final = 5_000
"""At most one reading of a GPU, and of a node itself, in each `timestamp // SLOT_MS`."""
PAGE_SLOTS: Final = 720
PAGE_MS: Final = SLOT_MS * PAGE_SLOTS
"""Slots are remembered by the page, an hour."""
STALE_MS: Final = 24 * 3600 * 1000
FUTURE_MS: Final = 5_000
NODE_ITSELF: Final = -1
"""Stands where the index of a GPU would, for readings of the node."""
LONGEST_VALUE: Final = 40
"""Characters of an offending value that are told."""
_NO_GPU: Final = -2
_TIMES: Final = 1 << 63
"""Times are integers of 64 bits, in milliseconds before and since 1970."""
_NUMBERS: Final = (float, int)
_STATUSES: Final = frozenset(get_args(ReadingStatus))

Metric = Any
"""A reading as it was sent: whatever JSON can say."""
ReadTime = Callable[[str], int]
"""Milliseconds of a time written as RFC 3339; raises `ValueError` for what is none."""


class Node(NamedTuple):
    """The node that reports, as it was registered."""

    node_id: str
    cluster_id: str
    provider_id: str
    region: str
    gpu_type: str
    gpu_count: int

    def labels(self) -> dict[str, str]:
        """What every record says of its node."""
        return {
            "node_id": self.node_id,
            "cluster_id": self.cluster_id,
            "provider_id": self.provider_id,
            "region": self.region,
            "gpu_type": self.gpu_type,
        }


class Reading(NamedTuple):
    """A reading that is good in itself; its slot may still be taken."""

    position: int
    """In its batch, from 0."""
    topic: str
    gpu_index: int
    timestamp: int
    record: dict[str, Any]


class Refusal(NamedTuple):
    """A reading that is not taken."""

    position: int
    """In its batch, from 0."""
    code: Code
    detail: str


class Judged(NamedTuple):
    """Every reading of a batch is in one of the two, in the order of the batch."""

    readings: list[Reading]
    refusals: list[Refusal]


class Place(NamedTuple):
    """Where it is remembered that a slot is taken, and by which reading."""

    gpu_index: int
    page: int
    slot: int
    """Of the page, from 0."""
    mark: int
    """Which reading of the slot: 1 to `SLOT_MS`, by its millisecond."""


class _Kind(NamedTuple):
    """A kind of reading: its topic, all its fields, and the ranges of the measured ones."""

    topic: str
    fields: frozenset[str]
    ranges: tuple[tuple[str, float, float], ...]


class _Refused(Exception):
    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def _kind(topic: str, own: Sequence[str], measured: Sequence[str]) -> _Kind:
    ranges = tuple((name, *MEASURED[name]) for name in measured)
    return _Kind(topic, frozenset((*own, "timestamp", *measured)), ranges)


_GPU: Final = _kind(
    names.TELEMETRY_GPU,
    ("gpu_index", "status"),
    ("gpu_utilization", "memory_utilization", "temperature", "power_draw"),
)
_NODE: Final = _kind(
    names.TELEMETRY_NODE,
    (),
    (
        "cpu_utilization",
        "memory_utilization",
        "disk_utilization",
        "network_receive_rate",
        "network_send_rate",
    ),
)


def judge(
    node: Node, metrics: Iterable[Metric], now_ms: int, read_time: ReadTime, first: int = 0
) -> Judged:
    """The readings that are good in themselves, and the refusals of the others.

    Args:
        node: whose readings they are.
        metrics: the readings as sent; one with `cpu_utilization` is of the node itself.
        now_ms: the time.
        read_time: reads a timestamp that is text.
        first: the position of the first of them, for a batch that is judged in parts.
    """
    judged = Judged([], [])
    labels = node.labels()
    for position, metric in enumerate(metrics, first):
        try:
            judged.readings.append(_reading(position, metric, node, labels, now_ms, read_time))
        except _Refused as refused:
            judged.refusals.append(Refusal(position, refused.code, str(refused)))
    return judged


def place(reading: Reading) -> Place:
    """The place that a reading wants: free, or taken by the same reading, or by another one."""
    page, within = divmod(reading.timestamp, PAGE_MS)
    slot, ms = divmod(within, SLOT_MS)
    return Place(reading.gpu_index, page, slot, ms + 1)


def too_frequent(readings: Sequence[Reading], taken: Collection[int]) -> list[Refusal]:
    """The refusals of those readings, by their position, whose slot another one has."""
    return [_too_frequent(readings[at]) for at in sorted(taken)]


def _too_frequent(reading: Reading) -> Refusal:
    whose = "the node" if reading.gpu_index == NODE_ITSELF else f"GPU {reading.gpu_index}"
    slot = reading.timestamp // SLOT_MS * SLOT_MS
    detail = f"{whose} has a reading between {slot} and {slot + SLOT_MS - 1} ms already"
    return Refusal(reading.position, "TOO_FREQUENT", detail)


def _reading(
    position: int,
    metric: Metric,
    node: Node,
    labels: dict[str, str],
    now_ms: int,
    read_time: ReadTime,
) -> Reading:
    kind = _kind_of(metric)
    timestamp = _timestamp(metric["timestamp"], read_time)
    gpu_index = _gpu_index(metric) if kind is _GPU else NODE_ITSELF
    for name, least, most in kind.ranges:
        value = metric[name]
        if type(value) not in _NUMBERS or not least <= value <= most:
            raise _wrong_value(metric, kind)
    if gpu_index >= node.gpu_count or gpu_index < NODE_ITSELF:
        rule = f"gpu_index must be 0 to {node.gpu_count - 1}, the GPUs of this node"
        raise _Refused("UNKNOWN_GPU", f"{rule}, was {_shown(metric['gpu_index'])}")
    if not now_ms - STALE_MS <= timestamp <= now_ms + FUTURE_MS:
        raise _wrong_time(timestamp - now_ms)
    record = {**labels, **metric, "timestamp": timestamp}
    return Reading(position, kind.topic, gpu_index, timestamp, record)


def _kind_of(metric: Metric) -> _Kind:
    if not isinstance(metric, dict):
        raise _Refused("MALFORMED", f"a reading must be an object, was {_shown(metric)}")
    kind = _NODE if "cpu_utilization" in metric else _GPU
    if metric.keys() != kind.fields:
        raise _Refused("MALFORMED", _field_names(metric, kind))
    return kind


def _field_names(metric: Mapping[str, Any], kind: _Kind) -> str:
    missing = ", ".join(sorted(kind.fields - metric.keys()))
    unknown = ", ".join(_shown(name) for name in sorted(metric.keys() - kind.fields)[:3])
    parts = [f"missing: {missing}"] if missing else []
    parts += [f"unknown: {unknown}"] if unknown else []
    return "; ".join(parts)


def _timestamp(value: Any, read_time: ReadTime) -> int:
    if type(value) is int and -_TIMES <= value < _TIMES:
        return value
    try:
        if type(value) is str:
            return read_time(value)
    except ValueError:
        pass
    rule = "timestamp must be ms since 1970 as a JSON integer, or RFC 3339 with its offset"
    raise _Refused("MALFORMED", f"{rule}, was {_shown(value)}")


def _gpu_index(metric: Mapping[str, Any]) -> int:
    index, status = metric["gpu_index"], metric["status"]
    if type(index) is not int:
        raise _Refused("MALFORMED", f"gpu_index must be a JSON integer, was {_shown(index)}")
    if type(status) is not str or status not in _STATUSES:
        rule = f"status must be one of {', '.join(sorted(_STATUSES))}"
        raise _Refused("MALFORMED", f"{rule}, was {_shown(status)}")
    return index if index >= 0 else _NO_GPU


def _wrong_value(metric: Mapping[str, Any], kind: _Kind) -> _Refused:
    """What to say of a metric with a wrong value: a type before a range."""
    for name, _, _ in kind.ranges:
        if type(metric[name]) not in _NUMBERS:
            return _Refused("MALFORMED", f"{name} must be a number, was {_shown(metric[name])}")
    outside = [each for each in kind.ranges if not each[1] <= metric[each[0]] <= each[2]]
    name, least, most = outside[0]
    detail = f"{name} must be {least} to {most}, was {_shown(metric[name])}"
    return _Refused("OUT_OF_RANGE", detail)


def _wrong_time(ahead_ms: int) -> _Refused:
    if ahead_ms > 0:
        return _Refused("FUTURE", f"timestamp is {ahead_ms} ms ahead, at most {FUTURE_MS} may be")
    return _Refused("STALE", f"timestamp is {-ahead_ms} ms old, at most {STALE_MS} may be")


def _shown(value: Any) -> str:
    """A value in at most `LONGEST_VALUE` characters."""
    words = repr(value)
    return words if len(words) <= LONGEST_VALUE else f"{words[:LONGEST_VALUE]}…"
