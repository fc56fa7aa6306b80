"""What nodes measured: now, from Redis, and before, from ClickHouse."""

from query_api import answers, cursors, problems
from query_api.answers import newest_reading, told_reading, told_window
from query_api.bodies import ReadingPage
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import Ports, ReadingFilter, Reporter, Row, Unavailable, WindowFilter
from query_api.problems import FieldError
from query_api.queries.orders import wanted_id
from schemas.names import TELEMETRY_GPU, TELEMETRY_NODE

HOUR_MS = 3_600_000
"""How far back readings are told if nobody says from when."""
RAW_UP_TO_MS = HOUR_MS // 4
"""What eight GPUs tell in this time is 1,440 readings."""
TEN_SECONDS_UP_TO_MS = 6 * HOUR_MS
"""So long a time has 2,160 windows of ten seconds, a whole day 1,440 of a minute."""
WINDOW_SECONDS = {"10s": 10, "1m": 60}
TOPICS = {"gpu": TELEMETRY_GPU, "node": TELEMETRY_NODE}


async def show_telemetry(call: Call) -> Answer:
    """The newest readings of a node's GPUs and of the node itself."""
    node_id = wanted_id(call, "node")
    await find_reporting(call, node_id)
    now_ms = call.ports.clock.now_ms()
    readings = [newest_reading(each, now_ms) for each in await _newest(call.ports, node_id)]
    gpus = [reading for reading in readings if "gpu_index" in reading]
    told: Row = {
        "node_id": node_id,
        "gpus": sorted(gpus, key=lambda reading: int(reading["gpu_index"])),
        "node": next((reading for reading in readings if "gpu_index" not in reading), None),
    }
    return Answer(200, told)


async def list_readings(call: Call) -> Answer:
    """Readings of a node between two times, or windows of them, oldest first."""
    query: ReadingPage = call.query
    node_id = wanted_id(call, "node")
    await find_reporting(call, node_id)
    to_ms = call.ports.clock.now_ms() + 1 if query.to is None else query.to
    from_ms = max(to_ms - HOUR_MS, 0) if query.from_ is None else query.from_
    if from_ms > to_ms:
        rule = "a time that is not after `to`"
        raise problems.invalid([FieldError("/from", from_ms, rule)])
    step = _step(query, to_ms - from_ms)
    after = cursors.read(query.cursor, int, int)
    if step in WINDOW_SECONDS:
        after_ms = -1 if after is None else after[0]
        windows = WindowFilter(node_id, WINDOW_SECONDS[step], from_ms, to_ms, query.limit, after_ms)
        found = await call.ports.history.windows(windows)
        metrics = [told_window(window) for window in found]
    else:
        wanted = ReadingFilter(node_id, TOPICS[query.kind], from_ms, to_ms, query.limit, after)
        found = await call.ports.history.readings(wanted)
        metrics = [told_reading(reading) for reading in found]
    cursor = _cursor_after(found, query.limit)
    return Answer(200, {"step": step, "metrics": metrics, "next_cursor": cursor})


def _step(query: ReadingPage, range_ms: int) -> str:
    """The step asked for, or the finest that does not tell too much of so long a time.

    Raises:
        Problem: there are no windows of the node itself.
    """
    if query.step != "auto":
        if query.kind == "node" and query.step != "raw":
            raise problems.invalid([FieldError("/step", query.step, "raw for kind node")])
        return query.step
    if query.kind == "node" or range_ms <= RAW_UP_TO_MS:
        return "raw"
    return "10s" if range_ms <= TEN_SECONDS_UP_TO_MS else "1m"


async def find_reporting(call: Call, node_id: str) -> Reporter:
    """The node, if the caller is it, its provider's account or an administrator.

    Raises:
        Problem: 404.
    """
    principal = call.principal
    found = await call.ports.reporters.get(node_id)
    own = found is not None and (principal.is_admin or found.account_id == principal.account_id)
    if found is None or not own or principal.node_id not in (None, node_id):
        raise problems.not_found("node", node_id)
    return found


async def _newest(ports: Ports, node_id: str) -> list[Row]:
    """As Redis tells it, or ClickHouse if that has nothing."""
    try:
        found = await ports.live.readings(node_id)
    except Unavailable:
        found = []
    return found or await ports.history.newest_readings(node_id)


def _cursor_after(found: list[Row], limit: int) -> str | None:
    if len(found) < limit:
        return None
    last = found[-1]
    at_ms = last["timestamp"] if "timestamp" in last else last["window_start_ms"]
    # Of the node itself nothing is told apart at one moment: the index only has to be a number.
    return cursors.write(at_ms, last.get("gpu_index", 0))


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/nodes/{{node_id}}/telemetry",
        show_telemetry,
        "Show what a node measured last",
        "telemetry:read",
        {200: answers.NodeTelemetry},
        refusals=(404,),
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/telemetry/{{node_id}}",
        list_readings,
        "List what a node measured, oldest first, reading by reading or in windows",
        "telemetry:read",
        {200: answers.Readings},
        query=ReadingPage,
        refusals=(404,),
    ),
)
