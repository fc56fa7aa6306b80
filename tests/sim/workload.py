"""What clients and owners want: drawn from few prices, sizes and keys, so that rules collide."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from query_api.bodies import AmendOrder, PlaceOrder
from query_api.ports import Principal
from schemas.names import BOOKS_COMMANDS, NODES_COMMANDS
from tests.sim.api import Worker
from tests.sim.clock import HOUR_MS, MINUTE_MS, Clock
from tests.sim.log import CODEC, Broker
from tests.sim.projection import FORGOTTEN_MS
from tests.sim.registry import Account, Registry
from tests.sim.schedule import Schedule
from tests.sim.watcher import Watcher
from udfs.audit.offence import offend
from udfs.ids import order_id as named

BOOKS: Final = ("H100.ondemand", "H100.spot", "A100.ondemand")
REGIONS: Final = ("us-west-2", "eu-central-1")
BASE_MICROS: Final = 2_000_000
TIMEOUT_MS: Final = 900
TRIES: Final = 4
_EXPECTED: Final = {
    "place_order": (200, 202, 409, 503),
    "amend_order": (200, 202, 404, 409, 503),
    "cancel_order": (200, 202, 404, 409, 503),
}


@dataclass(slots=True, eq=False)
class Placement:
    """A client's key and every body that it was sent with."""

    account_id: str
    key: str
    order_id: str
    bodies: list[dict[str, Any]]
    side: str
    placed_at_ms: int
    sends: int = 0
    acknowledged: bool = False
    """It got a 2xx."""
    reused: bool = False
    """Its key was used again on purpose."""
    told: str = ""
    """The status that a client was told last."""


@dataclass(slots=True, eq=False)
class Intent:
    """What a client wants until it has an answer, or gives up."""

    kind: str
    principal: Principal
    placement: Placement
    body: Any
    headers: dict[str, str]
    tries: int = 0
    attempt: int = 0
    until_ms: int = 0
    status: int = 0


