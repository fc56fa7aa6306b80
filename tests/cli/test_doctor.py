"""What the doctor makes of observations, and how it says so."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.commands import doctor
from cli.doctor import collectors, stuck
from cli.doctor.judgement import (
    Finding,
    is_healthy,
    judge,
    jump_seconds,
    kind_of,
    ours,
    span,
    useful_line,
)
from cli.doctor.observations import (
    Job,
    Lag,
    Letter,
    Letters,
    Observations,
    Resources,
    Server,
    Service,
    Snapshots,
    Stuck,
    Unseen,
)
from cli.errors import BadUsage
from cli.session import Session
from schemas.settings import Settings
from stack.survey import TakenPort

NOW_MS = 1_790_000_000_000
GB = 1_000_000_000


def ago(seconds: float) -> int:
    return NOW_MS - int(seconds * 1000)


RUNS = Job("gpubroker-matching", "RUNNING", ago(3600), checkpoint_at_ms=ago(5))
HEALTHY = Observations(
    now_ms=NOW_MS,
    market="running",
    checkpoint_interval_ms=10_000,
    servers=(Server("kafka", "ready"), Server("submit", "done")),
    resources=Resources("/srv/market", 100 * GB, 4 * GB),
    services=(Service("kafka", "127.0.0.1:1"), Service("redis", "redis://127.0.0.1:2/0")),
    lags=(Lag("projection-redis", "orders.created", 3, records=9, oldest_at_ms=ago(2)),),
    jobs=(RUNS,),
    letters=Letters(),
    births_moved_seconds={"kafka": 0.01, "api": -0.02},
    newest_append_at_ms=ago(1),
    snapshots=Snapshots({"H100.spot": ago(3600), "T4.spot": ago(7200)}),
)
STACK_TRACE = """\
org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
\tat org.apache.flink.runtime.executiongraph.ExecutionFailureHandler.handleFailure(X.java:1)
Caused by: java.lang.RuntimeException: java.lang.reflect.InvocationTargetException
\tat org.apache.flink.streaming.api.X.y(X.java:2)
Caused by: pemja.core.PythonException: <class 'confluent_kafka.error.KafkaError'>: no broker
\tat /srv/gpubroker/jobs/keyed_machine.process_element(keyed_machine.py:120)
\tat pemja.core.object.PyIterator.next(PyIterator.java:3)
"""


def judged(**seen: Any) -> list[Finding]:
    return judge(replace(HEALTHY, **seen))


def only(**seen: Any) -> Finding:
    findings = judged(**seen)
    assert len(findings) == 1, findings
    return findings[0]


def test_a_healthy_market_has_no_findings() -> None:
    assert judge(HEALTHY) == []
    assert is_healthy([])


@pytest.mark.parametrize(
    ("market", "severity", "what"),
    [
        ("down", "error", "the market is down"),
        ("never started", "error", "no market was ever started here"),
        ("failed", "error", "did not come up"),
        ("starting", "warning", "is starting"),
    ],
)
def test_a_market_that_does_not_run_is_told(market: str, severity: str, what: str) -> None:
    finding = judged(market=market)[0]
    assert (finding.severity, what in finding.what) == (severity, True)


@pytest.mark.parametrize(
    ("state", "message", "severity"),
    [
        ("failed", "ended with exit code 1", "error"),
        ("restarting", "for the 3rd time", "error"),
        ("starting", "", "warning"),
    ],
)
def test_a_server_that_is_not_ready_is_named(state: str, message: str, severity: str) -> None:
    finding = only(servers=(Server("kafka", state, message), Server("submit", "done")))
    assert (finding.severity, finding.about) == (severity, "kafka")
    assert state in finding.what
    assert message in finding.what
    assert "it is the log" in finding.why
    assert "gpubroker logs kafka" in finding.do


def test_servers_of_a_market_that_is_down_are_no_news_those_of_an_orphaned_one_are() -> None:
    rows = (Server("kafka", "down"), Server("redis", "down"))
    assert [each.about for each in judged(market="down", servers=rows, jobs=None)] == ["market"]
    rows = (Server("kafka", "orphan"), Server("redis", "down"))
    abouts = [each.about for each in judged(market="unsupervised", servers=rows)]
    assert abouts == ["supervisor", "redis"]


def test_a_taken_port_names_holder_and_setting() -> None:
    port = TakenPort("kafka", 28092, "GPUBROKER_KAFKA_PORT", "process 7 (nc -l)")
    finding = judged(market="down", ports=(port,))[1]
    assert finding.what == "port 28092 of kafka is taken by process 7 (nc -l)"
    assert "GPUBROKER_KAFKA_PORT" in finding.do


@pytest.mark.parametrize(
    ("room", "severity", "about"),
    [
        (Resources("/srv", GB // 2, 4 * GB), "error", "disk"),
        (Resources("/srv", 2 * GB, 4 * GB), "warning", "disk"),
        (Resources("/srv", 99 * GB, GB // 4), "warning", "memory"),
    ],
)
def test_room_that_runs_out(room: Resources, severity: str, about: str) -> None:
    finding = only(resources=room)
    assert (finding.severity, finding.about) == (severity, about)


def test_a_market_that_is_to_start_needs_more_memory() -> None:
    room = Resources("/srv", 99 * GB, 2 * GB)
    abouts = [finding.about for finding in judged(resources=room, market="down")]
    assert abouts == ["market", "memory"]


def test_a_service_that_does_not_answer_is_told_once() -> None:
    away = (Service("redis", "redis://127.0.0.1:2/0", "ConnectionError: refused"),)
    finding = only(services=away)
    assert finding.what.startswith("redis does not answer at redis://127.0.0.1:2/0")
    told = judged(services=away, servers=(Server("redis", "failed", "was ended by SIGKILL"),))
    assert [finding.what for finding in told] == ["redis is failed: was ended by SIGKILL"]


@pytest.mark.parametrize(
    ("seconds", "severity"), [(29, None), (31, "warning"), (119, "warning"), (121, "error")]
)
def test_a_consumer_is_behind_by_records_and_seconds(seconds: int, severity: str | None) -> None:
    lags = (
        Lag("projection-redis", "orders.created", 3, 1000, ago(seconds)),
        Lag("projection-redis", "orders.created", 7, 234, ago(1)),
    )
    found = judged(lags=lags)
    assert [finding.severity for finding in found] == ([severity] if severity else [])
    if severity:
        assert f"1,234 records and {span(seconds)} behind in orders.created" in found[0].what
        assert found[0].details[0] == f"partition 3: 1,000 records, {span(seconds)}"
        assert "gpubroker logs projection" in found[0].do


def test_records_that_aged_out_before_they_were_read_are_lost() -> None:
    finding = only(lags=(Lag("matching", "books.commands", 1, 50, ago(1), aged_out=40),))
    assert finding.severity == "error"
    assert "never read 40 records of books.commands" in finding.what


def test_a_restarting_job_tells_the_useful_line_of_its_error() -> None:
    job = replace(RUNS, state="RESTARTING", restarts=3, failure=STACK_TRACE, failed_at_ms=ago(1))
    findings = judged(jobs=(job,))
    assert findings[0].what == "none of Flink's jobs runs"
    assert findings[1].what == (
        "the job gpubroker-matching is restarting, 3 times so far: KafkaError: no broker"
    )
    assert findings[1].details == ("in jobs/keyed_machine.process_element(keyed_machine.py:120)",)


def test_what_waits_for_a_job_is_said_of_each() -> None:
    failed = [
        replace(RUNS, name=name, state="FAILED") for name in ("matching: x", "spot_pricing: y")
    ]
    orders, prices = (finding.why for finding in judged(jobs=(*failed, replace(RUNS, name="z"))))
    assert (orders, prices) == (
        "orders are accepted, but wait",
        "spot prices stay as they are",
    )


def test_a_job_that_restarted_lately_is_a_warning_and_later_no_news() -> None:
    job = replace(RUNS, restarts=1, failure=STACK_TRACE, failed_at_ms=ago(60))
    finding = only(jobs=(job,))
    assert finding.severity == "warning"
    assert "failed 1 min ago and runs again (restarted once)" in finding.what
    assert judged(jobs=(replace(job, failed_at_ms=ago(3600)),)) == []


def test_a_job_that_was_replaced_is_no_news() -> None:
    old = Job("gpubroker-matching", "FAILED", ago(9000), failure="x")
    assert judged(jobs=(old, RUNS)) == []
    assert only(jobs=()).what == "Flink runs no job"
    of_other_code = replace(old, name="gpubroker-matching: x → y", state="CANCELED")
    assert judged(jobs=(of_other_code, RUNS)) == []


@pytest.mark.parametrize(("state", "words"), [("CANCELED", "was cancelled"), ("FINISHED", "has f")])
def test_a_job_that_ended_is_missed_while_others_run(state: str, words: str) -> None:
    """Somebody cancelled it in Flink's page: nothing restarts it."""
    finding = only(jobs=(Job("matching: books.commands → books", state, ago(1)), RUNS))
    assert (finding.severity, finding.why) == ("error", "orders are accepted, but wait")
    assert words in finding.what


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (STACK_TRACE, "KafkaError: no broker"),
        (None, "Flink tells no reason"),
        (" \n", "Flink tells no reason"),
        ("java.io.IOException: disk full\n\tat a.b(C.java:1)", "IOException: disk full"),
        ("a.B: x\nCaused by: java.lang.NullPointerException\n\tat c.d", "B: x"),
        ("java.lang.OutOfMemoryError", "OutOfMemoryError"),
    ],
)
def test_the_useful_line_of_a_stack_trace(failure: str | None, line: str) -> None:
    assert useful_line(failure) == line


