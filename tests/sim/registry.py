"""The registry: accounts and nodes in a database with an outbox, and the relay that empties it.

The outbox is written with what it tells of in one transaction, so no crash can part the two. The
relay may die between appending a record and marking it; then it appends it again.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from query_api import outbox
from query_api.ports import Registered
from schemas.names import ACCOUNTS_COMMANDS
from tests.sim.log import CODEC, Broker

Row = dict[str, Any]


@dataclass(slots=True)
class Account:
    """An account's row."""

    account_id: str
    role: str
    status: str = "verified"
    seq: int = 0
    row: Row = field(default_factory=dict)
    nodes: dict[str, Row] = field(default_factory=dict)


class Registry:
    """What PostgreSQL would hold, and the relay."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.accounts: dict[str, Account] = {}
        self.removed: dict[str, Row] = {}
        """Nodes that were removed, as they were."""
        self._waiting: list[tuple[str, bytes]] = []

    def add_account(self, account_id: str, role: str) -> Account:
        account = self.accounts[account_id] = Account(account_id, role)
        account.row = {
            "role": role,
            "suspended": False,
            "max_open_orders": 10_000,
            "max_notional_micros": 0,
        }
        self.tell_account(account)
        return account

    def tell_account(self, account: Account) -> None:
        """Who the account is now."""
        status = account.status if account.role == "provider" else ""
        self._put(account, outbox.set_account(account.row, status))

    def add_node(self, account: Account, node: Row) -> None:
        account.nodes[node["id"]] = node
        node["account_id"] = account.account_id
        self._put(account, outbox.register_node(node))

    def change_node(self, account: Account, node: Row, **changes: Any) -> None:
        node.update(changes)
        command = outbox.change_command(node, changes)
        assert command
        self._put(account, command)

    def remove_node(self, account: Account, node_id: str) -> None:
        self.removed[node_id] = account.nodes.pop(node_id)
        self._put(account, outbox.remove_node(node_id))

    def gpu_count(self, node_id: str) -> int:
        """The GPUs of a node that there is or was, 0 if there never was one."""
        nodes = [*(account.nodes for account in self.accounts.values()), self.removed]
        return next((len(each[node_id]["gpus"]) for each in nodes if node_id in each), 0)

    def gpus(self, account_id: str, gpu_type: str, region: str) -> int:
        """How many GPUs of a type an account has in a region, or had."""
        nodes = [*self.accounts[account_id].nodes.values(), *self.removed.values()]
        return sum(
            len(node["gpus"])
            for node in nodes
            if (node["account_id"], node["gpu_type"], node["region"])
            == (account_id, gpu_type, region)
        )

    def relay(self, rng: random.Random, *, dies: bool = False) -> bool:
        """Append the oldest that wait; a relay that dies marks only some of them as done."""
        batch = self._waiting[: rng.randint(1, 8)]
        for account_id, value in batch:
            self._broker.append(ACCOUNTS_COMMANDS, account_id.encode(), value)
        marked = rng.randint(0, len(batch)) if dies else len(batch)
        del self._waiting[:marked]
        return bool(batch)

    def is_behind(self) -> bool:
        return bool(self._waiting)

    def _put(self, account: Account, command: Row) -> None:
        account.seq += 1
        record = outbox.from_registry(Registered(account.account_id, account.seq), command)
        self._waiting.append((account.account_id, CODEC.encoder(ACCOUNTS_COMMANDS)(record)))
