"""The journal of a state's rows, with Flink's map state as a dict."""

from random import Random

import pytest

from jobs.journal import FOLDED, LENGTH, PLACES, Journal


class MapState(dict[str, str]):
    """Flink's map state of one key; counts the calls into the JVM."""

    calls = 0

    def put(self, key: str, value: str) -> None:
        self.calls += 1
        self[key] = value

    def put_all(self, dict_value: dict[str, str]) -> None:
        self.calls += 1
        self.update(dict_value)

    def remove(self, key: str) -> None:
        self.calls += 1
        self.pop(key, None)


def restored(state: MapState) -> dict[str, str]:
    rows = dict(state)
    Journal(rows)
    return rows


@pytest.mark.parametrize("seed", range(20))
def test_after_every_step_and_any_restart_the_rows_are_those_that_were_written(seed: int) -> None:
    random = Random(seed)
    state, journal, expected = MapState(), Journal({}), dict[str, str]()
    for step in range(200):
        names = random.sample(["book", "o:1", "o:2", "s:a", "o:ü\n3", "4;5,6:7", ""], 3)
        changes = {
            name: None if random.random() < 0.3 else random.choice(["", "x", f"\n\t{step}:;,é"])
            for name in names
        }
        journal.write(state, changes)
        for name, text in changes.items():
            expected.pop(name, None)
            if text is not None:
                expected[name] = text
        assert restored(state) == expected
        if random.random() < 0.1:
            journal = Journal(dict(state))


def test_rows_that_were_stored_before_there_was_a_journal_are_loaded() -> None:
    state = MapState({"book": "[1]", "o:1": "[2]"})
    journal = Journal(dict(state))
    journal.write(state, {"o:1": None, "o:2": "[3]"})
    assert restored(state) == {"book": "[1]", "o:2": "[3]"}


def test_a_step_is_one_call_and_the_rows_are_written_once_in_a_while() -> None:
    state, journal = MapState(), Journal({})
    for step in range(LENGTH - 1):
        journal.write(state, {"book": str(step), f"o:{step}": "[]"})
    assert state.calls == LENGTH - 1
    assert set(state) <= set(PLACES)
    assert len(journal) == LENGTH
    journal.write(state, {"book": "last"})
    assert state.calls == LENGTH
    assert (state["book"], state[FOLDED], len(journal)) == ("last", str(LENGTH), 0)


def test_a_step_that_changes_nothing_writes_nothing() -> None:
    state = MapState()
    Journal({}).write(state, {})
    assert state.calls == 0
