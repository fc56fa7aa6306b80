"""Windows of a GPU type: against a slow reference that keeps every record, and rule by rule."""

from dataclasses import dataclass, field
from fractions import Fraction
from math import isclose
from statistics import pstdev
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from udfs import spot_market
from udfs.spot_market import (
    KEPT_MS,
    NOTHING,
    STEP_MS,
    WINDOW_MS,
    SpotMarket,
    add_rollups,
    add_trades,
    change_nodes,
    load,
    step,
    written,
)

START_MS = 1_790_000_100_000
USD = 1_000_000
LIMIT = 2_000
FREE = 10**10
"""A limit that never limits."""


@dataclass
class Feed:
    """A market whose rows are stored, and which can be loaded anew from them at any time."""

    market: SpotMarket = field(default_factory=lambda: SpotMarket("H100"))
    rows: dict[str, str] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)

    def node(self, node_id: str = "n1", **fields: Any) -> None:
        fact = node_changed(node_id, self._seq("node"), **fields)
        self._keep(change_nodes(self.market, [fact]))

    def trade(self, at_ms: int, price: int = 2 * USD, quantity: int = 1, **fields: Any) -> None:
        product = fields.get("product", "spot")
        fact = matched(at_ms, price, quantity, self._seq(product), **fields)
        self._keep(add_trades(self.market, [fact]))

    def rollup(self, at_ms: int, mean: float, samples: int = 10, **fields: Any) -> None:
        self._keep(add_rollups(self.market, [rollup(at_ms, mean, samples, **fields)]))

    def step(self, at_ms: int, limit: int = LIMIT) -> list[dict[str, Any]]:
        told = step(self.market, at_ms, limit)
        self._keep(told.changed)
        return told.updates

    def reload(self) -> None:
        self.market = load("H100", self.rows.items())

    def _seq(self, name: str) -> int:
        self.seqs[name] = self.seqs.get(name, 0) + 1
        return self.seqs[name]

    def _keep(self, changed: spot_market.Changed) -> None:
        for key in changed:
            text = written(self.market, key)
            if text is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = text


def node_changed(node_id: str, seq: int, **fields: Any) -> dict[str, Any]:
    return {
        "node_id": node_id,
        "account_seq": seq,
        "region": "us-west-2",
        "health": "healthy",
        "maintenance": False,
        "removed": False,
        "base_price_micros": 2 * USD,
        "surge_enabled": True,
        "available": 0,
        "held": 0,
        "allocated": 0,
        **fields,
    }


def matched(at_ms: int, price: int, quantity: int, seq: int, **fields: Any) -> dict[str, Any]:
    return {
        "book_id": f"H100.{fields.get('product', 'spot')}",
        "product": "spot",
        "region": "us-west-2",
        "occurred_at_ms": at_ms,
        "book_seq": seq,
        "price_micros": price,
        "quantity": quantity,
        **fields,
    }


def rollup(at_ms: int, mean: float, samples: int, **fields: Any) -> dict[str, Any]:
    return {
        "scope": "market",
        "region": "us-west-2",
        "window_start_ms": at_ms,
        "samples": samples,
        "gpu_utilization_mean": mean,
        **fields,
    }


