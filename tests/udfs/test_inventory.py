"""GPUs and their states, without any rule of orders (market-rules.md K2 to K4, K7)."""

import random

import pytest

from tests.udfs.account_builders import US
from udfs.audit.states import check_node
from udfs.inventory import Inventory, Node


def inventory(**gpus: int) -> Inventory:
    made = Inventory()
    for node_id, count in gpus.items():
        made.add(Node(node_id, "H100", US, count))
    return made


def holds(made: Inventory, order_id: str) -> dict[str, list[int]]:
    """Slots of an ask by node."""
    return {
        node_id: [slot for slot, text in enumerate(node.states()) if text == f"held:{order_id}"]
        for node_id, node in sorted(made.nodes.items())
        if order_id in node.held
    }


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (1, {"c": [0]}),
        (2, {"c": [0, 1]}),
        (3, {"b": [0, 1, 2]}),
        (4, {"b": [0, 1, 2, 3]}),
        (5, {"a": [0, 1, 2, 3, 4]}),
        (9, {"a": list(range(8)), "b": [0]}),
        (14, {"a": list(range(8)), "b": [0, 1, 2, 3], "c": [0, 1]}),
    ],
)
def test_k2_the_node_with_fewest_that_holds_them_all_else_most_first(
    wanted: int, expected: dict[str, list[int]]
) -> None:
    made = inventory(a=8, b=4, c=2)
    made.hold("o", "H100", US, wanted)
    assert holds(made, "o") == expected


def test_k2_ties_go_by_node_id_then_slot() -> None:
    made = inventory(y=4, x=4, z=4)
    made.hold("one", "H100", US, 2)
    made.hold("two", "H100", US, 10)
    assert holds(made, "one") == {"x": [0, 1]}
    assert holds(made, "two") == {"x": [2, 3], "y": [0, 1, 2, 3], "z": [0, 1, 2, 3]}


def test_k2_most_free_first_breaks_ties_by_node_id_ascending() -> None:
    made = inventory(y=4, x=4, z=4)
    made.hold("o", "H100", US, 6)
    assert holds(made, "o") == {"x": [0, 1, 2, 3], "y": [0, 1]}


def test_k2_is_the_same_choice_as_a_plain_search_makes() -> None:
    random_ = random.Random(7)
    for _ in range(200):
        counts = {f"n{n:02}": random_.randint(1, 6) for n in range(random_.randint(1, 9))}
        wanted = random_.randint(1, sum(counts.values()))
        made = inventory(**counts)
        made.hold("o", "H100", US, wanted)
        got = {node_id: len(slots) for node_id, slots in holds(made, "o").items()}
        assert got == plain_choice(counts, wanted)


def plain_choice(counts: dict[str, int], wanted: int) -> dict[str, int]:
    fitting = [(count, node_id) for node_id, count in counts.items() if count >= wanted]
    if fitting:
        return {min(fitting)[1]: wanted}
    chosen: dict[str, int] = {}
    for node_id in sorted(counts, key=lambda name: (-counts[name], name)):
        if wanted:
            chosen[node_id] = min(wanted, counts[node_id])
            wanted -= chosen[node_id]
    return chosen


def test_k2_only_its_type_and_region_and_only_usable_nodes_count() -> None:
    made = inventory(a=8)
    made.add(Node("b", "A10", US, 8))
    made.add(Node("c", "H100", "us-east-1", 8))
    for node_id, health in (("d", "degraded"), ("e", "unknown"), ("f", "offline")):
        made.add(Node(node_id, "H100", US, 8, health=health))
    made.add(Node("g", "H100", US, 8, maintenance=True))
    made.add(Node("h", "H100", US, 8, removed=True))
    assert made.free("H100", US) == 8
    assert made.free("A10", US) == 8
    assert made.free("T4", US) == 0


