"""Nodes and their GPUs: registered, priced, taken into maintenance and removed by providers."""

import secrets
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any
from uuid import uuid4

from query_api import answers, problems, registered
from query_api.bodies import ChangeNode, CreateNode, SetPricing
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import Row
from query_api.problems import FieldError
from query_api.queries.nodes import find_node, node_answer
from query_api.queries.providers import find_own_cluster


async def create_node(call: Call) -> Answer:
    """Register a node in a cluster of the caller; its GPUs can be sold as soon as it is there."""
    cluster = await find_own_cluster(call, call.path["cluster_id"])
    token = f"gpo_{secrets.token_urlsafe(32)}"  # random alone may begin like an option of a command
    node = _new_node(call.body, cluster, token, call.ports.clock.now_ms())
    added = await call.ports.registrations.add_node(node)
    told: answers.CreatedNode = {"node_id": node["id"], "onboarding_token": token}
    location = {"Location": f"{PREFIX}/nodes/{node['id']}"}
    return await registered.answer(call.ports, added, 201, told, location)


async def change_node(call: Call) -> Answer:
    """Change a node's name or address, or take it into maintenance and back."""
    body: ChangeNode = call.body
    node = await find_node(call)
    changes: Row = {
        name: value
        for name, value in (("hostname", body.hostname), ("ip_address", body.ip_address))
        if value is not None
    }
    if body.status is not None:
        changes["maintenance"] = body.status == "maintenance"
    changed = await call.ports.registrations.change_node(node["id"], changes)
    told = await node_answer(call.ports, {**node, **changes})
    if changed is None:
        return Answer(200, told)
    return await registered.answer(call.ports, changed, 200, told)


async def set_pricing(call: Call) -> Answer:
    """Set what a node asks for its GPUs by default, and whether it is listed anew (K4)."""
    body: SetPricing = call.body
    node = await find_node(call)
    changes = {
        "base_price_micros": body.base_price,
        "surge_enabled": body.surge_enabled,
        "relist": body.relist,
    }
    changed = await call.ports.registrations.change_node(node["id"], changes)
    if changed is None:
        raise problems.not_found("node", node["id"])
    return await registered.answer(call.ports, changed, 200, {"success": True})


async def remove_node(call: Call) -> Answer:
    """Remove a node; leases that run on it run to their end (market-rules.md K4)."""
    node = await find_node(call)
    removed = await call.ports.registrations.remove_node(node["id"])
    if removed is None:
        raise problems.not_found("node", node["id"])
    return await registered.answer(call.ports, removed, 200, {"success": True})


async def check_node(call: Call, wrong: frozenset[str]) -> list[FieldError]:
    """GPUs of a node are of one known type, and each is in a slot of its own."""
    if "gpu_specs" in wrong:
        return []
    specs = call.sent["gpu_specs"]
    known = (await call.ports.catalogue.get()).gpu_types
    return [*_model_errors(specs, known), *_slot_errors(specs)]


def _model_errors(specs: Sequence[dict[str, Any]], known: Sequence[str]) -> Iterator[FieldError]:
    first = specs[0]["model"]
    for index, spec in enumerate(specs):
        pointer = f"/gpu_specs/{index}/model"
        if spec["model"] not in known:
            rule = f"one of the catalogue: {', '.join(known)}"
            yield FieldError(pointer, spec["model"], rule)
        elif spec["model"] != first:
            rule = f"the same for all GPUs of a node; the first is {first[:64]}"
            yield FieldError(pointer, spec["model"], rule)


def _slot_errors(specs: Sequence[dict[str, Any]]) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, spec in enumerate(specs):
        slot = spec["pcie_slot"]
        if slot in seen:
            rule = "another one for each GPU of a node"
            yield FieldError(f"/gpu_specs/{index}/pcie_slot", slot, rule)
        seen.add(slot)


def _new_node(body: CreateNode, cluster: Row, token: str, now_ms: int) -> Row:
    return {
        "id": str(uuid4()),
        "cluster_id": cluster["id"],
        "account_id": cluster["account_id"],
        "region": cluster["region"],
        "gpu_type": body.gpu_specs[0].model,
        "hostname": body.hostname,
        "ip_address": body.ip_address,
        "token_hash": sha256(token.encode()).digest(),
        "gpus": [{"id": str(uuid4()), **spec.model_dump()} for spec in body.gpu_specs],
        "maintenance": False,
        "base_price_micros": 0,
        "surge_enabled": False,
        "relist": False,
        "created_at_ms": now_ms,
    }


_CHANGED = {200: answers.Success, 202: answers.Success}
ENDPOINTS = (
    Endpoint(
        "POST",
        f"{PREFIX}/clusters/{{cluster_id}}/nodes",
        create_node,
        "Register a node with its GPUs",
        "providers:write",
        {201: answers.CreatedNode, 202: answers.CreatedNode},
        body=CreateNode,
        check=check_node,
        role="provider",
        refusals=(404,),
    ),
    Endpoint(
        "PATCH",
        f"{PREFIX}/nodes/{{node_id}}",
        change_node,
        "Rename a node, or take it into maintenance and back",
        "providers:write",
        {200: answers.Node, 202: answers.Node},
        body=ChangeNode,
        role="provider",
        refusals=(404,),
    ),
    Endpoint(
        "DELETE",
        f"{PREFIX}/nodes/{{node_id}}",
        remove_node,
        "Remove a node",
        "providers:write",
        _CHANGED,
        role="provider",
        refusals=(404,),
    ),
    Endpoint(
        "PUT",
        f"{PREFIX}/nodes/{{node_id}}/pricing",
        set_pricing,
        "Set a node's price",
        "providers:write",
        _CHANGED,
        body=SetPricing,
        role="provider",
        refusals=(404,),
    ),
)
