"""What a lane holds back of its machines' changes, with Flink's map state as dicts."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from random import Random

import pytest

from jobs import lane as lanes
from jobs.lane import LANE, Lane
from udfs.machine import Row

BOOK, OTHER = "H100.spot", "T4.spot"


class MapState:
    """Flink's map state of one lane; counts the calls into the JVM that write."""

    def __init__(self) -> None:
        self.rows = defaultdict[str, dict[str, str]](dict)
        self.calls = 0
        self._machine = ""

    def set_current_namespace(self, namespace: str) -> None:
        self._machine = namespace

    def items(self) -> Iterator[tuple[str, str]]:
        return iter(self.rows[self._machine].items())

    def put_all(self, dict_value: dict[str, str]) -> None:
        self.calls += 1
        self.rows[self._machine].update(dict_value)

    def remove(self, key: str) -> None:
        self.calls += 1
        self.rows[self._machine].pop(key, None)


class Timers:
    """Flink's timer service, which wakes nobody."""

    def register_processing_time_timer(self, timestamp: int) -> None: ...

    def delete_processing_time_timer(self, timestamp: int) -> None: ...


def lane_of(state: MapState) -> Lane:
    return Lane(state, lambda: 0)


def rows(told: Mapping[str, str | None]) -> dict[str, Row | None]:
    """What a step writes, by its texts."""
    return {key: None if text is None else Row(str, (text,)) for key, text in told.items()}


@pytest.mark.parametrize("seed", range(20))
def test_a_restart_from_a_checkpoint_finds_every_change_before_it(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_HELD_BACK", 40)
    random = Random(seed)
    state = MapState()
    lane = lane_of(state)
    expected = defaultdict[str, dict[str, str]](dict)
    machines = [BOOK, OTHER, "a\nb"]
    for batch in range(200):
        for _ in range(random.randrange(4)):
            machine = random.choice(machines)
            names = random.sample(["book", "o:1", "o:2", "s:a", "o:ü\n3", '4;"5,6:7', ""], 3)
            changes = {
                name: None if random.random() < 0.3 else random.choice(["", "x", f"\n{batch}:;,é"])
                for name in names
            }
            lane.add(machine, rows(changes), None)
            for name, text in changes.items():
                expected[machine].pop(name, None)
                if text is not None:
                    expected[machine][name] = text
            assert lane.load(machine) == expected[machine]
        lane.end_batch(Timers())
        if random.random() < 0.1:
            lane.write()
            lane = lane_of(state)
            assert {machine: lane.load(machine) for machine in machines} == {
                machine: expected[machine] for machine in machines
            }


def test_a_row_is_written_once_however_often_it_changed() -> None:
    state = MapState()
    lane = lane_of(state)
    for batch in range(50):
        for machine in (BOOK, OTHER):
            lane.add(machine, rows({"book": str(batch), f"o:{batch % 3}": "[]"}), None)
        lane.end_batch(Timers())
    assert state.calls == 0
    lane.add(BOOK, rows({"book": "last", "o:2": None}), None)
    lane.write()
    assert state.calls == 1 + 2, "a removal, and a write of each machine"
    assert state.rows[BOOK] == {"book": "last", "o:0": "[]", "o:1": "[]"}
    lane.write()
    assert state.calls == 1 + 2, "nothing is held back any more"


def test_many_changes_do_not_wait_for_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MOST_HELD_BACK", 10)
    state = MapState()
    lane = lane_of(state)
    for _ in range(5):
        lane.add(BOOK, rows({f"o:{number}": "[]" for number in range(9)}), None)
        lane.end_batch(Timers())
    assert state.calls == 0
    lane.add(OTHER, rows({"book": "[]"}), None)
    lane.end_batch(Timers())
    assert (len(state.rows[BOOK]), len(state.rows[OTHER])) == (9, 1)


def test_the_text_of_a_row_is_made_for_the_last_of_its_changes_alone() -> None:
    made: list[int] = []

    def text(number: int) -> str:
        made.append(number)
        return str(number)

    state = MapState()
    lane = lane_of(state)
    for number in range(9):
        lane.add(BOOK, {"book": Row(text, (number,))}, None)
    lane.write()
    assert made == [8]
    assert state.rows[BOOK] == {"book": "8"}


def test_wishes_are_rows_of_the_lane() -> None:
    state = MapState()
    lane = lane_of(state)
    lane.add(BOOK, {}, 5_000)
    lane.add(OTHER, {}, 6_000)
    lane.write()
    assert state.rows[LANE] == {f"wake:{BOOK}": "5000", f"wake:{OTHER}": "6000"}
    lane.add(BOOK, {}, None)
    lane.write()
    assert state.rows[LANE] == {f"wake:{OTHER}": "6000"}
