"""The projection's own loop and stores, over a Redis and a ClickHouse that keep their rules.

Redis runs what the script `views.FOLD` says; each ClickHouse table keeps one row a key, as its
`ReplacingMergeTree` does once it is merged or read with FINAL.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from jobs import projection, rows
from jobs.projection import Projector, ReadOnce
from schemas import names, views
from tests.sim.clock import DAY_MS, HOUR_MS
from tests.sim.log import CODEC, Broker, Positions, Record
from udfs.audit.facts import number_of
from udfs.audit.offence import equal, offend

Fact = dict[str, Any]
FORGOTTEN_MS: Final = DAY_MS - HOUR_MS
"""Facts so far apart may be of two orders under one key (O2)."""
_RANKS: Final = {"pending": 0, "partial": 1, "filled": 2, "cancelled": 2, "rejected": 2}


class RedisServer:
    """Hashes, and the script that folds facts into them."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, str]] = {}
        self.evicted: set[str] = set()
        """Rows that were evicted: what facts make of them later is a part of the whole."""
        self.fails_after: int | None = None
        """So many rows more are written, then the connection is gone."""

    def register_script(self, text: str) -> Callable[..., None]:
        assert text == views.FOLD
        return self._fold

    def _fold(self, keys: Sequence[str], args: Iterable[Any]) -> None:
        words = iter(args)
        for key in keys:
            groups = self._groups(words)
            if self.fails_after is not None:
                if self.fails_after == 0:
                    raise projection.redis.ConnectionError("gone")
                self.fails_after -= 1
            self._write(key, groups)

    @staticmethod
    def _groups(words: Iterator[Any]) -> list[list[str]]:
        """The words of each group of a row: group, stamp, then fields and values."""
        count = next(words)
        told = [next(words) for _ in range(count)]
        lengths = [next(words) for _ in range(count)]
        groups = [[next(words) for _ in range(length)] for length in lengths]
        assert [group[0] for group in groups] == told
        return groups

    def _write(self, key: str, groups: list[list[str]]) -> None:
        row = self.rows.setdefault(key, {})
        held = {group[0]: row.get(group[0], "") for group in groups}
        before = dict(row)
        for group, stamp, *fields in groups:
            if stamp <= held[group]:
                continue
            if group == "creation" and held[group]:
                row.pop("digest", None)
                row.pop("created_at_ms", None)
            row[group] = stamp
            row.update(zip(fields[::2], fields[1::2], strict=True))
        if key.startswith("order:") and key not in self.evicted:
            check_forward(key, before, row)

    def evict(self, key: str) -> None:
        """Forget a row, as Redis does to make room."""
        del self.rows[key]
        self.evicted.add(key)

    def place(self, key: str, forgotten: str, pending: Mapping[str, str]) -> str | None:
        """What the script `views.PLACE` does."""
        row = self.rows.get(key, {})
        filled = row.get("fills", "") if row.get("remaining") == "0" else ""
        last = max(filled, row.get("closing", ""), row.get("rejection", ""))
        if row and not ("" < last < forgotten and last >= row.get("creation", "")):
            digest = row.get("digest", "")
            self.rows[key] = {**pending, **row}
            return digest
        self.rows[key] = dict(pending)
        return None


def check_forward(key: str, before: Mapping[str, str], row: Mapping[str, str]) -> None:
    """INV9: an order's status never goes back and its filled quantity never falls.

    This is asked of one order. Where the facts that the row told before the write and those that
    it tells after it are a day apart, they may be of two orders under one key (O2): the row may
    tell the first order's end, then a beginning, or for a while a mixture of both.
    """
    came, went = views.read_order(before), views.read_order(row)
    if came is None or _span_ms(before, row) > FORGOTTEN_MS:
        return
    if went is None:
        offend("INV9", f"{key} was {came['status']} and is gone")
    rank, now = _RANKS[came["status"]], _RANKS[went["status"]]
    if now < rank or (rank == 2 and went["status"] != came["status"]):
        offend("INV9", f"{key} went from {came['status']} to {went['status']}: {row}")
    if went["filled_quantity"] < came["filled_quantity"]:
        offend("INV9", f"{key} had {came['filled_quantity']} filled, now {row}")


def _span_ms(*rows: Mapping[str, str]) -> int:
    """How far the facts are apart that rows of an order tell."""
    told = [int(stamp.partition(":")[0]) for row in rows for stamp in _stamps(row)]
    return max(told) - min(told) if told else 0


def _stamps(row: Mapping[str, str]) -> list[str]:
    """The stamps of a row's facts, without those from before its beginning."""
    groups = ("creation", "total", "fills", "closing", "rejection")
    start = max(row.get("creation", ""), row.get("rejection", ""))
    return [row[group] for group in groups if row.get(group, "") > "" and row[group] >= start]


class _Insert:
    def __init__(self, table: str, columns: Sequence[str]) -> None:
        self.table = table
        self.columns = columns
        self.data: list[list[Any]] | None = None


