from typing import Any

import httpx
import pytest

from cli.commands import snapshot
from tests.cli.conftest import Fake, Run

PATH = "/api/v2/market/snapshots"
ASKED_AT = "2026-11-23T10:00:00.000Z"
BOOK = "H100.ondemand"


def told(book_id: str = BOOK, seconds: int = 1) -> dict[str, Any]:
    return {
        "id": f"s-{book_id}-{seconds}",
        "book_id": book_id,
        "book_seq": 41,
        "resting": 7,
        "hash": "ab" * 32,
        "partition": 3,
        "offset": 118,
        "parts": 1,
        "written_at": f"2026-11-23T10:00:{seconds:02}.000Z" if seconds else "2026-11-22T04:00:00Z",
    }


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "LOOK_SECONDS", 0.0)


def listing(fake: Fake, *lists: list[dict[str, Any]]) -> None:
    """Answers the list with one of these after the other."""
    left = iter(lists)

    class Turns(dict[Any, Any]):
        def __getitem__(self, key: Any) -> Any:
            if key == ("GET", PATH):
                return {"items": next(left), "next_cursor": None}
            return super().__getitem__(key)

    fake.answers = Turns(fake.answers)


def test_a_snapshot_is_waited_for(run: Run, fake: Fake) -> None:
    fake.answers["POST", PATH] = {"asked_at": ASKED_AT, "items": [{"id": "s", "book_id": BOOK}]}
    listing(fake, [], [told(seconds=0)], [told("A10.spot"), told()])
    ended = run("snapshot", "--book", BOOK, "--json")
    assert ended.json == {"items": [told()]}
    assert fake.requests[0].content == b'{"book_id":"H100.ondemand"}'
    assert fake.requests[0].headers["Authorization"] == "Bearer key-of-admin"


def test_every_book(run: Run, fake: Fake) -> None:
    books = ["A10.spot", BOOK]
    items = [{"id": f"s{book}", "book_id": book} for book in books]
    fake.answers["POST", PATH] = {"asked_at": ASKED_AT, "items": items}
    listing(fake, [told(books[0])], [told(book) for book in books])
    ended = run("snapshot", "--all")
    assert "A10.spot" in ended.out
    assert BOOK in ended.out
    assert fake.requests[0].content == b"{}"


def test_one_that_does_not_come_is_unknown(run: Run, fake: Fake) -> None:
    fake.answers["POST", PATH] = {"asked_at": ASKED_AT, "items": [{"id": "s", "book_id": BOOK}]}
    listing(fake, [told(seconds=0)])
    ended = run("snapshot", "--book", BOOK, "--wait", "0")
    assert (ended.code, "1 of 1 snapshots are not written" in ended.err) == (4, True)


def test_a_book_without_a_record_has_none(run: Run, fake: Fake) -> None:
    fake.answers["POST", PATH] = {"asked_at": ASKED_AT, "items": []}
    ended = run("snapshot", "--book", "L4.spot")
    assert (ended.code, "no command for a book 'L4.spot'" in ended.err) == (2, True)


@pytest.mark.parametrize("arguments", [(), ("--all", "--book", BOOK)])
def test_one_book_or_all(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("snapshot", *arguments).code == 2


def test_a_refusal_is_told(run: Run, fake: Fake) -> None:
    problem = {"status": 403, "code": "FORBIDDEN", "detail": "an administrator's key is needed"}
    fake.answers["POST", PATH] = httpx.Response(403, json=problem)
    assert run("snapshot", "--all", "--as", "consumer").code == 1
