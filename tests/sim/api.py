"""API workers: the real handlers of orders, on virtual time, over the simulated log and views.

A worker's requests are coroutines that wait for one thing each: the log's acknowledgement, a
moment, a fact. A worker that dies loses them all, and what its producer had not sent.
"""

import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

from jobs.follower import Follower
from query_api.commands import orders as handlers
from query_api.endpoint import Answer, Call
from query_api.ports import OutcomeUnknown, Ports, Principal, ToldFact, Unavailable
from query_api.problems import Problem
from query_api.queries.orders import find_order
from schemas import views
from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, FACT_TOPICS
from tests.sim.clock import WallClock
from tests.sim.log import CODEC, Broker, Positions, Producer, Record
from tests.sim.projection import ClickHouseServer, Message, RedisServer
from udfs import matching

APPEND_MS: Final = 1_700
"""How long an append may take before its outcome is unknown, as in the Kafka adapter."""
HEARD: Final = (ACCOUNTS_COMMANDS, FACT_TOPICS["order_rejected"], FACT_TOPICS["book_status"])
_KINDS: Final = {topic: kind for kind, topic in FACT_TOPICS.items()}


@dataclass(slots=True, eq=False)
class Waiting:
    """What a request waits for; awaited, it gives what it got."""

    until_ms: int
    arrived: bool = False
    watch: "Watch | None" = None
    is_append: bool = False

    def __await__(self) -> Generator["Waiting", Any, Any]:
        return (yield self)

    def arrive(self) -> None:
        self.arrived = True


@dataclass(slots=True, eq=False)
class Watch:
    """The facts of one command."""

    command_id: str
    wall: WallClock
    facts: deque[ToldFact] = field(default_factory=deque)

    def arrived(self) -> ToldFact | None:
        return self.facts.popleft() if self.facts else None

    async def next(self, timeout_seconds: float) -> ToldFact | None:
        if not self.facts and timeout_seconds > 0:
            until_ms = self.wall.now_ms() + round(timeout_seconds * 1000)
            await Waiting(until_ms, watch=self)
        return self.arrived()


@dataclass(slots=True, eq=False)
class Request:
    """A request at a worker; `told` gets status and body unless its client has gone."""

    coroutine: Coroutine[Waiting, Any, Answer]
    told: Callable[[int, Any], None]
    waiting: Waiting | None = None


