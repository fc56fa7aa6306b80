"""A judge of a whole market by its logs, record by record, in what memory the open orders take.

It keeps the state of every machine, as its log makes it, what is open, the leases that run, eight
bytes a fact, and what accounts remember (O2). Records come about in the order of their time; those
of a partition in theirs.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS, FACT_TOPICS
from udfs import admission, matching
from udfs.account import Account
from udfs.audit.agreement import Orders, Trades, life_text
from udfs.audit.capacity import Capacity, Market
from udfs.audit.conservation import Lives, check_open
from udfs.audit.facts import number_of, orders_of
from udfs.audit.offence import Offence, equal, offend
from udfs.audit.replays import DEFAULTS, KINDS, Entry, Order, Pairs
from udfs.audit.states import check_account, check_book
from udfs.machine import Outgoing
from udfs.replay import Replay, Rerun

RULES: Final = {
    "INV1": "each order: submitted = filled + open + closed",
    "INV3": "no GPU sold twice, each leased once",
    "INV4": "log, ClickHouse, Redis and API agree",
    "INV5": "prices within limits, allocations by the rules",
    "INV6": "facts and hashes = those replayed",
    "INV9": "no order's status goes back",
    "INV10": "every accepted order is found",
}
"""What is promised, by the number that the documents use."""
TOPICS: Final = (ACCOUNTS_COMMANDS, BOOKS_COMMANDS, *FACT_TOPICS.values())
"""What must be read, in the order of cause and effect."""
KEEP_ENDED_MS: Final = 600_000
"""How long what an order came to is kept after its end, to ask the views about it."""
R = TypeVar("R", bound=Rerun[Any])
_STANDS_FOR: Final = {"M1": "INV1", "K6": "INV1", "B4": "INV6", "B5": "INV10"}


@dataclass(slots=True)
class Finding:
    """What came of one promise."""

    rule: str
    counted: str = ""
    offences: int = 0
    first: str | None = None
    """The first offence with its evidence."""
    latest: str | None = None
    """The last one; what is found again at the next look does not count again."""
    unknown: str | None = None
    """Why nothing can be said."""

    @property
    def verdict(self) -> str:
        if self.first is not None:
            return "BROKEN"
        return "not known" if self.unknown else "holds"


class Registered:
    """GPUs as registrations in accounts' logs tell of them."""

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[Market, int]] = {}
        self._gpus: dict[Market, int] = defaultdict(int)

    def register(self, account_id: str, body: dict[str, Any]) -> None:
        """A node is there, or there again."""
        if body["node_id"] in self._nodes:
            market, count = self._nodes[body["node_id"]]
            self._gpus[market] -= count
        market = account_id, body["gpu_type"], body["region"]
        self._nodes[body["node_id"]] = market, body["gpu_count"]
        self._gpus[market] += body["gpu_count"]

    def gpu_count(self, node_id: str) -> int:
        return self._nodes[node_id][1] if node_id in self._nodes else 0

    def gpus(self, account_id: str, gpu_type: str, region: str) -> int:
        return self._gpus[account_id, gpu_type, region]

    def total(self) -> int:
        """GPUs of all nodes that there ever were."""
        return sum(self._gpus.values())