def test_a_trace_without_our_code_names_no_place() -> None:
    assert list(ours("java.io.IOException: x\n\tat a.b(C.java:1)")) == []
    assert list(ours(None)) == []


def test_a_record_at_which_a_job_stands_is_named_with_the_way_past_it() -> None:
    finding = only(stuck=(Stuck("telemetry_rollup", "telemetry.gpu", 3, 17, "no value"),))
    assert (finding.severity, finding.about) == ("error", "telemetry_rollup")
    assert "telemetry.gpu partition 3 offset 17: no value" in finding.what
    assert "`gpubroker doctor --skip telemetry.gpu:3:17`" in finding.do


@pytest.mark.parametrize("where", ["telemetry.gpu", "telemetry.gpu:1:x", "orders.created:1:2", "-"])
def test_only_a_place_in_a_topic_of_such_a_job_can_be_skipped(where: str) -> None:
    with pytest.raises(BadUsage, match=r"TOPIC:PARTITION:OFFSET of telemetry\.gpu"):
        stuck.skip(Settings({}), where)


@pytest.mark.parametrize(
    ("age", "severity"), [(59, None), (61, "warning"), (599, "warning"), (601, "error")]
)
def test_a_stale_checkpoint(age: int, severity: str | None) -> None:
    job = replace(RUNS, checkpoint_at_ms=ago(age), checkpoint_failure="no space left")
    found = judged(jobs=(job,))
    assert [finding.severity for finding in found] == ([severity] if severity else [])
    assert all(f"was {span(age)} ago: no space left" in finding.what for finding in found)


