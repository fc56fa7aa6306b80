import httpx
import pytest

from tests.cli.conftest import Fake, Run

ORDER_ID = "7a0c1f8e-0000-5000-8000-000000000001"
ORDER = {
    "id": ORDER_ID,
    "type": "bid",
    "book_id": "H100.ondemand",
    "quantity": 8,
    "price": "2.5000",
    "duration_hours": 24,
    "status": "partial",
    "filled_quantity": 3,
    "avg_price": "2.450000",
    "remaining": 5,
    "book_seq": 12,
    "reason": None,
    "code": None,
    "detail": None,
    "created_at": "2026-11-23T10:00:00.000Z",
}
TRADE = {
    "id": "t1",
    "quantity": 3,
    "price": "2.450000",
    "executed_at": "2026-11-23T10:00:00.010Z",
}
PLACE = ("order", "place", "bid", "H100", "-n", "8", "-p", "2.50", "-d", "1d")


def problem(status: int, code: str, **fields: object) -> httpx.Response:
    body = {"type": f"/problems/{code}", "title": "no", "status": status, "code": code, **fields}
    return httpx.Response(status, json=body)


def test_place_sends_what_was_written_and_nothing_else(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/api/v2/orders"] = ORDER
    ended = run(*PLACE, "--key", "mine", "--product", "spot")
    assert ended.code == 0
    assert fake.body == {
        "type": "bid",
        "gpu_type": "H100",
        "quantity": 8,
        "price": "2.50",
        "duration_hours": 24,
        "product": "spot",
    }
    assert fake.last.headers["Idempotency-Key"] == "mine"
    assert fake.last.headers["Prefer"] == "wait=5"
    assert fake.last.headers["Authorization"] == "Bearer key-of-consumer"


def test_place_passes_every_option_on(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/api/v2/orders"] = ORDER
    run(
        *("order", "place", "ask", "H100", "-n", "8", "-p", "2.5", "-d", "2w", "-r", "us-east-1"),
        *("--tif", "GTD", "--expires-at", "2027-01-01T00:00:00Z", "--post-only"),
        *("--min-fill", "2", "--self-trade", "cancel_oldest", "--min-duration", "6h"),
        *("--available-until", "2027-02-01T01:00:00+01:00"),
    )
    assert fake.body == {
        "type": "ask",
        "gpu_type": "H100",
        "quantity": 8,
        "price": "2.5",
        "duration_hours": 336,
        "product": "ondemand",
        "region": "us-east-1",
        "time_in_force": "GTD",
        "expires_at": "2027-01-01T00:00:00.000Z",
        "post_only": True,
        "min_fill": 2,
        "self_trade": "cancel_oldest",
        "available_until": "2027-02-01T00:00:00.000Z",
        "min_duration_hours": 6,
    }
    assert fake.last.headers["Authorization"] == "Bearer key-of-provider"


def test_place_without_a_key_makes_a_fresh_one_each_time(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/api/v2/orders"] = ORDER
    run(*PLACE)
    run(*PLACE)
    first, second = (request.headers["Idempotency-Key"] for request in fake.requests)
    assert first != second


def test_place_shows_a_card_or_the_answer_as_json(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/api/v2/orders"] = ORDER
    shown = run(*PLACE).out
    assert ORDER_ID in shown
    assert "partial" in shown
    assert "2.450000" in shown
    assert "reason" not in shown
    assert run(*PLACE, "--json").json == ORDER


def test_a_rejected_order_is_shown_and_ends_with_1(run: Run, fake: Fake) -> None:
    rejected = {"status": "rejected", "code": "CAPACITY_INSUFFICIENT", "detail": "there are 2 GPUs"}
    fake.answers["POST", "/api/v2/orders"] = {**ORDER, **rejected}
    ended = run(*PLACE)
    assert ended.code == 1
    assert "CAPACITY_INSUFFICIENT: there are 2 GPUs" in ended.err


def test_an_order_that_is_not_decided_in_time_ends_with_4(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/api/v2/orders"] = httpx.Response(
        202, json={"order_id": ORDER_ID, "status": "pending", "created_at": "…"}
    )
    ended = run(*PLACE)
    assert ended.code == 4
    assert f"gpubroker order show {ORDER_ID}" in ended.err


def test_a_resting_order_is_decided(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/api/v2/orders"] = {**ORDER, "status": "pending", "book_seq": 7}
    assert run(*PLACE).code == 0


def test_place_without_waiting_is_done_when_the_log_has_it(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/api/v2/orders"] = httpx.Response(
        202, json={"order_id": ORDER_ID, "status": "pending", "created_at": "…"}
    )
    assert run(*PLACE, "--wait", "0").code == 0
    assert "Prefer" not in fake.last.headers


def test_a_refusal_names_field_value_and_rule(run: Run, fake: Fake) -> None:
    error = {"pointer": "/quantity", "value": 0, "rule": "a JSON integer from 1 to 65536 (U2)"}
    fake.answers["POST", "/api/v2/orders"] = problem(
        422, "INVALID_FIELDS", detail="1 field is wrong", errors=[error]
    )
    ended = run(*PLACE)
    assert ended.code == 1
    assert "INVALID_FIELDS: 1 field is wrong" in ended.err
    assert "quantity: a JSON integer from 1 to 65536 (U2), was 0" in ended.err
    assert '"code": "INVALID_FIELDS"' in run(*PLACE, "--json").err


def test_a_503_tells_the_key_that_is_safe_to_repeat(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/api/v2/orders"] = problem(503, "LOG_UNAVAILABLE", detail="no Kafka")
    ended = run(*PLACE, "--key", "mine")
    assert ended.code == 4
    assert "--key mine" in ended.err


def test_an_answer_that_never_came_is_an_unknown_outcome(run: Run, fake: Fake) -> None:
    fake.answers["POST", "/api/v2/orders"] = httpx.ReadTimeout("slow")
    ended = run(*PLACE, "--key", "mine")
    assert ended.code == 4
    assert "--key mine" in ended.err


def test_no_market_ends_with_3_and_says_how_to_start_one(run: Run, fake: Fake) -> None:
    fake.answers["GET", "/api/v2/orders"] = httpx.ConnectError("refused")
    ended = run("order", "list")
    assert ended.code == 3
    assert "gpubroker up" in ended.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-n", "8", "-p", "cheap", "-d", "24h"), "'cheap'"),
        (("-n", "8", "-p", "nan", "-d", "24h"), "'nan'"),
        (("-n", "8", "-p", "1", "-d", "24m"), "'24m'"),
        (("-n", "8", "-p", "1", "-d", "1d", "--expires-at", "2027-01-01"), "'2027-01-01'"),
    ],
)
def test_what_cannot_be_read_is_usage(
    run: Run, fake: Fake, arguments: tuple[str, ...], told: str
) -> None:
    ended = run("order", "place", "bid", "H100", *arguments)
    assert ended.code == 2
    assert told in ended.err
    assert fake.requests == []


def test_an_unknown_side_is_usage(run: Run) -> None:
    assert run("order", "place", "buy", "H100", "-n", "1", "-p", "1", "-d", "1h").code == 2


def test_list_asks_for_status_and_limit(run: Run, fake: Fake) -> None:
    page = {"items": [ORDER], "total": 31, "next_cursor": "c"}
    fake.answers["GET", "/api/v2/orders"] = page
    ended = run("order", "list", "--status", "active", "--limit", "1")
    assert dict(fake.last.url.params) == {"status": "active", "limit": "1"}
    assert "1 of 31 orders" in ended.out
    assert ORDER_ID in ended.out
    assert run("order", "list", "--json").json == page


def test_list_as_another_role_sends_its_key(run: Run, fake: Fake) -> None:
    fake.answers["GET", "/api/v2/orders"] = {"items": [], "total": 0, "next_cursor": None}
    run("order", "list", "--as", "provider")
    assert fake.last.headers["Authorization"] == "Bearer key-of-provider"
    run("order", "list", API_KEY="of-my-own")
    assert fake.last.headers["Authorization"] == "Bearer of-my-own"
    run("order", "list", "--as", "admin", API_KEY="of-my-own")
    assert fake.last.headers["Authorization"] == "Bearer key-of-admin"


def test_show_adds_the_trades(run: Run, fake: Fake) -> None:
    fake.answers["GET", f"/api/v2/orders/{ORDER_ID}"] = ORDER
    fake.answers["GET", f"/api/v2/orders/{ORDER_ID}/trades"] = {"trades": [TRADE]}
    assert "2026-11-23T10:00:00.010Z" in run("order", "show", ORDER_ID).out
    assert run("order", "show", ORDER_ID, "--json").json == {**ORDER, "trades": [TRADE]}


def test_explain_says_why_in_sentences(run: Run, fake: Fake) -> None:
    said = ["The bid rests.", "With price 2.6000 it would fill 3 GPUs at once: amend it."]
    told = {"order_id": ORDER_ID, "rests": True, "explanation": said}
    fake.answers["GET", f"/api/v2/orders/{ORDER_ID}/explain"] = told
    assert run("order", "explain", ORDER_ID).out.splitlines() == said
    assert run("order", "explain", ORDER_ID, "--json").json == told


def test_cancel_and_amend_are_done(run: Run, fake: Fake) -> None:
    fake.answers["DELETE", f"/api/v2/orders/{ORDER_ID}"] = {"success": True}
    fake.answers["PATCH", f"/api/v2/orders/{ORDER_ID}"] = {"success": True}
    assert run("order", "cancel", ORDER_ID).code == 0
    assert run("order", "amend", ORDER_ID, "-n", "4", "-p", "2.6", "--json").json["success"]
    assert fake.body == {"quantity": 4, "price": "2.6"}


def test_a_cancel_that_is_refused_ends_with_1_and_one_on_its_way_with_4(
    run: Run, fake: Fake
) -> None:
    path = f"/api/v2/orders/{ORDER_ID}"
    fake.answers["DELETE", path] = problem(409, "ORDER_NOT_OPEN", detail="it is closed")
    refused = run("order", "cancel", ORDER_ID)
    assert (refused.code, refused.err.strip()) == (1, "ORDER_NOT_OPEN: it is closed")
    fake.answers["DELETE", path] = httpx.Response(202, json={"status": "pending", "detail": "…"})
    assert run("order", "cancel", ORDER_ID).code == 4


def test_preview_shows_what_would_trade(run: Run, fake: Fake) -> None:
    plan = {
        "fills": [{"price": "2.450000", "quantity": 3}],
        "filled": 3,
        "resting": 5,
        "avg_price": "2.450000",
        "cost": "176.400000",
        "refused": None,
        "book_seq": 12,
    }
    fake.answers["POST", "/api/v2/orders/preview"] = plan
    ended = run("order", "preview", "bid", "H100", "-n", "8", "-p", "2.5", "-d", "24")
    assert "3 × 2.450000" in ended.out
    assert "176.400000" in ended.out
    assert fake.body["duration_hours"] == 24
