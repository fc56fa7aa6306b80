"""The three flows of the page's users, and two bad days, on a real market."""

import csv
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import stack
from schemas.settings import Settings
from tests.browser.driving import Served, await_usable, axe_violations, opened, sign_in, snap
from tests.story import eventually

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.timeout(420)]

GPU_TYPE = "V100-32GB"
BOOK = f"{GPU_TYPE}.ondemand"
REGION = "ap-southeast-1"
SLOT_MS = 5_000
SHOWN_WITHIN_SECONDS = 5.0
FOLLOWS_SECONDS = 90.0
EXPECTED = r"status of 404|WebSocket connection to .* failed"
"""What Chromium says of an account that is no provider yet, and of feeds that were killed."""


class Caller:
    """Somebody who calls the API beside the page."""

    def __init__(self, url: str, key: str) -> None:
        self._url = f"{url}/api/v2"
        self.key = key

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {self.key}", **headers}
        reply = httpx.request(method, self._url + path, json=body, headers=sent, timeout=30)
        assert reply.status_code < 300, reply.text
        return reply.json()


@pytest.fixture(scope="module")
def admin(market: Settings) -> Caller:
    return Caller(market.text("API_URL"), credentials(market)["admin"])


@pytest.fixture(scope="module")
def provider(market: Settings, admin: Caller) -> Caller:
    return new_account(market, admin, "provider", "Tower Test Racks")


@pytest.fixture(scope="module")
def consumer(market: Settings, admin: Caller) -> Caller:
    return new_account(market, admin, "consumer", "Tower Test Lab")


@pytest.fixture(scope="module")
def served(market: Settings, admin: Caller, provider: Caller, consumer: Caller) -> Served:
    keys = {"admin": admin.key, "provider": provider.key, "consumer": consumer.key}
    return Served(market.text("API_URL"), keys)


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Any]:
    """Signs somebody in on a page of their own; nothing may go wrong on any of them."""
    visits = []

    def sign_in_as(role: str) -> Page:
        watched = opened(browser, served)
        visits.append(watched)
        sign_in(watched.page, served, role)
        return watched.page

    yield sign_in_as
    trouble = [each for watched in visits for each in watched.trouble]
    for watched in visits:
        watched.page.context.close()
    assert [each for each in trouble if not re.search(EXPECTED, each)] == []


def test_1_a_provider_registers_a_cluster_adds_nodes_and_sets_pricing(visit):
    page = visit("provider")
    page.get_by_label("Name on the market").fill("Tower Test Racks")
    page.get_by_label("Company", exact=True).fill("Racks Ltd")
    page.get_by_label("VAT").fill("SG-1")
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_text("has not verified you yet")).to_be_visible()

    boss = visit("admin")
    await_usable(boss)
    row = boss.get_by_role("row").filter(has_text="Tower Test Racks")
    row.get_by_role("button", name="Verify").click()
    expect(boss.get_by_text("Tower Test Racks is verified.")).to_be_visible()

    page.reload()
    page.get_by_role("button", name="Add cluster").click()
    dialog = page.locator("saas-glass-modal")
    dialog.get_by_label("Name").fill("harbour")
    dialog.get_by_label("Region").select_option(REGION)
    dialog.get_by_role("button", name="Add cluster").click()
    expect(page.get_by_role("region", name="Cluster harbour")).to_be_visible()

    for number in (1, 2):
        page.get_by_role("button", name="Add node to harbour").click()
        add_node(dialog, f"harbour-{number:02}", f"10.9.0.{number}")
        expect(dialog.get_by_text("gpubroker agent enrol")).to_be_visible()
        page.keyboard.press("Escape")

    page.get_by_role("button", name=re.compile("^harbour-01")).click()
    page.get_by_role("tab", name="Pricing").click()
    dialog.get_by_label("Base price").fill("0.62")
    dialog.get_by_label("Surge").check()
    expect(dialog.get_by_text("$1.8600")).to_be_visible()
    snap(page, "flow-1-pricing")
    assert axe_violations(page) == []
    dialog.get_by_role("button", name="Set pricing").click()
    expect(page.get_by_text("Pricing is set.")).to_be_visible()
    page.keyboard.press("Escape")
    card = page.get_by_role("button", name=re.compile("^harbour-01"))
    expect(card).to_contain_text("$0.62")

    page.get_by_role("button", name="List capacity").click()
    fill_order(dialog, "5", "0.60", "168")
    dialog.get_by_role("button", name="List as ask").click()
    expect(page.get_by_text("rests in the book at $0.60")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("row").filter(has_text=BOOK)).to_contain_text("0 / 5")
    expect(page.get_by_role("button", name=re.compile("5 listed"))).to_be_visible()
    snap(page, "flow-1-tower")


