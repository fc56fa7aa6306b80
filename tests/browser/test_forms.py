"""What people type in forms and dialogs: it stays theirs, goes where it shows, and is sent once."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.driving import Served, await_usable, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.fixture
def page(watched):
    return watched.page


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
