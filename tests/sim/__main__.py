"""Run the simulator: `python -m tests.sim --seeds 10000`, or one seed with its trace.

    python -m tests.sim --seeds 10000 --processes 2
    python -m tests.sim --seed 92 --trace
    python -m tests.sim --seed 92 --without amend,halt --keep 3-5,17
    python -m tests.sim --mutants

A seed that fails is printed with its first offence, made small, and the command that plays the
small one again.
"""

import argparse
import faulthandler
import gc
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from tests.sim.mutants import LATE, MUTANTS
from tests.sim.run import Outcome, run
from tests.sim.schedule import Schedule, schedule
from tests.sim.shrink import first_failure, kept, ranges, read_ranges, shrunk
from tests.sim.watcher import Printer

MUTANT_SEEDS = 500
"""Within so many seeds each mutant must be found."""
PROGRESS_SECONDS = 10.0
CHUNK = 20
STANDS_STILL_SECONDS = 60.0
"""A seed takes a fifth of a second."""
STANDARD_ERROR = 2


class Swept(NamedTuple):
    """What one of many seeds came to, as it crosses from one process to another."""

    seed: int
    offence: str
    """Empty for none."""
    records: int
    trades: int


@dataclass(slots=True)
class Totals:
    """What some seeds came to."""

    seeds: int = 0
    records: int = 0
    trades: int = 0
    seconds: float = 0.0
    failed: list[tuple[int, str]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        return {
            "seeds": self.seeds,
            "seconds": round(self.seconds, 1),
            "seeds_per_second": round(self.seeds / max(self.seconds, 1e-9), 1),
            "records": self.records,
            "trades": self.trades,
            "failed": [{"seed": seed, "offence": text} for seed, text in sorted(self.failed)],
        }


def main(arguments: list[str] | None = None) -> int:
    """The exit code is 1 where a seed failed, or a mutant was not found."""
    options = _parser().parse_args(arguments)
    if options.mutants:
        return _mutants(options)
    if options.seed is not None:
        return _one(options)
    return _many(options)


def _many(options: argparse.Namespace) -> int:
    totals = sweep(range(options.first, options.first + options.seeds), options)
    told = totals.told()
    if options.json:
        print(json.dumps(told))
    else:
        rate, trades, records = told["seeds_per_second"], totals.trades, totals.records
        print(
            f"{totals.seeds} seeds in {totals.seconds:.0f} s ({rate}/s), {records} records, "
            f"{trades} trades, {len(told['failed'])} failed"
        )
    failed = sorted(totals.failed)
    if failed and not options.json:
        _explain(schedule(failed[0][0]))
    return 1 if failed else 0


def sweep(seeds: range, options: argparse.Namespace) -> Totals:
    """Run these seeds in some processes, and tell how far it is."""
    totals = Totals()
    started = last = time.monotonic()
    for outcome in _outcomes(seeds, options.processes):
        totals.seeds += 1
        totals.records += outcome.records
        totals.trades += outcome.trades
        if outcome.offence:
            totals.failed.append((outcome.seed, outcome.offence))
            print(f"seed {outcome.seed} failed: {outcome.offence}", file=sys.stderr, flush=True)
        now = time.monotonic()
        totals.seconds = now - started
        if now - last > PROGRESS_SECONDS:
            last = now
            failures = len(totals.failed)
            line = f"{totals.seeds} of {len(seeds)} seeds, {failures} failed, {now - started:.0f} s"
            print(line, file=sys.stderr, flush=True)
    return totals


def _outcomes(seeds: range, processes: int) -> Iterator[Swept]:
    if processes == 1:
        yield from map(_run_seed, seeds)
        return
    chunks = [seeds[first : first + CHUNK] for first in range(0, len(seeds), CHUNK)]
    # Unlike multiprocessing's Pool it ends with an error when a process of it dies.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("fork")) as pool:
        for ran in as_completed([pool.submit(_run_seeds, chunk) for chunk in chunks]):
            yield from ran.result()


def _run_seeds(seeds: range) -> list[Swept]:
    """Some seeds in a process of their own, which says where it is and ends if it stands still."""
    swept = []
    for seed in seeds:
        faulthandler.dump_traceback_later(STANDS_STILL_SECONDS, exit=True, file=STANDARD_ERROR)
        swept.append(_run_seed(seed))
    faulthandler.cancel_dump_traceback_later()
    return swept


def _run_seed(seed: int) -> Swept:
    outcome = run(schedule(seed))
    # Jobs that open keep Python's collector from what there is (`jobs.garbage`): of thousands that
    # open here nothing would ever be freed.
    gc.unfreeze()
    gc.collect()
    offence = _text(outcome) if outcome.offence is not None else ""
    return Swept(seed, offence, outcome.records, outcome.trades)


def _one(options: argparse.Namespace) -> int:
    whole = schedule(options.seed)
    places = read_ranges(options.keep) if options.keep is not None else range(len(whole.moves))
    chosen = kept(whole, places, frozenset(filter(None, options.without.split(","))))
    with MUTANTS[options.mutant]() if options.mutant else nullcontext():
        outcome = run(chosen, Printer() if options.trace else None)
        print(f"seed {outcome.seed}: trace {outcome.trace}, {outcome.records} records")
        if outcome.offence is None:
            print("no offence")
            return 0
        if options.keep is None:
            _explain(chosen, options.mutant)
        else:
            print(_text(outcome))
    return 1


def _explain(whole: Schedule, mutant: str = "") -> None:
    """Print a failing schedule's offence, and the smallest schedule found that has it too."""
    outcome = run(whole)
    print(f"seed {whole.seed} fails after {outcome.moves} of {len(whole.moves)} moves:")
    print(f"  {_text(outcome)}")
    print(f"  features: {', '.join(sorted(whole.on))}")
    places, without, small = shrunk(whole, outcome)
    print(f"made small: {len(places)} moves, features {', '.join(sorted(whole.on - without))}:")
    print(f"  {_text(small)}")
    flags = f" --mutant {mutant}" if mutant else ""
    flags += f" --without {','.join(sorted(without))}" if without else ""
    print(f"again: python -m tests.sim --seed {whole.seed}{flags} --keep {ranges(places)} --trace")


def _text(outcome: Outcome) -> str:
    offence = outcome.offence
    name = "" if type(offence).__name__ == "Offence" else f"{type(offence).__name__}: "
    return f"{name}{offence}"


def _mutants(options: argparse.Namespace) -> int:
    """Find every mutant, and say at which seed."""
    missed = 0
    with multiprocessing.get_context("fork").Pool(options.processes) as pool:
        for name, told in pool.imap(_found_mutant, MUTANTS, 1):
            missed += told is None
            print(f"{name}: {told or 'NOT FOUND'}", flush=True)
    print(f"{len(MUTANTS) - missed} of {len(MUTANTS)} mutants found within {MUTANT_SEEDS} seeds")
    return 1 if missed else 0


def _found_mutant(name: str) -> tuple[str, str | None]:
    begin = LATE.get(name, 0)
    with MUTANTS[name]():
        found = first_failure(chain(range(begin, MUTANT_SEEDS), range(begin)), schedule)
    return name, f"seed {found[0].seed}: {_text(found[1])[:110]}" if found else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="tell the result as JSON")
    parser.add_argument("--seed", type=int, help="run this one alone")
    parser.add_argument("--trace", action="store_true", help="print its moves and records")
    parser.add_argument("--keep", help="only these of its moves: 0-3,7")
    parser.add_argument("--without", default="", help="features to leave out: amend,halt")
    parser.add_argument("--mutant", choices=MUTANTS, default="", help="break the market like this")
    parser.add_argument("--mutants", action="store_true", help="find every mutant")
    return parser


if __name__ == "__main__":
    sys.exit(main())
