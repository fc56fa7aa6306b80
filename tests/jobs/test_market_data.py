"""The follower and its HTTP service, without a broker."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobs import follower as following
from jobs.follower import Follower, Partition
from jobs.market_data import application
from schemas.codec import SchemaUnavailable
from schemas.names import BOOKS_COMMANDS
from tests.builders import ALICE, BOB, BOOK, ask, bid, cancel, command, named
from tests.jobs.log_builders import CODEC, ENCODE, Message, messages
from tests.udfs.snapshot_builders import head
from udfs.matching import MACHINE
from udfs.replay import replay_book
from udfs.snapshot import cut

OTHER = "T4.spot"
COMMANDS = [
    ask(BOB, "a1", 4, 2_000_000),
    ask(BOB, "a2", 6, 2_000_100),
    bid(ALICE, "b1", 5, 1_000_000),
    bid(ALICE, "b2", 2, 2_000_000),
    cancel(ALICE, "b1"),
    bid(ALICE, "b3", 3, 900_000, region="us-east-1"),
]


@dataclass
class Tail:
    """How far the follower is."""

    is_caught_up: bool = True
    failure: BaseException | None = None
    lag_records: int = 0


class Assigned:
    """A consumer that takes every assignment."""

    def incremental_assign(self, places: list[Any]) -> None: ...


@dataclass
class Writer:
    """Remembers what it was asked for."""

    asked: list[str] = field(default_factory=list)

    def ask(self, book_ids: Iterable[str]) -> dict[str, str]:
        ids = {book_id: f"next of {book_id}" for book_id in book_ids}
        self.asked += ids
        return ids


@pytest.fixture
def follower() -> Follower:
    return Follower(CODEC.decoder(BOOKS_COMMANDS))


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def client(follower: Follower, writer: Writer) -> Iterator[TestClient]:
    for message in messages(*COMMANDS):
        assert follower.apply(message)
    with TestClient(application(follower, Tail(), writer)) as client:
        yield client


def test_b6_the_follower_knows_the_same_book_as_a_replay(client: TestClient) -> None:
    stamped = [(1_000 + offset, each) for offset, each in enumerate(COMMANDS)]
    _, book = replay_book(BOOK, stamped)
    assert client.get(f"/books/{BOOK}/hash").json() == {
        "book_id": BOOK,
        "book_seq": book.seq,
        "hash": book.state_hash(),
        "resting": 3,
    }


def test_books_tells_the_best_prices(client: TestClient) -> None:
    (book,) = client.get("/books").json()["books"]
    assert (book["book_id"], book["resting"], book["halted"]) == (BOOK, 3, False)
    assert (book["best_bid_micros"], book["bid_quantity"]) == (900_000, 3)
    assert (book["best_ask_micros"], book["ask_quantity"]) == (2_000_000, 2)


def test_depth_tells_levels_best_first(client: TestClient) -> None:
    depth = client.get(f"/books/{BOOK}/depth?levels=5").json()
    assert depth["asks"] == [
        {"price_micros": 2_000_000, "quantity": 2, "orders": 1},
        {"price_micros": 2_000_100, "quantity": 6, "orders": 1},
    ]
    assert depth["bids"] == [{"price_micros": 900_000, "quantity": 3, "orders": 1}]
    assert len(client.get(f"/books/{BOOK}/depth?levels=1").json()["asks"]) == 1


def test_depth_per_duration_and_region(client: TestClient) -> None:
    far = client.get(f"/books/{BOOK}/depth?region=eu-central-1").json()
    assert (far["bids"], far["asks"]) == ([], [])
    long = client.get(f"/books/{BOOK}/depth?duration_seconds={25 * 3600}").json()
    assert (len(long["bids"]), long["asks"]) == (1, [])


def test_an_unknown_book_is_empty(client: TestClient) -> None:
    assert client.get("/books/L4.spot/depth").json() == {
        "book_id": "L4.spot",
        "book_seq": 0,
        "halted": False,
        "bids": [],
        "asks": [],
    }


@pytest.mark.parametrize("query", ["levels=-1", "levels=x", "duration_seconds=1.5", "levels=²"])
def test_numbers_that_are_none_are_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/books/{BOOK}/depth?{query}")
    assert (answer.status_code, "must be a whole number" in answer.text) == (422, True)


def test_a_preview_tells_what_would_happen_and_changes_nothing(client: TestClient) -> None:
    before = client.get(f"/books/{BOOK}/hash").json()
    order = bid(ALICE, "new", 10, 2_000_100)["place_order"]
    answer = client.post(
        f"/books/{BOOK}/preview", json={"account_id": ALICE, "order": order}
    ).json()
    assert answer["fills"] == [
        {"price_micros": 2_000_050, "quantity": 2},
        {"price_micros": 2_000_100, "quantity": 6},
    ]
    assert (answer["filled"], answer["resting"], answer["refused"]) == (8, 2, None)
    assert answer["value_micros"] == 2 * 2_000_050 + 6 * 2_000_100
    assert client.get(f"/books/{BOOK}/hash").json() == before


def test_what_rests_of_an_order_is_told_with_the_books_sequence(client: TestClient) -> None:
    seq = client.get(f"/books/{BOOK}/hash").json()["book_seq"]
    rests = client.get(f"/books/{BOOK}/orders/{named(ALICE, 'b3')}").json()
    assert rests == {"book_seq": seq, "remaining": 3}
    filled = client.get(f"/books/{BOOK}/orders/{named(ALICE, 'b1')}").json()
    assert filled == {"book_seq": seq, "remaining": None}
    assert client.get("/books/L4.spot/orders/x").json() == {"book_seq": 0, "remaining": None}


def test_an_explanation_tells_why_an_order_rests_and_changes_nothing(client: TestClient) -> None:
    before = client.get(f"/books/{BOOK}/hash").json()
    path = f"/books/{BOOK}/orders/{named(ALICE, 'b3')}/explanation"
    told = client.get(path).json()
    assert (told["book_seq"], told["halted"]) == (before["book_seq"], False)
    assert told["at_ms"] > 1_000
    order = told["order"]
    assert (order["remaining"], order["is_all"]) == (3, True)
    assert order["excluded"]["price"]["alone"] == {"orders": 2, "quantity": 8}
    terms = {"price_micros": 2_000_000}
    assert order["nearest"]["price"] == {"terms": terms, "by": "amend", "filled": 2}
    assert client.get(f"/books/{BOOK}/hash").json() == before


def test_an_order_that_does_not_rest_has_no_explanation(client: TestClient) -> None:
    for path in (f"/books/{BOOK}/orders/{named(ALICE, 'b1')}", "/books/L4.spot/orders/x"):
        assert client.get(f"{path}/explanation").json()["order"] is None


def test_a_preview_tells_the_books_refusal(client: TestClient) -> None:
    order = bid(ALICE, "new", 10, 2_000_100, post_only=True)["place_order"]
    answer = client.post(f"/books/{BOOK}/preview", json={"account_id": ALICE, "order": order})
    assert answer.json()["refused"] == "POST_ONLY_WOULD_TRADE"


def test_health_is_503_until_caught_up(follower: Follower) -> None:
    tail = Tail(is_caught_up=False, lag_records=9)
    client = TestClient(application(follower, tail, Writer()))
    assert client.get("/health").status_code == 503
    tail.is_caught_up = True
    assert client.get("/health").json() == {"status": "healthy", "lag_records": 9, "books": 0}


@pytest.mark.parametrize(
    "path",
    [
        "/books",
        *(f"/books/{BOOK}/{what}" for what in ("depth", "hash", "orders/a1")),
        f"/books/{BOOK}/orders/a1/explanation",
    ],
)
def test_no_book_is_told_before_it_is_known(
    follower: Follower, client: TestClient, path: str
) -> None:
    tail = Tail(is_caught_up=False, lag_records=9)
    early = TestClient(application(follower, tail, Writer())).get(path)
    assert (early.status_code, early.json()["status"]) == (503, "catching up")
    tail.is_caught_up = True
    assert TestClient(application(follower, tail, Writer())).get(path).status_code == 200


def test_nothing_is_previewed_before_the_book_is_known(follower: Follower) -> None:
    early = TestClient(application(follower, Tail(is_caught_up=False), Writer()))
    asked = {"account_id": ALICE, "order": bid(ALICE, "b", 1, 1)["place_order"]}
    assert early.post(f"/books/{BOOK}/preview", json=asked).status_code == 503


def test_books_that_are_loaded_again_are_not_known_meanwhile(follower: Follower) -> None:
    seen: list[bool] = []

    def restore(numbers: list[int]) -> dict[int, Partition]:
        seen.append(tail.is_caught_up)
        return {number: Partition(number, position=5, goal=7) for number in numbers}

    tail = following.Tail(follower, Assigned(), restore, lambda: None)
    tail.is_caught_up = True
    tail._begin([0])
    assert seen == [False]
    assert not tail._has_reached_goal()
    follower.partitions[0].position = 7
    assert tail._has_reached_goal()


@pytest.mark.parametrize("record", [b"junk", None])
def test_what_cannot_be_read_has_no_effect(follower: Follower, record: bytes | None) -> None:
    assert follower.apply(Message(record, 0))
    assert list(follower.books()) == []


def test_a_record_that_the_machine_refuses_is_left_out_of_a_second_reading(
    follower: Follower,
) -> None:
    log = messages(*COMMANDS[:3], command("no_such_kind"), *COMMANDS[3:])
    assert [follower.apply(message) for message in log[:4]] == [True, True, True, False]
    assert all(follower.apply(message) for message in log)
    expected = MACHINE.empty(BOOK)
    for message in log:
        if message.offset() != 3:
            MACHINE.apply(
                expected, CODEC.decoder(BOOKS_COMMANDS)(message.value()), message.timestamp()[1]
            )
    assert follower.book(BOOK).state_hash() == expected.state_hash()


def test_a_second_reading_leaves_other_partitions_alone(follower: Follower) -> None:
    (kept,) = messages(COMMANDS[0], key=OTHER)
    kept.log_partition = 7
    follower.apply(kept)
    follower.apply(Message(ENCODE(command("no_such_kind")), 0))
    assert [book.book_id for book in follower.books()] == [OTHER]


def test_a_record_that_the_job_sets_aside_changes_no_book(follower: Follower) -> None:
    (good,) = messages(COMMANDS[0])
    assert follower.apply(good)
    before = follower.book(BOOK).state_hash()
    poison = [b"junk", None, ENCODE(ask(BOB, "a3", -4, 2_000_000)), ENCODE(COMMANDS[1])]
    keys = [BOOK, BOOK, BOOK, "no book"]
    for offset, (value, key) in enumerate(zip(poison, keys, strict=True), 1):
        assert follower.apply(Message(value, offset, key))
    assert follower.book(BOOK).state_hash() == before
    assert [book.book_id for book in follower.books()] == [BOOK]


def test_one_book_or_each_can_be_asked_for_a_snapshot(client: TestClient, writer: Writer) -> None:
    answer = client.post("/snapshots", json={"book_id": BOOK})
    asked = [{"book_id": BOOK, "snapshot_id": f"next of {BOOK}"}]
    assert (answer.status_code, answer.json()["snapshots"]) == (202, asked)
    assert client.post("/snapshots", json={}).json()["snapshots"] == asked
    assert client.post("/snapshots", json={"book_id": OTHER}).json()["snapshots"] == []
    assert writer.asked == [BOOK, BOOK]


def test_the_newest_snapshot_of_each_book_is_told(client: TestClient, follower: Follower) -> None:
    assert client.get("/snapshots").json() == {"snapshots": []}
    follower.partitions[1].snapshots[BOOK] = head(follower.book(BOOK), cut({"book": "[1]"}))
    (told,) = client.get("/snapshots").json()["snapshots"]
    assert (told["book_id"], told["offset"], told["books"]) == (BOOK, 7, [BOOK])
    assert told["book_seq"] == follower.book(BOOK).seq


def test_a_record_of_which_nothing_can_be_said_now_is_not_set_aside() -> None:
    """The registry is away: the job waits for it, and so the follower ends and begins anew."""

    def decode(data: bytes | None) -> dict[str, Any]:
        raise SchemaUnavailable("registry")

    follower = Follower(decode)
    with pytest.raises(SchemaUnavailable):
        follower.apply(messages(*COMMANDS)[0])
    assert not follower.void