class Worker:
    """One process of the API."""

    def __init__(
        self,
        broker: Broker,
        wall: WallClock,
        redis: RedisServer,
        clickhouse: ClickHouseServer,
        market_data: "MarketData",
        *,
        loses_acknowledgements: bool,
    ) -> None:
        self._broker = broker
        self._wall = wall
        self._live = Live(redis)
        self._history = History(clickhouse)
        self._market_data = market_data
        self._loses_acknowledgements = loses_acknowledgements
        self._start()

    def _start(self) -> None:
        self.producer = Producer(self._broker)
        self.requests: list[Request] = []
        self._watches: dict[str, Watch] = {}
        self._heard = Positions(self._broker, HEARD)
        self._heard.to_end()
        unused: Any = None
        registrations: Any = _NoCatalogue
        live: Any = self._live
        history: Any = self._history
        market_data: Any = self._market_data
        self.ports = Ports(
            clock=self,
            log=self,
            telemetry=unused,
            facts=self,
            live=live,
            history=history,
            kpis=unused,
            market_data=market_data,
            keys=unused,
            registrations=registrations,
            quotas=unused,
            slots=unused,
            samples=self,
        )

    def crash(self, rng: random.Random, *, zombie: bool) -> Producer:
        """Lose every request; another process takes the place at once."""
        requests, late = self.requests, self.producer.crash(rng, zombie=zombie)
        self._start()
        for request in requests:
            request.coroutine.close()
            request.told(0, None)
        return late

    def ask(
        self,
        kind: str,
        account: Principal,
        path: Mapping[str, str],
        headers: Mapping[str, str],
        body: Any,
        told: Callable[[int, Any], None],
    ) -> Request:
        """A request comes in."""
        handle = getattr(handlers, kind)
        call = Call(self.ports, account, path, headers, body=body)
        request = Request(handle(call), told)
        self.requests.append(request)
        self._go_on(request)
        return request

    def read(self, order_id: str) -> views.Order | None:
        """What a reader is told of an order now."""
        coroutine = find_order(self.ports, order_id)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            found: views.Order | None = stop.value
            return found
        raise AssertionError("a look at the views waits for nothing here")

    def is_in_redis(self, order_id: str) -> bool:
        """Whether Redis tells of an order by its facts, and has done so all the time."""
        return self._live.has(order_id)

    def step(self, rng: random.Random, *, everything: bool = False) -> None:
        """Some records arrive, facts are heard, and who waited for them goes on."""
        if everything:
            self.producer.flush(rng)
        else:
            self.producer.deliver(rng)
        self._hear()
        for request in list(self.requests):
            self._look(request, rng)

    def _look(self, request: Request, rng: random.Random) -> None:
        waiting = request.waiting
        assert waiting
        is_late = self._wall.now_ms() >= waiting.until_ms
        if waiting.is_append:
            lost = self._loses_acknowledgements and rng.random() < 0.1
            if waiting.arrived and not lost:
                self._go_on(request)
            elif is_late or (waiting.arrived and lost):
                self._go_on(request, OutcomeUnknown("kafka"))
        elif is_late or (waiting.watch and waiting.watch.facts):
            self._go_on(request)

    def _go_on(self, request: Request, error: Exception | None = None) -> None:
        coroutine = request.coroutine
        try:
            request.waiting = coroutine.throw(error) if error else coroutine.send(None)
            return
        except StopIteration as stop:
            status, body = stop.value.status, stop.value.body
        except Problem as problem:
            status, body = problem.status, problem.code
        except Unavailable:
            status, body = 503, None
        self.requests.remove(request)
        request.told(status, body)

    def _hear(self) -> None:
        """Hand the facts of watched commands to their watches."""
        if not self._watches:
            self._heard.to_end()
            return
        for place in self._heard.waiting():
            for _, record in self._heard.take(place, 1_000):
                self._tell(place[0], record)

    def _tell(self, topic: str, record: Record) -> None:
        for command_id, watch in self._watches.items():
            if command_id.encode() not in record.value:
                continue
            fact = CODEC.decoder(topic)(record.value)
            kind = fact["kind"] if topic == ACCOUNTS_COMMANDS else _KINDS[topic]
            if topic == ACCOUNTS_COMMANDS:
                fact = fact[kind]
            if kind.startswith(("order_", "book_")) and fact["command_id"] == command_id:
                watch.facts.append(ToldFact(kind, fact))

    # the ports Clock, CommandLog, Facts and Samples

    def now_ms(self) -> int:
        return self._wall.now_ms()

    def now_seconds(self) -> float:
        return self._wall.now_ms() / 1000

    async def sleep(self, seconds: float) -> None:
        await Waiting(self._wall.now_ms() + max(1, round(seconds * 1000)))

    async def append(self, topic: str, key: str, record: Mapping[str, Any]) -> None:
        waiting = Waiting(self._wall.now_ms() + APPEND_MS, is_append=True)
        value = CODEC.encoder(topic)(record)
        self.producer.send(topic, key.encode(), value, waiting.arrive)
        await waiting

    @asynccontextmanager
    async def watch(self, command_id: str) -> AsyncIterator[Watch]:
        self._hear()
        watch = self._watches[command_id] = Watch(command_id, self._wall)
        watches = self._watches
        try:
            yield watch
        finally:
            watches.pop(command_id, None)

    def listen(self, command_id: str, told: Callable[[], None]) -> bool:
        return False

    def ignore(self, command_id: str) -> None:
        pass


class Live:
    """The port `LiveViews` of orders."""

    def __init__(self, redis: RedisServer) -> None:
        self._redis = redis

    def has(self, order_id: str) -> bool:
        key = views.order_key(order_id)
        row = self._redis.rows.get(key, {})
        return key not in self._redis.evicted and not views.is_provisional(row)

    async def order_row(self, order_id: str) -> dict[str, str]:
        return dict(self._redis.rows.get(views.order_key(order_id), {}))

    async def place(self, order_id: str, forgotten: str, row: Mapping[str, str]) -> str | None:
        return self._redis.place(views.order_key(order_id), forgotten, row)


class History:
    """The port `History` of orders."""

    def __init__(self, clickhouse: ClickHouseServer) -> None:
        self._clickhouse = clickhouse

    async def order(self, order_id: str) -> views.Order | None:
        return self._clickhouse.order(order_id)


class MarketData:
    """The port `MarketData` of orders: the service's own follower, on the simulated log."""

    def __init__(self, broker: Broker) -> None:
        self._log = Positions(broker, (BOOKS_COMMANDS,))
        self._follower = Follower(CODEC.decoder(BOOKS_COMMANDS))

    async def resting(self, book_id: str, order_id: str) -> Mapping[str, Any]:
        while waiting := self._log.waiting():
            self._follow(waiting[0])
        book = self._follower.book(book_id)
        return {"book_seq": book.seq, "remaining": matching.resting(book, order_id)}

    def _follow(self, place: tuple[str, int]) -> None:
        for offset, record in self._log.take(place, 1_000):
            message: Any = Message(place, offset, record)
            if not self._follower.apply(message):
                self._log.next[place] = 0  # it is loaded again, without this record
                return


class _NoCatalogue:
    """Bodies come parsed and checked, so nobody asks for the catalogue."""

    catalogue = None


@contextmanager
def ids_of(rng: random.Random) -> Iterator[None]:
    """Random ids of the API's come from the seed."""

    def uuid4() -> UUID:
        return UUID(int=rng.getrandbits(128), version=4)

    with patch.object(handlers, "uuid4", uuid4), patch("query_api.outbox.uuid4", uuid4):
        yield
