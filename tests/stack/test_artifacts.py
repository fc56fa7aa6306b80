"""The lock file of fetched servers."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from schemas.settings import Settings
from stack import artifacts
from stack.artifacts import Artifact, ArtifactError, read_lock, write_lock

DIGEST = hashlib.sha256(b"jar").hexdigest()
LINE = f"registry org.example:app:1.2:all:tar.gz sha256:{DIGEST}"


def test_a_line_names_group_coordinate_and_digest() -> None:
    lock = read_lock(f"# comment\n\n{LINE}\n")
    artifact = Artifact("org.example", "app", "1.2", "all", "tar.gz", DIGEST)
    assert lock == {"registry": (artifact,)}
    assert artifact.path == Path("org/example/app/1.2/app-1.2-all.tar.gz")


def test_what_is_written_reads_back() -> None:
    text = artifacts.LOCK.read_text()
    assert write_lock(read_lock(text)) == text


@pytest.mark.parametrize(
    "line",
    [
        "kafka org.example:app:1.2::jar",
        f"kafka org.example:app:1.2:jar sha256:{DIGEST}",
        f"kafka org.example:app:1.2::jar md5:{DIGEST}",
        "kafka org.example:app:1.2::jar sha256:abcd",
    ],
)
def test_an_unreadable_line_is_named(line: str) -> None:
    with pytest.raises(ArtifactError, match=r"artifacts\.lock line 2 must be .*was"):
        read_lock(f"{LINE}\n{line}\n")


def test_everything_wanted_is_pinned_and_no_host_is_named() -> None:
    lock = artifacts.locked()
    pinned = {
        group: {f"{a.group}:{a.name}:{a.version}" for a in found} for group, found in lock.items()
    }
    wanted = tomllib.loads(artifacts.WANTED.read_text())
    for group, table in wanted.items():
        for coordinate in (*table.get("files", []), *table.get("with_dependencies", [])):
            assert ":".join(coordinate.split(":")[:3]) in pinned[group]
    assert "//" not in artifacts.LOCK.read_text() + artifacts.WANTED.read_text()


def test_kafka_has_one_version_of_each_jar() -> None:
    names = [artifact.name for artifact in artifacts.locked()["kafka"]]
    assert len(names) == len(set(names))


class Repository:
    """Serves the given contents one after the other, as a repository with bad days would."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = list(contents)

    def resolve(self, context: object, artifact: Artifact) -> Path:
        cache = context.repo_cache  # type: ignore[attr-defined]
        path: Path = cache / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.contents.pop(0))
        return path


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(artifacts, "locked", lambda: read_lock(LINE))
    return Settings({}).with_values(ARTIFACTS=str(tmp_path))


def serve(monkeypatch: pytest.MonkeyPatch, *contents: bytes) -> Repository:
    repository = Repository(*contents)
    monkeypatch.setattr(artifacts, "_resolve", repository.resolve)
    return repository


def test_a_truncated_file_is_fetched_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    serve(monkeypatch, b"ja", b"jar")
    artifacts.fetch(settings, said.append)
    (path,) = artifacts.paths(settings, "registry")
    assert path.read_bytes() == b"jar"
    assert said == ["fetching app-1.2-all.tar.gz (1 of 1)"]


def test_what_is_there_and_right_is_not_fetched(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = serve(monkeypatch, b"jar", b"never")
    artifacts.fetch(settings, lambda line: None)
    artifacts.fetch(settings, lambda line: None)
    assert repository.contents == [b"never"]


def test_a_file_that_stays_wrong_is_refused_and_not_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, b"other", b"other")
    with pytest.raises(ArtifactError, match=f"must have SHA-256 {DIGEST}, had .* twice"):
        artifacts.fetch(settings, lambda line: None)
    (path,) = artifacts.paths(settings, "registry")
    assert not path.exists()
