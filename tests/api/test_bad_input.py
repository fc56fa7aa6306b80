"""What cannot be taken: JSON, fields, types, ranges, combinations (api-contract.md, Refusals)."""

import json

import pytest

from query_api.app import ENDPOINTS
from query_api.bodies import MAX_DETAILS
from query_api.problems import MAX_BYTES
from tests.api.conftest import ASK, BID, node_body

ORDER = "00000000-0000-4000-8000-000000000000"


def changed(**fields) -> bytes:
    return json.dumps({**BID, **fields}).encode()


def raw(field: str, value: str) -> bytes:
    """A bid with the JSON text of one field as it is given."""
    body = {name: json.dumps(told) for name, told in BID.items()} | {field: value}
    return ("{" + ",".join(f'"{name}":{text}' for name, text in body.items()) + "}").encode()


async def test_a_number_beyond_all_decimals(buyer):
    reply = await buyer("POST", "/orders", raw("price", "1e99999999999999999999"))
    assert (reply.status, reply.body["code"]) == (400, "INVALID_JSON")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("quantity", value) for value in (
            "0", "-1", "65537", "1.0", "1e0", '"1"', "true", "null", "[]", "{}",
            "99999999999999999999999", "1.5",
        )),
        *(("price", value) for value in (
            "0", "-1", "0.00001", "1000.0001", "1e308", "1e-308", '"1e1"', '"NaN"', '"Infinity"',
            '"2.50000"', '" 2"', '"+2"', '"0x1"', '"\\u0662"', "true", "null", '""', '"1,5"',
            "0." + "3" * 30, '"2."', '".5"', "[2]", '"00.1"',
        )),
        *(("duration_hours", value) for value in ("0", "8761", "1.0", '"24"', "false", "24.5")),
        *(("type", value) for value in ('"BID"', '"buy"', "1", "null", '""')),
        *(("gpu_type", value) for value in ('"H99"', '""', "7", '"h100"', '"H100\\u0000"', "[]")),
        *(("product", value) for value in ('"futures"', "null", "1")),
        *(("region", value) for value in ('"mars"', "5", '""')),
        *(("time_in_force", value) for value in ('"gtc"', '"DAY"', "0")),
        *(("post_only", value) for value in ('"true"', "1", "0", "null")),
        *(("min_fill", value) for value in ("0", "1.0", '"1"', "true", "5")),
        *(("self_trade", value) for value in ('"none"', "false")),
        *(("expires_at", value) for value in (
            '"tomorrow"', "1767600000", '"2026-01-06"', '"2026-01-06T08:00:00"',
            '"2026-13-01T00:00:00Z"', '"1969-01-01T00:00:00Z"', '"0001-01-01T00:00:00+23:59"',
            '"2026-01-05T07:59:59Z"', '"9999-12-31T23:59:59-23:59"',
        )),
        *(("client_order_id", value) for value in ('""', "5", '"a\\nb"', json.dumps("x" * 129))),
    ],
)  # fmt: skip
async def test_each_field_by_its_rule(buyer, field, value):
    reply = await buyer("POST", "/orders", raw(field, value))
    assert set(reply.wrong) == {f"/{field}"}, reply.body


@pytest.mark.parametrize("price", ["2", "2.5", '"2"', '"2.5000"', "0.0001", "1000", "1e2", "2.50"])
async def test_prices_that_are_taken(buyer, price):
    assert (await buyer("POST", "/orders", raw("price", price))).status == 202


async def test_every_offending_field_is_told(buyer):
    body = {"type": "bud", "quantity": "8", "price": 0, "min_fill": 0, "colour": "red", "": 1}
    reply = await buyer("POST", "/orders", body)
    assert set(reply.wrong) == {
        "/type", "/gpu_type", "/quantity", "/price", "/duration_hours", "/min_fill", "/colour", "/",
    }  # fmt: skip
    assert reply.wrong["/gpu_type"].startswith("required: ")
    assert reply.wrong["/colour"].startswith("UNKNOWN_FIELD")
    told = {error["pointer"]: error["value"] for error in reply.body["errors"]}
    assert told["/quantity"] == "8"


