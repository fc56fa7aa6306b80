"""What the doctor looks at, as data: observed by `collectors`, judged by `judgement`.

Times are milliseconds since the epoch, by the clock of this machine or of the broker as told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stack.survey import TakenPort


@dataclass(frozen=True, slots=True)
class Server:
    """A program of the local stack, as `gpubroker status` shows it."""

    name: str
    state: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Resources:
    """Room on this machine."""

    disk_path: str
    disk_free_bytes: int
    memory_available_bytes: int


@dataclass(frozen=True, slots=True)
class Service:
    """A server at its address; `error` says why it cannot be used, None if it can."""

    name: str
    address: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Lag:
    """A partition in which a consumer group is behind.

    `oldest_at_ms` is the append time of the first record that it has not done, None if that could
    not be read; `aged_out` counts records that were deleted before the group had read them.
    """

    group: str
    topic: str
    partition: int
    records: int
    oldest_at_ms: int | None = None
    aged_out: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A Flink job; `failure` is the newest exception that it met, as a Java stack trace."""

    name: str
    state: str
    started_at_ms: int
    restarts: int = 0
    failure: str | None = None
    failed_at_ms: int | None = None
    checkpoint_at_ms: int | None = None
    checkpoint_failure: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: who set which record aside, and why."""

    reader: str
    topic: str
    partition: int
    offset: int
    reason: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Letters:
    """The newest dead letters, and how many there are in all."""

    total: int = 0
    newest: Sequence[Letter] = ()


@dataclass(frozen=True, slots=True)
class Snapshots:
    """When the newest snapshot of each book that has one was written."""

    newest_at_ms: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stuck:
    """A record that a job of SQL cannot read, so that it stands still there."""

    job: str
    topic: str
    partition: int
    offset: int
    reason: str

    @property
    def where(self) -> str:
        """Its place, as `gpubroker doctor --skip` takes it."""
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something that could not be looked at, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Observations:
    """All that was seen; None where nothing could be looked at.

    `market` is `running`, `starting`, `stopping`, `failed`, `down`, `unsupervised`,
    `never started` or, when the servers are not of a local stack, `remote`.
    `births_moved_seconds` is by how far the time of birth of each living program moved since it
    was noted: it moves with the wall clock alone.
    `newest_append_at_ms` is the latest append time in the logs of commands.
    """

    now_ms: int
    market: str
    checkpoint_interval_ms: int
    servers: Sequence[Server] = ()
    ports: Sequence[TakenPort] = ()
    resources: Resources | None = None
    services: Sequence[Service] = ()
    lags: Sequence[Lag] | None = None
    jobs: Sequence[Job] | None = None
    letters: Letters | None = None
    stuck: Sequence[Stuck] = ()
    births_moved_seconds: Mapping[str, float] = field(default_factory=dict)
    newest_append_at_ms: int | None = None
    snapshots: Snapshots | None = None
    unseen: Sequence[Unseen] = ()
