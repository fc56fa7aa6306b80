"""Submitting the Flink jobs, all by one driver, and stopping them so that they can go on."""

import logging
import re
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from jobs import (
    admission,
    checkpoint,
    continuity,
    kafka,
    matching,
    node_health,
    saved_state,
    spot_pricing,
    telemetry_rollup,
)
from jobs.cluster import Cluster, ClusterError, Running
from jobs.codecs import registry_codec
from jobs.environment import PlannedJob, Planner
from jobs.keyed_machine import KeyedMachine, MachineJob
from jobs.refused import Refused
from jobs.saved_state import ACCEPT_CODE, ACCEPT_LOG, SavedState, Torn
from jobs.sql_job import SqlJob
from jobs.windowed_job import WindowedJob
from schemas.settings import Settings

Job = MachineJob | SqlJob | WindowedJob
JOBS: Final[tuple[Job, ...]] = (
    admission.JOB,
    matching.JOB,
    node_health.JOB,
    spot_pricing.JOB,
    telemetry_rollup.JOB,
)
"""In the order in which they start: first those that orders wait for, last the longest to plan."""
UP_SECONDS: Final = 120.0
RUNNING_SECONDS: Final = 120.0
CHECKPOINT_FOLDER: Final = "execution.checkpointing.dir"
_LOG = logging.getLogger(__name__)


class NotStopped(Refused):
    """A job has no savepoint; it was cancelled and its newest checkpoint kept."""


def submit(settings: Settings, accept: Collection[str] = ()) -> None:
    """Submit every job that is not running, each from its newest state; wait until all run.

    Args:
        settings: where the servers are.
        accept: what a state may lack all the same, of `saved_state.ACCEPTABLE`.

    Raises:
        ClusterError: Flink does not answer, or a job fails.
        WrongTopics: a topic has other partitions than topics.toml says.
        LogCutOff, OtherLog: a log and a job's state do not meet.
        OtherCode: the newest checkpoint of a job was written by other code.
    """
    with closing(Cluster(settings.text("FLINK_URL"))) as cluster:
        _submit(cluster, settings, accept)


def _submit(cluster: Cluster, settings: Settings, accept: Collection[str]) -> None:
    jobs = _jobs(settings)
    topics = sorted({topic for job in jobs for topic in job.inputs + job.outputs})
    kafka.check_partition_counts(kafka.admin(settings), settings, topics)
    started: list[str] = []
    planned: list[tuple[Job, PlannedJob]] = []
    plans = planner(settings)
    for job in jobs:
        if not _runs(job, cluster):
            planned.append((job, _plan(job, plans, settings)))
        if cluster.is_up():
            started += _start(planned, cluster, settings, accept)
            planned.clear()
    cluster.await_up(UP_SECONDS)
    started += _start(planned, cluster, settings, accept)
    for job_id in started:
        cluster.await_running(job_id, RUNNING_SECONDS)


def _jobs(settings: Settings) -> list[Job]:
    """The jobs, those of machines with as many lanes as the settings say."""
    lanes = settings.positive("LANES")
    return [replace(job, lanes=lanes) if isinstance(job, MachineJob) else job for job in JOBS]


def _runs(job: Job, cluster: Cluster) -> bool:
    if not cluster.is_up() or job.title not in {each.title for each in cluster.jobs()}:
        return False
    _LOG.info("%s was running", job.name)
    return True


def stop(settings: Settings) -> None:
    """Stop every job of ours with a savepoint and remember where it is.

    Raises:
        ClusterError: Flink does not answer.
        NotStopped: a job could not make one, and was cancelled.
    """
    with closing(Cluster(settings.text("FLINK_URL"))) as cluster:
        _stop(cluster, settings)


def _stop(cluster: Cluster, settings: Settings) -> None:
    names = {job.title: job.state_name for job in _jobs(settings)}
    savepoints, refused = {}, []
    for job in cluster.jobs():
        if job.title not in names:
            continue
        try:
            savepoints[names[job.title]] = cluster.stop_with_savepoint(job.job_id)
            _LOG.info("%s stopped: %s", job.title, savepoints[names[job.title]])
        except ClusterError as error:
            refused.append(f"{job.title}: {error}{_cancelled(cluster, job)}")
    if savepoints:
        saved_state.write_resume(_resume_file(settings), savepoints)
    if refused:
        raise NotStopped(f"cancelled without a savepoint, checkpoints kept: {'; '.join(refused)}")


def _cancelled(cluster: Cluster, job: Running) -> str:
    """Cancel a job; what to add where that fails too, for others' savepoints must be kept."""
    try:
        cluster.cancel(job.job_id)
    except ClusterError as error:
        return f", nor could it be cancelled: {error}"
    return ""


def marks(job: MachineJob | SqlJob, settings: Settings) -> dict[int, tuple[int, int]]:
    """The first offset and the one after the last of each partition of a job's log."""
    with closing(kafka.consumer(settings, job.group)) as client:
        return kafka.watermarks(client, job.log)


def planner(settings: Settings) -> Planner:
    """Plans jobs for the servers that the settings name."""
    return Planner(
        settings.text("FLINK_URL"),
        settings.text("KAFKA_BOOTSTRAP"),
        settings.text("REGISTRY_URL"),
        _flink_settings(settings),
    )