class ClickHouseServer:
    """Tables of facts by machine and sequence, and what the views tell of them."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[str, int], Fact]] = {topic: {} for topic in rows.tables()}
        self._topics = {table: topic for topic, table in rows.tables().items()}
        self._about: dict[str, list[tuple[str, Fact]]] = {}
        self.fails_after: int | None = None
        """So many inserts more, then the connection is gone."""

    def create_insert_context(
        self, table: str, columns: Sequence[str], *, column_oriented: bool
    ) -> _Insert:
        assert column_oriented
        return _Insert(table, columns)

    def insert(self, context: _Insert) -> None:
        if self.fails_after is not None:
            if self.fails_after == 0:
                raise projection.OperationalError("gone")
            self.fails_after -= 1
        assert context.data is not None
        topic = self._topics[context.table]
        for values in zip(*context.data, strict=True):
            self._take(topic, dict(zip(context.columns, values, strict=True)))

    def _take(self, topic: str, fact: Fact) -> None:
        table, number = self.tables[topic], number_of(fact)
        if number in table:
            equal("B4", f"{topic} {number}, told twice,", fact, table[number])
            return
        table[number] = fact
        for key in dict.fromkeys(fold.key for fold in rows.folds(topic, fact)):
            self._about.setdefault(key, []).append((topic, fact))

    def order(self, order_id: str) -> views.Order | None:
        """The row of the view `orders`: each group's newest fact, one after the other."""
        key, row = views.order_key(order_id), {}
        for topic, fact in self._about.get(key, []):
            for fold in rows.folds(topic, fact):
                if fold.key == key and fold.stamp > row.get(fold.group, ""):
                    row.update({fold.group: fold.stamp, **fold.fields})
        return views.read_order(row)

    def trades(self) -> dict[str, Fact]:
        """The view `trades`."""
        return {fact["trade_id"]: fact for fact in self.tables[names.ORDERS_MATCHED].values()}

    def nodes(self) -> dict[str, Fact]:
        """The view `nodes`."""
        newest: dict[str, Fact] = {}
        for fact in self.tables[names.INVENTORY_EVENTS].values():
            held = newest.get(fact["node_id"])
            if held is None or fact["account_seq"] > held["account_seq"]:
                newest[fact["node_id"]] = fact
        return newest


class Message:
    """A record as confluent_kafka hands it out."""

    def __init__(self, place: tuple[str, int], offset: int, record: Record) -> None:
        self._place, self._offset, self._record = place, offset, record

    def error(self) -> None:
        return None

    def value(self) -> bytes:
        return self._record.value

    def key(self) -> bytes:
        return self._record.key

    def topic(self) -> str:
        return self._place[0]

    def partition(self) -> int:
        return self._place[1]

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 2, self._record.at_ms


class Group:
    """One store's consumer group and its projector, up or down; consumer and producer in one."""

    def __init__(self, name: str, broker: Broker, server: Any) -> None:
        self.name = name
        self._broker = broker
        self._server = server
        self._committed: dict[tuple[str, int], int] = {}
        self.projector: Projector | None = None
        self.restart(ReadOnce(CODEC))

    def restart(self, shared: ReadOnce) -> None:
        """Go on from the committed offsets."""
        store: projection.Store
        if self.name == "redis":
            store = projection.Redis(self._server, shared)
        else:
            store = projection.ClickHouse(lambda: self._server, projection.fact_topics(), shared)
        self._server.fails_after = None
        self._positions = Positions(self._broker, tuple(store.topics))
        self._positions.next.update(self._committed)
        self.projector = Projector(store, self, self, CODEC, _Stopped())  # type: ignore[arg-type]

    def step(self, rng: random.Random, most: int) -> bool:
        """Write a batch; whether there was one."""
        batch = self._batch(rng, most)
        if batch:
            assert self.projector
            self.projector._project(batch)
        return bool(batch)

    def commit_written(self) -> None:
        """Commit what was written."""
        assert self.projector
        self.projector._commit()

    def die_writing(self, rng: random.Random, most: int) -> None:
        """Write a part of a batch and be gone; offsets are not committed."""
        self._server.fails_after = rng.randint(0, 3)
        self.step(rng, most)
        self._server.fails_after = None
        self.projector = None

    def is_behind(self) -> bool:
        return bool(self._positions.waiting())

    def _batch(self, rng: random.Random, most: int) -> list[Message]:
        places = self._positions.waiting()
        rng.shuffle(places)
        some = places[: rng.randint(1, len(places))] if places else []
        taken = [
            [Message(place, offset, record) for offset, record in self._positions.take(place, most)]
            for place in some
        ]
        return list(chain.from_iterable(taken))

    # what Projector asks of consumer and producer

    def commit(self, *, asynchronous: bool) -> None:
        assert not asynchronous
        self._committed = dict(self._positions.next)

    def flush(self) -> None:
        pass

    def produce(self, topic: str, value: bytes) -> None:
        offend("poison", f"the projection set a record aside: {CODEC.decoder(topic)(value)}")


class _Stopped:
    """The event that ends a projector: where a store fails, it has come."""

    def wait(self, _: float) -> bool:
        return True

    def is_set(self) -> bool:
        return True
