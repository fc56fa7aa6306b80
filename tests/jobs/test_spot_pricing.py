"""The shell around the markets of GPU types, with Flink's state as a dict and timers by hand."""

import json
import pickle
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from pyflink.common import Row

from jobs.crossing import packed, unpacked
from jobs.spot_pricing import APPLIED_BY, GRACE_MS, JOB, GpuTypes, SpotPricing
from schemas import codec as codecs
from schemas import contract, names
from tests.jobs.test_keyed_machine import Flink
from udfs import spot_market
from udfs.spot_market import STEP_MS, WINDOW_MS

CODEC = codecs.offline()
NOW_MS = 1_790_000_100_000 + GRACE_MS
LIMIT = 2_000


def example(topic: str, **fields: Any) -> bytes:
    file = Path(contract.__file__).parent / "examples" / f"{topic}.json"
    return CODEC.encoder(topic)({**json.loads(file.read_text())["record"], **fields})


def trade(seq: int, at_ms: int = NOW_MS, gpu_type: str = "H100", **fields: Any) -> bytes:
    fields |= {"gpu_type": gpu_type, "book_id": f"{gpu_type}.ondemand"}
    return example(names.ORDERS_MATCHED, book_seq=seq, occurred_at_ms=at_ms, **fields)


def key(topic: str, value: bytes) -> str:
    """The key under which a record stands in its topic; a trade's is its book."""
    try:
        return str(CODEC.decoder(topic)(value).get("book_id", ""))
    except codecs.UnreadableRecord:
        return "H100.ondemand"


def node(seq: int, **fields: Any) -> bytes:
    fields = {"surge_enabled": True, "available": 8, "held": 0, "allocated": 0, **fields}
    return example(names.INVENTORY_EVENTS, account_seq=seq, **fields)