def _plan(job: Job, planner: Planner, settings: Settings) -> PlannedJob:
    codec = partial(registry_codec, settings.text("REGISTRY_URL"))
    match job:
        case SqlJob():
            return planner.sql(job)
        case MachineJob():
            return planner.machine(job, KeyedMachine(job, codec))
        case WindowedJob():
            keys = spot_pricing.GpuTypes(codec)
            prices = spot_pricing.SpotPricing(codec, settings.number("SPOT_PRICE_STEP_BPS"))
            return planner.windowed(job, keys, prices)


def _start(
    planned: Iterable[tuple[Job, PlannedJob]],
    cluster: Cluster,
    settings: Settings,
    accept: Collection[str],
) -> list[str]:
    """Hand jobs to the cluster, each with its newest state; their ids."""
    base_uri = cluster.setting(CHECKPOINT_FOLDER)
    if base_uri is None:
        raise ClusterError(f"the cluster at {cluster.url} sets no {CHECKPOINT_FOLDER}")
    started = []
    for job, plan in planned:
        state = _newest_state(job, settings, base_uri, accept)
        _LOG.info("%s starts from %s", job.name, state.uri if state else "the beginning of its log")
        interval_ms = settings.number("CHECKPOINT_INTERVAL_MS")
        started.append(plan.start(_state_settings(job, base_uri, state) | _turn(job, interval_ms)))
    return started


def _newest_state(
    job: Job, settings: Settings, base_uri: str, accept: Collection[str]
) -> SavedState | None:
    accept = {*accept, *job.accepts}
    resume, torn = _resume_file(settings), list[str]()

    def read(folder: Path) -> dict[int, int]:
        try:
            return checkpoint.read(folder)
        except Torn as error:
            torn.append(f"{folder} is torn: {error}")
            raise

    state = saved_state.newest(
        job.state_name, base_uri, resume, read, accept_code=ACCEPT_CODE in accept
    )
    if isinstance(job, MachineJob):
        try:
            continuity.check_log(
                job.name, job.log, marks(job, settings), state, accept_cut=ACCEPT_LOG in accept
            )
        except continuity.LogCutOff as error:
            passed_over = torn + _of_other_lanes(job, saved_state.names(base_uri, resume))
            raise continuity.LogCutOff("; ".join([str(error), *passed_over])) from None
    return state


def _of_other_lanes(job: MachineJob, names: Collection[str]) -> list[str]:
    """What was saved of a job with other lanes than it has now, in words."""
    pattern = re.compile(rf"{job.name}-of-([0-9]+)-lanes")
    lanes = [found[1] for name in sorted(names) if (found := pattern.fullmatch(name))]
    return [
        f"a state of {each} lanes is there, which GPUBROKER_LANES={each} takes"
        for each in lanes
        if int(each) != job.lanes
    ]


def _flink_settings(settings: Settings) -> dict[str, str]:
    """What every job needs of Flink, whatever the cluster's own defaults are."""
    return {
        "parallelism.default": settings.text("PARALLELISM"),
        # The number of key groups is part of saved state: it must not follow the parallelism.
        "pipeline.max-parallelism": "128",
        "pipeline.object-reuse": "true",
        # Each record goes on at once. Any other interval is a thread that wakes so often, busy or
        # not, and a wake-up costs more than a flush does.
        "execution.buffer-timeout.interval": "0 ms",
        # A state must be exactly a prefix of its log, or a replay differs (B2); only the sink is
        # at least once, and the machines' numbering makes its repeats harmless.
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        # A barrier must not overtake the empty batch before it (decision 0046).
        "execution.checkpointing.unaligned.enabled": "false",
        "execution.checkpointing.interval": f"{settings.number('CHECKPOINT_INTERVAL_MS')} ms",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "python.execution-mode": "thread",
    }


def _state_settings(job: Job, base_uri: str, state: SavedState | None) -> dict[str, str]:
    """Where a job saves its state, and where it starts from."""
    folder = saved_state.checkpoint_folder(base_uri, job.state_name).as_uri()
    if state is None:
        return {CHECKPOINT_FOLDER: folder}
    return {
        CHECKPOINT_FOLDER: folder,
        "execution.state-recovery.path": state.uri,
        # A checkpoint is Flink's to tidy up once newer ones stand; a savepoint stays ours.
        "execution.state-recovery.claim-mode": "CLAIM" if state.code else "NO_CLAIM",
    }


def _turn(job: Job, interval_ms: int) -> dict[str, str]:
    """When a job makes its checkpoints: each at a time of its own.

    Flink makes the first one so long after a job's tasks run as the pause between two is at least,
    and the next ones an interval later. Jobs that start together would all make theirs in the same
    millisecond, and who waits for one of them waited for all.
    """
    place = [each.name for each in JOBS].index(job.name)
    return {"execution.checkpointing.min-pause": f"{interval_ms * place // len(JOBS)} ms"}


def _resume_file(settings: Settings) -> Path:
    return settings.path("HOME") / "flink" / "resume.json"