def only(updates: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    (found,) = [each for each in updates if fields.items() <= each.items()]
    return found


HERE = {"region": "us-west-2", "product": "spot"}


def test_a_step_tells_each_region_and_all_of_them() -> None:
    feed = Feed()
    feed.node("n1", allocated=4, held=2, available=2)
    feed.node("n2", region="us-east-1", available=8, base_price_micros=1 * USD)
    told = feed.step(START_MS + STEP_MS)
    assert [(each["region"], each["product"]) for each in told] == [
        ("", "spot"),
        ("us-east-1", "spot"),
        ("us-west-2", "spot"),
    ]
    west = only(told, region="us-west-2")
    assert (west["spot_price_micros"], west["base_price_micros"]) == (3 * USD, 2 * USD)
    assert (west["allocated"], west["held"], west["available"]) == (4, 2, 2)
    assert west["utilization"] == 0.5
    # 12 of 16 free, base 1.5: 1.5 x (1 + 2/16) = 1.6875
    assert only(told, region="")["spot_price_micros"] == 1_687_500
    assert {each["is_final"] for each in told} == {False}


def test_only_gpus_of_healthy_nodes_in_use_count() -> None:
    feed = Feed()
    feed.node("n1", available=8)
    for health in ("degraded", "offline", "unknown"):
        feed.node(health, allocated=8, health=health)
    feed.node("n5", allocated=8, maintenance=True)
    feed.node("n6", allocated=8, removed=True)
    feed.node("n7", available=2, surge_enabled=False, base_price_micros=9 * USD)
    feed.node("n8", available=2, base_price_micros=0)
    west = only(feed.step(START_MS + STEP_MS), **HERE)
    assert (west["allocated"], west["available"]) == (0, 12)
    assert (west["base_price_micros"], west["spot_price_micros"]) == (2 * USD, 2 * USD)
    feed.node("n1", allocated=8, health="offline")
    west = only(feed.step(START_MS + 2 * STEP_MS), **HERE)
    assert (west["allocated"], west["available"], west["base_price_micros"]) == (0, 4, 0)
    assert west["spot_price_micros"] == 2 * USD, "the last price is kept"
    assert west["unchanged_since_ms"] == START_MS + STEP_MS


def test_the_spot_price_changes_by_a_fifth_a_step() -> None:
    feed = Feed()
    feed.node(available=8)
    feed.step(START_MS)
    feed.node(allocated=8)
    told = [only(feed.step(START_MS + n * STEP_MS), **HERE) for n in range(1, 9)]
    prices = [each["spot_price_micros"] for each in told]
    assert prices == [2400000, 2880000, 3456000, 4147200, 4976600, 5971900, 6000000, 6000000]
    assert told[-1]["unchanged_since_ms"] == told[-2]["unchanged_since_ms"] == START_MS + 70_000


def test_products_are_never_mixed() -> None:
    feed = Feed()
    feed.node(available=8)
    feed.trade(START_MS + 1, 2 * USD, 3, product="spot")
    feed.trade(START_MS + 2, 5 * USD, 2, product="ondemand")
    told = feed.step(START_MS + STEP_MS)
    spot, other = (only(told, region="us-west-2", product=p) for p in ("spot", "ondemand"))
    assert (spot["vwap_micros"], spot["volume_gpus"], spot["trade_count"]) == (2 * USD, 3, 1)
    assert (other["vwap_micros"], other["volume_gpus"], other["trade_count"]) == (5 * USD, 2, 1)
    assert spot["spot_price_micros"] == other["spot_price_micros"] == 2 * USD


def test_a_quiet_market_keeps_its_last_price_and_says_since_when() -> None:
    feed = Feed()
    feed.node(available=8)
    feed.trade(START_MS + 5, 3 * USD, 2)
    feed.step(START_MS + STEP_MS)
    told = feed.step(START_MS + WINDOW_MS + 7 * STEP_MS)
    now = only(told, is_final=False, **HERE)
    assert (now["vwap_micros"], now["last_trade_at_ms"]) == (3 * USD, START_MS + 5)
    assert (now["trade_count"], now["min_micros"], now["max_micros"]) == (0, 0, 0)
    assert (now["spot_price_micros"], now["unchanged_since_ms"]) == (2 * USD, START_MS + STEP_MS)
    final = only(told, is_final=True, **HERE)
    assert (final["trade_count"], final["occurred_at_ms"]) == (1, START_MS + WINDOW_MS)


def test_the_result_is_final_one_step_after_the_window_and_told_once() -> None:
    feed = Feed()
    feed.node(available=8)
    for at_ms in range(START_MS + STEP_MS, START_MS + WINDOW_MS + 1, STEP_MS):
        assert not any(each["is_final"] for each in feed.step(at_ms))
    feed.trade(START_MS + WINDOW_MS + 1)
    told = feed.step(START_MS + WINDOW_MS + STEP_MS)
    final = only(told, is_final=True, **HERE)
    assert (final["window_start_ms"], final["trade_count"]) == (START_MS, 0)
    assert (final["vwap_micros"], final["last_trade_at_ms"]) == (0, 0), "of the next window"
    assert only(told, is_final=False, **HERE)["window_start_ms"] == START_MS + WINDOW_MS
    assert not any(each["is_final"] for each in feed.step(START_MS + WINDOW_MS + 2 * STEP_MS))


def test_a_late_trade_corrects_the_final_result() -> None:
    feed = Feed()
    feed.node(available=8)
    feed.trade(START_MS + 1, 1 * USD)
    feed.step(START_MS + STEP_MS)
    feed.step(START_MS + WINDOW_MS + STEP_MS)
    feed.step(START_MS + 10 * KEPT_MS)
    feed.reload()
    feed.trade(START_MS + 2, 2 * USD)
    told = feed.step(START_MS + 10 * KEPT_MS + STEP_MS)
    final = only(told, is_final=True, window_start_ms=START_MS, **HERE)
    assert final["trade_count"] == 2
    assert (final["vwap_micros"], final["spot_price_micros"]) == (1_500_000, 2 * USD)


def test_what_was_over_before_the_first_step_is_not_told() -> None:
    feed = Feed()
    feed.trade(START_MS - WINDOW_MS)
    feed.trade(START_MS)
    told = feed.step(START_MS + STEP_MS)
    assert {each["window_start_ms"] for each in told} == {START_MS}
    assert only(told, **HERE)["last_trade_at_ms"] == START_MS


def test_windows_are_forgotten_but_the_newest_of_a_book() -> None:
    feed = Feed()
    feed.node(available=8)
    feed.trade(START_MS + 1)
    for at_ms in range(START_MS + STEP_MS, START_MS + 2 * KEPT_MS, WINDOW_MS):
        feed.step(at_ms)
    kept = [name for name in feed.rows if name.startswith("window:")]
    assert f"window:{START_MS}" in kept
    assert len(kept) == 2 + KEPT_MS // WINDOW_MS
    assert len(feed.market.windows) == len(kept)


def test_what_comes_again_changes_nothing() -> None:
    feed = Feed()
    feed.node(available=8)
    feed.trade(START_MS + 1)
    assert add_trades(feed.market, [matched(START_MS + 1, USD, 1, seq=1)]) == NOTHING
    assert change_nodes(feed.market, [node_changed("n1", 1, allocated=5)]) == NOTHING
    told = feed.step(START_MS + STEP_MS)
    assert only(told, **HERE)["trade_count"] == 1
    assert feed.step(START_MS + STEP_MS) == []


def test_the_mean_of_what_was_measured_weighs_each_sample() -> None:
    feed = Feed()
    feed.node(available=8)
    assert only(feed.step(START_MS), **HERE)["telemetry_utilization"] == -1.0
    feed.rollup(START_MS, 0.2, samples=30)
    feed.rollup(START_MS + 60_000, 0.6, samples=10)
    feed.rollup(START_MS, 0.9, samples=10, region="us-east-1")
    feed.rollup(START_MS, 1.0, samples=99, scope="cluster")
    told = feed.step(START_MS + 2 * 60_000)
    assert isclose(only(told, **HERE)["telemetry_utilization"], 0.3)
    assert isclose(only(told, region="", product="spot")["telemetry_utilization"], 0.42)
    feed.rollup(START_MS, 0.6, samples=90)
    feed.rollup(START_MS, 0.1, samples=30)
    final = only(feed.step(START_MS + WINDOW_MS + STEP_MS), is_final=True, **HERE)
    assert isclose(final["telemetry_utilization"], 0.6)


@dataclass
class Reference:
    """Keeps everything, and looks at all of it each time."""

    trades: list[dict[str, Any]] = field(default_factory=list)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def spot(self, region: str) -> int:
        nodes = [each for each in self.nodes.values() if region in ("", each["region"])]
        gpus = {n["node_id"]: n["allocated"] + n["held"] + n["available"] for n in nodes}
        rising = [n for n in nodes if n["surge_enabled"]]
        capacity = sum(gpus[n["node_id"]] for n in rising)
        if not capacity:
            return 0
        base = Fraction(sum(gpus[n["node_id"]] * n["base_price_micros"] for n in rising), capacity)
        u = Fraction(sum(n["allocated"] for n in nodes), sum(gpus.values()))
        return 100 * round(base * (1 + 2 * u * u) / 100)

    def traded(self, product: str, region: str, start_ms: int) -> dict[str, Any]:
        found = [
            each
            for each in self.trades
            if each["product"] == product
            and region in ("", each["region"])
            and start_ms <= each["occurred_at_ms"] < start_ms + WINDOW_MS
        ]
        prices = [each["price_micros"] for each in found]
        value = sum(each["price_micros"] * each["quantity"] for each in found)
        gpus = sum(each["quantity"] for each in found)
        return {
            "trade_count": len(found),
            "volume_gpus": gpus,
            "volume_micros": value,
            "min_micros": min(prices, default=0),
            "max_micros": max(prices, default=0),
            "vwap": 100 * round(Fraction(value, gpus) / 100) if found else None,
            "stddev": pstdev(prices) if found else 0.0,
        }


events = st.lists(
    st.one_of(
        st.tuples(
            st.just("trade"),
            st.sampled_from(["spot", "ondemand", "reserved"]),
            st.sampled_from(["us-west-2", "us-east-1"]),
            st.integers(2, 10**6).map(lambda halves: 50 * halves),
            st.integers(1, 65_536),
        ),
        st.tuples(
            st.just("node"),
            st.sampled_from(["n1", "n2", "n3"]),
            st.integers(0, 8),
            st.integers(0, 8),
            st.integers(0, 8),
            st.integers(1, 10**5),
            st.booleans(),
        ),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("reload")),
        st.tuples(st.just("repeat")),
    ),
    max_size=60,
)