@dataclass(slots=True)
class Clients:
    """All clients and owners."""

    schedule: Schedule
    clock: Clock
    broker: Broker
    registry: Registry
    workers: list[Worker]
    watcher: Watcher
    placements: dict[str, Placement] = field(default_factory=dict)
    open: list[Intent] = field(default_factory=list)
    """Intents whose request is at a worker."""
    again: list[Intent] = field(default_factory=list)
    """Intents without an answer, to be tried again."""
    done: list[Intent] = field(default_factory=list)
    _principals: dict[str, Principal] = field(default_factory=dict)
    _count: int = 0
    _halted: set[str] = field(default_factory=set)

    @property
    def books(self) -> tuple[str, ...]:
        return BOOKS[: self.schedule.shape.books]

    def begin(self, rng: random.Random) -> None:
        """Accounts and nodes that are there before the first order."""
        shape = self.schedule.shape
        for number in range(shape.consumers + shape.providers):
            role = "consumer" if number < shape.consumers else "provider"
            account = self.registry.add_account(str(UUID(int=number + 1)), role)
            roles = frozenset({role} if role == "consumer" else {"consumer", "provider"})
            self._principals[account.account_id] = Principal(
                "key", account.account_id, roles, frozenset()
            )
            if role == "provider":
                for _ in range(rng.randint(1, 4)):
                    self._add_node(rng, account)
        if "parameters" in self.schedule.on:
            for book_id in self.books:
                self._set_book(rng, book_id)

    # clients

    def client(self, rng: random.Random) -> None:
        """A client asks for something, or once more for what it got no answer to."""
        self.give_up_waiting()
        if self.again and rng.random() < 0.4:
            self._retry(rng)
            return
        draws: list[tuple[float, Callable[[random.Random], Intent | None]]] = [(10, self._place)]
        if self.placements:
            on = self.schedule.on
            draws += [(2, self._cancel)] if "cancel" in on else []
            draws += [(3, self._amend)] if "amend" in on else []
            draws += [(2, self._reuse)] if "reuse" in on else []
            draws += [(0.5, self._bad_reuse)] if "bad_reuse" in on else []
            draws += [(2, self._read)]
        draw = rng.choices([draw for _, draw in draws], [weight for weight, _ in draws])[0]
        intent = draw(rng)
        if intent:
            self._ask(intent, rng.choice(self.workers))

    def give_up_waiting(self) -> None:
        """Clients whose time is over; their requests may still do something."""
        for intent in [each for each in self.open if each.until_ms <= self.clock.now_ms()]:
            self.open.remove(intent)
            intent.attempt += 1
            self._try_later(intent)

    def retry_all(self, rng: random.Random) -> bool:
        """At the end: whoever has no answer tries again; whether there was anybody."""
        self.give_up_waiting()
        again = bool(self.again)
        while self.again:
            intent = self.again.pop(0)
            intent.tries = 0
            self._ask(intent, rng.choice(self.workers))
        return again

    def _retry(self, rng: random.Random) -> None:
        intent = self.again.pop(rng.randrange(len(self.again)))
        if intent.tries >= TRIES and rng.random() < 0.3:
            return  # it gives up, and will never know
        self._ask(intent, rng.choice(self.workers))

    def _ask(self, intent: Intent, worker: Worker) -> None:
        intent.tries += 1
        intent.attempt += 1
        intent.placement.sends += intent.kind == "place_order"
        attempt = intent.attempt
        impatient = "timeout" in self.schedule.on
        intent.until_ms = self.clock.now_ms() + (TIMEOUT_MS if impatient else HOUR_MS)
        self.open.append(intent)

        def told(status: int, body: Any) -> None:
            self.watcher.answers(f"{intent.kind} {intent.placement.order_id}: {status} {body}")
            if intent.attempt == attempt and intent in self.open:
                self.open.remove(intent)
                self._told(intent, status, body)

        path = {} if intent.kind == "place_order" else {"order_id": intent.placement.order_id}
        worker.ask(intent.kind, intent.principal, path, intent.headers, intent.body, told)

    def _told(self, intent: Intent, status: int, body: Any) -> None:
        if status in (0, 503):
            self._try_later(intent)
            return
        placement = intent.placement
        if status not in _EXPECTED[intent.kind] or (body == "TOO_MANY_REQUESTS"):
            offend("API", f"{intent.kind} of {placement.order_id} was answered {status} {body}")
        if status == 404 and placement.acknowledged:
            offend("INV10", f"{intent.kind}: order {placement.order_id} got a 2xx, now 404")
        intent.status = status
        self.broker.digest.update(f"{placement.order_id} {intent.kind} {status}".encode())
        self.done.append(intent)
        if intent.kind == "place_order" and status in (200, 202):
            placement.acknowledged = True
            if self.workers[0].is_in_redis(placement.order_id):
                self.note_told(placement, body["status"])

    def note_told(self, placement: Placement, status: str) -> None:
        """INV9: what clients are told of an order's status never goes back."""
        ranks = {"": 0, "pending": 0, "partial": 1}
        if placement.sends > 1 and self.clock.now_ms() - placement.placed_at_ms > FORGOTTEN_MS:
            placement.reused = True  # by a client that tried again for a day
        before, now = ranks.get(placement.told, 2), ranks.get(status, 2)
        if not placement.reused and (now < before or (before == 2 and status != placement.told)):
            offend("INV9", f"{placement.order_id} was told {placement.told}, now {status}")
        placement.told = status

    def _try_later(self, intent: Intent) -> None:
        self.again.append(intent)

    def _place(self, rng: random.Random) -> Intent:
        self._count += 1
        side = rng.choice(("bid", "ask"))
        account_id = rng.choice(list(self._principals))
        if side == "ask":
            account_id = self._provider(rng).account_id
        body = self._order(rng, side)
        if side == "ask" and rng.random() < 0.8:
            self._sell_what_there_is(rng, account_id, body)
        key = f"key {self._count}"
        order_id = named(account_id, key)
        now_ms = self.clock.now_ms()
        placement = Placement(account_id, key, order_id, [body], side, now_ms)
        self.placements[order_id] = placement
        return self._placing(rng, placement, body)

    def _placing(self, rng: random.Random, placement: Placement, body: dict[str, Any]) -> Intent:
        headers = {"idempotency-key": placement.key}
        if "wait" in self.schedule.on and rng.random() < 0.5:
            headers["prefer"] = f"wait={rng.choice((1, 5))}"
        parsed = PlaceOrder.model_construct(**body)
        principal = self._principals[placement.account_id]
        return Intent("place_order", principal, placement, parsed, headers)

    def _order(self, rng: random.Random, side: str) -> dict[str, Any]:
        """A body as it comes parsed: prices in micro-USD, times in ms."""
        on, shape = self.schedule.on, self.schedule.shape
        gpu_type, _, product = rng.choice(self.books).rpartition(".")
        quantity = rng.choice(shape.quantities)
        body: dict[str, Any] = {
            "type": side,
            "gpu_type": gpu_type,
            "product": product,
            "quantity": quantity,
            "price": BASE_MICROS + 100 * (rng.randrange(shape.price_levels) + (side == "bid")),
            "duration_hours": 1 if side == "bid" else 24,
        }
        self._where_and_how_long(rng, body)
        self._until_when(rng, body)
        if "min_fill" in on and rng.random() < 0.4:
            body["min_fill"] = rng.randint(1, quantity)
        if "cancel_oldest" in on and rng.random() < 0.5:
            body["self_trade"] = "cancel_oldest"
        return body

    def _where_and_how_long(self, rng: random.Random, body: dict[str, Any]) -> None:
        on, is_ask = self.schedule.on, body["type"] == "ask"
        if is_ask or ("regions" in on and rng.random() < 0.5):
            body["region"] = rng.choice(REGIONS) if "regions" in on else REGIONS[0]
        if "durations" in on:
            body["duration_hours"] = rng.choice((2, 24) if is_ask else (1, 2, 24))
            if is_ask and rng.random() < 0.3:
                body["min_duration_hours"] = 2
        if "available_until" in on and is_ask and rng.random() < 0.4:
            body["available_until"] = self.clock.now_ms() + rng.choice((HOUR_MS, 3 * HOUR_MS))

    def _until_when(self, rng: random.Random, body: dict[str, Any]) -> None:
        on = self.schedule.on
        if "at_once" in on and rng.random() < 0.3:
            body["time_in_force"] = rng.choice(("IOC", "FOK"))
            return
        if "expiry" in on and rng.random() < 0.5:
            after_ms = rng.choice((20, 300, 5_000, 2 * MINUTE_MS))
            body |= {"time_in_force": "GTD", "expires_at": self.clock.now_ms() + after_ms}
        elif "post_only" in on and rng.random() < 0.3:
            body["post_only"] = True

    def _sell_what_there_is(
        self, rng: random.Random, account_id: str, body: dict[str, Any]
    ) -> None:
        nodes = list(self.registry.accounts[account_id].nodes.values())
        if nodes:
            node = rng.choice(nodes)
            books = [book for book in self.books if book.startswith(f"{node['gpu_type']}.")]
            product = rng.choice(books).rpartition(".")[2]
            body |= {name: node[name] for name in ("gpu_type", "region")} | {"product": product}

    def _reuse(self, rng: random.Random) -> Intent | None:
        """The same key with the same body: the same order, or a new one after a day (O2)."""
        placement = self._some(rng)
        placement.reused = True
        return self._placing(rng, placement, rng.choice(placement.bodies))

    def _bad_reuse(self, rng: random.Random) -> Intent | None:
        """The same key with another body: refused, or a new order after a day (O2)."""
        placement = rng.choice(list(self.placements.values()))
        placement.reused = True
        body = self._order(rng, placement.side)
        placement.bodies.append(body)
        return self._placing(rng, placement, body)

    def _some(self, rng: random.Random) -> Placement:
        """One of the newest orders, rather one that is open as far as its client was told."""
        newest = list(self.placements.values())[-20:]
        open_ = [each for each in newest if each.told in ("", "pending", "partial")]
        return rng.choice(open_ if open_ and rng.random() < 0.8 else newest)

    def _cancel(self, rng: random.Random) -> Intent:
        placement = self._some(rng)
        principal = self._principals[placement.account_id]
        return Intent("cancel_order", principal, placement, None, {})

    def _amend(self, rng: random.Random) -> Intent:
        placement, shape = self._some(rng), self.schedule.shape
        body: dict[str, Any] = {}
        if rng.random() < 0.7:
            body["quantity"] = rng.choice(shape.quantities)
        if not body or rng.random() < 0.5:
            body["price"] = BASE_MICROS + 100 * rng.randrange(shape.price_levels)
        parsed = AmendOrder.model_construct(**body)
        principal = self._principals[placement.account_id]
        return Intent("amend_order", principal, placement, parsed, {})

    def _read(self, rng: random.Random) -> None:
        """INV10: who got a 2xx finds the order at any time.

        While Redis has no facts of it, ClickHouse may be ahead of what Redis will tell in a moment.
        """
        placement = self._some(rng)
        worker = rng.choice(self.workers)
        order = worker.read(placement.order_id)
        if order is not None and worker.is_in_redis(placement.order_id):
            self.note_told(placement, order["status"])
        elif order is None and placement.acknowledged:
            offend("INV10", f"order {placement.order_id} got a 2xx and is not found")

    # owners, the registry's people, telemetry and administrators

    def owner(self, rng: random.Random) -> None:
        """Something happens to accounts, nodes or books."""
        on = self.schedule.on
        draws: list[Callable[[random.Random], None]] = [self._tick_with_hash]
        draws += [self._signal] * 3 if "health" in on else []
        draws += [self._maintain] if "maintenance" in on else []
        draws += [self._come_or_go] if "remove" in on else []
        draws += [self._relist] * 2 if "relist" in on else []
        draws += [self._suspend] if "suspend" in on else []
        draws += [self._limit] if "limits" in on else []
        draws += [self._halt_or_resume] if "halt" in on else []
        draws += [self._set_some_book] if "parameters" in on else []
        rng.choice(draws)(rng)

    def _provider(self, rng: random.Random) -> Account:
        accounts = self.registry.accounts.values()
        return rng.choice([each for each in accounts if each.role == "provider"])

    def _add_node(self, rng: random.Random, account: Account) -> None:
        on = self.schedule.on
        node = {
            "id": str(UUID(int=rng.getrandbits(128), version=4)),
            "gpu_type": rng.choice(self.books).rpartition(".")[0],
            "region": rng.choice(REGIONS) if "regions" in on else REGIONS[0],
            "gpus": [None] * rng.choice((2, 16, 64, 64)),
            "base_price_micros": 0,
            "surge_enabled": False,
            "relist": False,
            "maintenance": False,
        }
        self.registry.add_node(account, node)

    def _come_or_go(self, rng: random.Random) -> None:
        account = self._provider(rng)
        if account.nodes and rng.random() < 0.4:
            self.registry.remove_node(account, rng.choice(list(account.nodes)))
        else:
            self._add_node(rng, account)

    def _maintain(self, rng: random.Random) -> None:
        account = self._provider(rng)
        if account.nodes:
            node = account.nodes[rng.choice(list(account.nodes))]
            self.registry.change_node(account, node, maintenance=not node["maintenance"])

    def _relist(self, rng: random.Random) -> None:
        account = self._provider(rng)
        if account.nodes:
            node = account.nodes[rng.choice(list(account.nodes))]
            changes = {"base_price_micros": 1_000_000, "relist": rng.random() < 0.8}
            self.registry.change_node(account, node, **changes)

    def _suspend(self, rng: random.Random) -> None:
        account = rng.choice(list(self.registry.accounts.values()))
        account.row["suspended"] = rng.random() < 0.25
        self.registry.tell_account(account)

    def _limit(self, rng: random.Random) -> None:
        account = rng.choice(list(self.registry.accounts.values()))
        account.row["max_open_orders"] = rng.choice((2, 10_000, 10_000))
        account.row["max_notional_micros"] = rng.choice((0, 40_000_000, 200_000_000))
        self.registry.tell_account(account)

    def _signal(self, rng: random.Random) -> None:
        """A GPU tells its status, perhaps twice; the node's machine makes its health of that."""
        nodes = [node for each in self.registry.accounts.values() for node in each.nodes]
        if not nodes:
            return
        node_id, now_ms = rng.choice(nodes), self.clock.now_ms()
        body = {
            "gpu_index": 0,
            "status": rng.choice(("healthy",) * 4 + ("degraded", "offline", "offline")),
            "temperature": 40.0,
            "measured_at_ms": now_ms,
        }
        record = {"kind": "gpu_status", "source": "gpu:0", "source_seq": now_ms, "gpu_status": body}
        value = CODEC.encoder(NODES_COMMANDS)(record)
        twice = "node_repeat" in self.schedule.on and rng.random() < 0.3
        for _ in range(1 + twice):
            self.broker.append(NODES_COMMANDS, node_id.encode(), value)

    def _halt_or_resume(self, rng: random.Random) -> None:
        book_id = rng.choice(self.books)
        if rng.random() < 0.25:
            self._halted.add(book_id)
        else:
            self._halted.discard(book_id)
        self._tell_book(book_id, "halt_book" if book_id in self._halted else "resume_book")

    def _set_some_book(self, rng: random.Random) -> None:
        self._set_book(rng, rng.choice(self.books))

    def _set_book(self, rng: random.Random, book_id: str) -> None:
        body = {"top": rng.choice((0, 0, 2, 10)), "book_minimum": rng.choice((1, 1, 2))}
        self._tell_book(book_id, "set_book", set_book=body)

    def _tick_with_hash(self, rng: random.Random) -> None:
        self._tell_book(rng.choice(self.books), "tick", tick={"want_hash": True})

    def _tell_book(self, book_id: str, kind: str, **body: Any) -> None:
        self._count += 1
        record = {"kind": kind, "command_id": f"admin {self._count}", **body}
        value = CODEC.encoder(BOOKS_COMMANDS)(record)
        self.broker.append(BOOKS_COMMANDS, book_id.encode(), value)
