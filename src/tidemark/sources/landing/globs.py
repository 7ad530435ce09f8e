"""Patterns of paths, as shells and Hadoop have them; a path without `*`, `?`, `[` or `{` is none.

`*` and `?` stay within a folder, `**/` is any number of folders, `[a-c]`, `[!a]` and `{csv,txt}` choose, a backslash
takes the next character as it is. A pattern that fits a folder means the files below it.
"""

from __future__ import annotations

import re
from functools import lru_cache

_MAGIC = re.compile(r"[*?\[{]")
_CLASS = re.compile(r"\[([!^]?)(\]?[^\]]*)\]")
_CHOICE = re.compile(r"\{([^{}]*)\}")


def is_pattern(text: str) -> bool:
    return _MAGIC.search(text) is not None


def literally(text: str) -> str:
    """A part of a pattern that fits this text alone."""
    return re.sub(r"([\\*?\[{])", r"\\\1", text)


def literal_part(pattern: str) -> str:
    """The folder in which everything lies that the pattern fits."""
    magic = _MAGIC.search(pattern)
    return pattern if magic is None else pattern[: magic.start()].rpartition("/")[0]


def in_pattern(path: str, pattern: str) -> bool:
    """Whether the pattern fits the path, or a folder that it lies in."""
    expression = _compiled(pattern)
    parts = path.split("/")
    return any(expression.fullmatch("/".join(parts[:count])) for count in range(len(parts), 0, -1))


def may_fit_below(folder: str, pattern: str) -> bool:
    """Whether the pattern may fit something in a folder of which nobody knows what is in it."""
    return "**" in pattern or in_pattern(folder, pattern) or pattern.count("/") > folder.count("/")


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_translated(pattern), re.DOTALL)


def _translated(pattern: str) -> str:
    position, parts = 0, []
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("**/"):
            part, length = "(?:.*/)?", 3
        elif rest.startswith("**"):
            part, length = ".*", 2
        elif rest[0] == "\\" and len(rest) > 1:
            part, length = re.escape(rest[1]), 2
        elif rest[0] in "*?":
            part, length = "[^/]*" if rest[0] == "*" else "[^/]", 1
        elif found := _CLASS.match(rest):
            inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", found[2])
            part, length = f"[{'^/' if found[1] else ''}{inside}]", found.end()
        elif found := _CHOICE.match(rest):
            part, length = f"(?:{'|'.join(map(_translated, found[1].split(',')))})", found.end()
        else:
            part, length = re.escape(rest[0]), 1
        parts.append(part)
        position += length
    return "".join(parts)
