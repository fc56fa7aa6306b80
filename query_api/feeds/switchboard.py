"""All feeds together: records go to the feeds made of them, listeners to their channels."""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from query_api import times
from query_api.feeds import rpc
from query_api.feeds.archive import Entry
from query_api.feeds.channel import Listener, Subscription
from query_api.feeds.control import LOOK_SECONDS, ControlFeed
from query_api.feeds.feed import Feed, Keep
from query_api.feeds.log import Batch, FeedLog, Record
from query_api.feeds.market import MarketFeed
from query_api.feeds.orders import OrdersFeed
from query_api.feeds.positions import TOPICS, Kind
from query_api.feeds.pricing import PricingFeed
from query_api.feeds.telemetry import REFRESH_SECONDS, TICK_SECONDS, TelemetryFeed
from query_api.feeds.told import ResyncReason
from query_api.ports import Jobs, Ports, Unavailable
from query_api.problems import Problem
from schemas.codec import Decoder

LOG = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 10.0
REST_LOOK_SECONDS = 1.0
RETURN_SECONDS = 60.0
"""Within which all who listened before a start have come again: clients try every 30 s at least."""
TURN = 500
"""Channels that a heartbeat is told on before others have a turn."""
MOST_RESUMED = 2_000
"""Messages that are told again; who missed more is better off with a snapshot."""
RESUMED_AT_ONCE = 200
MOST_SOURCES = 100_000
"""Machines whose last sequence is remembered, to pass over what is delivered again."""
DETAILS: Mapping[ResyncReason, str] = {
    "too_old": "more was missed since the cursor than is kept or told again; a snapshot follows",
    "log_changed": "the cursor is of other logs than there are now; a snapshot follows",
}


class Joined(NamedTuple):
    """Somebody who listens from now on, and what is to be told first."""

    subscription: Subscription
    is_resumed: bool
    frames: list[bytes]


