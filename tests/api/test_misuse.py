"""Every endpoint under every kind of misuse: a problem with the right status, nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest
import uvicorn

from query_api import bodies
from query_api.app import ENDPOINTS
from query_api.bodies import ROLES, SCOPES, Body
from query_api.endpoint import PREFIX, Endpoint
from query_api.http_protocol import BoundedProtocol
from query_api.problems import CONTENT_TYPE
from tests.api import misuse
from tests.api.asgi import Answered, ask, flaw
from tests.api.conftest import ASK, BID, Caller, World, node_body

MEGABYTE = 1024 * 1024
UNKNOWN = "00000000-0000-4000-8000-000000000000"
WITH_BODY = [each for each in ENDPOINTS if each.body]
WITH_ID = [each for each in ENDPOINTS if "_id}" in each.path and "{book_id}" not in each.path]
WITH_BOOK = [each for each in ENDPOINTS if "{book_id}" in each.path]


@dataclass
class Client:
    """Somebody who sends what they like."""

    world: World
    caller: Caller
    ids: dict[str, str] = field(default_factory=dict)
    """What this one owns, as paths name it: order_id, node_id, …"""

    def target(self, endpoint: Endpoint, **others: str) -> str:
        """The path of an endpoint to what this one owns, or to another thing."""
        ids = {"book_id": "H100.ondemand", **self.ids, **others}
        return endpoint.path.format_map(ids)

    async def __call__(
        self, endpoint: Endpoint, *, target: str = "", body: Any = None, **headers: str
    ) -> Answered:
        """Ask with a good key and a good body, where nothing else is said; the answer's form."""
        sent = {"Authorization": f"Bearer {self.caller.key}", "Content-Type": "application/json"}
        if body is None:
            body = misuse.written(whole_body(endpoint)).encode() if endpoint.body else b""
        sent |= {name.replace("_", "-"): text for name, text in headers.items()}
        sent = {name: text for name, text in sent.items() if text is not None}
        where = target or self.target(endpoint)
        answered = await ask(self.caller.app, endpoint.method, where, sent, body)
        assert flaw(endpoint, answered) == "", (where, headers, answered)
        return answered


def whole_body(endpoint: Endpoint) -> dict[str, Any]:
    """A body with every field; the names are good, ids are nobody's."""
    assert endpoint.body
    return dict(misuse.BODIES[endpoint.body.__name__])


async def owner(world: World, **key: Any) -> Client:
    """A verified provider with one of everything that paths name."""
    caller = await world.seller()
    provider_id = (await caller("GET", "/providers/me")).body["id"]
    order = await caller("POST", "/orders", {**ASK, "quantity": 2})
    cluster = (await caller("GET", "/providers/me/clusters")).body["items"][0]
    node = (await caller("GET", "/nodes")).body["items"][0]
    made = await caller("POST", "/auth/api-keys", {"name": "spare"})
    ids = {
        "order_id": order.body["order_id"],
        "provider_id": provider_id,
        "cluster_id": cluster["id"],
        "node_id": node["id"],
        "account_id": caller.account_id,
        "key_id": made.body["key_id"],
    }
    return Client(world, caller, ids)


@pytest.fixture
async def client(world: World) -> Client:
    """A provider with one of everything, and a key that may do everything."""
    made = await owner(world)
    made.caller = await world.caller(
        "provider", account_id=made.caller.account_id, roles=ROLES, scopes=SCOPES
    )
    return made


def expect(answered: Answered, status: int, code: str = "") -> None:
    assert answered.status == status, answered
    assert code in ("", answered.told["code"]), answered


# Bodies ------------------------------------------------------------------------------------------


def test_there_is_a_whole_body_of_every_kind():
    for endpoint in WITH_BODY:
        assert whole_body(endpoint).keys() == endpoint.body.model_fields.keys()
        endpoint.body.model_validate(whole_body(endpoint) | _as_decimals(endpoint.body))
    assert {each.body.__name__ for each in WITH_BODY} == misuse.BODIES.keys()


def _as_decimals(body: type[Body]) -> dict[str, Any]:
    """Prices and amounts as strings: numbers with a fraction are no floats for us."""
    whole = misuse.BODIES[body.__name__]
    told = {name: str(each) for name, each in whole.items() if isinstance(each, float)}
    if "limits" in whole:
        told["limits"] = {**whole["limits"], "max_notional": "1000.5"}
    return told