class Handed:
    """B5: what an account handed to a book is in the book's log, as it was handed."""

    def __init__(self) -> None:
        self.count = 0
        self._expected: dict[tuple[str, int], tuple[Outgoing, Entry]] = {}
        self._early: dict[tuple[str, int], Entry] = {}
        self._last: dict[tuple[str, str], int] = {}

    def expect(self, outgoing: Outgoing, cause: Entry) -> None:
        """An account handed this on."""
        number = outgoing.record["account_id"], outgoing.record["source_seq"]
        found = self._early.pop(number, None)
        if found is None:
            self._expected[number] = outgoing, cause
        else:
            self._compare(outgoing, found)

    def arrive(self, entry: Entry) -> None:
        """A command of a book's log; what is not newer than the last of its source is a repeat."""
        source, seq = entry.record["source"], entry.record["source_seq"]
        if source != entry.record["account_id"] or seq <= self._last.get((entry.key, source), 0):
            return
        self._last[entry.key, source] = seq
        found = self._expected.pop((source, seq), None)
        if found is None:
            self._early[source, seq] = entry
        else:
            self._compare(found[0], entry)

    def waiting(self) -> int:
        return len(self._expected) + len(self._early)

    def check(self, settled_ms: int | None) -> None:
        """At rest: everything arrived, and nothing that nobody handed on.

        Raises:
            Offence: it did not.
        """
        for (account_id, seq), (outgoing, cause) in self._expected.items():
            if settled_ms is None or cause.at_ms < settled_ms:
                kind = outgoing.record["kind"]
                text = f"{kind} {seq} of {account_id} ({cause.where}) did not reach {outgoing.key}"
                offend("B5", text)
        for (account_id, seq), entry in self._early.items():
            if settled_ms is None or entry.at_ms < settled_ms:
                offend("B5", f"{entry.where} is {seq} of {account_id}, which handed on no such")

    def _compare(self, outgoing: Outgoing, entry: Entry) -> None:
        self.count += 1
        kind = outgoing.record["kind"]
        equal("B5", f"kind of {entry.where}", entry.record["kind"], kind)
        defaults = DEFAULTS.get(kind, {})
        bodies = [
            {**defaults, **(record[kind] or {})} for record in (entry.record, outgoing.record)
        ]
        equal("B5", f"{kind} in {entry.where}", *bodies)


