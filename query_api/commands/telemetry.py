"""Telemetry of nodes: readings are judged one by one, and those accepted put into the log."""

import asyncio
from collections import Counter

from query_api import answers, problems, times
from query_api.bodies import TelemetryBatch
from query_api.commands.keys import new_key
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import AlreadyExists, OutcomeUnknown, Principal, Reporter
from query_api.problems import Problem
from query_api.queries.orders import read_id, wanted_id
from query_api.queries.telemetry import find_reporting
from udfs import telemetry
from udfs.telemetry import Judged, Metric, Node, Reading, Refusal

MAX_BYTES = 2 * 1024 * 1024
PART = 250
"""Readings that are judged before others get their turn: about two milliseconds."""
NODE_SCOPES = ("telemetry:read", "telemetry:write")


async def add_batch(call: Call) -> Answer:
    """Put readings of one node into the log; each is accepted or refused by itself."""
    body: TelemetryBatch = call.body
    reporter = await find_reporting(call, read_id(body.node_id, "node"))
    _require_own(call.principal, reporter)
    judged = await _judged(call, reporter.node, body.metrics)
    await _append(call, reporter.node, judged.readings)
    counts = Counter[str](refusal.code for refusal in judged.refusals)
    call.ports.on_readings({"accepted": len(judged.readings), **counts})
    told: answers.TakenBatch = {
        "accepted": len(judged.readings),
        "rejected": [_told(refusal) for refusal in sorted(judged.refusals)],
    }
    return Answer(202, told)


async def enrol_node(call: Call) -> Answer:
    """Exchange a node's onboarding token, sent as the key, for the key of the node; once."""
    principal, now_ms = call.principal, call.ports.clock.now_ms()
    node_id = wanted_id(call, "node")
    if principal.node_id != node_id:
        raise problems.not_found("node", node_id)
    made, row = new_key(
        principal.account_id, f"node {node_id}", (), NODE_SCOPES, now_ms, node_id=node_id
    )
    try:
        await call.ports.keys.enrol(row)
    except AlreadyExists:
        detail = "the onboarding token was exchanged already; the key was told only then"
        raise problems.conflict("NODE_ENROLLED", detail) from None
    told: answers.CreatedKey = {"key_id": row["id"], "key": made.text, "prefix": made.prefix}
    return Answer(201, told)


def _require_own(principal: Principal, reporter: Reporter) -> None:
    """A node reports with its own key, or its provider does; an administrator only looks."""
    is_provider = principal.account_id == reporter.account_id and "provider" in principal.roles
    if principal.node_id is None and not is_provider:
        raise problems.forbidden(
            "this needs the node's key, or one of its provider's account with the role provider"
        )


async def _judged(call: Call, node: Node, metrics: list[Metric]) -> Judged:
    """All readings judged, those whose slot was taken among the refused."""
    now_ms = call.ports.clock.now_ms()
    accepted, refusals = Judged([], [])
    for first in range(0, len(metrics), PART):
        part = metrics[first : first + PART]
        judged = telemetry.judge(node, part, now_ms, times.read_ms, first)
        taken = await _taken(call, node, judged.readings)
        refusals += judged.refusals + telemetry.too_frequent(judged.readings, taken)
        accepted += [reading for at, reading in enumerate(judged.readings) if at not in taken]
        await asyncio.sleep(0)
    return Judged(accepted, refusals)


async def _taken(call: Call, node: Node, readings: list[Reading]) -> frozenset[int]:
    """The positions of the readings whose slot another one has."""
    places = [telemetry.place(reading) for reading in readings]
    if not places:
        return frozenset()
    return frozenset(await call.ports.slots.claim(node.node_id, places))


async def _append(call: Call, node: Node, readings: list[Reading]) -> None:
    records = [(reading.topic, reading.record) for reading in readings]
    try:
        await call.ports.telemetry.append_all(node.node_id, records)
    except OutcomeUnknown:
        detail = (
            "the log (kafka) did not confirm the readings in time: some of them may be in it; "
            "sending the same batch again is safe"
        )
        headers = {"Retry-After": "1"}
        raise Problem(503, "OUTCOME_UNKNOWN", detail, headers=headers) from None


def _told(refusal: Refusal) -> answers.RefusedReading:
    return {"index": refusal.position, "code": refusal.code, "detail": refusal.detail}


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{PREFIX}/telemetry/batch",
        add_batch,
        "Report what a node and its GPUs measured",
        "telemetry:write",
        {202: answers.TakenBatch},
        body=TelemetryBatch,
        refusals=(404,),
        max_bytes=MAX_BYTES,
        is_measured=True,
    ),
    Endpoint(
        "POST",
        f"{PREFIX}/nodes/{{node_id}}/key",
        enrol_node,
        "Exchange a node's onboarding token for its key",
        "nodes:enrol",
        {201: answers.CreatedKey},
        refusals=(404, 409),
    ),
)
