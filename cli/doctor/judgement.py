"""What observations mean: findings in words, each with why it matters and what to do.

Pure functions of what was observed; the thresholds are here, with their reasons.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from cli.doctor.observations import Job, Lag, Letter, Observations, Server, Snapshots

Severity = Literal["error", "warning", "note"]

GB: Final = 1_000_000_000
DISK_FULL_BYTES: Final = 1 * GB
DISK_LOW_BYTES: Final = 5 * GB
MEMORY_LOW_BYTES: Final = GB // 2
MARKET_MEMORY_BYTES: Final = 3 * GB
"""What the whole market takes (docs/performance.md)."""
LAG_SECONDS: Final = 30.0
"""Jobs commit with their checkpoints, every 10 s, and projections every second."""
LAG_ERROR_SECONDS: Final = 120.0
CHECKPOINTS_MISSED: Final = 6
CHECKPOINT_ERROR_SECONDS: Final = 600.0
RESTART_SECONDS: Final = 600.0
"""How long a restart is news."""
LETTER_SECONDS: Final = 86_400.0
"""How long a dead letter is news; the topic keeps it for 30 days."""
CLOCK_SECONDS: Final = 1.0
SNAPSHOT_SECONDS: Final = 26 * 3600.0
"""Snapshots are daily; two hours of grace."""
SHOWN: Final = 5
IS_UP: Final = frozenset({"running", "starting", "unsupervised", "remote"})
GOOD_STATES: Final = frozenset({"ready", "done", "orphan"})
ON_THE_WAY: Final = frozenset({"waiting", "preparing", "starting"})
RUNNING_JOBS: Final = frozenset({"RUNNING", "CREATED", "INITIALIZING"})
ENDED: Final = {"FINISHED": "has finished", "CANCELED": "was cancelled"}
"""Our jobs never end by themselves, and who stops the market stops Flink too."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know; a `note` is no fault."""

    severity: Severity
    about: str
    what: str
    why: str
    do: str
    details: tuple[str, ...] = ()