async def test_what_is_no_json_is_a_400(client):
    for endpoint in WITH_BODY:
        for name, body in misuse.NO_JSON.items():
            answered = await client(endpoint, body=body)
            assert (answered.status, answered.told["code"]) == (400, "INVALID_JSON"), name


async def test_every_number_by_its_rule(client):
    for endpoint in WITH_BODY:
        whole = whole_body(endpoint)
        for path, value in misuse.leaves(whole):
            if not isinstance(value, int | float) or isinstance(value, bool):
                continue
            for text in misuse.WRONG_NUMBERS:
                body = misuse.written(misuse.changed(whole, path, misuse.Raw(text))).encode()
                answered = await client(endpoint, body=body)
                expect(answered, 422)
                assert misuse.pointer(path) in _pointers(answered), (path, text)


async def test_minus_zero_is_zero(client):
    """RFC 8259 knows no difference: where 0 is taken so is -0, and where it is not, neither is."""
    for endpoint in WITH_BODY:
        whole = whole_body(endpoint)
        for path, value in misuse.leaves(whole):
            if isinstance(value, int) and not isinstance(value, bool):
                zero, minus = [
                    await client(
                        endpoint,
                        body=misuse.written(misuse.changed(whole, path, misuse.Raw(text))).encode(),
                    )
                    for text in ("0", "-0")
                ]
                fields = [_pointers(each) if each.status == 422 else [] for each in (zero, minus)]
                assert fields[0] == fields[1], path


async def test_a_number_where_none_belongs(client):
    for endpoint in WITH_BODY:
        whole = whole_body(endpoint)
        for path, value in misuse.leaves(whole):
            if isinstance(value, str):
                for text in misuse.MEASUREMENTS:
                    body = misuse.written(misuse.changed(whole, path, misuse.Raw(text))).encode()
                    expect(await client(endpoint, body=body), 422)


async def test_a_word_that_only_looks_like_one_of_ours(client):
    for endpoint in WITH_BODY:
        whole = whole_body(endpoint)
        for path, value in misuse.leaves(whole):
            if value not in OUR_WORDS:
                continue
            for word in misuse.look_alikes(value):
                body = misuse.written(misuse.changed(whole, path, word)).encode()
                answered = await client(endpoint, body=body)
                expect(answered, 422)
                assert misuse.pointer(path) in _pointers(answered), (path, word)


OUR_WORDS = {
    "H100", "us-west-2", "H100.ondemand", "bid", "ask", "ondemand", "spot", "GTD", "cancel_oldest",
    "consumer", "verified", "available", "orders:read",
}  # fmt: skip


async def test_names_of_people_may_look_like_anything(client):
    """Text that nothing is decided by is told back as it came, whatever it looks like."""
    admin = await client.world.caller("admin")
    for name in ("Ｂｌｕｅ", "Вlue", "b\u0301lue", "\u202eeulb", "😀", "<script>", "'; --"):
        made = await admin("POST", "/auth/api-keys", {"name": name})
        assert made.status == 201
        assert (await admin("GET", "/auth/api-keys")).body["items"][0]["name"] == name


async def test_lines_in_a_text_are_refused(client):
    for endpoint in WITH_BODY:
        whole = whole_body(endpoint)
        for path, value in misuse.leaves(whole):
            if isinstance(value, str):
                body = misuse.written(
                    misuse.changed(whole, path, f"{value}\r\nX-Injected: 1")
                ).encode()
                expect(await client(endpoint, body=body), 422)


@pytest.mark.parametrize("is_told", [True, False])
async def test_of_100_mb_little_is_read(client, is_told):
    """Whether the length is told beforehand or shows only while it comes."""
    for endpoint in ENDPOINTS:
        count = 100
        length = {"Content_Length": str(count * MEGABYTE)} if is_told else {}
        answered = await client(endpoint, body=(b" " * MEGABYTE for _ in range(count)), **length)
        if endpoint.body:
            expect(answered, 413, "TOO_LARGE")
        assert answered.read < 20 * MEGABYTE


def _pointers(answered: Answered) -> list[str]:
    return sorted(error["pointer"] for error in answered.told["errors"])


# Headers and paths -------------------------------------------------------------------------------


async def test_headers_that_would_break_out_of_theirs(client):
    for endpoint in ENDPOINTS:
        names = ("Idempotency_Key", "Prefer", "Accept", "Content_Type", "Origin", "X_Request_Id")
        for name in names:
            for value in misuse.HEADER_VALUES:
                await client(endpoint, **{name: value})


