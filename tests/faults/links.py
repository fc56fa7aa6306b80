"""Links between the market's parts and its servers that are slow, or reset again and again."""

from dataclasses import dataclass
from random import Random

from tests.faults.fault import NotPossible, Struck
from tests.faults.harness import Harness
from tests.faults.market import wait
from tests.faults.proxy import Link

BAD_SECONDS = 10.0
DELAY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class SlowLinks:
    """Every chunk to and from Kafka, Redis and ClickHouse is late."""

    name: str = "slow-links"
    what: str = "what goes to and from Kafka, Redis and ClickHouse 100 ms late for 10 s"
    limit_seconds: float = 60.0

    def strike(self, harness: Harness, rng: Random) -> Struck:
        links = _links(harness)
        for link in links:
            link.delay_seconds = DELAY_SECONDS
        wait(BAD_SECONDS)
        for link in links:
            link.delay_seconds = 0.0
        return Struck()


@dataclass(frozen=True, slots=True)
class ResettingLinks:
    """One link after another, drawn by chance, loses all its connections."""

    name: str = "reset-links"
    what: str = "all connections of a link to Kafka, Redis or ClickHouse reset, 20 times in 10 s"
    limit_seconds: float = 60.0

    def strike(self, harness: Harness, rng: Random) -> Struck:
        links = _links(harness)
        for _ in range(20):
            rng.choice(links).reset()
            wait(BAD_SECONDS / 20)
        return Struck()


def _links(harness: Harness) -> list[Link]:
    if not harness.market.links:
        raise NotPossible("this market has no links of its own")
    return list(harness.market.links)


FAULTS = (SlowLinks(), ResettingLinks())