class Switchboard:
    """The feeds, the log that they are made of, and what is done from time to time."""

    def __init__(
        self,
        ports: Ports,
        log: FeedLog,
        jobs: Jobs,
        decoders: Mapping[str, Decoder],
        keep: Keep,
    ) -> None:
        clock = ports.clock
        self._ports = ports
        self._log = log
        self.pricing = PricingFeed(clock, keep)
        self.telemetry = TelemetryFeed(clock, keep, ports, log)
        self.control = ControlFeed(clock, keep, ports, jobs, self.counts)
        orders = OrdersFeed(clock, keep, ports.live, ports.history, decoders)
        market = MarketFeed(clock, keep, ports.market_data, decoders)
        self.feeds: dict[Kind, Feed[Any]] = {
            each.kind: each for each in (orders, self.telemetry, self.pricing, market, self.control)
        }
        self._of_topic: dict[str, list[Feed[Any]]] = {}
        for kind, topics in TOPICS.items():
            for topic in topics:
                self._of_topic.setdefault(topic, []).append(self.feeds[kind])
        self._last_seqs: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._keep_seconds = keep.seconds
        self._wanted_at_seconds = clock.now_seconds() - max(0.0, keep.seconds - RETURN_SECONDS)
        """When somebody listened last; before a start it was so long ago at the most."""
        self._is_resting = False
        self._waking = asyncio.Lock()

    @property
    def topics(self) -> list[str]:
        """Every topic that a feed is made of."""
        return list(self._of_topic)

    def counts(self) -> Counter[str]:
        """How many listen to each kind of feed."""
        return Counter({kind: feed.comers.total() for kind, feed in self.feeds.items()})

    async def start(self) -> None:
        """Return once all is told that the log holds.

        Raises:
            Unavailable: the log cannot be reached.
        """
        await self.pricing.load(self._ports)
        await self._log.follow(self.take)

    async def take(self, batch: Batch) -> None:
        """Tell a batch of records."""
        for (topic, partition), offset in batch.begins.items():
            for feed in self._of_topic[topic]:
                feed.begin(topic, partition, offset)
        for feed in self.feeds.values():
            await feed.learn(batch)
        for record in batch.records:
            self._take(record)
        for (topic, partition), end in batch.ends.items():
            for feed in self._of_topic[topic]:
                feed.reach(topic, partition, end - 1)

    async def join(
        self, listener: Listener, kind: Kind, name: str, cursor: str | None = None
    ) -> Joined:
        """Let somebody listen: from a cursor on if that can be, else from a snapshot on.

        Nothing is told on the channel between what is returned and what the listener is told.

        Raises:
            Problem: the cursor is none.
            Unavailable: what is to be told first cannot be had.
        """
        feed = self.feeds[kind]
        wanted = None if cursor is None else _read(feed, cursor)
        await self._wake()
        try:
            await feed.come(name)
            return await self._join(feed, listener, name, wanted)
        except BaseException:
            feed.leave(name)
            raise

    def leave(self, kind: Kind, name: str, subscription: Subscription) -> None:
        """Let somebody who listened go."""
        feed = self.feeds[kind]
        feed.channel(name).unsubscribe(subscription)
        feed.leave(name)

    def heartbeat(self, kind: Kind) -> bytes:
        """The notification that a feed is alive, up to its cursor."""
        at = times.told(self._ports.clock.now_ms())
        return rpc.opened("heartbeat", {"at": at, "behind_ms": self._log.behind_ms()})

    def chores(self) -> list[Coroutine[Any, Any, None]]:
        """What is to be done for ever."""
        return [
            every(HEARTBEAT_SECONDS, self.beat),
            every(TICK_SECONDS, self._tick),
            every(REST_LOOK_SECONDS, self.rest_if_unwanted),
            every(REFRESH_SECONDS, self.telemetry.refresh),
            every(LOOK_SECONDS, self.control.look),
        ]

    async def beat(self) -> None:
        """Tell everybody that the feeds are alive."""
        for kind, feed in self.feeds.items():
            for place, name in enumerate(list(feed.channels)):
                if place % TURN == 0:
                    await asyncio.sleep(0)
                    body = self.heartbeat(kind)
                feed.publish(name, body)

    async def rest_if_unwanted(self) -> None:
        """Follow no more when nobody has listened for so long that nobody could go on.

        Whoever comes then is told a snapshot in any case, and what is followed costs as much as
        what is listened to.
        """
        now = self._ports.clock.now_seconds()
        if any(feed.comers for feed in self.feeds.values()):
            self._wanted_at_seconds = now
        elif now - self._wanted_at_seconds > self._keep_seconds and not self._is_resting:
            self._is_resting = True
            self._log.rest()

    async def _wake(self) -> None:
        """Follow again.

        Raises:
            Unavailable: the log cannot be reached.
        """
        self._wanted_at_seconds = self._ports.clock.now_seconds()
        async with self._waking:
            if self._is_resting:
                await self._log.wake()
                await self.pricing.load(self._ports)
                self._is_resting = False

    async def _tick(self) -> None:
        self.telemetry.tick()

    def _take(self, record: Record) -> None:
        is_repeat = self._is_repeat(record)
        for feed in self._of_topic[record.topic]:
            mark = feed.reach(record.topic, record.partition, record.offset)
            if is_repeat:
                continue
            try:
                feed.take(record, mark)
            except Exception:  # one that cannot be told must not stop what comes after it
                where = f"{record.topic} {record.partition}@{record.offset}"
                LOG.exception("%s was not told on %s", where, feed.kind)

    def _is_repeat(self, record: Record) -> bool:
        """Whether a machine's fact was there before: it may be delivered more than once (B4)."""
        fact = record.fact
        seq = fact.get("book_seq") or fact.get("account_seq")
        if seq is None:
            return False
        source = (record.topic, fact.get("book_id") or fact["account_id"])
        if seq <= self._last_seqs.get(source, 0):
            return True
        self._last_seqs[source] = seq
        self._last_seqs.move_to_end(source)
        if len(self._last_seqs) > MOST_SOURCES:
            self._last_seqs.popitem(last=False)
        return False

    async def _join(
        self, feed: Feed[Any], listener: Listener, name: str, wanted: list[int] | None
    ) -> Joined:
        reason = None if wanted is None else _obstacle(feed, name, wanted)
        frames = [] if reason is None else [_resync(reason)]
        if wanted is None or reason is not None:
            at = list(feed.positions.offsets)
            body = await feed.snapshot(name)
            frames.append(rpc.closed(body, feed.positions.cursor_of(at)))
        else:
            at = list(wanted)
        start = list(at)
        # While what is missing is made ready, more may come; when nothing does, it listens.
        while missing := feed.archive.since(name, at):
            for begin in range(0, len(missing), RESUMED_AT_ONCE):
                some = missing[begin : begin + RESUMED_AT_ONCE]
                bodies = await feed.bodies(name, some)
                frames += _resumed(feed, some, bodies, at, start)
                await asyncio.sleep(0)
        subscription = feed.channel(name).subscribe(listener)
        return Joined(subscription, wanted is not None and reason is None, frames)


def _read(feed: Feed[Any], cursor: str) -> list[int]:
    try:
        return feed.positions.read(cursor)
    except ValueError:
        rule = "the cursor of a notification of this kind of feed"
        raise rpc.invalid_params("cursor", cursor, rule) from None


def _obstacle(feed: Feed[Any], name: str, wanted: list[int]) -> ResyncReason | None:
    """Why somebody cannot go on from there."""
    if not feed.is_of_these_logs(wanted):
        return "log_changed"
    if not feed.reaches(name, wanted):
        return "too_old"
    return "too_old" if len(feed.archive.since(name, wanted)) > MOST_RESUMED else None


def _resumed(
    feed: Feed[Any], entries: list[Entry[Any]], bodies: list[bytes], at: list[int], start: list[int]
) -> list[bytes]:
    """The frames of what was missed; `at` is moved on to where they lead.

    What comes after an entry of a feed that is conflated may be of records before it, so until all
    is told its cursors say what they said at the start.
    """
    frames = []
    for entry, body in zip(entries, bodies, strict=True):
        for slot, offset in entry.marks:
            at[slot] = max(at[slot], offset + 1)
        cursor = feed.positions.cursor_of(start if feed.is_conflated else at)
        frames.append(rpc.closed(body, cursor))
    return frames


def _resync(reason: ResyncReason) -> bytes:
    return rpc.notification("resync", {"reason": reason, "detail": DETAILS[reason]})


async def every(seconds: float, do: Callable[[], Awaitable[None]]) -> None:
    """Do something again and again; what fails is tried again."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await do()
        except (Unavailable, Problem) as error:
            LOG.warning("%s could not be done: %s", getattr(do, "__name__", do), error)
        except Exception:
            LOG.exception("%s failed", getattr(do, "__name__", do))
