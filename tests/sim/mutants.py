"""The market, broken on purpose: each of these must be found, or the simulator proves nothing.

A mutant is a patch of one function while the runs last; the checks after a run replay the log with
machines that are whole.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from jobs import admission, matching, node_health, rows
from jobs.keyed_machine import KeyedMachine, MachineJob
from jobs.lane import Lane
from jobs.projection import Projector
from query_api.commands import orders as handlers
from tests.sim import projection, world
from udfs import allocation, inventory
from udfs.book import HEADER_KEY
from udfs.machine import Command, Outgoing, Step

Apply = Callable[[Any, Command, int], Step]
Mutant = Callable[[], AbstractContextManager[Any]]


def _with_apply(job: MachineJob, wrong: Callable[[Apply, Any, Command, int], Step]) -> Any:
    """The world's jobs, one of them with another `apply`."""
    machine = replace(job.machine, apply=partial(wrong, job.machine.apply))
    jobs = [admission.JOB, matching.JOB, node_health.JOB]
    jobs[jobs.index(job)] = replace(job, machine=machine)
    return patch.object(world, "JOBS", tuple(jobs))


def _forgets_sources(apply: Apply, state: Any, command: Command, at_ms: int) -> Step:
    state.sources.pop(command.get("source", ""), None)
    return apply(state, command, at_ms)


def _saves_no_header(apply: Apply, state: Any, command: Command, at_ms: int) -> Step:
    step = apply(state, command, at_ms)
    step.writes.pop(HEADER_KEY, None)
    return step


def _tells_the_buyer_twice(apply: Apply, state: Any, command: Command, at_ms: int) -> Step:
    step = apply(state, command, at_ms)
    step.commands = [
        Outgoing(topic, record.get("order_matched", {}).get("buyer_id", key), record)
        for topic, key, record in step.commands
    ]
    return step


def _keeps_expired(apply: Apply, state: Any, command: Command, at_ms: int) -> Step:
    """Time does not pass by a timer's tick."""
    return apply(state, command, state.now_ms if command["kind"] == "tick" else at_ms)


def _wall_clock() -> AbstractContextManager[Any]:
    processed = KeyedMachine._processed

    def by_the_wall(self: Any, record: Any, lane: Lane) -> Any:
        key, data, place = record
        _, partition, offset = place.split()
        return processed(self, (key, data, b"%d %s %s" % (self._now_ms(), partition, offset)), lane)

    return patch.object(KeyedMachine, "_processed", by_the_wall)


def _leftover_off_by_one() -> AbstractContextManager[Any]:
    hand_out = allocation._hand_out

    def one_less(leftover: int, *lists: list[int]) -> None:
        hand_out(max(0, leftover - 1), *lists)

    return patch.object(allocation, "_hand_out", one_less)


def _lost_hold() -> AbstractContextManager[Any]:
    hold = inventory.Inventory.hold

    def only_once(self: Any, order_id: str, gpu_type: str, region: str, quantity: int) -> None:
        if not self.held(order_id):  # what an amend reserves is not held
            hold(self, order_id, gpu_type, region, quantity)

    return patch.object(inventory.Inventory, "hold", only_once)


def _short_leases() -> AbstractContextManager[Any]:
    allocate = inventory.Inventory.allocate

    def short(self: Any, order_id: str, lease_id: str, ends_at_ms: int, quantity: int) -> None:
        allocate(self, order_id, lease_id, ends_at_ms - 1_800_000, quantity)

    return patch.object(inventory.Inventory, "allocate", short)


def _lease_released_twice() -> AbstractContextManager[Any]:
    """The slots of the lease that ended last are freed once more when the next one ends."""
    end_leases = inventory.Inventory.end_leases

    def twice(self: Any, at_ms: int) -> None:
        ended = [
            (node, part.slots)
            for node in self.nodes.values()
            for part in node.leases.values()
            if part.ends_at_ms <= at_ms
        ]
        end_leases(self, at_ms)
        for node, slots in _RELEASED.pop(id(self), []):
            node.idle |= slots
        if ended:
            _RELEASED[id(self)] = ended

    return patch.object(inventory.Inventory, "end_leases", twice)


_RELEASED: Final[dict[int, list[tuple[Any, int]]]] = {}


