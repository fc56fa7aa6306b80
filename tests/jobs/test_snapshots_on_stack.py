"""Snapshots and replay on the real servers."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from typer.testing import CliRunner

import stack
from cli.__main__ import app
from cli.session import Session
from jobs import kafka
from schemas import names, registry
from schemas.codec import Codec
from schemas.names import BOOKS_COMMANDS, BOOKS_SNAPSHOTS
from schemas.settings import Settings
from stack.program import python_environment
from tests.builders import ALICE, BOB, ask, bid, cancel, command
from tests.jobs.test_real_stack import Pair, Wire, until
from tests.stack_fixture import real_stack
from udfs.snapshot import newest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
TRADED, FORGED, UNKNOWN = "V100-16GB.reserved", "A100-40GB.reserved", "B200.reserved"


@contextlib.contextmanager
def market_data(settings: Settings, log: Path) -> Iterator[str]:
    """A follower of its own, ready; its address."""
    port = stack.on_free_ports(settings, settings.path("HOME")).text("MARKET_DATA_PORT")
    environment = python_environment(settings.with_values(MARKET_DATA_PORT=port))
    with log.open("w") as file:
        started = [sys.executable, "-m", "jobs", "market-data"]
        process = subprocess.Popen(started, env=environment, stderr=file)
    url = f"http://127.0.0.1:{port}"
    try:
        assert until(lambda: is_ready(url) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        process.terminate()
        process.wait(30)


def is_ready(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/health").status_code == 200
    return False


def told(url: str, path: str) -> Any:
    return httpx.get(url + path).json()


# The whole market ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wire(market: Settings) -> Iterator[Wire]:
    wire = Wire(market)
    yield wire
    for open_one in (wire.registry, wire.reader, wire.clickhouse, wire.redis, wire.cluster):
        open_one.close()


def run(wire: Wire, *arguments: str) -> tuple[int, Any, str]:
    """Exit code, JSON and error output of `gpubroker`."""
    ended = CliRunner().invoke(app, [*arguments, "--json"], obj=Session(wire.settings))
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, json.loads(ended.stdout or "null"), ended.stderr


def trade(wire: Wire, pair: Pair, key: str) -> None:
    pair.asks(f"a{key}", 2, 2_000_000)
    bought = pair.bids(f"b{key}", 1, 2_000_000)
    pair.bids(f"c{key}", 1, 1_000_000)
    assert wire.until_facts("orders.matched", bid_order_id=bought)
    assert wire.until_facts("orders.created", account_id=pair.buyer, price_micros=1_000_000)


@pytest.fixture
def pair(wire: Wire, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Pair:
    monkeypatch.setattr("tests.jobs.test_real_stack.BOOKS", iter([request.param]))
    return Pair(wire)


@pytest.mark.parametrize("pair", [TRADED], indirect=True)
def test_b6_replay_is_equal_from_the_log_and_from_a_snapshot(
    wire: Wire, pair: Pair, tmp_path: Path
) -> None:
    book_id = pair.book
    trade(wire, pair, "1")
    code, answer, _ = run(wire, "snapshot", "--book", book_id)
    assert code == 0
    (taken,) = answer["items"]
    parts = wire.facts(BOOKS_SNAPSHOTS, book_id=book_id)
    assert newest(parts).newest[book_id].head.hash == taken["hash"]

    wire.send(BOOKS_COMMANDS, book_id, command("no_such_kind"))
    trade(wire, pair, "2")
    torn = {**parts[-1], "snapshot_id": str(uuid4()), "part": 1, "parts": 2}
    torn["offset"] = taken["offset"] + 1
    wire.send(BOOKS_SNAPSHOTS, book_id, torn)
    code, whole, _ = run(wire, "replay", "--book", book_id)
    assert (code, whole["equal"], whole["first_difference"]) == (0, True, None)
    assert whole["compared"] == whole["facts"] > 6
    code, rest, _ = run(wire, "replay", "--book", book_id, "--from-snapshot")
    assert (code, rest["equal"], rest["snapshot_id"]) == (0, True, taken["id"])
    assert 0 < rest["compared"] == rest["facts"] < whole["facts"]
    assert f"snapshot {torn['snapshot_id']}" in rest["refused"][0]

    running = wire.settings.text("MARKET_DATA_URL")
    with market_data(wire.settings, tmp_path / "log") as again:
        for path in (f"/books/{book_id}/depth", f"/books/{book_id}/hash"):
            assert until(lambda path=path: told(running, path) == told(again, path))  # type: ignore[misc]
        assert told(again, f"/books/{book_id}/hash")["resting"] >= 3
    assert "books from snapshots, the rest from" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("pair", [FORGED], indirect=True)
def test_a_fact_that_was_forged_is_found(wire: Wire, pair: Pair) -> None:
    trade(wire, pair, "1")
    (matched,) = wire.facts("orders.matched", book_id=pair.book)
    (forged,) = wire.send("orders.matched", pair.book, {**matched, "price_micros": 1_000_050})
    code, found, said = run(wire, "replay", "--book", pair.book)
    assert (code, found["equal"]) == (5, False)
    assert "NOT equal" in said
    where = f"orders.matched[{forged.partition()}]@{forged.offset()}"
    assert (
        f"order_matched.price_micros told 1000050 ({where}), 2000000 recomputed from"
        in (found["first_difference"])
    )


def test_what_cannot_be_told_has_its_own_exit_code(wire: Wire) -> None:
    code, _, said = run(wire, "replay", "--book", UNKNOWN, "--from-snapshot")
    assert (code, f"holds no snapshot of {UNKNOWN}" in said) == (6, True)
    assert run(wire, "replay", "--book", UNKNOWN)[0] == 2


# Only a log ----------------------------------------------------------------------------------

ONE, OTHER = "H100.ondemand", "H100.spot"


class Log:
    """The log of the books, without a market behind it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        with contextlib.closing(registry.connect(settings)) as schemas:
            self.codec: Codec = schemas.codec()
        self.producer: Producer = kafka.producer(settings)
        self.reader: Consumer = kafka.consumer(settings, "test")
        self.admin = kafka.admin(settings)

    def send(self, book_id: str, *commands: Any) -> Any:
        """Append; the message of the last."""
        taken: list[Any] = []
        for each in commands:
            value = self.codec.encoder(BOOKS_COMMANDS)(each)
            self.producer.produce(
                BOOKS_COMMANDS, value, book_id, on_delivery=lambda _, message: taken.append(message)
            )
        self.producer.flush()
        return taken[-1]

    def snapshots(self) -> list[dict[str, Any]]:
        decode = self.codec.decoder(BOOKS_SNAPSHOTS)
        return [decode(each.value()) for each in kafka.read_since(self.reader, BOOKS_SNAPSHOTS, 0)]

    def trim(self, partition: int, offset: int) -> None:
        """Let the log begin here."""
        place = TopicPartition(BOOKS_COMMANDS, partition, offset)
        for done in self.admin.delete_records([place]).values():
            done.result(10)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    with real_stack(tmp_path_factory.mktemp("log"), only=("topics",)) as settings:
        log = Log(settings)
        yield log
        log.reader.close()


