"""Redis loses everything, as if it had been begun anew on another machine."""

from dataclasses import dataclass
from random import Random

from redis import Redis

from tests.faults.fault import Struck
from tests.faults.harness import Harness


@dataclass(frozen=True, slots=True)
class WipeRedis:
    """FLUSHALL: answers come from ClickHouse until facts make the rows anew."""

    name: str = "wipe-redis"
    what: str = "FLUSHALL in Redis"
    limit_seconds: float = 30.0

    def strike(self, harness: Harness, rng: Random) -> Struck:
        Redis.from_url(harness.market.settings.text("REDIS_URL")).flushall()
        return Struck()


FAULTS = (WipeRedis(),)