class Shell:
    """The job's functions as Flink would run them, pickled as Flink pickles them."""

    def __init__(self, flink: Flink | None = None) -> None:
        self.now_ms = NOW_MS
        self.flink = flink or Flink()
        pickle.dumps((GpuTypes(codecs.offline), SpotPricing(codecs.offline, LIMIT, int)))
        self.keys = GpuTypes(codecs.offline)
        self.function = SpotPricing(codecs.offline, LIMIT, lambda: self.now_ms)
        for function in (self.keys, self.function):
            function.open(self.flink)

    def send(self, topic: str, *values: bytes) -> list[tuple[str, str, dict[str, Any]]]:
        """A batch of records, the first at offset 7."""
        batch = [
            (key(topic, value).encode(), value, NOW_MS, 3, 7 + number)
            for number, value in enumerate(values)
        ]
        made = []
        for gpu_type, keyed in self.keys.flat_map(Row(topic, packed(batch, numbers=3))):
            self.flink.key = gpu_type
            made += self._read(self.function.process_element(keyed, self.flink))
        return made

    def fire(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Let the next timer fire."""
        self.flink.key, at_ms = min(self.flink.timers, key=lambda each: each[1])
        self.flink.timers.discard((self.flink.key, at_ms))
        self.now_ms = max(self.now_ms, at_ms)
        return self._read(self.function.on_timer(at_ms, self.flink))

    def _read(self, crossing: Any) -> list[tuple[str, str, dict[str, Any]]]:
        records = chain(*map(unpacked, crossing))
        read = [(topic.decode(), key.decode(), value) for topic, key, value in records]
        return [(topic, key, CODEC.decoder(topic)(value)) for topic, key, value in read]


@pytest.fixture
def shell() -> Shell:
    return Shell()


def test_state_from_before_records_were_gathered_in_java_is_not_taken() -> None:
    assert JOB.state_name == "spot_pricing-gathered"


def test_the_empty_batch_before_a_checkpoint_is_about_no_gpu_type() -> None:
    assert Shell().send(names.ORDERS_MATCHED) == []


def test_the_job_reads_and_writes_the_topics_of_the_contract() -> None:
    assert set(JOB.inputs) == set(APPLIED_BY)
    assert set(JOB.outputs) == {names.PRICING_UPDATES, names.DEAD_LETTERS}


def test_steps_come_by_the_clock_whether_or_not_anything_comes(shell: Shell) -> None:
    assert shell.send(names.INVENTORY_EVENTS, node(1)) == []
    assert shell.flink.timers == {("H100", NOW_MS + STEP_MS)}
    for number in range(1, 4):
        told = shell.fire()
        assert {(topic, key) for topic, key, _ in told} == {("pricing.updates", "H100")}
        times = {update["occurred_at_ms"] for _, _, update in told}
        assert times == {NOW_MS - GRACE_MS + number * STEP_MS}
        assert shell.flink.timers == {("H100", NOW_MS + (number + 1) * STEP_MS)}
    assert [update["region"] for _, _, update in told] == ["", "us-west-2"]
    assert told[0][2]["spot_price_micros"] == 2_400_000


def test_trades_of_another_gpu_type_have_a_market_of_their_own(shell: Shell) -> None:
    shell.send(names.ORDERS_MATCHED, trade(1, quantity=2), trade(1, gpu_type="T4", quantity=5))
    volumes = {
        update["gpu_type"]: update["volume_gpus"]
        for _ in range(2)
        for _, _, update in shell.fire()
        if update["region"] == ""
    }
    assert volumes == {"H100": 2, "T4": 5}


def test_a_restored_job_goes_on_where_its_rows_end() -> None:
    whole, broken = Shell(), Shell()
    for shell in (whole, broken):
        shell.send(names.INVENTORY_EVENTS, node(1))
        shell.send(names.ORDERS_MATCHED, trade(1))
        shell.fire()
    broken = Shell(broken.flink)
    broken.now_ms = whole.now_ms
    for shell in (whole, broken):
        shell.send(names.ORDERS_MATCHED, trade(1))
        shell.send(names.ORDERS_MATCHED, trade(2))
        shell.send(names.INVENTORY_EVENTS, node(2, allocated=8, available=0))
    told = whole.fire()
    assert told == broken.fire()
    assert {update["trade_count"] for _, _, update in told if update["product"] != "spot"} == {2}
    assert {update["spot_price_micros"] for _, _, update in told} == {2_880_000}


def test_after_a_while_away_only_the_newest_step_is_made(shell: Shell) -> None:
    shell.send(names.INVENTORY_EVENTS, node(1))
    shell.fire()
    shell.now_ms += 2 * WINDOW_MS
    told = [update for _, _, update in shell.fire()]
    running = [update for update in told if not update["is_final"]]
    assert {each["occurred_at_ms"] for each in running} == {NOW_MS - GRACE_MS + STEP_MS + 600_000}
    assert {each["window_start_ms"] for each in told if each["is_final"]} == {NOW_MS - GRACE_MS}


@pytest.mark.parametrize("value", [b"", b"junk", b"\0\0\0\0\5junk"])
def test_what_cannot_be_read_becomes_a_dead_letter(shell: Shell, value: bytes) -> None:
    ((topic, _, letter),) = shell.send(names.ORDERS_MATCHED, value)
    assert topic == names.DEAD_LETTERS
    assert (letter["reader"], letter["topic"]) == ("spot_pricing", names.ORDERS_MATCHED)
    assert (letter["partition"], letter["offset"], letter["value"]) == (3, 7, value)
    assert shell.flink.timers == set()


def test_a_node_that_breaks_off_behind_its_type_is_a_dead_letter_all_the_same(
    shell: Shell,
) -> None:
    far_out = node(3, available=-1)
    letters = shell.send(names.INVENTORY_EVENTS, node(1), node(2, available=5)[:-1], far_out)
    assert [(topic, letter["offset"]) for topic, _, letter in letters] == [
        (names.DEAD_LETTERS, 8),
        (names.DEAD_LETTERS, 9),
    ]
    assert {update["available"] for _, _, update in shell.fire()} == {8}


def test_a_bad_record_leaves_its_batch_unharmed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choosy(market: spot_market.SpotMarket, facts: list[dict[str, Any]]) -> spot_market.Changed:
        changed = spot_market.add_trades(market, facts)
        if 2 in (fact["book_seq"] for fact in facts):
            raise ArithmeticError("halfway")
        return changed

    with monkeypatch.context() as patched:
        patched.setitem(APPLIED_BY, names.ORDERS_MATCHED, choosy)
        letters = shell.send(names.ORDERS_MATCHED, trade(1), b"junk", trade(2), trade(3), trade(4))
    assert sorted(letter["offset"] for _, _, letter in letters) == [8, 9]
    counts = {u["trade_count"] for _, _, u in shell.fire() if u["product"] != "spot"}
    assert counts == {3}


def test_a_step_that_fails_is_told_and_the_next_one_made(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ArithmeticError("halfway")

    shell.send(names.INVENTORY_EVENTS, node(1))
    with monkeypatch.context() as patched:
        patched.setattr(spot_market, "step", fail)
        ((topic, _, letter),) = shell.fire()
    assert (topic, letter["reason"]) == (names.DEAD_LETTERS, "step: ArithmeticError: halfway")
    assert {update["available"] for _, _, update in shell.fire()} == {8}


def test_a_record_that_a_market_cannot_take_changes_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ArithmeticError("halfway")

    shell.send(names.ORDERS_MATCHED, trade(1))
    with monkeypatch.context() as patched:
        patched.setitem(APPLIED_BY, names.ORDERS_MATCHED, fail)
        ((_, _, letter),) = shell.send(names.ORDERS_MATCHED, trade(2))
    assert letter["reason"] == "ArithmeticError: halfway"
    shell.send(names.ORDERS_MATCHED, trade(3))
    counts = {u["trade_count"] for _, _, u in shell.fire() if u["product"] != "spot"}
    assert counts == {2}
