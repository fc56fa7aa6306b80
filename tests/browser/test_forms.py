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
