"""The table of faults says what came of them, and nothing better."""

import dataclasses
import json
from pathlib import Path

import pytest

from tests.faults import __main__ as command_line
from tests.faults.harness import Result
from tests.faults.health import Healing

WELL = Healing(process=2.0, api=1.0, trades=5.0, views=6.4)
GOOD = Result("kill-api", "kill -9 of api", 1, 7, 30.0, WELL, (), 8.2)


def test_a_row_tells_runs_survivals_and_times() -> None:
    slow = dataclasses.replace(GOOD, run=2, healing=dataclasses.replace(WELL, views=12.0))
    report = command_line.report([GOOD, slow])
    assert "| kill-api | kill -9 of api | 2 | 2 | 9 | 12 | 30 | 8 |" in report


def test_what_was_not_survived_is_told_with_its_evidence() -> None:
    broken = dataclasses.replace(GOOD, problems=("INV3: 9 GPUs are sold, of 8",))
    report = command_line.report([GOOD, broken])
    assert "| 2 | 1 |" in report
    assert "- kill-api, run 1: INV3: 9 GPUs are sold, of 8" in report


@pytest.mark.parametrize("healing", [None, dataclasses.replace(WELL, trades=None)])
def test_what_never_was_well_is_not_survived(healing: Healing | None) -> None:
    result = dataclasses.replace(GOOD, healing=healing)
    assert not result.is_survived
    assert "| 1 | 0 | never | never |" in command_line.report([result])


def test_what_cannot_be_had_says_why() -> None:
    skipped = dataclasses.replace(GOOD, healing=None, skipped="only root may mount")
    assert "| 0 | only root may mount | | | | |" in command_line.report([skipped])


def test_results_of_several_calls_make_one_table(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    assert command_line._read(file) == []
    file.write_text(json.dumps([dataclasses.asdict(GOOD)]))
    assert command_line._read(file) == [GOOD]


def test_each_fault_has_a_name_of_its_own() -> None:
    names = [fault.name for fault in command_line.FAULTS]
    assert len(set(names)) == len(names)


def test_the_table_of_results_is_written_into_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    results.write_text(json.dumps([dataclasses.asdict(GOOD)]))
    page.write_text("# Before\n\n<!-- faults:start -->\nold\n<!-- faults:end -->\nAfter\n")
    asked = ["faults", "--report", "--results", str(results), "--write", str(page)]
    monkeypatch.setattr("sys.argv", asked)
    command_line.main()
    written = page.read_text()
    assert "| kill-api | kill -9 of api | 1 | 1 |" in written
    assert "old" not in written
    assert written.endswith("<!-- faults:end -->\nAfter\n")
