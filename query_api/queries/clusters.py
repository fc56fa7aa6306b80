"""Clusters on the market: where GPUs are, and how many of them are for sale."""

from query_api import answers
from query_api.bodies import ClusterPage
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.queries.market import require_gpu_types, require_region
from query_api.queries.providers import cursor_after, live_nodes, slice_of


async def list_market_clusters(call: Call) -> Answer:
    """Clusters of verified providers with their GPUs by type, newest first."""
    query: ClusterPage = call.query
    await require_gpu_types(call, query.gpu_type)
    await require_region(call, query.region)
    page = slice_of(query)
    rows, total = await call.ports.registrations.clusters_on_market(
        query.gpu_type, query.region, page
    )
    live = await live_nodes(call.ports, [node_id for row in rows for node_id in row["nodes"]])
    told: answers.MarketClusters = {
        "items": [answers.told_market_cluster(row, live) for row in rows],
        "total": total,
        "next_cursor": cursor_after(rows, page),
    }
    return Answer(200, told)


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/market/clusters",
        list_market_clusters,
        "List the clusters on the market, newest first",
        "market:read",
        {200: answers.MarketClusters},
        query=ClusterPage,
    ),
)