def check(update: dict[str, Any], reference: Reference) -> None:
    traded = reference.traded(update["product"], update["region"], update["window_start_ms"])
    vwap, stddev = traded.pop("vwap"), traded.pop("stddev")
    assert traded.items() <= update.items()
    assert vwap in (None, update["vwap_micros"])
    assert isclose(update["stddev_micros"], stddev, rel_tol=1e-9, abs_tol=1e-9)
    wanted = 0 if update["is_final"] else reference.spot(update["region"])
    assert wanted in (0, update["spot_price_micros"])


REGIONS = {"n1": "us-west-2", "n2": "us-east-1", "n3": "us-west-2"}


class Story:
    """A market and its reference, told the same."""

    def __init__(self) -> None:
        self.feed, self.reference = Feed(), Reference()
        self.at_ms = START_MS
        self.node("n1", 0, 0, 8, 20_000, True)
        self.wait(1)

    def trade(self, product: str, region: str, price: int, quantity: int) -> None:
        fields = {"product": product, "region": region}
        self.feed.trade(self.at_ms + 1, price, quantity, **fields)
        self.reference.trades.append(matched(self.at_ms + 1, price, quantity, 0, **fields))

    def node(
        self, node_id: str, allocated: int, held: int, available: int, ticks: int, surges: bool
    ) -> None:
        fields = {
            "region": REGIONS[node_id],
            "allocated": allocated,
            "held": held,
            "available": available,
            "base_price_micros": ticks * 100,
            "surge_enabled": surges,
        }
        self.feed.node(node_id, **fields)
        self.reference.nodes[node_id] = node_changed(node_id, 0, **fields)

    def wait(self, steps: int) -> None:
        for _ in range(steps):
            self.at_ms += STEP_MS
            for update in self.feed.step(self.at_ms, FREE):
                check(update, self.reference)

    def reload(self) -> None:
        self.feed.reload()

    def repeat(self) -> None:
        for last in self.reference.trades[-1:]:
            again = {**last, "book_seq": self.feed.seqs[last["product"]]}
            assert add_trades(self.feed.market, [again]) == NOTHING


