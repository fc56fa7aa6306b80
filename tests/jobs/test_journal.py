"""The journal of a lane, with Flink's map state as dicts."""

import json
from collections import defaultdict
from collections.abc import Iterator
from random import Random

import pytest

from jobs import journal as journals
from jobs.journal import FOLDED, LANE, LENGTH, PLACES, Journal

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

    def put(self, key: str, value: str) -> None:
        self.calls += 1
        self.rows[self._machine][key] = value

    def put_all(self, dict_value: dict[str, str]) -> None:
        self.calls += 1
        self.rows[self._machine].update(dict_value)

    def remove(self, key: str) -> None:
        self.calls += 1
        self.rows[self._machine].pop(key, None)


def restored(state: MapState) -> Journal:
    return Journal(dict(state.rows[LANE]))


def rows_of(state: MapState, machine: str, journal: Journal) -> dict[str, str]:
    return journal.brought_up(machine, dict(state.rows[machine]))


@pytest.mark.parametrize("seed", range(20))
def test_after_every_batch_and_any_restart_the_rows_are_those_that_were_written(seed: int) -> None:
    random = Random(seed)
    state, journal = MapState(), Journal({})
    expected = defaultdict[str, dict[str, str]](dict)
    machines = [BOOK, OTHER, "a\nb", LANE]
    for batch in range(200):
        for _ in range(random.randrange(4)):
            machine = random.choice(machines)
            names = random.sample(["book", "o:1", "o:2", "s:a", "o:ü\n3", '4;"5,6:7', ""], 3)
            changes = {
                name: None if random.random() < 0.3 else random.choice(["", "x", f"\n{batch}:;,é"])
                for name in names
            }
            journal.add(machine, changes)
            for name, text in changes.items():
                expected[machine].pop(name, None)
                if text is not None:
                    expected[machine][name] = text
            assert rows_of(state, machine, journal) == expected[machine] | own(state, machine)
        journal.write(state)
        for machine in machines:
            again = restored(state)
            assert rows_of(state, machine, again) == expected[machine] | own(state, machine)
        if random.random() < 0.1:
            journal = restored(state)


def own(state: MapState, machine: str) -> dict[str, str]:
    """The journal's own rows, which are among those of the lane."""
    mine = (FOLDED, *PLACES)
    return {key: text for key, text in state.rows[machine].items() if key in mine}


def test_a_batch_is_one_call_and_the_rows_are_written_once_in_a_while() -> None:
    state, journal = MapState(), Journal({})
    for batch in range(LENGTH - 1):
        for machine in (BOOK, OTHER):
            journal.add(machine, {"book": str(batch), f"o:{batch}": "[]"})
        journal.write(state)
    assert state.calls == LENGTH - 1
    assert set(state.rows) == {LANE}
    assert set(state.rows[LANE]) <= set(PLACES)
    journal.add(BOOK, {"book": "last", "o:3": None})
    journal.write(state)
    assert state.calls == LENGTH - 1 + 1 + 3, "a removal, and a write each of lane and machines"
    assert (state.rows[BOOK]["book"], state.rows[LANE][FOLDED]) == ("last", str(LENGTH))
    assert "o:3" not in state.rows[BOOK]


def test_many_rows_are_written_before_the_ring_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "MOST_ROWS", 10)
    state, journal = MapState(), Journal({})
    journal.add(BOOK, {f"o:{number}": "[]" for number in range(10)})
    journal.write(state)
    assert len(state.rows[BOOK]) == 10
    assert json.loads(state.rows[LANE][FOLDED]) == 1


def test_a_batch_that_changes_nothing_writes_nothing() -> None:
    state, journal = MapState(), Journal({})
    journal.add(BOOK, {})
    journal.write(state)
    assert state.calls == 0
