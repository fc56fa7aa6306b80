"""Who may listen to what: the rights that a feed needs, and the channel that an address means."""

from collections.abc import Mapping
from typing import NamedTuple

from query_api import problems
from query_api.feeds.control import CHANNEL as CONTROL
from query_api.feeds.positions import Kind
from query_api.feeds.pricing import CHANNEL as PRICING
from query_api.ports import Ports, Principal
from query_api.queries.orders import read_id


class Rights(NamedTuple):
    """What a key needs for a kind of feed."""

    scope: str
    role: str = ""


RIGHTS: Mapping[Kind, Rights] = {
    "orders": Rights("orders:read"),
    "telemetry": Rights("telemetry:read"),
    "pricing": Rights("market:read"),
    "market": Rights("market:read"),
    "admin": Rights("admin", "platform_admin"),
}


def channel_path(kind: Kind, name: str) -> str:
    """The address of a channel."""
    return {"pricing": "/ws/pricing", "admin": "/ws/admin/control"}.get(kind, f"/ws/{kind}/{name}")


async def channel_of(ports: Ports, principal: Principal, kind: Kind, argument: str) -> str:
    """The name of the channel that an address means to this caller.

    Raises:
        Problem: 404, there is none of this account.
    """
    if kind == "orders":
        own = principal.account_id
        if argument != "me" and read_id(argument, "channel") != own:
            raise problems.not_found("channel", argument)
        return own
    if kind == "telemetry":
        cluster_id = read_id(argument, "channel")
        cluster = await ports.registrations.cluster(cluster_id)
        is_own = cluster is not None and cluster["account_id"] == principal.account_id
        if not is_own or principal.node_id is not None:  # a node's key is for this node alone
            raise problems.not_found("channel", argument)
        return cluster_id
    if kind == "market":
        known = await ports.catalogue.get()
        gpu_type, _, product = argument.rpartition(".")
        if gpu_type not in known.gpu_types or product not in known.products:
            raise problems.not_found("channel", argument)
        return argument
    return PRICING if kind == "pricing" else CONTROL
