"""What is read of a checkpoint before a job starts from it, on a savepoint of a running job."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from jobs import kafka
from jobs.cluster import Cluster
from jobs.saved_state import METADATA
from schemas.names import ACCOUNTS_COMMANDS
from schemas.settings import Settings
from stack.flink import client_environment
from stack.program import python_environment

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]
SCRIPT = """
import json, sys
from pathlib import Path
from jobs import checkpoint
from jobs.saved_state import Torn

def told(folder):
    try:
        return checkpoint.read(Path(folder))
    except Torn as torn:
        return str(torn)

print(json.dumps([told(folder) for folder in sys.argv[1:]]))
"""


def take_savepoint(settings: Settings, folder: Path) -> Path:
    """A savepoint of the running admission job, in a folder of its own."""
    with closing(Cluster(settings.text("FLINK_URL"))) as cluster:
        (job,) = [each for each in cluster.jobs() if each.title.startswith("admission")]
    url = f"{settings.text('FLINK_URL')}/jobs/{job.job_id}/savepoints"
    asked = httpx.post(url, json={"target-directory": folder.as_uri(), "cancel-job": False})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = httpx.get(f"{url}/{asked.json()['request-id']}").json()
        if answer["status"]["id"] == "COMPLETED":
            return Path(httpx.URL(answer["operation"]["location"]).path)
        time.sleep(0.2)
    raise AssertionError("no savepoint")


def copies(savepoint: Path, folder: Path, *names: str) -> list[Path]:
    return [Path(shutil.copytree(savepoint, folder / name)) for name in names]


def flip_a_bit(file: Path, kept: Path) -> None:
    """Keep the file's digest, as the supervisor does, then change one bit in its middle."""
    content = bytearray(file.read_bytes())
    kept.mkdir(parents=True)
    (kept / f"{file.name}.sha256").write_text(hashlib.sha256(content).hexdigest())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_whole_one_tells_its_offsets_and_a_torn_one_what_is_wrong(
    market: Settings, tmp_path: Path
) -> None:
    savepoint = take_savepoint(market, tmp_path / "savepoints")
    names = ("half-known", "cut", "short", "gone", "flipped")
    half_known, cut, short, gone, flipped = copies(savepoint, tmp_path, *names)
    (cut / METADATA).write_bytes((cut / METADATA).read_bytes()[:-1])
    (file,) = [each.name for each in savepoint.iterdir() if each.name != METADATA]
    (short / file).write_bytes((short / file).read_bytes()[:-1])
    (gone / file).unlink()
    sums = tmp_path.with_name(f"{tmp_path.name}.sums")
    flip_a_bit(flipped / METADATA, kept=sums / "flipped")
    (sums / half_known.name).mkdir(parents=True)
    (sums / half_known.name / f"{METADATA}.sha256").write_text("")  # as a full disk left it

    folders = [str(each) for each in (savepoint, half_known, cut, short, gone, flipped)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *folders],
        env={**python_environment(market), **client_environment(market)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    whole, as_whole, *torn = json.loads(done.stdout)

    with closing(kafka.consumer(market, "test-checkpoint")) as client:
        marks = kafka.watermarks(client, ACCOUNTS_COMMANDS)
    assert {int(partition) for partition in whole} == marks.keys()
    assert all(0 <= whole[str(partition)] <= end for partition, (_, end) in marks.items())
    assert sum(whole.values()) > 0
    assert as_whole == whole
    size_bytes = (savepoint / file).stat().st_size
    assert torn == [
        f"{cut}: java.io.EOFException",
        f"{short / file}, of {size_bytes} bytes, has {size_bytes - 1} bytes",
        f"{gone / file}, of {size_bytes} bytes, is gone",
        f"{flipped / METADATA} is not what was written",
    ]