def _commit_before_write() -> AbstractContextManager[Any]:
    project = Projector._project

    def committed_first(self: Any, batch: Any) -> None:
        self._consumer.commit(asynchronous=False)
        project(self, batch)

    return patch.object(Projector, "_project", committed_first)


def _merge_without_stamps() -> AbstractContextManager[Any]:
    """Of a batch, what came last of a group is taken for the newest."""
    merged = rows.merged

    def last_come(folds: Any) -> Any:
        last: dict[tuple[str, str], Any] = {}
        for fold in folds:
            last[fold.key, fold.group] = fold
        return merged(last.values())

    return patch.object(rows, "merged", last_come)


def _fold_without_stamps() -> AbstractContextManager[Any]:
    """Redis takes whatever comes."""
    write = projection.RedisServer._write

    def take_all(self: Any, key: str, groups: list[list[str]]) -> None:
        row = self.rows.get(key, {})
        row.update({group: "" for group, *_ in groups if group in row})
        write(self, key, groups)

    return patch.object(projection.RedisServer, "_write", take_all)


def _unarmed_after_restart() -> AbstractContextManager[Any]:
    begin = Lane.__init__

    def forgetful(self: Any, stored: Any, now_ms: Any) -> None:
        begin(self, stored, now_ms)
        self._wakes.clear()
        self._order.clear()

    return patch.object(Lane, "__init__", forgetful)


def _held_back_lost() -> AbstractContextManager[Any]:
    write = Lane.write

    def without_the_last(self: Any) -> None:
        if self._held_back:
            self._held_back.popitem()
        write(self)

    return patch.object(Lane, "write", without_the_last)


def _checkpoint_before_flush() -> AbstractContextManager[Any]:
    def hasty(self: Any, rng: Any) -> None:
        job = rng.choice(list(self.jobs.values()))
        if job.function is not None:
            job.checkpoint()

    return patch.object(world.World, "_checkpoint", hasty)


def _forgotten_key() -> AbstractContextManager[Any]:
    return patch.object(handlers, "client_key", lambda call: None)


def _told_pending_again() -> AbstractContextManager[Any]:
    """A row of facts alone counts as no row (the bug that the simulator found first)."""
    show = handlers._show_pending

    async def no_row(*arguments: Any) -> str | None:
        return await show(*arguments) or None

    return patch.object(handlers, "_show_pending", no_row)


def _any_fact_is_enough() -> AbstractContextManager[Any]:
    """A row that began anew after its eviction is believed once a fact came (found second)."""

    def is_provisional(row: Mapping[str, str]) -> bool:
        return not any(row.get(group) for group in ("creation", "fills", "closing", "rejection"))

    return patch("query_api.queries.orders.is_provisional", is_provisional)


MUTANTS: Final[Mapping[str, Mutant]] = {
    "dropped_dedupe_account": lambda: _with_apply(admission.JOB, _forgets_sources),
    "dropped_dedupe_book": lambda: _with_apply(matching.JOB, _forgets_sources),
    "wall_clock": _wall_clock,
    "leftover_off_by_one": _leftover_off_by_one,
    "lost_hold": _lost_hold,
    "short_leases": _short_leases,
    "lease_released_twice": _lease_released_twice,
    "commit_before_write": _commit_before_write,
    "merge_without_stamps": _merge_without_stamps,
    "fold_without_stamps": _fold_without_stamps,
    "unarmed_after_restart": _unarmed_after_restart,
    "held_back_lost": _held_back_lost,
    "copy_to_the_wrong_account": lambda: _with_apply(matching.JOB, _tells_the_buyer_twice),
    "header_not_saved": lambda: _with_apply(matching.JOB, _saves_no_header),
    "ticks_move_no_time": lambda: _with_apply(admission.JOB, _keeps_expired),
    "checkpoint_before_flush": _checkpoint_before_flush,
    "forgotten_key": _forgotten_key,
    "told_pending_again": _told_pending_again,
    "any_fact_is_enough": _any_fact_is_enough,
}
"""By name; each patches while its context lasts."""

LATE: Final[Mapping[str, int]] = {
    "short_leases": 53,
    "checkpoint_before_flush": 62,
    "told_pending_again": 29,
    "any_fact_is_enough": 333,
}
"""The first seeds that find those that are found late, where the search for them begins."""
