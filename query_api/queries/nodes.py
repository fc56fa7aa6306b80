"""Nodes as registered, with the states of their GPUs as the market told them last."""

from query_api import answers, problems
from query_api.answers import told_node
from query_api.bodies import NodePage
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import Ports, Row
from query_api.queries.orders import wanted_id
from query_api.queries.providers import cursor_after, find_own_cluster, live_nodes, slice_of


async def show_node(call: Call) -> Answer:
    """A node of the caller's account."""
    return Answer(200, await node_answer(call.ports, await find_node(call)))


async def list_nodes(call: Call) -> Answer:
    """Nodes of the caller's account, of one cluster if it is named, newest first."""
    query: NodePage = call.query
    page, cluster_id = slice_of(query), None
    if query.cluster_id is not None:
        cluster_id = (await find_own_cluster(call, query.cluster_id))["id"]
    rows, total = await call.ports.registrations.nodes_of(
        call.principal.account_id, cluster_id, page
    )
    live = await live_nodes(call.ports, [row["id"] for row in rows])
    told: answers.Nodes = {
        "items": [told_node(row, live[row["id"]]) for row in rows],
        "total": total,
        "next_cursor": cursor_after(rows, page),
    }
    return Answer(200, told)


async def find_node(call: Call) -> Row:
    """The node in the path, if it is of the caller's account.

    Raises:
        Problem: 404.
    """
    node_id = wanted_id(call, "node")
    node = await call.ports.registrations.node(node_id)
    if node is None or node["account_id"] != call.principal.account_id:
        raise problems.not_found("node", node_id)
    return node


async def node_answer(ports: Ports, node: Row) -> answers.Node:
    """The node as GET tells it."""
    live = await live_nodes(ports, [node["id"]])
    return told_node(node, live[node["id"]])


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/nodes",
        list_nodes,
        "List the account's nodes, newest first",
        "providers:read",
        {200: answers.Nodes},
        query=NodePage,
        refusals=(404,),
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/nodes/{{node_id}}",
        show_node,
        "Show a node",
        "providers:read",
        {200: answers.Node},
        refusals=(404,),
    ),
)
