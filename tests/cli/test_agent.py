"""`gpubroker agent …` and what a node's readings look like."""

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from cli.agent import nvml, replay
from cli.agent.host import Host
from cli.agent.nvml import Gpus, NoGpus
from cli.agent.replay import Due, Row
from cli.agent.reporter import BATCH, MOST_KEPT, Reporter
from cli.client import Client
from cli.commands import agent
from cli.errors import BadUsage, Refused
from query_api.times import read_ms
from tests.cli.conftest import Fake, Run
from udfs import telemetry
from udfs.telemetry import Node

BATCHES = "/api/v2/telemetry/batch"
DATA = Path(__file__).resolve().parents[2] / "data" / "gpu_duty_cycle.csv.gz"
NODE = Node("n-1", "c", "p", "r", "H100", gpu_count=8)


def judged(metrics: list[Any], now_ms: int) -> telemetry.Judged:
    return telemetry.judge(NODE, metrics, now_ms, read_ms)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Three containers, four minutes, out of order."""
    rows = [f"{57 * minute},g{gpu},{10 * minute + gpu}.5" for minute in (1, 0, 3, 2)
            for gpu in range(3)]  # fmt: skip
    path = tmp_path / "duty.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write("\n".join(["offset_s,node,gpu_duty_cycle_pct", *rows]))
    return path


# The file


def test_the_demos_file_is_what_its_page_says() -> None:
    rows = replay.read_rows(DATA)
    assert len(rows) == 157_417
    assert len({row.container for row in rows}) == 143
    assert 22.7 < rows[-1].offset_seconds / 3600 < 22.9
    assert all(0 <= row.busy <= 1 for row in rows)


def test_every_reading_of_the_demos_file_is_one_that_the_market_takes() -> None:
    now_ms = 1_790_000_000_000
    rows = replay.read_rows(DATA)
    found = list(replay.readings(rows, 8, 0, replay.start_of_past(rows, now_ms), 1.0))
    metrics = [metric for due in found for metric in due.metrics]
    readings, refusals = judged(metrics, now_ms)
    assert not refusals
    assert {reading.gpu_index for reading in readings} == set(range(8))
    places = [telemetry.place(reading)[:3] for reading in readings]
    assert len(set(places)) == len(places) > 10_000
    assert found[-1].at_ms <= now_ms < found[-1].at_ms + 120_000


@pytest.mark.parametrize("speed", [0.5, 12.0, 57.0, 1000.0])
def test_however_fast_no_slot_has_two(small: Path, speed: float) -> None:
    found = list(replay.readings(replay.read_rows(small), 2, 1, 10_000, speed))
    assert [due.at_ms for due in found] == sorted({due.at_ms for due in found})
    slots = [due.at_ms // 5_000 for due in found]
    assert len(set(slots)) == len(slots)
    assert {metric["gpu_index"] for due in found for metric in due.metrics} == {0, 1}
    if speed <= 1:
        assert len(found) == 4
        assert [due.at_ms for due in found] == [10_000 + 114_000 * at for at in range(4)]


def test_a_reading_follows_from_how_busy_a_container_is(small: Path) -> None:
    first = next(replay.readings(replay.read_rows(small), 1, 2, 0, 1.0))
    assert first == Due(0, [replay.metric(0, 0, 0.025)])
    assert replay.metric(0, 0, 1.0)["power_draw"] == 400


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, text in (("a.csv", "x,y\n1,2\n"), ("b.csv", "offset_s,node,gpu_duty_cycle_pct\n1,g"),
                       ("c.gz", "no gzip")):  # fmt: skip
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(BadUsage, match="must be a CSV file with the columns offset_s"):
            replay.read_rows(path)
    with pytest.raises(BadUsage):
        replay.read_rows(tmp_path / "absent.csv")
    with pytest.raises(BadUsage, match="1 containers, too few for 2"):
        list(replay.readings([Row(0, "g", 0.5)], 2, 0, 0, 1.0))
    with pytest.raises(BadUsage, match=r"25\.0 h long"):
        replay.start_of_past([Row(90_000, "g", 0.5)], 10**12)


# Sending


class Market:
    """Takes batches, or does not."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.answer: Any = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return httpx.Response(*self.answer)
        body = json.loads(request.content)
        self.batches.append(body["metrics"])
        refused = [at for at, metric in enumerate(body["metrics"]) if metric == "bad"]
        rejected = [{"index": at, "code": "MALFORMED", "detail": "no"} for at in refused]
        accepted = len(body["metrics"]) - len(refused)
        return httpx.Response(202, json={"accepted": accepted, "rejected": rejected})


