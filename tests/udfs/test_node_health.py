"""The machine of a node: which signals make it what, and that nothing depends on their order."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from schemas.codec import offline
from schemas.names import Health
from tests.udfs.account_builders import NOON_MS, SELLER, reloaded_rows, store
from udfs.ids import event_id
from udfs.machine import Command, Step
from udfs.node_health import MACHINE, OFFLINE_SECONDS, UNKNOWN_SECONDS, NodeHealth, gpu_health

NODE = "n1"
NODE_BODY = {"node_id": NODE, "gpu_type": "H100", "region": "us-west-2", "gpu_count": 8}


def gpu(seconds: int, status: str = "healthy", index: int = 0, celsius: float = 50.0) -> Command:
    """What a GPU said so many seconds after noon."""
    at_ms = NOON_MS + 1000 * seconds
    body = {"gpu_index": index, "status": status, "temperature": celsius, "measured_at_ms": at_ms}
    return signal("gpu_status", body, f"gpu:{index}", at_ms)


def silence(seconds: int, silent_seconds: int = UNKNOWN_SECONDS) -> Command:
    """The node was last heard so many seconds after noon."""
    at_ms = NOON_MS + 1000 * seconds
    body = {"silent_seconds": silent_seconds, "heard_at_ms": at_ms}
    return signal("node_silence", body, f"silence:{silent_seconds}", at_ms)


def signal(kind: str, body: dict[str, Any], source: str, seq: int) -> Command:
    return {"kind": kind, "account_id": "", "source": source, "source_seq": seq, kind: body}


def registered(kind: str = "register_node", seq: int = 1) -> Command:
    body = NODE_BODY if kind == "register_node" else {"node_id": NODE}
    return {**signal(kind, body, "registry", seq), "account_id": SELLER}


class Desk:
    """A node's machine with its stored rows, registered unless it says otherwise."""

    def __init__(self, *, known: bool = True) -> None:
        self.node = MACHINE.empty(NODE)
        self.rows: dict[str, str] = {}
        self.at_ms = NOON_MS
        if known:
            self.send(registered())

    def send(self, *commands: Command) -> list[str]:
        """The healths that the account is told."""
        steps = [self.step(command) for command in commands]
        return [out.record["set_node_health"]["health"] for step in steps for out in step.commands]

    def step(self, command: Command) -> Step:
        self.at_ms += 1
        step = MACHINE.apply(self.node, command, self.at_ms)
        store(self.rows, step)
        assert MACHINE.load(NODE, reloaded_rows(self.rows, self.at_ms)) == self.node
        return step


def test_k4_a_node_is_as_healthy_as_its_worst_gpu() -> None:
    desk = Desk()
    assert desk.send(gpu(0), gpu(0, index=1)) == []
    assert desk.send(gpu(5, "degraded")) == ["degraded"]
    assert desk.send(gpu(5, "offline", index=1)) == ["offline"]
    assert desk.send(gpu(10)) == []
    assert desk.send(gpu(10, index=1)) == ["healthy"]


@pytest.mark.parametrize(
    ("status", "celsius", "health"),
    [
        ("healthy", 89.9, "healthy"),
        ("healthy", 90.0, "degraded"),
        ("healthy", 105.0, "offline"),
        ("degraded", 20.0, "degraded"),
        ("degraded", 105.0, "offline"),
        ("offline", 20.0, "offline"),
    ],
)
def test_k4_heat_makes_a_gpu_worse_never_better(
    status: Health, celsius: float, health: Health
) -> None:
    assert gpu_health(status, celsius) == health


def test_k4_silence_makes_a_node_unknown_then_offline_and_a_reading_brings_it_back() -> None:
    desk = Desk()
    assert desk.send(gpu(0), silence(40)) == ["unknown"]
    assert desk.send(silence(40, OFFLINE_SECONDS)) == ["offline"]
    assert desk.send(gpu(300)) == ["healthy"]


