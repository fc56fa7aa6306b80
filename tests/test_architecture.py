"""Arrows that import-linter cannot see: which module may reach what (docs/architecture.md)."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("schemas", "udfs", "jobs", "query_api", "stack", "cli")
SOURCES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def names(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def relative(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_there_is_code_to_check() -> None:
    assert {file.relative_to(ROOT).parts[0] for file in SOURCES} == set(PACKAGES)


@pytest.mark.parametrize("file", SOURCES, ids=relative)
def test_only_the_settings_read_the_environment(file: Path) -> None:
    reads = {"os.environ", "os.getenv"} & set(names(file))
    assert not reads or relative(file) == "schemas/settings.py"


@pytest.mark.parametrize("file", SOURCES, ids=relative)
def test_only_the_codec_knows_fastavro(file: Path) -> None:
    knows = any(name.split(".")[0] == "fastavro" for name in imported(file))
    assert not knows or relative(file) == "schemas/codec.py"


@pytest.mark.parametrize("file", sorted((ROOT / "udfs").rglob("*.py")), ids=relative)
def test_the_market_is_plain_python(file: Path) -> None:
    allowed = sys.stdlib_module_names | {"sortedcontainers", "schemas", "udfs"}
    assert {name.split(".")[0] for name in imported(file)} <= allowed


@pytest.mark.parametrize("file", sorted((ROOT / "udfs").rglob("*.py")), ids=relative)
def test_the_market_has_no_clock_no_chance_and_no_network(file: Path) -> None:
    forbidden = {"time", "datetime", "random", "secrets", "socket", "threading", "asyncio"}
    assert not {name.split(".")[0] for name in imported(file)} & forbidden
    assert "uuid.uuid4" not in set(names(file))
