"""The API against its own OpenAPI document, in memory: whatever is sent, it answers as it says."""

import asyncio

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi.checks import positive_data_acceptance

from query_api.adapters.memory import memory_ports
from query_api.app import ENDPOINTS, create_app
from query_api.commands.accounts import new_account
from query_api.commands.keys import ROLES_OF, new_key, scopes_for
from query_api.documentation import openapi


def _app_and_key():
    """An application, and a key that may do everything."""
    ports, _, registry = memory_ports()
    account = new_account("everything", "admin", ports.clock.now_ms())
    roles = ROLES_OF["admin"]
    key, row = new_key(account["id"], "test", roles, scopes_for(roles), ports.clock.now_ms())

    async def fill():
        await registry.add_account(account)
        await registry.add_key(row)

    asyncio.run(fill())
    return create_app(ports), key.text


APP, KEY = _app_and_key()
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APP)


@SCHEMA.auth()
class Key:
    """Sends the key, but where a case is about a wrong one."""

    def get(self, case, context):
        return KEY

    def set(self, case, data, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@SCHEMA.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_documented(case: Case):
    case.call_and_validate(
        # Catalogue, combinations of fields and time decide too, which no schema says.
        excluded_checks=[positive_data_acceptance],
    )


def test_every_endpoint_is_documented_with_its_refusals():
    document = openapi(ENDPOINTS)
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert len(operations) == len(ENDPOINTS) == len({each["operationId"] for each in operations})
    for operation in operations:
        assert {"401", "403", "503"} < operation["responses"].keys()
        assert operation["summary"]
    assert document["openapi"] == "3.1.0"