def test_2_a_consumer_bids_is_matched_and_sees_the_trade(visit):
    tower, page = visit("provider"), visit("consumer")
    await_usable(tower)
    await_usable(page)
    form = page.get_by_role("region", name="Place a bid")
    form.get_by_label("GPU type").select_option(GPU_TYPE)
    fill_order(form, "4", "0.64", "24")
    expect(form.get_by_text("4 of 4")).to_be_visible()
    expect(form.get_by_text("4 at $0.62")).to_be_visible()
    form.get_by_role("button", name="Place bid").click()
    expect(page.get_by_text("filled at $0.62")).to_be_visible()
    expect(tower.get_by_text(f"Sold 4 {GPU_TYPE} at $0.62.")).to_be_visible()
    page.get_by_role("tab", name="Fills").click()
    row = page.get_by_role("row").filter(has_text=BOOK)
    expect(row).to_contain_text("filled")
    market = page.get_by_role("region", name="Market")
    expect(market.get_by_role("table", name=f"Trades of {BOOK}")).to_contain_text("0.6200")
    row.get_by_role("button", name="Fills").click()
    expect(page.locator("saas-glass-modal table")).to_contain_text("$59.52")
    snap(page, "flow-2-fills")
    page.keyboard.press("Escape")
    snap(page, "flow-2-trade")
    expect(tower.get_by_role("row").filter(has_text=BOOK)).to_contain_text("4 / 5")
    expect(tower.get_by_role("button", name=re.compile("4 leased"))).to_be_visible()
    snap(tower, "flow-2-tower")


def test_3_an_administrator_sees_the_key_figures_and_exports_a_report(visit, tmp_path: Path):
    page = visit("admin")
    await_usable(page)
    volume = page.locator("[data-kpi=trading_volume] dd")
    expect(volume).not_to_have_text(re.compile(r"^\s*(–|\$0\.00)"), timeout=30_000)
    health = page.get_by_role("region", name="System health")
    expect(health.get_by_role("list", name="Servers").get_by_text("connected")).to_have_count(7)
    expect(health.get_by_role("list", name="Jobs").get_by_text("running").first).to_be_visible()
    snap(page, "flow-3-admin")
    assert axe_violations(page) == []
    deadline = time.monotonic() + FOLLOWS_SECONDS
    while not (rows := exported(page, tmp_path)) and time.monotonic() < deadline:
        page.wait_for_timeout(3_000)
    sold = [row for row in rows if row["gpu_type"] == GPU_TYPE]
    assert [(row["gpus"], float(row["gross"])) for row in sold] == [("4", 59.52)]


def test_a_node_that_goes_offline_is_shown_so_within_seconds(visit, provider):
    page = visit("provider")
    await_usable(page)
    (node_id,) = (
        node["id"]
        for node in provider("GET", "/nodes")["items"]
        if node["hostname"] == "harbour-02"
    )
    card = page.locator(f"saas-infra-card[data-node='{node_id}']")
    say(provider, node_id, "healthy")
    expect(card).to_have_attribute("data-status", "healthy", timeout=20_000)
    expect(card).to_contain_text("42 %")
    say(provider, node_id, "offline")
    began = time.monotonic()
    expect(card).to_have_attribute("data-status", "offline", timeout=20_000)
    seconds = time.monotonic() - began
    print(f"the tower showed it after {seconds:.2f} s")
    snap(page, "node-offline")
    assert seconds < SHOWN_WITHIN_SECONDS


