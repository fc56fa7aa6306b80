"""Providers and their clusters, with the GPUs that the market says are free."""

from collections.abc import Sequence

from query_api import answers, cursors, problems
from query_api.answers import told_cluster, told_provider
from query_api.bodies import Page, ProviderPage
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import Ports, Row, Slice, Unavailable
from query_api.queries.orders import read_id, wanted_id


async def show_provider(call: Call) -> Answer:
    """A provider: the caller's own, or any to an administrator."""
    return Answer(200, told_provider(await find_provider(call)))


async def show_own_provider(call: Call) -> Answer:
    """The provider of the caller's account."""
    return Answer(200, told_provider(await own_provider(call)))


async def list_providers(call: Call) -> Answer:
    """Providers, of one status if it is named, newest first."""
    query: ProviderPage = call.query
    page = slice_of(query)
    rows, total = await call.ports.registrations.providers(query.status, page)
    told: answers.Providers = {
        "items": [told_provider(row) for row in rows],
        "total": total,
        "next_cursor": cursor_after(rows, page),
    }
    return Answer(200, told)


async def list_own_clusters(call: Call) -> Answer:
    """Clusters of the caller's provider, newest first."""
    query: Page = call.query
    provider = await own_provider(call)
    page = slice_of(query)
    rows, total = await call.ports.registrations.clusters_of(provider["id"], page)
    live = await live_nodes(call.ports, [node_id for row in rows for node_id in row["nodes"]])
    told: answers.Clusters = {
        "items": [told_cluster(row, live) for row in rows],
        "total": total,
        "next_cursor": cursor_after(rows, page),
    }
    return Answer(200, told)


async def find_provider(call: Call) -> Row:
    """The provider in the path, if it is the caller's or the caller an administrator.

    Raises:
        Problem: 404.
    """
    provider_id = wanted_id(call, "provider")
    provider = await call.ports.registrations.provider(provider_id)
    if provider is None or not _may_see(call, provider):
        raise problems.not_found("provider", provider_id)
    return provider


async def find_own_cluster(call: Call, cluster_id: str) -> Row:
    """The cluster, if it is of the caller's account.

    Raises:
        Problem: 404.
    """
    cluster = await call.ports.registrations.cluster(read_id(cluster_id, "cluster"))
    if cluster is None or cluster["account_id"] != call.principal.account_id:
        raise problems.not_found("cluster", cluster_id)
    return cluster


async def live_nodes(ports: Ports, node_ids: Sequence[str]) -> dict[str, Row | None]:
    """What the market told last of each node: from Redis, else ClickHouse, else nothing."""
    facts = await _from_redis(ports, node_ids)
    missing = [node_id for node_id, fact in facts.items() if fact is None]
    return facts | await _from_history(ports, missing) if missing else facts


def slice_of(query: Page) -> Slice:
    """The part of a list that a page's query wants."""
    return Slice(cursors.read(query.cursor, int), query.limit)


def cursor_after(rows: Sequence[Row], page: Slice) -> str | None:
    """The cursor for the next page; None after the last."""
    return cursors.write(rows[-1]["position"]) if len(rows) == page.limit else None


async def own_provider(call: Call) -> Row:
    """The provider of the caller's account.

    Raises:
        Problem: 404.
    """
    provider = await call.ports.registrations.provider_of(call.principal.account_id)
    if provider is None:
        raise problems.not_found("provider", "me")
    return provider


def _may_see(call: Call, provider: Row) -> bool:
    return call.principal.is_admin or provider["account_id"] == call.principal.account_id


async def _from_redis(ports: Ports, node_ids: Sequence[str]) -> dict[str, Row | None]:
    try:
        return dict(zip(node_ids, await ports.live.nodes(node_ids), strict=True))
    except Unavailable:
        return dict.fromkeys(node_ids)


async def _from_history(ports: Ports, node_ids: Sequence[str]) -> dict[str, Row | None]:
    try:
        return dict(zip(node_ids, await ports.history.nodes(node_ids), strict=True))
    except Unavailable:
        return dict.fromkeys(node_ids)


ENDPOINTS = (
    Endpoint(
        "GET",
        f"{PREFIX}/providers",
        list_providers,
        "List providers, newest first",
        "admin",
        {200: answers.Providers},
        query=ProviderPage,
        role="platform_admin",
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/providers/me",
        show_own_provider,
        "Show the caller's provider",
        "providers:read",
        {200: answers.Provider},
        refusals=(404,),
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/providers/me/clusters",
        list_own_clusters,
        "List the caller's clusters, newest first",
        "providers:read",
        {200: answers.Clusters},
        query=Page,
        refusals=(404,),
    ),
    Endpoint(
        "GET",
        f"{PREFIX}/providers/{{provider_id}}",
        show_provider,
        "Show a provider",
        "providers:read",
        {200: answers.Provider},
        refusals=(404,),
    ),
)
