"""Replay: a book's commands in, its facts and final state out (market-rules.md R).

    python -m udfs.replay --book H100.ondemand < commands.jsonl > facts.jsonl

Commands are flat JSON objects, one a line, in the order of the log. No server is needed: anyone
can recompute every fill.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, TextIO, TypeVar, get_args

from schemas.names import Product, SelfTrade, Side, TimeInForce
from udfs.book import Book
from udfs.machine import Command, Fact, Machine, Row, Rows, State, Step
from udfs.matching import MACHINE
from udfs.money import MAX_PRICE_MICROS, MAX_QUANTITY, MIN_PRICE_MICROS, TICK_MICROS

Line = dict[str, Any]
S = TypeVar("S", bound=State)


class BadLine(Exception):
    """A line that is no command; the message names line, field, value and rule."""


def main(arguments: list[str] | None = None) -> int:
    """Replay standard input to standard output; the exit code is 2 for a bad line."""
    options = _parser().parse_args(arguments)
    replay = Replay(options.book)
    try:
        for at_ms, command in _entries(options, sys.stdin):
            for fact in replay.apply(command, at_ms):
                _write({"kind": fact.kind, **fact.record})
    except BadLine as error:
        sys.stdout.flush()
        print(f"udfs.replay: {error}", file=sys.stderr)
        return 2
    _write(final_state(replay.book))
    return 0


class Rerun(Generic[S]):
    """A machine on its way through its log again, as the running job went."""

    def __init__(self, machine: Machine[S], machine_id: str, rows: Rows = ()) -> None:
        """Begin where these rows of its state leave it; without any, where its log begins."""
        self._machine = machine
        self._machine_id = machine_id
        self._rows = {key: Row(str, (text,)) for key, text in rows}
        self.state = self._loaded()

    def step(self, command: Command, at_ms: int) -> Step:
        """What one record does; nothing if the job set it aside as a dead letter."""
        try:
            step = self._machine.apply(self.state, command, at_ms)
        except Exception:  # whatever it is: the job drops the state and loads the rows, so do we
            self.state = self._loaded()
            return Step()
        for key, row in step.writes.items():
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        return step

    def _loaded(self) -> S:
        rows = ((key, row.text()) for key, row in self._rows.items())
        return self._machine.load(self._machine_id, rows)


class Replay(Rerun[Book]):
    """A book on its way through its log again."""

    def __init__(self, book_id: str, rows: Rows = ()) -> None:
        """Begin where these rows of its state leave it; without any, where its log begins."""
        super().__init__(MACHINE, book_id, rows)

    @property
    def book(self) -> Book:
        return self.state

    def apply(self, command: Command, at_ms: int) -> list[Fact]:
        """The facts of one record; none for one that the job set aside as a dead letter."""
        return self.step(command, at_ms).facts


def replay_book(book_id: str, commands: Iterable[tuple[int, Command]]) -> tuple[list[Fact], Book]:
    """Every fact that a book's log makes, and the book after it.

    Args:
        book_id: the book.
        commands: append time in ms and `BookCommand` of each record, in the order of the log.
    """
    replay = Replay(book_id)
    facts = [fact for at_ms, command in commands for fact in replay.apply(command, at_ms)]
    return facts, replay.book


def final_state(book: Book) -> Line:
    """The last line of a replay."""
    return {
        "kind": "state",
        "hash": book.state_hash(),
        "resting": len(book.orders),
        "book_seq": book.seq,
    }


def _entries(options: argparse.Namespace, lines: TextIO) -> Iterator[tuple[int, Command]]:
    """The parameter record that the flags stand for, then the lines."""
    parameters = {"top": options.top, "book_minimum": options.book_minimum}
    yield 0, {"kind": "set_book", "set_book": parameters}
    for number, line in enumerate(_decoded(lines), 1):
        if line.strip():
            try:
                yield parse(line)
            except BadLine as error:
                raise BadLine(f"line {number}: {error}") from None


def _decoded(lines: TextIO) -> Iterator[str]:
    try:
        yield from lines
    except UnicodeDecodeError as error:
        raise BadLine(f"the input must be UTF-8: {error}") from None


def _write(line: Mapping[str, Any]) -> None:
    print(json.dumps(line, separators=(",", ":")))


# One line ------------------------------------------------------------------------------------


def parse(text: str) -> tuple[int, Command]:
    """Append time and `BookCommand` of a line.

    Raises:
        BadLine: it is not a JSON object, or a field is missing or not what its rule says.
    """
    line = _object(text)
    kind = line.get("kind")
    if not isinstance(kind, str) or kind not in _BODIES:
        raise BadLine(f"kind must be one of {', '.join(_BODIES)}, was {kind!r}")
    header = _checked(line, _HEADER)
    if header.get("source") and "source_seq" not in header:
        raise BadLine("source_seq is missing: a source numbers its commands (B5)")
    at_ms = header.pop("at_ms")
    return at_ms, {"kind": kind, **header, kind: _checked(line, _BODIES[kind])}


def _object(text: str) -> Line:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"not JSON: {error}") from None
    if not isinstance(line, dict):
        raise BadLine(f"must be a JSON object, was {text.strip()[:60]}")
    return {name: value for name, value in line.items() if value is not None}


def _checked(line: Line, fields: "dict[str, _Field]") -> Line:
    """The line's values of these fields; what is absent is left out, if it may be."""
    found = {}
    for name, field in fields.items():
        if name not in line:
            if field.required:
                raise BadLine(f"{name} is missing")
        elif not field.allows(line[name]):
            raise BadLine(f"{name} must be {field.rule}, was {json.dumps(line[name])}")
        else:
            found[name] = line[name]
    return found


