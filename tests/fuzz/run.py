"""Rounds of cases until there were enough: what one process of the fuzzer does."""

import asyncio
import warnings
from collections.abc import Callable
from functools import partial
from typing import Final

from tests.api.asgi import Answered, ask
from tests.fuzz.arena import Arena, Told
from tests.fuzz.bodies import Request, shoot
from tests.fuzz.documented import Documented, Sequences

EXAMPLES: Final = 20
"""Of each operation in a round."""
SEQUENCES: Final = 25
"""In a round."""
SPOILED: Final = 500
"""Bodies in a round."""
SHARES: Final = {"documented": 0.4, "sequences": 0.1, "bodies": 0.5}
Round = Callable[[int], None]


def fuzz(seed: int, cases: int) -> dict[str, Told]:
    """Send at least so many cases, and tell what came of each kind."""
    warnings.simplefilter("ignore")
    return {kind: shot(kind, seed, int(cases * share)) for kind, share in SHARES.items()}


def shot(kind: str, seed: int, cases: int) -> Told:
    """Send at least so many cases of a kind to a market of their own."""
    arena = Arena()
    shoot_round, number = _round(kind, arena, cases), seed * 1_000_003
    while arena.told.cases < cases:
        number += 1
        shoot_round(number)
    return arena.told


def _round(kind: str, arena: Arena, cases: int) -> Round:
    """A round of this kind, smaller where few cases are wanted."""
    if kind == "documented":
        return partial(Documented(arena).round, examples=min(EXAMPLES, 1 + cases // 50))
    if kind == "sequences":
        return partial(Sequences(arena).round, examples=min(SEQUENCES, 1 + cases // 5))
    return partial(_bodies, arena, examples=min(SPOILED, cases))


def _bodies(arena: Arena, number: int, examples: int) -> None:
    arena.renew()
    with asyncio.Runner() as runner:

        def send(request: Request) -> Answered:
            headers = {"Authorization": f"Bearer {arena.key}", **request.headers}
            method = request.endpoint.method
            return runner.run(ask(arena, method, request.target, headers, request.body))

        found = shoot(send, arena.ids, number, examples)
    if found:
        arena.told.flaws.append(found)