def test_k4_unknown_is_told_of_a_degraded_node_but_not_of_an_offline_one() -> None:
    desk = Desk()
    assert desk.send(gpu(0, "degraded"), silence(40)) == ["degraded", "unknown"]
    assert desk.send(gpu(80, "offline"), silence(80)) == ["offline"]


def test_k4_a_silence_that_is_over_is_no_news() -> None:
    desk = Desk()
    assert desk.send(gpu(0), gpu(100), silence(40), silence(40, OFFLINE_SECONDS)) == []


def test_k4_a_node_that_never_reported_is_not_judged() -> None:
    desk = Desk()
    assert (desk.node.health(), desk.node.told) == ("healthy", "healthy")


def test_k4_nobody_is_told_before_the_account_has_the_node() -> None:
    desk = Desk(known=False)
    assert desk.send(gpu(0, "offline")) == []
    assert desk.send(registered()) == ["offline"]


def test_k4_a_removed_node_concerns_nobody() -> None:
    desk = Desk()
    assert desk.send(registered("remove_node", 2), gpu(0, "offline")) == []


def test_b5_a_repeat_changes_nothing_not_even_time() -> None:
    desk = Desk()
    desk.send(gpu(10, "offline"), silence(10))
    before = dict(desk.rows)
    for command in (gpu(10, "offline"), gpu(5), silence(10), silence(3), registered()):
        step = desk.step(command)
        assert (step.commands, step.writes) == ([], {})
    assert desk.rows == before


def test_b4_commands_to_the_account_are_numbered_and_named_by_it() -> None:
    desk = Desk()
    (first,) = desk.step(gpu(0, "offline")).commands
    (second,) = desk.step(gpu(5)).commands
    assert (first.topic, first.key) == ("accounts.commands", SELLER)
    assert first.record["source"] == NODE
    assert 0 < first.record["source_seq"] < second.record["source_seq"]
    assert first.record["command_id"] == event_id(NODE, first.record["source_seq"])


def test_b5_a_machine_whose_log_lost_its_start_goes_on_with_greater_numbers() -> None:
    desk, anew = Desk(), Desk()
    (before,) = desk.step(gpu(0, "offline")).commands
    anew.at_ms = desk.at_ms
    (after,) = anew.step(gpu(5, "degraded")).commands
    assert after.record["source_seq"] > before.record["source_seq"]


def test_b3_time_never_goes_back() -> None:
    desk = Desk()
    desk.at_ms = NOON_MS - 60_000
    desk.send(gpu(0))
    assert desk.node.now_ms == NOON_MS + 1


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (signal("tick", {}, "timer", 1), "no command 'tick'"),
        (silence(0, 45), "silent_seconds must be 30 or 120, was 45"),
        ({**registered(seq=2), "account_id": "me"}, "must be an account's id"),
    ],
)
def test_b2_a_record_that_is_none_is_refused_by_name(command: Command, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Desk().step(command)


def test_f_what_goes_out_fits_the_accounts_log() -> None:
    (out,) = Desk().step(gpu(0, "offline")).commands
    codec = offline()
    read = codec.decoder(out.topic)(codec.encoder(out.topic)(out.record))
    assert {name: read[name] for name in out.record} == out.record


signals = st.one_of(
    st.builds(
        gpu,
        st.integers(0, 40).map(lambda slot: 5 * slot),
        st.sampled_from(["healthy", "degraded", "offline"]),
        st.integers(0, 2),
    ),
    st.builds(
        silence,
        st.integers(0, 40).map(lambda slot: 5 * slot),
        st.sampled_from([UNKNOWN_SECONDS, OFFLINE_SECONDS]),
    ),
)


@given(
    st.lists(signals, max_size=30, unique_by=lambda c: (c["source"], c["source_seq"])), st.data()
)
def test_b5_the_order_and_number_of_deliveries_changes_nothing(
    commands: list[Command], data: st.DataObject
) -> None:
    once, often = Desk(), Desk()
    once.send(*commands)
    often.send(*data.draw(st.permutations([*commands, *commands])))
    assert known(once.node) == known(often.node)


def known(node: NodeHealth) -> tuple[Any, ...]:
    return dict(node.words), node.health(), node.told
