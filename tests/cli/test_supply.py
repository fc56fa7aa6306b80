"""Providers, clusters, nodes, accounts and keys."""

from typing import Any

import httpx
import pytest

from tests.cli.conftest import Fake, Run

PAGE = {"total": 1, "next_cursor": None}
NODE = {
    "id": "n-1",
    "hostname": "alpha",
    "ip_address": "10.0.0.1",
    "status": "healthy",
    "gpus": [{"model": "H100", "status": "available"}, {"model": "H100", "status": "allocated"}],
    "base_price": "2.0000",
}
PROVIDER = {"id": "p-1", "name": "Cloud", "company": "Cloud Ltd", "status": "pending_kyc"}
CLUSTER = {"id": "c-1", "name": "west", "region": "us-west-2", "total_gpus": 8, "available_gpus": 3}
KEY = {"id": "k-1", "name": "laptop", "prefix": "gpb_ab", "roles": ["consumer"], "scopes": []}

CALLS: list[tuple[tuple[str, ...], str, str, Any, str]] = [
    (
        ("provider", "register", "Cloud", "--company", "Cloud Ltd", "--kyc", "vat=DE1"),
        "POST",
        "/providers",
        {"name": "Cloud", "company": "Cloud Ltd", "kyc_data": {"vat": "DE1"}},
        "provider",
    ),
    (("provider", "verify", "p-1"), "PATCH", "/providers/p-1", {"status": "verified"}, "admin"),
    (("provider", "suspend", "p-1"), "PATCH", "/providers/p-1", {"status": "suspended"}, "admin"),
    (
        ("node", "pricing", "n-1", "--price", "2.10", "--surge", "--relist"),
        "PUT",
        "/nodes/n-1/pricing",
        {"base_price": "2.10", "surge_enabled": True, "relist": True},
        "provider",
    ),
    (("node", "maintenance", "n-1"), "PATCH", "/nodes/n-1", {"status": "maintenance"}, "provider"),
    (
        ("node", "maintenance", "n-1", "--end"),
        "PATCH",
        "/nodes/n-1",
        {"status": "available"},
        "provider",
    ),
    (("node", "remove", "n-1"), "DELETE", "/nodes/n-1", None, "provider"),
    (
        ("account", "create", "Acme", "--role", "provider", "--max-open-orders", "5"),
        "POST",
        "/accounts",
        {"name": "Acme", "role": "provider", "limits": {"max_open_orders": 5}},
        "admin",
    ),
    (("account", "suspend", "a-1"), "PATCH", "/accounts/a-1", {"suspended": True}, "admin"),
    (("account", "resume", "a-1"), "PATCH", "/accounts/a-1", {"suspended": False}, "admin"),
    (
        ("account", "limit", "a-1", "--max-notional", "1000"),
        "PATCH",
        "/accounts/a-1",
        {"limits": {"max_notional": "1000"}},
        "admin",
    ),
    (("key", "revoke", "k-1"), "DELETE", "/auth/api-keys/k-1", None, "consumer"),
    (
        ("key", "create", "ci", "--role", "consumer", "--expires", "2027-01-01T00:00:00Z"),
        "POST",
        "/auth/api-keys",
        {"name": "ci", "roles": ["consumer"], "expires_at": "2027-01-01T00:00:00.000Z"},
        "consumer",
    ),
    (
        ("key", "create", "ci", "--account", "a-1", "--max-order-cost", "$500"),
        "POST",
        "/auth/api-keys",
        {"name": "ci", "account_id": "a-1", "max_order_cost": "500"},
        "admin",
    ),
]


@pytest.mark.parametrize(("arguments", "method", "path", "body", "role"), CALLS)
def test_commands_call_the_api_as_the_contract_says(
    run: Run,
    fake: Fake,
    arguments: tuple[str, ...],
    method: str,
    path: str,
    body: Any,
    role: str,
) -> None:
    answer = {"success": True, "id": "x-1"}
    fake.answers[method, f"/api/v2{path}"] = answer
    assert run(*arguments).code == 0
    assert (fake.body if fake.last.content else None) == body
    assert fake.last.headers["Authorization"] == f"Bearer key-of-{role}"
    assert run(*arguments, "--json").json == answer


