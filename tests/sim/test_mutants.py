"""Each broken market is found within 500 seeds (`make sim-mutants` tells at which)."""

import subprocess
import sys

import pytest

from tests.sim.mutants import MUTANTS


@pytest.mark.timeout(300)
def test_every_broken_market_is_found() -> None:
    """In processes of its own: coverage would only slow it down."""
    command = [sys.executable, "-m", "tests.sim", "--mutants"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"{len(MUTANTS)} of {len(MUTANTS)} mutants found" in found.stdout
