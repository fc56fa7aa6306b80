"""What the market must learn of a registration, as a command for its account's log."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from query_api.ports import Registered, Row
from schemas.names import REGISTRY

Body = dict[str, Any]


def from_registry(registered: Registered, command: Body) -> Body:
    """The whole record: the command with the account's number (market-rules.md B5)."""
    return {
        **command,
        "command_id": str(uuid4()),
        "account_id": registered.account_id,
        "source": REGISTRY,
        "source_seq": registered.seq,
    }


def set_account(account: Mapping[str, Any], provider_status: str) -> Body:
    """Who the account is and what it may do (K1)."""
    body = {
        "provider": account["role"] == "provider",
        "verified": provider_status == "verified",
        "suspended": account["suspended"],
        "max_open_orders": account["max_open_orders"],
        "max_notional_micros": account["max_notional_micros"],
    }
    return {"kind": "set_account", "set_account": body}


def register_node(node: Row) -> Body:
    """A node with its GPUs (K2)."""
    body = {
        "node_id": node["id"],
        "gpu_type": node["gpu_type"],
        "region": node["region"],
        "gpu_count": len(node["gpus"]),
        "base_price_micros": node["base_price_micros"],
        "surge_enabled": node["surge_enabled"],
    }
    return {"kind": "register_node", "register_node": body}


def remove_node(node_id: str) -> Body:
    """A node that goes (K4)."""
    return {"kind": "remove_node", "remove_node": {"node_id": node_id}}


def change_command(node: Row, changes: Row) -> Body | None:
    """What the market must learn of a node's changes; None for a new name or address."""
    if "maintenance" in changes:
        body = {"node_id": node["id"], "maintenance": node["maintenance"]}
        return {"kind": "set_node_maintenance", "set_node_maintenance": body}
    if "base_price_micros" in changes:
        pricing = {
            "node_id": node["id"],
            "base_price_micros": node["base_price_micros"],
            "surge_enabled": node["surge_enabled"],
            "relist": node["relist"],
        }
        return {"kind": "set_node_pricing", "set_node_pricing": pricing}
    return None