async def test_fields_and_combinations_are_told_together(buyer):
    body = {**BID, "quantity": 0, "post_only": True, "time_in_force": "IOC", "gpu_type": "H99"}
    reply = await buyer("POST", "/orders", body)
    assert set(reply.wrong) == {"/quantity", "/post_only", "/gpu_type"}


async def test_an_unknown_field_has_its_own_code(buyer):
    reply = await buyer("POST", "/orders", {**BID, "colour": "red"})
    assert (reply.status, reply.body["code"]) == (422, "UNKNOWN_FIELD")
    assert reply.body["errors"][0]["pointer"] == "/colour"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"post_only": True, "time_in_force": "IOC"}, "/post_only"),
        ({"post_only": True, "time_in_force": "FOK"}, "/post_only"),
        ({"min_fill": 5}, "/min_fill"),
        ({"expires_at": "2027-01-01T00:00:00Z", "time_in_force": "GTC"}, "/expires_at"),
        ({"expires_at": "2027-01-01T00:00:00Z", "time_in_force": "IOC"}, "/expires_at"),
        ({"expires_at": "2027-01-01T00:00:00Z", "time_in_force": "FOK"}, "/expires_at"),
        ({"expires_at": "2026-01-05T07:00:00Z"}, "/expires_at"),
        ({"available_until": "2027-01-01T00:00:00Z"}, "/available_until"),
        ({"min_duration_hours": 1}, "/min_duration_hours"),
    ],
)
async def test_combinations_of_a_bid(buyer, fields, pointer):
    assert set((await buyer("POST", "/orders", {**BID, **fields})).wrong) == {pointer}


async def test_combinations_of_an_ask(seller):
    without_region = {name: value for name, value in ASK.items() if name != "region"}
    assert set((await seller("POST", "/orders", without_region)).wrong) == {"/region"}
    reply = await seller("POST", "/orders", {**ASK, "min_duration_hours": 101})
    assert set(reply.wrong) == {"/min_duration_hours"}
    fine = {"min_duration_hours": 100, "available_until": "2027-01-01T00:00:00Z", "min_fill": 8}
    assert (await seller("POST", "/orders", {**ASK, **fine})).status == 202


async def test_two_different_keys_of_one_order(buyer):
    body = {**BID, "client_order_id": "a"}
    reply = await buyer("POST", "/orders", body, headers={"Idempotency-Key": "b"})
    assert set(reply.wrong) == {"/client_order_id"}
    assert (await buyer("POST", "/orders", body, headers={"Idempotency-Key": "a"})).status == 202
    for key in ("", "x" * 129):
        reply = await buyer("POST", "/orders", BID, headers={"Idempotency-Key": key})
        assert set(reply.wrong) == {"/Idempotency-Key"}


async def test_null_is_as_absent_where_a_field_has_no_default(buyer):
    reply = await buyer("POST", "/orders", {**BID, "region": None, "expires_at": None})
    assert reply.status == 202


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/jsonx"])
async def test_another_content_type(buyer, kind):
    for method, path in (
        ("POST", "/orders"),
        ("POST", "/orders/preview"),
        ("PATCH", f"/orders/{ORDER}"),
    ):
        reply = await buyer(method, path, changed(), headers={"Content-Type": kind})
        assert (reply.status, reply.body["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_charset_may_be_named(buyer):
    kind = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await buyer("POST", "/orders", changed(), headers=kind)).status == 202


async def test_a_body_that_is_too_large(buyer, seller):
    padding = b" " * MAX_BYTES
    for caller, path in ((buyer, "/orders"), (buyer, "/orders/preview"), (seller, "/providers")):
        reply = await caller("POST", path, changed() + padding)
        assert (reply.status, reply.body["code"]) == (413, "TOO_LARGE")
    assert (await buyer("POST", "/orders", changed() + padding[len(changed()) :])).status == 202


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.0", "ten", "", "٣", "1e2", "9" * 400])
async def test_limits_of_lists(buyer, limit):
    for path in ("/orders", "/auth/api-keys", "/market/books", "/market/books/H100.spot/trades"):
        assert set((await buyer("GET", path, limit=limit)).wrong) == {"/limit"}


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "",
        "e30",
        "WzEsMl0",
        "WyJhIiwgMV0",
        "é",
        "a" * 300,
        "bnVsbA",
        "WzEsICJcdWQ4MDAiXQ",
        "WzEsICJcXCJd",
    ],
)
async def test_cursors_that_are_none_of_ours(buyer, cursor):
    for path in ("/orders", "/auth/api-keys", "/market/books/H100.spot/trades"):
        assert set((await buyer("GET", path, cursor=cursor)).wrong) == {"/cursor"}


