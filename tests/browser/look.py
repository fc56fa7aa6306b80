"""Takes a picture of every view, light and dark, wide and narrow, for people to look at.

`python -m tests.browser.look [NAME …]` puts them into tests/browser/screenshots.
"""

import sys

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import driving
from tests.browser.driving import (
    Served,
    await_usable,
    launched,
    market_in_memory,
    opened,
    sign_in,
)

API_PORT, FEEDS_PORT = 28112, 28113
NARROW = {"width": 390, "height": 844}


def take(browser: Browser, served: Served, wanted: list[str]) -> None:
    for scheme in ("light", "dark"):
        page = opened(browser, served, color_scheme=scheme).page
        page.goto(f"{served.url}/login")
        snap(page, f"login-{scheme}", wanted)
        for role, name in (("provider", "tower"), ("consumer", "trade"), ("admin", "admin")):
            watched = opened(browser, served, color_scheme=scheme)
            page = watched.page
            sign_in(page, served, role)
            await_usable(page)
            page.wait_for_timeout(6_000)
            snap(page, f"{name}-{scheme}", wanted)
            if name == "tower":
                dialogs(page, scheme, wanted)
            if name == "trade":
                preview(page, scheme, wanted)
            print(name, scheme, *watched.trouble, sep="\n  ")
    narrow(browser, served, wanted)


def dialogs(page: Page, scheme: str, wanted: list[str]) -> None:
    page.locator("saas-infra-card button").nth(3).click()
    page.wait_for_timeout(700)
    snap(page, f"node-{scheme}", wanted)
    page.get_by_role("tab", name="Pricing").click()
    page.wait_for_timeout(500)
    snap(page, f"pricing-{scheme}", wanted)
    page.get_by_role("tab", name="Configuration").click()
    snap(page, f"configuration-{scheme}", wanted)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="List capacity").click()
    page.wait_for_timeout(700)
    snap(page, f"list-{scheme}", wanted)
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Revenue").click()
    page.wait_for_timeout(700)
    snap(page, f"revenue-{scheme}", wanted)
    page.keyboard.press("Control+k")
    page.keyboard.type("show book")
    snap(page, f"palette-{scheme}", wanted)
    page.keyboard.press("Escape")


def preview(page: Page, scheme: str, wanted: list[str]) -> None:
    page.get_by_label("GPUs", exact=True).fill("6")
    page.get_by_label("Limit ($/GPU-hour)").fill("2.46")
    page.wait_for_timeout(1_200)
    snap(page, f"preview-{scheme}", wanted)
    page.get_by_role("button", name="Why").first.click()
    page.wait_for_timeout(700)
    snap(page, f"explain-{scheme}", wanted)
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Fills").click()
    snap(page, f"fills-{scheme}", wanted)


def narrow(browser: Browser, served: Served, wanted: list[str]) -> None:
    for role in ("provider", "consumer", "admin"):
        page = opened(browser, served, viewport=NARROW).page
        sign_in(page, served, role)
        await_usable(page)
        page.wait_for_timeout(1_500)
        snap(page, f"narrow-{role}", wanted)


def snap(page: Page, name: str, wanted: list[str]) -> None:
    if not wanted or any(name.startswith(each) for each in wanted):
        driving.snap(page, name)


def main(wanted: list[str]) -> None:
    with market_in_memory(API_PORT, FEEDS_PORT) as served, sync_playwright() as playwright:
        browser = launched(playwright)
        take(browser, served, wanted)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