def judge(seen: Observations) -> list[Finding]:
    """Every finding, the worst first."""
    found = [finding for look in _LOOKS for finding in look(seen)]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Whether there is nothing but notes."""
    return all(finding.severity == "note" for finding in findings)


# The market and its servers


def market(seen: Observations) -> Iterator[Finding]:
    """Whether it runs."""
    why = "no order is taken; what was accepted is kept"
    match seen.market:
        case "never started":
            yield Finding("error", "market", "no market was ever started here", why, _UP)
        case "down":
            yield Finding("error", "market", "the market is down", why, _UP)
        case "failed":
            what = "the market did not come up"
            do = "see the servers named below and `gpubroker logs NAME`, then `gpubroker up`"
            yield Finding("error", "market", what, why, do)
        case "unsupervised":
            yield Finding(
                "error",
                "supervisor",
                "the servers run without their supervisor, which died",
                "nothing restarts what fails, and `gpubroker status` calls them orphans",
                "`gpubroker up` starts a new supervisor",
            )
        case "starting" | "stopping" as state:
            do = "wait until it is done; `gpubroker status` shows how far it is"
            yield Finding("warning", "market", f"the market is {state}", why, do)


def servers(seen: Observations) -> Iterator[Finding]:
    """Servers of a market that runs, or should, that are down, failed or restarting."""
    if seen.market in IS_UP or seen.market == "failed":
        yield from (_server(each) for each in seen.servers if each.state not in GOOD_STATES)


def _server(server: Server) -> Finding:
    told = f": {server.message}" if server.message else ""
    severity: Severity = "warning" if server.state in ON_THE_WAY else "error"
    return Finding(
        severity,
        server.name,
        f"{server.name} is {server.state}{told}",
        WHY_SERVER.get(server.name, "a part of the market does not work without it"),
        f"see `gpubroker logs {server.name}`; if it does not come back by itself, "
        "`gpubroker down` and `gpubroker up`",
    )


def ports(seen: Observations) -> Iterator[Finding]:
    """Ports that another process has, of programs that are not running."""
    for port in seen.ports:
        yield Finding(
            "error",
            port.program,
            f"port {port.number} of {port.program} is taken by {port.holder}",
            f"{port.program} cannot start without it",
            f"end that process, or set {port.setting} to a port that is free",
        )


def resources(seen: Observations) -> Iterator[Finding]:
    """Disk and memory that run out."""
    room = seen.resources
    if room is None:
        return
    if room.disk_free_bytes < DISK_LOW_BYTES:
        yield Finding(
            "error" if room.disk_free_bytes < DISK_FULL_BYTES else "warning",
            "disk",
            f"{_gb(room.disk_free_bytes)} are free at {room.disk_path}",
            "on a full disk the log takes no order and no checkpoint is written",
            "make room there, or move the state folder and set GPUBROKER_HOME",
        )
    is_up = seen.market in IS_UP
    needed = MEMORY_LOW_BYTES if is_up else MARKET_MEMORY_BYTES
    if room.memory_available_bytes < needed:
        yield Finding(
            "warning",
            "memory",
            f"{_gb(room.memory_available_bytes)} of memory are available",
            "the system ends processes when memory runs out"
            if is_up
            else f"the market takes about {_gb(MARKET_MEMORY_BYTES)}",
            "end what else uses memory; `gpubroker status` shows what each server takes",
        )


def services(seen: Observations) -> Iterator[Finding]:
    """Servers that do not answer at their addresses."""
    told = {server.name for server in seen.servers if server.state not in GOOD_STATES}
    for service in seen.services:
        if service.error is not None and service.name not in told:
            yield Finding(
                "error",
                service.name,
                f"{service.name} does not answer at {service.address}: {service.error}",
                WHY_SERVER.get(service.name, "a part of the market does not work without it"),
                f"see `gpubroker status` and `gpubroker logs {service.name}`",
            )


# The logs and their readers


def lags(seen: Observations) -> Iterator[Finding]:
    """Consumer groups that are behind for longer than they may be."""
    behind: dict[tuple[str, str], list[Lag]] = defaultdict(list)
    for lag in seen.lags or ():
        behind[lag.group, lag.topic].append(lag)
    for (group, topic), parts in sorted(behind.items()):
        yield from _lost(group, topic, parts)
        yield from _late(group, topic, parts, seen.now_ms)


def _lost(group: str, topic: str, parts: list[Lag]) -> Iterator[Finding]:
    gone = [lag for lag in parts if lag.aged_out]
    if gone:
        yield Finding(
            "error",
            group,
            f"{group} never read {_count(sum(lag.aged_out for lag in gone))} of {topic}: "
            "they aged out of the log",
            "what the log no longer holds cannot be read again by anyone",
            f"keep {topic} longer than {group} may be down, and build its view anew",
            tuple(f"partition {lag.partition}: {_count(lag.aged_out)}" for lag in gone[:SHOWN]),
        )


def _late(group: str, topic: str, parts: list[Lag], now_ms: int) -> Iterator[Finding]:
    slowest = max(_seconds_behind(lag, now_ms) for lag in parts)
    if slowest < LAG_SECONDS:
        return
    parts = sorted(parts, key=lambda lag: _seconds_behind(lag, now_ms), reverse=True)
    yield Finding(
        "error" if slowest >= LAG_ERROR_SECONDS else "warning",
        group,
        f"{group} is {_count(sum(lag.records for lag in parts))} and {span(slowest)} behind "
        f"in {topic}",
        "what it tells or decides is that old",
        f"see whether it runs (`gpubroker status`) and what it says (`gpubroker logs "
        f"{_log_of(group)}`); if it is only slow, it catches up when less comes in",
        tuple(
            f"partition {lag.partition}: {_count(lag.records)}, "
            f"{span(_seconds_behind(lag, now_ms))}"
            for lag in parts[:SHOWN]
        ),
    )


def _seconds_behind(lag: Lag, now_ms: int) -> float:
    return 0.0 if lag.oldest_at_ms is None else max(0, now_ms - lag.oldest_at_ms) / 1000


def _log_of(group: str) -> str:
    """The log of the program that reads as this group."""
    return "projection" if group.startswith("projection-") else "flink-taskmanager"


def letters(seen: Observations) -> Iterator[Finding]:
    """Records that were set aside, counted by reason, with where the newest are."""
    if seen.letters is None or not seen.letters.total:
        return
    newest = sorted(seen.letters.newest, key=lambda letter: letter.at_ms, reverse=True)
    fresh = [each for each in newest if seen.now_ms - each.at_ms < LETTER_SECONDS * 1000]
    reasons = Counter(f"{each.reader}: {kind_of(each.reason)}" for each in newest)
    yield Finding(
        "warning" if fresh else "note",
        "dead letters",
        f"{_count(seen.letters.total)} set aside, {len(fresh)} of the newest {len(newest)} within "
        f"{span(LETTER_SECONDS)}",
        "a record that its reader could not read or apply; the reader went on without it",
        "the reason names what is wrong with it: mend its writer; it stays in dead.letters with "
        "its bytes for 30 days",
        (
            *(f"{count} × {reason}" for reason, count in reasons.most_common(SHOWN)),
            *(_where(letter, seen.now_ms) for letter in newest[:SHOWN]),
        ),
    )


def _where(letter: Letter, now_ms: int) -> str:
    ago = span((now_ms - letter.at_ms) / 1000)
    place = f"{letter.topic} partition {letter.partition} offset {letter.offset}"
    return f"{ago} ago, {letter.reader}, {place}: {letter.reason[:200]}"


def kind_of(reason: str) -> str:
    """A reason without what differs from record to record: numbers, ids and quoted values."""
    first = reason.strip().splitlines()[0] if reason.strip() else "no reason"
    first = re.sub(r"'[^']*'|\"[^\"]*\"", "…", first)
    return re.sub(r"\b[0-9a-fA-F]{8}[0-9a-fA-F-]{12,}\b|\d+", "…", first)[:120]


# The jobs


def jobs(seen: Observations) -> Iterator[Finding]:
    """Jobs that failed, restart, or lately did."""
    if seen.jobs is None:
        return
    running = {job.name for job in seen.jobs if job.state in RUNNING_JOBS}
    if not running and seen.market != "starting":
        what = "Flink runs no job" if not seen.jobs else "none of Flink's jobs runs"
        yield Finding("error", "jobs", what, "no order is matched", _SUBMIT)
    replaced = {_short(name) for name in running}
    for job in seen.jobs:
        if job.state in RUNNING_JOBS:
            yield from _restarted(job, seen.now_ms)
        elif _short(job.name) not in replaced and job.state != "CANCELLING":
            yield _ended(job) if job.state in ENDED else _not_running(job)


def _short(job: str) -> str:
    """A job's name without what it reads and writes, which may change with its code."""
    return job.partition(":")[0]