class Auditor:
    """Takes records one after another; what it found is in `findings`."""

    def __init__(self, since_ms: int = 0) -> None:
        """Judge facts from this time on: those before may have left their topics, 0 for none."""
        self.findings = {rule: Finding(rule) for rule in RULES}
        self.lives = Lives()
        self.trades = Trades()
        self.orders = Orders()
        self.registry = Registered()
        self.capacity = Capacity(self.registry)
        self.pairs = Pairs()
        self.handed = Handed()
        self.now_ms = 0
        """The time of the newest record."""
        self.begun = 0
        """Orders that began."""
        self.facts = 0
        """Facts of orders, each once."""
        self.records = 0
        self.placed: dict[str, str] = {}
        """Orders in the log that no fact began yet, and where they are."""
        self.accepted: set[str] = set()
        """The same of those that clients were told to be accepted."""
        self.told_accepted = 0
        self._since_ms = since_ms
        self._books: dict[str, Replay] = {}
        self._accounts: dict[str, Rerun[Account]] = {}
        self._facts_of: dict[str, Order] = {}
        self._forgot_ms = 0
        self._noted: set[int] = set()

    def take(self, entry: Entry) -> None:
        """The next record of one of `TOPICS`."""
        self.records += 1
        if entry.topic == ACCOUNTS_COMMANDS:
            self._take_account_command(entry)
        elif entry.topic == BOOKS_COMMANDS:
            self._take_book_command(entry)
        else:
            self._take_fact(entry)
        self.now_ms = max(self.now_ms, entry.at_ms)

    def accept(self, order_ids: Collection[str]) -> None:
        """Clients were told that these are accepted."""
        self.told_accepted += len(order_ids)
        self.accepted.update(each for each in order_ids if not self.lives.knows(each))

    def book_ids(self) -> list[str]:
        """Every book that had a command."""
        return sorted(self._books)

    def waiting(self) -> int:
        """Records whose counterpart has not come: 0 of a market at rest."""
        early = sum(map(len, self._facts_of.values()))
        return self.pairs.waiting() + self.handed.waiting() + len(self.placed) + early

    def forget(self) -> None:
        """Leave out what nobody will ask about."""
        if self.now_ms - self._forgot_ms > KEEP_ENDED_MS:
            self._forgot_ms = self.now_ms
            self.lives.forget(self.now_ms - KEEP_ENDED_MS)
            self.capacity.forget(self.now_ms - KEEP_ENDED_MS)
            self.pairs.drop(self._since_ms)

    def rest(self, settled_ms: int | None = None) -> None:
        """Judge what must hold between all machines once everything that was sent has come.

        Args:
            settled_ms: what is younger may be on its way, and states are not compared; None for a
                market at rest.
        """
        for order in self._facts_of.values():
            while len(order):
                self._take_all(self._skipped(order, settled_ms))
                if settled_ms is not None:
                    break
        checks = [self._check_placed, self.pairs.check, self.handed.check, self._check_leases]
        for check in checks:
            with self._judging():
                check(settled_ms)
        if settled_ms is None:
            self._check_states()

    def note(self, offence: Offence, where: str = "") -> None:
        """Keep the first and the latest of each promise."""
        text = f"{offence}" + (f" (at {where})" if where else "")
        if hash(text) in self._noted:
            return
        self._noted.add(hash(text))
        finding = self.findings[_STANDS_FOR.get(offence.rule, offence.rule)]
        finding.offences += 1
        finding.first = finding.first or text
        finding.latest = text

    def count(self) -> None:
        """Tell in each finding what was counted."""
        open_now = sum(life["status"] in ("pending", "partial") for life in self.lives.of.values())
        gpus = f"{self.registry.total():,} GPUs of {len(self.capacity.newest):,} nodes"
        told = f"{self.told_accepted:,} told to clients" if self.told_accepted else "none listed"
        counted = {
            "INV1": f"{self.begun:,} orders, {self.facts:,} facts, {open_now:,} open",
            "INV3": f"{self.pairs.trades:,} trades, {gpus}",
            "INV5": f"{self.pairs.trades:,} trades of {len(self._books):,} books",
            "INV6": f"{self.pairs.compared:,} facts, {self.pairs.hashes:,} hashes,"
            f" {len(self._books):,} books, {len(self._accounts):,} accounts",
            "INV9": f"{self.begun:,} orders",
            "INV10": f"{self.handed.count:,} commands handed on, {self.begun:,} orders; {told}",
        }
        for rule, text in counted.items():
            self.findings[rule].counted = text

    # Commands

    def _take_account_command(self, entry: Entry) -> None:
        account = _running(self._accounts, entry.key, _new_account)
        if account is None:
            return
        command = entry.record
        if command["kind"] == "register_node":
            self.registry.register(entry.key, command["register_node"])
        if command["kind"] == "place_order" and entry.at_ms >= self._since_ms:
            order_id = command["place_order"]["order_id"]
            if not self.lives.knows(order_id):
                self.placed[order_id] = entry.where
        step = account.step(command, entry.at_ms)
        for fact in step.facts:
            self._compute((entry.key, fact.record["account_seq"]), fact, entry)
        for outgoing in step.commands:
            if outgoing.topic == BOOKS_COMMANDS:
                with self._judging(entry):
                    self.handed.expect(outgoing, entry)

    def _take_book_command(self, entry: Entry) -> None:
        book = _running(self._books, entry.key, _new_book)
        if book is None:
            return
        with self._judging(entry):
            self.handed.arrive(entry)
        for fact in book.apply(entry.record, entry.at_ms):
            self._compute((entry.key, fact.record["book_seq"]), fact, entry)

    def _compute(self, number: tuple[str, int], fact: Any, cause: Entry) -> None:
        if fact.record["occurred_at_ms"] >= self._since_ms:
            with self._judging(cause):
                self.pairs.compute(number, fact, cause)

    # Facts

    def _take_fact(self, entry: Entry) -> None:
        fact, number = entry.record, number_of(entry.record)
        if fact["occurred_at_ms"] < self._since_ms:
            return
        is_new = not self.pairs.was_told(number)
        with self._judging(entry):
            self.pairs.tell(number, entry)
        if not is_new:
            return
        if KINDS[entry.topic] == "node_changed":
            with self._judging(entry):
                self.capacity.change(fact)
        elif fact.get("book_id"):
            first = number[1] if self._since_ms else 1
            order = self._facts_of.setdefault(number[0], Order(first))
            self._take_all(order.add(number[1], entry))
        else:
            self._take_all([entry])

    def _take_all(self, entries: Iterable[Entry]) -> None:
        """Facts in the order of their machine, each once."""
        for entry in entries:
            kind, fact = KINDS[entry.topic], entry.record
            order_ids = orders_of(kind, fact)
            if not order_ids or self._began_before(kind, order_ids):
                continue
            self.facts += 1
            before = {name: life_text(name, self.lives.of.get(name)) for name in order_ids}
            with self._judging(entry):
                self.lives.apply(kind, fact)
            for name in order_ids:
                self.orders.change(name, before[name], life_text(name, self.lives.of.get(name)))
            if kind == "order_matched":
                self.trades.add(fact)
                with self._judging(entry):
                    self.capacity.trade(fact)
            elif kind in ("order_created", "order_rejected"):
                self._begin(fact["order_id"])

    def _began_before(self, kind: str, order_ids: Collection[str]) -> bool:
        """Whether it is about orders that began before the facts that are kept."""
        begins = kind in ("order_created", "order_rejected")
        known = begins or all(self.lives.knows(name) for name in order_ids)
        return bool(self._since_ms) and not known

    def _begin(self, order_id: str) -> None:
        self.begun += 1
        self.placed.pop(order_id, None)
        self.accepted.discard(order_id)

    # At rest

    def _skipped(self, order: Order, settled_ms: int | None) -> Iterator[Entry]:
        first = order.early()
        if settled_ms is not None and first.record["occurred_at_ms"] >= settled_ms:
            return
        text = f"{first.where} is {number_of(first.record)}, and {order.next} was never told"
        self.note(Offence("INV6", text))
        yield from order.skip()

    def _check_placed(self, settled_ms: int | None) -> None:
        for order_id, where in self.placed.items():
            if settled_ms is None:
                offend("INV10", f"{order_id} was placed ({where}), and no fact tells of it")
        if self.accepted and settled_ms is None:
            some = sorted(self.accepted)[:3]
            many = len(self.accepted)
            offend("INV10", f"{many:,} accepted orders have no fact, such as {', '.join(some)}")

    def _check_leases(self, settled_ms: int | None) -> None:
        self.capacity.check(lambda name: self._accounts[name].state.now_ms, settled_ms)

    def _check_states(self) -> None:
        books = {name: book.state for name, book in self._books.items()}
        accounts = {name: account.state for name, account in self._accounts.items()}
        if not self._since_ms:
            with self._judging():
                check_open(self.lives, books, accounts)
        for book in books.values():
            with self._judging():
                check_book(book)
        for account in accounts.values():
            with self._judging():
                check_account(account)

    @contextmanager
    def _judging(self, entry: Entry | None = None) -> Iterator[None]:
        try:
            yield
        except Offence as offence:
            self.note(offence, entry.where if entry else "")


def _running(reruns: dict[str, R], machine_id: str, begin: Callable[[str], R]) -> R | None:
    """The machine of an id; None for a key that can be no machine's id, which jobs set aside."""
    found = reruns.get(machine_id)
    if found is None:
        try:
            found = reruns[machine_id] = begin(machine_id)
        except ValueError:
            return None
    return found


def _new_account(account_id: str) -> Rerun[Account]:
    admission.MACHINE.check_id(account_id)
    return Rerun(admission.MACHINE, account_id)


def _new_book(book_id: str) -> Replay:
    matching.MACHINE.check_id(book_id)
    return Replay(book_id)
