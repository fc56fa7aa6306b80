"""Two accounts and a real book, wired by logs that delay and repeat: what must hold throughout.

Each account runs twice: one instance never forgets, its twin is loaded from its rows at random
moments, and both must give the same bytes (market-rules.md B2, K8).
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from schemas.names import NODES_COMMANDS
from tests.udfs.account_builders import (
    BOOK,
    BUYER,
    DAY_MS,
    HOUR_S,
    NOON_MS,
    SELLER,
    US,
    canonical,
    order,
    reloaded,
    store,
    to_books,
)
from udfs import admission, matching
from udfs.audit.states import check
from udfs.machine import Command, Step

LIMIT_MICROS = 120_000_000
GPUS = (4, 8, 8)


class Log:
    """A machine's log: what is still to be read, and what may be read again."""

    def __init__(self) -> None:
        self.ahead: deque[Command] = deque()
        self.behind: list[Command] = []

    def read(self) -> Command:
        command = self.ahead.popleft()
        if command.get("source"):
            self.behind.append(command)
        return command

    def repeat(self, count: int) -> None:
        """A sender that fell back to its checkpoint sends its last records again."""
        self.ahead.extend(self.behind[-count:])


class Seat:
    """An account's machine and its twin."""

    def __init__(self, account_id: str) -> None:
        self.live = admission.MACHINE.empty(account_id)
        self.twin = admission.MACHINE.empty(account_id)
        self.rows: dict[str, str] = {}
        self.numbers: list[int] = []
        self.wake_at_ms: int | None = None

    def apply(self, command: Command, at_ms: int) -> Step:
        step = admission.MACHINE.apply(self.live, command, at_ms)
        assert canonical(step) == canonical(admission.MACHINE.apply(self.twin, command, at_ms))
        store(self.rows, step)
        self.numbers += [fact.record["account_seq"] for fact in step.facts]
        self.numbers += [outgoing.record["source_seq"] for outgoing in to_books(step)]
        self.wake_at_ms = step.wake_at_ms
        return step


class Market:
    """Two accounts that both buy and sell, and one book."""

    def __init__(self) -> None:
        self.now_ms = NOON_MS
        self.seats = {account_id: Seat(account_id) for account_id in (SELLER, BUYER)}
        self.book = matching.MACHINE.empty(BOOK)
        self.logs = {machine: Log() for machine in (SELLER, BUYER, BOOK)}
        self.sent_to: dict[str, list[Command]] = {machine: [] for machine in self.logs}
        self.trades: dict[str, dict[str, Any]] = {}
        self.sent = 0
        self.moved = False
        for account_id in self.seats:
            self._open(account_id)

    def _open(self, account_id: str) -> None:
        limits = {"max_open_orders": 20, "max_notional_micros": LIMIT_MICROS}
        standing = {"provider": True, "verified": True, **limits}
        self.send(account_id, "set_account", standing)
        for gpus in GPUS:
            self.add_node(account_id, gpus)
        self.drain()

    def add_node(self, account_id: str, gpus: int) -> None:
        node = {"node_id": f"n{self.sent:04}", "gpu_type": "H100", "region": US, "gpu_count": gpus}
        self.send(account_id, "register_node", node)

    def send(self, machine: str, kind: str, body: Any = None, **header: Any) -> None:
        self.sent += 1
        command = {"kind": kind, "command_id": f"c{self.sent}", kind: body, **header}
        self.logs[machine].ahead.append(command)
        self.sent_to[machine].append(command)

    def deliver(self, machine: str) -> None:
        """The machine reads one record of its log."""
        if not self.logs[machine].ahead:
            return
        self.moved = True
        command = self.logs[machine].read()
        if machine == BOOK:
            step = matching.MACHINE.apply(self.book, command, self.now_ms)
        else:
            step = self.seats[machine].apply(command, self.now_ms)
        for fact in step.facts:
            if fact.kind == "order_matched":
                self.trades[fact.record["trade_id"]] = dict(fact.record)
        for outgoing in step.commands:
            if outgoing.topic == NODES_COMMANDS:
                continue
            self.logs[outgoing.key].ahead.append(outgoing.record)

    def drain(self) -> None:
        """Every machine reads its log to the end."""
        while any(log.ahead for log in self.logs.values()):
            for machine in self.logs:
                self.deliver(machine)

    def wake(self, account_id: str) -> None:
        """The account's timer, if it is due."""
        wake_at_ms = self.seats[account_id].wake_at_ms
        if wake_at_ms is not None and wake_at_ms <= self.now_ms:
            self.send(account_id, "tick", source="timer", source_seq=self.now_ms)

    def asks(self) -> Iterator[tuple[Any, Seat]]:
        for resting in self.book.orders.values():
            if resting.side == "ask":
                yield resting, self.seats[resting.account_id]