def _ended(job: Job) -> Finding:
    what = f"the job {job.name} {ENDED[job.state]}"
    return Finding("error", job.name, what, _why_job(job), _SUBMIT)


def _not_running(job: Job) -> Finding:
    times = f", {_times(job.restarts)} so far" if job.restarts else ""
    return Finding(
        "error",
        job.name,
        f"the job {job.name} is {job.state.lower()}{times}: {useful_line(job.failure)}",
        _why_job(job),
        "see `gpubroker logs flink-taskmanager`; a job that only restarts does so until what it "
        f"lacks is there again; one that failed: {_SUBMIT}",
        tuple(ours(job.failure)),
    )


def _restarted(job: Job, now_ms: int) -> Iterator[Finding]:
    if job.failed_at_ms is None or now_ms - job.failed_at_ms > RESTART_SECONDS * 1000:
        return
    yield Finding(
        "warning",
        job.name,
        f"the job {job.name} failed {span((now_ms - job.failed_at_ms) / 1000)} ago and runs again "
        f"(restarted {_times(job.restarts)}): {useful_line(job.failure)}",
        "it went on from its last checkpoint, so nothing is lost; while it restarts "
        f"{_why_job(job)}",
        "nothing, if it was once; if it goes on, see `gpubroker logs flink-taskmanager`",
        tuple(ours(job.failure)),
    )


