"""Shoot at the API: `python -m tests.fuzz --cases 100000`, in process, on a market in memory.

Half of the cases schemathesis makes from the OpenAPI document, operation by operation or in
sequences, under all its checks; the others are good bodies that Hypothesis spoils. No answer may
be 500 or more, and each must be as documented. A case is a request; with the seed told at the end
the same ones are sent again. `--running` sends spoiled bodies to the market that runs instead.
"""

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Final

from cli.session import Session
from schemas.settings import from_environment
from tests.fuzz.arena import Told
from tests.fuzz.real import shoot_at
from tests.fuzz.run import SHARES, fuzz

SHOWN: Final = 10
"""Flaws that are printed."""


def main(arguments: list[str] | None = None) -> int:
    """The exit code is 1 where an answer was not as promised."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    if options.running:
        told = shoot_at(Session(from_environment()), options.seed, options.cases)
        return _report({"bodies": told}, time.monotonic() - started, options.seed)
    share = -(-options.cases // options.processes)
    seeds = [options.seed * options.processes + at for at in range(options.processes)]
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        parts = list(pool.map(partial(fuzz, cases=share), seeds))
    kinds = {kind: Told() for kind in SHARES}
    for part in parts:
        for kind, told in part.items():
            kinds[kind].add(told)
    return _report(kinds, time.monotonic() - started, options.seed)


def _report(kinds: dict[str, Told], seconds: float, seed: int) -> int:
    for kind, told in kinds.items():
        print(
            f"{kind}: {told.cases} cases, answers {json.dumps(dict(sorted(told.statuses.items())))}"
        )
    flaws = [flaw for told in kinds.values() for flaw in told.flaws]
    for flaw in list(dict.fromkeys(flaws))[:SHOWN]:
        print(f"FLAW {flaw}")
    cases = sum(told.cases for told in kinds.values())
    faults = sum(
        n for told in kinds.values() for status, n in told.statuses.items() if status >= 500
    )
    print(f"{cases} cases in {seconds:.0f} s (seed {seed}): {faults} answers of 500 or more, "
          f"{len(flaws)} flaws")  # fmt: skip
    return 1 if flaws or faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--running", action="store_true", help="at the market that runs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
