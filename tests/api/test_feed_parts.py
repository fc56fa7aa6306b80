"""The parts of the feeds: cursors, archive, channels, requests, and depth as clients keep it."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query_api.adapters.memory import memory_ports
from query_api.adapters.memory_feeds import MemoryFeedLog, MemoryJobs, MemoryTopics
from query_api.feeds import asyncapi, channel, frames, rpc
from query_api.feeds.archive import Archive, Entry, Mark
from query_api.feeds.channel import Channel
from query_api.feeds.feed import Keep
from query_api.feeds.positions import KINDS, MAX_CURSOR, Positions
from query_api.feeds.switchboard import Switchboard
from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS
from tests.api.feeds_client import read_frames
from tests.builders import ALICE, BOB, BOOK, ask, bid, cancel
from udfs.machine import Step


@given(st.data())
def test_a_cursor_says_what_was_told(data: st.DataObject) -> None:
    positions = Positions(data.draw(st.sampled_from(KINDS)))
    offsets = [data.draw(st.integers(0, 2**50)) for _ in positions.offsets]
    for slot, offset in enumerate(offsets):
        positions.set(slot, offset)
    cursor = positions.cursor().decode()
    assert positions.read(cursor) == offsets
    assert positions.cursor_of(offsets) == cursor.encode()
    assert len(cursor) < MAX_CURSOR


@given(st.text(max_size=80))
def test_what_is_no_cursor_is_a_value_error(text: str) -> None:
    positions = Positions("market")
    try:
        offsets = positions.read(text)
    except ValueError:
        return
    assert positions.read(positions.cursor_of(offsets).decode()) == offsets


def test_a_cursor_is_of_its_kind_of_feed() -> None:
    with pytest.raises(ValueError, match="another feed"):
        Positions("pricing").read(Positions("admin").cursor().decode())


def archive(**limits: Any) -> tuple[Archive[str], list[float]]:
    now = [0.0]
    given = {"most_seconds": 10.0, "most_bytes": 10_000, **limits}
    return Archive(2, lambda: now[0], **given), now


def told(entries: list[Entry[str]]) -> list[str]:
    return [entry.body for entry in entries]


def test_the_archive_tells_what_came_after_in_order() -> None:
    kept, _ = archive()
    for offset, (name, slot) in enumerate([("a", 0), ("b", 0), ("a", 1), ("a", 0)]):
        kept.add(name, Entry((Mark(slot, offset),), str(offset)), 1)
    assert told(kept.since("a", [0, 0])) == ["0", "2", "3"]
    assert told(kept.since("a", [1, 0])) == ["2", "3"]
    assert told(kept.since("a", [1, 3])) == ["3"]
    assert told(kept.since("nobody", [0, 0])) == []


def test_what_is_too_old_goes_and_the_archive_says_so() -> None:
    kept, now = archive()
    kept.add("a", Entry((Mark(0, 5),), "old"), 1)
    now[0] = 11.0
    kept.add("b", Entry((Mark(0, 6),), "new"), 1)
    assert told(kept.since("a", [0, 0])) == []
    assert not kept.reaches([5, 0])
    assert kept.reaches([6, 0])


def test_what_is_too_much_goes_the_oldest_first() -> None:
    kept, _ = archive(most_bytes=1_000)
    for offset in range(10):
        kept.add("a", Entry((Mark(0, offset),), str(offset)), 100)
    assert kept.bytes <= 1_000
    assert told(kept.since("a", [0, 0])) == ["8", "9"]
    assert kept.floors == [8, 0]


def test_frames_of_every_length() -> None:
    for size in (0, 1, 125, 126, 65_535, 65_536):
        message = json.dumps("x" * size).encode()
        assert list(read_frames(frames.text(message))) == ["x" * size]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"\xff", "INVALID_JSON"),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}', "INVALID_JSON"),
        (b'{"jsonrpc":"2.0","id":null,"method":"x"}', "INVALID_REQUEST"),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"x"}', "INVALID_REQUEST"),
        (b'{"jsonrpc":"2.0","id":true,"method":"x"}', "INVALID_REQUEST"),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', "INVALID_REQUEST"),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","more":1}', "INVALID_REQUEST"),
        (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[]}', "INVALID_PARAMS"),
        (b'[{"jsonrpc":"2.0","id":1,"method":"x"}]', "INVALID_REQUEST"),
        (b'{"id":1,"method":"x"}', "INVALID_REQUEST"),
    ],
)
def test_what_is_no_request(text: bytes, code: str) -> None:
    with pytest.raises(rpc.RpcError) as refused:
        rpc.read(text)
    assert refused.value.problem.code == code


class Ear:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def deliver(self, data: bytes) -> None:
        self.told += read_frames(data)


def frame(number: int) -> bytes:
    return frames.text(json.dumps(number).encode())


async def test_a_large_channel_is_told_everything_in_order_whoever_comes_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "TURN", 3)
    told_to = Channel("x")
    ears = [Ear() for _ in range(10)]
    for ear in ears:
        told_to.subscribe(ear)
    late, leaving = Ear(), told_to.subscribe(Ear())
    for number in range(20):
        told_to.publish(frame(number))
        if number % 3 == 0:
            await asyncio.sleep(0)
        if number == 9:
            told_to.subscribe(late)
            told_to.unsubscribe(leaving)
    async with asyncio.timeout(5):
        while told_to._serving is not None:
            await asyncio.sleep(0)
    assert all(ear.told == list(range(20)) for ear in ears)
    assert late.told == list(range(10, 20))
    assert isinstance(leaving.listener, Ear)
    assert leaving.listener.told == list(range(len(leaving.listener.told)))


STEPS = st.tuples(
    st.sampled_from(("bid", "ask", "cancel", "tell", "join", "again")),
    st.integers(1, 12),
    st.integers(1, 9),
    st.integers(1, 6),
)


class Keeper(Ear):
    """Keeps a book's levels as docs/feeds.md says."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: dict[tuple[str, str], tuple[int, int]] = {}
        self.last_seq = -1
        self.cursor = ""
        self.trades: list[str] = []

    def deliver(self, data: bytes) -> None:
        for message in read_frames(data):
            params = message["params"]
            self.cursor = params["cursor"]
            if message["method"] == "depth.snapshot":
                self.last_seq = params["last_seq"]
                self._set(params["bids"], "bid")
                self._set(params["asks"], "ask")
            elif message["method"] == "depth.update" and params["last_seq"] > self.last_seq:
                assert params["prev_seq"] <= self.last_seq
                self.last_seq = params["last_seq"]
                for level in params["levels"]:
                    self._set([level], level["side"])
            elif message["method"] == "market.trade":
                self.trades.append(params["id"])

    def _set(self, levels: list[Any], side: str) -> None:
        for level in levels:
            place = (side, level["price"])
            self.levels[place] = (level["quantity"], level["orders"])
            if not level["quantity"]:
                del self.levels[place]