def test_a_job_without_any_checkpoint_is_given_the_same_time() -> None:
    assert judged(jobs=(replace(RUNS, started_at_ms=ago(30), checkpoint_at_ms=None),)) == []
    finding = only(jobs=(replace(RUNS, started_at_ms=ago(90), checkpoint_at_ms=None),))
    assert "never was, in 1 min 30 s" in finding.what


def letter(offset: int, reason: str, seconds: float) -> Letter:
    return Letter("matching", "books.commands", 3, offset, reason, ago(seconds))


def test_dead_letters_are_counted_by_reason_and_the_newest_are_shown() -> None:
    newest = [letter(n, f"unknown kind 'k{n}'", 10_000 - n) for n in range(7)]
    newest.append(letter(99, "schema id 12 is not known", 5))
    finding = only(letters=Letters(20, newest))
    assert finding.severity == "warning"
    assert finding.what.startswith("20 records set aside, 8 of the newest 8 within 1 d")
    assert finding.details[:2] == (
        "7 × matching: unknown kind …",
        "1 × matching: schema id … is not known",
    )
    assert finding.details[2] == (
        "5 s ago, matching, books.commands partition 3 offset 99: schema id 12 is not known"
    )
    assert len(finding.details) == 7


def test_old_dead_letters_are_a_note() -> None:
    finding = only(letters=Letters(1, [letter(1, "x", 90_000)]))
    assert finding.severity == "note"
    assert is_healthy([finding])


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("order 12 of 'a'", "order … of …"),
        ("id 0190b5a2-7c1d-7e4b-9f1a-000000000001 gone", "id … gone"),
        ("first\nsecond", "first"),
        ("", "no reason"),
    ],
)
def test_reasons_of_one_kind_count_together(reason: str, kind: str) -> None:
    assert kind_of(reason) == kind


@pytest.mark.parametrize(
    ("moved", "jumped"),
    [([], 0), ([60.0, 60.1, 59.9], 60.0), ([60.0, 0.0, 0.1], 0), ([0.2, 0.1], 0.15)],
)
def test_a_jump_is_what_all_births_moved_by(moved: list[float], jumped: float) -> None:
    assert jump_seconds(moved) == pytest.approx(jumped)


