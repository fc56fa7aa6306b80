"""The benches, one after the other: what docs/benchmarks.md says comes from here.

    python -m tests.bench [--only NAME ...] [--quick] [--json] [--write docs/benchmarks.md]

Each measures with something beside it that a user would take instead, or that bounds what can be
had, by turns in one run; where the work is the same, what comes out is compared. It ends with 1
where that was not equal; a goal that is missed is told, and no failure. `--quick` does a tiny round
of each that needs no market: that they run and compare, not how fast.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Final

from tests.bench.report import Section, machine, say, write

ALONE: Final = {
    "books": "peers",
    "allocation": "book",
    "codec": "codec",
    "posting": "posting",
    "projection": "projecting",
}
"""What needs none of the market's servers, or starts the one that it needs: names and modules."""
ON_SERVERS: Final = {"saturation": "saturation", "market": "market"}
"""What starts several of the market's servers, or all of them, on ports of their own."""
ON_DEMAND: Final = {"size": "size"}
"""Measured only when named: it takes as long as all others."""
BENCHES: Final = ALONE | ON_SERVERS | ON_DEMAND


def main() -> None:
    """Measure, tell and write."""
    options = _options()
    sections: dict[str, Section] = {}
    for name in options.only or (ALONE if options.quick else ALONE | ON_SERVERS):
        began = time.monotonic()
        say(f"{name} …")
        sections[name] = _measure(name, options.quick)
        say(f"{name}: {time.monotonic() - began:.0f} s")
        if options.write:
            write(options.write, sections[name].markdown(), _markers(name), sections[name].title)
    if options.json:
        told = {name: _told(section) for name, section in sections.items()}
        print(json.dumps({"machine": machine(), "benches": told}, indent=2, ensure_ascii=False))
    else:
        for section in sections.values():
            print(f"\n## {section.title}\n\n{section.markdown()}")
    if any(section.unequal for section in sections.values()):
        sys.exit(1)


def _measure(name: str, quick: bool) -> Section:
    """Its module is imported now: some take long to import, and others need what they set up."""
    section: Section = import_module(f"tests.bench.{BENCHES[name]}").measure(quick)
    return section


def _told(section: Section) -> dict[str, object]:
    goals = [{**asdict(goal), "is_reached": goal.is_reached} for goal in section.goals]
    return {
        "title": section.title,
        "versions": section.versions(),
        "figures": section.figures,
        "goals": goals,
        "notes": section.notes,
        "unequal": section.unequal,
    }


def _markers(name: str) -> tuple[str, str]:
    return f"<!-- bench-{name}:start -->", f"<!-- bench-{name}:end -->"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=BENCHES, metavar="NAME", help=", ".join(BENCHES)
    )
    parser.add_argument("--quick", action="store_true", help="a tiny round of each")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--write", type=Path, help="page whose marked sections to renew")
    return parser.parse_args()


if __name__ == "__main__":
    main()
