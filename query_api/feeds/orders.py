"""Orders of accounts: every fact of an account's orders, with the order as it then is.

Facts come over several topics in no common order, so an order is folded together as the view of now
is (`schemas.views`). Rows are held for accounts that are listened to; they begin as the view has
them, and what it has not learned yet is in the last minutes of the feed.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from query_api import order_rows
from query_api.feeds import rpc, told
from query_api.feeds.archive import Entry, Mark, Raw
from query_api.feeds.feed import Feed, Keep
from query_api.feeds.log import Batch, Record
from query_api.ports import Clock, History, LiveViews, OrderFilter, Row, Unavailable
from schemas import views
from schemas.codec import Decoder
from schemas.names import FACT_TOPICS
from schemas.views import Order

ACTIVE = ("pending", "partial")
MOST_ORDERS = 1_000
"""Orders of a snapshot."""
MOST_RECENT = 5_000
"""Facts of an account that a snapshot folds onto what the views have: the busiest one's seconds."""
TURN = 200
"""Facts that are read before others have a turn."""
MOST_ROWS = 20_000
"""Orders of one account that are held at once."""
KINDS = {topic: kind for kind, topic in FACT_TOPICS.items() if kind.startswith("order_")}
CAUSES: Mapping[str, told.Cause] = {
    "order_created": "created",
    "order_matched": "matched",
    "order_amended": "amended",
    "order_closed": "closed",
    "order_rejected": "rejected",
}
Rows = dict[str, dict[str, str]]


class Concern(NamedTuple):
    """An account that a fact concerns, and which of its orders."""

    account_id: str
    order_id: str