@pytest.fixture
def there() -> Market:
    return Market()


@pytest.fixture
def reporter(there: Market) -> Reporter:
    return Reporter(Client("http://m.test", "k", httpx.MockTransport(there)), "n-1")


def test_what_became_of_readings_is_counted(reporter: Reporter, there: Market) -> None:
    assert reporter.send(["good", "bad", "good"])  # type: ignore[list-item]
    assert reporter.counts == {"accepted": 2, "MALFORMED": 1}
    assert agent.told(reporter) == "1 MALFORMED · 2 accepted · last refusal MALFORMED: no"


@pytest.mark.parametrize("away", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), (503,)])
def test_what_cannot_be_sent_is_kept_and_sent_again(
    reporter: Reporter, there: Market, away: Any
) -> None:
    there.answer = away
    assert not reporter.send([1, 2])  # type: ignore[list-item]
    assert not reporter.send([3])  # type: ignore[list-item]
    assert "3 wait for the market" in agent.told(reporter)
    there.answer = None
    assert reporter.send([4])  # type: ignore[list-item]
    assert (there.batches, reporter.kept) == ([[1, 2, 3, 4]], 0)


def test_a_market_that_has_too_much_to_do_gets_them_later(
    reporter: Reporter, there: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.client.time.sleep", lambda seconds: None)
    there.answer = (429,)
    assert not reporter.send([1])  # type: ignore[list-item]
    there.answer = None
    assert reporter.send([2])  # type: ignore[list-item]
    assert there.batches == [[1, 2]]


def test_no_more_is_kept_than_may_be(reporter: Reporter, there: Market) -> None:
    there.answer = (503,)
    reporter.send(range(MOST_KEPT + 5))  # type: ignore[arg-type]
    assert (reporter.kept, reporter.counts["lost"]) == (MOST_KEPT, 5)
    there.answer = None
    assert reporter.send([])
    assert there.batches[0][0] == 5
    assert [len(batch) for batch in there.batches] == [BATCH] * (MOST_KEPT // BATCH)


def test_a_key_that_may_not_report_ends_it(reporter: Reporter, there: Market) -> None:
    there.answer = (403,)
    with pytest.raises(Refused):
        reporter.send([1])  # type: ignore[list-item]


def test_late_readings_go_together_and_those_of_now_at_once() -> None:
    now_ms = time.time_ns() // 1_000_000
    late = [Due(now_ms - 60_000, [{"at": at}]) for at in range(3)]
    ahead = [Due(now_ms + 30 * at, [{"at": at}]) for at in (1, 2)]
    found = list(agent.batches([*late, *ahead], None))
    assert [len(metrics) for metrics in found] == [4, 1]
    many = [Due(now_ms - 60_000, [{}] * 600)] * 3
    assert [len(metrics) for metrics in agent.batches(many, None)] == [1_200, 600]
    assert list(agent.batches([Due(now_ms + 60_000, [{}])], 0.01)) == []


# The commands


def test_a_token_is_exchanged_for_a_key(run: Run, fake: Fake) -> None:
    made = {"key_id": "k-1", "key": "gpb_secret", "prefix": "gpb"}
    fake.answers["POST", "/api/v2/nodes/n-1/key"] = httpx.Response(201, json=made)
    assert "gpb_secret" in run("agent", "enrol", "n-1", "the-token").out
    assert fake.last.headers["Authorization"] == "Bearer the-token"
    assert run("agent", "enrol", "n-1", "the-token", "--json").json == made


def test_a_file_is_sent_as_the_past_of_the_nodes_gpus(run: Run, fake: Fake, small: Path) -> None:
    fake.answers["GET", "/api/v2/nodes/n-1"] = {"gpus": [{}, {}]}
    fake.answers["POST", BATCHES] = {"accepted": 8, "rejected": []}
    ended = run("agent", "telemetry", "n-1", "--replay", str(small), "--past", "--json")
    assert (ended.code, ended.json) == (0, {"accepted": 8})
    now_ms = time.time_ns() // 1_000_000
    assert fake.body["node_id"] == "n-1"
    assert not judged(fake.body["metrics"], now_ms).refusals
    assert len(fake.body["metrics"]) == 8
    fake.answers["POST", BATCHES] = {"accepted": 4, "rejected": []}
    shown = run("agent", "telemetry", "n-1", "--replay", str(small), "--past", "--gpus", "1")
    assert "4 accepted" in shown.out


def test_a_market_that_stays_away_is_told(run: Run, fake: Fake, small: Path) -> None:
    fake.answers["POST", BATCHES] = httpx.ConnectError("no")
    ended = run("agent", "telemetry", "n-1", "--replay", str(small), "--past", "--gpus", "1")
    assert ended.code == 3
    assert "4 readings were not sent" in ended.err


def test_the_newest_readings_are_shown(run: Run, fake: Fake) -> None:
    reading = {**replay.metric(3, 0, 0.5), "timestamp": "2026-11-23T00:00:00.000Z",
               "age_seconds": 2.25}  # fmt: skip
    itself = {
        "timestamp": "2026-11-23T00:00:00.000Z", "cpu_utilization": 0.07, "memory_utilization": 0.2,
        "disk_utilization": 0.3, "network_receive_rate": 2_500_000.0, "network_send_rate": 0.0,
        "age_seconds": 1.0,
    }  # fmt: skip
    answer: dict[str, Any] = {"node_id": "n-1", "gpus": [reading], "node": itself}
    fake.answers["GET", "/api/v2/nodes/n-1/telemetry"] = answer
    shown = run("node", "telemetry", "n-1")
    for word in ("healthy", "50 %", "57.5", "235.0", "2.2 s", "7 %", "2.50 MB/s"):
        assert word in shown.out
    assert run("node", "telemetry", "n-1", "--json").json == answer
    fake.answers["GET", "/api/v2/nodes/n-1/telemetry"] = {**answer, "gpus": [], "node": None}
    assert "no GPU has reported" in run("node", "telemetry", "n-1").out


# NVML, played by a module with its names


class NVMLError(Exception):
    pass


class NVMLError_GpuIsLost(NVMLError):  # noqa: N801 - NVML's own names
    pass


class NVMLError_NotSupported(NVMLError):  # noqa: N801
    pass


def driver(count: int = 3, init: Callable[[], None] = lambda: None) -> Any:
    """Three GPUs: one without ECC, one with memory errors, one that fell off its bus."""
    return SimpleNamespace(
        NVMLError=NVMLError,
        NVMLError_GpuIsLost=NVMLError_GpuIsLost,
        NVMLError_NotSupported=NVMLError_NotSupported,
        NVML_TEMPERATURE_GPU=0,
        NVML_MEMORY_ERROR_TYPE_UNCORRECTED=1,
        NVML_VOLATILE_ECC=0,
        nvmlInit=init,
        nvmlDeviceGetCount=lambda: count,
        nvmlDeviceGetHandleByIndex=_handle,
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(used=3 * 2**30, total=12 * 2**30),
        nvmlDeviceGetUtilizationRates=lambda _: SimpleNamespace(gpu=97, memory=11),
        nvmlDeviceGetTemperature=lambda _, sensor: 71,
        nvmlDeviceGetPowerUsage=lambda _: 612_345,
        nvmlDeviceGetTotalEccErrors=_ecc_errors,
    )


def _handle(index: int) -> int:
    if index == 2:
        raise NVMLError_GpuIsLost("GPU is lost")
    return index


def _ecc_errors(handle: int, kind: int, since: int) -> int:
    if handle == 0:
        raise NVMLError_NotSupported("Not Supported")
    return 2


def test_what_the_driver_tells_is_what_is_reported() -> None:
    first, second, third = Gpus(driver()).read(1_790_000_000_000)
    assert first == {
        "gpu_index": 0, "timestamp": 1_790_000_000_000, "gpu_utilization": 0.97,
        "memory_utilization": 0.25, "temperature": 71, "power_draw": 612.345, "status": "healthy",
    }  # fmt: skip
    assert second == {**first, "gpu_index": 1, "status": "degraded"}
    assert (third["status"], third["power_draw"]) == ("offline", 0)
    assert not judged([first, second, third], 1_790_000_000_000).refusals


def test_without_package_driver_or_gpu_it_says_what_is_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvml.importlib, "import_module", _absent)
    ended = run("agent", "telemetry", "n-1")
    assert ended.code == 1
    assert "nvidia-ml-py is not installed" in ended.err
    assert "--replay" in ended.err
    with pytest.raises(NoGpus, match="no GPU"):
        Gpus(driver(count=0))
    with pytest.raises(NoGpus, match="Driver Not Loaded"):
        Gpus(driver(init=_not_loaded))


def _absent(name: str) -> Any:
    raise ImportError(name)


def _not_loaded() -> None:
    raise NVMLError("Driver Not Loaded")


def test_a_machine_measures_itself() -> None:
    now_ms = 1_790_000_000_000
    reading = Host().read(now_ms)
    (found,), refusals = judged([reading], now_ms)
    assert (found.topic, refusals) == ("telemetry.node", [])
    assert 0 < reading["memory_utilization"] <= 1
