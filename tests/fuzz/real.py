"""Spoiled bodies at a running market: what memory forgives, PostgreSQL or Kafka may not."""

import asyncio
from typing import Final

import httpx

from cli.client import AsyncClient
from cli.demo import play
from cli.demo.trace import Supply, TraceNode
from cli.session import Session
from tests.api.asgi import Answered
from tests.fuzz.arena import Told
from tests.fuzz.bodies import Request, shoot

GPU_TYPE: Final = "G2"
PRODUCT: Final = "reserved"
"""A book that nobody else uses: what is listed there is in nobody's way."""
REGION: Final = "us-west-2"
EXAMPLES: Final = 500
TIMEOUT_SECONDS: Final = 30.0


def shoot_at(opened: Session, seed: int, cases: int) -> Told:
    """Send at least so many spoiled bodies for a new provider, and tell what came of them."""
    admin = opened.key("admin", "admin")
    party, ids = asyncio.run(_prepare(opened.url(), admin))
    told = Told()
    with httpx.Client(base_url=opened.url(), timeout=TIMEOUT_SECONDS) as http:

        def send(request: Request) -> Answered:
            key = admin if request.endpoint.role == "platform_admin" else party.key
            headers = {"Authorization": f"Bearer {key}", **_sendable(request.headers)}
            method = request.endpoint.method
            response = http.request(method, request.target, headers=headers, content=request.body)
            told.cases += 1
            told.statuses[response.status_code] += 1
            pairs = list(response.headers.multi_items())
            return Answered(response.status_code, pairs, response.content, len(request.body))

        number = seed * 1_000_003
        while told.cases < cases:
            number += 1
            if found := shoot(send, ids, number, min(EXAMPLES, cases)):
                told.flaws.append(found)
    return told


def _sendable(headers: dict[str, str]) -> dict[str, bytes]:
    """Those that a client library lets out, as bytes."""
    return {
        name: text.encode("latin-1")
        for name, text in headers.items()
        if text == text.strip() and all(each == "\t" or " " <= each != "\x7f" for each in text)
    }


async def _prepare(url: str, admin_key: str) -> tuple[play.Party, dict[str, str]]:
    """A provider with a node and an order, and what paths and bodies may name."""
    async with AsyncClient(url, 1) as api:
        run = play.Run(api, admin_key)
        await play.open_accounts(run, 1, 0)
        await play.register_supply(run, [Supply(TraceNode("fuzz", GPU_TYPE, 8), 0, REGION, 0)])
        (party,) = run.providers
        order = {
            "type": "ask",
            "gpu_type": GPU_TYPE,
            "product": PRODUCT,
            "region": REGION,
            "quantity": 2,
            "price": "900",
            "duration_hours": 100,
        }
        placed = await api.call(party.key, "POST", "/orders", body=order)
        made = await api.call(party.key, "POST", "/auth/api-keys", body={"name": "spare"})
    return party, {
        "account_id": party.account_id,
        "provider_id": run.provider_ids[0],
        "cluster_id": run.clusters[0, REGION],
        "node_id": run.nodes[0],
        "order_id": placed["order_id"],
        "key_id": made["key_id"],
        "book_id": f"{GPU_TYPE}.{PRODUCT}",
        "gpu_type": GPU_TYPE,
        "product": PRODUCT,
    }