def _why_job(job: Job) -> str:
    """What waits for it; jobs are titled `name: what it does`."""
    return WHY_JOB.get(job.name.partition(":")[0], "orders are accepted, but wait")


def stuck(seen: Observations) -> Iterator[Finding]:
    """Records that a job of SQL cannot read; what anybody else cannot read is a dead letter."""
    for each in seen.stuck:
        yield Finding(
            "error",
            each.job,
            f"the job {each.job} cannot read {each.topic} partition {each.partition} offset "
            f"{each.offset}: {each.reason}",
            "it fails there and starts again until the record is gone: no rollups, no health",
            f"`gpubroker doctor --skip {each.where}` takes it out of the log, with what stands "
            "before it in that partition, which the views have",
        )


def checkpoints(seen: Observations) -> Iterator[Finding]:
    """Running jobs whose last complete checkpoint is old."""
    allowed = CHECKPOINTS_MISSED * seen.checkpoint_interval_ms / 1000
    for job in seen.jobs or ():
        since = max(job.checkpoint_at_ms or 0, job.started_at_ms)
        age = (seen.now_ms - since) / 1000
        if job.state != "RUNNING" or age < allowed:
            continue
        told = f": {job.checkpoint_failure}" if job.checkpoint_failure else ""
        had = f"was {span(age)} ago" if job.checkpoint_at_ms else f"never was, in {span(age)}"
        yield Finding(
            "error" if age > CHECKPOINT_ERROR_SECONDS else "warning",
            job.name,
            f"the last complete checkpoint of {job.name} {had}{told}",
            "after a crash it must apply all again that came since, and orders wait for that long",
            "see the job's checkpoints on Flink's web page; a full disk and a stalled TaskManager "
            "are the usual causes",
        )


def useful_line(failure: str | None) -> str:
    """The first useful line of a Java stack trace: what the innermost cause says, without packages.

    An exception of Python inside of the JVM is told as Python tells it.
    """
    if not failure or not failure.strip():
        return "Flink tells no reason"
    lines = [line.strip() for line in failure.splitlines() if line.strip()]
    heads = [lines[0], *(x.removeprefix("Caused by: ") for x in lines if x.startswith("Caused by"))]
    telling = [head for head in heads if ": " in head and not head.endswith(": null")]
    line = (telling or heads)[-1]
    python = re.search(r"<class '(?:[\w.]*\.)?(\w+)'>: (.*)", line)
    if python:
        return f"{python[1]}: {python[2]}"[:300]
    return re.sub(r"^(?:[\w$]+\.)+([\w$]+)", r"\1", line)[:300]


def ours(failure: str | None) -> Iterator[str]:
    """Where in our own code it happened: the innermost place that the trace names."""
    place = r"\b(?:jobs|udfs|schemas)[/.][\w/.<>]+(?:\([\w.]+:\d+\)|:\d+)"
    if found := re.search(place, failure or ""):
        yield f"in {found[0]}"


# Time


def clock(seen: Observations) -> Iterator[Finding]:
    """A wall clock that was set while the market ran, or that is behind the log's."""
    moved = jump_seconds(list(seen.births_moved_seconds.values()))
    if abs(moved) > CLOCK_SECONDS:
        yield Finding(
            "warning",
            "clock",
            f"the clock of this machine was set {span(abs(moved))} "
            f"{'forward' if moved > 0 else 'back'} while the market ran",
            "the log's append time is the market's time: orders expire by it, and `gpubroker "
            "status` may take servers for dead",
            "keep the clock with a time service that slews; if status is wrong, `gpubroker down` "
            "and `gpubroker up`",
        )
    ahead = (seen.newest_append_at_ms or 0) - seen.now_ms
    if ahead > CLOCK_SECONDS * 1000:
        yield Finding(
            "error",
            "clock",
            f"the newest command was appended {span(ahead / 1000)} in the future",
            "the clock was set back, or the broker's differs from this machine's: until it has "
            "caught up, orders that should expire do not",
            "set the clock right; books go on by the later time, so wait that long",
        )


