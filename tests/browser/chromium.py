"""Installs Chromium where that can be done, and says loudly where it cannot: `python -m …chromium`.

Playwright drives the browser of the system: Debian's `chromium` package. As root on a system with
apt it is installed; elsewhere, whoever runs the tests has to.
"""

import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = """
************************************************************************
  THE BROWSER TESTS WILL NOT RUN: Chromium is not installed here, and
  {why}.
  On Debian: apt-get install chromium
************************************************************************
"""


def found() -> str | None:
    """Where Chromium is; None if it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def install() -> str:
    """Install it; why that failed, or nothing."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return "only root can install it, on a system with apt-get"
    print("installing Chromium for the browser tests…", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends chromium",
    ):
        ended = subprocess.run(command.split(), env=environment, stdout=subprocess.DEVNULL)
        if ended.returncode:
            return f"`{command}` ended with {ended.returncode}"
    return ""


def main() -> None:
    if found() is None:
        why = install()
        if found() is None:
            print(MISSING.format(why=why or "its package brought no program of that name"))


if __name__ == "__main__":
    main()