def test_a_clock_that_was_set_is_told_with_its_direction() -> None:
    back = only(births_moved_seconds={"kafka": -90.0, "api": -90.1})
    assert "was set 1 min 30 s back" in back.what
    ahead = only(newest_append_at_ms=NOW_MS + 5_000)
    assert (ahead.severity, "5 s in the future" in ahead.what) == ("error", True)


def test_snapshots_absent_empty_and_old() -> None:
    finding = only(snapshots=Snapshots())
    assert (finding.severity, finding.what) == ("note", "no snapshots yet")
    young = {"H100.spot": ago(60), "T4.spot": ago(27 * 3600)}
    old = only(snapshots=Snapshots(young))
    assert old.severity == "warning"
    assert old.what == "the newest snapshot of T4.spot is 1 d 3 h old"
    older = only(snapshots=Snapshots({**young, "L4.spot": ago(30 * 3600)}))
    assert older.what == "the newest snapshots of 2 books are old, that of L4.spot 1 d 6 h"


def test_what_could_not_be_looked_at_is_told() -> None:
    finding = only(letters=None, unseen=(Unseen("letters", "LookupError: no schema"),))
    assert finding.what == "letters could not be looked at: LookupError: no schema"
    assert not is_healthy([finding])


def test_the_worst_comes_first() -> None:
    findings = judged(
        snapshots=Snapshots(),
        resources=Resources("/srv", 2 * GB, 4 * GB),
        services=(Service("redis", "x", "away"),),
    )
    assert [finding.severity for finding in findings] == ["error", "warning", "note"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (7200, "2 h"), (90_061, "1 d 1 h")],
)
def test_spans_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


# The command


def run(monkeypatch: pytest.MonkeyPatch, seen: Observations, *options: str) -> tuple[int, str]:
    monkeypatch.setattr(doctor, "observe", lambda settings: seen)
    ended = CliRunner().invoke(app, ["doctor", *options], obj=Session(Settings({})))
    return ended.exit_code, ended.output


def test_it_says_that_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, HEALTHY) == (0, "healthy: 2 programs, 2 services, 1 job\n")


def test_it_says_what_why_and_what_to_do_and_ends_with_5(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = replace(HEALTHY, services=(Service("redis", "x", "away"),))
    code, text = run(monkeypatch, seen)
    assert code == 5
    assert "error redis does not answer at x: away\n    why: the state of open orders" in text
    assert "do:  see `gpubroker status`" in text
    assert text.endswith("1 error, 0 warnings\n")


def test_it_tells_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = run(monkeypatch, replace(HEALTHY, market="down"), "--json")
    told = json.loads(text)
    assert (code, told["healthy"], told["market"]) == (5, False, "down")
    assert told["findings"][0].keys() == {"severity", "about", "what", "why", "do", "details"}


def test_it_looks_at_what_it_can_when_nothing_was_ever_started(tmp_path: Path) -> None:
    seen = collectors.observe(Settings({}).with_values(HOME=str(tmp_path / "none")))
    assert (seen.market, seen.servers, seen.jobs) == ("never started", [], None)
    assert seen.resources is not None
    assert not (tmp_path / "none").exists()
    assert judge(seen)[0].about == "market"


FLINK: dict[str, Any] = {
    "/jobs/overview": {
        "jobs": [
            {"jid": "old", "name": "matching", "state": "CANCELED", "start-time": 1},
            {"jid": "new", "name": "matching", "state": "RUNNING", "start-time": 2},
            {"jid": "done", "name": "other", "state": "FINISHED", "start-time": 3},
        ]
    },
    "/jobs/new/exceptions": {
        "exceptionHistory": {"entries": [{"stacktrace": STACK_TRACE, "timestamp": 7}]}
    },
    "/jobs/new/metrics": [{"id": "numRestarts", "value": "4"}],
    "/jobs/new/checkpoints": {
        "latest": {
            "completed": {"latest_ack_timestamp": 9},
            "failed": {"failure_timestamp": 10, "failure_message": "no space left"},
        }
    },
}


def test_jobs_are_read_from_flink() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=FLINK[request.url.path])

    settings = Settings({}).with_values(FLINK_URL="http://flink.test")
    assert collectors.jobs(settings, httpx.MockTransport(answer)) == [
        Job("matching", "RUNNING", 2, 4, STACK_TRACE, 7, 9, "no space left"),
        Job("other", "FINISHED", 3),
    ]


def test_a_password_is_never_shown() -> None:
    assert collectors.without_password("redis://me:secret@h:1/0") == "redis://h:1/0"
    assert collectors.without_password("127.0.0.1:9092") == "127.0.0.1:9092"
