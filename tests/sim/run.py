"""A run: a schedule played from begin to rest, and what came of it."""

import logging
from dataclasses import dataclass
from random import Random

from schemas.names import ORDERS_MATCHED
from tests.sim import rest
from tests.sim.api import ids_of
from tests.sim.clock import DAY_MS
from tests.sim.schedule import Schedule
from tests.sim.watcher import Watcher
from tests.sim.world import World

AFTER_MS = 31 * DAY_MS
"""More than any order rests (O3), or any lease of the workload runs."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    seed: int
    trace: str
    """SHA-256 over all that was appended and answered: equal for equal runs."""
    moves: int
    """How many moves were made before the offence, or all."""
    offence: Exception | None
    trades: int
    records: int


def run(schedule: Schedule, watcher: Watcher | None = None) -> Outcome:
    """Play a schedule to its end, or to its first offence."""
    logging.getLogger("jobs.projection").setLevel(logging.ERROR)  # stores die by the thousand here
    watcher = watcher or Watcher()
    with ids_of(Random(schedule.seed)):
        world = World(schedule, watcher)
        made = 0
        offence: Exception | None = None
        try:
            world.begin()
            for made, move in enumerate(schedule.moves, 1):
                watcher.moves(world.clock.now_ms(), f"move {made - 1}: {move.name}")
                world.move(move)
            watcher.moves(world.clock.now_ms(), "coming to rest")
            come_to_rest(world)
        except Exception as error:  # whatever broke: a run that raises is an offence of its own
            offence = error
    return _outcome(schedule, world, made, offence)


def _outcome(schedule: Schedule, world: World, made: int, offence: Exception | None) -> Outcome:
    topics = world.broker.topics
    records = sum(len(partition) for partitions in topics.values() for partition in partitions)
    trades = len({record.value for record in world.broker.read(ORDERS_MATCHED)})
    return Outcome(schedule.seed, world.broker.digest.hexdigest(), made, offence, trades, records)


def come_to_rest(world: World) -> None:
    """Let the market come to rest and check all, and once more after a restart and a long time.

    Then nothing is open and nothing is leased, though nobody sends anything any more (B3, K7).
    """
    world.quiet()
    world.pass_time(2_000)
    replays = rest.check(world)
    world.stop_and_start()
    world.pass_time(AFTER_MS)
    replays.check_over()