@pytest.mark.parametrize(
    ("arguments", "path", "answer", "words"),
    [
        (("provider", "show"), "/providers/me", PROVIDER, ["p-1", "pending_kyc"]),
        (
            ("cluster", "list"),
            "/providers/me/clusters",
            {"items": [CLUSTER], **PAGE},
            ["c-1", "us-west-2", "8", "3", "1 of 1 clusters"],
        ),
        (
            ("node", "list"),
            "/nodes",
            {"items": [NODE], **PAGE},
            ["alpha", "2 × H100", "1 allocated, 1 available", "2.0000", "1 of 1 nodes"],
        ),
        (("node", "show", "n-1"), "/nodes/n-1", NODE, ["alpha", "healthy"]),
        (("key", "list"), "/auth/api-keys", {"items": [KEY], **PAGE}, ["gpb_ab", "1 of 1 keys"]),
        (
            ("key", "me"),
            "/auth/me",
            {"account_id": "a-1", "key_id": "k-1", "roles": ["consumer"], "scopes": []},
            ["a-1", "consumer"],
        ),
    ],
)
def test_answers_are_shown_as_tables_and_as_json(
    run: Run, fake: Fake, arguments: tuple[str, ...], path: str, answer: Any, words: list[str]
) -> None:
    fake.answers["GET", f"/api/v2{path}"] = answer
    shown = run(*arguments)
    assert shown.code == 0
    for word in words:
        assert word in shown.out
    assert run(*arguments, "--json").json == answer


def test_nodes_of_one_cluster(run: Run, fake: Fake) -> None:
    fake.answers["GET", "/api/v2/nodes"] = {"items": [], "total": 0, "next_cursor": None}
    run("node", "list", "--cluster", "c-1")
    assert fake.last.url.params["cluster_id"] == "c-1"


def test_a_cluster_is_created_for_the_callers_provider(run: Run, fake: Fake) -> None:
    fake.answers["GET", "/api/v2/providers/me"] = PROVIDER
    fake.answers["POST", "/api/v2/providers/p-1/clusters"] = {"cluster_id": "c-9"}
    ended = run("cluster", "create", "west", "--region", "us-west-2", "--spec", "net=400G")
    assert "c-9" in ended.out
    assert fake.body == {"name": "west", "region": "us-west-2", "specs": {"net": "400G"}}


def test_a_node_is_registered_with_distinct_slots_and_its_token_shown(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/api/v2/clusters/c-1/nodes"] = httpx.Response(
        201, json={"node_id": "n-9", "onboarding_token": "once"}
    )
    ended = run(
        *("node", "register", "c-1", "--hostname", "h", "--ip", "10.0.0.9"),
        *("--gpu", "H100", "--count", "40", "--vram", "80"),
    )
    assert "once" in ended.out
    specs = fake.body["gpu_specs"]
    assert len({spec["pcie_slot"] for spec in specs}) == 40
    assert {spec["model"] for spec in specs} == {"H100"}


def test_a_change_that_is_still_on_its_way_ends_with_4(run: Run, fake: Fake) -> None:
    fake.answers["DELETE", "/api/v2/nodes/n-1"] = httpx.Response(
        202, json={"status": "pending", "detail": "…"}
    )
    assert run("node", "remove", "n-1").code == 4


def test_a_field_without_a_value_is_usage(run: Run) -> None:
    ended = run("provider", "register", "Cloud", "--company", "C", "--kyc", "vat")
    assert ended.code == 2
    assert "name=value" in ended.err


def test_without_credentials_the_command_says_how_to_get_them(run: Run, home: Any) -> None:
    (home / "credentials.json").unlink()
    ended = run("key", "me")
    assert ended.code == 3
    assert "gpubroker up" in ended.err


@pytest.mark.parametrize("torn", ["", "[]", '{"admin": "k"}'])
def test_credentials_that_cannot_be_read_are_named_with_what_to_do(
    run: Run, home: Any, torn: str
) -> None:
    (home / "credentials.json").write_text(torn)
    ended = run("key", "list")
    assert ended.code == 3
    assert "credentials.json cannot be read" in ended.err


def test_a_key_of_ones_own_needs_no_credentials(run: Run, fake: Fake, home: Any) -> None:
    (home / "credentials.json").unlink()
    fake.answers["GET", "/api/v2/auth/me"] = {"account_id": "a-1"}
    assert run("key", "me", API_KEY="mine", API_URL="http://far.test").code == 0
    assert fake.last.url.host == "far.test"