async def test_unknown_parameters_are_told(buyer):
    reply = await buyer("GET", "/orders", stauts="active")
    assert (reply.body["code"], set(reply.wrong)) == ("UNKNOWN_FIELD", {"/stauts"})
    assert set((await buyer("GET", "/orders", status="open")).wrong) == {"/status"}
    assert set((await buyer("POST", "/orders", BID, dry="1")).wrong) == {"/dry"}


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"gpu_specs": []}, {"/gpu_specs"}),
        ({"gpu_specs": {}}, {"/gpu_specs"}),
        ({"ip_address": "10.0.0"}, {"/ip_address"}),
        ({"ip_address": 7}, {"/ip_address"}),
        ({"ip_address": "fe80::1%" + "x" * 50}, {"/ip_address"}),
        ({"hostname": ""}, {"/hostname"}),
        ({"hostname": "a\u0000b"}, {"/hostname"}),
        ({"gpu_specs": [{"model": "H100"}]},
         {"/gpu_specs/0/vram_gb", "/gpu_specs/0/cuda_version", "/gpu_specs/0/pcie_slot"}),
    ],
)  # fmt: skip
async def test_nodes_by_their_rules(seller, fields, pointers):
    path = "/clusters/00000000-0000-4000-8000-000000000000/nodes"
    assert set((await seller("POST", path, node_body() | fields)).wrong) == pointers


async def test_gpus_of_a_node_are_of_one_known_type_in_slots_of_their_own(seller):
    body = node_body(4)
    body["gpu_specs"][1]["model"] = "H200"
    body["gpu_specs"][2]["model"] = "H99"
    body["gpu_specs"][3]["pcie_slot"] = "slot 0"
    path = "/clusters/00000000-0000-4000-8000-000000000000/nodes"
    reply = await seller("POST", path, body)
    assert set(reply.wrong) == {
        "/gpu_specs/1/model", "/gpu_specs/2/model", "/gpu_specs/3/pcie_slot",
    }  # fmt: skip
    assert set((await seller("POST", path, node_body(1_025))).wrong) == {"/gpu_specs"}


async def test_long_values_are_told_in_short(buyer):
    reply = await buyer("POST", "/orders", {**BID, "gpu_type": "x" * 100_000})
    assert len(json.dumps(reply.body)) < 2_000
    big = await buyer("POST", "/orders", raw("quantity", "9" * 4_000))
    assert len(json.dumps(big.body)) < 2_000


async def test_details_are_bounded(seller):
    long = {"kyc": "x" * MAX_DETAILS}
    body = {"name": "a", "company": "b", "kyc_data": long}
    assert set((await seller("POST", "/providers", body)).wrong) == {"/kyc_data"}
    path = "/providers/00000000-0000-4000-8000-000000000000/clusters"
    body = {"name": "a", "region": "us-west-2", "specs": long}
    assert set((await seller("POST", path, body)).wrong) == {"/specs"}


