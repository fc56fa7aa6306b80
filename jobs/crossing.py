"""What crosses between the JVM and Python: many records in one array of bytes.

Each object that crosses costs, the more so nested ones; an array of bytes costs the same however
much is in it. `Gather.java` writes this layout for what goes into Python, `Scatter.java` reads it
of what comes out. All numbers are big-endian:

- how many records there are, how many fields and how many numbers each has (4 bytes each);
- of each record the size of each field, -1 for a field that is null (4 bytes each);
- of each record each number (8 bytes each);
- of each record the bytes of each field.
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

_HEAD: Final = struct.Struct(">iii")
_NULL: Final = -1
Record = tuple[Any, ...]
"""Fields, which are bytes or None, then numbers."""
Output = tuple[bytes, bytes, bytes]
"""Topic, key and value of a record to write."""
Crossing = list[bytes]
"""What a batch makes goes back to the JVM in one piece, if there is any."""


def packed(records: Sequence[Record], numbers: int = 0) -> bytes:
    """Records, which all have as many fields, as one array.

    Args:
        records: the records.
        numbers: how many numbers each ends with.
    """
    fields = len(records[0]) - numbers if records else 0
    parts = [part for record in records for part in record[:fields]]
    sizes = [_NULL if part is None else len(part) for part in parts]
    told = [number for record in records for number in record[fields:]]
    head = _HEAD.pack(len(records), fields, numbers)
    layout = struct.pack(f">{len(sizes)}i{len(told)}q", *sizes, *told)
    return b"".join((head, layout, *filter(None, parts)))


def handed_back(outputs: Sequence[Output]) -> Crossing:
    """What a batch made, on its way to the sink."""
    return [packed(outputs)] if outputs else []


def unpacked(array: bytes) -> list[Record]:
    """The records of an array."""
    count, fields, numbers = _HEAD.unpack_from(array)
    layout = f">{count * fields}i{count * numbers}q"
    told = struct.unpack_from(layout, array, _HEAD.size)
    place = _HEAD.size + struct.calcsize(layout)
    parts: list[bytes | None] = []
    for size in told[: count * fields]:
        if size == _NULL:
            parts.append(None)
        else:
            parts.append(array[place : place + size])
            place += size
    columns = [parts[field::fields] for field in range(fields)]
    of_numbers = told[count * fields :]
    return list(zip(*columns, *(of_numbers[n::numbers] for n in range(numbers)), strict=True))