class NoAccounts:
    """Takes what books tell accounts: here there are none."""

    def empty(self, key: str) -> str:
        return key

    def apply(self, *_: Any) -> Step:
        return Step()


class Play:
    """Orders come, depth is told now and then, and clients come, go and come back."""

    def __init__(self) -> None:
        self.ports, self.market, _ = memory_ports()
        self.market._machines[ACCOUNTS_COMMANDS] = ({}, NoAccounts())
        self.topics = MemoryTopics(self.market)
        self.topics.is_depth_held = True
        self.log = MemoryFeedLog(self.topics)
        decoders = self.topics.decoders()
        self.board = Switchboard(self.ports, self.log, MemoryJobs(), decoders, Keep())
        self.keepers: list[tuple[Keeper, Any]] = []
        self.away: list[Keeper] = []

    async def step(self, what: str, number: int, quantity: int, tick: int) -> None:
        if what == "tell":
            await self.tell()
        elif what == "join":
            await self.join(Keeper())
        elif what == "again":
            await self.go_or_come_back()
        else:
            await self.trade(what, number, quantity, tick)

    async def tell(self) -> None:
        self.topics.tell_depth()
        await self.topics.settle()

    async def join(self, keeper: Keeper, cursor: str | None = None) -> None:
        joined = await self.board.join(keeper, "market", BOOK, cursor)
        assert joined.is_resumed is (cursor is not None)
        keeper.deliver(b"".join(joined.frames))
        self.keepers.append((keeper, joined.subscription))

    async def go_or_come_back(self) -> None:
        if len(self.keepers) > 1:
            keeper, subscription = self.keepers.pop()
            self.board.leave("market", BOOK, subscription)
            self.away.append(keeper)
        elif self.away:
            keeper = self.away.pop()
            await self.join(keeper, keeper.cursor)

    async def trade(self, what: str, number: int, quantity: int, tick: int) -> None:
        account = BOB if what == "ask" else ALICE
        place = {"bid": bid, "ask": ask}.get(what)
        order_id = f"{'a' if what == 'ask' else 'b'}{number}"
        command = (
            place(account, order_id, quantity, 10_000 * tick)
            if place
            else cancel(account, order_id)
        )
        await self.market.append(BOOKS_COMMANDS, BOOK, command)

    async def end(self) -> None:
        for keeper in self.away:
            await self.join(keeper, keeper.cursor)
        await self.tell()
        await self.log.stop()


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, max_size=50))
def test_a_snapshot_and_its_changes_are_the_book(steps: list[tuple[str, int, int, int]]) -> None:
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int, int, int]]) -> None:
    play, first = Play(), Keeper()
    await play.board.start()
    await play.join(first)
    for step in steps:
        await play.step(*step)
    await play.end()
    depth = await play.ports.market_data.depth(BOOK, 1_000, None, None)
    wanted = {
        (side, f"{level['price_micros'] / 1e6:.4f}"): (level["quantity"], level["orders"])
        for side in ("bid", "ask")
        for level in depth[f"{side}s"]
    }
    trades = [trade["trade_id"] for trade in play.market.trades]
    assert first.trades == trades
    for keeper, _ in play.keepers:
        assert keeper.levels == wanted
        assert keeper.trades == trades[len(trades) - len(keeper.trades) :]


def test_the_document_names_every_channel_message_and_close() -> None:
    document = asyncapi.document()
    assert {each["address"] for each in document["channels"].values()} == set(asyncapi.PATHS)
    for operation in document["operations"].values():
        for message in operation["messages"]:
            found: Any = document
            for part in message["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            target = found["$ref"].removeprefix("#/components/messages/")
            assert target in document["components"]["messages"]
    assert set(document["channels"]["pricing"]["x-close-codes"]) == {
        "1013", "4400", "4401", "4403", "4404", "4408", "4420"
    }  # fmt: skip
