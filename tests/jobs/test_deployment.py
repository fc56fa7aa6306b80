"""Stopping the jobs, with a cluster that fails in between."""

import json
import warnings
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from jobs.cluster import ClusterError, Running
from jobs.saved_state import METADATA, Torn, code_version
from schemas.settings import Settings

with warnings.catch_warnings():  # PyFlink's own modules warn of each other
    warnings.simplefilter("ignore", DeprecationWarning)
    deployment = import_module("jobs.deployment")


class Dying:
    """A cluster whose JobManager is gone after so many savepoints."""

    def __init__(self, savepoints: int) -> None:
        self._left = savepoints

    def jobs(self) -> list[Running]:
        return [Running(job.name, job.title, "RUNNING") for job in deployment.JOBS]

    def stop_with_savepoint(self, job_id: str) -> str:
        if not self._left:
            raise ClusterError("no answer")
        self._left -= 1
        return f"file:///savepoints/{job_id}"

    def cancel(self, job_id: str) -> None:
        raise ClusterError("connection refused")

    def close(self) -> None:
        """Nothing is open."""


def test_a_jobmanager_that_dies_in_a_stop_leaves_the_savepoints_made_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flink").mkdir()
    monkeypatch.setattr(deployment, "Cluster", lambda url: Dying(2))
    settings = Settings({}).with_values(HOME=str(tmp_path), FLINK_URL="http://gone")
    with pytest.raises(
        deployment.NotStopped, match="no answer, nor could it be cancelled: connection ref"
    ):
        deployment.stop(settings)
    remembered = json.loads((tmp_path / "flink" / "resume.json").read_text())["savepoints"]
    assert list(remembered.values()) == [
        f"file:///savepoints/{job.name}" for job in deployment.JOBS[:2]
    ]


def test_a_log_that_was_cut_off_is_told_with_the_states_that_were_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other lanes, or a damaged disk: whoever is told must not think that the state is lost."""

    def torn(folder: Path) -> dict[int, int]:
        raise Torn("x is gone")

    checkpoints = [
        tmp_path / f"admission-of-{lanes}-lanes" / code_version() / "0a1b" / "chk-7"
        for lanes in (1, 2)
    ]
    for folder in checkpoints:
        folder.mkdir(parents=True)
        (folder / METADATA).touch()
    monkeypatch.setattr(deployment.checkpoint, "read", torn)
    monkeypatch.setattr(deployment, "marks", lambda *_: {0: (4_000, 5_000)})
    settings = Settings({}).with_values(HOME=str(tmp_path))
    job = replace(deployment.admission.JOB, lanes=2)
    with pytest.raises(deployment.continuity.LogCutOff) as refused:
        deployment._newest_state(job, settings, tmp_path.as_uri(), ())
    told = str(refused.value)
    assert "4000 records are gone" in told
    assert f"{checkpoints[1]} is torn: x is gone" in told
    assert "a state of 1 lanes is there, which GPUBROKER_LANES=1 takes" in told
