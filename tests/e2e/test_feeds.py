"""The feeds on a running market: what clients are told is what the market does, without gaps."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import stack
from cli.session import Session
from schemas.settings import Settings
from stack import state
from tests.story import Run, eventually

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
SECONDS = 30.0
BOOK = "B200.ondemand"


class Feed:
    """A connection to a feed, and what it was told."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.answers: list[Any] = []
        self.told: list[Any] = []

    def read(self, seconds: float = 0.0) -> None:
        """Take what has come, or the first that comes in time."""
        try:
            while True:
                message = json.loads(self._socket.recv(seconds))
                (self.told if "method" in message else self.answers).append(message)
                seconds = 0.0
        except TimeoutError:
            return

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a request."""
        count = len(self.answers)
        request = {"jsonrpc": "2.0", "id": count + 1, "method": method, "params": params}
        self._socket.send(json.dumps(request))
        self.until(lambda: len(self.answers) > count, f"an answer to {method}")
        return self.answers[count]["result"]

    def of(self, method: str) -> list[Any]:
        """The params of every notification of a method."""
        return [each["params"] for each in self.told if each["method"] == method]

    def until(self, look: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        """Read until this is so."""
        deadline = time.monotonic() + seconds
        while not (found := look()):
            assert time.monotonic() < deadline, f"{what} was not told: {self.told[-3:]}"
            self.read(0.1)
        return found

    def until_closed(self) -> int:
        """The code of the close."""
        try:
            while True:
                self.read(1.0)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 0

    @property
    def cursor(self) -> str:
        return str(
            [each["params"]["cursor"] for each in self.told if "cursor" in each["params"]][-1]
        )


@contextmanager
def listening(market: Settings, path: str, role: Any, cursor: str = "") -> Iterator[Feed]:
    """A feed that begins with its snapshot, or from a cursor on."""
    key = Session(market).key(role, role)
    url = market.text("FEEDS_URL") + path + (f"?cursor={cursor}" if cursor else "")
    with connect(url, subprotocols=["gpubroker.v1", f"bearer.{key}"], max_size=None) as socket:  # type: ignore[list-item]
        yield Feed(socket)


def place(run: Run, side: str, quantity: int, price: str, *more: str) -> Any:
    return run(
        *("order", "place", side, "B200", "--quantity", str(quantity), "--price", price),
        *("--duration", "24h", "--region", "eu-central-1", *more),
    )


def changes(feed: Feed, order_id: str) -> list[tuple[str, str, int]]:
    return [
        (each["cause"], each["status"], each["filled_quantity"])
        for each in feed.of("order.update")
        if each["order_id"] == order_id
    ]


def restart(market: Settings) -> None:
    """Kill the feeds, and wait until they are there again."""
    before = {row.name: row for row in stack.status(market)}["feeds"]
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)

    def is_back() -> bool:
        now = {row.name: row for row in stack.status(market)}["feeds"]
        return now.state == state.READY and now.restarts > before.restarts

    eventually(is_back, "the feeds", 60.0)


def test_an_orders_life_is_told_and_resumed_across_a_restart(
    run: Run, market: Settings, listed_ask: Any
) -> None:
    with listening(market, "/ws/orders/me", "consumer") as feed:
        feed.until(lambda: feed.of("orders.snapshot"), "the snapshot")
        bid = place(run, "bid", 1, "2.50")
        feed.until(lambda: ("matched", "filled", 1) in changes(feed, bid["id"]), "the fill")
        update = feed.of("order.update")[-1]
        now = run("order", "show", bid["id"])
        assert {name: update[name] for name in now.keys() & update.keys()} == {
            name: now[name] for name in now.keys() & update.keys()
        }
        cursor = feed.cursor

    resting = place(run, "bid", 2, "0.50")
    restart(market)
    run("order", "cancel", resting["id"])
    with listening(market, "/ws/orders/me", "consumer", cursor) as feed:
        feed.until(lambda: ("closed", "cancelled", 0) in changes(feed, resting["id"]), "the rest")
        assert feed.of("orders.snapshot") == []
        assert feed.of("resync") == []
        assert changes(feed, bid["id"]) == []
        # each with the order as it is by now
        assert [cause for cause, _, _ in changes(feed, resting["id"])] == ["created", "closed"]


def test_depth_after_a_burst_is_the_depth_that_http_tells(
    run: Run, market: Settings, listed_ask: Any
) -> None:
    with listening(market, f"/ws/market/{BOOK}", "consumer") as feed:
        (snapshot,) = feed.until(lambda: feed.of("depth.snapshot"), "the snapshot")
        bids = [place(run, "bid", 1 + each % 3, f"1.{each:02}") for each in range(12)]
        for bid in bids[::3]:
            run("order", "cancel", bid["id"])
        place(run, "bid", 1, "2.50")
        depth = run("market", "depth", BOOK, "--levels", "1000")

        def is_equal() -> bool:
            return applied(snapshot, feed.of("depth.update")) == (depth["bids"], depth["asks"])

        feed.until(is_equal, "the same depth")
        assert len(feed.of("market.trade")) == 1
        for bid in bids:
            if bid not in bids[::3]:
                run("order", "cancel", bid["id"])


def applied(snapshot: Any, updates: list[Any]) -> tuple[list[Any], list[Any]]:
    """The levels of a book as a client keeps them (docs/feeds.md)."""
    last_seq = snapshot["last_seq"]
    levels = {
        (side, level["price"]): level
        for side, name in (("bid", "bids"), ("ask", "asks"))
        for level in snapshot[name]
    }
    for update in updates:
        if update["last_seq"] <= last_seq:
            continue
        assert update["prev_seq"] <= last_seq, "a change is missing"
        last_seq = update["last_seq"]
        for level in update["levels"]:
            place = (level["side"], level["price"])
            levels[place] = {name: level[name] for name in ("price", "quantity", "orders")}
    there = {place: level for place, level in levels.items() if level["quantity"]}
    sides = [
        sorted((price for side, price in there if side == wanted), key=float, reverse=best_is_high)
        for wanted, best_is_high in (("bid", True), ("ask", False))
    ]
    return tuple(  # type: ignore[return-value]
        [there[side, price] for price in prices]
        for side, prices in zip(("bid", "ask"), sides, strict=True)
    )


def test_a_node_that_falls_silent_is_told(run: Run, market: Settings) -> None:
    run("provider", "verify", run("provider", "show")["id"])
    cluster = run("cluster", "create", "feeds", "--region", "us-east-1")["cluster_id"]
    node = run(
        *("node", "register", cluster, "--hostname", "f", "--ip", "10.1.2.9"),
        *("--gpu", "L4", "--count", "1", "--vram", "24"),
    )
    with listening(market, f"/ws/telemetry/{cluster}", "provider") as feed:
        (snapshot,) = feed.until(lambda: feed.of("telemetry.snapshot"), "the snapshot")
        assert [each["node_id"] for each in snapshot["nodes"]] == [node["node_id"]]
        report(market, node["node_id"], "healthy")
        reading = feed.until(lambda: feed.of("telemetry.reading"), "a reading")[0]
        assert reading["gpus"][0]["status"] == "healthy"
        time.sleep(5.0)  # a GPU may be measured every five seconds
        sent_at = time.monotonic()
        report(market, node["node_id"], "offline")

        def is_offline() -> bool:
            return any(each["status"] == "offline" for each in feed.of("node.update"))

        feed.until(is_offline, "offline")
        assert time.monotonic() - sent_at < 5.0


def report(market: Settings, node_id: str, status: str) -> None:
    metric = {
        "gpu_index": 0,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "gpu_utilization": 0.5,
        "memory_utilization": 0.5,
        "temperature": 50.0,
        "power_draw": 60.0,
        "status": status,
    }
    with Session(market).client("provider", "provider") as client:
        sent = client.post("/telemetry/batch", {"node_id": node_id, "metrics": [metric]})
    assert sent["accepted"] == 1, sent


def test_h1_an_administrator_halts_a_book_over_the_feed(run: Run, market: Settings) -> None:
    book = "V100-16GB.reserved"
    with (
        listening(market, "/ws/admin/control", "admin") as control,
        listening(market, f"/ws/market/{book}", "consumer") as feed,
    ):
        (state_told,) = control.until(lambda: control.of("control.state"), "the state")
        assert {job["state"] for job in state_told["jobs"]} == {"RUNNING"}
        assert set(state_told["dependencies"].values()) == {"connected"}
        try:
            assert control.ask("halt_book", book_id=book)["status"] == "halted"
            feed.until(lambda: feed.of("market.status"), "the halt")
            assert placed(market, "V100-16GB", "reserved")["code"] == "BOOK_HALTED"
        finally:
            assert control.ask("resume_book", book_id=book)["status"] == "open"
        control.until(lambda: len(control.of("control.audit")) == 2, "the audit")


def placed(market: Settings, gpu_type: str, product: str) -> Any:
    """A bid that asks little, once its book or account has decided."""
    bid = {
        "type": "bid",
        "gpu_type": gpu_type,
        "product": product,
        "quantity": 1,
        "price": "0.01",
        "duration_hours": 24,
    }
    with Session(market).client("consumer", "consumer") as client:
        return client.post("/orders", bid, {"Prefer": "wait=5"})


def test_a_revoked_key_is_parted_from(run: Run, market: Settings) -> None:
    made = run("key", "create", "feed")
    url = market.text("FEEDS_URL") + "/ws/pricing"
    offered: Any = ["gpubroker.v1", f"bearer.{made['key']}"]
    with connect(url, subprotocols=offered) as socket:
        feed = Feed(socket)
        feed.until(lambda: feed.of("pricing.snapshot"), "the snapshot")
        run("key", "revoke", made["key_id"])
        revoked_at = time.monotonic()
        assert feed.until_closed() == 4401
        assert time.monotonic() - revoked_at < 3.0


def test_what_is_served_besides(market: Settings) -> None:
    url = market.text("FEEDS_URL").replace("ws://", "http://")
    assert httpx.get(f"{url}/health").json()["status"] == "healthy"
    assert "gpubroker_feeds_connections" in httpx.get(f"{url}/metrics").text
    assert httpx.get(f"{url}/asyncapi.json").json()["asyncapi"] == "3.0.0"
    told = httpx.get(
        f"{market.text('API_URL')}/api/v2/feeds",
        headers={"Authorization": f"Bearer {Session(market).key('consumer', 'consumer')}"},
    )
    assert told.json() == {"url": market.text("FEEDS_URL")}
