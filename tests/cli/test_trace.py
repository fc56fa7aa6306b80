from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.commands.demo import plan
from cli.demo import trace
from schemas import contract
from udfs.money import MAX_PRICE_MICROS, MIN_PRICE_MICROS, TICK_MICROS

REGIONS = ("r1", "r2")


@pytest.fixture(scope="module")
def nodes() -> list[trace.TraceNode]:
    return trace.read_nodes()


def test_the_whole_trace_is_read(nodes: list[trace.TraceNode]) -> None:
    assert len(nodes) == 1213
    assert sum(trace.gpus_by_type(nodes).values()) == 6212
    assert len(trace.read_tasks()) == 7064


def test_every_type_of_the_trace_is_in_the_catalogue_and_has_price_and_memory(
    nodes: list[trace.TraceNode],
) -> None:
    types = {node.gpu_type for node in nodes}
    types |= {gpu_type for task in trace.read_tasks() for gpu_type in task.gpu_types}
    assert types <= set(contract.catalogue().gpu_types)
    assert types <= trace.read_references().keys()
    assert types <= trace.VRAM_GB.keys()


def test_references_are_the_lowest_prices_of_the_card(tmp_path: Path) -> None:
    card = tmp_path / "card.csv"
    card.write_text(
        "seller,gpu,usd_per_gpu_hour\n"
        "a,T4 16GB,0.3000\nb,T4 16GB,0.1489\na,A10 24GB,0.2348\na,P100 16GB,0.0970\n"
        "a,H100 80GB SXM,9.0000\n"
    )
    assert trace.read_references(card) == {
        "T4": 148_900,
        "A10": 234_800,
        "P100": 97_000,
        "G2": 148_900,
        "G3": 234_800,
    }


@pytest.mark.parametrize(
    ("seconds", "hours"), [(0, 1), (1, 1), (3600, 1), (3601, 2), (10**9, 8760)]
)
def test_lifetimes_are_rounded_up_to_hours_and_capped(seconds: int, hours: int) -> None:
    assert trace.duration_hours(seconds) == hours


@given(st.integers(1, MAX_PRICE_MICROS))
def test_prices_are_on_the_tick_and_nearest(price_micros: int) -> None:
    rounded = trace.on_tick(price_micros)
    assert rounded % TICK_MICROS == 0
    assert rounded >= MIN_PRICE_MICROS
    assert abs(rounded - price_micros) <= TICK_MICROS / 2 or price_micros < TICK_MICROS / 2


@given(
    st.lists(st.integers(0, 10**7), min_size=1).map(sorted),
    st.floats(1, 1e6, allow_nan=False),
)
def test_a_schedule_keeps_the_order_and_no_gap_is_long(arrivals: list[int], speed: float) -> None:
    moments = trace.schedule(arrivals, speed)
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert len(moments) == len(arrivals)
    assert moments[0] == 0
    assert all(0 <= gap <= trace.MAX_GAP_SECONDS + 1e-9 for gap in gaps)


def test_short_gaps_are_sped_up() -> None:
    assert trace.schedule([0, 100, 150], 1000) == pytest.approx([0, 0.1, 0.15])


def test_supply_is_priced_within_its_margins(nodes: list[trace.TraceNode]) -> None:
    references = trace.read_references()
    supply = trace.offer(nodes, references, 8, REGIONS, seed=7)
    assert [each.node for each in supply] == nodes
    assert {each.provider for each in supply} == set(range(8))
    assert {each.region for each in supply} == set(REGIONS)
    for each in supply:
        reference = references[each.node.gpu_type]
        assert reference - TICK_MICROS <= each.price_micros <= reference * 1.25 + TICK_MICROS


def test_demand_asks_for_what_the_tasks_accept(nodes: list[trace.TraceNode]) -> None:
    tasks, references = trace.read_tasks(), trace.read_references()
    gpus = trace.gpus_by_type(nodes)
    bids = trace.demand(tasks, references, gpus, 12, REGIONS, 60_000, seed=7)
    assert [bid.task for bid in bids] == [task.name for task in tasks]
    for bid, task in zip(bids, tasks, strict=True):
        assert bid.gpu_type in (task.gpu_types or gpus)
        assert bid.quantity == task.gpu_count
        assert bid.price_micros % TICK_MICROS == 0
        assert bid.time_in_force == ("IOC" if task.best_effort else "GTD")
        reference = references[bid.gpu_type]
        assert reference * 0.9 - TICK_MICROS <= bid.price_micros
        assert bid.price_micros <= reference * 1.4 + TICK_MICROS


def test_a_task_that_accepts_only_what_nobody_has_takes_any() -> None:
    task = trace.Task("t", 0, 1, ("A10",), False, 60)
    (bid,) = trace.demand([task], {"T4": 1000}, {"T4": 4}, 1, REGIONS, 1, seed=1)
    assert bid.gpu_type == "T4"


def test_the_plan_is_a_function_of_the_seed() -> None:
    assert plan(60_000, 500, 1_213, seed=3) == plan(60_000, 500, 1_213, seed=3)
    assert plan(60_000, 500, 1_213, seed=3) != plan(60_000, 500, 1_213, seed=4)


def test_fewer_orders_are_the_first_of_more() -> None:
    _, few = plan(60_000, 100, 1_213, seed=1)
    _, more = plan(60_000, 200, 1_213, seed=1)
    assert more[:100] == few


def test_the_default_plan_fits_into_a_minute() -> None:
    _, bids = plan(60_000, 7_064, 1_213, seed=1)
    assert 30 <= bids[-1].at_seconds <= 60
    a_second = Counter(int(bid.at_seconds) for bid in bids)
    assert max(a_second.values()) <= 800
