"""The Flink cluster through its REST API: what runs, how it is configured, how a job is stopped."""

import time
from typing import Any, Final, NamedTuple

import httpx

from jobs.refused import Refused

ACTIVE: Final = {"INITIALIZING", "CREATED", "RUNNING", "FAILING", "RESTARTING"}
POLL_SECONDS: Final = 0.2
STOP_SECONDS: Final = 60.0


class ClusterError(Refused):
    """Flink does not answer, or says no; the message says which."""


class Running(NamedTuple):
    """A job that has not ended."""

    job_id: str
    title: str
    state: str


class Cluster:
    """A Flink cluster by the URL of its REST API."""

    def __init__(self, url: str) -> None:
        """Use the cluster at this URL."""
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=15.0)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def jobs(self) -> list[Running]:
        """All jobs that have not ended."""
        listed = self._ask("GET", "/jobs/overview")["jobs"]
        jobs = [Running(job["jid"], job["name"], job["state"]) for job in listed]
        return [job for job in jobs if job.state in ACTIVE]

    def is_up(self) -> bool:
        """Whether it answers; what runs may have no place yet."""
        try:
            self._ask("GET", "/overview")
        except ClusterError:
            return False
        return True

    def await_up(self, seconds: float) -> None:
        """Wait until it answers.

        Raises:
            ClusterError: it took longer.
        """
        deadline = time.monotonic() + seconds
        while not self.is_up():
            if time.monotonic() > deadline:
                raise ClusterError(f"Flink did not answer at {self.url} for {seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def setting(self, key: str) -> str | None:
        """A value of the cluster's configuration."""
        rows = self._ask("GET", "/jobmanager/config")
        return next((row["value"] for row in rows if row["key"] == key), None)

    def await_running(self, job_id: str, seconds: float) -> None:
        """Wait until every task of a job runs.

        Raises:
            ClusterError: it failed, or it took longer.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job = self._ask("GET", f"/jobs/{job_id}")
            if job["state"] not in ACTIVE:
                raise ClusterError(f"{job['name']} is {job['state']}: {self._why(job_id)}")
            if all(vertex["status"] == "RUNNING" for vertex in job["vertices"]):
                return
            time.sleep(POLL_SECONDS)
        raise ClusterError(f"{job['name']} did not run after {seconds:.0f} s: {self._why(job_id)}")

    def stop_with_savepoint(self, job_id: str) -> str:
        """Stop a job and return where its savepoint is, in the form of its state backend.

        Raises:
            ClusterError: there is no savepoint; the job may still run.
        """
        wanted = {"drain": False, "formatType": "NATIVE"}
        trigger = self._ask("POST", f"/jobs/{job_id}/stop", wanted)["request-id"]
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            answer = self._ask("GET", f"/jobs/{job_id}/savepoints/{trigger}")
            if answer["status"]["id"] == "COMPLETED":
                return _location(answer["operation"])
            time.sleep(POLL_SECONDS)
        raise ClusterError(f"no savepoint of {job_id} after {STOP_SECONDS:.0f} s")

    def cancel(self, job_id: str) -> None:
        """Cancel a job; its newest checkpoint is kept."""
        self._ask("PATCH", f"/jobs/{job_id}?mode=cancel")

    def _why(self, job_id: str) -> str:
        history = self._ask("GET", f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]
        return _root_cause(history[0]["stacktrace"]) if history else "Flink tells no exception"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._http.request(method, path, json=body)
            answer.raise_for_status()
        except httpx.HTTPStatusError as error:
            text = error.response.text[:500]
            raise ClusterError(f"Flink refused {method} {path}: {text}") from None
        except httpx.HTTPError as error:
            raise ClusterError(f"no answer from Flink at {self.url}: {error}") from None
        return answer.json() if answer.content else None


def _location(operation: dict[str, Any]) -> str:
    if "location" in operation:
        return str(operation["location"])
    raise ClusterError(_root_cause(operation["failure-cause"]["stack-trace"]))


def _root_cause(stacktrace: str) -> str:
    """The innermost message of a Java stack trace."""
    causes = [line for line in stacktrace.splitlines() if line.startswith("Caused by: ")]
    return causes[-1].removeprefix("Caused by: ") if causes else stacktrace.splitlines()[0]