class _Field(NamedTuple):
    allows: Callable[[Any], bool]
    rule: str
    required: bool = False


def _whole(least: int, most: int | None = None, step: int = 1, *, required: bool = False) -> _Field:
    """A whole number in a range."""

    def allows(value: Any) -> bool:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and least <= value and (most is None or value <= most) and value % step == 0

    rule = f"a whole number from {least}" + (f" to {most}" if most is not None else "")
    return _Field(allows, rule + (f", a multiple of {step}" if step > 1 else ""), required)


def _word(*allowed: str, required: bool = False) -> _Field:
    rule = "one of " + ", ".join(word or '""' for word in allowed)
    return _Field(lambda value: isinstance(value, str) and value in allowed, rule, required)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


_TEXT: Final = _Field(_is_text, "a printable string")
_ORDER_ID: Final = _Field(lambda value: bool(_is_text(value) and value), "an id", required=True)
_FLAG: Final = _Field(lambda value: isinstance(value, bool), "true or false")

_HEADER: Final = {
    "at_ms": _whole(0, required=True),
    "command_id": _TEXT,
    "account_id": _TEXT,
    "source": _TEXT,
    "source_seq": _whole(0),
}
_PLACE: Final = {
    "order_id": _ORDER_ID,
    "side": _word(*get_args(Side), required=True),
    "quantity": _whole(1, MAX_QUANTITY, required=True),
    "price_micros": _whole(MIN_PRICE_MICROS, MAX_PRICE_MICROS, TICK_MICROS, required=True),
    "duration_seconds": _whole(1, required=True),
    "time_in_force": _word(*get_args(TimeInForce), ""),
    "expires_at_ms": _whole(0),
    "post_only": _FLAG,
    "min_fill": _whole(0),
    "self_trade": _word(*get_args(SelfTrade)),
    "region": _TEXT,
    "min_duration_seconds": _whole(0),
    "available_until_ms": _whole(0),
}
_AMEND: Final = {
    "order_id": _ORDER_ID,
    "quantity": _whole(0, MAX_QUANTITY),
    "price_micros": _whole(0, MAX_PRICE_MICROS, TICK_MICROS),
}
_BODIES: Final[dict[str, dict[str, _Field]]] = {
    "place_order": _PLACE,
    "cancel_order": {"order_id": _ORDER_ID},
    "amend_order": _AMEND,
    "withdraw": {"order_id": _ORDER_ID, "quantity": _whole(0, required=True)},
    "set_book": {"top": _whole(0), "book_minimum": _whole(0)},
    "tick": {"want_hash": _FLAG},
    "halt_book": {},
    "resume_book": {},
}


# The command line ----------------------------------------------------------------------------


def _book_id(text: str) -> str:
    gpu_type, _, product = text.rpartition(".")
    if not gpu_type or product not in get_args(Product):
        raise argparse.ArgumentTypeError(
            f"a book is GPU_TYPE.PRODUCT with product {', '.join(get_args(Product))} (B1), "
            f"was {text!r}"
        )
    return text


def _gpu_count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"must be a whole number of GPUs, was {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m udfs.replay",
        description="Recompute a book: commands as JSON lines in, facts as JSON lines out.",
    )
    parser.add_argument("--book", required=True, type=_book_id, help="its id: H100.ondemand")
    parser.add_argument("--top", type=_gpu_count, default=0, help="top step (A1), default 0")
    parser.add_argument(
        "--book-minimum", type=_gpu_count, default=1, help="smallest share (A3), default 1"
    )
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader like `head` may leave early
    sys.exit(main())