async def test_queries_that_would_break_out(client):
    for endpoint in ENDPOINTS:
        parameters = ["a", *(field for field in endpoint.query.model_json_schema()["properties"])]
        for name in parameters:
            for value in ("%0d%0aX-Injected:%201", "%00", "%ff", "%", ";", "%F0%9F%98%80" * 99):
                target = f"{client.target(endpoint)}?{name}=1{value}&{name}={value}"
                expect(await client(endpoint, target=target), 422)


async def test_parts_of_a_path_that_are_no_id(client):
    for endpoint in [*WITH_ID, *WITH_BOOK]:
        (name,) = (part[1:-1] for part in endpoint.path.split("/") if part.startswith("{"))
        parts = [*misuse.PATH_PARTS]
        if name == "book_id":
            parts += [_quoted(word) for word in misuse.look_alikes("H100.ondemand")]
        else:
            parts += [_quoted(word) for word in misuse.look_alikes(UNKNOWN)]
        for part in parts:
            expect(await client(endpoint, target=client.target(endpoint, **{name: part})), 404)


def _quoted(word: str) -> str:
    return "".join(f"%{byte:02x}" for byte in word.encode())


# Whose it is -------------------------------------------------------------------------------------


async def test_what_others_own_is_not_found(client):
    """Nor is it found with every role and scope, but for what an administrator may do to all."""
    for endpoint in WITH_ID:
        stranger = await owner(client.world)
        stranger.caller = await client.world.caller(
            "provider",
            account_id=stranger.caller.account_id,
            roles=[each for each in ROLES if each != "platform_admin"],
            scopes=SCOPES,
        )
        shown = await _everything(client)
        answered = await stranger(endpoint, target=client.target(endpoint))
        unknown = await stranger(endpoint, target=client.target(endpoint, **_unknown(endpoint)))
        expect(answered, 403 if endpoint.role == "platform_admin" else 404)
        told = [answered.body.replace(each.encode(), b"ID") for each in client.ids.values()]
        assert unknown.body.replace(UNKNOWN.encode(), b"ID") in told, (
            "it tells that there is such one"
        )
        assert await _everything(client) == shown


def _unknown(endpoint: Endpoint) -> dict[str, str]:
    return {part[1:-1]: UNKNOWN for part in endpoint.path.split("/") if part.startswith("{")}


async def _everything(client: Client) -> list[Any]:
    """All that the owner sees of what it has."""
    paths = ("/orders", "/nodes", "/providers/me", "/providers/me/clusters", "/auth/api-keys")
    return [(await client.caller("GET", path)).body for path in paths]


async def test_what_others_own_is_not_found_in_bodies_and_queries_either(client):
    stranger = (await owner(client.world)).caller
    batch = misuse.BODIES["TelemetryBatch"] | {"node_id": client.ids["node_id"]}
    assert (await stranger("POST", "/telemetry/batch", batch)).status == 404
    listed = await stranger("GET", "/nodes", cluster_id=client.ids["cluster_id"])
    assert listed.status == 404
    key = {"name": "mine", "account_id": client.ids["account_id"]}
    assert (await stranger("POST", "/auth/api-keys", key)).status == 403


# Keys --------------------------------------------------------------------------------------------


async def _keys_that_are_none(client: Client) -> list[str | None]:
    """Headers of nobody: none, malformed, revoked, expired."""
    key, world, account = client.caller.key, client.world, client.caller.account_id
    now_ms = world.clock.now_ms()
    expired = await world.caller("provider", account_id=account, expires_at_ms=now_ms)
    revoked = await world.caller("provider", account_id=account)
    key_id = (await revoked("GET", "/auth/me")).body["key_id"]
    assert (await revoked("DELETE", f"/auth/api-keys/{key_id}")).status == 200
    other_end = "A" if key[-1] != "A" else "B"
    return [
        None,
        "",
        "Bearer",
        "Bearer ",
        key,
        f"Basic {key}",
        f"Token {key}",
        f"Bearer{key}",
        f"Bearer {key} {key}",
        f"Bearer {key},{key}",
        f"Bearer {key}=",
        f'Bearer "{key}"',
        f"Bearer {key[:-1]}",
        f"Bearer {key[:-1]}{other_end}",
        f"Bearer {key.upper()}",
        f"Bearer {key}\x00",
        f"Bearer {'x' * 300}",
        "Bearer ÿé",
        "Bearer null",
        f"Bearer {expired.key}",
        f"Bearer {revoked.key}",
    ]


