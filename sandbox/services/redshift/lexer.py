"""SQL text cut into tokens that remember where they stood, to recognise a statement and rewrite parts of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    | (?P<string>'(?:[^']|'')*')
    | (?P<dollar>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<word>[^\W\d][\w$]*)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<symbol>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A piece of SQL: `kind` is string, quoted (an identifier), word, number or symbol; [start, end) in the text."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """An unquoted word or symbol in upper case; empty for anything else."""
        return self.text.upper() if self.kind in ("word", "symbol") else ""


def tokens(sql: str) -> Iterator[Token]:
    """The tokens of a statement without spaces and comments; strings (dollar-quoted ones, too) without their quotes."""
    for match in TOKEN.finditer(sql):
        kind, text = match.lastgroup, match.group()
        if kind == "space" or kind is None:
            continue
        if kind == "string":
            text = text[1:-1].replace("''", "'")
        elif match["dollar"]:
            kind, text = "string", text[len(match["tag"]) + 2 : -len(match["tag"]) - 2]
        yield Token(kind, text, match.start(), match.end())