class OrdersFeed(Feed[Raw]):
    """The feed `/ws/orders/{user_id}`; its channels are accounts."""

    kind = "orders"

    def __init__(
        self,
        clock: Clock,
        keep: Keep,
        live: LiveViews,
        history: History,
        decoders: Mapping[str, Decoder],
    ) -> None:
        super().__init__(clock, keep)
        self._live = live
        self._history = history
        self._decoders = decoders
        self._rows: dict[str, Rows] = {}
        """Rows of orders by account, of those that are listened to."""

    async def open(self, name: str) -> None:
        self._rows.setdefault(name, {})

    def close(self, name: str) -> None:
        del self._rows[name]

    async def learn(self, batch: Batch) -> None:
        # While one is asked about, others may begin to be listened to.
        while unknown := self._unknown(
            (KINDS[record.topic], record.fact) for record in batch.records if record.topic in KINDS
        ):
            await self._look_up(unknown)

    def take(self, record: Record, mark: Mark) -> None:
        kind, fact = KINDS[record.topic], record.fact
        entry = Entry((mark,), Raw(record.topic, record.value))
        for concern in concerned(kind, fact):
            self.archive.add(concern.account_id, entry, len(record.value))
            if concern.account_id in self._rows:
                self.publish(concern.account_id, self._body(concern, kind, fact))

    async def bodies(self, name: str, entries: Sequence[Entry[Raw]]) -> list[bytes]:
        facts = [self._read(entry.body) for entry in entries]
        while unknown := self._unknown(facts, name):
            await self._look_up(unknown)
        return [
            self._body(concern, kind, fact)
            for kind, fact in facts
            for concern in concerned(kind, fact)
            if concern.account_id == name
        ]

    async def snapshot(self, name: str) -> bytes:
        wanted = OrderFilter(name, ACTIVE, MOST_ORDERS + 1)
        found, _ = await self._history.orders(wanted)
        known = {order["order_id"]: order for order in found}
        recent = await self._recent(name)
        current = await self._current(name, known, recent)
        active = [order for order in current if order["status"] in ACTIVE]
        active.sort(key=lambda order: (order["created_at_ms"], order["order_id"]), reverse=True)
        orders = [told.told_order(order) for order in active[:MOST_ORDERS]]
        params: told.OrdersSnapshot = {
            "orders": orders,
            "truncated": len(active) > MOST_ORDERS,
        }
        return rpc.opened("orders.snapshot", params)

    async def _recent(self, name: str) -> list[tuple[str, Row]]:
        """The facts of an account that the views may not have yet."""
        found = []
        entries = self.archive.since(name, self.archive.floors)[-MOST_RECENT:]
        for place, entry in enumerate(entries, 1):
            found.append(self._read(entry.body))
            if place % TURN == 0:
                await asyncio.sleep(0)
        return found

    async def _current(
        self, name: str, known: Mapping[str, Order], recent: Sequence[tuple[str, Row]]
    ) -> list[Order]:
        """The orders known to the history or told of late, each as the newest source has it."""
        ids = {
            concern.order_id: None
            for kind, fact in recent
            for concern in concerned(kind, fact)
            if concern.account_id == name
        }
        every = list(dict.fromkeys((*known, *ids)))
        rows = dict(zip(every, await self._rows_of(every), strict=True))
        for kind, fact in recent:
            order_rows.fold_fact(rows, kind, fact)
        current = ((known.get(each), read_row(row)) for each, row in rows.items())
        return [newer for pair in current if (newer := _newer(*pair)) is not None]

    def _unknown(self, facts: Iterable[tuple[str, Row]], name: str | None = None) -> list[Concern]:
        """The orders of accounts that are listened to, or of this one, without a row."""
        return list(
            dict.fromkeys(
                concern
                for kind, fact in facts
                for concern in concerned(kind, fact)
                if (name is None or concern.account_id == name)
                and concern.order_id not in self._rows.get(concern.account_id, {concern.order_id})
            )
        )

    async def _look_up(self, unknown: Sequence[Concern]) -> None:
        rows = await self._rows_of([concern.order_id for concern in unknown])
        for concern, row in zip(unknown, rows, strict=True):
            held = self._rows.get(concern.account_id)
            if held is not None:
                while len(held) >= MOST_ROWS:
                    del held[next(iter(held))]
                held[concern.order_id] = row

    async def _rows_of(self, order_ids: list[str]) -> list[dict[str, str]]:
        """Rows as the view has them; nothing while it is away: then facts say what they say."""
        try:
            return await self._live.order_rows(order_ids) if order_ids else []
        except Unavailable:
            return [{} for _ in order_ids]

    def _body(self, concern: Concern, kind: str, fact: Row) -> bytes:
        """What an account is told of a fact."""
        if kind == "order_rejected" and not order_rows.is_rejection(fact):
            return rpc.opened("order.refused", told.told_refusal(fact))
        rows = self._rows.get(concern.account_id, {})
        row = rows.setdefault(concern.order_id, {})
        order_rows.fold_fact({concern.order_id: row}, kind, fact)
        order = read_row(row) or _bare(concern, fact, row)
        trade = fact if kind == "order_matched" else None
        return rpc.opened("order.update", told.told_update(order, CAUSES[kind], trade))

    def _read(self, raw: Raw) -> tuple[str, Row]:
        return KINDS[raw.topic], self._decoders[raw.topic](raw.value)


def concerned(kind: str, fact: Row) -> Iterator[Concern]:
    """Whose orders a fact is about; accounts that no command named are nobody."""
    if kind == "order_matched":
        yield Concern(fact["buyer_id"], fact["bid_order_id"])
        yield Concern(fact["seller_id"], fact["ask_order_id"])
    elif fact["account_id"]:
        yield Concern(fact["account_id"], fact["order_id"])


def read_row(row: Mapping[str, str]) -> Order | None:
    """The order in a row, if the row has the beginning of one."""
    return views.read_order(row) if "account_id" in row else None


def _bare(concern: Concern, fact: Row, row: dict[str, str]) -> Order:
    """What facts alone say of an order whose beginning no view has any more."""
    beginning = {"order_id": concern.order_id, "account_id": concern.account_id, "side": ""}
    if fact.get("bid_order_id") == concern.order_id:
        beginning["side"] = "bid"
    elif fact.get("ask_order_id") == concern.order_id:
        beginning["side"] = "ask"
    return cast(Order, views.read_order({"book_id": fact["book_id"] or "", **beginning, **row}))


def _newer(known: Order | None, held: Order | None) -> Order | None:
    if known is None or held is None:
        return held or known
    return held if held["updated_at_ms"] >= known["updated_at_ms"] else known
