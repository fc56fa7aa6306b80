"""Providers and their clusters: registered by providers, verified by administrators."""

from uuid import uuid4

from query_api import answers, problems, registered
from query_api.bodies import ChangeProvider, CreateCluster, CreateProvider
from query_api.endpoint import PREFIX, Answer, Call, Endpoint
from query_api.ports import AlreadyExists, Row
from query_api.problems import FieldError
from query_api.queries.providers import find_provider


async def create_provider(call: Call) -> Answer:
    """Register the caller's account as a provider, once."""
    body: CreateProvider = call.body
    provider = new_provider(call.principal.account_id, body, call.ports.clock.now_ms())
    try:
        await call.ports.registrations.add_provider(provider)
    except AlreadyExists:
        detail = f"account {call.principal.account_id} has a provider already"
        raise problems.conflict("PROVIDER_EXISTS", detail) from None
    told: answers.CreatedProvider = {"provider_id": provider["id"]}
    return Answer(201, told, {"Location": f"{PREFIX}/providers/{provider['id']}"})


async def change_provider(call: Call) -> Answer:
    """Verify or suspend a provider; only a verified one may sell."""
    body: ChangeProvider = call.body
    provider = await find_provider(call)
    changed = await call.ports.registrations.set_provider_status(provider["id"], body.status)
    if changed is None:
        raise problems.not_found("provider", provider["id"])
    told = answers.told_provider({**provider, "status": body.status})
    return await registered.answer(call.ports, changed, 200, told)


async def create_cluster(call: Call) -> Answer:
    """Add a cluster to the caller's provider."""
    body: CreateCluster = call.body
    provider = await find_provider(call)
    cluster: Row = {
        "id": str(uuid4()),
        "provider_id": provider["id"],
        "name": body.name,
        "region": body.region,
        "specs": body.specs,
        "created_at_ms": call.ports.clock.now_ms(),
    }
    await call.ports.registrations.add_cluster(cluster)
    told: answers.CreatedCluster = {"cluster_id": cluster["id"]}
    return Answer(201, told)


def new_provider(account_id: str, body: CreateProvider, now_ms: int) -> Row:
    """A provider whose identity is still to be checked."""
    return {
        "id": str(uuid4()),
        "account_id": account_id,
        "name": body.name,
        "company": body.company,
        "kyc_data": body.kyc_data,
        "status": "pending_kyc",
        "created_at_ms": now_ms,
    }


async def check_cluster(call: Call, wrong: frozenset[str]) -> list[FieldError]:
    """The region is one of the catalogue."""
    region = call.sent.get("region")
    known = (await call.ports.catalogue.get()).regions
    if "region" in wrong or region in known:
        return []
    return [FieldError("/region", region, f"one of the catalogue: {', '.join(known)}")]


ENDPOINTS = (
    Endpoint(
        "POST",
        f"{PREFIX}/providers",
        create_provider,
        "Register as a provider",
        "providers:write",
        {201: answers.CreatedProvider},
        body=CreateProvider,
        role="provider",
        refusals=(409,),
    ),
    Endpoint(
        "PATCH",
        f"{PREFIX}/providers/{{provider_id}}",
        change_provider,
        "Verify or suspend a provider",
        "admin",
        {200: answers.Provider, 202: answers.Provider},
        body=ChangeProvider,
        role="platform_admin",
        refusals=(404,),
    ),
    Endpoint(
        "POST",
        f"{PREFIX}/providers/{{provider_id}}/clusters",
        create_cluster,
        "Add a cluster",
        "providers:write",
        {201: answers.CreatedCluster},
        body=CreateCluster,
        check=check_cluster,
        role="provider",
        refusals=(404,),
    ),
)