def test_k3_every_gpu_is_in_exactly_one_state_at_every_step() -> None:
    made = inventory(a=4, b=4)
    made.hold("o", "H100", US, 6)
    assert made.nodes["a"].counts() == states(held=4)
    made.allocate("o", "lease", 1_000, 3)
    assert made.nodes["a"].counts() == states(held=1, allocated=3)
    made.release("o", 3)
    assert made.nodes["a"].counts() == states(available=1, allocated=3)
    assert made.nodes["b"].counts() == states(available=4)
    made.change(made.nodes["b"], maintenance=True)
    assert made.nodes["b"].counts() == states(in_maintenance=4)
    made.change(made.nodes["b"], maintenance=False, health="offline")
    assert made.nodes["b"].counts() == states(offline=4)
    for node in made.nodes.values():
        check_node(node)


def states(**gpus: int) -> dict[str, int]:
    zero = dict.fromkeys(("available", "held", "allocated", "in_maintenance", "offline"), 0)
    return {**zero, **gpus}


def test_k3_more_than_is_held_can_be_neither_sold_nor_freed() -> None:
    made = inventory(a=8)
    made.hold("o", "H100", US, 2)
    with pytest.raises(AssertionError, match="holds 2 GPUs, not 3"):
        made.allocate("o", "lease", 1_000, 3)
    with pytest.raises(AssertionError, match="holds 2 GPUs, not 3"):
        made.release("o", 3)


def test_k3_trades_take_healthy_then_doubtful_then_lost_and_freeing_the_reverse() -> None:
    made = inventory(a=2, b=2, c=2)
    made.hold("o", "H100", US, 6)
    made.change(made.nodes["a"], health="offline")
    made.change(made.nodes["b"], health="degraded")
    made.allocate("o", "first", 1_000, 1)
    made.release("o", 1)
    assert made.nodes["c"].states() == ["allocated:first", "held:o"]
    assert made.nodes["a"].states() == ["offline", "held:o"]
    made.allocate("o", "second", 1_000, 3)
    assert made.nodes["c"].states() == ["allocated:first", "allocated:second"]
    assert made.nodes["b"].states() == ["allocated:second"] * 2
    assert (made.held("o"), made.lost("o")) == (1, 1)


def test_k4_lost_gpus_are_counted_as_their_node_goes_and_comes() -> None:
    made = inventory(a=4, b=4)
    made.hold("o", "H100", US, 6)
    made.change(made.nodes["a"], health="offline")
    assert made.lost("o") == 4
    made.change(made.nodes["a"], maintenance=True)
    assert made.lost("o") == 4
    made.change(made.nodes["a"], health="healthy")
    assert made.lost("o") == 4
    made.change(made.nodes["a"], maintenance=False)
    assert made.lost("o") == 0
    assert made.free("H100", US) == 2


def test_k4_a_change_to_what_is_already_so_is_none() -> None:
    made = inventory(a=4)
    made.changed.clear()
    assert not made.change(made.nodes["a"], health="healthy", maintenance=False)
    assert not made.changed


def test_k7_leases_end_in_the_order_of_their_ends() -> None:
    made = inventory(a=4)
    made.hold("o", "H100", US, 3)
    made.allocate("o", "late", 3_000, 1)
    made.allocate("o", "early", 1_000, 1)
    assert made.next_end_ms() == 1_000
    made.end_leases(2_999)
    assert made.nodes["a"].states() == ["allocated:late", "available", "held:o", "available"]
    made.end_leases(3_000)
    assert made.next_end_ms() is None


def test_k8_a_choice_among_many_nodes_does_not_look_at_them_all() -> None:
    made = inventory(**{f"n{n:05}": 8 for n in range(20_000)})
    made.nodes = Counting(made.nodes)
    made.hold("o", "H100", US, 8)
    made.hold("p", "H100", US, 4)
    made.release("p", 4)
    assert made.nodes.looked_up <= 3


class Counting(dict[str, Node]):
    looked_up = 0

    def __getitem__(self, node_id: str) -> Node:
        self.looked_up += 1
        return super().__getitem__(node_id)
