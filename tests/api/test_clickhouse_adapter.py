"""ClickHouse's adapter: what it asks over HTTP, and what it makes of the answers."""

import json
from uuid import uuid4

import httpx

from query_api.adapters.clickhouse import NODES_AT_ONCE, ClickHouse


async def test_any_number_of_nodes_is_asked_for_in_parts() -> None:
    """What is asked goes into the URL, which has a bound."""
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        ids = json.loads(request.url.params["param_node_ids"].replace("'", '"'))
        asked.append(len(ids))
        known = (each for each in ids if each[0] in "01234567")
        return httpx.Response(200, text="\n".join(f'{{"node_id": "{each}"}}' for each in known))

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://c")
    node_ids = [str(uuid4()) for _ in range(2 * NODES_AT_ONCE + 1)]
    found = await ClickHouse(client).nodes(node_ids)
    assert found == [{"node_id": each} if each[0] in "01234567" else None for each in node_ids]
    assert asked == [NODES_AT_ONCE, NODES_AT_ONCE, 1]
    assert await ClickHouse(client).nodes([]) == []