async def test_without_a_good_key_there_is_no_answer(client):
    for endpoint in ENDPOINTS:
        for header in await _keys_that_are_none(client):
            answered = await client(endpoint, Authorization=header)
            expect(answered, 401, "UNAUTHORIZED")
            assert answered.header("WWW-Authenticate") == 'Bearer realm="gpubroker"'


async def test_a_key_in_the_query_is_none(client):
    """Addresses are written to logs and told to others."""
    for endpoint in ENDPOINTS:
        for name in ("api_key", "access_token", "key", "token"):
            target = f"{client.target(endpoint)}?{name}={client.caller.key}"
            expect(await client(endpoint, target=target, Authorization=None), 401, "UNAUTHORIZED")
            answered = await client(endpoint, target=target)
            expect(answered, 422)
            assert f"/{name}" in _pointers(answered)


async def test_a_key_without_the_scope_may_not(client):
    for endpoint in [each for each in ENDPOINTS if each.scope]:
        scopes = [each for each in get_args(bodies.Scope) if each != endpoint.scope]
        client.caller = await client.world.caller(
            "provider", account_id=client.caller.account_id, roles=ROLES, scopes=scopes
        )
        expect(await client(endpoint), 403, "FORBIDDEN")


async def test_a_key_without_the_role_may_not(client):
    for endpoint in [each for each in ENDPOINTS if each.role]:
        roles = [each for each in ROLES if each != endpoint.role]
        client.caller = await client.world.caller(
            "provider", account_id=client.caller.account_id, roles=roles, scopes=SCOPES
        )
        expect(await client(endpoint), 403, "FORBIDDEN")


# The wire ----------------------------------------------------------------------------------------


@pytest.fixture
async def wire(world: World, tmp_path: Path) -> AsyncIterator[str]:
    """The Unix socket of the API as uvicorn serves it."""
    config = uvicorn.Config(
        world.app,
        uds=(path := str(tmp_path / "http")),
        http=BoundedProtocol,
        lifespan="off",
        log_level="critical",
        ws="none",
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield path
    server.should_exit = True
    await running


def _requests(key: str) -> Iterator[bytes]:
    """Requests that two readers could understand differently, or none can."""
    body = json.dumps(BID).encode()
    head = b"POST %s/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n" % (
        PREFIX.encode(),
        key.encode(),
    )
    length = b"Content-Length: %d\r\n" % len(body)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    for headers, rest in (
        (length + b"Transfer-Encoding: chunked\r\n", chunks),
        (b"Content-Length: 1\r\n" + length, body),
        (b"Content-Length: -1\r\n", body),
        (b"Content-Length: 1e3\r\n", body),
        (b"Content-Length: 99999999999999999999999\r\n", body),
        (b"Transfer-Encoding: chunked\r\n", b"zz\r\n" + body),
        (b"Transfer-Encoding: chunked\r\n", b"-1\r\n" + body),
        *((line + length, body) for line in misuse.HEADER_LINES),
    ):
        yield head + b"Content-Type: application/json\r\n" + headers + b"\r\n" + rest
    for line in (b"GET", b"GET / HTTP/9.9", b"\x00\x01\x02", b"GET /a b HTTP/1.1", b"\x16\x03\x01"):
        yield line + b"\r\nHost: a\r\n\r\n"


async def test_a_request_that_cannot_be_read_is_a_problem_and_the_end_of_its_connection(
    world, buyer, wire
):
    for request in _requests(buyer.key):
        answer = await asyncio.wait_for(_sent(wire, request), 5)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 "), (request, answer)
        assert f"content-type: {CONTENT_TYPE}".encode() in head.lower(), (request, answer)
        assert json.loads(body)["status"] == 400
        assert b"x-injected" not in head.lower()
    assert not world.market.log or (await buyer("GET", "/orders")).body["total"] == 0


async def _sent(path: str, request: bytes) -> bytes:
    """All that comes back until the server ends the connection."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request)
    told = await reader.read()
    writer.close()
    return told


def test_a_node_of_the_tests_is_whole():
    assert set(misuse.BODIES["CreateNode"]) == set(node_body())
