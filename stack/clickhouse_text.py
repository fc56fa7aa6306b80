"""What must be known about a ClickHouse statement without running it.

Where an insert's data begins, whether it is one statement, whether it only reads: pure functions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

READING = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "FROM"})

_TOKEN = re.compile(
    rb"""
    (?P<space>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
  | (?P<string>'(?:[^'\\]|\\.|'')*')
  | (?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
  | (?P<heredoc>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a quoted name, a string or one other character; `text` is without its quotes."""

    kind: str
    text: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.upper() in words

    @property
    def is_name(self) -> bool:
        return self.kind in ("word", "quoted")


def tokens(statement: bytes) -> Iterator[Token]:
    """The tokens of a statement, lazily: an insert's data behind it is never looked at."""
    for match in _TOKEN.finditer(statement):
        kind = match.lastgroup if match.lastgroup != "tag" else "heredoc"
        if kind and kind != "space":
            text = match[kind].decode("utf-8", "replace")
            yield Token(kind, _bare(kind, text), match.start(), match.end())


def _bare(kind: str, text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "quoted" else text


@dataclass(frozen=True, slots=True)
class Insert:
    """An insert whose data follows in a format: what to run, how to read the data, and the data."""

    statement: str
    format: str
    data: bytes


def split_insert(statement: bytes) -> Insert | None:
    """The parts of `INSERT INTO … FORMAT X <data>`; None for any other statement."""
    depth = 0
    seen = tokens(statement)
    first = next(seen, None)
    if first is None or not first.is_word("INSERT"):
        return None
    for token in seen:
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "other" else 0
        if depth == 0 and token.is_word("SELECT", "VALUES", "WITH", "WATCH"):
            return None
        if depth == 0 and token.is_word("FORMAT"):
            return _insert_at(statement, token, next(seen, None))
    return None


def _insert_at(statement: bytes, keyword: Token, name: Token | None) -> Insert | None:
    if name is None or name.is_word("VALUES"):
        return None
    text = statement[: keyword.start].decode()
    return Insert(text.strip(), name.text, _data_after(statement, name.end))


def _data_after(statement: bytes, end: int) -> bytes:
    """Data begins behind the spaces after the format's name, and one line end if there is one."""
    while statement[end : end + 1] in (b" ", b"\t", b"\r"):
        end += 1
    return statement[end + 1 :] if statement[end : end + 1] == b"\n" else statement[end:]


def is_read(statement: bytes) -> bool:
    """Whether the statement begins like a read: enough to choose a session, not to permit it."""
    first = next((t for t in tokens(statement) if t.text != "("), None)
    return first is not None and first.is_word(*READING)


def is_single(statement: bytes) -> bool:
    """Whether nothing but space follows the first semicolon."""
    seen = tokens(statement)
    ended = any(token.text == ";" and token.kind == "other" for token in seen)
    return not ended or next(seen, None) is None


def output_format(statement: bytes) -> str | None:
    """The format that a statement names for its output, outside of any parentheses."""
    depth, found, previous = 0, None, None
    for token in tokens(statement):
        if token.kind == "other":
            depth += {"(": 1, ")": -1}.get(token.text, 0)
        elif depth == 0 and previous and previous.is_word("FORMAT") and token.is_name:
            found = token.text
        previous = token
    return found
