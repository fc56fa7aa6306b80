"""The whole market in one process: every part, and what a move does to them."""

import random
from typing import Any, Final

from jobs import admission, matching, node_health
from jobs.projection import ReadOnce
from schemas import names, views
from tests.sim.api import MarketData, Worker
from tests.sim.clock import DAY_MS, HOUR_MS, MINUTE_MS, Clock, WallClock
from tests.sim.flink import Job
from tests.sim.log import CODEC, Broker, Producer, Record
from tests.sim.projection import ClickHouseServer, Group, RedisServer
from tests.sim.registry import Registry
from tests.sim.schedule import Move, Schedule
from tests.sim.watcher import Watcher
from tests.sim.workload import Clients
from udfs.audit.agreement import told_by_facts
from udfs.audit.offence import offend
from udfs.audit.states import check_account, check_book

JOBS = (admission.JOB, matching.JOB, node_health.JOB)
WORKERS: Final = 2
SKEW_MS: Final = 40
MOST_ROUNDS: Final = 2_000
"""By then a market that comes to rest has done so."""
_CHECKS: Final = {"admission": check_account, "matching": check_book}


class World:
    """Everything there is in a run."""

    def __init__(self, schedule: Schedule, watcher: Watcher) -> None:
        self.schedule = schedule
        self._watcher = watcher
        self._on = schedule.on
        rng = random.Random(schedule.seed)
        self.rng = rng
        shape = schedule.shape
        self.clock = Clock()
        self.broker = Broker(self.clock, shape.partitions, self._skews(shape.partitions))
        self.broker.heard = self._heard
        self.redis, self.clickhouse = RedisServer(), ClickHouseServer()
        self.jobs = {
            job.name: Job(
                job,
                self.broker,
                self._wall(),
                shape.lanes,
                shape.cached_rows,
                repeats="sink_repeat" in self._on,
            )
            for job in JOBS
        }
        self.groups = {
            "redis": Group("redis", self.broker, self.redis),
            "clickhouse": Group("clickhouse", self.broker, self.clickhouse),
        }
        market_data = MarketData(self.broker)
        self.workers = [
            Worker(
                self.broker,
                self._wall(),
                self.redis,
                self.clickhouse,
                market_data,
                loses_acknowledgements="lost_ack" in self._on,
            )
            for _ in range(WORKERS)
        ]
        self.registry = Registry(self.broker)
        self.clients = Clients(
            schedule, self.clock, self.broker, self.registry, self.workers, watcher
        )
        self._late: list[Producer] = []
        """Of producers that are believed dead."""

    def begin(self) -> None:
        """Register accounts and nodes, without a fault."""
        self.clients.begin(self.rng)
        self.quiet()

    def move(self, move: Move) -> None:
        """One step; time goes on a little with each."""
        rng = random.Random(move.entropy)
        self.clock.advance(rng.choice((0, 0, 1, 1, 3, 10)))
        getattr(self, f"_{move.name}")(rng)

    def is_quiet(self) -> bool:
        """Whether nothing is on its way anywhere."""
        return not (
            self.registry.is_behind()
            or self._late
            or self.clients.again
            or any(worker.requests or len(worker.producer) for worker in self.workers)
            or any(job.is_behind() or len(job.producer) for job in self.jobs.values())
            or any(group.is_behind() for group in self.groups.values())
        )

    def quiet(self) -> None:
        """Let everything be handled that is on its way, without further faults."""
        rng = self.rng
        self._restart_all()
        for _ in range(MOST_ROUNDS):
            self._round(rng)
            if self.is_quiet() and not self._fire_soon():
                return
        offend("liveness", f"the market does not come to rest: {self._state()}")

    def stop_and_start(self) -> None:
        """Stop every job with a savepoint and start it from there."""
        for job in self.jobs.values():
            job.checkpoint()
            job.restart()

    def pass_time(self, ms: int) -> None:
        """Let time pass, firing what becomes due on its way."""
        end_ms = self.clock.now_ms() + ms
        for _ in range(MOST_ROUNDS):
            timers = [job.next_timer_ms() for job in self.jobs.values()]
            first = min((timer for timer in timers if timer is not None), default=end_ms)
            if first >= end_ms:
                break
            self.clock.advance(max(0, first - self.clock.now_ms()))
            self.quiet()
        self.clock.advance(max(0, end_ms - self.clock.now_ms()))
        self.quiet()

    # moves of parts

    def _client(self, rng: random.Random) -> None:
        self.clients.client(rng)

    def _owner(self, rng: random.Random) -> None:
        self.clients.owner(rng)

    def _api(self, rng: random.Random) -> None:
        for worker in self.workers:
            worker.step(rng)

    def _admission(self, rng: random.Random) -> None:
        self._run("admission", rng)

    def _matching(self, rng: random.Random) -> None:
        self._run("matching", rng)

    def _node_health(self, rng: random.Random) -> None:
        self._run("node_health", rng)

    def _run(self, name: str, rng: random.Random) -> None:
        """A job restarts, or fires its timers, handles a batch, and sends some of what came."""
        job = self.jobs[name]
        if job.function is None:
            job.restart()
        job.fire()
        self._step(job, rng)
        if rng.random() < 0.7:
            job.producer.flush(rng)
        else:
            job.producer.deliver(rng)

    def _step(self, job: Job, rng: random.Random) -> None:
        check = _CHECKS.get(job.name)
        for machine in job.step(rng, self.schedule.shape.most):
            state = job.state(machine)
            if check and state is not None:
                check(state)

    def _relay(self, rng: random.Random) -> None:
        self.registry.relay(rng)

    def _redis(self, rng: random.Random) -> None:
        self._project("redis", rng)

    def _clickhouse(self, rng: random.Random) -> None:
        self._project("clickhouse", rng)

    def _project(self, name: str, rng: random.Random) -> None:
        group = self.groups[name]
        if group.projector is None:
            group.restart(ReadOnce(CODEC))
        group.step(rng, self.schedule.shape.most)
        if rng.random() < 0.3:
            group.commit_written()

    def _late_arrivals(self, rng: random.Random) -> None:
        for producer in self._late:
            producer.flush(rng) if rng.random() < 0.5 else producer.deliver(rng)
        self._late = [producer for producer in self._late if len(producer)]

    def _time(self, rng: random.Random) -> None:
        """Time passes; a day only while nothing is down or behind, as no part ever is so long."""
        ranges = [(50, 2_000), (2_000, MINUTE_MS), (HOUR_MS, 3 * HOUR_MS)]
        ranges += [(DAY_MS - MINUTE_MS, DAY_MS + HOUR_MS)]
        often = [80, 10, 3, 2] if "long_time" in self._on else [80, 10, 0, 0]
        wanted = rng.choices(ranges, often)[0]
        if wanted[0] > 3 * HOUR_MS:
            self.quiet()
            self._save_all()
        self.clock.advance(rng.randint(*wanted))

    def _checkpoint(self, rng: random.Random) -> None:
        job = rng.choice(list(self.jobs.values()))
        if job.function is None:
            return
        job.settle()
        job.producer.flush(rng)
        if "failed_checkpoint" not in self._on or rng.random() < 0.7:
            job.checkpoint()

    # moves of faults

    def _job_crash(self, rng: random.Random) -> None:
        job = rng.choice(list(self.jobs.values()))
        if job.function is not None:
            self._late.append(job.crash(rng, zombie="zombie" in self._on))

    def _redis_crash(self, rng: random.Random) -> None:
        self._die("redis", rng)

    def _clickhouse_crash(self, rng: random.Random) -> None:
        self._die("clickhouse", rng)

    def _die(self, name: str, rng: random.Random) -> None:
        group = self.groups[name]
        if group.projector is not None:
            group.die_writing(rng, self.schedule.shape.most)

    def _eviction(self, rng: random.Random) -> None:
        """Redis forgets the row of an order that both views know alike: one long unused.

        So what was told of it before is not told once more by a restart.
        """
        if not self._facts_are_settled(rng):
            return
        keys = [key for key, row in self.redis.rows.items() if row.get("creation")]
        for key in rng.sample(keys, min(3, len(keys))):
            redis = views.read_order(self.redis.rows[key])
            clickhouse = self.clickhouse.order(key.removeprefix("order:"))
            if redis and clickhouse and told_by_facts(redis) == told_by_facts(clickhouse):
                self.redis.evict(key)

    def _facts_are_settled(self, rng: random.Random) -> bool:
        """Bring Redis up to date with the jobs and save both; False while one of them is down."""
        jobs, redis = self.jobs.values(), self.groups["redis"]
        if redis.projector is None or any(job.function is None for job in jobs):
            return False
        self._late_arrive(rng)
        for job in jobs:
            job.producer.flush(rng)
            job.checkpoint()
        while redis.step(rng, 50):
            pass
        redis.commit_written()
        return True

    def _relay_crash(self, rng: random.Random) -> None:
        self.registry.relay(rng, dies=True)

    def _api_crash(self, rng: random.Random) -> None:
        self._late.append(rng.choice(self.workers).crash(rng, zombie="zombie" in self._on))

    # coming to rest

    def _restart_all(self) -> None:
        for job in self.jobs.values():
            if job.function is None:
                job.restart()
        for group in self.groups.values():
            if group.projector is None:
                group.restart(ReadOnce(CODEC))

    def _save_all(self) -> None:
        """What the last checkpoint and the last commit of a part that is not behind hold."""
        for job in self.jobs.values():
            job.checkpoint()
        for group in self.groups.values():
            group.commit_written()

    def _round(self, rng: random.Random) -> None:
        """Everybody handles what there is."""
        while self.registry.relay(rng):
            pass
        self._late_arrive(rng)
        for worker in self.workers:
            worker.step(rng, everything=True)
        self.clients.retry_all(rng)
        for job in self.jobs.values():
            self._catch_up(job, rng)
        for group in self.groups.values():
            while group.step(rng, 50):
                pass
        if any(worker.requests for worker in self.workers):
            self.clock.advance(100)

    def _late_arrive(self, rng: random.Random) -> None:
        for producer in self._late:
            producer.flush(rng)
        self._late = []

    def _catch_up(self, job: Job, rng: random.Random) -> None:
        while job.is_behind():
            self._step(job, rng)
        job.producer.flush(rng)

    def _fire_soon(self) -> bool:
        """Fire what is due within moments; whether there was anything."""
        timers = [job.next_timer_ms() for job in self.jobs.values()]
        first = min((timer for timer in timers if timer is not None), default=None)
        if first is not None and self.clock.now_ms() < first <= self.clock.now_ms() + 500:
            self.clock.advance(first - self.clock.now_ms())
        return sum(job.fire() for job in self.jobs.values()) > 0

    def _heard(self, topic: str, record: Record) -> None:
        self._watcher.appends(topic, record)
        if topic == names.DEAD_LETTERS:
            letter = CODEC.decoder(topic)(record.value)
            told: Any = {name: letter[name] for name in ("reader", "topic", "key", "reason")}
            offend("poison", f"a good record was set aside: {told}")

    def _state(self) -> str:
        waiting = {name: job.is_behind() for name, job in self.jobs.items()}
        requests = [len(worker.requests) for worker in self.workers]
        return f"jobs {waiting}, requests {requests}, to try again {len(self.clients.again)}"

    def _wall(self) -> WallClock:
        return WallClock(self.clock, self._skew())

    def _skews(self, count: int) -> list[int]:
        return [self._skew() for _ in range(count)]

    def _skew(self) -> int:
        return self.rng.randint(-SKEW_MS, SKEW_MS) if "skew" in self._on else 0