def test_feeds_that_die_are_shown_stale_and_come_back_without_a_gap(
    visit, market, provider, consumer
):
    page = visit("provider")
    await_usable(page)
    tape = page.get_by_role("table", name=f"Trades of {BOOK}")
    expect(tape).to_contain_text("0.6200")
    (feeds,) = (row for row in stack.status(market) if row.name == "feeds")
    os.kill(feeds.pid, signal.SIGKILL)
    page.wait_for_selector("[data-feed=stale]")
    for price in ("0.6100", "0.6101"):
        trade(provider, consumer, price)
    page.wait_for_selector("[data-feed=live]", timeout=60_000)
    trade(provider, consumer, "0.6102")
    told = eventually(lambda: tape_told(provider, 4), "the last trade")
    expect(tape.locator("tbody tr")).to_have_count(len(told), timeout=20_000)
    shown = tape.locator("tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.trade)")
    assert shown == told


def credentials(market: Settings) -> dict[str, Any]:
    """The first keys of the market, by role."""
    told: dict[str, Any] = json.loads((market.path("HOME") / "credentials.json").read_text())
    return told


def new_account(market: Settings, admin: Caller, role: str, name: str) -> Caller:
    account = admin("POST", "/accounts", {"name": name, "role": role})
    body = {"name": "page", "account_id": account["account_id"]}
    return Caller(market.text("API_URL"), admin("POST", "/auth/api-keys", body)["key"])


def add_node(dialog: Locator, hostname: str, address: str) -> None:
    dialog.get_by_label("Hostname").fill(hostname)
    dialog.get_by_label("Address").fill(address)
    dialog.get_by_label("GPU type").select_option(GPU_TYPE)
    dialog.get_by_label("GPUs", exact=True).fill("8")
    dialog.get_by_label("Memory each, GB").fill("32")
    dialog.get_by_role("button", name="Register node").click()


def fill_order(form: Locator, quantity: str, limit: str, hours: str) -> None:
    form.get_by_label("GPUs", exact=True).fill(quantity)
    form.get_by_label("Limit ($/GPU-hour)").fill(limit)
    form.get_by_label("Hours").fill(hours)


def exported(page: Page, folder: Path) -> list[dict[str, str]]:
    """The rows of the report on revenue by GPU type, as the page exports it."""
    page.locator("select[name=report]").select_option("revenue-by-gpu-type")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Export CSV").click()
    path = folder / "report.csv"
    downloading.value.save_as(path)
    with path.open() as file:
        return [row for row in csv.DictReader(file) if row["gpu_type"] == GPU_TYPE]


def say(provider: Caller, node_id: str, status: str) -> None:
    """Report a status of a GPU in the next slot of time."""
    now_ms = time.time_ns() // 1_000_000
    time.sleep((SLOT_MS - now_ms % SLOT_MS) / 1_000 + 0.05)
    metric = {
        "gpu_index": 0,
        "timestamp": time.time_ns() // 1_000_000,
        "gpu_utilization": 0.42,
        "memory_utilization": 0.3,
        "temperature": 61.0,
        "power_draw": 210.0,
        "status": status,
    }
    told = provider("POST", "/telemetry/batch", {"node_id": node_id, "metrics": [metric]})
    assert told["accepted"] == 1, told


def tape_told(caller: Caller, least: int) -> list[str]:
    """The book's trades as the API tells them; nothing while there are fewer, as views follow."""
    told = [each["id"] for each in caller("GET", f"/market/books/{BOOK}/trades")["items"]]
    return told if len(told) >= least else []


def trade(provider: Caller, consumer: Caller, price: str) -> None:
    """One GPU, from an ask and a bid at the same price."""
    body = {"gpu_type": GPU_TYPE, "quantity": 1, "price": price, "duration_hours": 24}
    ask = {**body, "type": "ask", "region": REGION, "time_in_force": "GTC"}
    wait = {"Prefer": "wait=5"}
    assert provider("POST", "/orders", {**ask, "price": "0.5000"}, **wait)["status"] == "pending"
    assert consumer("POST", "/orders", {**body, "type": "bid"}, **wait)["status"] == "filled"
