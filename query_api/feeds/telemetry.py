"""Nodes of a cluster: what the market says of them, and what they measured, conflated.

Readings are followed for clusters that somebody listens to, and told once a second. A cursor says
how far readings were *told*, so it moves on at the end of each second's messages.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from query_api import times
from query_api.feeds import rpc, told
from query_api.feeds.archive import Mark
from query_api.feeds.feed import Keep, Plain
from query_api.feeds.log import FeedLog, Record
from query_api.feeds.positions import partitions
from query_api.ports import Clock, Ports, Row, Slice, Unavailable
from query_api.queries.providers import live_nodes
from schemas import readings
from schemas.names import INVENTORY_EVENTS, TELEMETRY_GPU, TELEMETRY_NODE

TICK_SECONDS = 1.0
REFRESH_SECONDS = 3.0
"""How often the nodes of clusters are looked up: new ones come so late at the most."""
PAGE = 1_000
NOT_FOLLOWED = 2**62
"""An offset that no partition reaches."""
MOST_FACTS = 20_000
"""Nodes of which the newest fact is remembered, as the view may not have it yet."""


@dataclass(slots=True)
class Watched:
    """A node of a cluster that somebody listens to."""

    row: Row
    cluster_id: str
    fact: Row | None = None
    newest: dict[str, Row] = field(default_factory=dict)
    """The newest reading of each GPU by its index, and of the node itself as `node`."""
    changed: dict[str, None] = field(default_factory=dict)
    """Which of them were not told yet."""
    marks: dict[int, Mark] = field(default_factory=dict)
    """The newest record of each partition that they came from."""

    def take(self, reading: Row, mark: Mark | None = None) -> None:
        """Take a reading if it is newer."""
        name = readings.field(reading)
        held = self.newest.get(name)
        if held is None or reading["timestamp"] > held["timestamp"]:
            self.newest[name] = reading
            self.changed[name] = None
        if mark is not None:
            self.marks[mark.slot] = mark

    def told_readings(self, names: Iterable[str]) -> tuple[list[told.GpuNow], told.NodeNow | None]:
        """What was measured: of the GPUs by index, and of the node itself."""
        by_index = {int(name): self.newest[name] for name in names if name != "node"}
        node = self.newest["node"] if "node" in names else None
        gpus = [_told(by_index[index]) for index in sorted(by_index)]
        return gpus, node and _told(node)  # type: ignore[return-value]


class TelemetryFeed(Plain):
    """The feed `/ws/telemetry/{cluster_id}`; its channels are clusters."""

    kind = "telemetry"
    is_conflated = True

    def __init__(self, clock: Clock, keep: Keep, ports: Ports, log: FeedLog) -> None:
        super().__init__(clock, keep)
        self._ports = ports
        self._log = log
        for place in partitions((TELEMETRY_GPU, TELEMETRY_NODE)):
            self.archive.floors[self.positions.slot(*place)] = NOT_FOLLOWED
        self._nodes: dict[str, Watched] = {}
        self._clusters: dict[str, str] = {}
        """The accounts of the clusters that are listened to."""
        self._since: dict[str, list[int]] = {}
        """The offsets after which all of each is kept: those of its opening, or its newest node."""
        self._facts: OrderedDict[str, Row] = OrderedDict()
        self._looking_up = asyncio.Lock()
        self._reached: dict[int, int] = {}
        """Offsets of readings that are taken and not told."""

    async def open(self, name: str) -> None:
        async with self._looking_up:
            if name not in self._since:
                await self._open(name)
                self._since[name] = list(self.positions.offsets)

    async def _open(self, name: str) -> None:
        cluster = await self._ports.registrations.cluster(name)
        if cluster is None:
            raise Unavailable("postgres")  # it was there a moment ago
        self._clusters[name] = cluster["account_id"]
        try:
            await self._look_up(name)
        except Unavailable:
            self._clusters.pop(name, None)
            raise

    def close(self, name: str) -> None:
        self._since.pop(name, None)
        if self._clusters.pop(name, None):
            self._nodes = {
                node_id: node for node_id, node in self._nodes.items() if node.cluster_id != name
            }
            self._follow()

    def is_of_these_logs(self, offsets: Sequence[int]) -> bool:
        return True  # where readings end is known only while they are followed

    def reaches(self, name: str, offsets: Sequence[int]) -> bool:
        # Equal offsets may be from just before, and what the views told meanwhile has none.
        since = self._since[name]
        is_after = list(offsets) != since and all(map(int.__ge__, offsets, since))
        return is_after and super().reaches(name, offsets)

    def reach(self, topic: str, partition: int, offset: int) -> Mark:
        if topic == INVENTORY_EVENTS:
            return super().reach(topic, partition, offset)
        mark = Mark(self.positions.slot(topic, partition), offset)
        self._reached[mark.slot] = offset + 1
        return mark

    def take(self, record: Record, mark: Mark) -> None:
        node = self._nodes.get(record.fact["node_id"])
        if record.topic == INVENTORY_EVENTS:
            self._take_fact(record.fact, mark, node)
        elif node is not None:
            measured = {
                name: value for name, value in record.fact.items() if name not in readings.LABELS
            }
            node.take(measured, mark)

    def tick(self) -> None:
        """Tell what was measured since."""
        changed = [(node_id, node) for node_id, node in self._nodes.items() if node.changed]
        for place, (node_id, node) in enumerate(changed, 1):
            if place == len(changed):
                self._settle()
            gpus, itself = node.told_readings(node.changed)
            params: told.TelemetryReading = {"node_id": node_id, "gpus": gpus, "node": itself}
            marks = tuple(node.marks.values())
            node.changed, node.marks = {}, {}
            self.tell(node.cluster_id, marks, "telemetry.reading", params)
        self._settle()

    async def refresh(self) -> None:
        """Look whether there are new nodes, and tell them."""
        async with self._looking_up:
            for name in list(self._clusters):
                for node in await self._look_up(name):
                    self._tell_node(node, times.told(self._clock.now_ms()), ())
                    if name in self._since:
                        self._since[name] = list(self.positions.offsets)

    async def snapshot(self, name: str) -> bytes:
        own = [node for node in self._nodes.values() if node.cluster_id == name]
        params: told.TelemetrySnapshot = {
            "cluster_id": name,
            "nodes": [self._whole(node) for node in own],
        }
        return rpc.opened("telemetry.snapshot", params)

    def _whole(self, node: Watched) -> told.NodeWithReadings:
        gpus, itself = node.told_readings(node.newest)
        return {**told.told_node(node.row, node.fact), "gpus": gpus, "node": itself}

    def _settle(self) -> None:
        """All that was taken is told."""
        for slot, offset in self._reached.items():
            self.positions.set(slot, offset)
        self._reached.clear()

    def _take_fact(self, fact: Row, mark: Mark, node: Watched | None) -> None:
        self._facts[fact["node_id"]] = fact
        self._facts.move_to_end(fact["node_id"])
        if len(self._facts) > MOST_FACTS:
            self._facts.popitem(last=False)
        if node is not None and _is_newer(fact, node.fact):
            node.fact = fact
            self._tell_node(node, times.told(fact["occurred_at_ms"]), (mark,))

    def _tell_node(self, node: Watched, occurred_at: str, marks: tuple[Mark, ...]) -> None:
        params: told.NodeUpdate = {
            **told.told_node(node.row, node.fact),
            "occurred_at": occurred_at,
        }
        self.tell(node.cluster_id, marks, "node.update", params)

    async def _look_up(self, name: str) -> list[Watched]:
        """The nodes of a cluster that were not known; those that are gone are forgotten."""
        rows = await self._rows_of(name)
        for node_id in [
            node_id
            for node_id, node in self._nodes.items()
            if node.cluster_id == name and node_id not in rows
        ]:
            del self._nodes[node_id]
        new = [Watched(row, name) for node_id, row in rows.items() if node_id not in self._nodes]
        if not new:
            return []
        self._nodes |= {node.row["id"]: node for node in new}
        self._follow()
        await self._begin(new)
        return new

    async def _begin(self, nodes: list[Watched]) -> None:
        """Take what the views and the feed know of them, the newer of each."""
        facts = await live_nodes(self._ports, [node.row["id"] for node in nodes])
        for node in nodes:
            for fact in (facts[node.row["id"]], self._facts.get(node.row["id"])):
                if fact is not None and _is_newer(fact, node.fact):
                    node.fact = fact
            for reading in await self._readings_of(node.row["id"]):
                node.take(reading)

    async def _readings_of(self, node_id: str) -> list[Row]:
        try:
            return await self._ports.live.readings(node_id)
        except Unavailable:
            return []

    async def _rows_of(self, name: str) -> dict[str, Row]:
        account_id = self._clusters.get(name)
        rows: dict[str, Row] = {}
        before: int | None = None
        while account_id is not None:
            page = Slice(before, PAGE)
            found, _ = await self._ports.registrations.nodes_of(account_id, name, page)
            rows |= {row["id"]: row for row in found}
            if len(found) < PAGE:
                break
            before = found[-1]["position"]
        return rows

    def _follow(self) -> None:
        self._log.follow_readings(list(self._nodes))


def _told(reading: Row) -> Row:
    return {**reading, "timestamp": times.told(reading["timestamp"])}


def _is_newer(fact: Row, held: Row | None) -> bool:
    return held is None or fact["account_seq"] > held["account_seq"]