@pytest.mark.parametrize("number", ["1e308", "-1E+308", "1e-300"])
async def test_numbers_of_details_count_as_they_are_kept(seller, number):
    """PostgreSQL's jsonb writes all digits of a number out."""
    path = "/providers/00000000-0000-4000-8000-000000000000/clusters"
    bodies = [
        f'{{"name": "a", "region": "us-west-2", "specs": {{"a": {value}, "b": "{"1e308," * 99}"}}}}'
        for value in (f"[{', '.join([number] * 60)}]", f"[{', '.join([number] * 40)}]")
    ]
    long, fitting = [await seller("POST", path, body.encode()) for body in bodies]
    assert set(long.wrong) == {"/specs"}
    assert fitting.status == 404


@pytest.mark.parametrize(
    "inner", ['"a\\u0000b"', '{"\\u0000": 1}', "1e400", "[-1e400]", '"\\\\\\u0000"']
)
async def test_details_that_cannot_be_kept_are_refused(seller, inner):
    """PostgreSQL's jsonb has no U+0000, and JSON no number beyond a double that all read alike."""
    path = "/providers/00000000-0000-4000-8000-000000000000/clusters"
    body = f'{{"name": "a", "region": "us-west-2", "specs": {{"a": {inner}}}}}'
    assert set((await seller("POST", path, body.encode())).wrong) == {"/specs"}
    body = f'{{"name": "a", "company": "b", "kyc_data": {{"a": {inner}}}}}'
    assert set((await seller("POST", "/providers", body.encode())).wrong) == {"/kyc_data"}


async def test_lists_of_words_are_bounded(buyer):
    body = {"name": "a", "roles": ["consumer"] * 17, "scopes": ["orders:read"] * 17}
    assert set((await buyer("POST", "/auth/api-keys", body)).wrong) == {"/roles", "/scopes"}


@pytest.mark.parametrize("value", ["1.5", "1e999", "-1e999", "-0.0"])
async def test_a_fraction_in_another_field_of_readings_is_told_back(seller, value):
    """The readings' numbers are floats, so those in other places are floats, too."""
    body = f'{{"node_id": {value}, "metrics": [1], "colour": {value}}}'
    reply = await seller("POST", "/telemetry/batch", body.encode())
    assert set(reply.wrong) == {"/node_id", "/colour"}
    assert {float(each["value"]) for each in reply.body["errors"]} == {float(value)}


@pytest.mark.parametrize("length", ["x", "-1", "1e3", "\u00b2", "9" * 5_000])
async def test_a_length_that_is_none_is_not_believed(buyer, length):
    """A server refuses it before; the body is counted as it comes."""
    reply = await buyer("POST", "/orders", changed(), headers={"Content-Length": length})
    assert reply.status == 202


async def test_a_key_that_is_too_long_is_none(buyer):
    buyer.key = "x" * 100_000
    reply = await buyer("GET", "/auth/me")
    assert (reply.status, reply.body["code"]) == (401, "UNAUTHORIZED")
    assert "at most 256 characters" in reply.body["detail"]


def _unbounded(schema, where=""):
    """Every place of a schema where a client may send a string of any length."""
    for name, each in schema.get("properties", {}).items():
        yield from _unbounded(each, f"{where}/{name}")
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]
    for each in inner:
        yield from _unbounded(each, where)
    is_bounded = {"maxLength", "enum", "const", "format", "anyOf"} & schema.keys()
    if schema.get("type") == "string" and not is_bounded and schema.get("pattern") not in _USD:
        yield where


def test_every_string_of_a_body_or_query_has_a_bound():
    models = {each.body for each in ENDPOINTS if each.body} | {each.query for each in ENDPOINTS}
    schemas = [model.model_json_schema() for model in models]
    inner = [each for schema in schemas for each in schema.get("$defs", {}).values()]
    found = {
        f"{schema['title']}{where}" for schema in schemas + inner for where in _unbounded(schema)
    }
    assert found == set()


_USD = [rf"^(0|[1-9][0-9]{{0,{digits}}})(\.[0-9]{{1,4}})?$" for digits in (3, 9)]
