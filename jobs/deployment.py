"""Submitting the Flink jobs, all by one driver, and stopping them so that they can go on."""

import logging
from collections.abc import Collection
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from jobs import (
    admission,
    checkpoint,
    continuity,
    environment,
    kafka,
    matching,
    node_health,
    saved_state,
    spot_pricing,
    telemetry_rollup,
)
from jobs.cluster import Cluster, ClusterError
from jobs.codecs import registry_codec
from jobs.keyed_machine import KeyedMachine, MachineJob
from jobs.refused import Refused
from jobs.saved_state import ACCEPT_CODE, ACCEPT_LOG, SavedState
from jobs.sql_job import SqlJob
from jobs.windowed_job import WindowedJob
from schemas.settings import Settings

Job = MachineJob | SqlJob | WindowedJob
JOBS: Final[tuple[Job, ...]] = (
    admission.JOB,
    matching.JOB,
    node_health.JOB,
    telemetry_rollup.JOB,
    spot_pricing.JOB,
)
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
    topics = sorted({topic for job in JOBS for topic in job.inputs + job.outputs})
    kafka.check_partition_counts(kafka.partition_counts(kafka.admin(settings)), topics)
    running = {job.title for job in cluster.jobs()}
    started = [_start(job, cluster, settings, accept) for job in JOBS if job.title not in running]
    for job_id in started:
        cluster.await_running(job_id, RUNNING_SECONDS)
    for job in JOBS:
        _LOG.info("%s %s", job.name, "was running" if job.title in running else "runs")


def stop(settings: Settings) -> None:
    """Stop every job of ours with a savepoint and remember where it is.

    Raises:
        ClusterError: Flink does not answer.
        NotStopped: a job could not make one, and was cancelled.
    """
    with closing(Cluster(settings.text("FLINK_URL"))) as cluster:
        _stop(cluster, settings)


def _stop(cluster: Cluster, settings: Settings) -> None:
    names = {job.title: job.state_name for job in JOBS}
    savepoints, refused = {}, []
    for job in cluster.jobs():
        if job.title not in names:
            continue
        try:
            savepoints[names[job.title]] = cluster.stop_with_savepoint(job.job_id)
            _LOG.info("%s stopped: %s", job.title, savepoints[names[job.title]])
        except ClusterError as error:
            cluster.cancel(job.job_id)
            refused.append(f"{job.title}: {error}")
    if savepoints:
        saved_state.write_resume(_resume_file(settings), savepoints)
    if refused:
        raise NotStopped(f"cancelled without a savepoint, checkpoints kept: {'; '.join(refused)}")


def marks(job: MachineJob | SqlJob, settings: Settings) -> dict[int, tuple[int, int]]:
    """The first offset and the one after the last of each partition of a job's log."""
    with closing(kafka.consumer(settings, job.group)) as client:
        return kafka.watermarks(client, job.log)


def _start(job: Job, cluster: Cluster, settings: Settings, accept: Collection[str]) -> str:
    accept = {*accept, *job.accepts}
    base_uri = cluster.setting(CHECKPOINT_FOLDER)
    if base_uri is None:
        raise ClusterError(f"the cluster at {cluster.url} sets no {CHECKPOINT_FOLDER}")
    state = saved_state.newest(
        job.state_name,
        base_uri,
        _resume_file(settings),
        checkpoint.read,
        accept_code=ACCEPT_CODE in accept,
    )
    if isinstance(job, MachineJob):
        continuity.check_log(
            job.name, job.log, marks(job, settings), state, accept_cut=ACCEPT_LOG in accept
        )
    _LOG.info("%s starts from %s", job.name, state.uri if state else "the beginning of its log")
    return _hand_to_flink(job, cluster, settings, _flink_settings(job, settings, base_uri, state))


def _hand_to_flink(
    job: Job, cluster: Cluster, settings: Settings, flink_settings: dict[str, str]
) -> str:
    bootstrap, registry = settings.text("KAFKA_BOOTSTRAP"), settings.text("REGISTRY_URL")
    codec = partial(registry_codec, registry)
    match job:
        case SqlJob():
            flink_settings = flink_settings | job.flink_settings
            return environment.submit_sql(job, cluster.url, bootstrap, registry, flink_settings)
        case MachineJob():
            function = KeyedMachine(job, codec)
            return environment.submit_machine(job, function, cluster.url, bootstrap, flink_settings)
        case WindowedJob():
            keys = spot_pricing.GpuTypes(codec)
            prices = spot_pricing.SpotPricing(codec, settings.number("SPOT_PRICE_STEP_BPS"))
            return environment.submit_windowed(
                job, keys, prices, cluster.url, bootstrap, flink_settings
            )


def _flink_settings(
    job: Job, settings: Settings, base_uri: str, state: SavedState | None
) -> dict[str, str]:
    """What a job needs of Flink, whatever the cluster's own defaults are."""
    values = {
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
        "execution.checkpointing.interval": f"{settings.number('CHECKPOINT_INTERVAL_MS')} ms",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        CHECKPOINT_FOLDER: saved_state.checkpoint_folder(base_uri, job.state_name).as_uri(),
        "python.execution-mode": "thread",
    }
    if state:
        values["execution.state-recovery.path"] = state.uri
        # A checkpoint is Flink's to tidy up once newer ones stand; a savepoint stays ours.
        values["execution.state-recovery.claim-mode"] = "CLAIM" if state.code else "NO_CLAIM"
    return values


def _resume_file(settings: Settings) -> Path:
    return settings.path("HOME") / "flink" / "resume.json"
