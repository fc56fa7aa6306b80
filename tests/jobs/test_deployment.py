"""Stopping the jobs, with a cluster that fails in between."""

import json
import warnings
from importlib import import_module
from pathlib import Path

import pytest

from jobs.cluster import ClusterError, Running
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
