"""What a checkpoint or savepoint holds, told by Flink's own classes before a job starts from it.

Flink finds out for itself when it restores: a `_metadata` that is cut off ends the submission, and
a file that is gone makes the job fail again and again. Here both are found before, so that an older
one can be used. Like `environment`, this module uses classes that Flink does not promise to keep.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from py4j.protocol import Py4JJavaError
from pyflink.java_gateway import get_gateway

from jobs.saved_state import METADATA, Torn

DIGITS: Final = 64
"""Of a digest that is whole."""

SOURCE_STATE: Final = "SourceReaderState"
SPLIT_VERSION: Final = 0
"""Of KafkaPartitionSplitSerializer."""


def read(folder: Path) -> dict[int, int]:
    """See that a checkpoint is whole; return the next offset of each partition of its job's log.

    A partition of which nothing was read yet has offset 0.

    Raises:
        Torn: its metadata cannot be read, or a file that it needs is gone, too short, or not what
            was written.
    """
    try:
        _check_digest(folder / METADATA, folder.parent)
        states = [state for operator in _operators(folder) for state in _states(operator)]
        for state in states:
            for stream in _streams(state):
                _check_file(stream, folder.parent)
        return {part: offset for state in states for part, offset in _offsets(state)}
    except Py4JJavaError as error:
        raise Torn(f"{folder}: {error.java_exception.toString()}") from None


def _operators(folder: Path) -> Iterator[Any]:
    jvm = get_gateway().jvm
    file = jvm.java.io.DataInputStream(jvm.java.io.FileInputStream(str(folder / METADATA)))
    try:
        metadata = jvm.org.apache.flink.runtime.checkpoint.Checkpoints.loadCheckpointMetadata(
            file, jvm.Thread.currentThread().getContextClassLoader(), folder.as_uri()
        )
    finally:
        file.close()
    return _each(metadata.getOperatorStates())


def _states(operator: Any) -> Iterator[Any]:
    """Every state handle of every subtask of an operator."""
    for subtask in _each(operator.getStates()):
        yield from _each(subtask.getManagedOperatorState())
        yield from _each(subtask.getRawOperatorState())
        yield from _each(subtask.getManagedKeyedState())
        yield from _each(subtask.getRawKeyedState())


def _streams(state: Any) -> Iterator[Any]:
    """The handles of the bytes that a state consists of."""
    if _kind(state) != "IncrementalRemoteKeyedStateHandle":
        yield state.getDelegateStateHandle()
        return
    yield state.getMetaDataStateHandle()
    for part in (*_each(state.getSharedState()), *_each(state.getPrivateState())):
        yield part.getHandle()


def _check_file(stream: Any, job: Path) -> None:
    """Small states are in the metadata; of the others the file must be there, and long enough."""
    if _kind(stream) not in ("FileStateHandle", "RelativeFileStateHandle"):
        return
    file = Path(stream.getFilePath().getPath())
    size_bytes = file.stat().st_size if file.exists() else None
    if size_bytes is None or size_bytes < stream.getStateSize():
        found = "is gone" if size_bytes is None else f"has {size_bytes} bytes"
        raise Torn(f"{file}, of {stream.getStateSize()} bytes, {found}")
    _check_digest(file, job)


def _check_digest(file: Path, job: Path) -> None:
    """A file of a job's checkpoints is as it was when it was new, as far as somebody knows.

    The supervisor of a local stack keeps digests in `<job id>.sums/`, each as `<file>.sha256`
    (`stack/checkpoint_sums.py`); object stores check for themselves.
    """
    if job not in file.parents:
        return
    kept = job.with_name(f"{job.name}.sums") / f"{file.relative_to(job)}.sha256"
    digest = kept.read_text() if kept.exists() else ""
    if len(digest) != DIGITS:
        return  # nobody knows, or what is known was cut off
    if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
        raise Torn(f"{file} is not what was written")


def _offsets(state: Any) -> Iterator[tuple[int, int]]:
    """Partition and next offset of each split, as KafkaPartitionSplitSerializer wrote them."""
    if not _kind(state).startswith("Operator"):
        return
    places = state.getStateNameToPartitionOffsets().get(SOURCE_STATE)
    if places is None:
        return
    stream = state.openInputStream()
    data = get_gateway().jvm.java.io.DataInputStream(stream)
    for place in places.getOffsets():
        stream.seek(place)
        data.readInt()  # length of all that follows
        version = data.readInt()
        if version != SPLIT_VERSION:
            raise Torn(f"a split of the log must have version {SPLIT_VERSION}, has {version}")
        data.readInt()  # length of the split
        data.readUTF()  # the topic
        partition, offset = data.readInt(), data.readLong()
        yield partition, max(offset, 0)  # negative names a place: the beginning
    stream.close()


def _kind(handle: Any) -> str:
    return str(handle.getClass().getSimpleName())


def _each(collection: Any) -> Iterator[Any]:
    """The elements of any Java collection."""
    iterator = collection.iterator()
    while iterator.hasNext():
        yield iterator.next()