@given(story=events)
def test_every_result_is_that_of_the_reference(story: list[tuple[Any, ...]]) -> None:
    told = Story()
    for name, *what in story:
        getattr(told, name)(*what)
    told.wait(31)


@given(story=events)
def test_a_market_that_is_loaded_anew_tells_the_same(story: list[tuple[Any, ...]]) -> None:
    steady, shaken = Feed(), Feed()
    at_ms = START_MS + STEP_MS
    for name, *what in story:
        for feed in (steady, shaken):
            if name == "trade":
                product, region, price, quantity = what
                feed.trade(at_ms, price, quantity, product=product, region=region)
            elif name == "node":
                node_id, allocated, held, available, ticks, surges = what
                feed.node(node_id, allocated=allocated, held=held, available=available,
                          base_price_micros=ticks * 100, surge_enabled=surges)  # fmt: skip
            elif name == "wait":
                feed.rollup(at_ms - at_ms % 60_000, what[0] / 40, samples=what[0])
        shaken.reload()
        if name == "wait":
            at_ms += what[0] * STEP_MS
            assert steady.step(at_ms) == shaken.step(at_ms)
    assert steady.rows == shaken.rows


batches = st.lists(
    st.tuples(
        st.sampled_from(["spot", "reserved"]),
        st.sampled_from(["us-west-2", "us-east-1"]),
        st.integers(1, 10**6).map(lambda halves: 50 * halves),
        st.integers(1, 65_536),
        st.integers(0, WINDOW_MS),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


@given(batch=batches, size=st.integers(1, 40))
def test_a_batch_of_trades_is_the_same_as_each_of_them_alone(
    batch: list[tuple[str, str, int, int, int, bool]], size: int
) -> None:
    at_ms, seq, facts = START_MS, 0, []
    for product, region, price, quantity, later_ms, is_repeated in batch:
        at_ms, seq = at_ms + later_ms, seq + 1
        facts.append(matched(at_ms, price, quantity, seq, product=product, region=region))
        facts += facts[-1:] * is_repeated
    alone, together = SpotMarket("H100"), SpotMarket("H100")
    keys = NOTHING.union(*(add_trades(alone, [fact]) for fact in facts))
    parts = [facts[start : start + size] for start in range(0, len(facts), size)]
    assert NOTHING.union(*(add_trades(together, part) for part in parts)) == keys
    assert alone == together


@given(st.lists(st.tuples(st.sampled_from(["n1", "n2"]), st.integers(1, 20)), max_size=30))
def test_a_batch_of_nodes_is_the_same_as_each_of_them_alone(facts: list[tuple[str, int]]) -> None:
    """A sequence is of one change, however often it comes."""
    told = [node_changed(node_id, seq, allocated=seq % 9) for node_id, seq in facts]
    alone, together = SpotMarket("H100"), SpotMarket("H100")
    keys = NOTHING.union(*(change_nodes(alone, [fact]) for fact in told))
    assert change_nodes(together, told) == keys
    assert alone == together
