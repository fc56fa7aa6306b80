"""The health of one node, from what its readings say and from their silence.

A node's log holds signals, not readings: a GPU's reading that says something else than the one
before it or comes after a pause, and silences of the whole node, told by telemetry's own time. Each
signal has a source (`gpu:3`, `silence:30`), and as its number the time of the reading that it
stands for, so what is repeated or late changes nothing (market-rules.md B5), and the health depends
on which signals came, not on their order. A change of health goes to the log of the account that
owns the node, which alone decides what becomes of its GPUs (K4).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from schemas.names import ACCOUNTS_COMMANDS, Health
from udfs.ids import check_account_id, check_node_id, event_id
from udfs.machine import Command, Machine, Outgoing, Row, Rows, Step, decoded

VERSION = 1
HEADER, SOURCE = "n", "s"
"""Kinds of rows; a source's key is `s:source`."""
HOT_CELSIUS: Final = 90.0
"""From here on drivers slow a GPU down: it is degraded, whatever it says of itself."""
TOO_HOT_CELSIUS: Final = 105.0
"""From here on a GPU is about to be switched off: it counts as offline."""
UNKNOWN_SECONDS, OFFLINE_SECONDS = 30, 120
"""Silences that mean something."""
SILENCES: Final[Mapping[int, Health]] = {UNKNOWN_SECONDS: "unknown", OFFLINE_SECONDS: "offline"}
_WORSE: Final[Mapping[Health, int]] = {"healthy": 0, "degraded": 1, "unknown": 2, "offline": 3}

Body = Mapping[str, Any]


class Word(NamedTuple):
    """The newest word of one source."""

    seq: int
    """Of a GPU or a silence, when the reading that it stands for was measured, ms."""
    kind: str
    """Of the command that brought it."""
    health: Health
    """What it says; `healthy` where it says nothing of health."""


@dataclass(slots=True)
class NodeHealth:
    """What is known of a node."""

    node_id: str
    account_id: str = ""
    """Empty until its registration came: until then nobody can be told."""
    now_ms: int = 0
    """The machine's time (B3)."""
    seq: int = 0
    """The last number given to a command to the account."""
    told: Health = "healthy"
    """What the account thinks; a node is registered healthy."""
    words: dict[str, Word] = field(default_factory=dict)
    """By source."""

    @property
    def sources(self) -> Mapping[str, int]:
        """The last sequence applied of each source (B5)."""
        return {source: word.seq for source, word in self.words.items()}

    def health(self) -> Health:
        """The worst that is said of it: nobody can tell which of its GPUs an ask would sell.

        A silence holds until a GPU is heard again, so one that began before that does not count.
        """
        heard = (word.seq for word in self.words.values() if word.kind == "gpu_status")
        heard_at_ms = max(heard, default=0)
        said = [
            word.health
            for word in self.words.values()
            if word.kind != "node_silence" or word.seq >= heard_at_ms
        ]
        return max(said, key=_WORSE.__getitem__, default="healthy")


def gpu_health(status: Health, temperature: float) -> Health:
    """What a reading means for its GPU: what the node says, or worse by its temperature.

    Errors of memory (ECC) are no field of a reading; the agent that sees them says `degraded`.
    """
    by_heat: Health = "healthy"
    if temperature >= HOT_CELSIUS:
        by_heat = "offline" if temperature >= TOO_HOT_CELSIUS else "degraded"
    return max(status, by_heat, key=_WORSE.__getitem__)


def apply(node: NodeHealth, command: Command, at_ms: int) -> Step:
    """What one record of the node's log does.

    Raises:
        KeyError, ValueError: the record is not one that telemetry or an account sends; the state
            is void then.
    """
    step = Step()
    source, seq, kind = command["source"], command["source_seq"], command["kind"]
    known = node.words.get(source)
    if source and known and seq <= known.seq:
        return step
    rule = _RULES.get(kind)
    if rule is None:
        raise ValueError(f"a node has no command {kind!r}, only {', '.join(_RULES)}")
    node.now_ms = max(node.now_ms, at_ms)
    word = node.words[source] = Word(seq, kind, rule(node, command, command[kind]))
    _tell(node, step)
    step.writes = {f"{SOURCE}:{source}": Row(_text, word), HEADER: _header_row(node)}
    return step


def _gpu_status(_: NodeHealth, __: Command, body: Body) -> Health:
    return gpu_health(body["status"], body["temperature"])


def _node_silence(_: NodeHealth, __: Command, body: Body) -> Health:
    health = SILENCES.get(body["silent_seconds"])
    if health is None:
        lengths = " or ".join(map(str, SILENCES))
        raise ValueError(f"silent_seconds must be {lengths}, was {body['silent_seconds']}")
    return health


def _register_node(node: NodeHealth, command: Command, _: Body) -> Health:
    """The account hands this on once it knows the node, so nothing that it is told is too early."""
    check_account_id(command["account_id"])
    node.account_id = command["account_id"]
    return "healthy"


def _remove_node(node: NodeHealth, _: Command, __: Body) -> Health:
    """A removed node's health concerns nobody (K4)."""
    node.account_id = ""
    return "healthy"


def _tell(node: NodeHealth, step: Step) -> None:
    """Hand a change of health to the account."""
    health = node.health()
    if health == node.told or not node.account_id:
        return
    node.told = health
    node.seq = max(node.seq + 1, node.now_ms)  # greater than before, even if the log lost its start
    record = {
        "kind": "set_node_health",
        "command_id": event_id(node.node_id, node.seq),
        "account_id": node.account_id,
        "source": node.node_id,
        "source_seq": node.seq,
        "set_node_health": {"node_id": node.node_id, "health": health},
    }
    step.commands.append(Outgoing(ACCOUNTS_COMMANDS, node.account_id, record))


def load_node(node_id: str, rows: Rows) -> NodeHealth:
    """The node whose rows these are, in whatever order they come."""
    node = NodeHealth(node_id)
    for key, row in decoded(rows):
        if key == HEADER:
            _read_header(node, row)
        else:
            node.words[key.removeprefix(f"{SOURCE}:")] = Word(*row)
    return node


def _header_row(node: NodeHealth) -> Row:
    return Row(_text, (VERSION, node.account_id, node.now_ms, node.seq, node.told))


def _text(*values: Any) -> str:
    return json.dumps(values)


def _read_header(node: NodeHealth, row: list[Any]) -> None:
    version, node.account_id, node.now_ms, node.seq, node.told = row
    if version != VERSION:
        raise ValueError(f"rows of node {node.node_id}: version {version}, not {VERSION}")


def weight(node: NodeHealth) -> int:
    """About how many rows it has: small ones, of which four take as much as one of an order."""
    return 1 + len(node.words) // 4


_RULES: Final[dict[str, Callable[[NodeHealth, Command, Body], Health]]] = {
    "gpu_status": _gpu_status,
    "node_silence": _node_silence,
    "register_node": _register_node,
    "remove_node": _remove_node,
}
"""By kind; each answers what its source now says of the node's health."""

MACHINE: Machine[NodeHealth] = Machine(
    "node_health", NodeHealth, load_node, apply, check_node_id, weight
)
"""The machine of one node; its id is the `node_id`."""
