"""INV5 and INV6: the logs alone give the facts that were told, and the states after a restart."""

from collections.abc import Mapping
from typing import Any

from schemas.names import ACCOUNTS_COMMANDS, BOOKS_COMMANDS
from tests.oracle_book import Referee
from tests.sim.flink import Job
from tests.sim.told import Told
from udfs import admission, matching
from udfs.account import Account
from udfs.audit.facts import Fact, Number
from udfs.audit.offence import equal, offend
from udfs.audit.states import check_account, state
from udfs.book import Book
from udfs.machine import Machine


class Replays:
    """Every book and account as a restart would find it, held against its log."""

    def __init__(self, told: Told, jobs: Mapping[str, Job]) -> None:
        self._told = told
        self._jobs = jobs
        self.books: dict[str, Book] = {}
        self.accounts: dict[str, Account] = {}

    def check(self) -> None:
        for book_id in sorted(self._told.logs[BOOKS_COMMANDS]):
            self._check_book(book_id)
        handed = {
            (command["source"], command["source_seq"])
            for log in self._told.logs[BOOKS_COMMANDS].values()
            for _, command in log
            if command["source"]
        }
        for account_id in sorted(self._told.logs[ACCOUNTS_COMMANDS]):
            self._check_account(account_id, handed)

    def check_over(self) -> None:
        """After more time than any order or lease has: nothing is open, nothing leased (B3, K7)."""
        for book_id in self.books:
            book = restored(self._jobs["matching"], book_id, matching.MACHINE)
            equal("B3", f"orders in {book_id} a month later", set(book.orders), set())
        for account_id in self.accounts:
            account = restored(self._jobs["admission"], account_id, admission.MACHINE)
            check_account(account)
            equal("B3", f"open orders of {account_id} a month later", set(account.orders), set())
            for node in account.inventory.nodes.values():
                equal("K7", f"leases of {node.node_id} a month later", set(node.leases), set())

    def _check_book(self, book_id: str) -> None:
        """The rules' own book tells the same facts and ends in the same state."""
        referee = Referee(book_id)
        for at_ms, command in self._told.logs[BOOKS_COMMANDS][book_id]:
            for kind, fact in referee.apply(command, at_ms):
                self._compare((book_id, fact["book_seq"]), kind, fact)
        book = restored(self._jobs["matching"], book_id, matching.MACHINE)
        equal("B4", f"the last number of {book_id}", book.seq, referee.seq)
        equal("INV6", f"rows of {book_id}", dict(book.rows()), referee.rows())
        equal("INV6", f"hash of {book_id}", book.state_hash(), referee.state_hash())
        self.books[book_id] = book

    def _check_account(self, account_id: str, handed: set[Number]) -> None:
        """B2: the log gives the account's state, its facts and what it handed to books."""
        account = admission.MACHINE.empty(account_id)
        for at_ms, command in self._told.logs[ACCOUNTS_COMMANDS][account_id]:
            step = admission.MACHINE.apply(account, command, at_ms)
            for kind, fact in step.facts:
                self._compare((account_id, fact["account_seq"]), kind, dict(fact))
            for topic, _, record in step.commands:
                number = account_id, record["source_seq"]
                if topic == BOOKS_COMMANDS and number not in handed:
                    offend("B5", f"{number} {record} did not reach its book")
        running = restored(self._jobs["admission"], account_id, admission.MACHINE)
        check_account(running)
        found, expected = state(running), state(account)
        equal("INV6", f"account {account_id}", found, expected)
        self.accounts[account_id] = running

    def _compare(self, number: Number, kind: str, fact: Fact) -> None:
        told = self._told.facts.get(number)
        if told is None:
            offend("INV5", f"{number} is in no topic; by the rules it is {kind} {fact}")
        equal("INV5", f"kind of {number}", told[0], kind)
        equal("INV5", f"{kind} {number}", {name: told[1][name] for name in fact}, fact)


def restored(job: Job, machine_id: str, machine: Machine[Any]) -> Any:
    """The state that a restart would find; a book's is the one that the function holds (INV6)."""
    stored = machine.load(machine_id, job.stored(machine_id).items())
    held = job.state(machine_id)
    if isinstance(held, Book):
        equal("INV6", f"stored rows of {machine_id}", dict(stored.rows()), dict(held.rows()))
    return stored
