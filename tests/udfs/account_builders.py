"""One account's machine driven by hand, and the full check of what must always hold of it."""

import json
import random
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from schemas.names import BOOKS_COMMANDS
from udfs.account import Account
from udfs.admission import MACHINE
from udfs.audit.states import check, state
from udfs.machine import Fact, Outgoing, Step, texts

NOON_MS = 1_790_000_000_000
HOUR_S = 3600
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
US = "us-west-2"
EU = "eu-central-1"
BOOK = "H100.ondemand"
SELLER = str(UUID(int=1))
BUYER = str(UUID(int=2))


def order(order_id: str, side: str = "bid", **fields: Any) -> dict[str, Any]:
    """An order's fields; an ask is in `US` unless it says otherwise."""
    region = US if side == "ask" else ""
    defaults = {
        "book_id": BOOK,
        "quantity": 4,
        "price_micros": 2_000_000,
        "duration_seconds": HOUR_S,
        "region": region,
        "digest": "0011223344556677",
    }
    return {"order_id": order_id, "side": side, **defaults, **fields}


class Desk:
    """An account's machine with its log and its stored rows.

    After every record it checks the whole state, and that the rows alone give that state back.
    """

    def __init__(self, account_id: str = SELLER, **standing: Any) -> None:
        self.account = MACHINE.empty(account_id)
        self.at_ms = NOON_MS
        self.rows: dict[str, str] = {}
        self._sent = 0
        self._registered = 0
        self._book_seqs: dict[str, int] = {}
        self.register("set_account", provider=True, verified=True, **standing)

    def send(self, kind: str, body: Mapping[str, Any] | None = None, **header: Any) -> Step:
        """One record as it stands in the log."""
        self._sent += 1
        command = {"kind": kind, "command_id": f"c{self._sent}", kind: body, **header}
        step = MACHINE.apply(self.account, command, self.at_ms)
        store(self.rows, step)
        check(self.account)
        assert state(MACHINE.load(self.account.account_id, self.rows.items())) == state(
            self.account
        )
        return step

    def register(self, kind: str, **body: Any) -> Step:
        """A record of the registry's (B5)."""
        self._registered += 1
        return self.send(kind, body, source="registry", source_seq=self._registered)

    def add_node(self, node_id: str, gpus: int = 8, **fields: Any) -> Step:
        body = {"node_id": node_id, "gpu_type": "H100", "region": US, "gpu_count": gpus, **fields}
        return self.register("register_node", **body)

    def place(self, order_id: str, side: str = "bid", **fields: Any) -> Step:
        return self.send("place_order", order(order_id, side, **fields))

    def ask(self, order_id: str, quantity: int, **fields: Any) -> Step:
        return self.place(order_id, "ask", quantity=quantity, **fields)

    def amend(self, order_id: str, command_id: str = "amend", **fields: Any) -> Step:
        return self.send("amend_order", {"order_id": order_id, **fields}, command_id=command_id)

    def tick(self, at_ms: int) -> Step:
        """A tick of the timer's, at this time."""
        self.at_ms = at_ms
        return self.send("tick", source="timer", source_seq=at_ms)

    def told(self, kind: str, command: str, command_id: str = "", **fact: Any) -> Step:
        """The copy of a fact of the book (K5)."""
        seq = self._book_seqs[BOOK] = self._book_seqs.get(BOOK, 0) + 1
        body = {"command": command, "command_id": command_id, "book_seq": seq, **fact}
        body.setdefault("occurred_at_ms", self.at_ms)
        return self.send(kind, body, command_id=command_id, source=BOOK, source_seq=seq)

    def sold(self, ask_id: str, quantity: int, lease_id: str, **fields: Any) -> Step:
        """The copy of a trade in which this account sells."""
        left = self.account.orders[ask_id].remaining - quantity
        parties = {"seller_id": self.account.account_id, "buyer_id": BUYER}
        trade = {"trade_id": lease_id, "quantity": quantity, "duration_seconds": HOUR_S}
        trade |= {"ask_order_id": ask_id, "ask_remaining": left, "bid_order_id": "theirs"}
        return self.told("order_matched", "place_order", **{**parties, **trade, **fields})

    def bought(self, bid_id: str, quantity: int) -> Step:
        """The copy of a trade in which this account buys."""
        left = self.account.orders[bid_id].remaining - quantity
        parties = {"seller_id": "theirs", "buyer_id": self.account.account_id}
        trade = {"trade_id": "lease", "quantity": quantity, "duration_seconds": HOUR_S}
        trade |= {"bid_order_id": bid_id, "bid_remaining": left, "ask_order_id": "theirs"}
        return self.told("order_matched", "place_order", **parties, **trade)

    def amended(self, order_id: str, quantity: int, remaining: int, **fields: Any) -> Step:
        """The copy of an order's change, by the amend on its way unless it says otherwise."""
        price_micros = self.account.orders[order_id].price_micros
        fact = {"command": "amend_order", "command_id": "amend", "price_micros": price_micros}
        fact |= {"order_id": order_id, "quantity": quantity, "remaining": remaining, **fields}
        return self.told("order_amended", **fact)

    def closed(self, order_id: str, reason: str = "user") -> Step:
        remaining = self.account.orders[order_id].remaining
        fact = {"order_id": order_id, "reason": reason, "remaining": remaining}
        return self.told("order_closed", "cancel_order", **fact)

    def rejected(self, order_id: str, command: str, code: str, command_id: str = "") -> Step:
        fact = {"order_id": order_id, "code": code, "detail": ""}
        return self.told("order_rejected", command, command_id, **fact)

    def slots(self, node_id: str) -> list[str]:
        return self.account.inventory.nodes[node_id].states()

    def available(self) -> int:
        return self.account.inventory.free("H100", US)


def codes(step: Step) -> list[str]:
    """The codes of a step's refusals."""
    return [fact.record["code"] for fact in step.facts if fact.kind == "order_rejected"]


def handed(step: Step) -> list[tuple[str, Any]]:
    """Kind and body of what a step handed to books."""
    return [(out.record["kind"], out.record[out.record["kind"]]) for out in to_books(step)]


def to_books(step: Step) -> list[Outgoing]:
    """What a step handed to books; the rest are copies for the machines of nodes."""
    return [out for out in step.commands if out.topic == BOOKS_COMMANDS]


def store(rows: dict[str, str], step: Step) -> None:
    """What the shell does with a step's writes."""
    for key, text in texts(step.writes).items():
        if text is None:
            del rows[key]
        else:
            rows[key] = text


def canonical(step: Step) -> str:
    """A step as text, to compare byte by byte."""
    facts = [list(fact) for fact in step.facts]
    commands = [list(outgoing) for outgoing in step.commands]
    return json.dumps([facts, commands, sorted(texts(step.writes).items()), step.wake_at_ms])


def reloaded(account: Account, rows: Mapping[str, str], seed: int) -> Account:
    """The account from its rows alone, in some other order."""
    return MACHINE.load(account.account_id, reloaded_rows(rows, seed))


def reloaded_rows(rows: Mapping[str, str], seed: int) -> list[tuple[str, str]]:
    """A state's rows in some other order."""
    shuffled = list(rows.items())
    random.Random(seed).shuffle(shuffled)
    return shuffled


def only_fact(step: Step) -> Fact:
    (fact,) = step.facts
    return fact


def only_command(step: Step) -> Outgoing:
    (outgoing,) = step.commands
    return outgoing
