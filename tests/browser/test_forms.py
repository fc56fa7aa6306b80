"""What people type in forms and dialogs: it stays theirs, goes where it shows, and is sent once."""

from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.driving import Served, await_usable, opened, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture
def page(watched):
    return watched.page


@pytest.fixture
def shaky(browser, served):
    """A page of which requests may fail."""
    page = opened(browser, served).page
    yield page
    page.context.close()


def seen(page: Page, served: Served, role: str) -> Page:
    sign_in(page, served, role)
    await_usable(page)
    return page


def command(page: Page, words: str) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type(words)
    page.keyboard.press("Enter")


def dialog_called(page: Page, name: str) -> Locator:
    expect(page.get_by_role("dialog", name=name)).to_be_visible()
    return page.locator("saas-glass-modal")


def test_what_is_typed_in_list_capacity_stays(page, served):
    seen(page, served, "provider")
    page.get_by_role("button", name="List capacity").click()
    dialog = page.locator("saas-glass-modal")
    dialog.get_by_label("GPUs", exact=True).fill("3")
    dialog.get_by_label("Limit ($/GPU-hour)").fill("9.87")
    dialog.get_by_label("GPU type").select_option("A100-80GB")
    page.wait_for_timeout(300)
    expect(dialog.get_by_label("GPU type")).to_have_value("A100-80GB")
    expect(dialog.get_by_label("GPUs", exact=True)).to_have_value("3")
    expect(dialog.get_by_label("Limit ($/GPU-hour)")).to_have_value("9.87")


def test_another_node_in_place_of_an_open_one_has_its_own_data(page, served):
    seen(page, served, "provider")
    for hostname in ("hall-a-02", "hall-b-04"):
        command(page, f"open node {hostname}")
        dialog = dialog_called(page, hostname)
        dialog.get_by_role("tab", name="Configuration").click()
        expect(dialog.get_by_label("Hostname")).to_have_value(hostname)


def test_another_onboarding_in_place_of_an_open_one_begins_empty(page, served):
    seen(page, served, "provider")
    for name in ("hall-a", "hall-b"):
        command(page, f"add node to {name}")
        hostname = dialog_called(page, "Add a node").get_by_label("Hostname")
        expect(hostname).to_have_value("")
        hostname.fill(f"{name}-99")
    page.wait_for_timeout(300)
    expect(hostname).to_have_value("hall-b-99")


def test_a_select_shows_what_was_chosen_elsewhere_after_a_choice_by_hand(page, served):
    seen(page, served, "consumer")
    shown = [page.get_by_role("region", name=name) for name in ("Market", "Place a bid")]
    for region in shown:
        for gpu_type in ("H100", "L40S", "A100-80GB"):
            region.get_by_label("GPU type").select_option(gpu_type)
        for product in ("ondemand", "spot"):
            region.get_by_label("Product").select_option(product)
    for gpu_type in ("H100", "L40S"):
        command(page, f"show book {gpu_type} ondemand")
        for region in shown:
            expect(region.get_by_label("GPU type")).to_have_value(gpu_type)
            expect(region.get_by_label("Product")).to_have_value("ondemand")


def test_an_order_whose_answer_is_lost_is_placed_once(shaky, served):
    page = seen(shaky, served, "consumer")
    keys: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method != "POST":
            route.fallback()
            return
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        elif len(keys) == 2:
            route.fulfill(status=503, json={"code": "UNAVAILABLE", "detail": "Not now."})
        elif len(keys) == 3:
            placed = {"order_id": str(UUID(int=0)), "status": "pending", "created_at": ""}
            route.fulfill(status=202, json=placed)
        else:
            route.fallback()

    page.route("**/api/v2/orders", answer)
    form = page.get_by_role("region", name="Place a bid")
    form.get_by_label("GPU type").select_option("L40S")
    form.get_by_label("Limit ($/GPU-hour)").fill("0.4321")
    place = form.get_by_role("button", name="Place bid")
    place.click()
    expect(form.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
    place.click()
    expect(form.get_by_role("alert").filter(has_text="Not now.")).to_be_visible()
    place.click()
    expect(form.get_by_role("alert").filter(has_text="there is no order")).to_be_visible()
    place.click()
    expect(page.get_by_text("rests in the book at $0.4321")).to_be_visible()
    assert len(set(keys)) == 1
    assert placed_at(served, "0.4321") == 1
    place.click()
    expect(page.get_by_text("rests in the book at $0.4321")).to_have_count(2)
    assert len(set(keys)) == 2
    assert placed_at(served, "0.4321") == 2


def placed_at(served: Served, limit: str) -> int:
    """How many orders the consumer has with this limit."""
    headers = {"Authorization": f"Bearer {served.keys['consumer']}"}
    told = httpx.get(f"{served.url}/api/v2/orders?limit=100", headers=headers).json()["items"]
    return sum(order["price"] == limit for order in told)


def test_what_is_not_decided_yet_is_not_told_as_done(shaky, served):
    page = seen(shaky, served, "consumer")
    pending = {"status": "pending", "detail": "It is on its way."}

    def answer(route: Route) -> None:
        if route.request.method in ("DELETE", "PATCH"):
            route.fulfill(status=202, json=pending)
        else:
            route.fulfill(status=503, json={"code": "UNAVAILABLE", "detail": "Not now."})

    page.route("**/api/v2/orders/*", answer)
    page.route("**/api/v2/orders/preview", Route.fallback)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    row = page.get_by_role("table", name="Working orders").get_by_role("row").nth(1)
    row.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelling bid")).to_contain_text("not decided yet")
    row.get_by_role("button", name="Amend").click()
    amend(page.locator("saas-glass-modal"))
    expect(page.get_by_text("Amending bid")).to_contain_text("not decided yet")
    assert faults == []


def amend(dialog: Locator) -> None:
    dialog.get_by_label("GPUs in all").fill("2")
    dialog.get_by_role("button", name="Amend").click()


def test_a_node_whose_change_has_no_effect_yet_says_so(page, served):
    seen(page, served, "provider")
    written = {"success": True}
    page.route("**/nodes/*/pricing", lambda route: route.fulfill(status=202, json=written))
    command(page, "open node hall-a-02")
    dialog = dialog_called(page, "hall-a-02")
    dialog.get_by_role("tab", name="Pricing").click()
    expect(dialog.get_by_label("Base price")).not_to_have_value("")
    dialog.get_by_role("button", name="Set pricing").click()
    expect(page.get_by_text("not in effect yet")).to_be_visible()
    expect(page.get_by_text("Pricing is set.")).to_have_count(0)


MATCHED = """(type) => {
    const order = { type, gpu_type: "L40S" };
    const trade = { quantity: 1, price: "0.9000" };
    document.querySelector("view-broker-setup").orders.onEvent({ order, cause: "matched", trade });
}"""


@pytest.mark.parametrize(("side", "verb"), [("bid", "Rented"), ("ask", "Sold")])
def test_a_provider_is_told_whether_it_rented_or_sold(page, served, side, verb):
    seen(page, served, "provider")
    page.evaluate(MATCHED, side)
    expect(page.get_by_text(f"{verb} 1 L40S at $0.90")).to_be_visible()