def jump_seconds(moved: Sequence[float]) -> float:
    """By how much the wall clock was set: what all births moved by, 0 if they do not agree."""
    if not moved:
        return 0.0
    middle = median(moved)
    return middle if all(abs(each - middle) < CLOCK_SECONDS / 2 for each in moved) else 0.0


def snapshots(seen: Observations) -> Iterator[Finding]:
    """Snapshots of books that are missing or old."""
    found = seen.snapshots
    why = "`gpubroker replay --from-snapshot` starts from one; without, a book is replayed whole"
    if found is None:
        return
    if not found.newest_at_ms:
        what, then = "no snapshots yet", "nothing: the first ones come within a day"
        yield Finding("note", "snapshots", what, why, then)
        return
    yield from _old_snapshots(found, seen.now_ms, why)


def _old_snapshots(found: Snapshots, now_ms: int, why: str) -> Iterator[Finding]:
    ages = {book: (now_ms - at_ms) / 1000 for book, at_ms in found.newest_at_ms.items()}
    old = sorted((book for book in ages if ages[book] > SNAPSHOT_SECONDS), key=lambda b: -ages[b])
    if old:
        book, age = old[0], span(ages[old[0]])
        what = f"the newest snapshot of {book} is {age} old"
        if len(old) > 1:
            what = f"the newest snapshots of {len(old)} books are old, that of {book} {age}"
        yield Finding(
            "warning",
            "snapshots",
            what,
            why,
            "they are written daily by market-data: see `gpubroker logs market-data`",
        )


def unseen(seen: Observations) -> Iterator[Finding]:
    """What could not be looked at."""
    for each in seen.unseen:
        yield Finding(
            "warning",
            each.what,
            f"{each.what} could not be looked at: {each.why}",
            "what is wrong there stays unknown",
            "mend what is named above it, then ask the doctor again",
        )


def span(seconds: float) -> str:
    """A time span for people, in its greatest unit or two."""
    whole = round(seconds)
    for size, unit, below, smaller in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def _count(records: int) -> str:
    return f"{records:,} record" + ("" if records == 1 else "s")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _gb(amount_bytes: int) -> str:
    return f"{amount_bytes / GB:.1f} GB"


WHY_SERVER: Final = {
    "kafka": "it is the log: without it no order is taken and nothing is decided",
    "registry": "without it no process that starts can read or write records",
    "flink-jobmanager": "without it a failed job is not restarted and no checkpoint is made",
    "flink-taskmanager": "the jobs run in it: without it no order is admitted or matched",
    "flink": "without it nothing is known about the jobs",
    "clickhouse": "history and analysts' questions come from it; facts wait for it in the log",
    "redis": "the state of open orders comes from it; facts wait for it in the log",
    "postgres": "keys, accounts and providers are in it",
    "projection": "views stay as they are until it is back; then it catches up",
    "market-data": "no depth and no previews without it; orders are matched all the same",
    "relay": "new accounts and nodes wait in the outbox until it is back",
    "api": "nobody can place an order without it",
    "feeds": "nobody is told what happens as it happens; clients resume when it is back",
}
WHY_JOB: Final = {
    "node_health": "nodes that fail stay in the book, and those that recover stay out",
    "spot_pricing": "spot prices stay as they are",
    "telemetry_rollup": "windows of telemetry and signals of nodes' health are not made",
}
"""What waits for jobs that no order waits for."""
_UP: Final = "`gpubroker up`"
_SUBMIT: Final = "`gpubroker down` and `gpubroker up` submit it again from its newest state"
_ORDER: Final = ("error", "warning", "note")
_LOOKS: Final = (
    market,
    ports,
    resources,
    servers,
    services,
    jobs,
    stuck,
    checkpoints,
    lags,
    letters,
    clock,
    snapshots,
    unseen,
)