accounts = st.sampled_from([SELLER, BUYER])
machines = st.sampled_from([SELLER, BUYER, BOOK])
picks = st.integers(0, 99)
prices = st.sampled_from([1_000_000, 1_500_000])
node_changes = st.sampled_from(
    [
        ("set_node_health", {"health": "offline"}),
        ("set_node_health", {"health": "healthy"}),
        ("set_node_health", {"health": "degraded"}),
        ("set_node_pricing", {"base_price_micros": 0, "surge_enabled": False, "relist": True}),
        ("set_node_pricing", {"base_price_micros": 0, "surge_enabled": False, "relist": False}),
        ("set_node_maintenance", {"maintenance": True}),
        ("set_node_maintenance", {"maintenance": False}),
        ("remove_node", {}),
    ]
)


class AccountsAndBook(RuleBasedStateMachine):
    """Random commands, node failures, delays, repeats and reloads."""

    def __init__(self) -> None:
        super().__init__()
        self.market = Market()

    def place(self, account: str, **fields: Any) -> None:
        body = order(f"{account}/{self.market.sent}", **fields)
        self.market.send(account, "place_order", body)

    @rule(
        account=accounts,
        quantity=st.integers(1, 6),
        price_micros=prices,
        time_in_force=st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK"]),
        post_only=st.sampled_from([False, False, False, True]),
    )
    def ask(self, account: str, **fields: Any) -> None:
        self.place(account, side="ask", duration_seconds=3 * HOUR_S, **fields)

    @rule(
        account=accounts,
        quantity=st.integers(1, 6),
        price_micros=prices,
        hours=st.integers(1, 3),
        self_trade=st.sampled_from(["cancel_newest", "cancel_oldest"]),
    )
    def bid(self, account: str, hours: int, **fields: Any) -> None:
        self.place(account, side="bid", duration_seconds=hours * HOUR_S, **fields)

    @rule(account=accounts, pick=picks)
    def place_again(self, account: str, pick: int) -> None:
        again = [
            command for command in self.market.sent_to[account] if command["kind"] == "place_order"
        ]
        if again:
            self.market.logs[account].ahead.append(again[pick % len(again)])

    @rule(account=accounts, pick=picks)
    def cancel(self, account: str, pick: int) -> None:
        self.market.send(account, "cancel_order", {"order_id": self.known(account, pick)})

    @rule(
        account=accounts,
        pick=picks,
        quantity=st.integers(0, 9),
        price_micros=st.one_of(st.just(0), prices),
    )
    def amend(self, account: str, pick: int, **change: int) -> None:
        body = {"order_id": self.known(account, pick), **change}
        self.market.send(account, "amend_order", body)

    def known(self, account: str, pick: int) -> str:
        """An order that the account thinks open, or one that it never saw."""
        open_orders = list(self.market.seats[account].live.orders)
        return open_orders[pick % len(open_orders)] if open_orders else "unknown"

    @rule(account=accounts, pick=picks, change=node_changes)
    def change_node(self, account: str, pick: int, change: tuple[str, Any]) -> None:
        kind, fields = change
        nodes = self.market.seats[account].live.inventory.nodes
        busy = [node_id for node_id, node in nodes.items() if node.held]
        chosen = busy if busy and pick % 4 else list(nodes)
        if chosen:
            node_id = chosen[pick % len(chosen)]
            self.market.send(account, kind, {"node_id": node_id, **fields})

    @rule(account=accounts, gpus=st.integers(1, 5))
    def add_node(self, account: str, gpus: int) -> None:
        self.market.add_node(account, gpus)

    @rule(kind=st.sampled_from(["halt_book", "resume_book", "resume_book", "resume_book"]))
    def halt(self, kind: str) -> None:
        self.market.send(BOOK, kind)

    @rule(minutes=st.integers(1, 90))
    def pass_time(self, minutes: int) -> None:
        self.market.now_ms += minutes * 60_000
        for account_id in self.market.seats:
            self.market.wake(account_id)

    @rule(machine=machines, count=st.integers(1, 6))
    def deliver(self, machine: str, count: int) -> None:
        for _ in range(count):
            self.market.deliver(machine)

    @rule(machine=machines)
    def deliver_all(self, machine: str) -> None:
        for _ in range(len(self.market.logs[machine].ahead)):
            self.market.deliver(machine)

    @rule()
    def drain(self) -> None:
        self.market.drain()
        self.check_agreement()

    @rule(machine=machines, count=st.integers(1, 5))
    def repeat(self, machine: str, count: int) -> None:
        self.market.logs[machine].repeat(count)

    @rule(account=accounts, seed=st.integers(0, 9))
    def reload(self, account: str, seed: int) -> None:
        seat = self.market.seats[account]
        seat.twin = reloaded(seat.live, seat.rows, seed)

    @invariant()
    def nothing_is_broken(self) -> None:
        """Only a delivered record changes anything, so only then is there something to check."""
        if self.market.moved:
            self.market.moved = False
            self.every_gpu_is_in_one_state_and_every_ask_backed()
            self.no_book_lists_what_is_not_held()
            self.no_book_holds_bids_beyond_their_accounts_limit()
            self.leases_are_trades()

    def every_gpu_is_in_one_state_and_every_ask_backed(self) -> None:
        for seat in self.market.seats.values():
            check(seat.live)
            assert sorted(seat.numbers) == list(range(1, seat.live.seq + 1))

    def no_book_lists_what_is_not_held(self) -> None:
        for ask, seat in self.market.asks():
            assert ask.remaining <= seat.live.inventory.held(ask.order_id)

    def no_book_holds_bids_beyond_their_accounts_limit(self) -> None:
        for account_id in self.market.seats:
            worth = sum(
                bid.price_micros * bid.remaining * bid.duration_seconds
                for bid in self.market.book.orders.values()
                if (bid.side, bid.account_id) == ("bid", account_id)
            )
            assert worth <= LIMIT_MICROS * HOUR_S

    def leases_are_trades(self) -> None:
        for account_id, seat in self.market.seats.items():
            leased: dict[str, int] = {}
            for node in seat.live.inventory.nodes.values():
                for lease_id, part in node.leases.items():
                    leased[lease_id] = leased.get(lease_id, 0) + part.slots.bit_count()
            for lease_id, gpus in leased.items():
                trade = self.market.trades[lease_id]
                assert (trade["seller_id"], trade["quantity"]) == (account_id, gpus)

    def check_agreement(self) -> None:
        """With nothing on its way, accounts and book know the same."""
        resting = {key: facts_of(order) for key, order in self.market.book.orders.items()}
        known = {}
        for seat in self.market.seats.values():
            known |= {key: facts_of(order) for key, order in seat.live.orders.items()}
            for order_id, own in seat.live.orders.items():
                assert (own.withdrawing, own.amend) == (0, None)
                assert seat.live.inventory.lost(order_id) == 0
        assert known == resting

    def teardown(self) -> None:
        """Everything closed and every lease over: every GPU is idle."""
        market = self.market
        market.drain()
        self.check_agreement()
        for order_id, resting in list(market.book.orders.items()):
            market.send(resting.account_id, "cancel_order", {"order_id": order_id})
        market.drain()
        market.now_ms += DAY_MS
        for account_id in market.seats:
            market.wake(account_id)
        market.drain()
        for seat in market.seats.values():
            assert not seat.live.orders
            assert seat.live.notional == 0
            assert all(
                node.idle == (1 << node.gpu_count) - 1
                for node in seat.live.inventory.nodes.values()
            )


def facts_of(order: Any) -> tuple[str, int, int, int]:
    return order.side, order.price_micros, order.quantity, order.remaining


TestAccountsAndBook = AccountsAndBook.TestCase
TestAccountsAndBook.settings = settings(
    max_examples=80,
    stateful_step_count=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