def asked(url: str, book_id: str) -> dict[str, Any]:
    """The head of a snapshot that was asked for."""
    answer = httpx.post(f"{url}/snapshots", json={"book_id": book_id}).json()

    def look() -> dict[str, Any] | None:
        known = told(url, "/snapshots")["snapshots"]
        late = [each for each in known if each["written_at_ms"] >= answer["asked_at_ms"]]
        return next((each for each in late if each["book_id"] == book_id), None)

    found = until(look)
    assert found
    return found


def test_b6_a_follower_begins_at_its_snapshots_when_the_log_lost_its_beginning(
    log: Log, tmp_path: Path
) -> None:
    log.send(ONE, ask(BOB, "a1", 4, 2_000_000), bid(ALICE, "b1", 1, 2_000_000))
    log.send(OTHER, bid(ALICE, "o1", 1, 1_000_000))
    with market_data(log.settings, tmp_path / "first") as url:
        taken = [asked(url, ONE), asked(url, OTHER)]
        log.send(ONE, command("no_such_kind"), cancel(BOB, "a1"), bid(ALICE, "b2", 3, 1_000_000))
        assert until(lambda: told(url, f"/books/{ONE}/hash").get("book_seq") == 5)
        before = {book: told(url, f"/books/{book}/hash") for book in (ONE, OTHER)}
    for head in taken:
        log.trim(head["partition"], head["offset"])
    with market_data(log.settings, tmp_path / "second") as url:
        assert {book: told(url, f"/books/{book}/hash") for book in (ONE, OTHER)} == before
        log.send(ONE, bid(ALICE, "b3", 1, 1_000_000))
        assert until(lambda: told(url, f"/books/{ONE}/hash")["book_seq"] == 6)
        last = asked(url, ONE)
        assert last["book_seq"] == 6
    found = newest(log.snapshots())
    assert found.newest[ONE].head.hash == last["hash"]
    assert found.refused == []


def test_poison_among_snapshots_is_told_and_does_no_harm(log: Log, tmp_path: Path) -> None:
    log.send("T4.spot", bid(ALICE, "x", 1, 1_000_000))
    log.producer.produce(BOOKS_SNAPSHOTS, b"junk", "T4.spot")
    log.producer.flush()
    with market_data(log.settings, tmp_path / "log") as url:
        assert told(url, "/books/T4.spot/hash")["resting"] == 1
    decode = log.codec.decoder(names.DEAD_LETTERS)
    stored = kafka.read_since(log.reader, names.DEAD_LETTERS, 0)
    letters = [decode(each.value()) for each in stored]
    assert {(each["reader"], each["topic"], each["value"]) for each in letters} == {
        ("market_data", BOOKS_SNAPSHOTS, b"junk")
    }


def test_a_log_that_lost_more_than_its_snapshots_know_is_refused_by_name(
    log: Log, tmp_path: Path
) -> None:
    log.send("A10.spot", bid(ALICE, "x", 1, 1_000_000))
    with market_data(log.settings, tmp_path / "first") as url:
        head = asked(url, "A10.spot")
    last = log.send("A10.spot", *(bid(ALICE, f"x{n}", 1, 1_000_000) for n in range(3)))
    log.trim(head["partition"], last.offset())
    environment = python_environment(log.settings)
    started = [sys.executable, "-m", "jobs", "market-data"]
    ended = subprocess.run(
        started, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    (line,) = [each for each in ended.stderr.splitlines() if each.startswith("market-data: ")]
    assert f"partition {head['partition']} must begin at offset" in line
    assert f"begins at {last.offset()}" in line
    assert "so what follows the snapshot is gone" in line
